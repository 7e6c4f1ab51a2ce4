//! The books of a feed, and the stores next to them: candles, accounts, recent trades.
//!
//! Nothing here names a venue. A venue says how each of its books is kept ([`BookConfig`]) when it adds
//! it; readers get a [`BookRef`] of either storage. Every change of a book's state passes through
//! [`Books::change`], which queues it for the session to report.

mod account;
mod budget;
mod candles;
mod cause;
mod expiry;
mod ids;
mod instrument;
mod storage;
mod trades;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ticklot_book::{Book, BookRef, BookState, Epoch, Gap, Ids, Nanos, Scale};
#[cfg(feature = "feed")]
use ticklot_book::{Level, Snapshot};
use ticklot_frame::{Trade, VenueName};

pub use self::account::{Account, Balance, MAX_ORDERS, Order};
pub use self::budget::Reservation;
pub use self::candles::{Candle, Candles, MAX_CANDLES};
pub use self::cause::Cause;
pub use self::ids::{BookId, CandlesId, ConnectionId, OrderId};
pub use self::instrument::Instrument;
pub use self::storage::BookConfig;
pub use self::trades::MAX_TRADES;

pub(crate) use self::storage::Stored;

use self::budget::{Budget, CREDIT, LEVEL_BYTES};
use self::expiry::{Expiry, Subject};
use self::instrument::OwnedInstrument;
use self::trades::NewTrades;

/// A scale that is known to be right when the crate is built.
#[allow(clippy::panic)] // in a constant it fails the build, never the program
pub(crate) const fn const_scale(price_decimals: u8, quantity_decimals: u8) -> Scale {
    match Scale::new(price_decimals, quantity_decimals) {
        Ok(scale) => scale,
        Err(_) => panic!("too many decimals"),
    }
}

/// How often a book lost its trust, and how often it was repaired by request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BookCounts {
    /// How many messages made it a gap, or found it one: a sequence gap, a wrong checksum, a message
    /// that could not be read or applied.
    pub gaps: u64,
    /// Snapshots that were requested to repair it.
    pub resyncs: u64,
}

/// All books of a feed, by id.
///
/// [`Books::live`] is the easy call, and gives a book only while it can be traded on. It is exact
/// inside the handler, which runs at a known time; between two calls of the handler time passes, and a
/// book may have become stale that is reported at the next one.
/// [`Books::last_known`] gives a book in any state.
///
/// # Cost
/// A lookup by id is an index. A lookup by [`Instrument`] hashes it. No call that a message leads to
/// walks over the books or the connections; only what concerns a whole connection (opening, closing, a
/// message that cannot be assigned to one book) walks over the books of that connection.
#[derive(Default)]
pub struct Books {
    entries: Vec<Option<Box<Entry>>>,
    /// How many of them are there.
    count: usize,
    connections: Vec<Connection>,
    slots: HashMap<ConnectionId, usize>,
    /// By the hash of the instrument.
    by_instrument: HashMap<u64, Vec<BookId>>,
    candles: Vec<Candles>,
    by_interval: HashMap<u64, Vec<CandlesId>>,
    hasher: RandomState,
    expiry: Expiry,
    /// Changes of state that were not reported yet.
    changes: VecDeque<Change>,
    budget: Budget,
    /// A book whose charge is an estimate.
    estimated: Option<BookId>,
    /// Of the last message that had trades.
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

/// A book and what belongs to it.
#[derive(Debug)]
struct Entry {
    stored: Stored,
    connection: ConnectionId,
    /// The connection's slot.
    slot: usize,
    /// Where it is in the connection's list of books.
    position: usize,
    /// After how long without a message it is stale, in nanoseconds.
    limit: Option<u64>,
    /// Its entry in the heap of what may become stale.
    due: Option<Nanos>,
    instrument: OwnedInstrument,
    counts: BookCounts,
    /// The last trades, oldest first.
    trades: VecDeque<Trade>,
    /// What the budget counts for it, in bytes.
    charged: usize,
    /// How many levels its largest snapshot had.
    largest: usize,
    /// How many levels of deltas it may take until it is measured.
    credit: usize,
}

impl Entry {
    /// Its size in bytes, with its share of the indexes.
    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.stored.heap_bytes()
            + self.trades.capacity() * size_of::<Trade>()
            + index_bytes(&self.instrument.get())
    }

