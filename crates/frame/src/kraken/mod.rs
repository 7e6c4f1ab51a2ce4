//! Kraken, WebSocket v2 (`wss://ws.kraken.com/v2`): incremental order books with a checksum, trades
//! and the list of instruments, as one JSON object per text frame.
//!
//! Pass each frame to [`Decoder::decode`] and write requests with [`Request::write`]. Apply a book update and truncate
//! the book to the subscribed [`Depth`]. Then [`checksum`] of its best levels equals [`Book::checksum`]. If not, the
//! book is wrong: subscribe again. Unless stated otherwise, the facts about the protocol are from the venue's
//! documentation (<https://docs.kraken.com/api/docs/websocket-v2>).
//!
//! ```
//! use ticklot_book::{Level, Lots, Scale, Ticks};
//! use ticklot_frame::kraken::{Decoder, Message};
//!
//! let frame = br#"{"channel":"book","type":"update","data":[{"symbol":"MATIC/USD",
//!     "bids":[{"price":0.5657,"qty":1098.3947558}],"asks":[],"checksum":2114181697,
//!     "timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
//! let mut decoder = Decoder::new();
//! let Message::Books(books) = decoder.decode(frame, &Scale::new(4, 8)?)? else {
//!     unreachable!()
//! };
//! for book in books.iter() {
//!     assert_eq!(book.symbol, "MATIC/USD");
//!     assert_eq!(book.bids, [Level::new(Ticks(5657), Lots(109_839_475_580))]);
//!     assert_eq!(book.checksum, Some(2_114_181_697));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod books;
mod checksum;
mod decode;
mod instruments;
mod message;
mod replies;
mod request;
mod status;
mod trades;
mod undecoded;

pub use books::{Book, Books, MAX_BOOKS};
pub use checksum::{CHECKSUM_LEVELS, checksum};
pub use decode::Decoder;
pub use instruments::{Instruments, MAX_PAIRS, Pair, PairStatus};
pub use message::Message;
pub use replies::{Ack, Method, Refusal, RefusalKind};
pub use request::{Channel, Depth, Request, RequestError};
pub use status::{Status, System};
pub use trades::{MAX_TRADES, Trade, Trades};
pub use undecoded::UndecodedMessage;
