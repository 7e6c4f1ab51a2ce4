//! The venues' messages as serde types.
//!
//! The order of members and the spelling of numbers are those of the venues' examples, so that a decoder is
//! tested with the real texts.

pub mod bayse;
pub mod jayx;
mod json;