    /// What the budget counts for it: its size, and what its levels may yet take. A snapshot that is not larger than
    /// any before it is not measured, and still makes the second copy of a flat book.
    fn charge(&self) -> usize {
        let levels = self.stored.heap_bytes();
        let most = self.largest.saturating_mul(LEVEL_BYTES);
        self.memory().saturating_add(most.saturating_sub(levels))
    }
}

/// What the names of an instrument take, here and in the maps of a venue.
fn index_bytes(instrument: &Instrument<'_>) -> usize {
    let names = instrument.market.len() + instrument.name.len();
    256 + 3 * (names + instrument.scope.map_or(0, str::len))
}

/// A connection, as far as its books are concerned.
#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    venue: VenueName,
    limit: Option<Duration>,
    books: Vec<BookId>,
    candles: Vec<CandlesId>,
    account: Option<Box<Account>>,
    /// When the connection last proved that its quiet books are current, where the venue's rule is
    /// that it can.
    alive: Nanos,
    /// How many of its books are stale.
    stale: usize,
    #[cfg(feature = "latency")]
    measured: Option<crate::observe::latency::Measured>,
    #[cfg(feature = "metrics")]
    stale_counter: StaleCounter,
}

/// The counter of a connection's stale books.
#[cfg(feature = "metrics")]
struct StaleCounter(metrics::Counter);

#[cfg(feature = "metrics")]
impl fmt::Debug for StaleCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaleCounter")
    }
}

