//! A book that follows a feed of deltas.

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

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It is in the book.
    Applied,
    /// The book had it already: nothing was done.
    Old,
    /// It is kept until a snapshot comes that it goes on from.
    Buffered,
    /// The book waits for a snapshot, and the feed's deltas cannot be kept for it: passed over.
    Waiting,
    /// It broke the book's trust, or could not be kept for the snapshot that is waited for. The state
    /// says what broke the trust first, until a snapshot repairs it.
    Gap(Gap),
}

/// Where in its feed a book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// A snapshot is needed.
    Lost,
    /// After a snapshot of this number; no delta applied yet.
    Snapshot(u64),
    /// After a delta of this number.
    Delta(u64),
    /// In a feed without numbers.
    Unnumbered,
}

/// A venue's own checksum of a book.
pub type Checksum<S> = fn(&Book<S>) -> u32;

/// A [`Book`] that is kept right by snapshots and deltas, or says that it is not.
///
/// The feed's [`Sequence`] decides which delta may follow which. A missing delta, a wrong
/// checksum, or a delta for a book that has no snapshot and cannot wait for one makes the book
/// [`BookState::Gap`] at once, with what was expected and what came, and it stays so until a
/// snapshot repairs it. Numbered deltas that come while a snapshot is needed are kept, up to
/// [`MAX_BUFFERED_DELTAS`](crate::MAX_BUFFERED_DELTAS) and
/// [`MAX_BUFFERED_LEVELS`](crate::MAX_BUFFERED_LEVELS), and bridged when it comes.
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
/// That of the book, and of the deltas that are kept; nothing once both have grown.
#[derive(Clone, Debug)]
pub struct DeltaBook<S: Storage = Flat> {
    book: Book<S>,
    sequence: Sequence,
    checksum: Option<Checksum<S>>,
    position: Position,
    /// The last number that the book had when its position was lost.
    floor: Option<u64>,
    buffer: DeltaBuffer,
}

impl<S: Storage> DeltaBook<S> {
    /// Follows a feed with `book`, which has had no snapshot yet.
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

    /// The same book, which compares what `checksum` makes of it with each checksum that comes. Without
    /// it, checksums are passed over.
    #[must_use]
    pub fn with_checksum(mut self, checksum: Checksum<S>) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Replaces the book by a snapshot that was received at `now`, and applies the deltas that waited
    /// for it. [`DeltaBook::changes`] tells what all of them changed, in order.
    ///
    /// [`Outcome::Old`] for one that is older than the deltas already applied to a book that can be
    /// trusted: the book is the newer of the two, and stays. Also while no deltas wait, for one that is
    /// older than the levels of a book that is a gap, which stays one. [`Outcome::Gap`] when the deltas that
    /// waited do not go on from it: they still wait, for a newer one.
    ///
    /// # Errors
    /// Those of [`Book::apply_snapshot`]; the book is a gap then ([`Gap::Refused`]), its levels as before.
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

    /// Applies a delta that was received at `now`, if it is the next one. [`DeltaBook::changes`] tells
    /// what it changed: nothing, when it was not applied.
    ///
    /// # Errors
    /// Those of [`Book::apply_delta`]; the book is a gap then ([`Gap::Refused`]).
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

    /// Compares the book with the venue's checksum of it.
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

