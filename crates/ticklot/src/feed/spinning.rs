//! Runs a feed on a thread that never sleeps: [`Feed::spin`] and [`Spinning`].

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_transport::{Instant, Poller};
use tokio::sync::watch;

use super::clock::Clock;
use super::helper::{Helper, Outcome, Ticket};
use super::inbox::{Bell, Inbox};
use super::spin::{NEVER, NextTurn, SpinContext, SpinningConnection, index_of};
use super::{ConnectionSummary, Feed, Shared, tick};
use crate::event::Handler;
use crate::observe::tap::TapList;

/// Options of [`Feed::spin`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpinOptions {
    /// The number of the processor to bind the calling thread to while it spins. Linux and Android only. Default: none, the
    /// thread keeps its affinity.
    pub cpu: Option<usize>,
    /// The interval of keep-warm replays while the thread is idle: see [`Feed::spin`]. There are no replays while a
    /// connection is being closed or has a blocked write. Default: none, no replays.
    pub keep_warm: Option<Duration>,
}

/// A spinning feed whose caller runs the loop: see [`Feed::spinning`].
///
/// Dropping it drops the connections without a close handshake. The books become disconnected, but the handler receives
/// no event. Prefer [`ShutdownHandle::stop`](crate::control::ShutdownHandle::stop), and turns until one returns false.
pub struct Spinning<'a, H> {
    shared: &'a RefCell<Shared<H>>,
    clock: Clock,
    stop: &'a watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    connections: Vec<Member<'a>>,
    /// The connections that need the next turn.
    ready: Vec<usize>,
    /// The connections of this turn.
    running: Vec<usize>,
    /// A lower bound of the next due time.
    due: Nanos,
    context: SpinContext,
    outcomes: Inbox<(Ticket, Outcome)>,
    bell: &'a Bell,
    ticks: Option<TimerSchedule>,
    warm: Option<KeepWarm>,
    /// Whether a connection of this turn may have more to read or write.
    is_busy: bool,
    taps: &'a mut TapList,
    ended: Vec<ConnectionSummary>,
    /// Restores the thread's affinity when it is dropped.
    _bound: Option<Bound>,
}

struct Member<'a> {
    driver: Box<dyn SpinningConnection + 'a>,
    /// Whether it is in `Spinning::ready`.
    is_ready: bool,
}

/// The schedule of [`Event::Timer`](crate::Event::Timer).
#[derive(Clone, Copy, Debug)]
struct TimerSchedule {
    every: Duration,
    next: Nanos,
}

/// The schedule of replays.
#[derive(Clone, Copy, Debug)]
struct KeepWarm {
    every: Duration,
    /// When the next round begins.
    next: Nanos,
    /// The next connection to replay; beyond the last one between two rounds.
    connection: usize,
}

impl<H: Handler> Feed<H> {
    /// Runs the feed as [`Feed::run`] does, but on the calling thread and without a runtime: it reads the sockets in a loop
    /// and never sleeps. Messages reach the handler a few microseconds earlier, because no thread has to be woken. The
    /// thread uses its whole processor, also while the connections are idle.
    ///
    /// A single connection is read in each iteration, without blocking. For several connections, `epoll` finds the readable
    /// ones, also without blocking. A second thread connects (DNS, proxies, TLS handshakes, upgrades), fetches over HTTP and
    /// sleeps otherwise. It inherits the affinity and the scheduling policy of the calling thread. So call this from a thread
    /// that is not bound, and use [`SpinOptions::cpu`].
    ///
    /// With [`SpinOptions::keep_warm`], an idle thread decodes the last order book message of each connection again and
    /// applies it to a scratch book. The next message then finds its code and data in the caches. Replays have no
    /// visible effect: no event, no count, and no change of a book. A replay starts only after a read that found
    /// nothing, and for one connection at a time, so a message waits for at most one replay.
    ///
    /// The handler should return soon and must not block. The kernel pauses a thread that shares its processor for
    /// milliseconds at a time, so reserve a processor for it (`docs/tuning.md`). The age of a message
    /// that may have waited during such a pause counts from the last time when the socket was seen empty.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    /// use ticklot::jayx::JayX;
    /// use ticklot::{Books, Event, Feed, SpinOptions};
    ///
    /// let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
    ///     if let Event::Book(update) = event
    ///         && let Some(book) = books.live(update.book)
    ///     {
    ///         println!("{:?} {:?}", book.best_bid(), book.best_ask());
    ///     }
    ///     ControlFlow::Continue(())
    /// });
    /// feed.add(JayX::new("BTCUSDT").build()?);
    /// let mut options = SpinOptions::default();
    /// options.cpu = Some(3);
    /// options.keep_warm = Some(Duration::from_micros(100));
    /// feed.spin(&options)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Allocation
    /// None for a message once warm, as for [`Feed::run`]. With TLS, rustls allocates once for each record. The first replay
    /// of a book allocates. Connecting and fetching over HTTP allocate and wake the second thread.
    ///
    /// # Errors
    /// An error of the operating system: it cannot create a thread or an `epoll` instance, or cannot bind the thread to
    /// [`SpinOptions::cpu`]. [`io::ErrorKind::Unsupported`] on platforms where a thread cannot be bound.
    ///
    /// # Panics
    /// Only if the handler does.
    pub fn spin(&mut self, options: &SpinOptions) -> io::Result<Vec<ConnectionSummary>> {
        let mut spinning = self.spinning(options)?;
        while spinning.turn() {
            std::hint::spin_loop();
        }
        Ok(spinning.finish())
    }

