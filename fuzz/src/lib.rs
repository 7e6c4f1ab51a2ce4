//! The bodies of the fuzz targets. Each takes any bytes, and panics when a property of a stage does
//! not hold for them.
//!
//! | target | property |
//! |---|---|
//! | [`lines()`] | lines and offsets give the frame back, and are those of a naive split |
//! | [`decimal()`] | `parse_decimal` agrees with arithmetic on text; what is printed reads back |
//! | [`bayse()`], [`jayx()`] | a message is what a naive reader makes of `serde_json`'s; refused where it refuses; every backend tells the same, and a used decoder as a fresh one; what is written again is decoded to the same |
//! | [`kraken()`] | a message is equal to a naive reading of `serde_json`'s tree, or both refuse it; a used decoder agrees with a fresh one; a level's byte, the identity and the checksum are right; a request parses to its fields |
//! | [`requests()`] | a request parses to the fields given, or is refused with nothing appended; rooms read back |
//! | [`book()`] | a book of either storage agrees with two `BTreeMap`s, its changes, digest and views included |
//! | [`session()`] | whatever happens to a session and when: no book lies, no room is forgotten, ten messages a second, no timer without end |
//! | [`websocket()`] | what the transport reads and answers is what a naive RFC 6455 says of the bytes, however they are cut; within bounded memory |
//!
//! The oracles are slow and share nothing with what they judge but its vocabulary.

#![forbid(unsafe_code)]

mod bayse;
mod book;
mod decimal;
mod fields;
mod jayx;
mod json;
mod kraken;
mod lines;
#[path = "../../crates/book/tests/oracle/mod.rs"]
mod naive;
mod oracle;
mod requests;
mod session;
mod views;
mod websocket;

pub use crate::bayse::bayse;
pub use crate::book::book;
pub use crate::decimal::decimal;
pub use crate::jayx::jayx;
pub use crate::kraken::kraken;
pub use crate::lines::lines;
pub use crate::requests::requests;
pub use crate::session::session;
pub use crate::websocket::websocket;
