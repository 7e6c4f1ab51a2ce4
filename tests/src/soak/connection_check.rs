//! One connection, and the truth that its books are held to.

use std::time::{Duration, Instant};

use ticklot::{BookId, Books, ConnectionId, Level};
use ticklot_sim::bayse::Currency;
use ticklot_sim::market::View;
use ticklot_sim::{bayse, jayx};

/// A server's own books.
#[derive(Clone)]
pub(super) enum Truth {
    Jayx(jayx::MarketHandle),
    Bayse(bayse::MarketHandle, Currency),
}

impl Truth {
    fn book(&self, name: &str) -> Option<View> {
        match self {
            Self::Jayx(truth) => truth.book(name),
            Self::Bayse(truth, currency) => truth.book(name, *currency),
        }
    }

    /// Whether the two are of one venue.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Lets the markets stand still, or move.
    pub(super) fn hold(&self, is_still: bool) {
        match (self, is_still) {
            (Self::Jayx(truth), true) => truth.pause(),
            (Self::Jayx(truth), false) => truth.resume(),
            (Self::Bayse(truth, _), true) => truth.pause(),
            (Self::Bayse(truth, _), false) => truth.resume(),
        }
    }
}

/// One connection.
pub(super) struct ConnectionCheck {
    pub(super) truth: Truth,
    /// How many books it has, once all are known.
    books: usize,
    /// Since when not all of its books are live.
    down: Option<Instant>,
    check: Option<Check>,
    pub(super) recoveries: u64,
    pub(super) agreed: u64,
    pub(super) interrupted: u64,
    pub(super) slowest: Duration,
}

/// The comparison of a connection's books with the server's, which stand still.
struct Check {
    since: Instant,
    /// The books that were live and equal to the server's.
    equal: Vec<BookId>,
}

impl ConnectionCheck {
    pub(super) fn new((truth, books): (Truth, usize)) -> Self {
        Self {
            truth,
            books,
            down: Some(Instant::now()),
            check: None,
            recoveries: 0,
            agreed: 0,
            interrupted: 0,
            slowest: Duration::ZERO,
        }
    }

    /// Whether its books are being compared.
    pub(super) fn checks(&self) -> bool {
        self.check.is_some()
    }

    /// Whether it is up, and its books were found to be the server's.
    pub(super) fn is_well(&self) -> bool {
        self.down.is_none() && self.check.is_none()
    }

    /// The connection is gone.
    pub(super) fn broke(&mut self) {
        self.down.get_or_insert_with(Instant::now);
        self.interrupted += u64::from(self.check.take().is_some());
    }

    /// The soak is over: what is being compared will not be.
    pub(super) fn end(&mut self) {
        self.interrupted += u64::from(self.check.take().is_some());
        self.truth.hold(false);
    }

    /// Takes note of what the books have become.
    pub(super) fn look(
        &mut self,
        at: usize,
        books: &Books,
        timeout: Duration,
    ) -> Result<(), String> {
        let own = |id: &BookId| books.connection(*id) == u32::try_from(at).ok().map(ConnectionId);
        let own: Vec<BookId> = books.ids().filter(own).collect();
        if let Some(down) = self.down {
            let is_whole = own.len() == self.books;
            if is_whole && own.iter().all(|id| books.live(*id).is_some()) {
                self.recovered(down.elapsed());
            } else if down.elapsed() > timeout {
                let states = own.iter().map(|id| (books.name(*id), books.state(*id)));
                let states: Vec<_> = states.collect();
                return Err(format!("connection {at} does not recover: {states:?}"));
            }
            // The markets stand still from after this call on.
            return Ok(());
        }
        self.compare(at, &own, books, timeout)
    }

    fn recovered(&mut self, after: Duration) {
        self.down = None;
        self.recoveries += 1;
        self.slowest = self.slowest.max(after);
        self.check = Some(Check {
            since: Instant::now(),
            equal: Vec::new(),
        });
    }

    /// Compares the books with the server's until each was equal once, and holds it to that.
    fn compare(
        &mut self,
        at: usize,
        own: &[BookId],
        books: &Books,
        timeout: Duration,
    ) -> Result<(), String> {
        let Some(check) = &mut self.check else {
            return Ok(());
        };
        for id in own {
            let Some(book) = books.live(*id) else {
                continue;
            };
            let name = books.name(*id);
            let truth = self.truth.book(name).unwrap_or_default();
            let is_equal = same(book.bids(), &truth.bids) && same(book.asks(), &truth.asks);
            let was_equal = check.equal.contains(id);
            if was_equal && !is_equal {
                return Err(format!(
                    "{name} of connection {at} left the truth: {book:?}"
                ));
            }
            if is_equal && !was_equal {
                check.equal.push(*id);
            }
        }
        if check.equal.len() == own.len() {
            self.agreed += 1;
            self.check = None;
        } else if check.since.elapsed() > timeout {
            let not = own.iter().filter(|id| !check.equal.contains(id));
            let not: Vec<_> = not
                .map(|id| {
                    (
                        books.name(*id),
                        books.last_known(*id),
                        self.truth.book(books.name(*id)),
                    )
                })
                .collect();
            return Err(format!(
                "books of connection {at} are not the server's: {not:?}"
            ));
        }
        Ok(())
    }
}

/// Whether prices and quantities are the same. How many orders a level has, only JayX tells.
fn same(ours: impl Iterator<Item = Level>, theirs: &[Level]) -> bool {
    let of = |level: Level| (level.ticks, level.lots);
    ours.map(of).eq(theirs.iter().copied().map(of))
}
