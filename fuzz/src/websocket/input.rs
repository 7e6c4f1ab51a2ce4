//! A test case: the side, the bytes, and the cuts.

use arbitrary::{Arbitrary, Unstructured};

use super::script::{ACCEPT, Cut, End, Response};

/// The side that is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A client that reads after a valid upgrade.
    Client,
    /// A server that reads.
    Server,
    /// A client that upgrades and then reads.
    Upgrade,
}

pub(crate) struct Case {
    pub(super) side: Side,
    /// The size limit of a message.
    pub(crate) limit: usize,
    pub(crate) end: End,
    pub(crate) cuts: Vec<Cut>,
    /// The requested sub-protocols.
    pub(super) protocols: Vec<&'static str>,
    /// The bytes that a server has already read.
    pub(super) leftover: Vec<u8>,
    /// The frames, after the response of an upgrade.
    pub(crate) bytes: Vec<u8>,
}

const LIMITS: [usize; 10] = [
    0, 1, 10, 125, 126, 1_000, 65_535, 65_536, 200_000, 4_194_304,
];

impl Case {
    /// Parses a case. Its first line consists of
    ///
    /// - the side: `c`lient, `s`erver, `u`pgrade, or `C` and `S` for frames that are generated from the bytes;
    /// - a digit for the limit;
    /// - the end: `e`of, `r`eset, `t`runcated or `s`ilence;
    /// - the script of cuts, in which `p` makes an upgrade request sub-protocols.
    ///
    /// Unknown letters select a default. The bytes follow the line.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let line = data.iter().position(|byte| *byte == b'\n')?;
        let (line, bytes) = (&data[..line], &data[line + 1..]);
        let [side, limit, end, script @ ..] = line else {
            return None;
        };
        let (side, is_made) = match side {
            b's' => (Side::Server, false),
            b'u' => (Side::Upgrade, false),
            b'S' => (Side::Server, true),
            b'C' => (Side::Client, true),
            _ => (Side::Client, false),
        };
        let bytes = if is_made {
            frames(bytes, side == Side::Server)
        } else {
            bytes.to_vec()
        };
        let taken = match side {
            Side::Server => script.len().min(bytes.len()),
            _ => 0,
        };
        let asks = side == Side::Upgrade && script.contains(&b'p');
        Some(Self {
            side,
            limit: LIMITS[usize::from(limit.wrapping_sub(b'0')) % LIMITS.len()],
            end: match end {
                b'r' => End::Reset,
                b't' => End::Truncated,
                b's' => End::Silence,
                _ => End::Eof,
            },
            cuts: Cut::read(script),
            protocols: if asks {
                vec!["book", "chat"]
            } else {
                Vec::new()
            },
            leftover: bytes[..taken].to_vec(),
            bytes,
        })
    }

    /// The maximum length of a message, which is limited by the input.
    pub(super) fn longest(&self) -> usize {
        self.limit.min(self.bytes.len())
    }

    /// The response to a client's upgrade.
    pub(super) fn response(&self) -> Option<Response> {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
        );
        let is_cut = self.side == Side::Upgrade;
        match self.side {
            Side::Server => None,
            Side::Client => Some(head.into_bytes()),
            Side::Upgrade => Some(self.bytes.clone()),
        }
        .map(|text| Response { text, is_cut })
    }

    /// The bytes that the stream yields after the response.
    pub(super) fn incoming(&self) -> Vec<u8> {
        match self.side {
            Side::Server => self.bytes[self.leftover.len()..].to_vec(),
            Side::Client => self.bytes.clone(),
            Side::Upgrade => Vec::new(),
        }
    }
}

/// Generates frames. Most are valid, so they reach deeper states than random bytes.
pub(crate) fn frames(data: &[u8], is_masked: bool) -> Vec<u8> {
    const MOST: usize = 1 << 20;
    let mut u = Unstructured::new(data);
    let mut out = Vec::new();
    while !u.is_empty() && out.len() < MOST {
        let Ok(frame) = Frame::arbitrary(&mut u) else {
            break;
        };
        frame.write(is_masked, &mut out);
    }
    out
}

