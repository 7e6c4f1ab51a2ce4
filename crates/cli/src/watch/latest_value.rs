//! A channel that holds only the latest value: the feed's thread publishes, and the drawing thread reads.
//!
//! The publisher never waits. Two values are exchanged, so nothing is allocated once both have grown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A channel with two unpublished values. Allocates once.
pub(crate) fn channel<T>(first: T, second: T) -> (Publisher<T>, Reader<T>) {
    let shared = Arc::new(Shared {
        slot: Mutex::new(first),
        is_unread: AtomicBool::new(false),
    });
    let publisher = Publisher {
        shared: Arc::clone(&shared),
    };
    let value = second;
    (publisher, Reader { shared, value })
}

/// The slot between the two sides.
#[derive(Debug)]
struct Shared<T> {
    /// Locked for the length of a write or a swap.
    slot: Mutex<T>,
    /// Whether the value in the slot is published and unread. Changed only under the lock.
    is_unread: AtomicBool,
}

/// The publishing side: it never waits.
#[derive(Debug)]
pub(crate) struct Publisher<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Publisher<T> {
    /// Whether the last published value has been read, or none was published: a cheap check before
    /// [`publish`](Self::publish).
    #[inline]
    pub(crate) fn is_read(&self) -> bool {
        !self.shared.is_unread.load(Ordering::Relaxed)
    }

    /// Publishes a value: `write` changes the value in the slot. Its second argument is whether that value is unread.
    ///
    /// False when the reader holds the lock; then `write` was not called. Neither waits nor allocates.
    pub(crate) fn publish(&mut self, write: impl FnOnce(&mut T, bool)) -> bool {
        let mut slot = match self.shared.slot.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        write(&mut slot, self.shared.is_unread.load(Ordering::Relaxed));
        self.shared.is_unread.store(true, Ordering::Relaxed);
        true
    }
}

/// The reading side. It waits only for a write in progress.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    shared: Arc<Shared<T>>,
    /// The value that was read last. The next read puts it back into the slot.
    value: T,
}

impl<T> Reader<T> {
    /// The last published value; none when it has been read. The value of the previous read is returned to the
    /// publisher unchanged.
    pub(crate) fn read(&mut self) -> Option<&mut T> {
        // Without the lock, so that the publisher can lock the slot while there is nothing to read.
        if !self.shared.is_unread.load(Ordering::Relaxed) {
            return None;
        }
        let mut slot = lock(&self.shared.slot);
        std::mem::swap(&mut *slot, &mut self.value);
        self.shared.is_unread.store(false, Ordering::Relaxed);
        drop(slot);
        Some(&mut self.value)
    }
}

/// Locks the slot, also after a write panicked, which the publisher's thread reports.
fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_value_is_read_once() {
        let (mut publisher, mut reader) = channel(0, 0);
        assert!(publisher.is_read());
        assert_eq!(reader.read(), None);
        for number in 1..=3 {
            assert!(publisher.publish(|slot, unread| {
                assert_eq!(unread, number > 1);
                *slot = number;
            }));
            assert!(!publisher.is_read());
        }
        assert_eq!(reader.read(), Some(&mut 3));
        assert!(publisher.is_read());
        assert_eq!(reader.read(), None);
    }

    #[test]
    fn two_values_are_exchanged() {
        let (mut publisher, mut reader) = channel(Vec::with_capacity(7), Vec::with_capacity(9));
        let mut capacities = Vec::new();
        for number in 0..4 {
            publisher.publish(|slot, _| {
                slot.clear();
                slot.push(number);
            });
            let value = reader.read().unwrap();
            assert_eq!(*value, [number]);
            capacities.push(value.capacity());
        }
        assert_eq!(capacities, [7, 9, 7, 9], "nothing was allocated");
    }

    #[test]
    fn publisher_never_waits() {
        let (mut publisher, reader) = channel(1, 2);
        let reading = reader.shared.slot.lock().unwrap();
        assert!(!publisher.publish(|_, _| panic!("not now")));
        drop(reading);
        assert!(publisher.publish(|slot, _| *slot = 5));
    }

    #[test]
    fn panicking_publisher_recovers() {
        let (publisher, mut reader) = channel(1, 2);
        let publisher = std::thread::spawn(move || {
            let mut publisher = publisher;
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                publisher.publish(|_, _| panic!("on purpose"))
            }));
            assert!(failed.is_err() && publisher.is_read());
            publisher
        });
        let mut publisher = publisher.join().unwrap();
        assert_eq!(reader.read(), None);
        assert!(publisher.publish(|slot, _| *slot = 5));
        assert_eq!(reader.read(), Some(&mut 5));
    }

    #[test]
    fn values_are_whole_and_newest() {
        const LAST: u64 = 100_000;
        let (mut publisher, mut reader) = channel([0; 16], [0; 16]);
        let feed = std::thread::spawn(move || {
            for number in 1..=LAST {
                // Only the last value must not be missed.
                while !publisher.publish(|slot, _| slot.fill(number)) && number == LAST {}
            }
        });
        let mut last = 0;
        while last < LAST {
            let Some(value) = reader.read() else {
                std::thread::yield_now();
                continue;
            };
            assert!(value[0] > last && value.iter().all(|it| *it == value[0]));
            last = value[0];
        }
        feed.join().unwrap();
    }
}
