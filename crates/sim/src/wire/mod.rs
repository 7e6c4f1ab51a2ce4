//! The venues' messages as serde types.
//!
//! The order of members and the format of numbers match the venues' examples, so that decoders are tested with
//! realistic messages.

pub mod bayse;
pub mod jayx;
mod json;
