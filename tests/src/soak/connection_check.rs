//! Compares the books of one connection with the server's.

use std::time::{Duration, Instant};

use ticklot::{BookId, Books, ConnectionId, Level};
use ticklot_sim::bayse::Currency;
use ticklot_sim::market::View;
use ticklot_sim::{bayse, jayx};

/// The books of a server.
#[derive(Clone)]
pub(super) enum ServerBooks {
    Jayx(jayx::MarketHandle),
    Bayse(bayse::MarketHandle, Currency),
}

impl ServerBooks {
    fn book(&self, name: &str) -> Option<View> {
        match self {
            Self::Jayx(market) => market.book(name),
            Self::Bayse(market, currency) => market.book(name, *currency),
        }
    }

    /// Whether both belong to one venue.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Pauses or resumes the markets.
    pub(super) fn set_paused(&self, is_paused: bool) {
        match (self, is_paused) {
            (Self::Jayx(market), true) => market.pause(),
            (Self::Jayx(market), false) => market.resume(),
            (Self::Bayse(market, _), true) => market.pause(),
            (Self::Bayse(market, _), false) => market.resume(),
        }
    }
}

/// One connection.
pub(super) struct ConnectionCheck {
    pub(super) server: ServerBooks,
    /// The number of its books.
    books: usize,
    /// The time since which not all of its books are live.
    down: Option<Instant>,
    check: Option<Check>,
    pub(super) counts: Recoveries,
}

/// The recoveries of connections: all books are live again.
#[derive(Clone, Debug, Default)]
pub struct Recoveries {
    /// Their number. The first connection counts too.
    pub all: u64,
    /// Those after which each book was equal to the server's.
    pub agreed: u64,
    /// Those that the next fault interrupted.
    pub interrupted: u64,
    /// The longest time without all books of a connection.
    pub slowest: Duration,
}

impl Recoveries {
    pub(super) fn merge(&mut self, other: &Self) {
        self.all += other.all;
        self.agreed += other.agreed;
        self.interrupted += other.interrupted;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// The comparison of a connection's books with those of the paused server.
struct Check {
    since: Instant,
    /// The books that were live and equal to the server's.
    equal: Vec<BookId>,
}

impl ConnectionCheck {
    pub(super) fn new((server, books): (ServerBooks, usize)) -> Self {
        Self {
            server,
            books,
            down: Some(Instant::now()),
            check: None,
            counts: Recoveries::default(),
        }
    }

    /// Whether its books are being compared.
    pub(super) fn checks(&self) -> bool {
        self.check.is_some()
    }

    /// Whether it is up, and its books were equal to the server's.
    pub(super) fn is_well(&self) -> bool {
        self.down.is_none() && self.check.is_none()
    }

    /// The connection is gone.
    pub(super) fn broke(&mut self) {
        self.down.get_or_insert_with(Instant::now);
        self.counts.interrupted += u64::from(self.check.take().is_some());
    }

    /// Ends a comparison without a result: the soak is over.
    pub(super) fn end(&mut self) {
        self.counts.interrupted += u64::from(self.check.take().is_some());
        self.server.set_paused(false);
    }

    /// Checks the connection's books after an event.
    pub(super) fn check(
        &mut self,
        at: usize,
        books: &Books,
        limit: Duration,
    ) -> Result<(), String> {
        let own = |id: &BookId| books.connection(*id) == u32::try_from(at).ok().map(ConnectionId);
        let own: Vec<BookId> = books.ids().filter(own).collect();
        if let Some(down) = self.down {
            let is_whole = own.len() == self.books;
            if is_whole && own.iter().all(|id| books.live(*id).is_some()) {
                self.recovered(down.elapsed());
            } else if down.elapsed() > limit {
                let states = own.iter().map(|id| (books.name(*id), books.state(*id)));
                let states: Vec<_> = states.collect();
                return Err(format!("connection {at} does not recover: {states:?}"));
            }
            // The markets are paused after this call.
            return Ok(());
        }
        self.compare(at, &own, books, limit)
    }

    fn recovered(&mut self, after: Duration) {
        self.down = None;
        self.counts.all += 1;
        self.counts.slowest = self.counts.slowest.max(after);
        self.check = Some(Check {
            since: Instant::now(),
            equal: Vec::new(),
        });
    }

    /// Compares the books with the server's until each was equal once. An equal book must stay equal.
    fn compare(
        &mut self,
        at: usize,
        own: &[BookId],
        books: &Books,
        limit: Duration,
    ) -> Result<(), String> {
        let Some(check) = &mut self.check else {
            return Ok(());
        };
        for id in own {
            let Some(book) = books.live(*id) else {
                continue;
            };
            let name = books.name(*id);
            let server = self.server.book(name).unwrap_or_default();
            let is_equal = same(book.bids(), &server.bids) && same(book.asks(), &server.asks);
            let was_equal = check.equal.contains(id);
            if was_equal && !is_equal {
                let book = format!("{name} of connection {at}: {book:?}");
                return Err(format!("no longer equal to the server's book: {book}"));
            }
            if is_equal && !was_equal {
                check.equal.push(*id);
            }
        }
        if check.equal.len() == own.len() {
            self.counts.agreed += 1;
            self.check = None;
        } else if check.since.elapsed() > limit {
            let other = own.iter().filter(|id| !check.equal.contains(id));
            let pair = |id: &BookId| (books.last_known(*id), self.server.book(books.name(*id)));
            let pairs: Vec<_> = other.map(pair).collect();
            return Err(format!(
                "connection {at}, other books than the server's: {pairs:?}"
            ));
        }
        Ok(())
    }
}

/// Whether prices and quantities are equal. Only JayX sends the number of orders of a level.
fn same(ours: impl Iterator<Item = Level>, theirs: &[Level]) -> bool {
    let of = |level: Level| (level.ticks, level.lots);
    ours.map(of).eq(theirs.iter().copied().map(of))
}
