//! The latest of something for another thread, without a queue.
//!
//! A strategy runs on the thread that reads. What looks at books elsewhere, such as a screen or a
//! monitor, wants what is true now and not what was true at each message, so it is not sent anything: the
//! feed's side keeps one place filled, and the other side takes what is there when it is ready.
//!
//! ```
//! use std::ops::ControlFlow;
//! use ticklot::handover::handover;
//! use ticklot::{Books, Event, Level};
//!
//! // Two of what is handed over, which go back and forth: nothing is allocated later.
//! let (mut giver, mut taker) = handover(Vec::<Option<Level>>::new(), Vec::new());
//!
//! // On the feed's thread. `Event::Tick` brings what came after the last one was taken.
//! let handler = move |event: Event<'_>, books: &Books| {
//!     if giver.is_taken() || matches!(event, Event::Tick { .. }) {
//!         giver.give(|bids, _| {
//!             bids.clear();
//!             bids.extend(books.ids().map(|id| books.live(id)?.best_bid()));
//!         });
//!     }
//!     ControlFlow::<()>::Continue(())
//! };
//! # let _ = handler;
//!
//! // On another thread, as often as it likes.
//! if let Some(bids) = taker.take() {
//!     println!("{bids:?}");
//! }
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Two sides of one place, which hold `first` and `second`; none is given yet. Allocates once.
pub fn handover<T>(first: T, second: T) -> (Giver<T>, Taker<T>) {
    let shared = Arc::new(Shared {
        place: Mutex::new(first),
        full: AtomicBool::new(false),
    });
    let giver = Giver {
        shared: Arc::clone(&shared),
    };
    let taken = second;
    (giver, Taker { shared, taken })
}

/// The place between the two sides.
#[derive(Debug)]
struct Shared<T> {
    /// Locked for as long as a filling or a swap takes.
    place: Mutex<T>,
    /// Whether what is there has not been taken. Changed only by who holds the lock.
    full: AtomicBool,
}

/// The side that fills: it never waits.
#[derive(Debug)]
pub struct Giver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Giver<T> {
    /// Whether what was given last has been taken, or nothing was given yet: the cheap question, to be
    /// asked before the work of filling.
    #[inline]
    #[must_use]
    pub fn is_taken(&self) -> bool {
        !self.shared.full.load(Ordering::Relaxed)
    }

    /// Fills the place. `fill` gets what is there, and whether that is something given that nobody has
    /// taken (which it now replaces, or adds to).
    ///
    /// False when the other side is taking at this very moment: `fill` was not called, and the next
    /// chance is not far. Never waits, and allocates nothing of its own.
    pub fn give(&mut self, fill: impl FnOnce(&mut T, bool)) -> bool {
        let mut place = match self.shared.place.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(place)) => place.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        fill(&mut place, self.shared.full.load(Ordering::Relaxed));
        self.shared.full.store(true, Ordering::Relaxed);
        true
    }
}

/// The side that takes. It waits for a filling that is under way, and for nothing else.
#[derive(Debug)]
pub struct Taker<T> {
    shared: Arc<Shared<T>>,
    /// What was taken last; it goes back at the next taking.
    taken: T,
}

impl<T> Taker<T> {
    /// What was given last; none when it has been taken already. What was taken before goes back to be
    /// filled, as it is.
    pub fn take(&mut self) -> Option<&mut T> {
        // Without the lock, so that the giver is not disturbed when there is nothing to take.
        if !self.shared.full.load(Ordering::Relaxed) {
            return None;
        }
        let mut place = lock(&self.shared.place);
        std::mem::swap(&mut *place, &mut self.taken);
        self.shared.full.store(false, Ordering::Relaxed);
        drop(place);
        Some(&mut self.taken)
    }
}

/// A filling that panicked has left what it could; that is for its own side to report.
fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_value_is_taken_once() {
        let (mut giver, mut taker) = handover(0, 0);
        assert!(giver.is_taken());
        assert_eq!(taker.take(), None);
        for number in 1..=3 {
            assert!(giver.give(|place, untaken| {
                assert_eq!(untaken, number > 1);
                *place = number;
            }));
            assert!(!giver.is_taken());
        }
        assert_eq!(taker.take(), Some(&mut 3));
        assert!(giver.is_taken());
        assert_eq!(taker.take(), None);
    }

    #[test]
    fn two_go_back_and_forth() {
        let (mut giver, mut taker) = handover(Vec::with_capacity(7), Vec::with_capacity(9));
        let mut capacities = Vec::new();
        for number in 0..4 {
            giver.give(|place, _| {
                place.clear();
                place.push(number);
            });
            let taken = taker.take().unwrap();
            assert_eq!(*taken, [number]);
            capacities.push(taken.capacity());
        }
        assert_eq!(capacities, [7, 9, 7, 9], "nothing was allocated anew");
    }

    #[test]
    fn publisher_never_waits() {
        let (mut giver, taker) = handover(1, 2);
        let taking = taker.shared.place.lock().unwrap();
        assert!(!giver.give(|_, _| panic!("not now")));
        drop(taking);
        assert!(giver.give(|place, _| *place = 5));
    }

    #[test]
    fn panicking_publisher_recovers() {
        let (giver, mut taker) = handover(1, 2);
        let giver = std::thread::spawn(move || {
            let mut giver = giver;
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                giver.give(|_, _| panic!("on purpose"))
            }));
            assert!(failed.is_err() && giver.is_taken());
            giver
        });
        let mut giver = giver.join().unwrap();
        assert_eq!(taker.take(), None);
        assert!(giver.give(|place, _| *place = 5));
        assert_eq!(taker.take(), Some(&mut 5));
    }

    #[test]
    fn values_are_whole_and_newest() {
        const LAST: u64 = 100_000;
        let (mut giver, mut taker) = handover([0; 16], [0; 16]);
        let feed = std::thread::spawn(move || {
            for number in 1..=LAST {
                let given = giver.give(|place, _| place.fill(number));
                // Only the last must not be missed.
                while number == LAST && !given && !giver.give(|place, _| place.fill(number)) {}
            }
        });
        let mut seen = 0;
        while seen < LAST {
            let Some(taken) = taker.take() else {
                std::thread::yield_now();
                continue;
            };
            assert!(taken[0] > seen && taken.iter().all(|it| *it == taken[0]));
            seen = taken[0];
        }
        feed.join().unwrap();
    }
}
