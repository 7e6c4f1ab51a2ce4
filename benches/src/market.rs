//! Snapshots of markets with enough levels.

use ticklot_book::Ticks;
use ticklot_sim::market::View;
pub use ticklot_sim::pool::Flow;
use ticklot_sim::pool::{SnapshotStream, spot};

/// The first `count` snapshots of a spot market that `seed` determines.
///
/// Each has exactly `levels` levels a side, at most 100, and differs from its predecessor.
#[must_use]
pub fn snapshots(levels: usize, flow: Flow, seed: u64, count: usize) -> Vec<View> {
    let mut shown = SnapshotStream::new(spot(levels, flow), seed);
    (0..count).map(|_| shown.next()).collect()
}

/// The same books at even and odd prices in turn, so that each one replaces all levels.
#[must_use]
pub fn without_a_common_price(views: &[View]) -> Vec<View> {
    let mut views = views.to_vec();
    for (index, view) in views.iter_mut().enumerate() {
        let odd = i64::from(index % 2 == 1);
        for level in view.bids.iter_mut().chain(&mut view.asks) {
            level.ticks = Ticks(level.ticks.0 * 2 + odd);
        }
    }
    views
}
