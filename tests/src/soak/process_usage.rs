//! The resources that this process holds.

use std::fmt;

/// The resources of a process at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessUsage {
    /// Resident memory in KiB.
    pub kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Live tasks of the runtime.
    pub tasks: usize,
    /// Threads.
    pub threads: usize,
}

impl ProcessUsage {
    /// The current usage. Must be called within a runtime.
    ///
    /// # Errors
    /// The system has no `/proc`.
    pub(super) fn now() -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("/proc: {error}");
        let status = std::fs::read_to_string("/proc/self/status").map_err(cannot)?;
        let field = |name: &str| {
            let value = status.lines().find_map(|it| it.strip_prefix(name));
            let number = value.and_then(|it| it.trim().trim_end_matches(" kB").parse().ok());
            number.ok_or(format!("/proc/self/status has no {name}"))
        };
        // Reading the folder opens one more.
        let descriptors = std::fs::read_dir("/proc/self/fd").map_err(cannot)?.count() - 1;
        Ok(Self {
            kib: field("VmRSS:")?,
            descriptors,
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            threads: usize::try_from(field("Threads:")?).unwrap_or(usize::MAX),
        })
    }

    /// The larger value of each field.
    pub(super) fn most(self, other: Self) -> Self {
        Self {
            kib: self.kib.max(other.kib),
            descriptors: self.descriptors.max(other.descriptors),
            tasks: self.tasks.max(other.tasks),
            threads: self.threads.max(other.threads),
        }
    }
}

impl fmt::Display for ProcessUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kib,
            descriptors,
            tasks,
            threads,
        } = self;
        write!(
            f,
            "{kib} KiB, {descriptors} descriptors, {tasks} tasks, {threads} threads"
        )
    }
}
