//! A book that follows a feed of numbered or checksummed deltas.

use core::time::Duration;

use crate::book::Book;
use crate::change::Changes;
use crate::delta_buffer::DeltaBuffer;
use crate::scale::Scale;
use crate::sequence::{Ids, Sequence};
use crate::state::{BookState, Epoch, Gap};
use crate::storage::{Flat, Storage};
use crate::units::Nanos;
use crate::update::{Delta, Snapshot};
use crate::validate::BookError;

/// The result of applying a snapshot or a delta to a [`DeltaBook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The message was applied.
    Applied,
    /// The message is older than the book, and was ignored.
    Old,
    /// The delta is buffered for a future snapshot.
    Buffered,
    /// The book needs a snapshot, and the deltas of its feed cannot be buffered. The delta was ignored.
    Waiting,
    /// The message invalidated the book, or could not be buffered. [`DeltaBook::state`] keeps the first cause
    /// until a snapshot repairs the book.
    Gap(Gap),
}

/// The position of a book in its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// A snapshot is needed.
    Lost,
    /// After a snapshot with this number, before the first delta.
    Snapshot(u64),
    /// After a delta with this number.
    Delta(u64),
    /// In a feed without numbers.
    Unnumbered,
}

/// A function that computes a venue's checksum of a book.
pub type Checksum<S> = fn(&Book<S>) -> u32;

/// A [`Book`] that follows a feed of snapshots and deltas, and detects missing deltas.
///
/// The [`Sequence`] of the feed defines which delta may follow which. The book becomes [`BookState::Gap`]
/// after a missing delta, a wrong checksum, or a delta without a snapshot that cannot be buffered. The gap
/// contains the expected and the received value, and lasts until a snapshot repairs the book.
///
/// While a snapshot is needed, numbered deltas are buffered, up to
/// [`MAX_BUFFERED_DELTAS`](crate::MAX_BUFFERED_DELTAS) and
/// [`MAX_BUFFERED_LEVELS`](crate::MAX_BUFFERED_LEVELS). The snapshot then applies those that follow it.
///
/// ```
/// use ticklot_book::{Book, Delta, DeltaBook, Gap, Ids, Ladder, Level, Lots, Nanos};
/// use ticklot_book::{Outcome, Scale, Sequence, Snapshot, BookState, Ticks};
///
/// let mut book = DeltaBook::new(Book::<Ladder>::with_storage(Scale::UNIT), Sequence::Range);
/// let bids = [Level::new(Ticks(99), Lots(5))];
/// let delta = |first, last| Delta { bids: &bids, ids: Some(Ids::range(first, last)), ..Delta::default() };
///
/// assert_eq!(book.apply_delta(&delta(7, 9), Nanos(1))?, Outcome::Buffered);
/// let snapshot = Snapshot { id: Some(8), ..Snapshot::default() };
/// assert_eq!(book.apply_snapshot(&snapshot, Nanos(2))?, Outcome::Applied);
/// assert_eq!(book.live().and_then(|book| book.best_bid()), Some(bids[0]));
///
/// let gap = Gap::Sequence { expected: 10, got: 11 };
/// assert_eq!(book.apply_delta(&delta(11, 12), Nanos(3))?, Outcome::Gap(gap));
/// assert_eq!((book.live().is_none(), book.state()), (true, BookState::Gap(gap)));
/// # Ok::<(), ticklot_book::BookError>(())
/// ```
///
/// # Allocation
/// That of the book and of the buffered deltas; none once both have grown.
#[derive(Clone, Debug)]
pub struct DeltaBook<S: Storage = Flat> {
    book: Book<S>,
    sequence: Sequence,
    checksum: Option<Checksum<S>>,
    position: Position,
    /// The last number that the book had when it lost its position.
    floor: Option<u64>,
    buffer: DeltaBuffer,
}

