//! The server of a venue with numbered deltas. [`crate::delta_venue`] describes its messages and has the client's protocol.
//!
//! Update ids are consecutive. The checksum is Kraken's: the CRC-32 of the best ten levels of each side after the message,
//! asks first. Each level contributes the digits of its price and then those of its quantity.

mod faults;
pub(super) mod server;

/// The symbols of the venue. In the client, the first book is flat and the second one is a ladder.
pub(super) const SYMBOLS: [&str; 2] = ["SOLUSD", "XRPUSD"];

/// The number of levels of a side that the checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// The start of a delta message.
pub(super) const DELTA: &str = r#"{"e":"depthUpdate""#;
