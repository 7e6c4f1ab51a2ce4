//! The server of a venue of numbered deltas; [`crate::delta_venue`] has its messages and the client's rules.
//!
//! A delta has the number of the one before it plus one. The checksum is the CRC-32 of the best ten
//! levels of each side after the message: asks first, of each level the digits of its price and then of
//! its quantity, as at Kraken.

mod faults;
pub(super) mod server;

/// The symbols of the venue. The client keeps the first book flat and the second as a ladder.
pub(super) const SYMBOLS: [&str; 2] = ["SOLUSD", "XRPUSD"];

/// How many levels of a side the checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// How a delta starts.
pub(super) const DELTA: &str = r#"{"e":"depthUpdate""#;
