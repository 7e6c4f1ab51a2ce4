//! Either way to drive a feed, so that a test runs over both.

use std::io;
use std::time::Duration;

use ticklot::control::ConnectionSummary;
use ticklot::{Feed, Handler, SpinOptions};
use tokio::task::yield_now;

/// Drives a feed as the test binary has it.
#[allow(async_fn_in_trait)] // its futures stay on the test's thread
pub trait Drive {
    /// Runs the feed to its end: on tokio, or, in the module `spinning`, turn by turn. Call it with
    /// [`module_path!`].
    async fn drive(&mut self, module: &str) -> Vec<ConnectionSummary>;
}

#[allow(clippy::panic)] // a helper of a test fails like a test
impl<H: Handler> Drive for Feed<H> {
    async fn drive(&mut self, module: &str) -> Vec<ConnectionSummary> {
        if !module.starts_with("spinning") {
            return self.run().await;
        }
        // Replays whenever there is nothing to read. The first ones allocate, at any time: see `keep_warm.rs`.
        let keep_warm = (!module.ends_with("allocations")).then_some(Duration::ZERO);
        match spin(self, keep_warm).await {
            Ok(ended) => ended,
            Err(error) => panic!("no spinning feed: {error}"),
        }
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
