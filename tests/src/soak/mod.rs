//! A soak test: both venues with faults over real sockets, in one process and on one thread.
//!
//! Each time that all books of a connection are live again, its venue's markets are paused until each of these books equals
//! the server's, level by level. The memory, the descriptors and the tasks of the process are monitored. At the end they
//! must be back at their first values.

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

pub use self::connection_check::Recoveries;
use self::connection_check::{ConnectionCheck, ServerBooks};
use self::process_usage::ProcessUsage;
use crate::drive::{runtime, spin};
use crate::handler::ignore;

/// The default faults of every server.
pub const FAULTS: &str =
    "drop=500,cut=0.002,freeze=2s:0.001,hang=2s:0.0005,garbage=0.05,slow=1ms,refuse=0.2,seed=7";

/// How often the markets move.
const STEP: Duration = Duration::from_millis(20);
/// The servers' backlog for slow clients. It is small, so that it is full before the first memory measurement.
const BACKLOG: usize = 64;
/// The interval of the resource measurements.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// The time limit for the release of descriptors: longer than any close takes.
const SETTLE: Duration = Duration::from_secs(60);
/// The time limit of a recovery, which includes backoffs of up to a second, refusals and silence.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// Runs of at least this length check the memory; shorter ones are still warming up.
const LONG: Duration = Duration::from_secs(120);

/// The results of a soak without failures.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its duration.
    pub ran: Duration,
    /// The recoveries of all connections.
    pub recoveries: Recoveries,
    /// The number of times that a book became stale.
    pub stale: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Refused lines.
    pub bad_lines: u64,
    /// The injected faults at JayX and at Bayse Markets.
    pub injected: [FaultCounts; 2],
    /// The usage before the servers started.
    pub before: ProcessUsage,
    /// After a minute, or a third of the run if that is earlier.
    pub early: ProcessUsage,
    /// The maximum of each.
    pub most: ProcessUsage,
    /// At the end, with all connections open.
    pub late: ProcessUsage,
    /// After the shutdown.
    pub after: ProcessUsage,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([jayx, bayse], recoveries) = (self.injected, &self.recoveries);
        writeln!(
            f,
            "{} s: {} recoveries, {} agreed with the server, {} interrupted, slowest {} ms; \
             {} snapshots, {} bad lines, {} times stale",
            self.ran.as_secs(),
            recoveries.all,
            recoveries.agreed,
            recoveries.interrupted,
            recoveries.slowest.as_millis(),
            self.snapshots,
            self.bad_lines,
            self.stale,
        )?;
        writeln!(f, "faults of JayX:  {jayx:?}")?;
        writeln!(f, "faults of Bayse: {bayse:?}")?;
        writeln!(f, "before the start: {}", self.before)?;
        writeln!(f, "early:            {}", self.early)?;
        writeln!(f, "maximum:          {}", self.most)?;
        writeln!(f, "at the end:       {}", self.late)?;
        write!(f, "after the end:    {}", self.after)
    }
}

/// The driver of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// [`Feed::run`] on the servers' runtime.
    Runtime,
    /// [`Feed::spinning`] on the servers' thread, with keep-warm replays in each idle turn.
    Spinning,
}

/// Runs both venues with these faults.
///
/// # Errors
/// The first failed check.
pub fn run(length: Duration, faults: FaultConfig, driver: Driver) -> Result<Report, String> {
    runtime().block_on(soak(length, faults, driver))
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
    if let Some(error) = handler.error.take() {
        return Err(error);
    }
    let mut report = handler.into_report();
    report.injected = [jayx.faults(), bayse.faults()];
    report.snapshots = ended.iter().map(|it| it.stats.snapshots).sum();
    report.bad_lines = ended.iter().map(|it| it.stats.bad_lines).sum();
    jayx.shutdown().await;
    bayse.shutdown().await;
    report.after = released(before).await?;
    report.check(length)?;
    Ok(report)
}

impl Report {
    fn check(&self, length: Duration) -> Result<(), String> {
        let Recoveries {
            all,
            agreed,
            interrupted,
            ..
        } = self.recoveries;
        if agreed + interrupted != all || agreed == 0 {
            return Err(format!("recoveries without a comparison: {self}"));
        }
        // At most 5 % more.
        let is_flat = self.late.kib <= self.early.kib + self.early.kib / 20;
        if length >= LONG && !is_flat {
            return Err(format!("the memory has grown: {self}"));
        }
        Ok(())
    }
}

/// Waits until there are no more descriptors, tasks and threads than before.
async fn released(before: ProcessUsage) -> Result<ProcessUsage, String> {
    let start = Instant::now();
    loop {
        let now = ProcessUsage::now()?;
        let is_released = now.descriptors <= before.descriptors
            && now.tasks <= before.tasks
            && now.threads <= before.threads;
        if is_released {
            return Ok(now);
        }
        if start.elapsed() > SETTLE {
            return Err(format!("leaked: {now} after the shutdown, {before} before"));
        }
        tokio::time::sleep(STEP).await;
    }
}

/// The number of descriptors of a feed without connections.
async fn descriptors_of(driver: Driver) -> Result<usize, String> {
    if driver == Driver::Runtime {
        return Ok(0);
    }
    let before = ProcessUsage::now()?;
    let mut empty = Feed::new(ignore);
    let spinning = empty.spinning(&SpinOptions::default());
    let spinning = spinning.map_err(|it| it.to_string())?;
    let with = ProcessUsage::now()?;
    drop(spinning);
    released(before).await?;
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
        // Other faults than those of JayX.
        faults: FaultConfig {
            seed: !faults.seed,
            ..faults
        },
        ..Default::default()
    });
    Ok((jayx.await?, bayse.await?))
}

