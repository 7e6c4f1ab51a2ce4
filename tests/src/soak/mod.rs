//! Both venues with faults over real sockets, in one process and on one thread, for as long as is asked.
//!
//! Each time that all books of a connection are live again, its venue's markets are held still until each
//! of these books equals the server's own, level by level. Meanwhile the process is watched: its memory,
//! its descriptors, its tasks. At the end each of them must be back where it was.

mod connection_check;
mod process_usage;

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ticklot::bayse::{Bayse, Currency};
use ticklot::jayx::{Envelope, JayX};
use ticklot::venue::Venue;
use ticklot::{
    BookState, Books, Disconnect, Event, Feed, Handler, OnMessage, Options, Scale, SpinOptions,
};
use ticklot_sim::bayse::Listing;
use ticklot_sim::{FaultConfig, FaultCounts, Server, bayse, jayx};

use self::connection_check::{ConnectionCheck, Truth};
use self::process_usage::ProcessUsage;
use crate::drive::spin;

/// What every server does wrong, unless something else is asked for.
pub const FAULTS: &str =
    "drop=500,cut=0.002,freeze=2s:0.001,hang=2s:0.0005,garbage=0.05,slow=1ms,refuse=0.2,seed=7";

/// How often the markets move.
const STEP: Duration = Duration::from_millis(20);
/// What servers keep for slow clients: so little that it is full long before memory is first judged.
const BACKLOG: usize = 64;
/// How often the process is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long the descriptors of connections that are gone may stay: longer than any close takes.
const SETTLE: Duration = Duration::from_secs(60);
/// Longer than any recovery, with backoffs of up to a second, refusals and spells of silence.
const PATIENCE: Duration = Duration::from_secs(60);
/// From how long a run on its memory must not have grown; a shorter one is still warming up.
const LONG: Duration = Duration::from_secs(120);

/// What a soak showed. It holds only for a run in which nothing was wrong.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long it ran.
    pub ran: Duration,
    /// How often all books of a connection were live again; its first time is one.
    pub recoveries: u64,
    /// After how many of them each book was seen to equal the server's.
    pub agreed: u64,
    /// After how many the next fault came first.
    pub interrupted: u64,
    /// How often a book went stale.
    pub stale: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Lines that were refused.
    pub bad_lines: u64,
    /// The longest time without all books of a connection.
    pub slowest: Duration,
    /// What went wrong on purpose, at JayX and at Bayse Markets.
    pub injected: [FaultCounts; 2],
    /// Before the servers were started.
    pub before: ProcessUsage,
    /// After a minute, or a third of the run if that is earlier.
    pub early: ProcessUsage,
    /// The most of each.
    pub most: ProcessUsage,
    /// At the end, with every connection open.
    pub late: ProcessUsage,
    /// After everything was shut down.
    pub after: ProcessUsage,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [jayx, bayse] = self.injected;
        writeln!(
            f,
            "{} s: {} recoveries, {} agreed with the server, {} interrupted, slowest {} ms; \
             {} snapshots, {} bad connections, {} times stale",
            self.ran.as_secs(),
            self.recoveries,
            self.agreed,
            self.interrupted,
            self.slowest.as_millis(),
            self.snapshots,
            self.bad_lines,
            self.stale,
        )?;
        writeln!(f, "faults of JayX:  {jayx:?}")?;
        writeln!(f, "faults of Bayse: {bayse:?}")?;
        writeln!(f, "before the start: {}", self.before)?;
        writeln!(f, "early:            {}", self.early)?;
        writeln!(f, "the most:         {}", self.most)?;
        writeln!(f, "at the end:       {}", self.late)?;
        write!(f, "after the end:    {}", self.after)
    }
}

/// What runs the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The servers' runtime, with [`Feed::run`].
    Runtime,
    /// The servers' thread, with [`Feed::spinning`] and replays whenever there is nothing to read.
    Spinning,
}

/// Runs both venues for so long, with these faults.
///
/// # Errors
/// What did not hold.
pub fn run(length: Duration, faults: FaultConfig, driver: Driver) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(soak(length, faults, driver))
}

async fn soak(length: Duration, faults: FaultConfig, driver: Driver) -> Result<Report, String> {
    let before = ProcessUsage::now()?;
    let own = descriptors_of(driver).await?;
    let (jayx, bayse) = servers(faults).await.map_err(|it| it.to_string())?;
    let mut feed = feed(
        SoakHandler::new(length, before, own, &jayx, &bayse),
        &jayx,
        &bayse,
    )?;
    let ended = match driver {
        Driver::Runtime => feed.run().await,
        Driver::Spinning => spin(&mut feed, Some(Duration::ZERO))
            .await
            .map_err(|it| it.to_string())?,
    };
    let (_, mut handler) = feed.into_parts();
    if let Some(wrong) = handler.wrong.take() {
        return Err(wrong);
    }
    let mut report = handler.report(before, [jayx.faults(), bayse.faults()]);
    report.snapshots = ended.iter().map(|it| it.stats.snapshots).sum();
    report.bad_lines = ended.iter().map(|it| it.stats.bad_lines).sum();
    drop(handler);
    jayx.shutdown().await;
    bayse.shutdown().await;
    report.after = left(before).await?;
    report.judge(length)?;
    Ok(report)
}

