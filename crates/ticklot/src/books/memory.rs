//! The memory of the books, as the feed's budget counts it.
//!
//! The charge of a book is its size. It is measured when the book may have grown: when a snapshot has more levels than
//! any before it, and after each [`CREDIT`] levels of deltas. The growth is estimated before the message is applied, so
//! that a message beyond the limit is refused. A measurement replaces the estimate at the next growth of any book. Only
//! the largest snapshot stays at its estimate: a later snapshot of the same size is not measured, although a flat book
//! keeps both. A message that grows nothing costs one comparison.

use ticklot_frame::Trade;

use super::budget::Reservation;
use super::{BookId, Books, ConnectionId, Entry, Instrument};

/// The maximum number of bytes that a level adds to a growing book: a flat book keeps the last snapshot and the new
/// one, and a buffer may have twice the capacity that it needs.
const LEVEL_BYTES: usize = 64;

/// The levels of deltas that are applied without a measurement.
const CREDIT: usize = 64;

impl Entry {
    /// The size in bytes, with the entries in the indexes.
    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.stored.heap_bytes()
            + self.trades.capacity() * size_of::<Trade>()
            + index_bytes(&self.instrument.get())
    }

    /// The size, with the growth that the largest snapshot allows without another measurement.
    fn charge(&self) -> usize {
        let levels = self.stored.heap_bytes();
        let most = self.largest.saturating_mul(LEVEL_BYTES);
        self.memory().saturating_add(most.saturating_sub(levels))
    }
}

/// The bytes of an instrument's names, here and in the maps of a venue.
fn index_bytes(instrument: &Instrument<'_>) -> usize {
    let names = instrument.market.len() + instrument.name.len();
    256 + 3 * (names + instrument.scope.map_or(0, str::len))
}

impl Books {
    /// The bytes that the feed's books, topics, decoder buffers and [reservations](Books::reserve) hold.
    ///
    /// Books are measured, with their levels, trades and names, when they grow. The book that grew last is estimated,
    /// and so are the desired topics of the connections and the decoder buffers that long frames left. The levels of a
    /// book's largest snapshot are charged at their maximum size.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.budget.used()
    }

    /// The limit of [`Books::memory`]: the lowest [`Options::max_memory`](crate::Options::max_memory) of the feed's
    /// connections. `None` before the first connection.
    #[must_use]
    pub fn memory_limit(&self) -> Option<usize> {
        self.budget.limit()
    }

    /// Reserves memory of the feed's budget for data that the program keeps per book, such as a histogram. Dropping the
    /// [`Reservation`] releases it. `None` when the budget has no room for it, or when the reservations would exceed a
    /// quarter of the budget.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        self.budget.reserve(bytes)
    }

    /// Lowers the limit; a higher one changes nothing.
    pub(crate) fn limit_memory(&mut self, bytes: usize) {
        self.budget.lower(bytes);
    }

    /// Charges a decoder's buffers; false when there is no room for them.
    pub(crate) fn charge_buffers(&mut self, charged: &mut usize, new: usize) -> bool {
        self.budget.charge_buffers(charged, new)
    }

    /// Replaces the charge for a connection's topics, even beyond the limit.
    #[cold]
    pub(crate) fn charge_topics(&mut self, charged: &mut usize, new: usize) {
        self.budget.charge(charged, new);
    }

    /// Whether the budget has room for `bytes` and for a book of this instrument.
    pub(crate) fn has_room_for(&mut self, bytes: usize, book: Option<&Instrument<'_>>) -> bool {
        self.measure_estimated();
        let book = book.map_or(0, |it| size_of::<Entry>() + index_bytes(it));
        self.budget.fits(0, bytes.saturating_add(book))
    }

    /// Whether the budget has room for a message of this connection: a snapshot with this number of levels, or a delta.
    /// A book of another connection is admitted; [`Books::change_of`] refuses it.
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

    pub(super) fn measure_memory(&mut self, id: BookId) {
        if let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) {
            let new = entry.charge();
            self.budget.charge(&mut entry.charged, new);
        }
    }
}
