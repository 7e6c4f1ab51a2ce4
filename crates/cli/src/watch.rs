//! `ticklot watch`: live books.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use hdrhistogram::Histogram;
use ticklot::bayse;
use ticklot::capture::BookRows;
use ticklot::feed::Clock;
use ticklot::jayx;
use ticklot::{Books, Disconnect, Ended, Event, Feed, Handler, Nanos, Options, Stopper, Venue};
use ticklot_sim::Simulator;

use crate::args::{VenueArg, WatchArgs};
use crate::panel::{Panel, latency_histogram};
use crate::replay::built;
use crate::view::{self, Printable};
use crate::{Failure, Output, follow, record, tell};

/// How often a terminal is redrawn, and how often a line goes to a pipe.
const REDRAW: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(1);

/// Puts the cursor at the top (ECMA-48, CUP). The screen is written over rather than cleared, since
/// clearing flickers.
const HOME: &str = "\x1b[H";
/// The end of a line: what an earlier, longer one left is erased (EL).
const LINE_END: &str = "\x1b[K\n";
/// Erases what is left below (ED).
const REST: &str = "\x1b[J";

pub(crate) fn run(args: &WatchArgs, output: &mut Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::work)?;
    let simulator = embedded(args)?;
    let interval = if output.terminal { REDRAW } else { LINE };
    let mut feed = Feed::new(Watcher::new(output)?);
    feed.tick_every(interval);
    add_venues(&mut feed, args, simulator.as_ref())?;
    let clock = feed.clock();
    feed.handler_mut().clock = clock;
    let incidents = record::incidents(&mut feed, args)?;
    // Last of all that can go wrong before the work: it empties the file.
    let rows = args
        .books
        .as_deref()
        .map(|path| crate::replay::create_rows(path, None));
    feed.handler_mut().rows = rows.transpose()?;
    let ended = runtime.block_on(async {
        tokio::spawn(stop_at_the_end(feed.stopper(), args.duration));
        feed.run().await
    });
    let (books, mut watcher) = feed.into_parts();
    watcher.summary(&books)?;
    record::tell_incidents(incidents.as_ref(), output);
    ended.iter().try_for_each(|end| verdict(end, args.once))
}

/// The embedded servers, where no URL names another.
pub(crate) fn embedded(args: &WatchArgs) -> Result<Option<Simulator>, Failure> {
    if !needs_simulator(args) {
        return Ok(None);
    }
    let (jayx, bayse) = (
        ticklot_sim::jayx::Config::default(),
        ticklot_sim::bayse::Config::default(),
    );
    let cannot = |error| Failure::work(format_args!("cannot start the embedded venues: {error}"));
    Simulator::spawn(jayx, bayse).map(Some).map_err(cannot)
}

/// Ends the feed when its time is up, or when the user asks for it.
pub(crate) async fn stop_at_the_end(stopper: Stopper, after: Option<Duration>) {
    let time_is_up = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        // Without a handler for the signal the default one ends the program anyway.
        Ok(()) = tokio::signal::ctrl_c() => {}
    }
    stopper.stop();
}

/// Whether a connection's end is what was wanted.
pub(crate) fn verdict(end: &Ended, once: bool) -> Result<(), Failure> {
    match end.reason {
        Disconnect::Stopped => Ok(()),
        // A server that closes with no code, or because it goes away, closes normally too.
        Disconnect::Closed {
            code: 1000 | 1001 | 1005,
        } if once => Ok(()),
        _ => Err(Failure::work(&end.reason)),
    }
}

/// Whether an embedded server is followed.
fn needs_simulator(args: &WatchArgs) -> bool {
    match &args.setup {
        Some(setup) => setup.needs_simulator(args),
        None => args.url.is_none(),
    }
}

