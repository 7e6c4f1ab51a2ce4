//! The book itself.

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

/// An order book: two sides of price levels, and what is known of their worth.
///
/// Reading goes two ways. [`Book::live`] is the easy one and gives the levels only while the book
/// can be trusted. The others, on the book itself, read whatever is there: look at
/// [`Book::state`] before you believe it. What a strategy asks beyond the touch is in
/// [`BookView`](crate::BookView).
///
/// How the levels are kept is the type parameter: [`Flat`] sorted arrays, or a
/// [`Ladder`](crate::Ladder) for incremental feeds and deep books. All else is the same.
///
/// A feed that sends deltas with sequence numbers or checksums is followed by a
/// [`DeltaBook`](crate::DeltaBook), which keeps a book.
///
/// # Allocation
/// A flat book keeps each side twice on the heap: as it is, and as it was before the last snapshot. The
/// space is kept; a book that has seen its deepest snapshot and its largest delta allocates no more. A
/// ladder allocates its window when it is made, and more only for levels beyond it.
#[derive(Clone, Debug)]
pub struct Book<S: Storage = Flat> {
    /// Bids and asks, by [`Side`].
    sides: [S; 2],
    /// To sort an input that came out of order.
    sorted_bids: Vec<Level>,
    sorted_asks: Vec<Level>,
    /// The recorded changes. A flat book's sides hold those of a snapshot until they are read.
    changes: Vec<Change>,
    /// Which update the changes are of: after another one there are none.
    changed: u64,
    /// Whether that was a snapshot, so that the sides know what it changed.
    replaced: bool,
    scale: Scale,
    coverage: Coverage,
    /// The worst prices that are kept at all, by [`Side`], as keys.
    bounds: [i64; 2],
    /// The most levels that a side may have.
    max_levels: usize,
    /// Whether there has been a snapshot.
    has_snapshot: bool,
    state: BookState,
    epoch: Epoch,
    updated: Nanos,
    updates: u64,
}

