//! Records one behind the other in one buffer, first in first out.
//!
//! The buffer is allocated once and is a circle: a record is a head of fixed length and its text, and
//! either may go around the end. So what is held is bounded by bytes, whatever the records' sizes, and
//! nothing is allocated for a record.

use ticklot_book::Nanos;
use ticklot_frame::VenueName;

use crate::books::ConnectionId;
use crate::observe::tap::{RecordKind, WireRecord};

/// What a record costs beside its text, in bytes.
pub(crate) const HEAD: usize = 18;

/// What is known of a record besides its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncidentRecord {
    /// When it passed, on the session's clock.
    pub at: Nanos,
    /// Over which connection.
    pub connection: ConnectionId,
    /// The connection's venue.
    pub venue: VenueName,
    /// Whether it is a frame, a message or another event.
    pub kind: RecordKind,
}

impl IncidentRecord {
    pub(crate) fn of(passed: &WireRecord<'_>) -> Self {
        Self {
            at: passed.at,
            connection: passed.connection,
            venue: passed.venue,
            kind: passed.event.kind(),
        }
    }
}

/// The records.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Box<[u8]>,
    /// Where the oldest record begins.
    start: usize,
    /// How many bytes are taken.
    len: usize,
    /// The venues of the records: there are few, and a head has the place of its own here.
    venues: Vec<VenueName>,
}

impl Ring {
    /// A ring of so many bytes. The memory is asked for at once, and used as it fills.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into_boxed_slice(),
            start: 0,
            len: 0,
            venues: Vec::with_capacity(8),
        }
    }

    /// How many bytes are taken, heads included. The flight recorder writes over what is old and does not ask.
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
        packed[17] = self.place(head.venue);
        self.append(&packed);
        self.append(text);
        true
    }

    /// Appends a record over the oldest ones. One that is larger than the ring leaves nothing.
    pub(crate) fn push_over(&mut self, head: &IncidentRecord, text: &[u8]) -> bool {
        while !self.push(head, text) {
            if self.pop_head().is_none() {
                return false;
            }
        }
        true
    }

    /// Takes the oldest record out, its text into `text`.
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

    /// The oldest record's head, and how long its text is.
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

    /// The place in the buffer that is `offset` after the start.
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

    /// There is room for it.
    fn append(&mut self, from: &[u8]) {
        let end = self.at(self.len);
        let first = from.len().min(self.bytes.len() - end);
        self.bytes[end..end + first].copy_from_slice(&from[..first]);
        self.bytes[..from.len() - first].copy_from_slice(&from[first..]);
        self.len += from.len();
    }

    /// The place of a venue's name; 255 for one too many.
    fn place(&mut self, venue: VenueName) -> u8 {
        let known = self.venues.iter().position(|known| *known == venue);
        let place = known.unwrap_or_else(|| {
            if self.venues.len() < usize::from(u8::MAX) {
                self.venues.push(venue);
            }
            self.venues.len() - 1
        });
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}

/// More venues than one process speaks to.
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

    /// Against a queue of owned records, over many laps.
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
}
