//! Either way to drive a feed, so that a test runs over both.

use std::time::Duration;

use ticklot::{Ended, Feed, Handler, SpinOptions};
use tokio::task::yield_now;

/// Drives a feed as the test binary has it.
#[allow(async_fn_in_trait)] // its futures stay on the test's thread
pub trait Drive {
    /// Runs the feed to its end: on tokio, or, in the module `spinning`, turn by turn. Call it with
    /// [`module_path!`].
    async fn drive(&mut self, module: &str) -> Vec<Ended>;
}

#[allow(clippy::panic)] // a helper of a test fails like a test
impl<H: Handler> Drive for Feed<H> {
    async fn drive(&mut self, module: &str) -> Vec<Ended> {
        if !module.starts_with("spinning") {
            return self.run().await;
        }
        // The servers of a test run on the same thread: they have their turns between two of the feed.
        let mut options = SpinOptions::default();
        // Replays whenever there is nothing to read. The first ones allocate, at any time: see `keep_warm.rs`.
        options.keep_warm = (!module.ends_with("allocations")).then_some(Duration::ZERO);
        let mut spinning = match self.spinning(&options) {
            Ok(spinning) => spinning,
            Err(error) => panic!("no spinning feed: {error}"),
        };
        while spinning.turn() {
            yield_now().await;
        }
        spinning.finish()
    }
}
