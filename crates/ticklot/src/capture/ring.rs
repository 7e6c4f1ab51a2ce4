//! A ring buffer of records with a FIFO order.
//!
//! The buffer is allocated once. A record is a head of fixed length and its text, and either may wrap around the end.
//! The memory is therefore bounded in bytes for records of any size, and no record is allocated.

use ticklot_book::Nanos;
use ticklot_frame::VenueName;

use crate::books::ConnectionId;
use crate::observe::tap::{RecordKind, WireRecord};

/// The length of a record without its text, in bytes.
pub(crate) const HEAD: usize = 18;

/// A record without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncidentRecord {
    /// The time on the session's clock.
    pub at: Nanos,
    /// The connection.
    pub connection: ConnectionId,
    /// The connection's venue.
    pub venue: VenueName,
    /// Whether it is a received frame, a sent message or another event.
    pub kind: RecordKind,
}

impl IncidentRecord {
    pub(crate) fn of(record: &WireRecord<'_>) -> Self {
        Self {
            at: record.at,
            connection: record.connection,
            venue: record.venue,
            kind: record.event.kind(),
        }
    }
}

/// A ring buffer of records.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Box<[u8]>,
    /// The start of the oldest record.
    start: usize,
    /// The number of used bytes.
    len: usize,
    /// The venues of the records. A head contains an index into this list.
    venues: Vec<VenueName>,
}

impl Ring {
    /// Creates a ring of this size in bytes. It is allocated up front, but their pages are used only as the ring fills.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into_boxed_slice(),
            start: 0,
            len: 0,
            venues: Vec::with_capacity(8),
        }
    }

    /// The number of used bytes, with heads.
    #[cfg(any(test, feature = "capture"))]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.len = 0;
    }

    /// Appends a record, if there is room for it.
    pub(crate) fn push(&mut self, head: &IncidentRecord, text: &[u8]) -> bool {
        let Ok(length) = u32::try_from(text.len()) else {
            return false;
        };
        if HEAD + text.len() > self.bytes.len() - self.len {
            return false;
        }
        let mut packed = [0; HEAD];
        packed[..8].copy_from_slice(&head.at.0.to_le_bytes());
        packed[8..12].copy_from_slice(&head.connection.0.to_le_bytes());
        packed[12..16].copy_from_slice(&length.to_le_bytes());
        packed[16] = head.kind.code();
        packed[17] = self.venue_index(head.venue);
        self.append(&packed);
        self.append(text);
        true
    }

    /// Appends a record, and drops the oldest ones to make room. Returns false, with an empty ring, for a record that
    /// is larger than the ring.
    pub(crate) fn push_over(&mut self, head: &IncidentRecord, text: &[u8]) -> bool {
        while !self.push(head, text) {
            if self.pop_head().is_none() {
                return false;
            }
        }
        true
    }

    /// Removes the oldest record, and copies its text into `text`.
    pub(crate) fn pop(&mut self, text: &mut Vec<u8>) -> Option<IncidentRecord> {
        let (head, length) = self.head()?;
        text.clear();
        let begin = self.at(HEAD);
        let first = length.min(self.bytes.len() - begin);
        text.extend_from_slice(&self.bytes[begin..begin + first]);
        text.extend_from_slice(&self.bytes[..length - first]);
        self.skip(HEAD + length);
        Some(head)
    }

    fn pop_head(&mut self) -> Option<IncidentRecord> {
        let (head, length) = self.head()?;
        self.skip(HEAD + length);
        Some(head)
    }

    /// The head of the oldest record, and the length of its text.
    fn head(&self) -> Option<(IncidentRecord, usize)> {
        if self.is_empty() {
            return None;
        }
        let mut packed = [0; HEAD];
        let first = HEAD.min(self.bytes.len() - self.start);
        packed[..first].copy_from_slice(&self.bytes[self.start..self.start + first]);
        packed[first..].copy_from_slice(&self.bytes[..HEAD - first]);
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| packed[at + n]));
        let venue = self.venues.get(usize::from(packed[17]));
        let head = IncidentRecord {
            at: Nanos(u64::from_le_bytes(std::array::from_fn(|n| packed[n]))),
            connection: ConnectionId(word(8)),
            venue: venue.copied().unwrap_or(UNKNOWN),
            kind: RecordKind::from_code(packed[16]),
        };
        Some((head, word(12) as usize))
    }

    /// The index in the buffer at `offset` from the start.
    fn at(&self, offset: usize) -> usize {
        let at = self.start + offset;
        if at < self.bytes.len() {
            at
        } else {
            at - self.bytes.len()
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.start = self.at(bytes);
        self.len -= bytes;
        if self.len == 0 {
            self.start = 0;
        }
    }

    /// Appends bytes that fit.
    fn append(&mut self, from: &[u8]) {
        let end = self.at(self.len);
        let first = from.len().min(self.bytes.len() - end);
        self.bytes[end..end + first].copy_from_slice(&from[..first]);
        self.bytes[..from.len() - first].copy_from_slice(&from[first..]);
        self.len += from.len();
    }

    /// The index of a venue, which is added if it is new. 255 (not a valid index) for each venue beyond 255.
    fn venue_index(&mut self, venue: VenueName) -> u8 {
        let known = self.venues.iter().position(|known| *known == venue);
        let index = known.unwrap_or(self.venues.len());
        let Ok(index) = u8::try_from(index) else {
            return u8::MAX;
        };
        if known.is_none() && index < u8::MAX {
            self.venues.push(venue);
        }
        index
    }
}

