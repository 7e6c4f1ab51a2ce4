//! A flight recorder: the latest records of a feed's connections, in memory, for the analysis of invalid books.
//!
//! [`FlightRecorder`] does no I/O: it keeps the newest records in a ring of bytes, and returns an [`Incident`] when a
//! book becomes invalid. `capture::Incidents` (feature `capture`) writes each incident to a file that can be replayed.
//!
//! Neither a record nor an incident allocates. There are two rings: one fills while the other is written.

use std::time::Duration;

use ticklot_book::{BookState, Nanos};

use crate::books::ConnectionId;
use crate::capture::ring::{IncidentRecord, Ring};
use crate::observe::tap::{WireEvent, WireRecord};

/// The options of a [`FlightRecorder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightOptions {
    /// The size of a ring in bytes, for the records of all connections. There are two rings. Default: 1 MiB.
    pub bytes: usize,
    /// The shortest time between two incidents. Default: 60 s.
    pub min_interval: Duration,
    /// The maximum number of incidents in the lifetime of the recorder. Default: 100.
    pub max_incidents: u32,
}

impl Default for FlightOptions {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            min_interval: Duration::from_secs(60),
            max_incidents: 100,
        }
    }
}

/// Keeps the latest records, and returns them when a book becomes invalid.
#[derive(Debug)]
pub struct FlightRecorder {
    options: FlightOptions,
    ring: Ring,
    spare: Option<Ring>,
    /// The time of the last incident.
    last: Option<Nanos>,
    taken: u32,
    suppressed: u64,
    scratch: Vec<u8>,
}

/// A book that became invalid, with the records up to the invalidation itself.
#[derive(Debug)]
pub struct Incident {
    /// The time of the invalidation, on the session's clock.
    pub at: Nanos,
    /// The connection that feeds the book.
    pub connection: ConnectionId,
    /// The state of the book since then.
    pub state: BookState,
    ring: Ring,
}

impl FlightRecorder {
    /// A recorder without records. Allocates both rings.
    #[must_use]
    pub fn new(options: FlightOptions) -> Self {
        Self {
            ring: Ring::with_capacity(options.bytes),
            spare: Some(Ring::with_capacity(options.bytes)),
            options,
            last: None,
            taken: 0,
            suppressed: 0,
            scratch: Vec::with_capacity(512),
        }
    }

    /// Keeps a record. Returns an incident if the record is an invalidation that is not suppressed.
    pub fn record(&mut self, record: &WireRecord<'_>) -> Option<Incident> {
        let text = record.event.text(&mut self.scratch);
        self.ring.push_over(&IncidentRecord::of(record), text);
        match record.event {
            WireEvent::Invalidated(invalidation) => self.incident(record, invalidation.state),
            _ => None,
        }
    }

    fn incident(&mut self, record: &WireRecord<'_>, state: BookState) -> Option<Incident> {
        let options = &self.options;
        let is_late = |last| record.at.since(last) >= options.min_interval;
        let is_allowed = self.taken < options.max_incidents && self.last.is_none_or(is_late);
        let Some(spare) = self.spare.take_if(|_| is_allowed) else {
            self.suppressed += 1;
            return None;
        };
        self.last = Some(record.at);
        self.taken += 1;
        Some(Incident {
            at: record.at,
            connection: record.connection,
            state,
            ring: std::mem::replace(&mut self.ring, spare),
        })
    }

    /// Reuses the memory of an incident. All further incidents are suppressed until this is called.
    pub fn recycle(&mut self, incident: Incident) {
        let mut ring = incident.ring;
        ring.clear();
        self.spare = Some(ring);
    }

    /// The number of incidents.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// The number of invalidations without an incident: too soon after the last incident, before that was recycled, or
    /// beyond the maximum.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

impl Incident {
    /// Removes the oldest record, and copies its text into `text`; `None` if no record is left. The last record is the
    /// invalidation itself.
    pub fn next_record(&mut self, text: &mut Vec<u8>) -> Option<IncidentRecord> {
        self.ring.pop(text)
    }
}
