//! The signals that end a command.

/// Completes at Ctrl-C or SIGTERM, and at SIGHUP when `hangs_up`. The first poll installs the handlers. Without a
/// handler for a signal the default one ends the program.
pub(crate) async fn interrupted(hangs_up: bool) {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        Some(()) = terminated(hangs_up) => {}
        else => std::future::pending().await,
    }
}

/// SIGTERM, and SIGHUP where the terminal is in use: `nohup` has a plain watch ignore it.
#[cfg(unix)]
async fn terminated(hangs_up: bool) -> Option<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    if !hangs_up {
        return terminate.recv().await;
    }
    let mut hang_up = signal(SignalKind::hangup()).ok()?;
    tokio::select! {
        told = terminate.recv() => told,
        told = hang_up.recv() => told,
    }
}

#[cfg(not(unix))]
async fn terminated(_: bool) -> Option<()> {
    std::future::pending().await
}
