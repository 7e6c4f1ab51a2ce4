//! The venues of this crate. Each uses its decoders in `ticklot-frame`; the other modules are independent of venues.

pub mod bayse;
pub mod jayx;
pub mod kraken;

pub(crate) mod ping_timer;
pub(crate) mod url;
