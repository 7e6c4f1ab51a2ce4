//! A bounded queue from any thread to a feed. A spinning thread reads it without blocking.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// A flag that is set when any inbox of a feed may have an item, so that one atomic load checks all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell(Arc<AtomicBool>);

impl Bell {
    fn ring(&self) {
        // A swap, not a store: it continues the release sequence, so a reader also sees the items of earlier rings.
        self.0.swap(true, Ordering::Release);
    }

    /// Whether it rang since the last call. If so, the owner must read each inbox until it is empty.
    pub(super) fn has_rung(&self) -> bool {
        // Load first: a swap would always invalidate the cache line of the senders.
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }
}

/// The receiver. After it is dropped, sends fail.
pub(super) struct Inbox<T>(Arc<Shared<T>>);

/// A sender. Clones send to the same inbox.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The reason why an item was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    Full,
    Gone,
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    capacity: usize,
    bell: Bell,
    /// The waiting task, if any.
    waker: AtomicWaker,
}

struct Queue<T> {
    items: VecDeque<T>,
    is_open: bool,
}

/// An inbox that holds at most `capacity` items.
pub(super) fn inbox<T>(capacity: usize, bell: &Bell) -> (Sender<T>, Inbox<T>) {
    let queue = Queue {
        items: VecDeque::new(),
        is_open: true,
    };
    let shared = Arc::new(Shared {
        queue: Mutex::new(queue),
        capacity,
        bell: bell.clone(),
        waker: AtomicWaker::new(),
    });
    (Sender(Arc::clone(&shared)), Inbox(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Queues an item. Blocks only while another thread pushes or pops one.
    pub(super) fn send(&self, item: T) -> Result<(), Unsent> {
        let mut queue = self.0.lock();
        if !queue.is_open {
            return Err(Unsent::Gone);
        }
        if queue.items.len() >= self.0.capacity {
            return Err(Unsent::Full);
        }
        queue.items.push_back(item);
        drop(queue);
        self.0.bell.ring();
        self.0.waker.wake();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Inbox<T> {
    /// The next item, if any. Never blocks: if a sender holds the lock, it returns none and rings the bell for the next turn.
    pub(super) fn try_next(&self) -> Option<T> {
        match self.0.queue.try_lock() {
            Ok(mut queue) => queue.items.pop_front(),
            Err(TryLockError::Poisoned(queue)) => queue.into_inner().items.pop_front(),
            Err(TryLockError::WouldBlock) => {
                self.0.bell.ring();
                None
            }
        }
    }

    /// Rings the bell, because the inbox may have more items.
    pub(super) fn ring(&self) {
        self.0.bell.ring();
    }

    /// Polls for the next item. Stays pending after the last sender is dropped.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<T> {
        // Register first, so that an item sent in between wakes the task.
        self.0.waker.register(cx.waker());
        match self.0.lock().items.pop_front() {
            Some(item) => Poll::Ready(item),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.is_open = false;
        let items = std::mem::take(&mut queue.items);
        drop(queue);
        // Outside the lock, because the destructor of an item may send.
        drop(items);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn items_arrive_once_in_order() {
        let bell = Bell::default();
        let (sender, inbox) = inbox(2, &bell);
        assert!(!bell.has_rung() && inbox.try_next().is_none());
        assert_eq!(sender.send(1), Ok(()));
        assert_eq!(sender.clone().send(2), Ok(()));
        assert_eq!(sender.send(3), Err(Unsent::Full));
        assert!(bell.has_rung() && !bell.has_rung());
        assert_eq!(
            [inbox.try_next(), inbox.try_next(), inbox.try_next()],
            [Some(1), Some(2), None]
        );
        drop(inbox);
        assert_eq!(sender.send(4), Err(Unsent::Gone));
    }

    #[test]
    fn locked_queue_waits_a_turn() {
        let bell = Bell::default();
        let (sender, inbox) = inbox(2, &bell);
        sender.send(1).unwrap();
        assert!(bell.has_rung());
        let locked = sender.0.lock();
        assert_eq!(inbox.try_next(), None);
        drop(locked);
        assert!(bell.has_rung(), "for the next turn");
        assert_eq!(inbox.try_next(), Some(1));
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        const EACH: u64 = 10_000;
        let bell = Bell::default();
        let (sender, inbox) = inbox(64, &bell);
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for item in 0..EACH {
                        while sender.send(item).is_err() {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut sum = 0;
        let mut count = 0;
        while count < 2 * EACH {
            if bell.has_rung() {
                while let Some(item) = inbox.try_next() {
                    sum += item;
                    count += 1;
                }
            } else {
                thread::yield_now();
            }
        }
        assert_eq!(sum, EACH * (EACH - 1));
        for sender in senders {
            sender.join().unwrap();
        }
    }

    #[tokio::test]
    async fn waiting_task_is_woken() {
        let (sender, inbox) = inbox(1, &Bell::default());
        let wait = std::future::poll_fn(|cx| inbox.poll_next(cx));
        let send = async { sender.send(7) };
        assert_eq!(tokio::join!(wait, send), (7, Ok(())));
    }
}
