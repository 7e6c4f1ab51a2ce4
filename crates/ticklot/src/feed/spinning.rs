//! A feed on a thread that never sleeps.

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

/// How a feed spins: see [`Feed::spin`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpinOptions {
    /// The processor that the calling thread is bound to while it spins, by its number. Linux and Android only. Default:
    /// none, the thread runs on any of its processors.
    pub cpu: Option<usize>,
    /// How often the last order book message of each connection is decoded again while the thread has nothing else to do,
    /// which keeps code and data in the caches. See [`Feed::spin`]. There are no replays while a connection is being closed
    /// or has a blocked write. Default: none, never.
    pub keep_warm: Option<Duration>,
}

/// A feed that spins, a turn at a time: see [`Feed::spinning`].
///
/// Dropping it drops the connections without a close handshake and disconnects the books, without a word to the
/// handler; prefer [`ShutdownHandle::stop`](crate::control::ShutdownHandle::stop), and turns until there is nothing left.
pub struct Spinning<'a, H> {
    shared: &'a RefCell<Shared<H>>,
    clock: Clock,
    stop: &'a watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    lines: Vec<Member<'a>>,
    /// The connections that want a turn at once.
    ready: Vec<usize>,
    /// The connections of this turn.
    running: Vec<usize>,
    /// No timer is due before this.
    due: Nanos,
    context: SpinContext,
    outcomes: Inbox<(Ticket, Outcome)>,
    bell: &'a Bell,
    ticks: Option<Ticks>,
    warm: Option<KeepWarm>,
    /// Whether a connection wants another turn at once.
    is_busy: bool,
    taps: &'a mut TapList,
    ended: Vec<ConnectionSummary>,
    /// The thread is bound to a processor as long as this lives.
    _bound: Option<Bound>,
}

struct Member<'a> {
    driver: Box<dyn SpinningConnection + 'a>,
    /// Whether it is among those that want a turn at once.
    is_ready: bool,
}

/// The schedule of [`Event::Tick`](crate::Event::Tick).
#[derive(Clone, Copy, Debug)]
struct Ticks {
    every: Duration,
    next: Nanos,
}

/// The round of replays.
#[derive(Clone, Copy, Debug)]
struct KeepWarm {
    every: Duration,
    /// When the next round begins.
    next: Nanos,
    /// Whose turn it is; beyond the last connection between two rounds.
    line: usize,
}

impl<H: Handler> Feed<H> {
    /// As [`Feed::run`], on the calling thread alone and without a runtime: it reads the sockets in a loop and never
    /// sleeps. A message is in the handler a few microseconds earlier, since nothing wakes a thread for it. The thread takes
    /// all of its processor, also while nothing comes.
    ///
    /// A single connection is read without waiting, again and again. Of several connections, `epoll` finds the readable
    /// ones, without waiting either. Another thread connects, with DNS, proxies, TLS handshakes and upgrades, and fetches
    /// over HTTP, and sleeps otherwise. It inherits the processors and the scheduling policy of the calling thread: call this
    /// from a thread that is not bound yet, and use [`SpinOptions::cpu`].
    ///
    /// With [`SpinOptions::keep_warm`] an idle thread decodes the last order book message of each connection again, into
    /// a book of its own: the next real one then finds its code and data in the caches. It has no other effect: no event,
    /// no count and no book shows it. It happens after an attempt to read has found nothing, one connection at a
    /// time, so that a message waits for one replay at most.
    ///
    /// The handler should return soon and must not wait. A thread that shares its processor is paused by the kernel for
    /// milliseconds at a time; give it one that nothing else uses (`docs/tuning.md`). Messages that waited
    /// meanwhile are as old as the last moment at which the socket was seen empty.
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
    /// None for a message once warm, as [`Feed::run`]. With TLS, rustls allocates once for each record. A replay allocates when
    /// a book is replayed for the first time. To connect and to fetch over HTTP allocates and wakes the other thread.
    ///
    /// # Errors
    /// The operating system's: no thread or no `epoll` instance can be made, or the thread cannot be bound to
    /// [`SpinOptions::cpu`]. [`io::ErrorKind::Unsupported`] where threads cannot be bound.
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