impl<S: Storage> DeltaBook<S> {
    /// Follows a feed with `book`, which must not have had a snapshot yet.
    #[must_use]
    pub fn new(book: Book<S>, sequence: Sequence) -> Self {
        Self {
            book,
            sequence,
            checksum: None,
            position: Position::Lost,
            floor: None,
            buffer: DeltaBuffer::default(),
        }
    }

    /// Compares each received checksum with the result of `checksum`. Without this function, checksums are
    /// ignored.
    #[must_use]
    pub fn with_checksum(mut self, checksum: Checksum<S>) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Replaces the levels with a snapshot received at `now`, and applies the buffered deltas.
    /// [`DeltaBook::changes`] returns the changes of all of them, in order.
    ///
    /// Returns [`Outcome::Old`], and ignores the snapshot, if a valid book has already applied newer deltas.
    /// The same holds for a book in a gap whose levels are newer, while no deltas are buffered. Returns
    /// [`Outcome::Gap`] if the buffered deltas do not follow the snapshot. They then stay buffered for a
    /// newer one.
    ///
    /// # Errors
    /// Those of [`Book::apply_snapshot`]. The book then becomes a gap ([`Gap::Refused`]) with its levels
    /// unchanged.
    pub fn apply_snapshot(
        &mut self,
        snapshot: &Snapshot<'_>,
        now: Nanos,
    ) -> Result<Outcome, BookError> {
        self.book.clear_changes();
        if let (Some(at), Some(id)) = (self.last_id().or(self.floor()), snapshot.id)
            && id < at
        {
            return Ok(Outcome::Old);
        }
        if let Err(error) = self.book.apply_snapshot(snapshot.bids, snapshot.asks, now) {
            self.mark_gap(Gap::Refused);
            return Err(error);
        }
        let position = match (self.sequence, snapshot.id) {
            (Sequence::None, _) => Some(Position::Unnumbered),
            (_, id) => id.map(Position::Snapshot),
        };
        let Some(position) = position else {
            return Ok(self.enter_gap(Gap::Unnumbered { expected: 0 }));
        };
        self.position = position;
        self.floor = None;
        match self.check(snapshot.checksum) {
            Outcome::Applied => self.bridge(now),
            outcome => Ok(outcome),
        }
    }

    /// Applies a delta received at `now`, if it is the next one. [`DeltaBook::changes`] returns its changes,
    /// and is empty if it was not applied.
    ///
    /// # Errors
    /// Those of [`Book::apply_delta`]. The book then becomes a gap ([`Gap::Refused`]).
    #[inline]
    pub fn apply_delta(&mut self, delta: &Delta<'_>, now: Nanos) -> Result<Outcome, BookError> {
        self.book.clear_changes();
        let outcome = self.apply_in_order(delta, now)?;
        if matches!(outcome, Outcome::Gap(_)) {
            return Ok(self.buffer_delta(delta, outcome));
        }
        if self.position == Position::Lost {
            return Ok(self.buffer_for_snapshot(delta));
        }
        Ok(outcome)
    }

    /// Applies a delta, if it is the next one.
    #[inline]
    fn apply_in_order(&mut self, delta: &Delta<'_>, now: Nanos) -> Result<Outcome, BookError> {
        let next = match (self.position, delta.ids) {
            (Position::Lost, _) => return Ok(Outcome::Waiting),
            (Position::Unnumbered, _) => Position::Unnumbered,
            (position, None) => {
                return Ok(self.enter_gap(Gap::Unnumbered {
                    expected: after(position),
                }));
            }
            (position, Some(ids)) => {
                let ids = self.sequence.read(ids);
                match step(position, ids) {
                    Outcome::Applied => Position::Delta(ids.last),
                    Outcome::Gap(gap) => return Ok(self.enter_gap(gap)),
                    outcome => return Ok(outcome),
                }
            }
        };
        if let Err(error) = self.book.merge(delta.bids, delta.asks, now) {
            self.forget_position();
            return Err(error);
        }
        self.position = next;
        Ok(self.check(delta.checksum))
    }

