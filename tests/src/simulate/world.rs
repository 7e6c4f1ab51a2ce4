//! One seed from its beginning to its end.

use std::time::Duration;

use std::collections::{BTreeMap, VecDeque};

use ticklot::Books;
use ticklot::RequestId;
use ticklot_book::Nanos;

use super::agenda::Agenda;
use super::client::Line;
use super::fault::{Counts, Fault};
use super::host::Host;
use super::judge::{Invariant, Judge};
use super::link::{Arrival, Link, Upstream};
use super::plan::{BAYSE, DELTA, JAYX, Plan, SECOND};
use super::seeded_bug::EventBug;
use super::session::AnySession;
use super::trace::Trace;
use super::{Options, Outcome};

/// The client's clock at the beginning: it may be set back.
const CLOCK: Duration = Duration::from_secs(1_000);

/// How long all stays well before it is believed.
const CALM: Duration = Duration::from_secs(3);

/// The most things that may be set to happen at once.
const AGENDA: usize = 20_000;

const HOSTS: [usize; 3] = [JAYX, BAYSE, DELTA];

/// Something that happens.
#[derive(Debug)]
pub(super) enum Happening {
    /// Something reaches the client.
    Client { line: usize, arrival: Arrival },
    /// The client's timer.
    Wake { line: usize },
    /// The client goes on after a pause.
    Resume,
    /// A request to upgrade reaches the server.
    Upgrade { line: usize, attempt: u32 },
    /// A request for first books reaches the server.
    Fetch {
        link: u32,
        id: RequestId,
        target: String,
    },
    /// Something reaches the server.
    Server { link: u32, what: Upstream },
    /// The server's timer.
    ServerWake { link: u32 },
    /// The server goes on with a client.
    Thaw { link: u32 },
    /// The server has been trying to write since then.
    WriteTimeout { link: u32, since: Nanos },
    /// A confirmation that was held back.
    LateAck { link: u32, text: String },
    /// A market moves.
    Step { host: usize },
    /// A server comes up.
    Start { host: usize },
    /// Something goes wrong.
    Trouble,
    /// The user changes what is desired.
    User,
    /// Nothing goes wrong any more.
    Calm,
    /// The time to be well again is over.
    Deadline,
}

/// Everything that there is.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) now: Nanos,
    pub(super) agenda: Agenda<Happening>,
    /// Decides delays; faults and the user have their own, so that one does not change the others.
    pub(super) rng: fastrand::Rng,
    pub(super) chaos: fastrand::Rng,
    pub(super) user: fastrand::Rng,
    pub(super) hosts: [Host; 3],
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) next_link: u32,
    pub(super) lines: Vec<Line>,
    pub(super) books: Books,
    /// How far the client's clock is ahead of the time.
    pub(super) ahead: Duration,
    /// The client does nothing until then.
    pub(super) paused: Option<Nanos>,
    /// The client reads what came during a pause, and has not looked at its timers yet.
    pub(super) is_catching_up: bool,
    /// How much of the pause its clock does not see.
    pub(super) suspended: Duration,
    /// What came meanwhile.
    pub(super) inbox: VecDeque<(usize, Arrival)>,
    /// How many fetches are to fail.
    pub(super) bad_fetches: u32,
    /// The frame that was read last: its connection, and when it was made.
    pub(super) last_read: (u32, Nanos),
    pub(super) judge: Judge,
    pub(super) event_bug: EventBug,
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    /// Since when all is well, once nothing goes wrong any more.
    well_since: Option<Nanos>,
    is_calm: bool,
    recovered: Option<Duration>,
}

impl World {
    fn new(seed: u64, options: &Options) -> Self {
        let plan = Plan::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut books = Books::new();
        let session = |line| AnySession::new(&plan, line, options.bug, &mut books);
        let sessions: Vec<_> = (0..plan.places.len()).map(session).collect();
        let mut judge = Judge::new(&plan);
        judge.clock_set(Nanos(0), Nanos(0).after(CLOCK));
        Self {
            hosts: HOSTS.map(|which| Host::new(which, &plan)),
            now: Nanos(0),
            agenda: Agenda::new(),
            chaos: rng.fork(),
            user: rng.fork(),
            rng,
            links: BTreeMap::new(),
            next_link: 0,
            lines: sessions.into_iter().map(Line::new).collect(),
            books,
            ahead: CLOCK,
            paused: None,
            is_catching_up: false,
            suspended: Duration::ZERO,
            inbox: VecDeque::new(),
            bad_fetches: 0,
            last_read: (0, Nanos(0)),
            judge,
            event_bug: EventBug::new(options.bug),
            trace: Trace::new(options.trace),
            counts: Counts::default(),
            well_since: None,
            is_calm: false,
            recovered: None,
            plan,
        }
    }

