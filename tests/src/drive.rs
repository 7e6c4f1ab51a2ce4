//! Either way to drive a feed, so that a test runs over both.

use std::time::Duration;
use std::{env, io};

use ticklot::control::ConnectionSummary;
use ticklot::{Feed, Handler, SpinOptions};
use tokio::task::yield_now;

/// The environment variable that makes [`Drive::drive`] spin.
pub const SPIN: &str = "TICKLOT_TEST_SPIN";

/// Drives a feed to its end: on tokio, or, with the variable [`SPIN`], turn by turn.
#[allow(async_fn_in_trait)] // its futures stay on the test's thread
pub trait Drive {
    /// A spinning feed replays messages whenever there is nothing to read.
    async fn drive(&mut self) -> Vec<ConnectionSummary>;

    /// Without such replays, the first of which allocate at any time: see `keep_warm.rs`.
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

#[allow(clippy::panic)] // a helper of a test fails like a test
async fn drive<H: Handler>(
    feed: &mut Feed<H>,
    keep_warm: Option<Duration>,
) -> Vec<ConnectionSummary> {
    if env::var_os(SPIN).is_none() {
        return feed.run().await;
    }
    match spin(feed, keep_warm).await {
        Ok(ended) => ended,
        Err(error) => panic!("no spinning feed: {error}"),
    }
}

/// Runs a feed to its end turn by turn. The other tasks of the thread, such as a test's servers, run between two turns.
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
