//! Runs the futures of a feed's connections concurrently.
//!
//! Unlike `FuturesUnordered`, it keeps no linked list of all futures, so a poll touches no memory of other connections.
//! It also does not yield to the runtime after each round of polls, which with a single connection would be after each
//! message.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A set of futures. It polls only those that were woken, in the order of their wake-ups.
pub(super) struct Running<'a, T> {
    futures: Vec<Option<Member<'a, T>>>,
    /// The number of unfinished futures.
    unfinished: usize,
    shared: Arc<Shared>,
}

struct Member<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    signal: Arc<Signal>,
    waker: Waker,
}

/// Wakes one future.
struct Signal {
    index: usize,
    is_queued: AtomicBool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    woken: VecDeque<usize>,
    /// The task that polls them all.
    task: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut queue = self.shared.lock();
        queue.woken.push_back(self.index);
        // If the queue has more futures, the task has been woken already.
        if queue.woken.len() == 1
            && let Some(task) = &queue.task
        {
            task.wake_by_ref();
        }
    }
}

impl<'a, T> Running<'a, T> {
    pub(super) fn new(
        futures: impl Iterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let member = |(index, future)| {
            let signal = Arc::new(Signal {
                index,
                is_queued: AtomicBool::new(true),
                shared: Arc::clone(&shared),
            });
            Some(Member {
                future,
                waker: Arc::clone(&signal).into(),
                signal,
            })
        };
        let futures: Vec<_> = futures.enumerate().map(member).collect();
        shared.lock().woken = (0..futures.len()).collect();
        Self {
            unfinished: futures.len(),
            futures,
            shared,
        }
    }

    /// The number of unfinished futures.
    pub(super) fn len(&self) -> usize {
        self.unfinished
    }

    /// Polls for the output of the next future that finishes; none after the last one. It polls each woken future at most
    /// once before it yields to the runtime.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.unfinished == 0 {
            return Poll::Ready(None);
        }
        let mut queue = self.shared.lock();
        if !queue
            .task
            .as_ref()
            .is_some_and(|it| it.will_wake(cx.waker()))
        {
            queue.task = Some(cx.waker().clone());
        }
        for _ in 0..queue.woken.len() {
            let index = queue.woken.pop_front();
            drop(queue);
            if let Some(output) = index.and_then(|index| self.poll_one(index)) {
                // The rest of the queue may never be woken again.
                cx.waker().wake_by_ref();
                return Poll::Ready(Some(output));
            }
            queue = self.shared.lock();
        }
        if !queue.woken.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn poll_one(&mut self, index: usize) -> Option<T> {
        let slot = self.futures.get_mut(index)?;
        let member = slot.as_mut()?;
        // Before the poll, so that a wake-up during the poll is not lost. A swap, not a store: it synchronizes with wake-ups
        // that found the future queued, so the poll sees their writes.
        member.signal.is_queued.swap(false, Ordering::AcqRel);
        let polled = member
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&member.waker));
        let Poll::Ready(output) = polled else {
            return None;
        };
        *slot = None;
        self.unfinished -= 1;
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::{pending, poll_fn};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts wake-ups.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    type Boxed<'a> = Pin<Box<dyn Future<Output = u32> + 'a>>;

    #[test]
    fn woken_futures_poll_in_order() {
        let (polls, wakers) = (RefCell::new(Vec::new()), RefCell::new(vec![None; 3]));
        let future = |index: usize| -> Boxed<'_> {
            let (polls, wakers) = (&polls, &wakers);
            Box::pin(poll_fn(move |cx| {
                polls.borrow_mut().push(index);
                wakers.borrow_mut()[index] = Some(cx.waker().clone());
                Poll::Pending
            }))
        };
        let mut running = Running::new((0..3).map(future));
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut poll = || {
            assert!(
                running
                    .poll_next(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            polls.take()
        };
        assert_eq!(poll(), [0, 1, 2]);
        assert!(poll().is_empty());
        for index in [2, 0, 2] {
            wakers.borrow()[index].as_ref().map(Waker::wake_by_ref);
        }
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "once for all");
        assert_eq!(poll(), [2, 0]);
        let one = wakers.borrow_mut()[1].take();
        std::thread::spawn(move || one.map(Waker::wake))
            .join()
            .unwrap();
        assert_eq!(task.0.load(Ordering::Relaxed), 2);
        assert_eq!(poll(), [1]);
    }

    #[test]
    fn self_woken_future_waits() {
        let polls = RefCell::new(0);
        let restless: Boxed<'_> = Box::pin(poll_fn(|cx| {
            *polls.borrow_mut() += 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let mut running = Running::new([restless, Box::pin(pending())].into_iter());
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        for turn in 1..4 {
            assert!(
                running
                    .poll_next(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            assert_eq!(*polls.borrow(), turn);
            assert!(task.0.swap(0, Ordering::Relaxed) > 0, "polled again");
        }
    }

    #[test]
    fn every_output_is_returned_once() {
        let futures = (0..5).map(|n| -> Boxed<'_> { Box::pin(async move { n }) });
        let mut running = Running::new(futures);
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..5 {
            assert_eq!(running.len(), 5 - n as usize);
            assert_eq!(running.poll_next(&mut cx), Poll::Ready(Some(n)));
        }
        assert_eq!(running.poll_next(&mut cx), Poll::Ready(None));
    }
}
