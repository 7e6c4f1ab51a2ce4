//! The connections that feed the books, and the effects of opening and closing them.

use std::time::Duration;

use ticklot_book::{Epoch, Nanos};
use ticklot_frame::VenueName;

use super::{Account, BookId, Books, CandlesId, Cause, ConnectionId, nanos};
#[cfg(feature = "latency")]
use crate::observe::latency::{Latency, Measured};

/// A connection with the ids of its books and candles.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) venue: VenueName,
    /// The staleness limit of its books; `None` for no limit.
    pub(super) limit: Option<Duration>,
    pub(super) books: Vec<BookId>,
    pub(super) candles: Vec<CandlesId>,
    pub(super) account: Option<Box<Account>>,
    /// When the connection last proved that its quiet books are current, if its venue has such a proof.
    pub(super) alive_at: Nanos,
    /// The number of its stale books.
    pub(super) stale: usize,
    #[cfg(feature = "latency")]
    measured: Option<Measured>,
    #[cfg(feature = "metrics")]
    pub(super) stale_counter: metrics::Counter,
}

impl Books {
    /// The latencies of a connection's books; `None` when they are not measured.
    #[cfg(feature = "latency")]
    #[must_use]
    pub fn latency(&self, connection: ConnectionId) -> Option<&Latency> {
        let measured = self.connection_of(connection)?.measured.as_ref()?;
        Some(measured.latency())
    }

    /// The latencies of each connection that is measured.
    #[cfg(feature = "latency")]
    pub fn latencies(&self) -> impl Iterator<Item = (ConnectionId, &Latency)> {
        let all = self.connections.iter();
        all.filter_map(|it| Some((it.id, it.measured.as_ref()?.latency())))
    }

    #[cfg(feature = "latency")]
    pub(crate) fn measured(&mut self, connection: ConnectionId) -> Option<&mut Measured> {
        let slot = *self.slots.get(&connection)?;
        self.connections.get_mut(slot)?.measured.as_mut()
    }

    /// Starts to measure the latencies of a connection's books, if the budget has room for the histograms. Earlier
    /// measurements are kept.
    #[cfg(feature = "latency")]
    pub(crate) fn measure(&mut self, connection: ConnectionId, venue: VenueName) {
        let slot = self.slot(connection, venue);
        let measured = &mut self.connections[slot].measured;
        if measured.is_none() {
            *measured = Measured::new(venue, connection, |bytes| self.budget.reserve(bytes));
        }
    }

    /// The slot of a connection, which is created if there is none.
    pub(super) fn slot(&mut self, connection: ConnectionId, venue: VenueName) -> usize {
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
                alive_at: Nanos(0),
                stale: 0,
                #[cfg(feature = "latency")]
                measured: None,
                #[cfg(feature = "metrics")]
                stale_counter: crate::observe::metrics::stale(venue, connection),
            });
        }
        slot
    }

    pub(super) fn connection_of(&self, connection: ConnectionId) -> Option<&Connection> {
        self.connections.get(*self.slots.get(&connection)?)
    }

    /// Sets the venue of a connection and the staleness limit of its books: none, or at least a millisecond. Returns
    /// the connection's slot.
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

    /// How long a book of a connection can go without an update before it is stale.
    pub(crate) fn limit(&self, connection: ConnectionId) -> Option<Duration> {
        self.connection_of(connection)?.limit
    }

    /// The venue of a connection; an empty name for an unknown connection.
    pub(crate) fn venue(&self, connection: ConnectionId) -> VenueName {
        self.connection_of(connection)
            .map_or(VenueName(""), |of| of.venue)
    }

    /// Starts an epoch: the connection's books wait for their first snapshot.
    pub(crate) fn start_epoch(&mut self, slot: usize, epoch: Epoch, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| {
                (stored.start_epoch(epoch), Cause::Disconnected)
            });
        });
    }

    /// Marks all stores of a connection as disconnected.
    pub(crate) fn disconnect(&mut self, slot: usize, now: Nanos) {
        self.for_each(slot, |books, id| {
            books.change(id, now, |stored| (stored.disconnect(), Cause::Disconnected));
        });
        self.disconnect_stores(slot);
    }

    /// Ends the live state of a connection's candles and account until their next messages.
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

    /// Makes the books of a connection gaps until their next snapshots, because a log lacks records of it.
    #[cfg(feature = "capture")]
    pub(crate) fn mark_records_missing(&mut self, connection: ConnectionId, now: Nanos) {
        let Some(&slot) = self.slots.get(&connection) else {
            return;
        };
        let gap = ticklot_book::Gap::Dropped;
        self.for_each(slot, |books, id| books.mark_gap(id, gap, now));
        self.disconnect_stores(slot);
    }

    /// Calls `work` for each book of a connection.
    pub(crate) fn for_each(&mut self, slot: usize, mut work: impl FnMut(&mut Self, BookId)) {
        for index in 0..self.connections[slot].books.len() {
            let id = self.connections[slot].books[index];
            work(self, id);
        }
    }
}
