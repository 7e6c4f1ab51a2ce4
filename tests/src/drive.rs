//! Drives feeds with either driver, so that a test runs over both.

use std::time::Duration;
use std::{env, io};

use ticklot::control::ConnectionSummary;
use ticklot::{Disconnect, Feed, Handler, SpinOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// The environment variable that makes [`Drive::drive`] spin.
pub const SPIN: &str = "TICKLOT_TEST_SPIN";

/// Drives a feed to its end: on tokio, or turn by turn if the environment variable [`SPIN`] is set.
#[allow(async_fn_in_trait)] // its futures stay on the test's thread
pub trait Drive {
    /// A spinning feed runs keep-warm replays in each idle turn.
    async fn drive(&mut self) -> Vec<ConnectionSummary>;

    /// Without keep-warm replays, of which the first ones allocate at any time: see `keep_warm.rs`.
    async fn drive_without_replays(&mut self) -> Vec<ConnectionSummary>;
}

impl<H: Handler> Drive for Feed<H> {
    async fn drive(&mut self) -> Vec<ConnectionSummary> {
        drive(self, Some(Duration::ZERO)).await
    }

    async fn drive_without_replays(&mut self) -> Vec<ConnectionSummary> {
        drive(self, None).await
    }
}

#[allow(clippy::panic)] // test helpers fail by panicking
async fn drive<H: Handler>(
    feed: &mut Feed<H>,
    keep_warm: Option<Duration>,
) -> Vec<ConnectionSummary> {
    if env::var_os(SPIN).is_none() {
        return feed.run().await;
    }
    match spin(feed, keep_warm).await {
        Ok(ended) => ended,
        Err(error) => panic!("cannot spin the feed: {error}"),
    }
}

/// A current-thread runtime with I/O and timers.
///
/// # Panics
/// The system provides no event queue.
#[must_use]
pub fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("an event queue")
}

/// Checks that all connections, `count` of them, ended because the feed was stopped.
///
/// # Panics
/// One ended for another reason, or there are more or fewer.
#[track_caller]
pub fn assert_stopped(ended: &[ConnectionSummary], count: usize) {
    let is_stopped = |end: &ConnectionSummary| matches!(end.reason, Disconnect::Stopped);
    assert!(
        ended.iter().all(is_stopped) && ended.len() == count,
        "{ended:?}"
    );
}

/// Runs a feed to its end turn by turn. Between turns the thread's other tasks run, such as a test's servers.
///
/// # Errors
/// As [`Feed::spin`].
pub async fn spin<H: Handler>(
    feed: &mut Feed<H>,
    keep_warm: Option<Duration>,
) -> io::Result<Vec<ConnectionSummary>> {
    let mut options = SpinOptions::default();
    options.keep_warm = keep_warm;
    let mut spinning = feed.spinning(&options)?;
    while spinning.turn() {
        yield_now().await;
    }
    Ok(spinning.finish())
}