#[derive(Debug, Arbitrary)]
struct Frame {
    kind: Kind,
    /// The frame ends a message, unless this is a multiple of eight.
    fin: u8,
    payload: Payload,
    key: [u8; 4],
    defect: Defect,
}

#[derive(Debug, Arbitrary)]
enum Kind {
    Text,
    Binary,
    Continuation,
    Ping,
    Pong,
    Close(Option<u16>),
    /// Any first byte.
    Odd(u8),
}

#[derive(Debug, Arbitrary)]
enum Payload {
    Bytes(Vec<u8>),
    /// A text of this many letters.
    Text(u8),
    /// A part of a text whose characters have one to four bytes.
    Part {
        from: u8,
        len: u8,
    },
    /// A length at a limit.
    Edge(u8),
    Long(u32),
}

/// A defect of a frame.
#[derive(Debug, Arbitrary)]
enum Defect {
    None,
    Nothing,
    Neither,
    /// Masked if it must not be, or the reverse.
    Mask,
    /// A length with more bytes than necessary.
    LongForm(bool),
    /// A wrong length.
    Claim(u64),
    /// A truncated frame.
    Stop(u8),
}

const LETTERS: &str = "aé€𝄞zß漢🚀";
const EDGES: [usize; 12] = [0, 1, 2, 9, 10, 123, 124, 125, 126, 127, 65_535, 65_536];

impl Payload {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Text(len) => vec![b'x'; (*len).into()],
            Self::Part { from, len } => {
                let text = LETTERS.repeat(20);
                let text = &text.as_bytes()[usize::from(*from)..];
                text[..text.len().min((*len).into())].to_vec()
            }
            Self::Edge(which) => vec![b'y'; EDGES[usize::from(*which) % EDGES.len()]],
            Self::Long(len) => vec![b'z'; *len as usize % 300_000],
        }
    }
}

impl Frame {
    fn write(&self, is_masked: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let mut payload = self.payload.bytes();
        let is_last = if self.fin.is_multiple_of(8) { 0 } else { 0x80 };
        let first = match self.kind {
            Kind::Text => is_last | 1,
            Kind::Binary => is_last | 2,
            Kind::Continuation => is_last,
            Kind::Ping | Kind::Pong => {
                payload.truncate(125);
                0x80 | if matches!(self.kind, Kind::Ping) {
                    9
                } else {
                    10
                }
            }
            Kind::Close(code) => {
                payload.truncate(123);
                let code = code.map(|code| 995 + code % 4_100);
                payload.splice(..0, code.map(u16::to_be_bytes).into_iter().flatten());
                0x88
            }
            Kind::Odd(byte) => byte,
        };
        out.push(first);
        let is_masked = is_masked != matches!(self.defect, Defect::Mask);
        self.length(payload.len(), is_masked, out);
        if is_masked {
            out.extend(self.key);
            let masked = payload.iter().enumerate();
            out.extend(masked.map(|(at, byte)| byte ^ self.key[at % 4]));
        } else {
            out.extend(&payload);
        }
        if let Defect::Stop(bytes) = self.defect {
            let size = out.len() - start;
            out.truncate(start + size.min(bytes.into()));
        }
    }

    fn length(&self, len: usize, is_masked: bool, out: &mut Vec<u8>) {
        let (len, form) = match self.defect {
            Defect::Claim(len) => (len, 127),
            Defect::LongForm(true) => (len as u64, 127),
            Defect::LongForm(false) if len < 65_536 => (len as u64, 126),
            _ => (
                len as u64,
                match len {
                    0..126 => len,
                    126..65_536 => 126,
                    _ => 127,
                },
            ),
        };
        let mask = if is_masked { 0x80 } else { 0 };
        out.push(mask | u8::try_from(form).expect("seven bits"));
        let bytes = len.to_be_bytes();
        match form {
            126 => out.extend(&bytes[6..]),
            127 => out.extend(&bytes),
            _ => {}
        }
    }
}