/// Connections to JayX in each envelope and to Bayse Markets in each currency, in the order of [`SoakHandler::new`].
fn feed(handler: SoakHandler, jayx: &Server, bayse: &Server) -> Result<Feed<SoakHandler>, String> {
    let mut feed = Feed::new(handler);
    feed.timer_interval(STEP);
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

/// Checks all books at every event.
struct SoakHandler {
    start: Instant,
    length: Duration,
    connections: Vec<ConnectionCheck>,
    /// The usage without open connections: that of the process before, of the two servers, and of the feed.
    idle: ProcessUsage,
    next_measurement: Instant,
    has_early: bool,
    is_over: bool,
    report: Report,
    error: Option<String>,
}

impl SoakHandler {
    /// Checks a feed that has `own` descriptors in addition to those of its connections.
    fn new(
        length: Duration,
        before: ProcessUsage,
        own: usize,
        jayx: &Server,
        bayse: &Server,
    ) -> Self {
        let spot = jayx.jayx_market().map(|it| (ServerBooks::Jayx(it), 1));
        let cents = |currency| {
            let market = bayse.bayse_market();
            market.map(|it| (ServerBooks::Bayse(it, currency), 4))
        };
        let (usd, ngn) = (bayse::Currency::Usd, bayse::Currency::Ngn);
        let servers = [spot.clone(), spot, cents(usd), cents(ngn)];
        let servers = servers.into_iter().flatten();
        let idle = ProcessUsage {
            descriptors: before.descriptors + own + 2,
            tasks: before.tasks + 2,
            ..before
        };
        Self {
            start: Instant::now(),
            length,
            connections: servers.map(ConnectionCheck::new).collect(),
            idle,
            next_measurement: Instant::now(),
            has_early: false,
            is_over: false,
            report: Report {
                before,
                most: idle,
                ..Report::default()
            },
            error: None,
        }
    }

    fn into_report(mut self) -> Report {
        self.report.ran = self.start.elapsed();
        for it in &self.connections {
            self.report.recoveries.merge(&it.counts);
        }
        self.report
    }

    /// Checks the books after an event; returns whether the soak is over.
    fn check(&mut self, event: &Event<'_>, books: &Books) -> Result<bool, String> {
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
            Event::State(change) if change.new == BookState::Stale => self.report.stale += 1,
            Event::Book(update) => check_valid(books, update.book)?,
            _ => {}
        }
        for at in 0..self.connections.len() {
            self.connections[at].check(at, books, RECOVERY_LIMIT)?;
        }
        self.pause_markets();
        match event {
            Event::Timer { .. } => self.tick(),
            _ => Ok(false),
        }
    }

    /// Pauses the markets of a venue while books of one of its connections are compared.
    fn pause_markets(&self) {
        for it in &self.connections {
            let mut others = self.connections.iter();
            let is_paused = others.any(|other| other.checks() && other.server.is_of(&it.server));
            it.server.set_paused(is_paused);
        }
    }

    /// Measures the process; returns whether the soak is over.
    fn tick(&mut self) -> Result<bool, String> {
        let over = self.start.elapsed() >= self.length;
        if !over && self.next_measurement > Instant::now() {
            return Ok(false);
        }
        let now = ProcessUsage::now()?;
        self.next_measurement = Instant::now() + MEASURE_EVERY;
        self.report.most = self.report.most.most(now);
        let early = (self.length / 3).min(Duration::from_secs(60));
        if !self.has_early && self.start.elapsed() >= early {
            (self.has_early, self.report.early) = (true, now);
        }
        if !over {
            return Ok(false);
        }
        let open = self.connections.len();
        let is_settled = now.descriptors == self.idle.descriptors + 2 * open
            && now.tasks == self.idle.tasks + open
            && self.connections.iter().all(|it| it.is_well());
        if is_settled {
            (self.is_over, self.report.late) = (true, now);
        } else if self.start.elapsed() > self.length + SETTLE {
            let idle = self.idle;
            return Err(format!(
                "leaked: {now} with {open} connections, {idle} without"
            ));
        }
        Ok(is_settled)
    }
}

/// Checks that a live book is sorted and not crossed.
fn check_valid(books: &Books, id: ticklot::BookId) -> Result<(), String> {
    let Some(book) = books.live(id) else {
        return Ok(());
    };
    let is_sorted = book.bids().is_sorted_by(|a, b| a.ticks > b.ticks)
        && book.asks().is_sorted_by(|a, b| a.ticks < b.ticks);
    if is_sorted && !book.is_crossed() {
        return Ok(());
    }
    Err(format!("{} is live and invalid: {book:?}", books.name(id)))
}

impl<V: Venue> OnMessage<V> for SoakHandler {}

impl Handler for SoakHandler {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        // The events of the feed's shutdown are not checked.
        if self.is_over || self.error.is_some() {
            return ControlFlow::Break(());
        }
        match self.check(&event, books) {
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) => {}
            Err(error) => self.error = Some(error),
        }
        for it in &mut self.connections {
            it.end();
        }
        ControlFlow::Break(())
    }
}
