//! Encodes messages into frames.

use std::fmt;

use fastwebsockets::{Frame, OpCode, Payload};

use super::close_frame::{self, MAX_CONTROL};
use crate::Error;
use crate::message::Role;

/// Encodes the frames of one direction of a connection into a buffer of bytes to write.
///
/// Does not allocate once the buffer has grown to the longest message.
pub(crate) struct Encoder {
    role: Role,
    /// Encoded frames. `out[sent..]` must still be written.
    out: Vec<u8>,
    sent: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The close frame was queued or sent. Nothing may follow.
    Closing,
    /// A write failed or timed out.
    Broken,
}

impl Encoder {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            out: Vec::new(),
            sent: 0,
            state: State::Open,
        }
    }

    /// The bytes to write.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// Removes written bytes.
    pub(crate) fn written(&mut self, bytes: usize) {
        self.sent = self.out.len().min(self.sent + bytes);
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    /// Call when a write failed: refuses all further frames.
    pub(crate) fn abort(&mut self) {
        self.state = State::Broken;
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Encodes a close frame, unless there was one before.
    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.state == State::Closing {
            return Ok(());
        }
        let mut buffer = [0; MAX_CONTROL];
        let payload = close_frame::write(code, reason, &mut buffer)?;
        self.queue(OpCode::Close, payload)?;
        self.state = State::Closing;
        Ok(())
    }

    /// Encodes a frame.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after a failure or a close frame, and [`Error::Argument`] for a control frame of more than 125 bytes.
    pub(crate) fn queue(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), Error> {
        if self.state != State::Open {
            return Err(Error::Closed);
        }
        let is_control = !matches!(opcode, OpCode::Text | OpCode::Binary);
        if is_control && payload.len() > MAX_CONTROL {
            return Err(Error::Argument("a control frame longer than 125 bytes"));
        }
        encode(self.role, opcode, payload, &mut self.out);
        Ok(())
    }
}

/// Omits the bytes, which may contain credentials.
impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Refuses a text message that is not UTF-8.
pub(crate) fn check_text(payload: &[u8]) -> Result<(), Error> {
    match simdutf8::basic::from_utf8(payload) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Argument("a text message that is not UTF-8")),
    }
}

const fn header_len(role: Role, payload: usize) -> usize {
    let mask = match role {
        Role::Client => 4,
        Role::Server => 0,
    };
    mask + match payload {
        0..126 => 2,
        126..65536 => 4,
        _ => 10,
    }
}

/// Appends a frame. The payload is copied once and masked in place.
fn encode(role: Role, opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let body = start + header_len(role, payload.len());
    out.resize(body, 0);
    out.extend_from_slice(payload);
    let mut frame = Frame::new(true, opcode, None, Payload::BorrowedMut(&mut out[body..]));
    if role == Role::Client {
        frame.mask();
    }
    let mut header = [0; 16];
    let n = frame.fmt_head(&mut header);
    drop(frame);
    out[start..body].copy_from_slice(&header[..n]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_length_is_exact() {
        for role in [Role::Client, Role::Server] {
            for len in [0, 1, 125, 126, 65535, 65536] {
                let mut out = vec![7];
                encode(role, OpCode::Binary, &vec![1; len], &mut out);
                assert_eq!(out.len(), 1 + header_len(role, len) + len);
                assert_eq!(out[2] & 0x80 != 0, role == Role::Client);
            }
        }
    }
}
