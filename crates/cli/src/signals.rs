//! The signals that stop a command.

/// Completes at Ctrl-C or SIGTERM, and at SIGHUP when `hangs_up`. The first poll installs the handlers. If a handler
/// cannot be installed, the signal's default action ends the program.
pub(crate) async fn interrupted(hangs_up: bool) {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        Some(()) = terminated(hangs_up) => {}
        else => std::future::pending().await,
    }
}

/// Receives SIGTERM, and SIGHUP when `hangs_up`: only if the terminal is in use, because `nohup` ignores SIGHUP.
#[cfg(unix)]
async fn terminated(hangs_up: bool) -> Option<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    if !hangs_up {
        return terminate.recv().await;
    }
    let mut hang_up = signal(SignalKind::hangup()).ok()?;
    tokio::select! {
        received = terminate.recv() => received,
        received = hang_up.recv() => received,
    }
}

#[cfg(not(unix))]
async fn terminated(_: bool) -> Option<()> {
    std::future::pending().await
}