impl Books {
    /// No books.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book, if it can be traded on: it had a snapshot in this epoch, recently, nothing is missing
    /// since, and it is not crossed. The easy call.
    #[inline]
    #[must_use]
    pub fn live(&self, id: BookId) -> Option<BookRef<'_>> {
        self.last_known(id).and_then(BookRef::live)
    }

    /// The book in whatever state it is. Check [`BookRef::state`] before you trust it.
    #[inline]
    #[must_use]
    pub fn last_known(&self, id: BookId) -> Option<BookRef<'_>> {
        self.entry(id).map(|entry| entry.stored.view())
    }

    /// A book's state; [`BookState::Empty`] for an id that is none.
    #[must_use]
    pub fn state(&self, id: BookId) -> BookState {
        self.entry(id)
            .map_or(BookState::Empty, |entry| entry.stored.state())
    }

    /// What the book is the book of; none for an id that is none.
    #[must_use]
    pub fn instrument(&self, id: BookId) -> Option<Instrument<'_>> {
        self.entry(id).map(|entry| entry.instrument.get())
    }

    /// The book's own name: a symbol, an outcome's id. Empty for an id that is none.
    #[must_use]
    pub fn name(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| entry.instrument.name())
    }

    /// The market that the book belongs to: a symbol, or the market of an outcome.
    #[must_use]
    pub fn market(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| entry.instrument.market())
    }

    /// The connection that feeds the book.
    #[must_use]
    pub fn connection(&self, id: BookId) -> Option<ConnectionId> {
        self.entry(id).map(|entry| entry.connection)
    }

    /// How often the book lost its trust, and was repaired.
    #[must_use]
    pub fn counts(&self, id: BookId) -> BookCounts {
        self.entry(id).map(|entry| entry.counts).unwrap_or_default()
    }

    /// The trades of the book's instrument that were reported last, oldest first: at most
    /// [`MAX_TRADES`]. They are kept over reconnects.
    pub fn trades(&self, id: BookId) -> impl DoubleEndedIterator<Item = &Trade> {
        self.entry(id)
            .into_iter()
            .flat_map(|entry| entry.trades.iter())
    }

    /// The book of an instrument; the first that was added, where several connections have one of their
    /// own. O(1).
    #[must_use]
    pub fn find(&self, instrument: &Instrument<'_>) -> Option<BookId> {
        let ids = self.by_instrument.get(&self.hasher.hash_one(instrument))?;
        let is_it = |id: &BookId| self.instrument(*id).as_ref() == Some(instrument);
        ids.iter().copied().find(is_it)
    }

    /// The first book of this name, of whatever venue and market. A walk over all books: keep the id.
    #[must_use]
    pub fn find_name(&self, name: &str) -> Option<BookId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// The candles of an instrument and an interval. O(1).
    #[must_use]
    pub fn candles(&self, instrument: &Instrument<'_>, interval: &str) -> Option<&Candles> {
        let ids = self
            .by_interval
            .get(&self.hasher.hash_one((instrument, interval)))?;
        let mut all = ids.iter().filter_map(|id| self.candles.get(id.0));
        all.find(|candles| candles.instrument() == *instrument && candles.interval() == interval)
    }

    /// All candles that are followed.
    pub fn all_candles(&self) -> impl Iterator<Item = &Candles> {
        self.candles.iter()
    }

    /// The account of a connection, if it follows one. O(1).
    #[must_use]
    pub fn account_of(&self, connection: ConnectionId) -> Option<&Account> {
        self.connection_of(connection)?.account.as_deref()
    }

    /// The account, when exactly one connection follows one. None with several: see [`Books::accounts`].
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        let mut all = self.accounts();
        let (_, _, account) = all.next()?;
        all.next().is_none().then_some(account)
    }

    /// The account of each connection that follows one, with the connection's venue.
    pub fn accounts(&self) -> impl Iterator<Item = (ConnectionId, VenueName, &Account)> {
        let all = self.connections.iter();
        all.filter_map(|it| Some((it.id, it.venue, it.account.as_deref()?)))
    }

    /// How long the stages of a connection's books took; none when they are not measured.
    #[cfg(feature = "latency")]
    #[must_use]
    pub fn latency(&self, connection: ConnectionId) -> Option<&crate::observe::latency::Latency> {
        let measured = self.connection_of(connection)?.measured.as_ref()?;
        Some(measured.latency())
    }

    /// The same of every connection that is measured.
    #[cfg(feature = "latency")]
    pub fn latencies(
        &self,
    ) -> impl Iterator<Item = (ConnectionId, &crate::observe::latency::Latency)> {
        let all = self.connections.iter();
        all.filter_map(|it| Some((it.id, it.measured.as_ref()?.latency())))
    }

    #[cfg(feature = "latency")]
    pub(crate) fn measured(
        &mut self,
        connection: ConnectionId,
    ) -> Option<&mut crate::observe::latency::Measured> {
        let slot = *self.slots.get(&connection)?;
        self.connections.get_mut(slot)?.measured.as_mut()
    }

    /// Measures the stages of a connection's books from now on, if the budget has room for the histograms;
    /// earlier measurements are kept.
    #[cfg(feature = "latency")]
    pub(crate) fn measure(&mut self, connection: ConnectionId, venue: VenueName) {
        let slot = self.slot(connection, venue);
        let measured = &mut self.connections[slot].measured;
        if measured.is_none() {
            let budget = &self.budget;
            *measured =
                crate::observe::latency::Measured::new(venue, connection, |it| budget.reserve(it));
        }
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = BookId> + use<'_> {
        let entries = self.entries.iter();
        let all = (0..).map(BookId).zip(entries);
        all.filter_map(|(id, entry)| entry.is_some().then_some(id))
    }

    /// How many books there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that the books hold, their levels, trades and names with them: measured when they grow,
    /// and an estimate for the book that grew last. The levels of a book's largest snapshot count as the most that
    /// they may take. The desired topics of the connections and the buffers that
    /// long frames left with the decoders are estimated, too. [Reservations](Books::reserve) are included.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.budget.used()
    }

    /// What [`Books::memory`] may come to: the lowest [`Options::max_memory`](crate::Options::max_memory) of
    /// the feed's connections. None before the first connection.
    #[must_use]
    pub fn memory_limit(&self) -> Option<usize> {
        self.budget.limit()
    }

    /// Reserves memory of the feed's budget for what a program keeps of the feed itself, such as a histogram
    /// a book; dropping the [`Reservation`] gives it back. None when the budget has no room for it, or when more
    /// than a quarter of it would be reserved.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        self.budget.reserve(bytes)
    }

    /// Lowers the limit.
    pub(crate) fn limit_memory(&mut self, bytes: usize) {
        self.budget.lower(bytes);
    }

    /// Charges a decoder's buffers; false when there is no room for them.
    pub(crate) fn charge_buffers(&mut self, charged: &mut usize, new: usize) -> bool {
        self.budget.charge_buffers(charged, new)
    }

    /// Replaces the charge for a connection's topics, also beyond the limit.
    #[cold]
    pub(crate) fn charge_topics(&mut self, charged: &mut usize, new: usize) {
        self.budget.charge(charged, new);
    }

    /// Whether there is room for so many bytes, and for a book of this instrument.
    pub(crate) fn has_room_for(&mut self, bytes: usize, book: Option<&Instrument<'_>>) -> bool {
        self.measure_estimated();
        let book = book.map_or(0, |it| size_of::<Entry>() + index_bytes(it));
        self.budget.fits(0, bytes.saturating_add(book))
    }

    /// Whether there is room for what a message adds to a book, if it is one of this connection: a
    /// snapshot of so many levels, or a delta.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        connection: ConnectionId,
        id: BookId,
        levels: usize,
        is_snapshot: bool,
    ) -> bool {
        let Some(entry) = self.entry_mut(id) else {
            return true;
        };
        if is_snapshot && levels <= entry.largest {
            return true;
        }
        if !is_snapshot && levels <= entry.credit {
            entry.credit -= levels;
            return true;
        }
        entry.connection != connection || self.admit_growth(id, levels, is_snapshot)
    }

    #[cold]
    fn admit_growth(&mut self, id: BookId, levels: usize, is_snapshot: bool) -> bool {
        self.measure_estimated();
        let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) else {
            return true;
        };
        let growth = levels.saturating_add(if is_snapshot { 0 } else { CREDIT });
        let new = entry
            .memory()
            .saturating_add(growth.saturating_mul(LEVEL_BYTES));
        if !self.budget.fits(entry.charged, new) {
            return false;
        }
        self.budget.charge(&mut entry.charged, new);
        match is_snapshot {
            true => entry.largest = levels,
            false => entry.credit = CREDIT,
        }
        self.estimated = Some(id);
        true
    }

    /// Replaces the estimate of the book that grew last by a measurement.
    fn measure_estimated(&mut self) {
        if let Some(id) = self.estimated.take() {
            self.measure_memory(id);
        }
    }

    fn measure_memory(&mut self, id: BookId) {
        if let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) {
            let new = entry.charge();
            self.budget.charge(&mut entry.charged, new);
        }
    }

    /// Adds an empty book to a connection; a connection that has a book of the instrument keeps it, and
    /// its id is returned. For venues; allocates.
    ///
    /// Connections that follow the same instrument have a book each. A replacement connection instead
    /// finds the book ([`Books::find`]) and takes it over
    /// ([`Context::adopt`](crate::venue::Context::adopt)).
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

    /// The book of a connection without deltas, to be filled without a session: for tools and tests. No
    /// event reports what that changes.
    #[must_use]
    pub fn book_mut(&mut self, id: BookId) -> Option<&mut Book> {
        match &mut self.entry_mut(id)?.stored {
            Stored::Flat(book) => Some(book),
            Stored::FlatDeltas(_) | Stored::Ladder(_) => None,
        }
    }

    /// Whether the book is one of snapshots and deltas.
    #[cfg(feature = "feed")]
    pub(crate) fn has_deltas(&self, id: BookId) -> bool {
        self.entry(id)
            .is_some_and(|entry| !matches!(entry.stored, Stored::Flat(_)))
    }

    /// Replaces a book by levels that come from no message, and are no update of its connection.
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

    /// Removes a book. Its id is not used again.
    pub(crate) fn remove(&mut self, id: BookId) {
        let Some(entry) = self.entries.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.count -= 1;
        let mut charged = entry.charged;
        self.budget.charge(&mut charged, 0);
        self.leave(entry.slot, entry.position, entry.stored.state());
        let hash = self.hasher.hash_one(entry.instrument.get());
        if let Some(ids) = self.by_instrument.get_mut(&hash) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_instrument.remove(&hash);
            }
        }
    }

    /// Takes the book at a position out of its connection's list.
    fn leave(&mut self, slot: usize, position: usize, state: BookState) {
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

    /// Moves a book to another connection of its venue, whose next delta has these numbers: see
    /// [`DeltaBook::adopt`](ticklot_book::DeltaBook::adopt).
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
        self.leave(slot, position, state);
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

    /// Adds the candles of an instrument and an interval to a connection. For venues; allocates.
    pub fn add_candles(
        &mut self,
        connection: ConnectionId,
        instrument: &Instrument<'_>,
        interval: &str,
        scale: Scale,
    ) -> CandlesId {
        let id = CandlesId(self.candles.len());
        let slot = self.slot(connection, instrument.venue);
        let candles = Candles::new(instrument, interval, scale, slot);
        self.candles.push(candles);
        self.connections[slot].candles.push(id);
        let hash = self.hasher.hash_one((instrument, interval));
        self.by_interval.entry(hash).or_default().push(id);
        id
    }

    /// Adds the account of a connection, once. For venues; allocates.
    pub fn add_account(&mut self, connection: ConnectionId, venue: VenueName) {
        let slot = self.slot(connection, venue);
        self.connections[slot].account.get_or_insert_default();
    }

    pub(crate) fn candle_slot(&self, id: CandlesId) -> Option<&Candles> {
        self.candles.get(id.0)
    }

    /// Adds a candle to its series, or replaces the one of its time.
    pub(crate) fn put_candle(&mut self, id: CandlesId, candle: Candle, now: Nanos) {
        let Some(candles) = self.candles.get_mut(id.0) else {
            return;
        };
        candles.put(candle, now);
        if let Some(limit) = self.connections[candles.slot()].limit
            && candles.arm()
        {
            self.expiry.arm(now.after(limit), Subject::Candles(id.0));
        }
    }

    /// Changes the account of a connection; false when it follows none.
    pub(crate) fn change_account(
        &mut self,
        connection: ConnectionId,
        now: Nanos,
        work: impl FnOnce(&mut Account),
    ) -> bool {
        let Some(&slot) = self.slots.get(&connection) else {
            return false;
        };
        let of = &mut self.connections[slot];
        let Some(account) = &mut of.account else {
            return false;
        };
        work(account);
        if let Some(limit) = of.limit
            && account.arm()
        {
            self.expiry.arm(now.after(limit), Subject::Account(slot));
        }
        true
    }

    /// Keeps trades, newest last, and returns those that are new. `list` may repeat earlier trades where
    /// `repeats` says so: see [`NewTrades::take`].
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

    /// The trades that [`Books::keep_trades`] found new, oldest first.
    pub(crate) fn new_trades(&self) -> &[Trade] {
        self.new_trades.listed()
    }

    /// The slot of a connection, made when it is first named.
    fn slot(&mut self, connection: ConnectionId, venue: VenueName) -> usize {
        let next = self.connections.len();
        let slot = *self.slots.entry(connection).or_insert(next);
        if slot == next {
            self.connections.push(Connection {
                id: connection,
                venue,
                limit: None,
                books: Vec::new(),
                candles: Vec::new(),
                account: None,
                alive: Nanos(0),
                stale: 0,
                #[cfg(feature = "latency")]
                measured: None,
                #[cfg(feature = "metrics")]
                stale_counter: StaleCounter(crate::observe::metrics::stale(venue, connection)),
            });
        }
        slot
    }

    fn connection_of(&self, connection: ConnectionId) -> Option<&Connection> {
        self.connections.get(*self.slots.get(&connection)?)
    }

    /// Names the venue of a connection, and after how long without a message its books are stale: never,
    /// or at least a millisecond. Returns the connection's slot.
    pub(crate) fn set_connection(
        &mut self,
        connection: ConnectionId,
        venue: VenueName,
        limit: Option<Duration>,
    ) -> usize {
        let slot = self.slot(connection, venue);
        let limit = limit.map(|limit| limit.max(Duration::from_millis(1)));
        let of = &mut self.connections[slot];
        (of.venue, of.limit) = (venue, limit);
        let limit = limit.map(nanos);
        self.for_each(slot, |books, id| {
            if let Some(entry) = books.entry_mut(id) {
                entry.limit = limit;
            }
        });
        slot
    }

    /// After how long without a message the books of a connection are stale.
    pub(crate) fn limit(&self, connection: ConnectionId) -> Option<Duration> {
        self.connection_of(connection)?.limit
    }

    /// The venue of a connection; no name for a connection that is none.
    pub(crate) fn venue(&self, connection: ConnectionId) -> VenueName {
        self.connection_of(connection)
            .map_or(VenueName(""), |of| of.venue)
    }

    /// Works on a book, and queues the change of its state, if there is one. `work` returns what caused
    /// it. `now` decides whether the book is stale at once, since its message has waited.
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

    /// As [`Books::change`], of a book of this connection; none for another's.
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
        let is_armed = match (entry.limit, entry.due) {
            (None, _) => true,
            (Some(limit), Some(due)) => {
                entry.stored.view().updated().0.saturating_add(limit) >= due.0
            }
            (Some(_), None) => false,
        };
        if !is_armed || !old.is_same(new) {
            self.changed(id, old, cause, now);
        }
        Some(result)
    }

    /// A book's state changed, or it can become stale earlier than expected.
    #[cold]
    fn changed(&mut self, id: BookId, old: BookState, cause: Cause, now: Nanos) {
        let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) else {
            return;
        };
        let mut cause = cause;
        let can_expire = |state| matches!(state, BookState::Live | BookState::Crossed);
        if let (Some(limit), true) = (entry.limit, can_expire(entry.stored.state())) {
            let limit = Duration::from_nanos(limit);
            let of = &self.connections[entry.slot];
            let due = entry.stored.view().updated().max(of.alive).after(limit);
            if due <= now {
                entry.stored.expire(now, limit);
                cause = Cause::Timeout;
            } else if entry.due.is_none_or(|armed| due < armed) {
                entry.due = Some(due);
                self.expiry.arm(due, Subject::Book(id));
            }
        }
        let new = entry.stored.state();
        if old.is_same(new) {
            return;
        }
        let of = &mut self.connections[entry.slot];
        of.stale += usize::from(new == BookState::Stale);
        of.stale -= usize::from(old == BookState::Stale);
        #[cfg(feature = "metrics")]
        if new == BookState::Stale {
            of.stale_counter.0.increment(1);
        }
        self.changes.push_back(Change {
            book: id,
            old,
            new,
            cause: Cause::of(new).unwrap_or(cause),
        });
    }

    /// Whether a change of state was not reported yet.
    #[inline]
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The oldest change of state that was not reported yet.
    pub(crate) fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Drops the changes that were not reported: the handler wants no more.
    pub(crate) fn drop_changes(&mut self) {
        self.changes.clear();
    }

    /// The levels that the last message of a book changed.
    #[inline]
    pub(crate) fn changes(&self, id: BookId) -> ticklot_book::Changes<'_> {
        let book = self.last_known(id);
        book.map(BookRef::changes).unwrap_or_default()
    }

    /// A message of a book was lost, or could not be read or applied.
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

    /// Starts an epoch: the connection's books wait for their first snapshot.
    pub(crate) fn start_epoch(&mut self, slot: usize, epoch: Epoch, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| {
                (stored.start_epoch(epoch), Cause::Disconnected)
            });
        });
    }

    /// A connection is gone: nothing of it is live.
    pub(crate) fn disconnect(&mut self, slot: usize, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| (stored.disconnect(), Cause::Disconnected));
        });
        self.disconnect_stores(slot);
    }

    /// The candles and the account of a connection are live again with their next message.
    fn disconnect_stores(&mut self, slot: usize) {
        let of = &mut self.connections[slot];
        if let Some(account) = &mut of.account {
            account.disconnect();
        }
        for id in &of.candles {
            if let Some(candles) = self.candles.get_mut(id.0) {
                candles.disconnect();
            }
        }
    }

    /// Works on each book of a connection.
    pub(crate) fn for_each(&mut self, slot: usize, mut work: impl FnMut(&mut Self, BookId)) {
        for at in 0..self.connections[slot].books.len() {
            let id = self.connections[slot].books[at];
            work(self, id);
        }
    }

    /// The connection proved that its quiet books are current. Stale ones are so no longer.
    #[inline]
    pub(crate) fn alive(&mut self, slot: usize, at: Nanos, now: Nanos) {
        let of = &mut self.connections[slot];
        of.alive = of.alive.max(at);
        if of.stale > 0 {
            self.refresh(slot, now);
        }
    }

    #[cold]
    fn refresh(&mut self, slot: usize, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| (stored.refresh(), Cause::Alive));
        });
    }

    /// When something may become stale, of whatever connection. It may be earlier than that, never
    /// later.
    #[inline]
    pub(crate) fn stale_due(&self) -> Option<Nanos> {
        self.expiry.due()
    }

    /// Marks as stale each subject that had no message for its limit, and queues the changes.
    pub(crate) fn expire(&mut self, now: Nanos) {
        while let Some((due, subject)) = self.expiry.pop(now) {
            match subject {
                Subject::Book(id) => self.expire_book(id, due, now),
                Subject::Candles(at) => self.expire_candles(at, now),
                Subject::Account(slot) => self.expire_account(slot, now),
            }
        }
    }

    fn expire_book(&mut self, id: BookId, due: Nanos, now: Nanos) {
        let Some(entry) = self.entry_mut(id).filter(|entry| entry.due == Some(due)) else {
            return;
        };
        entry.due = None;
        // Not armed: it is compared with its deadline, which is later if it was updated meanwhile.
        let old = entry.stored.state();
        if matches!(old, BookState::Live | BookState::Crossed) {
            self.changed(id, old, Cause::Timeout, now);
        }
    }

    fn expire_candles(&mut self, at: usize, now: Nanos) {
        let Some(candles) = self.candles.get_mut(at) else {
            return;
        };
        let limit = self.connections[candles.slot()].limit;
        if let Some(due) = limit.and_then(|limit| candles.expire(now, limit)) {
            self.expiry.arm(due, Subject::Candles(at));
        }
    }

    fn expire_account(&mut self, slot: usize, now: Nanos) {
        let of = &mut self.connections[slot];
        let due = match (&mut of.account, of.limit) {
            (Some(account), Some(limit)) => account.expire(now, limit),
            _ => None,
        };
        if let Some(due) = due {
            self.expiry.arm(due, Subject::Account(slot));
        }
    }

    /// Marks as stale every book of a connection that had no message for `limit`: for a log that records
    /// when that happened.
    #[cfg(feature = "capture")]
    pub(crate) fn expire_of(&mut self, connection: ConnectionId, limit: Duration, now: Nanos) {
        let Some(&slot) = self.slots.get(&connection) else {
            return;
        };
        let alive = self.connections[slot].alive;
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| {
                if now.since(stored.view().updated().max(alive)) >= limit {
                    stored.expire(now, limit);
                }
                ((), Cause::Timeout)
            });
        });
    }

    /// Records of a connection are missing from a log: its books are gaps until their next snapshots.
    #[cfg(feature = "capture")]
    pub(crate) fn mark_records_missing(&mut self, connection: ConnectionId, now: Nanos) {
        let Some(&slot) = self.slots.get(&connection) else {
            return;
        };
        self.for_each(slot, |books, id| books.mark_gap(id, Gap::Dropped, now));
        self.disconnect_stores(slot);
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

/// A length of time in nanoseconds; the longest that fits, when it does not.
fn nanos(length: Duration) -> u64 {
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
