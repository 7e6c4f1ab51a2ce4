//! The two runtimes for asynchronous contenders.

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// A current-thread runtime with the defaults. It sleeps in the kernel while it is idle.
pub(crate) fn sleeping() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A runtime that never sleeps: one task is always ready, and the runtime polls for input after each task.
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