    /// As [`Feed::spin`], for a thread with its own loop, which calls [`Spinning::turn`] in each iteration.
    ///
    /// # Errors
    /// As [`Feed::spin`].
    pub fn spinning(&mut self, options: &SpinOptions) -> io::Result<Spinning<'_, H>> {
        let Self {
            shared,
            connections,
            clock,
            stop,
            tick,
            taps,
            bell,
            ..
        } = self;
        // Before the thread is bound: a new thread inherits the affinity.
        let (helper, outcomes) = Helper::start(bell)?;
        let bound = options.cpu.map(Bound::new).transpose()?;
        shared.get_mut().is_over = false;
        let (shared, stop) = (&*shared, &*stop);
        let count = connections.len();
        let keeps_warm = options.keep_warm.is_some();
        let connections = connections.iter_mut().map(|it| Member {
            driver: it.spin(shared, *clock, stop, keeps_warm),
            is_ready: false,
        });
        let mut spinning = Spinning {
            shared,
            clock: *clock,
            stop,
            stopped: stop.subscribe(),
            connections: connections.collect(),
            ready: Vec::new(),
            running: Vec::new(),
            due: NEVER,
            context: SpinContext {
                helper,
                poller: match count {
                    1 => None,
                    len => Some(Poller::with_capacity(len)?),
                },
                seen: Instant::now(),
                now: clock.now(),
                is_stopped: false,
            },
            outcomes,
            bell,
            ticks: tick.map(|every| TimerSchedule {
                every,
                next: clock.now().after(every),
            }),
            warm: options.keep_warm.map(|every| KeepWarm {
                every,
                next: clock.now(),
                connection: 0,
            }),
            is_busy: false,
            taps,
            ended: Vec::new(),
            _bound: bound,
        };
        spinning.check_stop();
        spinning.drain_inboxes();
        Ok(spinning)
    }
}

