//! `ticklot replay`: a recorded log, decoded and applied as fast as it goes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;
use ticklot::bayse::{self, Bayse};
use ticklot::capture::{BookRows, FrameLog};
use ticklot::feed::Clock;
use ticklot::jayx::{self, JayX};
use ticklot::{Books, ConnectionId, Event, Handler, Nanos, Options, Reply, Session, Venue};
use ticklot_frame::jayx::Envelope;

use crate::args::{BookArgs, ReplayArgs, VenueArg};
use crate::panel::latency_histogram;
use crate::{Failure, Output};

/// How many bad lines are told one by one.
const TOLD: u64 = 20;

pub(crate) fn run(args: &ReplayArgs, output: &mut Output) -> Result<(), Failure> {
    let log = FrameLog::open(&args.log)
        .map_err(|error| Failure::work(format_args!("{}: {error}", args.log.display())))?;
    let mut replayed = match args.venue {
        VenueArg::Jayx => play(jayx(&args.book)?, log, args, output),
        VenueArg::Bayse => {
            let scale = args.book.scale(bayse::CENTS)?;
            play(built(Bayse::any().scale(scale).build())?, log, args, output)
        }
    }?;
    replayed.print(output)?;
    match replayed.broken {
        0 => Ok(()),
        n => Err(Failure::work(format_args!(
            "{}: {n} of its lines cannot be read",
            args.log.display()
        ))),
    }
}

fn jayx(args: &BookArgs) -> Result<JayX, Failure> {
    let envelope = args.envelope.map_or(Envelope::Auto, Envelope::from);
    let venue = JayX::new(&args.symbol)
        .envelope(envelope)
        .scale(args.scale(jayx::BTCUSDT)?);
    built(venue.build())
}

/// What makes no sense to the venue is a mistake on the command line.
pub(crate) fn built<V, E: std::fmt::Display>(venue: Result<V, E>) -> Result<V, Failure> {
    venue.map_err(|error| Failure::Usage(error.to_string()))
}

/// Creates the file for the rows; `log` is what must not be overwritten by it.
pub(crate) fn create_rows(
    path: &Path,
    log: Option<&Path>,
) -> Result<BookRows<BufWriter<File>>, Failure> {
    let same = |log: &Path| Some(log.canonicalize().ok()? == path.canonicalize().ok()?);
    if log.and_then(same) == Some(true) {
        return Err(Failure::Usage(format!(
            "--books would overwrite the log {}",
            path.display()
        )));
    }
    let cannot =
        |error: io::Error| Failure::work(format_args!("cannot write {}: {error}", path.display()));
    BookRows::new(BufWriter::new(File::create(path).map_err(cannot)?)).map_err(cannot)
}

/// What a replay saw.
struct Replayed {
    frames: u64,
    messages: u64,
    bad_lines: u64,
    /// Lines of the log that are no records.
    broken: u64,
    books: usize,
    /// Time spent in decoding and applying.
    busy_ns: u64,
    latency: Histogram<u64>,
}

impl Replayed {
    fn print(&mut self, output: &mut Output) -> io::Result<()> {
        let errors = self.bad_lines + self.broken;
        let rate = per_second(self.messages, self.busy_ns);
        writeln!(
            output.out,
            "{} frames, {} messages, {} books, {errors} errors, {rate:.0} messages/s",
            self.frames, self.messages, self.books
        )?;
        writeln!(
            output.out,
            "ns per message: p50 {}, p99 {}, p99.9 {}, max {}",
            self.latency.value_at_quantile(0.5),
            self.latency.value_at_quantile(0.99),
            self.latency.value_at_quantile(0.999),
            self.latency.max()
        )
    }
}

fn elapsed_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// For show only: a float is fine.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        count as f64 * 1e9 / ns as f64
    }
}

/// Writes rows and tells bad lines while the session runs.
struct Recorder<'a> {
    rows: Option<BookRows<BufWriter<File>>>,
    output: &'a mut Output,
    told: u64,
    /// Time spent here and not in decoding and applying.
    writing_ns: u64,
    /// The first row that could not be written.
    failed: Option<io::Error>,
}

impl Handler for Recorder<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::Book(update) => {
                if let Some(rows) = &mut self.rows {
                    let start = Instant::now();
                    if let Err(error) = rows.write(&update, books) {
                        self.failed = Some(error);
                        return ControlFlow::Break(());
                    }
                    self.writing_ns += elapsed_ns(start);
                }
            }
            Event::BadLine { frame, error, .. } => {
                self.tell(format_args!("frame {frame}: {error}"));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Recorder<'_> {
    fn tell(&mut self, what: impl std::fmt::Display) {
        self.told += 1;
        // Standard error may be closed; the count in the summary remains.
        let _ = match self.told {
            n if n <= TOLD => writeln!(self.output.err, "ticklot: {what}"),
            n if n == TOLD + 1 => writeln!(
                self.output.err,
                "ticklot: more lines are bad; not told one by one"
            ),
            _ => Ok(()),
        };
    }
}

fn play<V: Venue>(
    venue: V,
    mut log: FrameLog,
    args: &ReplayArgs,
    output: &mut Output,
) -> Result<Replayed, Failure> {
    // Last of all that can go wrong before the work: it empties the file.
    let rows = args
        .books
        .as_deref()
        .map(|path| create_rows(path, Some(&args.log)))
        .transpose()?;
    let mut books = Books::new();
    let mut options = Options::default();
    options.count_control = true;
    options.stale_after = None;
    let mut session = Session::new(venue, ConnectionId(0), options, &mut books);
    let mut recorder = Recorder {
        rows,
        output,
        told: 0,
        writing_ns: 0,
        failed: None,
    };
    let mut latency = latency_histogram()?;
    let (mut broken, mut busy_ns) = (0, 0);
    let clock = Clock::start();
    // Nothing is sent: there is nobody to send it to.
    let _ = session.opened(clock.now(), &mut books, &mut recorder);
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                broken += 1;
                session.skip_frame();
                recorder.tell(error);
                continue;
            }
        };
        let received = Nanos(record.recv_ns);
        let before = session.stats().messages;
        let start = Instant::now();
        let reply = session.frame(&record.frame, received, &mut books, &mut recorder);
        let took = elapsed_ns(start) - std::mem::take(&mut recorder.writing_ns);
        busy_ns += took;
        while session.outgoing(received).is_some() {}
        let messages = session.stats().messages - before;
        if let Some(each) = took.checked_div(messages) {
            latency.saturating_record_n(each, messages);
        }
        if reply == Reply::Stop {
            break;
        }
    }
    if let Some(error) = recorder
        .failed
        .or_else(|| recorder.rows.and_then(|mut r| r.flush().err()))
    {
        return Err(Failure::work(format_args!(
            "cannot write the books: {error}"
        )));
    }
    let stats = session.stats();
    Ok(Replayed {
        frames: stats.frames,
        messages: stats.messages,
        bad_lines: stats.bad_lines,
        broken,
        books: books.len(),
        busy_ns,
        latency,
    })
}
