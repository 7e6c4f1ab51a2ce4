//! A channel that holds the latest value only: the feed's thread publishes, another thread reads when it is ready.
//!
//! The publisher never waits, and two values go back and forth, so nothing is allocated once both have grown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A channel with two values, of which none is published yet. Allocates once.
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
    /// Whether the value in the slot is published and not read. Changed under the lock only.
    is_unread: AtomicBool,
}

/// The publishing side: it never waits.
#[derive(Debug)]
pub(crate) struct Publisher<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Publisher<T> {
    /// Whether the last published value has been read, or none was published yet: a cheap check before the work of
    /// [`publish`](Self::publish).
    #[inline]
    pub(crate) fn is_read(&self) -> bool {
        !self.shared.is_unread.load(Ordering::Relaxed)
    }

    /// Publishes a value: `write` changes the one in the slot, and gets whether that is published and not read.
    ///
    /// False when the reader holds the lock: `write` was not called, and the next attempt is not far. Never waits, and
    /// allocates nothing of its own.
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

/// The reading side: it waits for a write that is under way, and for nothing else.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    shared: Arc<Shared<T>>,
    /// The value that was read last; it goes back into the slot at the next read.
    value: T,
}

impl<T> Reader<T> {
    /// The last published value; none when it was read before. The value that was read before goes back to be written
    /// again, as it is.
    pub(crate) fn read(&mut self) -> Option<&mut T> {
        // Without the lock, so that the publisher can take it when there is nothing to read.
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

/// Ignores that a write panicked: the publisher's thread reports it.
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
    fn two_go_back_and_forth() {
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
        assert_eq!(capacities, [7, 9, 7, 9], "nothing was allocated anew");
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
                let published = publisher.publish(|slot, _| slot.fill(number));
                // Only the last must not be missed.
                while number == LAST
                    && !published
                    && !publisher.publish(|slot, _| slot.fill(number))
                {}
            }
        });
        let mut screen = 0;
        while screen < LAST {
            let Some(value) = reader.read() else {
                std::thread::yield_now();
                continue;
            };
            assert!(value[0] > screen && value.iter().all(|it| *it == value[0]));
            screen = value[0];
        }
        feed.join().unwrap();
    }
}
