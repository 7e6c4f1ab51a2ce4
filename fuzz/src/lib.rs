//! The bodies of the fuzz targets. Each accepts any bytes, and panics if they violate a property of a stage.
//!
//! | target | property |
//! |---|---|
//! | [`lines()`] | lines and offsets reproduce the frame, and equal those of a naive split |
//! | [`decimal()`] | `parse_decimal` agrees with arithmetic on text; printed numbers parse to the same value |
//! | [`bayse()`], [`jayx()`] | a message equals a naive reading of `serde_json`'s tree, or both reject it; all backends agree, used and fresh; encoded messages decode to the same |
//! | [`kraken()`] | a message equals a naive reading of `serde_json`'s tree, or both reject it; a used decoder agrees with a fresh one; the offset of a level, the identity and the checksum are right; a request parses to its fields |
//! | [`requests()`] | a request parses to its fields, or is rejected and appends nothing; rooms survive encoding and parsing |
//! | [`book()`] | a book with either storage agrees with two `BTreeMap`s, including changes, digest and views |
//! | [`session()`] | a live book equals the last one received, no room is lost, at most ten messages are sent per second, and no timer repeats without end |
//! | [`websocket()`] | the transport reads and replies as a naive RFC 6455 reader expects, for any cuts, in bounded memory |
//!
//! The oracles are slow, and share only the public types with the code under test. `README.md` describes the inputs.

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
