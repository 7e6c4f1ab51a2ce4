//! The books of a feed, and the stores next to them: candles, accounts and recent trades.
//!
//! Nothing here names a venue. A venue adds each book with its [`BookConfig`]; readers get a [`BookRef`] of either
//! storage. Every change of a book's state passes through [`Books::change`], which queues it for the session to report.

mod account;
mod budget;
mod candles;
mod cause;
mod connections;
mod ids;
mod instrument;
mod memory;
mod staleness;
mod storage;
mod trades;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ticklot_book::{Book, BookRef, BookState, Epoch, Gap, Ids, Nanos, Scale};
#[cfg(feature = "feed")]
use ticklot_book::{Level, Snapshot};
use ticklot_frame::Trade;

pub use self::account::{Account, Balance, MAX_ORDERS, Order};
pub use self::budget::Reservation;
pub use self::candles::{Candle, Candles, MAX_CANDLES};
pub use self::cause::Cause;
pub use self::ids::{BookId, CandlesId, ConnectionId, OrderId};
pub use self::instrument::Instrument;
pub use self::storage::BookConfig;
pub use self::trades::MAX_TRADES;

pub(crate) use self::storage::Stored;

use self::budget::Budget;
use self::connections::Connection;
use self::instrument::OwnedInstrument;
use self::staleness::Deadlines;
use self::trades::NewTrades;

/// A scale that is checked at compile time.
#[allow(clippy::panic)] // evaluated only in constants, so it is a compile error
pub(crate) const fn const_scale(price_decimals: u8, quantity_decimals: u8) -> Scale {
    match Scale::new(price_decimals, quantity_decimals) {
        Ok(scale) => scale,
        Err(_) => panic!("too many decimals"),
    }
}

/// The number of a book's gaps, and of the snapshots that were requested to repair it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BookCounts {
    /// Sequence gaps, wrong checksums, and messages that could not be parsed or applied. Also counts errors that are
    /// detected while the book is a gap.
    pub gaps: u64,
    /// Snapshots that were requested to repair the book.
    pub resyncs: u64,
}

/// All books of a feed, by id.
///
/// [`Books::live`] is the usual call: it returns a book only while the book can be traded on. The result is exact
/// inside the handler, which runs at a known time. Between two calls of the handler a book can become stale, which is
/// reported at the next call. [`Books::last_known`] returns a book in any state.
///
/// # Cost
/// A lookup by id is an index. A lookup by [`Instrument`] hashes it. Processing a message never iterates over all books
/// or connections. Events of a whole connection (an open, a close, a message that cannot be attributed to one book)
/// iterate over the books of that connection.
#[derive(Default)]
pub struct Books {
    entries: Vec<Option<Box<Entry>>>,
    /// The number of books, without removed ones.
    count: usize,
    connections: Vec<Connection>,
    slots: HashMap<ConnectionId, usize>,
    /// By the hash of the instrument.
    by_instrument: HashMap<u64, Vec<BookId>>,
    candles: Vec<Candles>,
    /// Candles by the hash of their instrument and interval.
    by_interval: HashMap<u64, Vec<CandlesId>>,
    hasher: RandomState,
    deadlines: Deadlines,
    /// Changes of state that are not reported yet.
    changes: VecDeque<Change>,
    budget: Budget,
    /// The book whose charge is an estimate.
    estimated: Option<BookId>,
    /// The new trades of the last message that had any.
    new_trades: NewTrades,
}

/// A change of a book's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) book: BookId,
    pub(crate) old: BookState,
    pub(crate) new: BookState,
    pub(crate) cause: Cause,
}

/// A book with its bookkeeping.
#[derive(Debug)]
struct Entry {
    stored: Stored,
    connection: ConnectionId,
    /// The connection's slot.
    slot: usize,
    /// The index in the connection's list of books.
    position: usize,
    /// How long the book can go without an update before it is stale, in nanoseconds.
    limit: Option<u64>,
    /// The queued deadline at which the book can become stale.
    due: Option<Nanos>,
    instrument: OwnedInstrument,
    counts: BookCounts,
    /// The last trades, oldest first.
    trades: VecDeque<Trade>,
    /// The bytes that the budget counts for it.
    charged: usize,
    /// The number of levels of its largest snapshot.
    largest: usize,
    /// The number of delta levels that may still be applied before the book is measured.
    credit: usize,
}

