//! The run of one seed.

use std::time::Duration;

use std::collections::{BTreeMap, VecDeque};

use ticklot::Books;
use ticklot::venue::RequestId;
use ticklot_book::Nanos;

use super::connection::ClientConnection;
use super::event_queue::EventQueue;
use super::fault::{Counts, Fault};
use super::host::Host;
use super::link::{Arrival, Link, Upstream};
use super::oracle::{Invariant, Oracle};
use super::plan::{BAYSE, DELTA, JAYX, Plan, SECOND};
use super::seeded_bug::EventBug;
use super::session::AnySession;
use super::trace::Trace;
use super::{Options, Outcome};

/// The client's clock at the start. It may be set back later.
const CLOCK: Duration = Duration::from_secs(1_000);

/// The time for which all books have to be live until the recovery counts.
const STABLE: Duration = Duration::from_secs(3);

/// The maximum number of scheduled events.
const EVENT_LIMIT: usize = 20_000;

const HOSTS: [usize; 3] = [JAYX, BAYSE, DELTA];

/// A scheduled event.
#[derive(Debug)]
pub(super) enum SimEvent {
    /// A frame, a response or the end of a connection reaches the client.
    Client { index: usize, arrival: Arrival },
    /// The client's timer.
    Wake { index: usize },
    /// The client resumes after a pause.
    Resume,
    /// An upgrade request reaches the server.
    Upgrade { index: usize, attempt: u32 },
    /// A request for first books reaches the server.
    Fetch {
        link: u32,
        id: RequestId,
        target: String,
    },
    /// A message of the client reaches the server.
    Server { link: u32, message: Upstream },
    /// The server's timer.
    ServerWake { link: u32 },
    /// The server is no longer frozen.
    Thaw { link: u32 },
    /// The server has been trying to write since this time.
    WriteTimeout { link: u32, since: Nanos },
    /// A delayed confirmation is sent.
    LateAck { link: u32, text: String },
    /// A market moves.
    Step { host: usize },
    /// A server starts.
    Start { host: usize },
    /// The next fault is due.
    InjectFault,
    /// The user changes subscriptions.
    User,
    /// The faults end.
    EndFaults,
    /// The time limit of the recovery.
    Deadline,
}

/// The state of one seed's run.
pub(super) struct Simulation {
    pub(super) plan: Plan,
    pub(super) now: Nanos,
    pub(super) events: EventQueue<SimEvent>,
    /// For latencies. Faults and the user have separate generators, so that none changes the others' numbers.
    pub(super) rng: fastrand::Rng,
    pub(super) fault_rng: fastrand::Rng,
    pub(super) user_rng: fastrand::Rng,
    pub(super) hosts: [Host; 3],
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) next_link: u32,
    pub(super) connections: Vec<ClientConnection>,
    pub(super) books: Books,
    /// The lead of the client's clock over virtual time.
    pub(super) ahead: Duration,
    /// The client is paused until this time.
    pub(super) paused: Option<Nanos>,
    /// The client processes the events of a pause. Its timers are checked afterwards.
    pub(super) is_catching_up: bool,
    /// The part of the pause that its clock does not count.
    pub(super) suspended: Duration,
    /// The events that arrived during a pause.
    pub(super) inbox: VecDeque<(usize, Arrival)>,
    /// The number of fetches that will fail.
    pub(super) bad_fetches: u32,
    /// The connection of the last frame that was read, and the time at which the server created it.
    pub(super) last_read: (u32, Nanos),
    pub(super) oracle: Oracle,
    pub(super) event_bug: EventBug,
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    /// The time since which every book is live after the last fault.
    recovered_since: Option<Nanos>,
    has_no_more_faults: bool,
    recovered: Option<Duration>,
}

impl Simulation {
    fn new(seed: u64, options: &Options) -> Self {
        let plan = Plan::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut books = Books::new();
        let session = |index| AnySession::new(&plan, index, options.bug, &mut books);
        let sessions: Vec<_> = (0..plan.connections.len()).map(session).collect();
        let mut oracle = Oracle::new(&plan);
        oracle.clock_set(Nanos(0), Nanos(0).after(CLOCK));
        Self {
            hosts: HOSTS.map(|which| Host::new(which, &plan)),
            now: Nanos(0),
            events: EventQueue::new(),
            fault_rng: rng.fork(),
            user_rng: rng.fork(),
            rng,
            links: BTreeMap::new(),
            next_link: 0,
            connections: sessions.into_iter().map(ClientConnection::new).collect(),
            books,
            ahead: CLOCK,
            paused: None,
            is_catching_up: false,
            suspended: Duration::ZERO,
            inbox: VecDeque::new(),
            bad_fetches: 0,
            last_read: (0, Nanos(0)),
            oracle,
            event_bug: EventBug::new(options.bug),
            trace: Trace::new(options.trace),
            counts: Counts::default(),
            recovered_since: None,
            has_no_more_faults: false,
            recovered: None,
            plan,
        }
    }

