//! The header of a frame (RFC 6455, section 5.2).

use fastwebsockets::OpCode;

use super::close_frame::MAX_CONTROL;
use crate::Error;

/// The header of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: OpCode,
    pub(super) mask: Option<[u8; 4]>,
    /// The length of the header itself in bytes.
    pub(super) size: usize,
    /// The length of the payload in bytes, saturated at `usize::MAX`.
    pub(crate) len: usize,
}

impl Header {
    /// Parses a header; none if it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (fin, opcode) = first_byte(*first)?;
        let short = usize::from(second & 0x7f);
        if is_control(opcode) && !fin {
            return Err(Error::protocol("a fragmented control frame"));
        }
        if is_control(opcode) && short > MAX_CONTROL {
            return Err(Error::protocol("a control frame longer than 125 bytes"));
        }
        let Some((len, rest)) = length(short, rest) else {
            return Ok(None);
        };
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self {
            fin,
            opcode,
            mask,
            size: bytes.len() - rest.len(),
            len,
        }))
    }

    pub(crate) fn is_masked(&self) -> bool {
        self.mask.is_some()
    }

    /// The length of header and payload in bytes.
    pub(super) fn frame_len(&self) -> usize {
        self.size.saturating_add(self.len)
    }
}

fn first_byte(byte: u8) -> Result<(bool, OpCode), Error> {
    if byte & 0x70 != 0 {
        return Err(Error::protocol("a reserved bit is set"));
    }
    let opcode = OpCode::try_from(byte & 0x0f);
    let opcode = opcode.map_err(|_| Error::protocol("an unknown opcode"))?;
    Ok((byte & 0x80 != 0, opcode))
}

fn is_control(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong)
}

/// The length of the payload, and the bytes after it.
fn length(short: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    match short {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((usize::from(u16::from_be_bytes(*len)), rest))
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            let len = u64::from_be_bytes(*len);
            Some((usize::try_from(len).unwrap_or(usize::MAX), rest))
        }
        short => Some((short, rest)),
    }
}
