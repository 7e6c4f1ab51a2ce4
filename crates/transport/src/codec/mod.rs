//! WebSocket frames (RFC 6455, section 5) without I/O: what both kinds of connection share.
//!
//! A [`Decoder`] is given bytes and returns whole messages and control frames. An [`Encoder`] is given messages and
//! returns bytes. Neither knows where bytes come from or go to.

mod close_frame;
mod decoder;
mod encoder;
mod frame_reader;
mod header;

pub(crate) use decoder::{Decoder, End, Event, PayloadLocation};
pub(crate) use encoder::{Encoder, check_text};
