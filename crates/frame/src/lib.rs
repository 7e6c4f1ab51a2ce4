//! Decodes exchange WebSocket frames to borrowed messages with integer prices, and encodes requests.
//!
//! [`Lines`] splits a frame into lines without a copy. A decoder parses each line to a message that borrows its strings
//! and levels: [`bayse::Decoder`] for Bayse Markets, [`jayx::Decoder`] for JayX in both of its envelopes, and
//! [`kraken::Decoder`] for Kraken.
//!
//! Prices and quantities are exact integers ([`Ticks`](ticklot_book::Ticks), [`Lots`](ticklot_book::Lots)), parsed from
//! the text of the number without floats. Errors contain the venue, the line and the byte offset.
//!
//! The crate does no I/O and reads no clock. A decoder reuses its buffers: once it has seen its longest line, its
//! deepest book and its scales, it does not allocate.
//!
//! Features, both additive: `serde` (for the plain values of this crate and of `ticklot-book`, and to serialize the
//! messages that no neutral event covers) and `arbitrary` (for the plain values).
//!
//! ```
//! use ticklot_book::{Lots, Scale, Ticks};
//! use ticklot_frame::{Lines, bayse};
//!
//! let frame = br#"{"type":"pong","timestamp":1700000000000}
//! {"type":"orderbook_update","data":{"orderbook":{"marketId":"m","outcomeId":"o","bids":[{"price":0.60,"quantity":500}],"asks":[]}}}"#;
//!
//! let mut decoder = bayse::Decoder::new();
//! for line in Lines::new(frame) {
//!     match decoder.decode(line.bytes, &Scale::new(2, 0)?).map_err(|e| e.on_line(line.number))? {
//!         bayse::Message::OrderBook(book) => {
//!             assert_eq!(book.bids[0].ticks, Ticks(60));
//!             assert_eq!(book.bids[0].lots, Lots(500));
//!         }
//!         other => assert!(matches!(other, bayse::Message::Pong { .. })),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod bayse;
mod digits;
mod error;
mod escape;
mod fast;
mod iso_time;
pub mod jayx;
pub mod json;
mod json_number;
pub mod kraken;
mod levels;
mod lines;
mod lists;
mod prefetch;
mod pull;
mod record;
mod redact;
#[cfg(test)]
mod samples;
mod string;
mod string_arena;
mod thread_local;
mod units;

pub use crate::error::{DecodeError, ErrorKind, Skipped, VenueName};
pub use crate::escape::json_string;
pub use crate::fast::{DecodeBackend, DecodePath, without_learning};
pub use crate::iso_time::{IsoTime, IsoTimeError};
pub use crate::lines::{Line, Lines};
pub use crate::units::{Decimal, Scales, Trade, TradeSide, UnixMillis, UnixSeconds};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
