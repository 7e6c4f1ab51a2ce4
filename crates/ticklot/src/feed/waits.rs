//! A poll that is skipped unless its own waker was called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Skips polls that cannot be ready. It polls the first time, after its waker was called, and after a poll that was ready.
///
/// The task of a connection is woken for each message, and seldom for a command, a response or a timer. Polling all of
/// these for each message would touch their memory and take the locks that connections share.
pub(super) struct Waits {
    signal: Arc<Signal>,
    /// Sets the signal.
    waker: Waker,
    /// The task that the signal wakes.
    task: Option<Waker>,
}

struct Signal {
    is_set: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Waits {
    pub(super) fn new() -> Self {
        let signal = Arc::new(Signal {
            is_set: AtomicBool::new(true),
            task: Mutex::new(None),
        });
        Self {
            waker: Arc::clone(&signal).into(),
            signal,
            task: None,
        }
    }

    /// Forces the next poll, because there is a new future to wait for.
    pub(super) fn changed(&self) {
        self.signal.is_set.store(true, Ordering::Relaxed);
    }

    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let is_task = |task: &Waker| task.will_wake(cx.waker());
        if !self.task.as_ref().is_some_and(is_task) {
            self.task = Some(cx.waker().clone());
            self.signal.set_task(cx.waker().clone());
        }
        // Load first: a swap would always invalidate the cache line of the other threads.
        let is_set = &self.signal.is_set;
        if !is_set.load(Ordering::Relaxed) || !is_set.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.changed();
        }
        polled
    }
}

impl Signal {
    fn set_task(&self, task: Waker) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts wake-ups.
    #[derive(Default)]
    struct Task(std::sync::atomic::AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn woken_wait_is_polled() {
        let (first, second) = (Arc::new(Task::default()), Arc::new(Task::default()));
        let mut waits = Waits::new();
        let (mut polls, mut inner) = (0, None);
        let mut poll = |waits: &mut Waits, task: &Arc<Task>, is_ready: bool| {
            let waker = Waker::from(Arc::clone(task));
            let polled = waits.poll(&mut Context::from_waker(&waker), |cx| {
                polls += 1;
                inner = Some(cx.waker().clone());
                if is_ready {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            (polled.is_ready(), polls, inner.clone())
        };
        let (is_ready, polls, waker) = poll(&mut waits, &first, false);
        assert!(!is_ready && polls == 1, "the first poll");
        assert_eq!(poll(&mut waits, &first, true).1, 1, "skipped");
        let waker = waker.unwrap();
        waker.wake_by_ref();
        assert_eq!(first.0.load(Ordering::Relaxed), 1);
        assert_eq!(poll(&mut waits, &first, true).1, 2);
        assert_eq!(poll(&mut waits, &first, false).1, 3, "it was ready");
        assert_eq!(poll(&mut waits, &second, false).1, 3, "another task");
        waker.wake();
        let woken = [&first, &second].map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [1, 1]);
        waits.changed();
        assert_eq!(poll(&mut waits, &second, false).1, 4);
    }
}
