//! The two runtimes that asynchronous contenders are measured on.

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// A current-thread runtime in its default form: it sleeps in the kernel while there is nothing to do.
pub(crate) fn sleeping() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// One that never sleeps: a task that is always ready keeps it busy, and it looks for input after each task.
pub(crate) fn awake() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(1)
        .build()?;
    runtime.spawn(async {
        loop {
            yield_now().await;
        }
    });
    Ok(runtime)
}
