//! The inputs and settings that the benchmarks share.
//!
//! Each stage of the path from frame to book has a benchmark, and so has the whole path:
//!
//! | benchmark | measures |
//! |---|---|
//! | `lines` | splitting a frame of eight lines |
//! | `decode` | decoding a frame, for both venues |
//! | `apply` | applying a snapshot to a book |
//! | `incremental` | setting single levels of a deep book, with either storage |
//! | `whole` | a frame through `ticklot::Session`, until the handler has read the best prices |
//! | `tap` | the same without a tap, with a flight recorder, and with a recorder |
//! | `instructions` | the instructions of each stage, counted by callgrind; the program `count` compares them with a baseline |
//! | `footprint` | the cache lines that one message touches, traced by lackey; `count` compares them with a baseline too |
//!
//! The program `peers` compares ticklot with other crates in one run.
//!
//! The inputs are a [`Pool`] of messages, and the recorded logs if they are present ([`recorded`]). Run the timings with
//! `cargo bench -p ticklot-benches --features criterion`. Add `--bench decode` for one of them, or `-- --test` to run each
//! once as a check.

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
#[cfg(feature = "criterion")]
pub use crate::pool::timed_shapes;
pub use crate::pool::{
    BAYSE_SCALE, FrameFormat, POOL_BYTES, Pool, SEED, Shape, mean_bytes, reordered, spaced,
};
#[cfg(feature = "criterion")]
pub use crate::timing::{criterion, log_throughput, pool_throughput};
pub use crate::walk::{WALK_LEVELS, WalkStep, walk};

/// A strategy that reads the best prices of the changed book.
#[allow(clippy::needless_pass_by_value)] // the signature of a handler
pub fn read_touch(event: Event<'_>, books: &Books) -> ControlFlow<()> {
    if let Event::Book(update) = event
        && let Some(book) = books.live(update.book)
    {
        black_box((book.best_bid(), book.best_ask()));
    }
    ControlFlow::Continue(())
}
