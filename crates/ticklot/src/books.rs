//! The books of a feed.

use std::collections::VecDeque;
use std::fmt;

use ticklot_book::{Book, Nanos, Scale, State};
use ticklot_frame::VenueName;
use ticklot_frame::jayx::Kline;

use crate::jayx::{Account, Candles};

/// Which book of a [`Books`]. Ids are given in order from 0 and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct BookId(pub u32);

/// Which connection of a feed, in the order in which they were added, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct ConnectionId(pub u32);

/// A scale that is known to be right when the crate is built.
#[allow(clippy::panic)] // in a constant it fails the build, never the program
pub(crate) const fn const_scale(price_decimals: u8, quantity_decimals: u8) -> Scale {
    match Scale::new(price_decimals, quantity_decimals) {
        Ok(scale) => scale,
        Err(_) => panic!("too many decimals"),
    }
}

/// All books of a feed, by id.
///
/// [`Books::live`] is the easy call, and gives a book only while it can be traded on.
/// [`Books::untrusted`] gives it in any state.
#[derive(Debug, Default)]
pub struct Books {
    entries: Vec<Entry>,
    candles: Vec<(ConnectionId, Candles)>,
    accounts: Vec<(ConnectionId, Account)>,
    /// After how long without a message each connection's books are stale.
    limits: Vec<(ConnectionId, Nanos)>,
    /// The connections' venues.
    venues: Vec<(ConnectionId, VenueName)>,
    /// Nothing can become stale before this. It never goes back.
    stale_due: Option<Nanos>,
    /// What has become stale and was not told yet.
    expired: VecDeque<BookId>,
    #[cfg(feature = "latency")]
    latencies: Vec<(ConnectionId, crate::latency::Measured)>,
    #[cfg(feature = "metrics")]
    stale_counters: StaleCounters,
}

/// The counter of each connection's stale books.
#[cfg(feature = "metrics")]
#[derive(Default)]
struct StaleCounters(Vec<(ConnectionId, metrics::Counter)>);

#[cfg(feature = "metrics")]
impl fmt::Debug for StaleCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaleCounters").field(&self.0.len()).finish()
    }
}

/// A book and what it is the book of.
#[derive(Debug)]
struct Entry {
    connection: ConnectionId,
    market: Box<str>,
    name: Box<str>,
    book: Book,
}

impl Books {
    /// No books.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book, if it can be traded on: it had a snapshot in this epoch, recently, and it is not
    /// crossed. The easy call.
    #[inline]
    #[must_use]
    pub fn live(&self, id: BookId) -> Option<&Book> {
        self.untrusted(id).and_then(Book::live)
    }

    /// The book in whatever state it is. Look at [`Book::state`] before you believe it.
    #[inline]
    #[must_use]
    pub fn untrusted(&self, id: BookId) -> Option<&Book> {
        self.entry(id).map(|entry| &entry.book)
    }

    /// What a book says of itself; [`State::Empty`] for an id that is none.
    #[must_use]
    pub fn state(&self, id: BookId) -> State {
        self.untrusted(id).map_or(State::Empty, Book::state)
    }