impl Book {
    /// An empty book, kept as flat sorted sides, not yet fed by any connection.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        Self::with_storage(scale)
    }

    /// The buyers' levels, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        self.side(Side::Bid)
    }

    /// The sellers' levels, best (lowest) first.
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
    /// An empty book of any storage, not yet fed by any connection.
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

    /// The same book for a feed that tells another part of its market than [`Coverage::SnapshotDepth`].
    /// To be called before the first snapshot.
    #[must_use]
    pub fn with_coverage(mut self, coverage: Coverage) -> Self {
        self.coverage = coverage;
        self.max_levels = coverage.max_levels().min(MAX_LEVELS);
        self
    }

    /// Starts a new epoch. What the last connection left stays to be looked at, as
    /// [`BookState::Disconnected`], until the first snapshot of the new one replaces it whole; a book
    /// that never had a snapshot stays [`BookState::Empty`].
    pub fn start_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.updates = 0;
        self.clear_changes();
        self.disconnect();
    }

    /// Replaces both sides by a snapshot that was received at `now`, and tells which levels differ
    /// from before: none, when nothing did.
    ///
    /// The order of the input is not trusted: levels may come in any order, and a level of zero
    /// lots is no level. A side may be empty. After it the book is [`BookState::Live`], or
    /// [`BookState::Crossed`] when its best bid is above its best ask. A locked book (equal bests) is
    /// live: levels that a venue has grouped by price lock without anything being wrong; see
    /// [`Book::is_locked`].
    ///
    /// One pass to check, one to merge. Allocates only to grow (see [`Book`]).
    ///
    /// # Errors
    /// A duplicate price on a side, a negative quantity, or more than [`MAX_LEVELS`] levels. The
    /// levels, the state and the age stay as they were, and there are no changes.
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

    /// Applies a delta that was received at `now`: each level is set, or taken out when it has no
    /// lots, in order. Tells what it changed; a level that is taken out and was not there is no
    /// change, and neither is one beyond what the book covers.
    ///
    /// For feeds without sequence numbers and checksums. A book that waits for a snapshot takes no
    /// delta; one that was stale is live again. Allocates only to grow.
    ///
    /// # Errors
    /// A negative quantity (nothing is applied), more than [`MAX_LEVELS`] levels (what comes before is
    /// applied), or no snapshot before it ([`BookErrorKind::NoSnapshot`]). In each case the book
    /// is a gap after it: what it holds is out of date.
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

    /// Sets one level, or takes it out when it has no lots: [`Book::apply_delta`] for a delta of one level.
    /// Returns what rested there before, and [`Book::changes`] tells nothing of it: the shortest way
    /// there is. A level beyond what the book covers is passed over, and returned as it came. What a
    /// depth limit takes out in return is not told; a mirror of a book of [`Coverage::Top`] uses
    /// [`Book::apply_delta`].
    ///
    /// # Errors
    /// As [`Book::apply_delta`]; the level is the one given.
    #[inline]
    pub fn set(&mut self, side: Side, level: Level, now: Nanos) -> Result<Lots, BookErrorKind> {
        match self.set_fast(side, level.ticks, level.lots, level.count, now) {
            Some(old) => Ok(old),
            None => self.set_slow(side, level, now),
        }
    }

    /// [`Book::set`] when nothing stands against it: the book is live, and the side has room.
    ///
    /// Never inlined, and all of it goes through registers: with the book behind a pointer both sides
    /// are the same few instructions, where else the compiler chooses each field's address anew.
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

    /// [`Book::set`] when something may stand against it.
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

    /// [`Book::apply_delta`], added to the changes that are there.
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

    /// Whether the book is one that deltas can be applied to.
    #[inline]
    fn takes_deltas(&self) -> bool {
        matches!(
            self.state,
            BookState::Live | BookState::Crossed | BookState::Stale
        )
    }

    /// Whether a delta can be applied at all: before anything of it is.
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

    /// Whether a level still has room on its side.
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

    /// A delta for a book that waits for a snapshot.
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

    /// One level of a delta that may be applied. Returns what was there; the level itself when the book
    /// does not cover its price.
    #[inline(always)]
    fn put(&mut self, side: Side, level: Level) -> Level {
        if level.ticks.0 ^ flip(side) > self.bounds[side as usize] {
            return level;
        }
        self.sides[side as usize].set(level)
    }

    /// Whether a side has as many levels as it may have.
    #[inline]
    fn is_full(&self, side: Side) -> bool {
        self.sides[side as usize].len() >= self.max_levels
    }

    /// Whether a side has more levels than its feed shows.
    #[inline]
    fn is_over(&self, side: Side) -> bool {
        self.sides[side as usize].len() > self.coverage.max_levels()
    }

    /// Takes out what is beyond the depth that the feed shows, and tells it.
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

    /// A message has been applied whole.
    #[inline(always)]
    fn finish_update(&mut self, now: Nanos) {
        self.updated = now;
        self.updates = self.updates.wrapping_add(1);
        self.state = self.state_of_levels();
    }

    /// The state that the levels of a current book give it.
    #[inline(always)]
    fn state_of_levels(&self) -> BookState {
        if self.is_crossed() {
            BookState::Crossed
        } else {
            BookState::Live
        }
    }

    /// Any state, for the follower of a feed.
    pub(crate) fn set_state(&mut self, state: BookState) {
        self.state = state;
    }

    pub(crate) fn clear_changes(&mut self) {
        self.changes.clear();
        self.changed = self.updates;
        self.replaced = false;
    }

    /// Finds the changes of a snapshot, so that those of a delta can follow them.
    pub(crate) fn record_changes(&mut self) {
        if self.replaced {
            for (side, of) in self.sides.iter().zip([Side::Bid, Side::Ask]) {
                self.changes.extend(side.replaced().differences(of));
            }
        }
        self.replaced = false;
    }

    /// The levels that the last message changed: a [`Book::apply_snapshot`] or a [`Book::apply_delta`]. None after a
    /// [`Book::set`], which returns what it changed, and after [`Book::start_epoch`].
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

    /// The connection is gone: the levels are kept to look at, and are not to be traded on. A
    /// book that never had a snapshot stays [`BookState::Empty`].
    pub fn disconnect(&mut self) {
        if self.state != BookState::Empty {
            self.state = BookState::Disconnected;
        }
    }

    /// A message is missing or a checksum was wrong: not to be trusted until the next snapshot.
    /// A book without a connection or a snapshot stays as it is: it could not be trusted anyway.
    pub fn mark_gap(&mut self, gap: Gap) {
        if !matches!(self.state, BookState::Empty | BookState::Disconnected) {
            self.state = BookState::Gap(gap);
        }
    }

    /// Marks a live book [`BookState::Stale`] when nothing has come for `limit`; a crossed
    /// one too, since what is old is the graver fault. Returns whether it did.
    pub fn expire(&mut self, now: Nanos, limit: Duration) -> bool {
        let old =
            matches!(self.state, BookState::Live | BookState::Crossed) && self.age(now) >= limit;
        if old {
            self.state = BookState::Stale;
        }
        old
    }

    /// Ends [`BookState::Stale`]: the venue proved that the book is current, by a heartbeat say. The book is
    /// live again, or crossed. Any other state stays. Returns whether it was stale.
    ///
    /// The caller vouches that no update was lost meanwhile, as on one TCP connection.
    pub fn refresh(&mut self) -> bool {
        let stale = self.state == BookState::Stale;
        if stale {
            self.state = self.state_of_levels();
        }
        stale
    }

    /// Changes the scale. When it differs, the levels are in another unit: a book that has any becomes a
    /// gap ([`Gap::Scale`]) until its next snapshot. Returns whether it differs.
    pub fn set_scale(&mut self, scale: Scale) -> bool {
        let differs = self.scale != scale;
        self.scale = scale;
        if differs {
            self.mark_gap(Gap::Scale);
        }
        differs
    }

    /// Moves the book to another connection's epoch, levels and state unchanged.
    pub(crate) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// The book, if it can be traded on. The easy call.
    #[inline]
    #[must_use]
    pub fn live(&self) -> Option<&Self> {
        self.state.is_live().then_some(self)
    }

    /// What the book says of itself.
    #[inline]
    #[must_use]
    pub fn state(&self) -> BookState {
        self.state
    }

    /// The connection that feeds the book. While the book is [`BookState::Disconnected`] its levels are
    /// still those of an earlier one.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// When the last message was applied.
    #[must_use]
    pub fn updated(&self) -> Nanos {
        self.updated
    }

    /// How long ago the last message was applied.
    #[must_use]
    pub fn age(&self, now: Nanos) -> Duration {
        now.since(self.updated)
    }

    /// How many messages were applied in this epoch.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// What a tick and a lot of this book are worth.
    #[must_use]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Which part of its market the book's feed tells.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// How the levels of one side are kept.
    #[inline]
    #[must_use]
    pub fn storage(&self, side: Side) -> &S {
        &self.sides[side as usize]
    }

    /// The levels of one side from the touch outward.
    #[inline]
    #[must_use]
    pub fn levels(&self, side: Side) -> S::Levels<'_> {
        self.sides[side as usize].levels()
    }

    /// How many levels a side has.
    #[inline]
    #[must_use]
    pub fn depth_levels(&self, side: Side) -> usize {
        self.sides[side as usize].len()
    }

    /// The level at a price, if anything rests there.
    #[must_use]
    pub fn level(&self, side: Side, ticks: Ticks) -> Option<Level> {
        self.sides[side as usize].get(ticks)
    }

    /// The highest buyer.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.sides[0].best()
    }

    /// The lowest seller.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.sides[1].best()
    }

    /// Best ask less best bid: zero when locked, negative when crossed, none on a one-sided book.
    /// At the end of the range when it does not fit.
    #[inline]
    #[must_use]
    pub fn spread(&self) -> Option<Ticks> {
        Some(self.best_ask()?.ticks - self.best_bid()?.ticks)
    }

    /// Whether the best bid is above the best ask.
    #[inline]
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        // An empty side is at the worst price there is: no price of the other is beyond that.
        self.sides[0].touch() > self.sides[1].touch()
    }

    /// Whether the best bid equals the best ask.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.spread() == Some(Ticks(0))
    }

    /// The worst price of a side that the book speaks for: what rests at it and at every better
    /// price is known, beyond it nothing is. What that price is depends on the feed; see
    /// [`Coverage`]. None when the book speaks for no price of that side: before the first
    /// snapshot, and on an empty side of a feed whose limit is not known.
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

    /// A digest of both sides: the IEEE CRC-32 of the ASCII text
    /// `ticks:lots,ticks:lots,...|ticks:lots,...`, bids then asks, best first.
    ///
    /// Two books with the same prices and quantities have the same digest, however they are kept.
    /// Does not allocate.
    #[must_use]
    pub fn crc32(&self) -> u32 {
        digest::crc32(self.levels(Side::Bid), self.levels(Side::Ask))
    }

    /// The bytes that the book holds now, inside it and on the heap.
    ///
    /// Bounded: by [`MAX_LEVELS`] levels a side and, for a [`Ladder`](crate::Ladder), its window; by as
    /// many changes as the largest message made.
    #[must_use]
    pub fn memory(&self) -> usize {
        let sorted = self.sorted_bids.capacity() + self.sorted_asks.capacity();
        let sorted = sorted * size_of::<Level>();
        let sides: usize = self.sides.iter().map(Storage::heap_bytes).sum();
        size_of::<Self>() + sorted + sides + self.changes.capacity() * size_of::<Change>()
    }
}