    /// As [`Feed::spin`], for a thread that has a loop already: it calls [`Spinning::turn`] in each iteration.
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
        // Before the thread is bound: a thread inherits the processors of its parent.
        let (helper, outcomes) = Helper::start(bell)?;
        let bound = options.cpu.map(Bound::new).transpose()?;
        shared.get_mut().is_over = false;
        let (shared, stop) = (&*shared, &*stop);
        let count = connections.len();
        let keeps_warm = options.keep_warm.is_some();
        let lines = connections.iter_mut().map(|line| Member {
            driver: line.spin(shared, *clock, stop, keeps_warm),
            is_ready: false,
        });
        let mut spinning = Spinning {
            shared,
            clock: *clock,
            stop,
            stopped: stop.subscribe(),
            lines: lines.collect(),
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
            ticks: tick.map(|every| Ticks {
                every,
                next: clock.now().after(every),
            }),
            warm: options.keep_warm.map(|every| KeepWarm {
                every,
                next: clock.now(),
                line: 0,
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
    /// Reads incoming messages and runs due timers, without waiting. False when every connection has ended.
    ///
    /// A message is read when the next turn comes, so turns should follow each other closely. A turn of one connection
    /// that has nothing to read is one system call.
    pub fn turn(&mut self) -> bool {
        let began = Instant::now();
        self.context.now = self.clock.at(began);
        self.is_busy = false;
        self.poll();
        std::mem::swap(&mut self.running, &mut self.ready);
        for at in 0..self.running.len() {
            let index = self.running[at];
            self.lines[index].is_ready = false;
            self.drive(index, |line, context| line.turn(context));
        }
        self.running.clear();
        // Both ends live as long as the feed: it cannot fail.
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
        self.ended.len() < self.lines.len()
    }

    /// How each connection ended, when [`Spinning::turn`] has returned false.
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
        // The kernel's calls fail only for a wrong argument.
        let Ok(readable) = poller.poll() else { return };
        for index in readable {
            if let Some(line) = self.lines.get_mut(index)
                && !line.is_ready
            {
                line.is_ready = true;
                self.ready.push(index);
            }
        }
    }

    fn drive(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut dyn SpinningConnection, &SpinContext) -> NextTurn,
    ) {
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        let again = work(&mut *line.driver, &self.context);
        self.due = self.due.min(line.driver.due());
        let wants_turn = match again {
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
        if wants_turn && !line.is_ready {
            line.is_ready = true;
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

    /// Executes commands, and handles the results of the helper thread.
    #[cold]
    fn drain_inboxes(&mut self) {
        while let Some((ticket, outcome)) = self.outcomes.try_next() {
            let Ticket {
                connection,
                attempt,
            } = ticket;
            self.drive(index_of(connection), |line, context| {
                line.task_done(attempt, outcome, context)
            });
        }
        for index in 0..self.lines.len() {
            self.drive(index, |line, context| line.run_commands(context));
        }
    }

    /// Runs the timers that are due.
    #[cold]
    fn run_timers(&mut self, now: Nanos) {
        self.due = NEVER;
        for index in 0..self.lines.len() {
            let due = self.lines[index].driver.due();
            if due <= now {
                self.drive(index, |line, context| line.turn(context));
            } else {
                self.due = self.due.min(due);
            }
        }
    }

    /// Replays the last message of one connection, when it is time.
    #[inline]
    fn keep_warm(&mut self, now: Nanos) {
        let Some(warm) = &mut self.warm else { return };
        if warm.line >= self.lines.len() {
            if now < warm.next {
                return;
            }
            warm.line = 0;
        }
        if warm.line == 0 {
            warm.next = now.after(warm.every);
        }
        let line = self.lines.get_mut(warm.line);
        warm.line += 1;
        if let Some(line) = line {
            line.driver.replay(now);
        }
    }

    /// Tells the handler the time, until it has broken off.
    fn tick(&mut self) {
        let due = self.context.now;
        let Some(ticks) = self.ticks.as_mut().filter(|ticks| ticks.next <= due) else {
            return;
        };
        // Not earlier than the messages of this turn.
        let now = self.clock.now();
        // One that was missed is left out.
        let late = now.since(ticks.next).as_nanos() / ticks.every.as_nanos().max(1);
        let skipped = u32::try_from(late).unwrap_or(u32::MAX).saturating_add(1);
        ticks.next = ticks.next.after(ticks.every.saturating_mul(skipped));
        let _ = tick(self.shared, now, self.stop, self.taps);
    }
}

impl<H> fmt::Debug for Spinning<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spinning")
            .field("connections", &self.lines.len())
            .finish_non_exhaustive()
    }
}

/// Binds the calling thread to a processor, until it is dropped on that thread.
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
        // Fails only when these processors were taken away meanwhile.
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