    /// Applies the deltas that waited for the snapshot that has just come. What does not go on from it
    /// waits for another.
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
        // One that was refused would be refused again.
        buffer.drop_first(done + usize::from(outcome.is_err()));
        self.buffer = buffer;
        Ok(match outcome? {
            Outcome::Old => Outcome::Applied,
            outcome => outcome,
        })
    }

    /// A delta came while a snapshot is needed.
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

    /// Keeps a numbered delta for the next snapshot.
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

    /// The book cannot be trusted until a snapshot comes. Its state says what was wrong first.
    #[cold]
    fn enter_gap(&mut self, gap: Gap) -> Outcome {
        self.forget_position();
        if !matches!(self.book.state(), BookState::Gap(_)) {
            self.book.set_state(BookState::Gap(gap));
        }
        Outcome::Gap(gap)
    }

    /// Starts a new epoch: see [`Book::start_epoch`]. Deltas that waited are dropped.
    pub fn start_epoch(&mut self, epoch: Epoch) {
        self.restart();
        self.book.start_epoch(epoch);
    }

    /// The connection is gone: see [`Book::disconnect`]. Deltas that waited are dropped.
    pub fn disconnect(&mut self) {
        self.restart();
        self.book.disconnect();
    }

    /// Something is missing or wrong that the book cannot see itself, such as a message that could not
    /// be decoded: see [`Book::mark_gap`]. Only a snapshot repairs it.
    pub fn mark_gap(&mut self, gap: Gap) {
        self.forget_position();
        self.book.mark_gap(gap);
    }

    fn forget_position(&mut self) {
        self.floor = self.last_id().or(self.floor);
        self.position = Position::Lost;
    }

    /// The oldest snapshot that may repair the book. Where deltas wait, their numbers decide it instead,
    /// also in a feed that starts its numbers again.
    fn floor(&self) -> Option<u64> {
        self.floor.filter(|_| self.buffer.len() == 0)
    }

    /// Marks the book stale when nothing has come for `limit`: see [`Book::expire`]. The next delta that
    /// goes on from it makes it live again.
    pub fn expire(&mut self, now: Nanos, limit: Duration) -> bool {
        self.book.expire(now, limit)
    }

    /// Ends [`BookState::Stale`]: see [`Book::refresh`].
    pub fn refresh(&mut self) -> bool {
        self.book.refresh()
    }

    /// Changes the scale: see [`Book::set_scale`]. When it differs, a snapshot is needed, and deltas that
    /// waited for one are dropped.
    pub fn set_scale(&mut self, scale: Scale) -> bool {
        let differs = self.book.set_scale(scale);
        if differs {
            self.restart();
        }
        differs
    }

    /// Whether a delta of these numbers shows that its feed continues this book: it is the next one, it
    /// overlaps the book's position, or the book has it already.
    #[must_use]
    pub fn is_continued_by(&self, ids: Ids) -> bool {
        let ids = self.sequence.read(ids);
        let first = ids
            .previous
            .map_or(ids.first, |previous| previous.saturating_add(1));
        let next = self.last_id().map(|id| id.saturating_add(1));
        ids.first <= ids.last && next.is_some_and(|next| first <= next)
    }

    /// Continues the book from the feed of another connection, whose next delta has these numbers, without
    /// losing validity. The book takes the new epoch; levels, state and age stay. Deltas that the book has
    /// already are passed over afterwards, and one that overlaps its position is applied (deltas
    /// carry whole quantities, so applying one twice changes nothing).
    ///
    /// Returns false, and changes nothing, unless the numbers prove that no update lies between
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

    /// The book, if it can be traded on. The easy call.
    #[inline]
    #[must_use]
    pub fn live(&self) -> Option<&Book<S>> {
        self.book.live()
    }

    /// The book in whatever state it is. Look at [`Book::state`] before you believe it.
    #[inline]
    #[must_use]
    pub fn last_known(&self) -> &Book<S> {
        &self.book
    }

    /// What the book says of itself.
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

    /// How the feed numbers its deltas.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The number of the last update that is in the book; none while a snapshot is needed, and none
    /// in a feed without numbers.
    #[must_use]
    pub fn last_id(&self) -> Option<u64> {
        match self.position {
            Position::Snapshot(id) | Position::Delta(id) => Some(id),
            Position::Lost | Position::Unnumbered => None,
        }
    }

    /// How many deltas wait for a snapshot.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes that it holds now, inside it and on the heap: those of the book and of the deltas that
    /// wait, or once waited.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() - size_of::<Book<S>>() + self.book.memory() + self.buffer.heap_bytes()
    }
}

/// The number that goes on from a position.
fn after(position: Position) -> u64 {
    match position {
        Position::Snapshot(id) | Position::Delta(id) => id.saturating_add(1),
        Position::Lost | Position::Unnumbered => 0,
    }
}

/// What a delta of these numbers is at a position: applied, old, or a gap.
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
