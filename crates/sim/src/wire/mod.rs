//! Writers of the venues' JSON, each appending to a `String`.
//!
//! Key order and compactness are those of the venues' examples, so that a decoder which was built
//! for the real shape meets the real shape.

pub mod bayse;
pub mod jayx;
mod text;
