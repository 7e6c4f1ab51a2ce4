//! The venues of this crate: a folder each, over a folder of `ticklot-frame`. Nothing outside names one.

pub mod bayse;
pub mod jayx;
pub mod kraken;

pub(crate) mod ping_timer;
pub(crate) mod url;
