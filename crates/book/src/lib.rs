//! An integer order book that says whether it can be trusted.
//!
//! Prices are [`Ticks`], quantities are [`Lots`]: whole numbers of the smallest step of an
//! instrument. Decimal text becomes one of them exactly through a [`Scale`], or it is an error.
//! A [`Book`] holds both sides as sorted flat arrays, is replaced by snapshots
//! ([`Book::replace`]), tells which levels a snapshot changed, and carries its own state of trust
//! ([`State`]): a strategy that reads through [`Book::live`] never sees a book that is stale,
//! crossed or left over from an earlier connection.
//!
//! The crate does no I/O, knows no JSON and reads no clock: every time is passed in as [`Nanos`].
//! It is `no_std` with `alloc`, and allocates only when a book grows beyond its inline depth for
//! the first time.
//!
//! ```
//! use ticklot_book::{Book, Epoch, Level, Lots, Nanos, Scale, Ticks};
//!
//! let scale = Scale::new(2, 3)?;
//! let mut book = Book::new(scale);
//! book.begin(Epoch(1));
//!
//! let bids = [Level::new(scale.ticks(b"0.60")?, scale.lots(b"500")?)];
//! let asks = [Level::new(scale.ticks(b"0.65")?, scale.lots(b"3.75")?)];
//! let changes = book.replace(&bids, &asks, Nanos(1_000))?;
//! assert_eq!(changes.len(), 2);
//!
//! let live = book.live().expect("a fresh, uncrossed book");
//! assert_eq!(live.best_ask().map(|level| level.lots), Some(Lots(3_750)));
//! assert_eq!(live.spread(), Some(Ticks(5)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod book;
mod decimal;
mod scale;
mod side;
mod trust;
mod units;

pub use crate::book::{Book, Change, Changes, MAX_LEVELS};
pub use crate::decimal::{DecimalError, Fixed, MAX_DECIMALS, parse_decimal};
pub use crate::scale::{Scale, ScaleError};
pub use crate::side::{BookError, BookErrorKind};
pub use crate::trust::{Epoch, Gap, State};
pub use crate::units::{Level, Lots, Nanos, Side, Ticks};
