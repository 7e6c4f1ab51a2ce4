//! [`Book`]: levels, changes and validity.

use alloc::vec::Vec;
use core::time::Duration;

use crate::change::{Change, Changes};
use crate::coverage::Coverage;
use crate::digest;
use crate::scale::Scale;
use crate::state::{BookState, Epoch, Gap};
use crate::storage::{Flat, Storage};
use crate::units::{Level, Lots, Nanos, Side, Ticks, flip};
use crate::validate::{self, BookError, BookErrorKind, MAX_LEVELS};

/// An order book: bid and ask levels, and whether they are valid.
///
/// [`Book::live`] returns the book only while it is valid. The accessors of the book itself return the last
/// known levels in any state: check [`Book::state`] first. [`BookView`](crate::BookView) has the computations
/// beyond the best prices.
///
/// The type parameter selects the storage: [`Flat`] sorted arrays, or a [`Ladder`](crate::Ladder) for
/// incremental feeds and deep books. Both behave alike.
///
/// For a feed of deltas with sequence numbers or checksums, use a [`DeltaBook`](crate::DeltaBook), which
/// wraps a book.
///
/// # Allocation
/// A flat book stores each side twice on the heap: its current levels, and those before the last snapshot. It
/// reuses this memory, so a book that has seen its deepest snapshot and its largest delta does not allocate.
/// A ladder allocates its window when it is created, and later only for levels outside it.
#[derive(Clone, Debug)]
pub struct Book<S: Storage = Flat> {
    /// Bids and asks, by [`Side`].
    sides: [S; 2],
    /// Scratch buffers that sort an unordered input.
    sorted_bids: Vec<Level>,
    sorted_asks: Vec<Level>,
    /// The recorded changes. The sides of a flat book hold those of a snapshot until they are read.
    changes: Vec<Change>,
    /// The value of `updates` that the changes belong to. They are void after another update.
    changed: u64,
    /// Whether that update was a snapshot, whose changes the sides may hold.
    replaced: bool,
    scale: Scale,
    coverage: Coverage,
    /// The worst prices that the book stores, by [`Side`], as keys.
    bounds: [i64; 2],
    /// The maximum number of levels of a side.
    max_levels: usize,
    /// Whether there has been a snapshot.
    has_snapshot: bool,
    state: BookState,
    epoch: Epoch,
    updated: Nanos,
    updates: u64,
}

impl Book {
    /// An empty flat book, before the first connection.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        Self::with_storage(scale)
    }

    /// The bid levels, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        self.side(Side::Bid)
    }

    /// The ask levels, best (lowest) first.
    #[inline]
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        self.side(Side::Ask)
    }

    /// The levels of one side, best first.
    #[inline]
    #[must_use]
    pub fn side(&self, side: Side) -> &[Level] {
        self.sides[side as usize].as_slice()
    }
}

impl<S: Storage> Book<S> {
    /// An empty book with any storage, before the first connection.
    ///
    /// ```
    /// use ticklot_book::{Book, Ladder, Scale};
    ///
    /// let book = Book::<Ladder>::with_storage(Scale::UNIT);
    /// assert_eq!(book.best_bid(), None);
    /// ```
    #[must_use]
    pub fn with_storage(scale: Scale) -> Self {
        Self {
            sides: [S::new(Side::Bid), S::new(Side::Ask)],
            sorted_bids: Vec::new(),
            sorted_asks: Vec::new(),
            changes: Vec::new(),
            changed: 0,
            replaced: false,
            scale,
            coverage: Coverage::SnapshotDepth,
            bounds: [i64::MAX; 2],
            max_levels: MAX_LEVELS,
            has_snapshot: false,
            state: BookState::Empty,
            epoch: Epoch::default(),
            updated: Nanos(0),
            updates: 0,
        }
    }

