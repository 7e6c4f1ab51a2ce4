//! An integer order book that tracks its own validity.
//!
//! Prices are [`Ticks`] and quantities are [`Lots`]: integer multiples of the smallest step of an instrument.
//! A [`Scale`] converts decimal text to them exactly, or returns an error.
//!
//! A [`Book`] applies snapshots ([`Book::apply_snapshot`]) and deltas ([`Book::apply_delta`]), and reports
//! the levels that each message changed. It also tracks its own validity ([`BookState`]). A strategy that
//! reads through [`Book::live`] never sees a book that is stale, crossed, incomplete or left over from an
//! earlier connection.
//!
//! | to | use |
//! |---|---|
//! | store snapshots, or a shallow book | [`Book`], which is `Book<`[`Flat`]`>` |
//! | store a deep book that changes level by level | `Book<`[`Ladder`]`>` |
//! | read a book of either storage | [`BookRef`] |
//! | follow a feed of numbered or checksummed deltas | [`DeltaBook`], over either storage |
//! | compute more than the best prices | [`BookView`]: mid, microprice, imbalance, depth and fills |
//! | transform a book | the nested views of [`BookView`]: grouped, complement, combined, without own orders |
//!
//! The crate does no I/O, contains no JSON and reads no clock: the caller passes each time as [`Nanos`]. It
//! is `no_std` with `alloc`. A book allocates only to grow: once it has seen its deepest state and its
//! largest message, it does not allocate.
//!
//! | feature | adds |
//! |---|---|
//! | `std` | run-time detection of processor features for checksums |
//! | `serde` | `Serialize` and `Deserialize` for the plain values; deserialization validates a scale |
//! | `arbitrary` | `Arbitrary` for the same types, for fuzzing; needs std |
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
// The code that `derive(Arbitrary)` generates refers to `std`.
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