    /// The book's own name: JayX's symbol, a Bayse outcome's id. Empty for an id that is none.
    #[must_use]
    pub fn name(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| &entry.name)
    }

    /// The market that the book belongs to: JayX's symbol, a Bayse market's id.
    #[must_use]
    pub fn market(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| &entry.market)
    }

    /// The connection that feeds the book.
    #[must_use]
    pub fn connection(&self, id: BookId) -> Option<ConnectionId> {
        self.entry(id).map(|entry| entry.connection)
    }

    /// The first book of this name. A walk over all books: keep the id.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<BookId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// The candles of a symbol and interval, kept beside the books.
    #[must_use]
    pub fn candles(&self, symbol: &str, interval: &str) -> Option<&Candles> {
        let mut all = self.all_candles();
        all.find(|candles| candles.symbol() == symbol && candles.interval() == interval)
    }

    /// All candles that are followed.
    pub fn all_candles(&self) -> impl Iterator<Item = &Candles> {
        self.candles.iter().map(|(_, candles)| candles)
    }

    /// The account, kept beside the books; the first, when several connections follow one.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.accounts.first().map(|(_, account)| account)
    }

    /// How long the stages of a connection's books took; none when they are not measured.
    #[cfg(feature = "latency")]
    #[must_use]
    pub fn latency(&self, connection: ConnectionId) -> Option<&crate::latency::Latency> {
        let mut all = self.latencies.iter();
        all.find(|(of, _)| *of == connection)
            .map(|(_, it)| it.latency())
    }

    /// The same of every connection that is measured.
    #[cfg(feature = "latency")]
    pub fn latencies(&self) -> impl Iterator<Item = (ConnectionId, &crate::latency::Latency)> {
        self.latencies.iter().map(|(of, it)| (*of, it.latency()))
    }

    #[cfg(feature = "latency")]
    pub(crate) fn measured(
        &mut self,
        connection: ConnectionId,
    ) -> Option<&mut crate::latency::Measured> {
        let mut all = self.latencies.iter_mut();
        all.find(|(of, _)| *of == connection).map(|(_, it)| it)
    }

    /// Measures the stages of a connection's books from now on; what was measured is kept.
    #[cfg(feature = "latency")]
    pub(crate) fn measure(&mut self, connection: ConnectionId, venue: VenueName) {
        if self.latency(connection).is_none()
            && let Ok(measured) = crate::latency::Measured::new(venue, connection)
        {
            self.latencies.push((connection, measured));
        }
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn count_stale(&mut self, connection: ConnectionId, counter: metrics::Counter) {
        self.stale_counters.0.push((connection, counter));
    }

    /// Counts a book of a connection that has become stale.
    #[cfg(feature = "metrics")]
    fn tell_stale(&self, connection: ConnectionId) {
        let mut all = self.stale_counters.0.iter();
        if let Some((_, counter)) = all.find(|(of, _)| *of == connection) {
            counter.increment(1);
        }
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = BookId> + use<> {
        // There are never more books than ids: `add` stops before.
        (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).map(BookId)
    }

    /// How many books there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an empty book. For venues; allocates.
    pub fn add(
        &mut self,
        connection: ConnectionId,
        market: &str,
        name: &str,
        scale: Scale,
    ) -> BookId {
        let id = BookId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(Entry {
            connection,
            market: market.into(),
            name: name.into(),
            book: Book::new(scale),
        });
        id
    }

    /// The book, to be changed. For venues.
    #[must_use]
    pub fn book_mut(&mut self, id: BookId) -> Option<&mut Book> {
        self.entries
            .get_mut(id.0 as usize)
            .map(|entry| &mut entry.book)
    }

    pub(crate) fn add_candles(&mut self, connection: ConnectionId, symbol: &str, interval: &str) {
        self.candles
            .push((connection, Candles::new(symbol, interval)));
    }

    /// Adds the account of a connection, once.
    pub(crate) fn add_account(&mut self, connection: ConnectionId) {
        if self.accounts.iter().all(|(known, _)| *known != connection) {
            self.accounts.push((connection, Account::default()));
        }
    }

    /// False when no such candles are followed on the connection.
    pub(crate) fn apply_kline(
        &mut self,
        connection: ConnectionId,
        kline: &Kline<'_>,
        now: Nanos,
    ) -> bool {
        let symbol = kline
            .modify
            .or(kline.add)
            .map_or("", |candle| candle.symbol);
        let mut own = self.candles.iter_mut().filter(|(of, _)| *of == connection);
        let series = own.find(|(_, candles)| candles.symbol() == symbol);
        series
            .map(|(_, candles)| candles.apply(kline, now))
            .is_some()
    }

    /// False when no account is followed on the connection.
    pub(crate) fn apply_account(
        &mut self,
        connection: ConnectionId,
        work: impl FnOnce(&mut Account),
    ) -> bool {
        let own = self.accounts.iter_mut().find(|(of, _)| *of == connection);
        own.map(|(_, account)| work(account)).is_some()
    }

    /// A connection is gone: nothing of it is live.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        for (_, book) in self.of_connection(connection) {
            book.disconnect();
        }
        for (_, candles) in self.candles.iter_mut().filter(|(of, _)| *of == connection) {
            candles.disconnect();
        }
        for (_, account) in self.accounts.iter_mut().filter(|(of, _)| *of == connection) {
            account.disconnect();
        }
    }

    /// The books of a connection are stale when they have heard nothing for `limit`, at least a
    /// millisecond.
    pub(crate) fn set_limit(&mut self, connection: ConnectionId, limit: Nanos) {
        let limit = limit.max(Nanos::from_millis(1));
        self.limits.push((connection, limit));
        self.stale_due = Some(Nanos(0));
    }

    /// After how long without a message the books of a connection are stale.
    pub(crate) fn limit(&self, connection: ConnectionId) -> Option<Nanos> {
        let mut limits = self.limits.iter();
        limits
            .find(|(of, _)| *of == connection)
            .map(|(_, limit)| *limit)
    }

    /// The connection is one to this venue.
    pub(crate) fn set_venue(&mut self, connection: ConnectionId, venue: VenueName) {
        self.venues.push((connection, venue));
    }

    /// The venue of a connection; no name for a connection that is none.
    pub(crate) fn venue(&self, connection: ConnectionId) -> VenueName {
        let mut venues = self.venues.iter();
        venues
            .find(|(of, _)| *of == connection)
            .map_or(VenueName(""), |(_, venue)| *venue)
    }

    /// When something may become stale, of whatever connection; never, when no connection has a
    /// limit.
    pub(crate) fn stale_due(&self) -> Option<Nanos> {
        self.stale_due
    }

    /// Marks stale what has heard nothing for its connection's limit, and counts anew when
    /// something may become stale: what is live, after its limit, and what may become live from
    /// now on, after the shortest. [`Books::next_expired`] tells the books.
    pub(crate) fn expire(&mut self, now: Nanos) {
        let mut due: Option<Nanos> = None;
        for at in 0..self.limits.len() {
            let (connection, limit) = self.limits[at];
            let next = self.expire_of(connection, limit, now);
            due = Some(due.map_or(next, |due| due.min(next)));
        }
        self.stale_due = due;
    }

    /// Marks stale what of a connection has heard nothing for `limit`. Returns when something of it may
    /// become stale next.
    pub(crate) fn expire_of(
        &mut self,
        connection: ConnectionId,
        limit: Nanos,
        now: Nanos,
    ) -> Nanos {
        let mut due = now.after(limit);
        let own = (0..).map(BookId).zip(&mut self.entries);
        for (id, entry) in own.filter(|(_, entry)| entry.connection == connection) {
            if entry.book.expire(now, limit) {
                self.expired.push_back(id);
            } else if entry.book.state().is_live() {
                due = due.min(entry.book.updated().after(limit));
            }
        }
        for (_, candles) in self.candles.iter_mut().filter(|(of, _)| *of == connection) {
            candles.expire(now, limit);
        }
        for (_, account) in self.accounts.iter_mut().filter(|(of, _)| *of == connection) {
            account.expire(now, limit);
        }
        due
    }

    /// A book was replaced by a message that had waited: it may have come to be live late, or not at all.
    /// It was not live before, if it is stale now: nobody has to be told.
    pub(crate) fn waited(&mut self, id: BookId, now: Nanos) {
        let Some(Entry {
            connection, book, ..
        }) = self.entries.get_mut(id.0 as usize)
        else {
            return;
        };
        let mut limits = self.limits.iter();
        let Some((_, limit)) = limits.find(|(of, _)| of == connection) else {
            return;
        };
        if !book.expire(now, *limit) {
            let due = book.updated().after(*limit);
            self.stale_due = self.stale_due.map(|earlier| earlier.min(due));
        }
    }

    /// A book that has become stale and that nobody has been told of.
    pub(crate) fn next_expired(&mut self) -> Option<BookId> {
        let id = self.expired.pop_front()?;
        #[cfg(feature = "metrics")]
        if let Some(connection) = self.connection(id) {
            self.tell_stale(connection);
        }
        Some(id)
    }

    /// The books of one connection, to be changed.
    pub(crate) fn of_connection(
        &mut self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = (BookId, &mut Book)> {
        let all = (0..).map(BookId).zip(&mut self.entries);
        all.filter(move |(_, entry)| entry.connection == connection)
            .map(|(id, entry)| (id, &mut entry.book))
    }

    fn entry(&self, id: BookId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)
    }
}

impl fmt::Display for BookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
