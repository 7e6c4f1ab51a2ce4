//! Measures a contender at a pace, in blocks of messages.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use hdrhistogram::Histogram;
use ticklot_transport::rustls::ClientConfig;

use super::cores::{Cores, pinned};
use super::matching::matched;
use super::record::Record;
use super::server::{Pace, Schedule, Sent};
use super::tls::Identity;
use crate::book::{Best, Maps};
use crate::input::Input;
use crate::measure::{Row, Tail, thousandths};
use crate::parse::serde::{Books, SerdeJson};
use crate::process::Process;
use crate::socket::server::Stream;

/// The messages at the start of a block that warm up the client, for each connection and in all. They are not counted.
const WARM_UP: (usize, usize) = (4, 64);

/// The messages after them, at the measured pace, that are not counted either.
const UNCOUNTED: usize = 2;

/// The maximum latency of the histogram.
const MAX_NS: u64 = 10_000_000_000;

/// The server of a contender.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// The TLS configuration, if any.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connections: usize,
    pub(super) origin: Origin,
}

impl Target {
    /// The URL of a connection: its path is the number.
    pub(super) fn url(&self, number: usize) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/{number}", self.address)
    }
}

/// The start of the measured latency. It ends with the handler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    /// The server's write.
    Write,
    /// The receipt of the frame, on the clock of the feed.
    Receipt,
}

/// A reader of messages.
#[derive(Clone, Copy)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) tls: bool,
    /// Whether it applies each message to a book, so that the best prices can be checked.
    pub(super) keeps_book: bool,
    /// Connects and handles messages until the record is full.
    pub(super) read: fn(&Target, Record) -> anyhow::Result<Record>,
}

/// The state that all blocks share.
pub(super) struct Setup {
    cores: Cores,
    frames: Arc<Stream>,
    /// The best prices of each frame's book.
    best: Vec<Best>,
    tls: Identity,
    bytes: u64,
}

impl Setup {
    pub(super) fn new(input: &Input, cores: Cores) -> anyhow::Result<Self> {
        // The reference is serde_json with two maps rather than our decoder.
        let mut book = Maps::new(Books::<SerdeJson>::new(None), 1);
        let envelope = input.envelope();
        let best = input.frames.iter().map(|frame| {
            let book = book.message(0, envelope.strip(frame)?.into())?;
            anyhow::Ok(book.best())
        });
        Ok(Self {
            cores,
            best: best.collect::<anyhow::Result<_>>()?,
            frames: Arc::new(Stream::new(input)?),
            tls: Identity::new()?,
            bytes: input.message_bytes(),
        })
    }
}

/// A contender at a pace.
pub(super) struct Measurement {
    contender: Contender,
    name: &'static str,
    pace: Pace,
    connections: usize,
    origin: Origin,
    histogram: Histogram<u64>,
    allocations: u64,
    messages: usize,
    preempted: u64,
}

impl Measurement {
    pub(super) fn new(contender: Contender, pace: Pace) -> anyhow::Result<Self> {
        Ok(Self {
            contender,
            name: contender.name,
            pace,
            connections: 1,
            origin: Origin::Write,
            histogram: Histogram::new_with_bounds(1, MAX_NS, 3)?,
            allocations: 0,
            messages: 0,
            preempted: 0,
        })
    }

    /// The same with more connections.
    pub(super) fn connections(self, name: &'static str, connections: usize) -> Self {
        Self {
            name,
            connections,
            ..self
        }
    }

    /// The same, measured from the receipt.
    pub(super) fn since_receipt(self, name: &'static str) -> Self {
        Self {
            name,
            origin: Origin::Receipt,
            ..self
        }
    }

    /// Sends `messages` messages and records their latencies, on new connections between two new threads.
    pub(super) fn block(
        &mut self,
        setup: &Setup,
        start: usize,
        messages: usize,
    ) -> anyhow::Result<()> {
        let warm_up = WARM_UP.1.max(WARM_UP.0 * self.connections);
        let (uncounted, count) = (warm_up + UNCOUNTED, Arc::new(AtomicUsize::new(0)));
        let schedule = Schedule {
            frames: setup.frames.clone(),
            len: setup.best.len(),
            start,
            connections: self.connections,
            warm_up,
            total: uncounted + messages,
            pace: self.pace,
            tls: self.contender.tls.then(|| setup.tls.server.clone()),
            origin: Instant::now(),
            handled: count,
        };
        let (sent, record, preempted) = self.run(setup, schedule, uncounted)?;
        let pairs = matched(&sent, record.handled())?;
        for (index, (sent, handled)) in pairs.into_iter().enumerate() {
            ensure!(
                !self.contender.keeps_book || handled.best == setup.best[sent.frame],
                "{}: other best prices at message {index}",
                self.name
            );
            if index >= uncounted {
                self.histogram.saturating_record(match self.origin {
                    Origin::Write => handled.ns.saturating_sub(sent.ns),
                    Origin::Receipt => handled.ns,
                });
            }
        }
        self.allocations += record.allocations();
        self.messages += messages;
        self.preempted += preempted;
        Ok(())
    }

    fn run(
        &self,
        setup: &Setup,
        schedule: Schedule,
        uncounted: usize,
    ) -> anyhow::Result<(Vec<Sent>, Record, u64)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let target = Target {
            address: listener.local_addr()?,
            tls: self.contender.tls.then(|| setup.tls.client.clone()),
            connections: self.connections,
            origin: self.origin,
        };
        let total = schedule.total;
        let record = Record::new(schedule.origin, schedule.handled.clone(), uncounted, total);
        let (cores, read) = (setup.cores, self.contender.read);
        let server = thread::spawn(move || pinned(cores.server, || schedule.run(&listener)));
        let client = thread::spawn(move || pinned(cores.client, || read(&target, record)));
        let (record, of_client) = join(client).with_context(|| self.name)?;
        let handled = record.handled().len();
        // If the client has failed, the server may wait for a connection forever.
        ensure!(
            handled == total || server.is_finished(),
            "{}: {handled} of {total} messages",
            self.name
        );
        let (sent, of_server) =
            join(server).with_context(|| format!("{}: the server", self.name))?;
        Ok((sent, record, of_client + of_server))
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^53
    pub(super) fn row(&self, case: &str, setup: &Setup) -> Row {
        let quantile = |quantile| self.histogram.value_at_quantile(quantile) as f64;
        Row {
            table: "wire",
            case: case.to_owned(),
            contender: self.name,
            ns_median: quantile(0.5),
            ns_min: self.histogram.min() as f64,
            ns_p90: Some(quantile(0.9)),
            tail: Some(Tail {
                ns_p99: quantile(0.99),
                ns_p999: quantile(0.999),
                messages: self.histogram.len(),
                preempted: self.preempted,
            }),
            bytes: setup.bytes,
            allocs: thousandths(self.allocations, self.messages),
            ..Row::default()
        }
    }
}

fn join<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("it panicked"))?
}