impl Books {
    /// No books.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book, if it can be traded on: it had a snapshot in this epoch, no message is missing since, and it is
    /// neither stale nor crossed.
    #[inline]
    #[must_use]
    pub fn live(&self, id: BookId) -> Option<BookRef<'_>> {
        self.last_known(id).and_then(BookRef::live)
    }

    /// The book in any state. Check [`BookRef::state`] before you use its prices.
    #[inline]
    #[must_use]
    pub fn last_known(&self, id: BookId) -> Option<BookRef<'_>> {
        self.entry(id).map(|entry| entry.stored.view())
    }

    /// The state of a book; [`BookState::Empty`] for an unknown id.
    #[must_use]
    pub fn state(&self, id: BookId) -> BookState {
        self.entry(id)
            .map_or(BookState::Empty, |entry| entry.stored.state())
    }

    /// The instrument of a book; `None` for an unknown id.
    #[must_use]
    pub fn instrument(&self, id: BookId) -> Option<Instrument<'_>> {
        self.entry(id).map(|entry| entry.instrument.get())
    }

    /// The local name of a book: a symbol, or the id of an outcome. Empty for an unknown id.
    #[must_use]
    pub fn name(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| entry.instrument.name())
    }

    /// The market that a book belongs to: a symbol, or the market of an outcome. Empty for an unknown id.
    #[must_use]
    pub fn market(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| entry.instrument.market())
    }

    /// The connection that feeds the book.
    #[must_use]
    pub fn connection(&self, id: BookId) -> Option<ConnectionId> {
        self.entry(id).map(|entry| entry.connection)
    }

    /// The number of a book's gaps and snapshot requests. Zeros for an unknown id.
    #[must_use]
    pub fn counts(&self, id: BookId) -> BookCounts {
        self.entry(id).map(|entry| entry.counts).unwrap_or_default()
    }

    /// The latest trades of the book's instrument, oldest first: at most [`MAX_TRADES`]. They survive reconnects.
    pub fn trades(&self, id: BookId) -> impl DoubleEndedIterator<Item = &Trade> {
        self.entry(id)
            .into_iter()
            .flat_map(|entry| entry.trades.iter())
    }

    /// The book of an instrument. If several connections have one, the first that was added. O(1).
    #[must_use]
    pub fn find(&self, instrument: &Instrument<'_>) -> Option<BookId> {
        let ids = self.by_instrument.get(&self.hasher.hash_one(instrument))?;
        let is_it = |id: &BookId| self.instrument(*id).as_ref() == Some(instrument);
        ids.iter().copied().find(is_it)
    }

    /// The first book of this name, of any venue and market. O(n): store the id.
    #[must_use]
    pub fn find_name(&self, name: &str) -> Option<BookId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// The ids of all books, in ascending order.
    pub fn ids(&self) -> impl Iterator<Item = BookId> + use<'_> {
        let entries = self.entries.iter();
        let all = (0..).map(BookId).zip(entries);
        all.filter_map(|(id, entry)| entry.is_some().then_some(id))
    }

    /// The number of books.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the feed has no books.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an empty book to a connection and returns its id. If the connection has a book of the instrument already,
    /// returns the id of that book. For venues; allocates.
    ///
    /// Each connection that follows an instrument has a book of it. A replacement connection instead finds the existing
    /// book ([`Books::find`]) and takes it over ([`Context::adopt`](crate::venue::Context::adopt)).
    pub fn add(
        &mut self,
        connection: ConnectionId,
        instrument: &Instrument<'_>,
        config: BookConfig,
    ) -> BookId {
        let hash = self.hasher.hash_one(instrument);
        let known = self.by_instrument.get(&hash).into_iter().flatten();
        let own = |id: &&BookId| {
            self.connection(**id) == Some(connection)
                && self.instrument(**id).as_ref() == Some(instrument)
        };
        if let Some(id) = known.copied().find(|id| own(&id)) {
            return id;
        }
        let id = BookId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let slot = self.slot(connection, instrument.venue);
        let of = &mut self.connections[slot];
        self.entries.push(Some(Box::new(Entry {
            stored: config.build(),
            connection,
            slot,
            position: of.books.len(),
            limit: of.limit.map(nanos),
            due: None,
            instrument: (*instrument).into(),
            counts: BookCounts::default(),
            trades: VecDeque::new(),
            charged: 0,
            largest: 0,
            credit: 0,
        })));
        of.books.push(id);
        self.by_instrument.entry(hash).or_default().push(id);
        self.count += 1;
        self.measure_memory(id);
        id
    }

    /// A book that accepts only snapshots, for tools and tests that fill it without a session. No event reports the
    /// changes. `None` for a book with deltas.
    #[must_use]
    pub fn book_mut(&mut self, id: BookId) -> Option<&mut Book> {
        match &mut self.entry_mut(id)?.stored {
            Stored::Flat(book) => Some(book),
            Stored::FlatDeltas(_) | Stored::Ladder(_) => None,
        }
    }

    /// Whether the book accepts deltas.
    #[cfg(feature = "feed")]
    pub(crate) fn has_deltas(&self, id: BookId) -> bool {
        self.entry(id)
            .is_some_and(|entry| !matches!(entry.stored, Stored::Flat(_)))
    }

    /// Replaces the levels of a book by levels from outside its connection, if the budget has room for them.
    #[cfg(feature = "feed")]
    pub(crate) fn put_levels(&mut self, id: BookId, [bids, asks]: [&[Level]; 2], now: Nanos) {
        let Some(connection) = self.connection(id) else {
            return;
        };
        if !self.admit(connection, id, bids.len() + asks.len(), true) {
            return;
        }
        let snapshot = Snapshot {
            bids,
            asks,
            ..Snapshot::default()
        };
        self.change(id, now, |stored| {
            (stored.apply_snapshot(&snapshot, now), Cause::Snapshot)
        });
    }

    /// Removes a book. Its id is not reused.
    pub(crate) fn remove(&mut self, id: BookId) {
        let Some(entry) = self.entries.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.count -= 1;
        let mut charged = entry.charged;
        self.budget.charge(&mut charged, 0);
        self.detach(entry.slot, entry.position, entry.stored.state());
        let hash = self.hasher.hash_one(entry.instrument.get());
        if let Some(ids) = self.by_instrument.get_mut(&hash) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_instrument.remove(&hash);
            }
        }
    }

    /// Removes the book at a position from its connection's list.
    fn detach(&mut self, slot: usize, position: usize, state: BookState) {
        let Some(of) = self.connections.get_mut(slot) else {
            return;
        };
        of.stale -= usize::from(state == BookState::Stale);
        of.books.swap_remove(position);
        let moved = of.books.get(position).copied();
        if let Some(moved) = moved.and_then(|id| self.entry_mut(id)) {
            moved.position = position;
        }
    }

    /// Moves a book to another connection of its venue, whose next delta has these sequence numbers. Returns whether
    /// the numbers continue the book: see [`DeltaBook::adopt`](ticklot_book::DeltaBook::adopt).
    pub(crate) fn adopt(
        &mut self,
        id: BookId,
        connection: ConnectionId,
        epoch: Epoch,
        ids: Ids,
    ) -> bool {
        let Some(&to) = self.slots.get(&connection) else {
            return false;
        };
        let Some(entry) = self.entry_mut(id) else {
            return false;
        };
        if !entry.stored.adopt(ids, epoch) {
            return false;
        }
        let (slot, position, state) = (entry.slot, entry.position, entry.stored.state());
        self.detach(slot, position, state);
        let of = &mut self.connections[to];
        let (position, limit) = (of.books.len(), of.limit.map(nanos));
        of.books.push(id);
        of.stale += usize::from(state == BookState::Stale);
        if let Some(entry) = self.entry_mut(id) {
            (entry.connection, entry.slot) = (connection, to);
            (entry.position, entry.limit) = (position, limit);
        }
        true
    }

    /// Stores the new trades of a message, which [`Books::new_trades`] then returns. With `repeats`, the list may
    /// repeat earlier trades: see [`NewTrades::take`].
    pub(crate) fn keep_trades(&mut self, id: BookId, list: &[Trade], repeats: bool) {
        let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) else {
            return;
        };
        let before = entry.trades.capacity();
        self.new_trades.take(&mut entry.trades, list, repeats);
        if entry.trades.capacity() > before {
            self.measure_memory(id);
        }
    }

    /// The trades that the last [`Books::keep_trades`] stored, oldest first.
    pub(crate) fn new_trades(&self) -> &[Trade] {
        self.new_trades.listed()
    }

    /// Calls `work` on a book, and queues the change of its state, if there is one. `work` returns its result and the
    /// cause of a change. A book whose deadline is before `now` becomes stale immediately.
    #[inline]
    pub(crate) fn change<R>(
        &mut self,
        id: BookId,
        now: Nanos,
        work: impl FnOnce(&mut Stored) -> (R, Cause),
    ) -> Option<R> {
        let connection = self.entry(id)?.connection;
        self.change_of(connection, id, now, work)
    }

    /// Like [`Books::change`], but only for a book of this connection; `None` for a book of another one.
    #[inline]
    pub(crate) fn change_of<R>(
        &mut self,
        connection: ConnectionId,
        id: BookId,
        now: Nanos,
        work: impl FnOnce(&mut Stored) -> (R, Cause),
    ) -> Option<R> {
        let entry = self.entries.get_mut(id.0 as usize)?.as_deref_mut()?;
        if entry.connection != connection {
            return None;
        }
        let old = entry.stored.state();
        let (result, cause) = work(&mut entry.stored);
        let new = entry.stored.state();
        if !entry.has_deadline() || !old.is_same(new) {
            self.changed(id, old, cause, now);
        }
        Some(result)
    }

    /// Checks the book's deadline, and queues the change if its state differs from `old`.
    #[cold]
    fn changed(&mut self, id: BookId, old: BookState, cause: Cause, now: Nanos) {
        let cause = match self.check_deadline(id, now) {
            true => Cause::Timeout,
            false => cause,
        };
        let Some(Some(entry)) = self.entries.get(id.0 as usize) else {
            return;
        };
        let new = entry.stored.state();
        if old.is_same(new) {
            return;
        }
        let of = &mut self.connections[entry.slot];
        of.stale += usize::from(new == BookState::Stale);
        of.stale -= usize::from(old == BookState::Stale);
        #[cfg(feature = "metrics")]
        if new == BookState::Stale {
            of.stale_counter.increment(1);
        }
        self.changes.push_back(Change {
            book: id,
            old,
            new,
            cause: Cause::of(new).unwrap_or(cause),
        });
    }

    /// Whether a change of state is not reported yet.
    #[inline]
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Removes the oldest change of state that is not reported yet.
    pub(crate) fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Drops the changes that are not reported yet.
    pub(crate) fn drop_changes(&mut self) {
        self.changes.clear();
    }

    /// The levels that the last message of a book changed.
    #[inline]
    pub(crate) fn changes(&self, id: BookId) -> ticklot_book::Changes<'_> {
        let book = self.last_known(id);
        book.map(BookRef::changes).unwrap_or_default()
    }

    /// Makes a book a gap, and counts it.
    pub(crate) fn mark_gap(&mut self, id: BookId, gap: Gap, now: Nanos) {
        self.count_gap(id);
        self.change(id, now, |stored| (stored.mark_gap(gap), Cause::from(gap)));
    }

    pub(crate) fn count_gap(&mut self, id: BookId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.counts.gaps += 1;
        }
    }

    pub(crate) fn count_resync(&mut self, id: BookId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.counts.resyncs += 1;
        }
    }

    #[inline]
    fn entry(&self, id: BookId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)?.as_deref()
    }

    #[inline]
    fn entry_mut(&mut self, id: BookId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0 as usize)?.as_deref_mut()
    }
}

/// A duration in nanoseconds, saturating.
pub(crate) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.ids();
        f.debug_map()
            .entries(ids.map(|id| (id, self.last_known(id))))
            .finish()
    }
}
