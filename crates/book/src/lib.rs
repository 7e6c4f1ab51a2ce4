//! An integer order book that says whether it can be trusted.
//!
//! Prices are [`Ticks`], quantities are [`Lots`]: whole numbers of the smallest step of an
//! instrument. Decimal text becomes one of them exactly through a [`Scale`], or it is an error.
//! A [`Book`] is replaced by snapshots ([`Book::apply_snapshot`]) or changed by deltas ([`Book::apply_delta`]), tells
//! which levels a message changed, and carries its own state of trust ([`BookState`]): a strategy that
//! reads through [`Book::live`] never sees a book that is stale, crossed, incomplete or left over from
//! an earlier connection.
//!
//! | to | use |
//! |---|---|
//! | keep snapshots, or a shallow book | [`Book`], which is `Book<`[`Flat`]`>` |
//! | keep a deep book that changes level by level | `Book<`[`Ladder`]`>` |
//! | read a book of either storage | [`BookRef`] |
//! | follow a feed of numbered or checksummed deltas | [`DeltaBook`], over either |
//! | ask more than the best prices | [`BookView`]: mid, microprice, imbalance, depth, fills, and views of views: grouped, complement, combined, without one's own orders |
//!
//! The crate does no I/O, knows no JSON and reads no clock: every time is passed in as [`Nanos`].
//! It is `no_std` with `alloc`, and allocates only to grow: nothing for a message once a book has
//! seen its deepest state and its largest message.
//!
//! | feature | brings |
//! |---|---|
//! | `std` | checksums by what the processor has, found out at run time |
//! | `serde` | `Serialize` and `Deserialize` for the plain values; a scale that is read is checked |
//! | `arbitrary` | `Arbitrary` for the same, for fuzzing; takes std |
//!
//! ```
//! use ticklot_book::{Book, Epoch, Level, Lots, Nanos, Scale, Ticks};
//!
//! let scale = Scale::new(2, 3)?;
//! let mut book = Book::new(scale);
//! book.start_epoch(Epoch(1));
//!
//! let bids = [Level::new(scale.ticks(b"0.60")?, scale.lots(b"500")?)];
//! let asks = [Level::new(scale.ticks(b"0.65")?, scale.lots(b"3.75")?)];
//! let changes = book.apply_snapshot(&bids, &asks, Nanos(1_000))?;
//! assert_eq!(changes.len(), 2);
//!
//! let live = book.live().expect("a fresh, uncrossed book");
//! assert_eq!(live.best_ask().map(|level| level.lots), Some(Lots(3_750)));
//! assert_eq!(live.spread(), Some(Ticks(5)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![cfg_attr(not(test), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
// What `arbitrary` derives takes it.
#[cfg(feature = "arbitrary")]
extern crate std;

mod book;
mod change;
mod coverage;
mod decimal;
mod delta;
mod delta_buffer;
mod digest;
mod scale;
mod sequence;
mod state;
mod storage;
mod units;
mod update;
mod validate;
mod view;

pub use crate::book::Book;
pub use crate::change::{Change, Changes, ChangesIter};
pub use crate::coverage::Coverage;
pub use crate::decimal::{DecimalError, Fixed, MAX_DECIMALS, parse_decimal};
pub use crate::delta::{Checksum, DeltaBook, Outcome};
pub use crate::delta_buffer::{MAX_BUFFERED_DELTAS, MAX_BUFFERED_LEVELS};
pub use crate::scale::{Scale, ScaleError};
pub use crate::sequence::{Ids, Sequence};
pub use crate::state::{BookState, Epoch, Gap};
pub use crate::storage::{BLOCK_TICKS, Flat, FlatLevels, Ladder, LadderLevels, Storage};
pub use crate::units::{Level, Lots, Nanos, Side, Ticks};
pub use crate::update::{Delta, Snapshot};
pub use crate::validate::{BookError, BookErrorKind, MAX_LEVELS};
pub use crate::view::{
    BookRef, BookRefLevels, BookView, Combined, CombinedLevels, Complement, Depth, Fill, Grouped,
    GroupedLevels, HalfTicks, Imbalance, Ratio, WithoutOwn,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
