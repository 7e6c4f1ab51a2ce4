//! A flight recorder: the recent past of a feed's connections, kept to be looked at when a book loses
//! its trust.
//!
//! [`FlightRecorder`] is the pure part: it is told what passed and when, keeps the newest of it in a ring of
//! bytes, and says when there is an incident to be written. What to do with an [`Incident`] is the
//! caller's; `capture::Incidents` (feature `capture`) writes each to a file that can be replayed.
//!
//! Nothing is allocated for what passes once it was made, nor for an incident: there are two rings, and
//! while one is being written the other fills.

use std::time::Duration;

use ticklot_book::{BookState, Nanos};

use crate::books::ConnectionId;
use crate::capture::ring::{IncidentRecord, Ring};
use crate::observe::tap::{WireEvent, WireRecord};

/// How much is kept, and how often an incident may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightOptions {
    /// How many bytes of the recent past are kept, of all connections together; twice as many are
    /// held. Default: 1 MiB.
    pub bytes: usize,
    /// The least time between two incidents. Default: 60 s.
    pub every: Duration,
    /// How many incidents are taken at most. Default: 100.
    pub most: u32,
}

impl Default for FlightOptions {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            every: Duration::from_secs(60),
            most: 100,
        }
    }
}

/// The recent past, and when to hand it out.
#[derive(Debug)]
pub struct FlightRecorder {
    options: FlightOptions,
    ring: Ring,
    spare: Option<Ring>,
    /// When the last incident was taken.
    last: Option<Nanos>,
    taken: u32,
    suppressed: u64,
    scratch: Vec<u8>,
}

/// A book has lost its trust, and this is what came before, up to the loss itself.
#[derive(Debug)]
pub struct Incident {
    /// When it was lost, on the session's clock.
    pub at: Nanos,
    /// The connection that feeds the book.
    pub connection: ConnectionId,
    /// What the book is now.
    pub state: BookState,
    ring: Ring,
}

impl FlightRecorder {
    /// A recorder that has seen nothing. Allocates both rings.
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

    /// Something passed. Gives an incident when it is the loss of a book's trust, and one may be taken.
    pub fn record(&mut self, passed: &WireRecord<'_>) -> Option<Incident> {
        let text = passed.event.text(&mut self.scratch);
        self.ring.push_over(&IncidentRecord::of(passed), text);
        match passed.event {
            WireEvent::Invalidated(lost) => self.incident(passed, lost.state),
            _ => None,
        }
    }

    fn incident(&mut self, passed: &WireRecord<'_>, state: BookState) -> Option<Incident> {
        let options = &self.options;
        let early = |last: Nanos| passed.at.since(last) < options.every;
        let spare = match self.spare.take() {
            Some(spare) if self.taken < options.most && !self.last.is_some_and(early) => spare,
            spare => {
                self.spare = spare;
                self.suppressed += 1;
                return None;
            }
        };
        self.last = Some(passed.at);
        self.taken += 1;
        Some(Incident {
            at: passed.at,
            connection: passed.connection,
            state,
            ring: std::mem::replace(&mut self.ring, spare),
        })
    }

    /// Takes an incident back, to use its memory again. Without it there is no other incident.
    pub fn recycle(&mut self, incident: Incident) {
        let mut ring = incident.ring;
        ring.clear();
        self.spare = Some(ring);
    }

    /// How many incidents were handed out.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// How many losses of trust led to no incident: too soon after the last, while that was not given
    /// back, or one too many.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

impl Incident {
    /// Takes out the oldest record, its text into `text`; none when all are out. The last is the loss
    /// itself.
    pub fn next_record(&mut self, text: &mut Vec<u8>) -> Option<IncidentRecord> {
        self.ring.pop(text)
    }
}
