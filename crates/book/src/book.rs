//! The book itself.

use alloc::vec::Vec;

use crate::scale::Scale;
use crate::side::{self, BookError, Levels};
use crate::trust::{Epoch, Gap, State};
use crate::units::{Level, Lots, Nanos, Side, Ticks};

/// The most levels that a side of a snapshot may have. Real books are far below; the limit keeps
/// a broken or hostile venue from growing a book without bound.
pub const MAX_LEVELS: usize = 65_536;

/// A level that is not what it was: appeared, changed or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The side it is on.
    pub side: Side,
    /// Its price.
    pub ticks: Ticks,
    /// What rested there before; 0 when the level is new.
    pub old_lots: Lots,
    /// What rests there now; 0 when the level is gone.
    pub new_lots: Lots,
    /// How many orders rest there now; 0 when the level is gone or the venue does not say.
    pub count: u32,
}

impl Change {
    pub(crate) fn between(side: Side, old: Option<&Level>, new: Option<&Level>) -> Self {
        let ticks = new.or(old).map_or(Ticks(0), |level| level.ticks);
        Self {
            side,
            ticks,
            old_lots: old.map_or(Lots(0), |level| level.lots),
            new_lots: new.map_or(Lots(0), |level| level.lots),
            count: new.map_or(0, |level| level.count),
        }
    }
}

/// The levels that a message changed: bids first, then asks, each best first.
pub type Changes = [Change];

/// An order book: two sides of price levels, and what is known of their worth.
///
/// Reading goes two ways. [`Book::live`] is the easy one and gives the levels only while the book
/// can be trusted. The others, on the book itself, read whatever is there: look at
/// [`Book::state`] before you believe it.
///
/// # Allocation
/// Up to 32 levels a side live inside the book. A deeper book moves to the heap once, and the
/// space is kept; a book that has seen its deepest snapshot and its largest change allocates no
/// more.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Levels,
    asks: Levels,
    /// The other halves of the two sides, to sort an input that came out of order.
    sorted_bids: Levels,
    sorted_asks: Levels,
    changes: Vec<Change>,
    scale: Scale,
    state: State,
    epoch: Epoch,
    updated: Nanos,
    updates: u64,
}

