//! A contender at a pace, and the blocks of messages that it handles.

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
use super::record::{Best, Record};
use super::server::{Orders, Pace, Sent};
use super::tls::Identity;
use super::tungstenite::{Maps, PeerBook};
use crate::input::Input;
use crate::measure::{Row, Tail, thousandths};
use crate::socket::Stream;

/// The messages at the beginning of a block that warm the client up, for each connection and in all. They are not
/// counted.
const WARM_UP: (usize, usize) = (4, 64);

/// The messages after them, at the pace that is measured, that are not counted either.
const UNCOUNTED: usize = 2;

/// The worst latency that the histogram tells apart.
const MAX_NS: u64 = 10_000_000_000;

/// What a contender connects to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// With TLS, if there is a configuration.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connections: usize,
    pub(super) measure: Measure,
}

impl Target {
    /// The URL of a connection: its path is the number.
    pub(super) fn url(&self, number: usize) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/{number}", self.address)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measure {
    /// From the server's write to the end of the handler.
    Wire,
    /// From the receipt of the frame to the end of the handler, on the clock of the feed.
    Inside,
}

/// Whoever reads messages.
#[derive(Clone, Copy)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) tls: bool,
    /// Whether it keeps the book of each message, so that its best prices can be checked.
    pub(super) keeps_book: bool,
    /// Connects and handles messages until the record is full.
    pub(super) read: fn(&Target, Record) -> anyhow::Result<Record>,
}

/// What all blocks share.
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
        // serde_json and two maps say what is right, not our own decoder.
        let (wrapping, mut book) = (input.wrapping(), Maps::default());
        let best = input
            .frames
            .iter()
            .map(|frame| book.message(wrapping.cut(frame)?));
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
pub(super) struct Lane {
    contender: Contender,
    name: &'static str,
    pace: Pace,
    connections: usize,
    measure: Measure,
    histogram: Histogram<u64>,
    allocations: u64,
    messages: usize,
    preempted: u64,
}

impl Lane {
    pub(super) fn new(contender: Contender, pace: Pace) -> anyhow::Result<Self> {
        Ok(Self {
            contender,
            name: contender.name,
            pace,
            connections: 1,
            measure: Measure::Wire,
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
    pub(super) fn inside(self, name: &'static str) -> Self {
        Self {
            name,
            measure: Measure::Inside,
            ..self
        }
    }

    /// Sends so many messages and counts their latencies, on new connections between two new threads.
    pub(super) fn block(
        &mut self,
        setup: &Setup,
        start: usize,
        messages: usize,
    ) -> anyhow::Result<()> {
        let warm_up = WARM_UP.1.max(WARM_UP.0 * self.connections);
        let (uncounted, handled) = (warm_up + UNCOUNTED, Arc::new(AtomicUsize::new(0)));
        let orders = Orders {
            frames: setup.frames.clone(),
            len: setup.best.len(),
            start,
            connections: self.connections,
            warm_up,
            total: uncounted + messages,
            pace: self.pace,
            tls: self.contender.tls.then(|| setup.tls.server.clone()),
            origin: Instant::now(),
            handled,
        };
        let (sent, record, preempted) = self.run(setup, orders, uncounted)?;
        let matched = matched(&sent, record.seen())?;
        for (place, (sent, seen)) in matched.into_iter().enumerate() {
            ensure!(
                !self.contender.keeps_book || seen.best == setup.best[sent.frame],
                "{}: other best prices at message {place}",
                self.name
            );
            if place >= uncounted {
                self.histogram.saturating_record(match self.measure {
                    Measure::Wire => seen.ns.saturating_sub(sent.ns),
                    Measure::Inside => seen.ns,
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
        orders: Orders,
        uncounted: usize,
    ) -> anyhow::Result<(Vec<Sent>, Record, u64)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let target = Target {
            address: listener.local_addr()?,
            tls: self.contender.tls.then(|| setup.tls.client.clone()),
            connections: self.connections,
            measure: self.measure,
        };
        let total = orders.total;
        let record = Record::new(orders.origin, orders.handled.clone(), uncounted, total);
        let (cores, read) = (setup.cores, self.contender.read);
        let server = thread::spawn(move || pinned(cores.server, || orders.run(&listener)));
        let client = thread::spawn(move || pinned(cores.client, || read(&target, record)));
        let (record, of_client) = join(client).with_context(|| self.name)?;
        let seen = record.seen().len();
        // A server whose client has given up may wait for a connection forever.
        ensure!(
            seen == total || server.is_finished(),
            "{}: {seen} of {total} messages",
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