    /// Compares the checksum of the book with that of the venue.
    #[inline]
    fn check(&mut self, expected: Option<u32>) -> Outcome {
        let (Some(checksum), Some(expected)) = (self.checksum, expected) else {
            return Outcome::Applied;
        };
        let got = checksum(&self.book);
        if got == expected {
            Outcome::Applied
        } else {
            self.enter_gap(Gap::Checksum { expected, got })
        }
    }

    /// Applies the buffered deltas after a snapshot. Those that do not follow it stay buffered.
    fn bridge(&mut self, now: Nanos) -> Result<Outcome, BookError> {
        if self.buffer.len() != 0 {
            self.book.record_changes();
        }
        let mut buffer = core::mem::take(&mut self.buffer);
        let mut done = 0;
        let mut outcome = Ok(Outcome::Applied);
        while let Some(delta) = buffer.get(done) {
            outcome = self.apply_in_order(&delta, now);
            if matches!(outcome, Ok(Outcome::Gap(_)) | Err(_)) {
                break;
            }
            done += 1;
        }
        // A delta that caused an error would cause it again.
        buffer.drop_first(done + usize::from(outcome.is_err()));
        self.buffer = buffer;
        Ok(match outcome? {
            Outcome::Old => Outcome::Applied,
            outcome => outcome,
        })
    }

    /// Handles a delta while a snapshot is needed.
    #[cold]
    fn buffer_for_snapshot(&mut self, delta: &Delta<'_>) -> Outcome {
        if self.sequence == Sequence::None {
            if self.book.state() != BookState::Empty {
                return Outcome::Waiting;
            }
            return self.enter_gap(Gap::NoSnapshot);
        }
        if delta.ids.is_none() {
            return self.enter_gap(Gap::Unnumbered { expected: 0 });
        }
        self.buffer_delta(delta, Outcome::Buffered)
    }

    /// Buffers a numbered delta for the next snapshot.
    #[cold]
    fn buffer_delta(&mut self, delta: &Delta<'_>, outcome: Outcome) -> Outcome {
        if self.sequence == Sequence::None || delta.ids.is_none() {
            return outcome;
        }
        match self.buffer.push(delta) {
            Ok(()) => outcome,
            Err(limit) => self.enter_gap(Gap::Overflow { limit }),
        }
    }

    /// Invalidates the book until the next snapshot. The state keeps the first cause.
    #[cold]
    fn enter_gap(&mut self, gap: Gap) -> Outcome {
        self.forget_position();
        if !matches!(self.book.state(), BookState::Gap(_)) {
            self.book.set_state(BookState::Gap(gap));
        }
        Outcome::Gap(gap)
    }

    /// Starts a new epoch: see [`Book::start_epoch`]. Drops buffered deltas.
    pub fn start_epoch(&mut self, epoch: Epoch) {
        self.restart();
        self.book.start_epoch(epoch);
    }

    /// Marks the connection as lost: see [`Book::disconnect`]. Drops buffered deltas.
    pub fn disconnect(&mut self) {
        self.restart();
        self.book.disconnect();
    }

    /// Invalidates the book for a cause that it cannot detect itself, such as a message that could not be
    /// decoded: see [`Book::mark_gap`]. Only a snapshot repairs it.
    pub fn mark_gap(&mut self, gap: Gap) {
        self.forget_position();
        self.book.mark_gap(gap);
    }

    fn forget_position(&mut self) {
        self.floor = self.last_id().or(self.floor);
        self.position = Position::Lost;
    }

    /// The number of the oldest snapshot that may repair the book. With buffered deltas, their numbers decide
    /// instead, which also allows a feed to restart its numbers.
    fn floor(&self) -> Option<u64> {
        self.floor.filter(|_| self.buffer.len() == 0)
    }

    /// Marks the book stale when no update was received for `limit`: see [`Book::expire`]. The next delta in
    /// sequence makes it live again.
    pub fn expire(&mut self, now: Nanos, limit: Duration) -> bool {
        self.book.expire(now, limit)
    }

    /// Ends [`BookState::Stale`]: see [`Book::refresh`].
    pub fn refresh(&mut self) -> bool {
        self.book.refresh()
    }

