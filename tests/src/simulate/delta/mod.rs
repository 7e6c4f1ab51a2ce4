//! A venue of numbered deltas: its server, and the rules of a client for it.
//!
//! A message is one line of text that ends with `;`, so that a truncated message is never a valid one.
//!
//! ```text
//! client  S|SYMBOL;                                subscribe, again after a while without an effect
//!         R|SYMBOL;                                request a snapshot on the connection
//! server  K|SYMBOL;                                subscribed
//!         B|SYMBOL|number|crc|b:ticks:lots,..|a:.. snapshot
//!         D|SYMBOL|number|crc|b:ticks:lots,..|a:.. delta; the level is removed when it has no lots
//!         H;                                       heartbeat, at a step of the market without deltas
//! ```
//!
//! A delta has the number of the one before it plus one. The checksum is the CRC-32 of the best ten
//! levels of each side after the message: asks first, of each level the digits of its price and then of
//! its quantity, as at Kraken.

mod faults;
pub(super) mod server;
pub(super) mod venue;

/// The symbols of the venue. The client keeps the first book flat and the second as a ladder.
pub(super) const SYMBOLS: [&str; 2] = ["SOLUSD", "XRPUSD"];

/// How many levels of a side the checksum covers.
const CHECKSUM_LEVELS: usize = 10;
