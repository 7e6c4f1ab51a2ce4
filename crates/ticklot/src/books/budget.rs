//! The memory of a feed: its books, its topics and its reservations.
//!
//! The charge of a book is its size, measured when it may have grown: when a snapshot has more levels than
//! any before it, and after each [`CREDIT`] levels of deltas. The growth is estimated before the message is
//! applied, so that a message beyond the limit is refused; a measurement replaces the estimate at the next growth
//! of any book, but for the largest snapshot, which stays at its estimate: the next one of its size is kept beside
//! it, and is not measured. A message that makes nothing grow costs a comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The most that a level adds to a book that grows, in bytes: a flat book keeps the last snapshot and the new
/// one, and a buffer may have twice the room that it needs.
pub(super) const LEVEL_BYTES: usize = 64;

/// How many levels of deltas are applied without a measurement.
pub(super) const CREDIT: usize = 64;

/// A part of a feed's memory that something other than its books holds, until it is dropped: see
/// [`Books::reserve`](crate::Books::reserve).
#[derive(Debug)]
pub struct Reservation {
    bytes: usize,
    of: Arc<AtomicUsize>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Relaxed);
    }
}

/// What a feed holds, and may hold, in bytes.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Without the reservations.
    used: usize,
    reserved: Arc<AtomicUsize>,
    /// The part of it that decoders' buffers have.
    buffers: usize,
    /// None for no limit.
    limit: Option<usize>,
}

impl Budget {
    pub(super) fn used(&self) -> usize {
        self.used.saturating_add(self.reserved.load(Relaxed))
    }

    pub(super) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Lowers the limit; a higher one than before changes nothing.
    pub(super) fn lower(&mut self, limit: usize) {
        self.limit = Some(self.limit.map_or(limit, |old| old.min(limit)));
    }

    /// Whether there is room for a charge of `new` in place of `old`.
    pub(super) fn fits(&self, old: usize, new: usize) -> bool {
        let used = self.used().saturating_sub(old).saturating_add(new);
        new <= old || self.limit.is_none_or(|limit| used <= limit)
    }

    /// Replaces a charge for a decoder's buffers by a larger one, if it fits; otherwise takes it back.
    pub(super) fn charge_buffers(&mut self, charged: &mut usize, new: usize) -> bool {
        if new <= *charged {
            return true;
        }
        let buffers = self.buffers - *charged;
        let fits = self
            .limit
            .is_none_or(|limit| buffers.saturating_add(new) <= limit / 4)
            && self.fits(*charged, new);
        let new = if fits { new } else { 0 };
        self.buffers = buffers.saturating_add(new);
        self.charge(charged, new);
        fits
    }

    /// Reserves memory, a quarter of the limit at most in all, if it fits.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let new = |reserved: usize| {
            let new = reserved.checked_add(bytes)?;
            let fits = |limit| new <= limit / 4 && self.used.saturating_add(new) <= limit;
            self.limit.is_none_or(fits).then_some(new)
        };
        self.reserved.fetch_update(Relaxed, Relaxed, new).ok()?;
        Some(Reservation {
            bytes,
            of: Arc::clone(&self.reserved),
        })
    }

    /// Replaces a charge, also beyond the limit.
    pub(super) fn charge(&mut self, charged: &mut usize, new: usize) {
        self.used = self.used.saturating_sub(*charged).saturating_add(new);
        *charged = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_get_a_quarter() {
        let (mut first, mut second, mut book) = (0, 0, 0);
        let mut budget = Budget::default();
        assert!(budget.charge_buffers(&mut first, 9_000), "no limit");
        assert!(budget.charge_buffers(&mut first, 10), "large enough");
        assert_eq!((first, budget.used()), (9_000, 9_000));

        let mut budget = Budget::default();
        budget.lower(8_000);
        first = 0;
        assert!(budget.charge_buffers(&mut first, 400));
        assert!(budget.charge_buffers(&mut second, 1_000));
        assert!(budget.charge_buffers(&mut first, 1_000), "all of a quarter");
        assert_eq!(budget.used(), 2_000);
        assert!(!budget.charge_buffers(&mut first, 1_001));
        assert_eq!((first, budget.used()), (0, 1_000), "taken back");
        budget.charge(&mut book, 6_001);
        assert!(!budget.charge_buffers(&mut first, 1_000), "books count too");
        budget.charge(&mut book, 6_000);
        assert!(budget.charge_buffers(&mut first, 1_000));
        assert_eq!(budget.used(), 8_000);
    }
}
