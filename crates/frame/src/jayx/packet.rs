//! Packets of Engine.IO 4 and Socket.IO 4 over a WebSocket, text only.
//!
//! An Engine.IO packet is one digit and its body (Engine.IO protocol, revision 4). Type 4 contains a Socket.IO packet
//! (Socket.IO protocol, revision 5), which consists of
//!
//! - one digit;
//! - for binary packets, the number of attachments and `-`;
//! - for a namespace other than `/`, its name and a comma;
//! - for acknowledgements, the digits of the id;
//! - JSON.

use crate::error::{DecodeFailure, ErrorKind};

/// A packet with its unparsed JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// `0`: the server's handshake.
    Open(Json<'a>),
    /// `1`: the server closes.
    Close,
    /// `2`: a ping.
    Ping,
    /// `3`: a pong.
    Pong,
    /// `6`: a noop packet.
    Noop,
    /// `40`: the namespace was joined.
    Connect(Json<'a>),
    /// `41`: the server removed the client from the namespace.
    Disconnect,
    /// `42`: an event, with the id of the requested acknowledgement.
    Event { ack: Option<u64>, json: Json<'a> },
    /// `43`: the acknowledgement of an event that the client sent.
    Ack { id: u64 },
    /// `44`: the server refused to join the namespace.
    ConnectError(Json<'a>),
}

/// The id of the acknowledgement that a Socket.IO text frame requests; `None` if it requests none. Reply with
/// [`acknowledge`](super::acknowledge).
#[must_use]
pub fn requested_ack(frame: &[u8]) -> Option<u64> {
    match read(frame) {
        Ok(Packet::Event { ack, .. }) => ack,
        _ => None,
    }
}

/// JSON that starts at byte `offset` of the frame. May be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Json<'a> {
    pub(super) text: &'a [u8],
    pub(super) offset: usize,
}

/// Parses a text frame.
pub(super) fn read(frame: &[u8]) -> Result<Packet<'_>, DecodeFailure> {
    let body = Json {
        text: frame.get(1..).unwrap_or_default(),
        offset: 1,
    };
    match frame.first() {
        Some(b'0') => Ok(Packet::Open(body)),
        Some(b'1') => Ok(Packet::Close),
        // A ping or pong may contain text, but the server's do not after the handshake.
        Some(b'2') => Ok(Packet::Ping),
        Some(b'3') => Ok(Packet::Pong),
        Some(b'4') => read_socket_io(body),
        Some(b'6') => Ok(Packet::Noop),
        // `b` starts a base64 body, which only the polling transport has.
        Some(b'b') => Err(DecodeFailure::at(0, ErrorKind::Binary)),
        _ => Err(DecodeFailure::at(0, ErrorKind::Packet)),
    }
}

fn read_socket_io(body: Json<'_>) -> Result<Packet<'_>, DecodeFailure> {
    let Some((&kind, _)) = body.text.split_first() else {
        return Err(DecodeFailure::at(body.offset, ErrorKind::Packet));
    };
    if matches!(kind, b'5' | b'6') {
        return Err(DecodeFailure::at(body.offset, ErrorKind::Binary));
    }
    let after_namespace = skip_namespace(advance(body, 1))?;
    let (ack, json) = split_ack(after_namespace)?;
    match (kind, ack) {
        (b'0', None) => Ok(Packet::Connect(json)),
        (b'1', None) => Ok(Packet::Disconnect),
        (b'2', ack) => Ok(Packet::Event { ack, json }),
        (b'3', Some(id)) => Ok(Packet::Ack { id }),
        (b'4', None) => Ok(Packet::ConnectError(json)),
        _ => Err(DecodeFailure::at(body.offset, ErrorKind::Packet)),
    }
}

/// Only the default namespace is joined, so the server can send only that one. Its name may be explicit.
fn skip_namespace(body: Json<'_>) -> Result<Json<'_>, DecodeFailure> {
    if body.text.first() != Some(&b'/') {
        return Ok(body);
    }
    let end = memchr::memchr(b',', body.text).unwrap_or(body.text.len());
    if end > 1 {
        return Err(DecodeFailure::at(body.offset, ErrorKind::Packet));
    }
    Ok(advance(body, (end + 1).min(body.text.len())))
}

fn split_ack(body: Json<'_>) -> Result<(Option<u64>, Json<'_>), DecodeFailure> {
    let digits = body.text.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return Ok((None, body));
    }
    let id = std::str::from_utf8(&body.text[..digits])
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(DecodeFailure::at(body.offset, ErrorKind::Packet))?;
    Ok((Some(id), advance(body, digits)))
}

fn advance(body: Json<'_>, by: usize) -> Json<'_> {
    Json {
        text: body.text.get(by..).unwrap_or_default(),
        offset: body.offset + by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, offset: usize) -> Json<'_> {
        Json {
            text: text.as_bytes(),
            offset,
        }
    }

    #[test]
    fn packets_by_table() {
        let table: &[(&str, Packet<'_>)] = &[
            ("0{}", Packet::Open(json("{}", 1))),
            ("1", Packet::Close),
            ("2", Packet::Ping),
            ("2probe", Packet::Ping),
            ("3", Packet::Pong),
            ("6", Packet::Noop),
            ("40", Packet::Connect(json("", 2))),
            ("40{\"sid\":1}", Packet::Connect(json("{\"sid\":1}", 2))),
            ("40/,{}", Packet::Connect(json("{}", 4))),
            ("41", Packet::Disconnect),
            (
                "42[]",
                Packet::Event {
                    ack: None,
                    json: json("[]", 2),
                },
            ),
            (
                "4217[]",
                Packet::Event {
                    ack: Some(17),
                    json: json("[]", 4),
                },
            ),
            (
                "42/,17[]",
                Packet::Event {
                    ack: Some(17),
                    json: json("[]", 6),
                },
            ),
            ("4317[1]", Packet::Ack { id: 17 }),
            ("44{}", Packet::ConnectError(json("{}", 2))),
        ];
        for (frame, packet) in table {
            assert_eq!(read(frame.as_bytes()).unwrap(), *packet, "{frame}");
        }
    }

    #[test]
    fn rejects_malformed_packets() {
        let table = [
            ("", 0, ErrorKind::Packet),
            ("x", 0, ErrorKind::Packet),
            ("{}", 0, ErrorKind::Packet),
            ("5", 0, ErrorKind::Packet),
            ("7", 0, ErrorKind::Packet),
            ("4", 1, ErrorKind::Packet),
            ("47[]", 1, ErrorKind::Packet),
            ("43[]", 1, ErrorKind::Packet),
            ("407{}", 1, ErrorKind::Packet),
            ("42/admin,[]", 2, ErrorKind::Packet),
            ("4299999999999999999999[]", 2, ErrorKind::Packet),
            ("451-[]", 1, ErrorKind::Binary),
            ("461-[]", 1, ErrorKind::Binary),
            ("bAQ==", 0, ErrorKind::Binary),
        ];
        for (frame, offset, kind) in table {
            let failure = read(frame.as_bytes()).unwrap_err();
            assert_eq!((failure.offset, failure.kind), (offset, kind), "{frame}");
        }
    }
}