    /// Changes the scale: see [`Book::set_scale`]. If it differs, the book needs a snapshot, and buffered
    /// deltas are dropped.
    pub fn set_scale(&mut self, scale: Scale) -> bool {
        let differs = self.book.set_scale(scale);
        if differs {
            self.restart();
        }
        differs
    }

    /// Whether a delta with these numbers proves that its feed continues this book: it is the next delta,
    /// overlaps the book's position, or was applied already.
    #[must_use]
    pub fn is_continued_by(&self, ids: Ids) -> bool {
        let ids = self.sequence.read(ids);
        let first = ids
            .previous
            .map_or(ids.first, |previous| previous.saturating_add(1));
        let next = self.last_id().map(|id| id.saturating_add(1));
        ids.first <= ids.last && next.is_some_and(|next| first <= next)
    }

    /// Continues the book with the feed of another connection, whose next delta has these numbers, without
    /// losing validity. The book takes the new epoch; levels, state and age stay. Later deltas that the book
    /// has already applied are ignored. One that overlaps its position is applied: deltas carry absolute
    /// quantities, so applying one twice changes nothing.
    ///
    /// Returns false, and changes nothing, unless the numbers prove that no update is missing
    /// ([`DeltaBook::is_continued_by`]).
    pub fn adopt(&mut self, ids: Ids, epoch: Epoch) -> bool {
        let (true, Some(id)) = (self.is_continued_by(ids), self.last_id()) else {
            return false;
        };
        self.position = Position::Snapshot(id);
        self.book.set_epoch(epoch);
        true
    }

    fn restart(&mut self) {
        self.position = Position::Lost;
        self.floor = None;
        self.buffer.clear();
    }

    /// The book, if it is valid and may be traded on.
    #[inline]
    #[must_use]
    pub fn live(&self) -> Option<&Book<S>> {
        self.book.live()
    }

    /// The book in any state. Check [`Book::state`] before you use its levels.
    #[inline]
    #[must_use]
    pub fn last_known(&self) -> &Book<S> {
        &self.book
    }

    /// Whether the book is valid, and if not, why.
    #[inline]
    #[must_use]
    pub fn state(&self) -> BookState {
        self.book.state()
    }

    /// The levels that the last message changed.
    #[must_use]
    pub fn changes(&self) -> Changes<'_> {
        self.book.changes()
    }

    /// The numbering of the feed's deltas.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The number of the last applied update; `None` while a snapshot is needed, and in a feed without
    /// numbers.
    #[must_use]
    pub fn last_id(&self) -> Option<u64> {
        match self.position {
            Position::Snapshot(id) | Position::Delta(id) => Some(id),
            Position::Lost | Position::Unnumbered => None,
        }
    }

    /// The number of buffered deltas.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The memory in bytes, including the heap: that of the book and of the delta buffer.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() - size_of::<Book<S>>() + self.book.memory() + self.buffer.heap_bytes()
    }
}

/// The next number after a position.
fn after(position: Position) -> u64 {
    match position {
        Position::Snapshot(id) | Position::Delta(id) => id.saturating_add(1),
        Position::Lost | Position::Unnumbered => 0,
    }
}

/// Classifies a delta with these numbers at a position: applied, old, or a gap.
#[inline]
fn step(position: Position, ids: Ids) -> Outcome {
    let next = match position {
        Position::Snapshot(id) if ids.first <= ids.last && ids.last <= id => return Outcome::Old,
        Position::Snapshot(id) => ids.is_bridged_by(id),
        Position::Delta(id) => ids.follows(id),
        Position::Lost | Position::Unnumbered => true,
    };
    if next {
        return Outcome::Applied;
    }
    let expected = after(position);
    Outcome::Gap(match ids.previous {
        Some(previous) => Gap::Sequence {
            expected: expected.saturating_sub(1),
            got: previous,
        },
        None => Gap::Sequence {
            expected,
            got: ids.first,
        },
    })
}