impl Report {
    fn judge(&self, length: Duration) -> Result<(), String> {
        if self.agreed + self.interrupted != self.recoveries || self.agreed == 0 {
            return Err(format!("recoveries without a verdict: {self}"));
        }
        // Within a twentieth.
        let is_flat = self.late.kib <= self.early.kib + self.early.kib / 20;
        if length >= LONG && !is_flat {
            return Err(format!("the memory grows: {self}"));
        }
        Ok(())
    }
}

/// Waits until descriptors, tasks and threads are as few as before.
async fn left(before: ProcessUsage) -> Result<ProcessUsage, String> {
    let start = Instant::now();
    loop {
        let now = ProcessUsage::now()?;
        let is_left = now.descriptors <= before.descriptors
            && now.tasks <= before.tasks
            && now.threads <= before.threads;
        if is_left {
            return Ok(now);
        }
        if start.elapsed() > SETTLE {
            return Err(format!("leaked: {now} after everything, {before} before"));
        }
        tokio::time::sleep(STEP).await;
    }
}

/// How many descriptors a feed has besides those of its connections.
async fn descriptors_of(driver: Driver) -> Result<usize, String> {
    if driver == Driver::Runtime {
        return Ok(0);
    }
    let before = ProcessUsage::now()?;
    let mut empty = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::Continue(()));
    let spinning = empty.spinning(&SpinOptions::default());
    let spinning = spinning.map_err(|it| it.to_string())?;
    let with = ProcessUsage::now()?;
    drop(spinning);
    left(before).await?;
    Ok(with.descriptors - before.descriptors)
}

async fn servers(faults: FaultConfig) -> std::io::Result<(Server, Server)> {
    let jayx = Server::jayx(jayx::Config {
        update_every: STEP,
        backlog: BACKLOG,
        faults,
        ..Default::default()
    });
    let bayse = Server::bayse(bayse::Config {
        update_every: STEP,
        backlog: BACKLOG,
        // Not the same mess twice.
        faults: FaultConfig {
            seed: !faults.seed,
            ..faults
        },
        ..Default::default()
    });
    Ok((jayx.await?, bayse.await?))
}

/// A connection to each form of JayX, and to each currency of Bayse Markets: in the order of
/// [`SoakHandler::new`]'s connections.
fn feed(handler: SoakHandler, jayx: &Server, bayse: &Server) -> Result<Feed<SoakHandler>, String> {
    let mut feed = Feed::new(handler);
    feed.tick_every(STEP);
    for (seed, envelope) in [(1, Envelope::SocketIo), (2, Envelope::Plain)] {
        let venue = JayX::new("BTCUSDT").url(&jayx.url()).envelope(envelope);
        let venue = venue.build().map_err(|it| it.to_string())?;
        feed.add_with(venue, options(seed), Default::default());
    }
    let cents = Scale::new(2, 2).map_err(|it| it.to_string())?;
    for (seed, currency) in [(3, Currency::Usd), (4, Currency::Ngn)] {
        let markets = [Listing::rate_cut(), Listing::long_shot()].map(|it| it.market_id);
        let venue = Bayse::new(markets).url(&bayse.url()).scale(cents);
        let venue = venue.currency(currency);
        let venue = venue.ack_timeout(Duration::from_secs(1)).build();
        feed.add_with(
            venue.map_err(|it| it.to_string())?,
            options(seed),
            Default::default(),
        );
    }
    Ok(feed)
}

fn options(seed: u64) -> Options {
    let mut options = Options::default();
    options.seed = Some(seed);
    options.stale_after = Some(Duration::from_secs(1));
    options.reconnect.base = Duration::from_millis(100);
    options.reconnect.cap = Duration::from_secs(1);
    options
}

/// The strategy: checks every book that it reads.
struct SoakHandler {
    start: Instant,
    length: Duration,
    connections: Vec<ConnectionCheck>,
    /// With nothing open: what the process has without us, with the two servers, and with the feed.
    idle: ProcessUsage,
    next_look: Instant,
    early: Option<ProcessUsage>,
    most: ProcessUsage,
    late: Option<ProcessUsage>,
    stale: u64,
    wrong: Option<String>,
}