pub(crate) fn add_venues<H: Handler>(
    feed: &mut Feed<H>,
    args: &WatchArgs,
    simulator: Option<&Simulator>,
) -> Result<(), Failure> {
    check_options(args)?;
    if let Some(setup) = &args.setup {
        return setup.add(feed, args, simulator);
    }
    let mut options = Options::default();
    options.reconnect.after_close = !args.once;
    options.reconnect.first_attempts = Some(1);
    let url = |venue| {
        let embedded = || simulator.and_then(|simulator| simulator.url(venue));
        args.url.clone().or_else(embedded).unwrap_or_default()
    };
    let transport = ticklot_transport::Config::default();
    if args.venue != Some(VenueArg::Bayse) {
        let plan = follow::jayx(args, args.book.scale(jayx::BTCUSDT)?)?;
        for venue in built(plan.url(&url(ticklot_sim::Venue::Jayx)).connections())? {
            feed.add_with(venue, options.clone(), transport.clone());
        }
    }
    if args.venue != Some(VenueArg::Jayx) {
        let (url, scale) = (
            url(ticklot_sim::Venue::Bayse),
            args.book.scale(bayse::CENTS)?,
        );
        match follow::any(args)? {
            Some(venue) => {
                feed.add_with(
                    built(venue.url(&url).scale(scale).build())?,
                    options,
                    transport,
                );
            }
            None => {
                let plan = follow::bayse(args)?.url(&url).scale(scale);
                for (_, venue) in built(plan.connections())? {
                    // One with nothing to follow would wait for commands, and none will come.
                    if venue.is_wanted() {
                        feed.add_with(venue, options.clone(), transport.clone());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Options that mean nothing for the venue are mistakes.
fn check_options(args: &WatchArgs) -> Result<(), Failure> {
    let wrong = match args.venue {
        Some(VenueArg::Bayse) if args.book.envelope.is_some() => "--envelope is for JayX",
        Some(VenueArg::Bayse) if !args.event.is_empty() => "--event is for JayX",
        Some(VenueArg::Jayx) if !args.market.is_empty() => "--market is for Bayse",
        Some(VenueArg::Jayx) if !args.channel.is_empty() => "--channel is for Bayse",
        _ => return Ok(()),
    };
    Err(Failure::Usage(wrong.to_owned()))
}

/// Shows books while they change.
struct Watcher<'a> {
    output: &'a mut Output,
    clock: Clock,
    panels: Vec<Panel>,
    no_latency: Histogram<u64>,
    rows: Option<BookRows<BufWriter<File>>>,
    text: String,
    /// The last thing that happened besides books, for the terminal.
    notice: String,
    bad_lines: u64,
    /// Messages that are no books.
    told: u64,
    failed: Option<Failure>,
}

impl<'a> Watcher<'a> {
    fn new(output: &'a mut Output) -> Result<Self, Failure> {
        Ok(Self {
            output,
            clock: Clock::start(),
            panels: Vec::new(),
            no_latency: latency_histogram()?,
            rows: None,
            text: String::new(),
            notice: String::new(),
            bad_lines: 0,
            told: 0,
            failed: None,
        })
    }

    fn panel(&mut self, at: usize, now: Nanos) -> &mut Panel {
        while self.panels.len() <= at {
            self.panels.push(Panel::new(now, self.no_latency.clone()));
        }
        &mut self.panels[at]
    }

    fn draw(&mut self, books: &Books, now: Nanos) -> io::Result<()> {
        self.text.clear();
        for id in books.ids() {
            let panel = self.panel(id.0 as usize, now);
            panel.take_rate(now);
            let panel = &self.panels[id.0 as usize];
            let text = &mut self.text;
            let drawn = if self.output.terminal {
                view::ladder(text, books, id, panel, now)
            } else {
                view::line(text, books, id, panel, now)
            };
            drawn.map_err(io::Error::other)?;
        }
        if self.output.terminal {
            let lines = self.text.replace('\n', LINE_END);
            self.text = format!("{HOME}{lines}{}{REST}", self.notice);
        }
        self.output.out.write_all(self.text.as_bytes())?;
        self.output.out.flush()
    }

    /// A message that is no book: a line in a pipe, the bottom line of a terminal.
    fn tell(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) -> io::Result<()> {
        self.told += 1;
        self.text.clear();
        write(&mut self.text).map_err(io::Error::other)?;
        let line = Printable(&self.text).to_string();
        if self.output.terminal {
            self.notice = line;
            return Ok(());
        }
        writeln!(self.output.out, "{line}")
    }

    /// Something besides books: a line of its own in a pipe, the bottom line of a terminal.
    fn notice(&mut self, what: std::fmt::Arguments<'_>) {
        if self.output.terminal {
            self.notice.clear();
            // Writing to a string does not fail.
            let _ = write!(self.notice, "{}", Printable(what));
        } else {
            let _ = writeln!(self.output.err, "ticklot: {}", Printable(what));
        }
    }

    fn on_event(&mut self, event: &Event<'_>, books: &Books) -> Result<(), Failure> {
        match event {
            Event::Book(update) => {
                let now = self.clock.now();
                let state = books.state(update.book);
                self.panel(update.book.0 as usize, now)
                    .update(update, state, now);
                if let Some(rows) = &mut self.rows {
                    rows.write(update, books).map_err(|error| {
                        Failure::work(format_args!("cannot write the books: {error}"))
                    })?;
                }
            }
            Event::Tick { now } => self.draw(books, *now)?,
            Event::Bayse { message, .. } => self.tell(|text| tell::bayse(text, message))?,
            Event::JayX { message, .. } => self.tell(|text| tell::jayx(text, message))?,
            Event::BadLine { frame, error, .. } => {
                self.bad_lines += 1;
                self.notice(format_args!("frame {frame}: {error}"));
            }
            Event::Refused { message, .. } => {
                self.notice(format_args!("the venue refused: {message}"));
            }
            // Undocumented, but it is what the simulated JayX answers to a wrong symbol.
            Event::Unknown { kind: "error", .. } => {
                self.notice(format_args!(
                    "the venue refused something, in a form that is not known"
                ));
            }
            Event::Stale { book } => {
                self.notice(format_args!("{} is stale", books.name(*book)));
            }
            Event::Disconnected {
                reason,
                retry_in: Some(wait),
                ..
            } => {
                let ms = wait.0 / 1_000_000;
                self.notice(format_args!("{reason}; connecting again in {ms} ms"));
            }
            _ => {}
        }
        Ok(())
    }

    fn summary(&mut self, books: &Books) -> Result<(), Failure> {
        if let Some(failure) = self.failed.take() {
            return Err(failure);
        }
        if let Some(rows) = &mut self.rows {
            rows.flush()?;
        }
        if self.output.terminal {
            // Below the last frame, which shows the books as they were.
            writeln!(self.output.out)?;
        }
        for id in books.ids() {
            let Some(panel) = self.panels.get(id.0 as usize) else {
                continue;
            };
            let latency = &panel.latency;
            writeln!(
                self.output.out,
                "{}: {} messages, {} while not live, latency p50 {} p99 {} max {}",
                Printable(books.name(id)),
                panel.messages,
                panel.not_live,
                view::Micros(latency.value_at_quantile(0.5)),
                view::Micros(latency.value_at_quantile(0.99)),
                view::Micros(latency.max()),
            )?;
        }
        if self.told > 0 {
            writeln!(self.output.out, "{} other messages", self.told)?;
        }
        if self.bad_lines > 0 {
            writeln!(self.output.out, "{} bad lines", self.bad_lines)?;
        }
        self.output.out.flush()?;
        Ok(())
    }
}

impl Handler for Watcher<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match Self::on_event(self, &event, books) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }
}
