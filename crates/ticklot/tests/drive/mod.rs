//! Runs a feed with either driver, so that tests cover both.

use ticklot::control::ConnectionSummary;
use ticklot::{Feed, Handler, SpinOptions};
use tokio::task::yield_now;

/// Runs a feed with the driver of the test binary.
pub(crate) trait Drive {
    /// Runs the feed to its end: on tokio, or, in the module `spinning`, turn by turn. Call it with
    /// [`module_path!`].
    async fn drive(&mut self, module: &str) -> Vec<ConnectionSummary>;
}

#[allow(clippy::panic)] // a test helper fails like a test
impl<H: Handler> Drive for Feed<H> {
    async fn drive(&mut self, module: &str) -> Vec<ConnectionSummary> {
        if !module.starts_with("spinning") {
            return self.run().await;
        }
        // The servers of a test share the thread: they run between two turns of the feed.
        let mut spinning = match self.spinning(&SpinOptions::default()) {
            Ok(spinning) => spinning,
            Err(error) => panic!("no spinning feed: {error}"),
        };
        while spinning.turn() {
            yield_now().await;
        }
        spinning.finish()
    }
}