    /// Sets the first things to happen.
    fn begin(&mut self) {
        self.trace.note(self.now, format_args!("{:?}", self.plan));
        for host in HOSTS {
            self.judge.record(&self.hosts[host], self.now);
            self.agenda
                .set(Nanos(self.plan.step_every[host]), Happening::Step { host });
        }
        self.agenda.set(self.plan.faults_end, Happening::Calm);
        self.agenda.set(Nanos(SECOND), Happening::Trouble);
        if let Some(every) = self.plan.user_every {
            self.agenda.set(Nanos(every), Happening::User);
        }
        for line in 0..self.lines.len() {
            self.settle(line);
        }
    }

    /// Lives until all is well again, or something is not as it must be.
    fn live(&mut self) {
        while let Some((now, happening)) = self.agenda.next() {
            self.now = now;
            self.happen(happening);
            if self.agenda.len() > AGENDA {
                let actual = format!("{} things to happen", self.agenda.len());
                let expected = format!("at most {AGENDA}");
                self.judge.report(now, Invariant::Bounds, expected, actual);
            }
            if self.judge.violation().is_some() || self.recovered.is_some() {
                return;
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Client { line, arrival } => self.reach_client(line, arrival),
            Happening::Wake { line } => self.wake(line),
            Happening::Resume => self.resume(),
            Happening::Upgrade { line, attempt } => self.upgrade(line, attempt),
            Happening::Fetch { link, id, target } => self.answer_fetch(link, id, &target),
            Happening::Server { link, what } => self.reach_server(link, what),
            Happening::ServerWake { link } => self.server_wake(link),
            Happening::Thaw { link } => self.thaw(link),
            Happening::WriteTimeout { link, since } => self.write_timeout(link, since),
            Happening::LateAck { link, text } => self.late_ack(link, text),
            Happening::Step { host } => self.market_step(host),
            Happening::Start { host } => self.start(host),
            Happening::Trouble => self.trouble(),
            Happening::User => self.user_acts(),
            Happening::Calm => self.calm(),
            Happening::Deadline => self.too_late(),
        }
        if self.is_calm {
            self.check_recovery();
        }
    }

    /// The last fault is over: from now on the network, the servers and the user are good.
    fn calm(&mut self) {
        self.trace.step(self.now, format_args!("no more faults"));
        self.is_calm = true;
        self.end_faults();
        let within = self.plan.recovery(self.judge.lost());
        self.agenda.set(self.now.after(within), Happening::Deadline);
    }

    fn check_recovery(&mut self) {
        if self.judge.unwell(&self.books).is_some() {
            self.well_since = None;
            return;
        }
        let since = *self.well_since.get_or_insert(self.now);
        if self.now.since(since) >= CALM {
            self.recovered = Some(since.since(self.plan.faults_end));
            if self.plan.has_faults_of_deltas_only() {
                self.judge.check_connections(self.now);
            }
        }
    }

    fn too_late(&mut self) {
        if let Some(what) = self.judge.unwell(&self.books) {
            let within = self.plan.recovery(self.judge.lost()).as_secs();
            let expected = format!("all is well {within} s after the last fault");
            self.judge
                .report(self.now, Invariant::Recovery, expected, what);
        }
    }

    pub(super) fn is_over_with_faults(&self) -> bool {
        self.is_calm
    }

    /// Sets something to happen after a while.
    pub(super) fn after(&mut self, length: u64, happening: Happening) {
        self.agenda
            .set(self.now.after(Duration::from_nanos(length)), happening);
    }

    /// What the client's clock shows.
    pub(super) fn shown(&self) -> Nanos {
        self.now.after(self.ahead)
    }

    /// How long something is under way.
    pub(super) fn latency(&mut self) -> u64 {
        let (low, high) = self.plan.latency;
        self.rng.u64(low..high)
    }

    /// A fault has really happened.
    pub(super) fn count(&mut self, fault: Fault) {
        self.counts.add(fault);
        self.trace
            .note(self.now, format_args!("  fault: {fault:?}"));
    }
}

/// Runs a seed.
pub(super) fn run(seed: u64, options: &Options) -> Outcome {
    let mut world = World::new(seed, options);
    world.begin();
    world.live();
    let violation = world.judge.violation().cloned();
    if let Some(violation) = &violation {
        world.trace.note(world.now, format_args!("{violation}"));
    }
    Outcome {
        seed,
        steps: world.trace.steps(),
        time: world.now,
        faults: world.counts,
        repairs: world.judge.repairs(),
        recovery: world.recovered,
        bound: world.plan.recovery(world.judge.lost()),
        violation,
        trace: world.trace.into_text(),
    }
}