impl SoakHandler {
    /// Watches a feed that has `own` descriptors besides those of its connections.
    fn new(
        length: Duration,
        before: ProcessUsage,
        own: usize,
        jayx: &Server,
        bayse: &Server,
    ) -> Self {
        let spot = jayx.jayx_market().map(|it| (Truth::Jayx(it), 1));
        let cents = |currency| {
            bayse
                .bayse_market()
                .map(|it| (Truth::Bayse(it, currency), 4))
        };
        let (usd, ngn) = (bayse::Currency::Usd, bayse::Currency::Ngn);
        let truths = [spot.clone(), spot, cents(usd), cents(ngn)];
        let idle = ProcessUsage {
            descriptors: before.descriptors + own + 2,
            tasks: before.tasks + 2,
            ..before
        };
        Self {
            start: Instant::now(),
            length,
            connections: truths
                .into_iter()
                .flatten()
                .map(ConnectionCheck::new)
                .collect(),
            idle,
            next_look: Instant::now(),
            early: None,
            most: idle,
            late: None,
            stale: 0,
            wrong: None,
        }
    }

    fn report(&self, before: ProcessUsage, injected: [FaultCounts; 2]) -> Report {
        let sum = |of: fn(&ConnectionCheck) -> u64| self.connections.iter().map(of).sum();
        let slowest = self.connections.iter().map(|it| it.slowest).max();
        Report {
            ran: self.start.elapsed(),
            recoveries: sum(|it| it.recoveries),
            agreed: sum(|it| it.agreed),
            interrupted: sum(|it| it.interrupted),
            stale: self.stale,
            snapshots: 0,
            bad_lines: 0,
            slowest: slowest.unwrap_or_default(),
            injected,
            before,
            early: self.early.unwrap_or(before),
            most: self.most,
            late: self.late.unwrap_or(before),
            after: before,
        }
    }

    fn look(&mut self, event: &Event<'_>, books: &Books) -> Result<bool, String> {
        match event {
            Event::Disconnected {
                connection, reason, ..
            } => {
                if let Disconnect::Impossible(why) = reason {
                    return Err(why.to_string());
                }
                if let Some(it) = self.connections.get_mut(connection.0 as usize) {
                    it.broke();
                }
            }
            Event::State(change) if change.new == BookState::Stale => self.stale += 1,
            Event::Book(update) => sound(books, update.book)?,
            _ => {}
        }
        for at in 0..self.connections.len() {
            self.connections[at].look(at, books, PATIENCE)?;
        }
        self.hold_still();
        match event {
            Event::Tick { .. } => self.tick(),
            _ => Ok(false),
        }
    }

    /// The markets of a venue stand still while one of its connections is looked at.
    fn hold_still(&self) {
        for it in &self.connections {
            let mut others = self.connections.iter();
            let is_still = others.any(|other| other.checks() && other.truth.is_of(&it.truth));
            it.truth.hold(is_still);
        }
    }

    /// Takes note of the process; true at the end.
    fn tick(&mut self) -> Result<bool, String> {
        let over = self.start.elapsed() >= self.length;
        if !over && self.next_look > Instant::now() {
            return Ok(false);
        }
        let now = ProcessUsage::now()?;
        self.next_look = Instant::now() + LOOK;
        self.most = self.most.most(now);
        let early = (self.length / 3).min(Duration::from_secs(60));
        if self.early.is_none() && self.start.elapsed() >= early {
            self.early = Some(now);
        }
        if !over {
            return Ok(false);
        }
        let open = self.connections.len();
        let is_settled = now.descriptors == self.idle.descriptors + 2 * open
            && now.tasks == self.idle.tasks + open
            && self.connections.iter().all(|it| it.is_well());
        if is_settled {
            self.late = Some(now);
        } else if self.start.elapsed() > self.length + SETTLE {
            return Err(format!(
                "leaked: {now} with {open} connections, {} with none",
                self.idle
            ));
        }
        Ok(is_settled)
    }
}

/// What a strategy may ask of a book that calls itself live, whatever the server's is.
fn sound(books: &Books, id: ticklot::BookId) -> Result<(), String> {
    let Some(book) = books.live(id) else {
        return Ok(());
    };
    let is_sorted = book.bids().is_sorted_by(|a, b| a.ticks > b.ticks)
        && book.asks().is_sorted_by(|a, b| a.ticks < b.ticks);
    if is_sorted && !book.is_crossed() {
        return Ok(());
    }
    Err(format!("{} is live and no book: {book:?}", books.name(id)))
}

impl<V: Venue> OnMessage<V> for SoakHandler {}

impl Handler for SoakHandler {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        // What the end of the feed itself does is no fault.
        if self.late.is_some() || self.wrong.is_some() {
            return ControlFlow::Break(());
        }
        match self.look(&event, books) {
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) => {}
            Err(wrong) => self.wrong = Some(wrong),
        }
        for it in &mut self.connections {
            it.end();
        }
        ControlFlow::Break(())
    }
}