impl<H: Handler> Spinning<'_, H> {
    /// Reads incoming messages and runs due timers, without blocking. Returns false when all connections have ended.
    ///
    /// The time between two turns adds to the latency of a message. With a single connection, a turn that finds nothing to
    /// read is one system call.
    pub fn turn(&mut self) -> bool {
        let began = Instant::now();
        self.context.now = self.clock.at(began);
        self.is_busy = false;
        self.poll();
        std::mem::swap(&mut self.running, &mut self.ready);
        for at in 0..self.running.len() {
            let index = self.running[at];
            self.connections[index].is_ready = false;
            self.drive(index, |it, context| it.turn(context));
        }
        self.running.clear();
        // Cannot fail, because the feed owns the sender.
        if self.stopped.has_changed().unwrap_or_default() {
            self.check_stop();
        }
        if self.bell.has_rung() {
            self.drain_inboxes();
        }
        let now = self.context.now;
        if self.due <= now {
            self.run_timers(now);
        }
        self.tick();
        if !self.is_busy {
            self.keep_warm(now);
        }
        self.context.seen = began;
        self.ended.len() < self.connections.len()
    }

    /// A summary of each connection, after [`Spinning::turn`] has returned false.
    #[must_use]
    pub fn finish(mut self) -> Vec<ConnectionSummary> {
        // The request to stop does not apply to the next run.
        self.stop.send_replace(false);
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_by_key(|end| end.connection);
        ended
    }

    /// Finds the readable connections.
    fn poll(&mut self) {
        let Some(poller) = &mut self.context.poller else {
            return;
        };
        // Fails only for invalid arguments.
        let Ok(readable) = poller.poll() else { return };
        for index in readable {
            if let Some(connection) = self.connections.get_mut(index)
                && !connection.is_ready
            {
                connection.is_ready = true;
                self.ready.push(index);
            }
        }
    }

    /// Runs one turn of a connection, and schedules the next.
    fn drive(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut dyn SpinningConnection, &SpinContext) -> NextTurn,
    ) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let next = work(&mut *connection.driver, &self.context);
        self.due = self.due.min(connection.driver.due());
        let needs_turn = match next {
            NextTurn::Soon => {
                self.is_busy = true;
                true
            }
            NextTurn::Idle => true,
            NextTurn::Later => false,
            NextTurn::Ended(ended) => {
                self.ended.push(*ended);
                false
            }
        };
        if needs_turn && !connection.is_ready {
            connection.is_ready = true;
            self.ready.push(index);
        }
    }

    #[cold]
    fn check_stop(&mut self) {
        self.context.is_stopped = *self.stopped.borrow_and_update();
        if self.context.is_stopped {
            self.drain_inboxes();
        }
    }

    /// Executes commands, and handles the outcomes of the helper thread.
    #[cold]
    fn drain_inboxes(&mut self) {
        while let Some((ticket, outcome)) = self.outcomes.try_next() {
            let Ticket {
                connection,
                attempt,
            } = ticket;
            self.drive(index_of(connection), |it, context| {
                it.task_done(attempt, outcome, context)
            });
        }
        for index in 0..self.connections.len() {
            self.drive(index, |it, context| it.run_commands(context));
        }
    }

    /// Runs the timers that are due.
    #[cold]
    fn run_timers(&mut self, now: Nanos) {
        self.due = NEVER;
        for index in 0..self.connections.len() {
            let due = self.connections[index].driver.due();
            if due <= now {
                self.drive(index, |it, context| it.turn(context));
            } else {
                self.due = self.due.min(due);
            }
        }
    }

    /// Replays the last message of one connection, if it is time.
    #[inline]
    fn keep_warm(&mut self, now: Nanos) {
        let Some(warm) = &mut self.warm else { return };
        if warm.connection >= self.connections.len() {
            if now < warm.next {
                return;
            }
            warm.connection = 0;
        }
        if warm.connection == 0 {
            warm.next = now.after(warm.every);
        }
        let connection = self.connections.get_mut(warm.connection);
        warm.connection += 1;
        if let Some(connection) = connection {
            connection.driver.replay(now);
        }
    }

    /// Emits [`Event::Timer`](crate::Event::Timer) if it is due.
    fn tick(&mut self) {
        let due = self.context.now;
        let Some(ticks) = self.ticks.as_mut().filter(|ticks| ticks.next <= due) else {
            return;
        };
        // Not earlier than the messages of this turn.
        let now = self.clock.now();
        // Skip missed ticks.
        let late = now.since(ticks.next).as_nanos() / ticks.every.as_nanos().max(1);
        let skipped = u32::try_from(late).unwrap_or(u32::MAX).saturating_add(1);
        ticks.next = ticks.next.after(ticks.every.saturating_mul(skipped));
        let _ = tick(self.shared, now, self.stop, self.taps);
    }
}

impl<H> fmt::Debug for Spinning<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spinning")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

/// Binds the calling thread to a processor until it is dropped. Drop it on the same thread.
#[cfg(any(target_os = "linux", target_os = "android"))]
struct Bound {
    before: nix::sched::CpuSet,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Bound {
    fn new(cpu: usize) -> io::Result<Self> {
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};

        let before = sched_getaffinity(CALLER)?;
        let mut set = CpuSet::new();
        set.set(cpu)?;
        sched_setaffinity(CALLER, &set)?;
        Ok(Self { before })
    }
}

/// The calling thread.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CALLER: nix::unistd::Pid = nix::unistd::Pid::from_raw(0);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Drop for Bound {
    fn drop(&mut self) {
        // Fails only if the process has lost these processors meanwhile.
        let _ = nix::sched::sched_setaffinity(CALLER, &self.before);
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
struct Bound;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Bound {
    fn new(_cpu: usize) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
