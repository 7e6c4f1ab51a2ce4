//! What this process holds.

use std::fmt;

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Census {
    /// Memory that is resident, in KiB.
    pub kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Tasks of the runtime that are not done.
    pub tasks: usize,
}

impl Census {
    /// Counts now, within a runtime.
    ///
    /// # Errors
    /// The system has no `/proc`.
    pub(super) fn now() -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("/proc: {error}");
        let status = std::fs::read_to_string("/proc/self/status").map_err(cannot)?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok());
        // The folder that is read is one of them.
        let descriptors = std::fs::read_dir("/proc/self/fd").map_err(cannot)?.count() - 1;
        Ok(Self {
            kib: kib.ok_or("/proc/self/status has no VmRSS")?,
            descriptors,
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
        })
    }

    /// The more of each.
    pub(super) fn most(self, other: Self) -> Self {
        Self {
            kib: self.kib.max(other.kib),
            descriptors: self.descriptors.max(other.descriptors),
            tasks: self.tasks.max(other.tasks),
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kib,
            descriptors,
            tasks,
        } = self;
        write!(f, "{kib} KiB, {descriptors} descriptors, {tasks} tasks")
    }
}
