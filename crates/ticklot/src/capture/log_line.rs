//! The lines of a log, written.

use std::io::Write as _;

use ticklot_book::Nanos;
use ticklot_frame::json_string;

use crate::books::ConnectionId;
use crate::observe::tap::{RecordKind, WireRecord};

/// What a line says besides its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader<'a> {
    pub(super) recv_ns: u64,
    pub(super) connection: Option<ConnectionId>,
    pub(super) venue: &'a str,
    pub(super) kind: RecordKind,
}

/// Appends a line. Text that is not UTF-8, which no WebSocket text message has, is mended.
pub(super) fn write(out: &mut Vec<u8>, head: &RecordHeader<'_>, text: &[u8]) {
    // Writing to a vector does not fail.
    let _ = write!(out, r#"{{"recv_ns":{}"#, head.recv_ns);
    if let Some(connection) = head.connection {
        let _ = write!(out, r#","conn":{connection}"#);
    }
    if !head.venue.is_empty() {
        out.extend_from_slice(br#","venue":"#);
        json_string(out, head.venue);
    }
    if head.kind != RecordKind::Received {
        let _ = write!(out, r#","dir":"{}""#, head.kind.as_str());
    }
    out.extend_from_slice(br#","frame":"#);
    json_string(out, &String::from_utf8_lossy(text));
    out.extend_from_slice(b"}\n");
}

/// Appends what passed as a line of a log, its end included: for a [`Tap`](crate::observe::tap::Tap) of one's
/// own. `unix_zero` is the zero of the session's clock in nanoseconds since 1970, such as
/// `Clock::unix_zero` says. Allocates to grow `out`, and for text that is written first.
pub fn append(out: &mut Vec<u8>, unix_zero: u64, passed: &WireRecord<'_>) {
    let head = RecordHeader {
        recv_ns: unix(unix_zero, passed.at),
        connection: Some(passed.connection),
        venue: passed.venue.0,
        kind: passed.event.kind(),
    };
    write(out, &head, passed.event.text(&mut Vec::new()));
}

pub(super) fn unix(zero: u64, at: Nanos) -> u64 {
    zero.saturating_add(at.0)
}
