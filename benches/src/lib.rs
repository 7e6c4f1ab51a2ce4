//! What the benchmarks share: inputs, and settings.
//!
//! Each stage of the way from frame to book has a benchmark of its own, and the whole way has one:
//!
//! | benchmark | measures |
//! |---|---|
//! | `lines` | splitting a frame of eight lines |
//! | `decode` | a frame to a message, both venues |
//! | `apply` | a snapshot to a book |
//! | `incremental` | single levels to a deep book of either storage |
//! | `whole` | all of it through `ticklot::Session`, and the best prices read |
//! | `tap` | the same with nobody, a flight recorder or a recorder that looks on |
//! | `instructions` | the instructions that each takes, by callgrind; the program `count` holds them against a baseline |
//! | `footprint` | the lines of cache that one message touches, by lackey; `count` compares them with a baseline too |
//!
//! The program `peers` measures all of it beside other crates, in one run.
//!
//! Inputs are a [`Pool`] of messages, and the recorded logs where they are present
//! ([`recorded`]). Run the timings with `cargo bench -p ticklot-benches --features criterion`, one with `--bench decode`,
//! and each only once, to see that it works, with `-- --test`.

mod deltas;
mod market;
mod messages;
mod pool;
pub mod recorded;
mod walk;

#[cfg(feature = "criterion")]
mod timing;

use std::hint::black_box;
use std::ops::ControlFlow;

use ticklot::{Books, Event};

pub use crate::deltas::{Deltas, deltas};
pub use crate::market::{Flow, snapshots, without_a_common_price};
pub use crate::messages::MessageKind;
pub use crate::pool::{
    BAYSE_SCALE, FrameFormat, POOL_BYTES, Pool, SEED, Shape, mean_bytes, reordered, spaced,
};
#[cfg(feature = "criterion")]
pub use crate::timing::{criterion, log_throughput, pool_throughput};
pub use crate::walk::{WALK_LEVELS, WalkStep, walk};

/// A strategy that reads the best prices of the book that changed.
// What a handler is called with.
#[allow(clippy::needless_pass_by_value)]
pub fn read_touch(event: Event<'_>, books: &Books) -> ControlFlow<()> {
    if let Event::Book(update) = event
        && let Some(book) = books.live(update.book)
    {
        black_box((book.best_bid(), book.best_ask()));
    }
    ControlFlow::Continue(())
}