    /// Schedules the first events.
    fn schedule_first(&mut self) {
        self.trace.note(self.now, format_args!("{:?}", self.plan));
        for host in HOSTS {
            self.oracle.record(&self.hosts[host], self.now);
            self.events
                .set(Nanos(self.plan.step_every[host]), SimEvent::Step { host });
        }
        self.events.set(self.plan.faults_end, SimEvent::EndFaults);
        self.events.set(Nanos(SECOND), SimEvent::InjectFault);
        if let Some(every) = self.plan.user_every {
            self.events.set(Nanos(every), SimEvent::User);
        }
        for index in 0..self.connections.len() {
            self.advance(index);
        }
    }

    /// Runs until every book is live after the last fault, or an invariant is violated.
    fn run(&mut self) {
        while let Some((now, event)) = self.events.next() {
            self.now = now;
            self.handle(event);
            if self.events.len() > EVENT_LIMIT {
                let actual = format!("{} scheduled events", self.events.len());
                let expected = format!("at most {EVENT_LIMIT}");
                self.oracle.report(now, Invariant::Bounds, expected, actual);
            }
            if self.oracle.violation().is_some() || self.recovered.is_some() {
                return;
            }
        }
    }

    fn handle(&mut self, event: SimEvent) {
        match event {
            SimEvent::Client { index, arrival } => self.reach_client(index, arrival),
            SimEvent::Wake { index } => self.wake(index),
            SimEvent::Resume => self.resume(),
            SimEvent::Upgrade { index, attempt } => self.upgrade(index, attempt),
            SimEvent::Fetch { link, id, target } => self.answer_fetch(link, id, &target),
            SimEvent::Server { link, message } => self.reach_server(link, message),
            SimEvent::ServerWake { link } => self.server_wake(link),
            SimEvent::Thaw { link } => self.thaw(link),
            SimEvent::WriteTimeout { link, since } => self.write_timeout(link, since),
            SimEvent::LateAck { link, text } => self.late_ack(link, text),
            SimEvent::Step { host } => self.market_step(host),
            SimEvent::Start { host } => self.start(host),
            SimEvent::InjectFault => self.inject_fault(),
            SimEvent::User => self.user_acts(),
            SimEvent::EndFaults => self.end_of_faults(),
            SimEvent::Deadline => self.check_deadline(),
        }
        if self.has_no_more_faults {
            self.check_recovery();
        }
    }

    /// From now on there are no faults, and the user changes nothing.
    fn end_of_faults(&mut self) {
        self.trace.step(self.now, format_args!("no more faults"));
        self.has_no_more_faults = true;
        self.end_faults();
        let within = self.plan.recovery(self.oracle.lost());
        self.events.set(self.now.after(within), SimEvent::Deadline);
    }

    fn check_recovery(&mut self) {
        if self.oracle.not_recovered(&self.books).is_some() {
            self.recovered_since = None;
            return;
        }
        let since = *self.recovered_since.get_or_insert(self.now);
        if self.now.since(since) >= STABLE {
            self.recovered = Some(since.since(self.plan.faults_end));
            if self.plan.has_faults_of_deltas_only() {
                self.oracle.check_connections(self.now);
            }
        }
    }

    fn check_deadline(&mut self) {
        if let Some(actual) = self.oracle.not_recovered(&self.books) {
            let within = self.plan.recovery(self.oracle.lost()).as_secs();
            let expected = format!("recovery within {within} s of the last fault");
            self.oracle
                .report(self.now, Invariant::Recovery, expected, actual);
        }
    }

    pub(super) fn is_over_with_faults(&self) -> bool {
        self.has_no_more_faults
    }

    /// Schedules an event.
    pub(super) fn after(&mut self, length: u64, event: SimEvent) {
        self.events
            .set(self.now.after(Duration::from_nanos(length)), event);
    }

    /// The time of the client's clock.
    pub(super) fn shown(&self) -> Nanos {
        self.now.after(self.ahead)
    }

    /// Draws the latency of a message.
    pub(super) fn latency(&mut self) -> u64 {
        let (low, high) = self.plan.latency;
        self.rng.u64(low..high)
    }

    /// Counts a fault that took effect.
    pub(super) fn count(&mut self, fault: Fault) {
        self.counts.add(fault);
        self.trace
            .note(self.now, format_args!("  fault: {fault:?}"));
    }
}

/// Runs a seed.
pub(super) fn run(seed: u64, options: &Options) -> Outcome {
    let mut simulation = Simulation::new(seed, options);
    simulation.schedule_first();
    simulation.run();
    let violation = simulation.oracle.violation().cloned();
    if let Some(violation) = &violation {
        simulation
            .trace
            .note(simulation.now, format_args!("{violation}"));
    }
    Outcome {
        seed,
        steps: simulation.trace.steps(),
        time: simulation.now,
        faults: simulation.counts,
        repairs: simulation.oracle.repairs(),
        recovery: simulation.recovered,
        bound: simulation.plan.recovery(simulation.oracle.lost()),
        violation,
        trace: simulation.trace.into_text(),
    }
}
