//! Pins the threads of the server and the client to one core each.

use std::fs;

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of the two threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cores {
    pub(super) server: usize,
    pub(super) client: usize,
}

impl Cores {
    /// The first and the last of the cores that this process may use, which `taskset` can change. `None` if there is only one.
    pub(super) fn pick() -> anyhow::Result<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        Ok(Self::of(cores))
    }

    fn of(mut cores: impl DoubleEndedIterator<Item = usize>) -> Option<Self> {
        Some(Self {
            server: cores.next()?,
            client: cores.next_back()?,
        })
    }
}

/// Runs `work` on a core. Also returns the number of times that the thread lost the core to another thread.
pub(super) fn pinned<T>(
    core: usize,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    pin(core)?;
    let before = preemptions()?;
    let outcome = work()?;
    Ok((outcome, preemptions()? - before))
}

/// Pins this thread to a core.
fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// The number of times that this thread was preempted, without its sleeps.
fn preemptions() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let key = "nonvoluntary_ctxt_switches:";
    let count = status.lines().find_map(|line| line.strip_prefix(key));
    Ok(count.context("no count")?.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requires_two_cores() {
        let cores = |server, client| Some(Cores { server, client });
        assert_eq!(Cores::of([].into_iter()), None);
        assert_eq!(Cores::of([3].into_iter()), None);
        assert_eq!(Cores::of([3, 5].into_iter()), cores(3, 5));
        assert_eq!(Cores::of([0, 1, 2, 7].into_iter()), cores(0, 7));
    }

    #[test]
    fn pins_thread_to_core() {
        let pinned = std::thread::spawn(|| {
            let core =
                (0..CpuSet::MAX_CPU).rfind(|&core| sched_getaffinity(None).unwrap().is_set(core));
            pin(core.unwrap()).unwrap();
            (core, sched_getaffinity(None).unwrap())
        });
        let (core, allowed) = pinned.join().unwrap();
        assert_eq!((allowed.count(), allowed.is_set(core.unwrap())), (1, true));
    }
}
