//! The storage of a book in [`Books`](super::Books), and its configuration.

use std::time::Duration;

use ticklot_book::{
    Book, BookError, BookRef, BookState, Checksum, Coverage, Delta, DeltaBook, Epoch, Flat, Gap,
    Ids, Ladder, Nanos, Outcome, Scale, Sequence, Snapshot,
};

/// The storage, the coverage and the sequence rule of a book. The venue chooses them when it adds the book.
///
/// ```
/// use ticklot::Scale;
/// use ticklot::book::{Coverage, Sequence};
/// use ticklot::venue::BookConfig;
///
/// let snapshots = BookConfig::snapshots(Scale::UNIT);
/// let deltas = BookConfig::deltas(Scale::UNIT, Sequence::Range)
///     .coverage(Coverage::SnapshotLimit(1_000))
///     .ladder();
/// # let _ = (snapshots, deltas);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BookConfig {
    scale: Scale,
    coverage: Coverage,
    /// `None` for a feed of snapshots only.
    sequence: Option<Sequence>,
    ladder: bool,
    checksums: Option<(Checksum<Flat>, Checksum<Ladder>)>,
}

impl BookConfig {
    /// A flat book that each message replaces.
    #[must_use]
    pub const fn snapshots(scale: Scale) -> Self {
        Self {
            scale,
            coverage: Coverage::SnapshotDepth,
            sequence: None,
            ladder: false,
            checksums: None,
        }
    }

    /// A flat book of snapshots and deltas with the numbering of `sequence`. Its coverage is
    /// [`Coverage::SnapshotDepth`] unless [`BookConfig::coverage`] sets another one.
    #[must_use]
    pub const fn deltas(scale: Scale, sequence: Sequence) -> Self {
        Self {
            sequence: Some(sequence),
            ..Self::snapshots(scale)
        }
    }

    /// Stores the book as a ladder, for deep books that change by individual levels.
    #[must_use]
    pub const fn ladder(mut self) -> Self {
        self.ladder = true;
        self
    }

    /// Sets which part of the market the feed covers. [`Coverage::Top`] truncates the book after each update.
    #[must_use]
    pub const fn coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = coverage;
        self
    }

    /// Sets the venue's checksum function, whose result is compared after each message with a checksum. Both arguments
    /// are instances of one generic function.
    #[must_use]
    pub const fn checksum(mut self, flat: Checksum<Flat>, ladder: Checksum<Ladder>) -> Self {
        self.checksums = Some((flat, ladder));
        self
    }

    pub(super) fn build(self) -> Stored {
        if self.ladder {
            let book = Book::<Ladder>::with_storage(self.scale).with_coverage(self.coverage);
            let book = DeltaBook::new(book, self.sequence.unwrap_or_default());
            return Stored::Ladder(Box::new(match self.checksums {
                Some((_, checksum)) => book.with_checksum(checksum),
                None => book,
            }));
        }
        let book = Book::new(self.scale).with_coverage(self.coverage);
        let Some(sequence) = self.sequence else {
            return Stored::Flat(book);
        };
        let book = DeltaBook::new(book, sequence);
        Stored::FlatDeltas(Box::new(match self.checksums {
            Some((checksum, _)) => book.with_checksum(checksum),
            None => book,
        }))
    }
}

/// A book of either storage, with or without deltas.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // the hot case, a snapshot book, needs no indirection
pub(crate) enum Stored {
    /// A book of snapshots only.
    Flat(Book<Flat>),
    FlatDeltas(Box<DeltaBook<Flat>>),
    Ladder(Box<DeltaBook<Ladder>>),
}

/// Calls the same method for each variant.
macro_rules! each {
    ($stored:expr, $book:ident => $call:expr) => {
        match $stored {
            Stored::Flat($book) => $call,
            Stored::FlatDeltas($book) => $call,
            Stored::Ladder($book) => $call,
        }
    };
}

impl Stored {
    #[inline]
    pub(crate) fn view(&self) -> BookRef<'_> {
        match self {
            Self::Flat(book) => BookRef::Flat(book),
            Self::FlatDeltas(book) => BookRef::Flat(book.last_known()),
            Self::Ladder(book) => BookRef::Ladder(book.last_known()),
        }
    }

    #[inline]
    pub(crate) fn state(&self) -> BookState {
        each!(self, book => book.state())
    }

    /// Applies a snapshot. A book without deltas accepts any snapshot.
    #[inline]
    pub(crate) fn apply_snapshot(
        &mut self,
        snapshot: &Snapshot<'_>,
        now: Nanos,
    ) -> Result<Outcome, BookError> {
        match self {
            Self::Flat(book) => match book.apply_snapshot(snapshot.bids, snapshot.asks, now) {
                Ok(_) => Ok(Outcome::Applied),
                Err(error) => {
                    book.mark_gap(Gap::Refused);
                    Err(error)
                }
            },
            Self::FlatDeltas(book) => book.apply_snapshot(snapshot, now),
            Self::Ladder(book) => book.apply_snapshot(snapshot, now),
        }
    }

    /// Applies a delta. A book of snapshots ignores the sequence numbers and the checksum.
    #[inline]
    pub(crate) fn apply_delta(
        &mut self,
        delta: &Delta<'_>,
        now: Nanos,
    ) -> Result<Outcome, BookError> {
        match self {
            Self::Flat(book) => book
                .apply_delta(delta.bids, delta.asks, now)
                .map(|_| Outcome::Applied),
            Self::FlatDeltas(book) => book.apply_delta(delta, now),
            Self::Ladder(book) => book.apply_delta(delta, now),
        }
    }

    pub(crate) fn start_epoch(&mut self, epoch: Epoch) {
        each!(self, book => book.start_epoch(epoch));
    }

    pub(crate) fn disconnect(&mut self) {
        each!(self, book => book.disconnect());
    }

    pub(crate) fn mark_gap(&mut self, gap: Gap) {
        each!(self, book => book.mark_gap(gap));
    }

    pub(crate) fn expire(&mut self, now: Nanos, limit: Duration) {
        each!(self, book => book.expire(now, limit));
    }

    pub(crate) fn refresh(&mut self) {
        each!(self, book => book.refresh());
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Flat(book) => book.memory() - size_of::<Book<Flat>>(),
            Self::FlatDeltas(book) => book.memory(),
            Self::Ladder(book) => book.memory(),
        }
    }

    pub(crate) fn set_scale(&mut self, scale: Scale) -> bool {
        each!(self, book => book.set_scale(scale))
    }

    /// Continues the book with the feed of another connection. False if the sequence numbers do not prove that no
    /// message is missing, as for a book of snapshots, which has none.
    pub(crate) fn adopt(&mut self, ids: Ids, epoch: Epoch) -> bool {
        match self {
            Self::Flat(_) => false,
            Self::FlatDeltas(book) => book.adopt(ids, epoch),
            Self::Ladder(book) => book.adopt(ids, epoch),
        }
    }
}