/// The venue of a record whose index is not in the list.
const UNKNOWN: VenueName = VenueName("unknown");

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn head(n: u64) -> IncidentRecord {
        IncidentRecord {
            at: Nanos(n),
            connection: ConnectionId((n % 7) as u32),
            venue: [VenueName("one"), VenueName("other")][(n % 2) as usize],
            kind: RecordKind::from_code((n % 6) as u8),
        }
    }

    fn text(random: &mut fastrand::Rng, longest: usize) -> Vec<u8> {
        let length = random.usize(..=longest);
        std::iter::repeat_with(|| random.u8(..))
            .take(length)
            .collect()
    }

    fn bytes(records: &VecDeque<(IncidentRecord, Vec<u8>)>) -> usize {
        records.iter().map(|(_, text)| HEAD + text.len()).sum()
    }

    /// Compares the ring with a queue of owned records, over many wrap-arounds.
    #[test]
    fn ring_keeps_newest_records() {
        for capacity in [HEAD, HEAD + 1, 64, 257, 1000] {
            let mut random = fastrand::Rng::with_seed(capacity as u64);
            let mut ring = Ring::with_capacity(capacity);
            let mut oracle = VecDeque::new();
            let mut popped = Vec::new();
            for n in 0..5_000 {
                let (head, text) = (head(n), text(&mut random, capacity * 5 / 4));
                let fits = HEAD + text.len() <= capacity;
                match random.u8(..4) {
                    0 => {
                        let expected = oracle.pop_front();
                        let got = ring.pop(&mut popped).map(|head| (head, popped.clone()));
                        assert_eq!(got, expected);
                        continue;
                    }
                    1 => {
                        let room = bytes(&oracle) + HEAD + text.len() <= capacity;
                        assert_eq!(ring.push(&head, &text), room);
                        if room {
                            oracle.push_back((head, text));
                        }
                    }
                    _ => {
                        oracle.push_back((head, text.clone()));
                        while bytes(&oracle) > capacity {
                            oracle.pop_front();
                        }
                        assert_eq!(ring.push_over(&head, &text), fits);
                    }
                }
                assert_eq!(ring.len(), bytes(&oracle));
            }
            while let Some(expected) = oracle.pop_front() {
                assert_eq!(ring.pop(&mut popped), Some(expected.0));
                assert_eq!(popped, expected.1);
            }
            assert!(ring.pop(&mut popped).is_none() && ring.is_empty());
        }
    }

    #[test]
    fn venues_beyond_255_are_unknown() {
        const NAMES: &str = match str::from_utf8(&[b'v'; 300]) {
            Ok(names) => names,
            Err(_) => "",
        };
        let mut ring = Ring::with_capacity(HEAD);
        for n in 0..300 {
            let venue = VenueName(&NAMES[n..]);
            assert!(ring.push(&IncidentRecord { venue, ..head(0) }, b""));
            let expected = if n < 255 { venue } else { UNKNOWN };
            assert_eq!(ring.pop(&mut Vec::new()).unwrap().venue, expected);
        }
    }
}
