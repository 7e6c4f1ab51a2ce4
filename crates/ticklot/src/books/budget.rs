//! The memory budget of a feed: the charges of its books, topics and decoder buffers, and the reservations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A part of a feed's memory budget that the program reserved, until it is dropped: see
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

/// The bytes that a feed holds, and their limit.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// The sum of all charges, without the reservations.
    used: usize,
    reserved: Arc<AtomicUsize>,
    /// The part of `used` that is charged for decoder buffers.
    buffers: usize,
    /// `None` for no limit.
    limit: Option<usize>,
}

impl Budget {
    pub(super) fn used(&self) -> usize {
        self.used.saturating_add(self.reserved.load(Relaxed))
    }

    pub(super) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Lowers the limit; a higher one changes nothing.
    pub(super) fn lower(&mut self, limit: usize) {
        self.limit = Some(self.limit.map_or(limit, |old| old.min(limit)));
    }

    /// Whether there is room to replace a charge of `old` bytes by `new`.
    pub(super) fn fits(&self, old: usize, new: usize) -> bool {
        let used = self.used().saturating_sub(old).saturating_add(new);
        new <= old || self.limit.is_none_or(|limit| used <= limit)
    }

    /// Replaces a charge for a decoder's buffers by a larger one; if that does not fit, removes the charge. All buffers
    /// together may take a quarter of the limit.
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

    /// Reserves memory if it fits. All reservations together may take a quarter of the limit.
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

    /// Replaces a charge, even beyond the limit.
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
