//! Writes the lines of a log.

use std::io::Write as _;

use ticklot_book::Nanos;
use ticklot_frame::json_string;

use crate::books::ConnectionId;
use crate::capture::ring::IncidentRecord;
use crate::observe::tap::{RecordKind, WireRecord};

/// The members of a line besides its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader<'a> {
    pub(super) recv_ns: u64,
    pub(super) connection: Option<ConnectionId>,
    pub(super) venue: &'a str,
    pub(super) kind: RecordKind,
}

/// Appends a line. Invalid UTF-8, which no WebSocket text message contains, is replaced.
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

/// Appends a record as a line of a log, with its line feed: for a [`Tap`](crate::observe::Tap) that writes a log.
///
/// `unix_offset` is the zero of the session's clock in nanoseconds since 1970: `Clock::unix_offset` of a feed. Allocates to
/// grow `out`, and for the text of a close or an invalidation.
pub fn append(out: &mut Vec<u8>, unix_offset: u64, record: &WireRecord<'_>) {
    let head = IncidentRecord::of(record).line_header(unix_offset);
    write(out, &head, record.event.text(&mut Vec::new()));
}

impl IncidentRecord {
    pub(super) fn line_header(&self, unix_offset: u64) -> RecordHeader<'static> {
        RecordHeader {
            recv_ns: unix(unix_offset, self.at),
            connection: Some(self.connection),
            venue: self.venue.0,
            kind: self.kind,
        }
    }
}

/// A time in nanoseconds since 1970.
pub(super) fn unix(zero: u64, at: Nanos) -> u64 {
    zero.saturating_add(at.0)
}
