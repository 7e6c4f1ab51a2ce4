//! A naive reader of RFC 6455 for complete bytes: the messages and control frames, and the end.
//!
//! It reads complete frames. The only state between frames is a fragmented message.

use std::collections::BTreeSet;

/// The role of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Incoming frames must not be masked.
    Client,
    /// Incoming frames must be masked.
    Server,
}

/// A message or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code, 1005 for none, and the reason.
    Close(u16, Vec<u8>),
}

/// The end of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A close frame.
    Closed,
    /// A violation. A reader may report the close code of any violated rule.
    Violation(BTreeSet<u16>),
    /// The bytes end within a frame or after one. If an incomplete head violates rules already, a reader may report one of
    /// these codes instead.
    Truncated(BTreeSet<u16>),
}

/// The result of reading a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) events: Vec<Event>,
    pub(crate) ending: Ending,
}

/// Reads a stream. `limit` is the maximum size of a message.
pub(crate) fn read(bytes: &[u8], role: Role, limit: usize) -> Reading {
    let mut events = Vec::new();
    let mut message = None;
    let mut rest = bytes;
    let ending = loop {
        let left = message
            .as_ref()
            .map_or(limit, |(_, parts): &(u8, Vec<u8>)| {
                limit.saturating_sub(parts.len())
            });
        let frame = match frame(rest, role, message.is_some(), left) {
            Ok(frame) => frame,
            Err(ending) => break ending,
        };
        let size = frame.size;
        match take(frame, &mut message) {
            Ok(Some(Event::Close(code, reason))) => {
                events.push(Event::Close(code, reason));
                break Ending::Closed;
            }
            Ok(some) => events.extend(some),
            Err(codes) => break Ending::Violation(codes),
        }
        rest = &rest[size..];
    };
    Reading { events, ending }
}

struct Frame {
    /// The size of head and payload.
    size: usize,
    fin: bool,
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    /// Whether it is a complete text message that is not UTF-8.
    fn is_no_text(&self) -> bool {
        self.fin && self.opcode == TEXT && std::str::from_utf8(&self.payload).is_err()
    }
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Reads the first frame.
fn frame(bytes: &[u8], role: Role, is_open: bool, left: usize) -> Result<Frame, Ending> {
    let mut codes = violations(bytes, role, is_open, left);
    let [first, second, ..] = *bytes else {
        return Err(Ending::Truncated(codes));
    };
    let head = head(bytes).expect("two bytes are present");
    let mask_at = if second & 0x80 != 0 { head - 4 } else { head };
    if bytes.len() < head {
        return Err(Ending::Truncated(codes));
    }
    let length = length(bytes).expect("the head is complete");
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let key = &bytes[mask_at..head];
    let frame = bytes[head..].get(..length).map(|payload| Frame {
        size: head + length,
        fin: first & 0x80 != 0,
        opcode: first & 0x0f,
        payload: unmasked(payload, key),
    });
    if codes.is_empty() {
        return frame.ok_or(Ending::Truncated(codes));
    }
    // The payload of an invalid frame may also be invalid.
    codes.extend(frame.filter(Frame::is_no_text).map(|_| 1007));
    Err(Ending::Violation(codes))
}

fn unmasked(payload: &[u8], key: &[u8]) -> Vec<u8> {
    let key = if key.is_empty() { &[0; 4] } else { key };
    let pairs = payload.iter().zip(key.iter().cycle());
    pairs.map(|(byte, key)| byte ^ key).collect()
}

/// The length of the head, if the second byte is present.
fn head(bytes: &[u8]) -> Option<usize> {
    let second = bytes.get(1)?;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    Some(2 + extended + if second & 0x80 != 0 { 4 } else { 0 })
}

/// The length of the payload, if its bytes are present.
fn length(bytes: &[u8]) -> Option<u64> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    match bytes.get(1)? & 0x7f {
        126 => bytes.get(2..4).map(number),
        127 => bytes.get(2..10).map(number),
        short => Some(u64::from(short)),
    }
}

/// The codes of the rules that the present bytes of a head violate. `left` is the remaining size of the message.
fn violations(bytes: &[u8], role: Role, is_open: bool, left: usize) -> BTreeSet<u16> {
    let mut codes = BTreeSet::new();
    let Some(&first) = bytes.first() else {
        return codes;
    };
    let opcode = first & 0x0f;
    let is_control = opcode >= CLOSE;
    let is_known = matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG);
    let is_out_of_place = match opcode {
        CONTINUATION => !is_open,
        TEXT | BINARY => is_open,
        _ => false,
    };
    let is_cut_control = is_control && first & 0x80 == 0;
    if first & 0x70 != 0 || !is_known || is_out_of_place || is_cut_control {
        codes.insert(1002);
    }
    if let Some(&second) = bytes.get(1) {
        let is_masked = second & 0x80 != 0;
        let is_long_control = is_control && second & 0x7f > 125;
        if is_masked != (role == Role::Server) || is_long_control {
            codes.insert(1002);
        }
    }
    if let Some(length) = length(bytes) {
        // The highest bit must be 0.
        if length >> 63 != 0 {
            codes.insert(1002);
        }
        // A control frame is not part of the message, and may be larger than any message.
        let most = if is_control { left.max(125) } else { left };
        if length > most as u64 {
            codes.insert(1009);
        }
    }
    codes
}

/// The event that a frame completes, or the codes of the rules that its payload violates.
fn take(frame: Frame, message: &mut Option<(u8, Vec<u8>)>) -> Result<Option<Event>, BTreeSet<u16>> {
    match frame.opcode {
        PING => return Ok(Some(Event::Ping(frame.payload))),
        PONG => return Ok(Some(Event::Pong(frame.payload))),
        CLOSE => return close(&frame.payload).map(Some),
        _ => {}
    }
    let (kind, mut whole) = message.take().unwrap_or((frame.opcode, Vec::new()));
    whole.extend(frame.payload);
    if !frame.fin {
        *message = Some((kind, whole));
        return Ok(None);
    }
    match kind {
        BINARY => Ok(Some(Event::Binary(whole))),
        _ if std::str::from_utf8(&whole).is_err() => Err([1007].into()),
        _ => Ok(Some(Event::Text(whole))),
    }
}

fn close(payload: &[u8]) -> Result<Event, BTreeSet<u16>> {
    if payload.is_empty() {
        return Ok(Event::Close(1005, Vec::new()));
    }
    let mut codes = BTreeSet::new();
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Err([1002].into());
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455, section 7.4, and the codes that were registered since: 1012 to 1014.
    let is_defined = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !is_defined {
        codes.insert(1002);
    }
    if std::str::from_utf8(reason).is_err() {
        codes.insert(1007);
    }
    if codes.is_empty() {
        return Ok(Event::Close(code, reason.to_vec()));
    }
    Err(codes)
}
