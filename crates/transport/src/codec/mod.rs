//! WebSocket frames (RFC 6455, section 5) without I/O, for both types of connection.
//!
//! A [`Decoder`] converts bytes to complete messages and control frames. An [`Encoder`] converts messages to bytes.

mod close_frame;
mod decoder;
mod encoder;
mod frame_reader;
mod header;

pub(crate) use decoder::{Decoder, End, Event, PayloadLocation};
pub(crate) use encoder::{Encoder, check_text};