impl Book {
    /// An empty book, not yet fed by any connection.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        Self {
            bids: Levels::new(),
            asks: Levels::new(),
            sorted_bids: Levels::new(),
            sorted_asks: Levels::new(),
            changes: Vec::new(),
            scale,
            state: State::Empty,
            epoch: Epoch::default(),
            updated: Nanos(0),
            updates: 0,
        }
    }

    /// Starts a new epoch. What the last connection left stays to be looked at, as
    /// [`State::Disconnected`], until the first snapshot of the new one replaces it whole; a book
    /// that never had a snapshot stays [`State::Empty`].
    pub fn begin(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.updates = 0;
        self.disconnect();
    }

    /// Replaces both sides by a snapshot that was received at `now`, and tells which levels differ
    /// from before: none, when nothing did.
    ///
    /// The order of the input is not trusted: levels may come in any order, and a level of zero
    /// lots is no level. A side may be empty. After it the book is [`State::Live`], or
    /// [`State::Crossed`] when its best bid is above its best ask. A locked book (equal bests) is
    /// live: levels that a venue has grouped by price lock without anything being wrong; see
    /// [`Book::is_locked`].
    ///
    /// One pass to check, one to merge. Allocates only to grow (see [`Book`]).
    ///
    /// # Errors
    /// A duplicate price on a side, a negative quantity, or more than [`MAX_LEVELS`] levels. The
    /// book, its state and its age stay as they were.
    pub fn replace(
        &mut self,
        bids: &[Level],
        asks: &[Level],
        now: Nanos,
    ) -> Result<&Changes, BookError> {
        let bids = ordered(Side::Bid, bids, &mut self.sorted_bids)?;
        let asks = ordered(Side::Ask, asks, &mut self.sorted_asks)?;
        self.changes.clear();
        let mut changed = |change| self.changes.push(change);
        side::merge(Side::Bid, &mut self.bids, bids, &mut changed);
        side::merge(Side::Ask, &mut self.asks, asks, &mut changed);
        self.updated = now;
        self.updates = self.updates.saturating_add(1);
        self.state = if self.is_crossed() {
            State::Crossed
        } else {
            State::Live
        };
        Ok(&self.changes)
    }

    /// The levels that the last [`Book::replace`] changed.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The connection is gone: the levels are kept to look at, and are not to be traded on. A
    /// book that never had a snapshot stays [`State::Empty`].
    pub fn disconnect(&mut self) {
        if self.state != State::Empty {
            self.state = State::Disconnected;
        }
    }

    /// A message is missing or a checksum was wrong: not to be trusted until the next snapshot.
    /// A book without a connection or a snapshot stays as it is: it could not be trusted anyway.
    pub fn mark_gap(&mut self, gap: Gap) {
        if !matches!(self.state, State::Empty | State::Disconnected) {
            self.state = State::Gap(gap);
        }
    }

    /// Marks a live book [`State::Stale`] when nothing has come for `limit`; a crossed
    /// one too, since what is old is the graver fault. Returns whether it did.
    pub fn expire(&mut self, now: Nanos, limit: Nanos) -> bool {
        let old = matches!(self.state, State::Live | State::Crossed) && self.age(now) >= limit;
        if old {
            self.state = State::Stale;
        }
        old
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
    pub fn state(&self) -> State {
        self.state
    }

    /// The connection that feeds the book. While the book is [`State::Disconnected`] its levels are
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
    pub fn age(&self, now: Nanos) -> Nanos {
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

    /// The buyers' levels, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        &self.bids
    }

    /// The sellers' levels, best (lowest) first.
    #[inline]
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        &self.asks
    }

    /// The levels of one side, best first.
    #[inline]
    #[must_use]
    pub fn side(&self, side: Side) -> &[Level] {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    /// The highest buyer.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.first().copied()
    }

    /// The lowest seller.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.first().copied()
    }

    /// Best ask less best bid: zero when locked, negative when crossed, none on a one-sided book.
    #[must_use]
    pub fn spread(&self) -> Option<Ticks> {
        Some(self.best_ask()?.ticks - self.best_bid()?.ticks)
    }

    /// Whether the best bid is above the best ask.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.spread().is_some_and(|spread| spread < Ticks(0))
    }

    /// Whether the best bid equals the best ask.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.spread() == Some(Ticks(0))
    }

    /// The worst price of a side that the book speaks for; beyond it a depth-limited venue tells
    /// nothing. None when the side is empty.
    #[must_use]
    pub fn covers(&self, side: Side) -> Option<Ticks> {
        self.side(side).last().map(|level| level.ticks)
    }

    /// A digest of both sides: the IEEE CRC-32 of the ASCII text
    /// `ticks:lots,ticks:lots,...|ticks:lots,...`, bids then asks, best first.
    ///
    /// Two books with the same prices and quantities have the same digest. Does not allocate.
    #[must_use]
    pub fn crc32(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        hash_side(&mut crc, &self.bids);
        crc.update(b"|");
        hash_side(&mut crc, &self.asks);
        crc.finalize()
    }
}

/// The input as a side in order: itself, or sorted in `space`.
fn ordered<'a>(
    side: Side,
    input: &'a [Level],
    space: &'a mut Levels,
) -> Result<&'a [Level], BookError> {
    if side::is_in_order(side, input)? {
        return Ok(input);
    }
    side::put_in_order(side, input, space)?;
    Ok(space)
}

fn hash_side(crc: &mut crc32fast::Hasher, levels: &[Level]) {
    let mut separator: &[u8] = b"";
    for level in levels {
        crc.update(separator);
        hash_number(crc, level.ticks.0);
        crc.update(b":");
        hash_number(crc, level.lots.0);
        separator = b",";
    }
}

fn hash_number(crc: &mut crc32fast::Hasher, number: i64) {
    // The longest: a sign and nineteen digits.
    let mut text = [0_u8; 20];
    let mut at = text.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        text[at] = b'-';
    }
    crc.update(&text[at..]);
}