    /// Sets the coverage of the feed; the default is [`Coverage::SnapshotDepth`]. Call this before the first
    /// snapshot.
    #[must_use]
    pub fn with_coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = coverage;
        self.max_levels = coverage.max_levels().min(MAX_LEVELS);
        self
    }

    /// Starts a new epoch. The levels of the last connection stay readable, as [`BookState::Disconnected`],
    /// until the first snapshot of the new connection replaces them. A book that never had a snapshot stays
    /// [`BookState::Empty`].
    pub fn start_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.updates = 0;
        self.clear_changes();
        self.disconnect();
    }

    /// Replaces both sides with a snapshot received at `now`, and returns the levels that differ.
    ///
    /// The levels may be in any order. Levels of zero lots are ignored, and a side may be empty. The book is
    /// then [`BookState::Live`], or [`BookState::Crossed`] when its best bid is above its best ask. A locked
    /// book (equal best prices) is live, because levels that a venue has grouped by price lock legitimately.
    /// See [`Book::is_locked`].
    ///
    /// One pass validates and one merges. Allocates only to grow (see [`Book`]).
    ///
    /// # Errors
    /// A duplicate price on a side (also of a level of zero lots), a negative quantity, or more than
    /// [`MAX_LEVELS`] levels. The levels, the
    /// state and the age then stay unchanged, and [`Book::changes`] is empty.
    pub fn apply_snapshot(
        &mut self,
        bids: &[Level],
        asks: &[Level],
        now: Nanos,
    ) -> Result<Changes<'_>, BookError> {
        self.clear_changes();
        let bids = validate::ordered(Side::Bid, bids, &mut self.sorted_bids)?;
        let asks = validate::ordered(Side::Ask, asks, &mut self.sorted_asks)?;
        let bids = self.coverage.cut(bids);
        let asks = self.coverage.cut(asks);
        self.bounds = [(Side::Bid, bids), (Side::Ask, asks)]
            .map(|(side, levels)| self.coverage.bound(side, levels).0 ^ flip(side));
        self.has_snapshot = true;
        self.sides[0].replace(bids, &mut self.changes);
        self.sides[1].replace(asks, &mut self.changes);
        self.finish_update(now);
        self.changed = self.updates;
        self.replaced = true;
        Ok(self.changes())
    }

    /// Applies a delta received at `now` and returns its changes. Sets each level in order, or removes it
    /// when it has no lots. Removing a level that does not exist is not a change, and levels beyond the
    /// coverage of the book are ignored.
    ///
    /// For feeds without sequence numbers and checksums. A book that needs a snapshot rejects deltas, and a
    /// stale one becomes live again. Allocates only to grow.
    ///
    /// # Errors
    /// A negative quantity (nothing is applied), more than [`MAX_LEVELS`] levels (the preceding levels are
    /// applied), or a book that needs a snapshot ([`BookErrorKind::NoSnapshot`]). The levels are then out of
    /// date: a live, stale or crossed book becomes a gap, and so does an empty one.
    pub fn apply_delta(
        &mut self,
        bids: &[Level],
        asks: &[Level],
        now: Nanos,
    ) -> Result<Changes<'_>, BookError> {
        self.clear_changes();
        self.merge(bids, asks, now)?;
        Ok(self.changes())
    }

    /// Sets one level, or removes it when it has no lots, and returns the previous quantity at its price.
    /// This is the fastest form of [`Book::apply_delta`] for a delta of one level.
    ///
    /// [`Book::changes`] is empty afterwards. A level beyond the coverage of the book is ignored, and its own
    /// quantity is returned. A depth limit may remove a level without reporting it: a mirror of a book of
    /// [`Coverage::Top`] must use [`Book::apply_delta`].
    ///
    /// # Errors
    /// Those of [`Book::apply_delta`].
    #[inline]
    pub fn set(&mut self, side: Side, level: Level, now: Nanos) -> Result<Lots, BookErrorKind> {
        match self.set_fast(side, level.ticks, level.lots, level.count, now) {
            Some(old) => Ok(old),
            None => self.set_slow(side, level, now),
        }
    }

    /// [`Book::set`] on a live book whose side has room.
    ///
    /// Never inlined, with all arguments in registers. Behind a pointer, both sides share the same few
    /// instructions; otherwise the compiler selects each field's address per side.
    #[inline(never)]
    fn set_fast(
        &mut self,
        side: Side,
        ticks: Ticks,
        lots: Lots,
        count: u32,
        now: Nanos,
    ) -> Option<Lots> {
        if !self.state.is_live() | lots.0.is_negative() | self.is_full(side) {
            return None;
        }
        let old = self.put(side, Level { ticks, lots, count });
        self.finish_update(now);
        Some(old.lots)
    }

    /// [`Book::set`] with all checks.
    #[cold]
    #[inline(never)]
    fn set_slow(&mut self, side: Side, level: Level, now: Nanos) -> Result<Lots, BookErrorKind> {
        let checked = self.check_delta(side, core::slice::from_ref(&level));
        let checked = checked.and_then(|()| self.check_room(side, 0, &level));
        checked.map_err(|error| error.kind)?;
        let old = self.put(side, level);
        while self.is_over(side) {
            let _ = self.drop_worst(side);
        }
        self.finish_update(now);
        Ok(old.lots)
    }

    /// [`Book::apply_delta`], but appends to the existing changes.
    pub(crate) fn merge(
        &mut self,
        bids: &[Level],
        asks: &[Level],
        now: Nanos,
    ) -> Result<(), BookError> {
        self.check_delta(Side::Bid, bids)?;
        self.check_delta(Side::Ask, asks)?;
        for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
            for (index, level) in levels.iter().enumerate() {
                let level = level.normalized();
                self.check_room(side, index, &level)?;
                let old = self.put(side, level);
                if old != level {
                    self.changes
                        .push(Change::between(side, Some(&old), Some(&level)));
                }
            }
            self.cut(side);
        }
        self.finish_update(now);
        self.changed = self.updates;
        Ok(())
    }

    /// Whether deltas can be applied in the current state.
    #[inline]
    fn takes_deltas(&self) -> bool {
        matches!(
            self.state,
            BookState::Live | BookState::Crossed | BookState::Stale
        )
    }

    /// Checks one side of a delta before any of it is applied.
    #[inline]
    fn check_delta(&mut self, side: Side, levels: &[Level]) -> Result<(), BookError> {
        if !self.takes_deltas() {
            return Err(self.refuse_early(side, levels));
        }
        match levels.iter().position(|level| level.lots < Lots(0)) {
            None => Ok(()),
            Some(index) => {
                Err(self.refuse(BookErrorKind::NegativeLots, side, index, &levels[index]))
            }
        }
    }

    /// Checks that a side has room for a level.
    #[inline]
    fn check_room(&mut self, side: Side, index: usize, level: &Level) -> Result<(), BookError> {
        let levels = &self.sides[side as usize];
        let over = levels.len() >= MAX_LEVELS
            && level.lots != Lots(0)
            && levels.get(level.ticks).is_none();
        if over {
            return Err(self.refuse(BookErrorKind::TooManyLevels, side, index, level));
        }
        Ok(())
    }

    /// The error for a delta to a book that needs a snapshot.
    #[cold]
    fn refuse_early(&mut self, side: Side, levels: &[Level]) -> BookError {
        if self.state == BookState::Empty {
            self.state = BookState::Gap(Gap::NoSnapshot);
        }
        let level = levels.first().copied().unwrap_or_default();
        validate::error(BookErrorKind::NoSnapshot, side, 0, &level)
    }

    #[cold]
    fn refuse(
        &mut self,
        kind: BookErrorKind,
        side: Side,
        index: usize,
        level: &Level,
    ) -> BookError {
        self.state = BookState::Gap(Gap::Refused);
        validate::error(kind, side, index, level)
    }

    /// Applies one level of a checked delta. Returns the previous level, or `level` itself when the book does
    /// not cover its price.
    #[inline(always)]
    fn put(&mut self, side: Side, level: Level) -> Level {
        if level.ticks.0 ^ flip(side) > self.bounds[side as usize] {
            return level;
        }
        self.sides[side as usize].set(level)
    }

    /// Whether a side has the maximum number of levels.
    #[inline]
    fn is_full(&self, side: Side) -> bool {
        self.sides[side as usize].len() >= self.max_levels
    }

    /// Whether a side has more levels than its feed maintains.
    #[inline]
    fn is_over(&self, side: Side) -> bool {
        self.sides[side as usize].len() > self.coverage.max_levels()
    }

    /// Removes the levels beyond the depth that the feed maintains, and records the changes.
    fn cut(&mut self, side: Side) {
        while self.is_over(side) {
            let change = self.drop_worst(side);
            self.changes.extend(change);
        }
    }

    fn drop_worst(&mut self, side: Side) -> Option<Change> {
        let levels = &mut self.sides[side as usize];
        let worst = levels.worst()?;
        levels.set(Level::new(worst.ticks, Lots(0)));
        Some(Change::between(side, Some(&worst), None))
    }

    /// Records that a message was applied completely.
    #[inline(always)]
    fn finish_update(&mut self, now: Nanos) {
        self.updated = now;
        self.updates = self.updates.wrapping_add(1);
        self.state = self.state_of_levels();
    }

    /// Live or crossed, by the best prices.
    #[inline(always)]
    fn state_of_levels(&self) -> BookState {
        if self.is_crossed() {
            BookState::Crossed
        } else {
            BookState::Live
        }
    }

    /// Sets any state, for [`DeltaBook`](crate::DeltaBook).
    pub(crate) fn set_state(&mut self, state: BookState) {
        self.state = state;
    }

    pub(crate) fn clear_changes(&mut self) {
        self.changes.clear();
        self.changed = self.updates;
        self.replaced = false;
    }

    /// Records the changes of a snapshot, so that those of a delta can follow them.
    pub(crate) fn record_changes(&mut self) {
        if self.replaced {
            for (side, of) in self.sides.iter().zip([Side::Bid, Side::Ask]) {
                self.changes.extend(side.replaced().differences(of));
            }
        }
        self.replaced = false;
    }

    /// The levels that the last [`Book::apply_snapshot`] or [`Book::apply_delta`] changed. Empty after
    /// [`Book::set`], which returns the previous quantity, and after [`Book::start_epoch`].
    #[inline]
    #[must_use]
    pub fn changes(&self) -> Changes<'_> {
        if self.changed != self.updates {
            return Changes::default();
        }
        let replaced = if self.replaced {
            [self.sides[0].replaced(), self.sides[1].replaced()]
        } else {
            Default::default()
        };
        Changes::new(&self.changes, replaced)
    }

    /// Marks the connection as lost. The levels stay readable, but must not be traded on. A book that never
    /// had a snapshot stays [`BookState::Empty`].
    pub fn disconnect(&mut self) {
        if self.state != BookState::Empty {
            self.state = BookState::Disconnected;
        }
    }

    /// Marks the book invalid until the next snapshot, for instance when a message is missing or a checksum
    /// was wrong. An empty or disconnected book, which is invalid already, keeps its state.
    pub fn mark_gap(&mut self, gap: Gap) {
        if !matches!(self.state, BookState::Empty | BookState::Disconnected) {
            self.state = BookState::Gap(gap);
        }
    }

    /// Marks a live or crossed book [`BookState::Stale`] when no update was received for `limit`: staleness
    /// takes precedence over a crossed state. Returns whether the book became stale.
    pub fn expire(&mut self, now: Nanos, limit: Duration) -> bool {
        let old =
            matches!(self.state, BookState::Live | BookState::Crossed) && self.age(now) >= limit;
        if old {
            self.state = BookState::Stale;
        }
        old
    }

    /// Ends [`BookState::Stale`] after evidence that the book is current, such as a heartbeat of the venue.
    /// The book is live again, or crossed. Any other state stays. Returns whether the book was stale.
    ///
    /// The caller must know that no update was lost meanwhile, as on one TCP connection.
    pub fn refresh(&mut self) -> bool {
        let stale = self.state == BookState::Stale;
        if stale {
            self.state = self.state_of_levels();
        }
        stale
    }

    /// Changes the scale. If it differs, the stored levels are in the old unit, and a book that has had a
    /// snapshot becomes a gap ([`Gap::Scale`]) until the next one. Returns whether the scale differs.
    pub fn set_scale(&mut self, scale: Scale) -> bool {
        let differs = self.scale != scale;
        self.scale = scale;
        if differs {
            self.mark_gap(Gap::Scale);
        }
        differs
    }

    /// Moves the book to the epoch of another connection. Levels and state stay unchanged.
    pub(crate) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// The book, if it is valid and may be traded on.
    #[inline]
    #[must_use]
    pub fn live(&self) -> Option<&Self> {
        self.state.is_live().then_some(self)
    }

    /// Whether the book is valid, and if not, why.
    #[inline]
    #[must_use]
    pub fn state(&self) -> BookState {
        self.state
    }

    /// The epoch of the connection that feeds the book. While the book is [`BookState::Disconnected`], its
    /// levels are those of an earlier connection.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The time when the last message was received.
    #[must_use]
    pub fn updated(&self) -> Nanos {
        self.updated
    }

    /// The time since the last message was received.
    #[must_use]
    pub fn age(&self, now: Nanos) -> Duration {
        now.since(self.updated)
    }

    /// The number of messages applied in this epoch.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The value of a tick and a lot of this book.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The part of its market that the feed of this book covers.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The storage of one side.
    #[inline]
    #[must_use]
    pub fn storage(&self, side: Side) -> &S {
        &self.sides[side as usize]
    }

    /// The levels of one side, best first.
    #[inline]
    #[must_use]
    pub fn levels(&self, side: Side) -> S::Levels<'_> {
        self.sides[side as usize].levels()
    }

    /// The number of levels of a side.
    #[inline]
    #[must_use]
    pub fn depth_levels(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// The level at a price, if there is one.
    #[must_use]
    pub fn level(&self, side: Side, ticks: Ticks) -> Option<Level> {
        self.sides[side as usize].get(ticks)
    }

    /// The highest bid.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.sides[0].best()
    }

    /// The lowest ask.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.sides[1].best()
    }

    /// The best ask minus the best bid: zero when locked, negative when crossed, `None` on a one-sided book.
    /// Saturates.
    #[inline]
    #[must_use]
    pub fn spread(&self) -> Option<Ticks> {
        Some(self.best_ask()?.ticks - self.best_bid()?.ticks)
    }

    /// Whether the best bid is above the best ask.
    #[inline]
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        // The touch of an empty side is its worst possible price, so it crosses nothing.
        self.sides[0].touch() > self.sides[1].touch()
    }

    /// Whether the best bid equals the best ask.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.spread() == Some(Ticks(0))
    }

    /// The worst price of a side that the book covers. The quantity is known at this price and at every
    /// better one, and unknown beyond it. The price depends on the feed: see [`Coverage`]. `None` when the
    /// book covers no price of the side: before the first snapshot, and on an empty side of a feed of unknown
    /// depth.
    #[must_use]
    pub fn covers(&self, side: Side) -> Option<Ticks> {
        let levels = &self.sides[side as usize];
        match self.coverage {
            Coverage::SnapshotDepth => levels.worst().map(|level| level.ticks),
            _ if !self.has_snapshot => None,
            Coverage::Top(depth) if levels.len() >= depth => {
                levels.worst().map(|level| level.ticks)
            }
            _ => Some(Ticks(self.bounds[side as usize] ^ flip(side))),
        }
    }

    /// A digest of both sides: the IEEE CRC-32 of the ASCII text `ticks:lots,ticks:lots,...|ticks:lots,...`.
    /// Bids come before asks, each best first.
    ///
    /// Two books with the same prices and quantities have the same digest, whatever their storage. Does not
    /// allocate.
    #[must_use]
    pub fn crc32(&self) -> u32 {
        digest::crc32(self.levels(Side::Bid), self.levels(Side::Ask))
    }

    /// The memory of the book in bytes, including the heap.
    ///
    /// It is bounded by [`MAX_LEVELS`] levels per side, by the window of a [`Ladder`](crate::Ladder), and by
    /// the number of changes that the largest message made.
    #[must_use]
    pub fn memory(&self) -> usize {
        let sorted = self.sorted_bids.capacity() + self.sorted_asks.capacity();
        let sorted = sorted * size_of::<Level>();
        let sides: usize = self.sides.iter().map(Storage::heap_bytes).sum();
        size_of::<Self>() + sorted + sides + self.changes.capacity() * size_of::<Change>()
    }
}
