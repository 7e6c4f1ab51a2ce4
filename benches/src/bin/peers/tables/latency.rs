//! From the server's write to the handler, message by message at a steady pace, beside the floor: the same
//! bytes out of a bare socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ticklot_tests::alloc::allocations;

use super::{Plan, Show};
use crate::measure::{Row, thousandths};
use crate::socket::{self, Bare, Client, Ours, Raw, Server, Stream, Whole};

const CASE: &str = "700-bytes-paced";

/// Ten thousand messages a second: the reader has gone to sleep before the next one comes.
const EVERY: Duration = Duration::from_micros(100);

/// The messages of a round.
const SLICE: usize = 200;

/// The worst latency that the histogram tells apart.
const MAX_NS: u64 = 10_000_000_000;

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    if !plan.wants(CASE) {
        return Ok(());
    }
    let input = super::transport::messages(plan)?;
    let stream = Arc::new(Stream::new(&input)?);
    let server = Server::start(stream.clone())?;
    let runtime = socket::runtime()?;
    let mut contenders = [
        Timed::new(
            "tcp",
            Reader::Raw(Raw::connect(&runtime, &server, &stream)?),
        )?,
        Timed::new("fastwebsockets", Bare::connect(&runtime, &server)?.into())?,
        Timed::new(
            "ticklot-transport",
            Ours::connect(&runtime, &server)?.into(),
        )?,
        Timed::new(
            "ticklot-feed",
            Whole::connect(&runtime, &server, &input)?.into(),
        )?,
    ];
    let slices = input.frames.len() / SLICE;
    let count = contenders.len();
    for timed in &mut contenders {
        timed.warm_up(&server, input.frames.len())?;
    }
    for round in 0..plan.rounds.count {
        for turn in 0..count {
            let place = (round + turn) % count;
            contenders[place].round(&server, (round + place) % slices.max(1))?;
        }
    }
    print(&contenders);
    let bytes = input.message_bytes();
    show(contenders.iter().map(|timed| timed.row(bytes)).collect())
}

enum Reader {
    /// It has to be told which frame comes next.
    Raw(Raw),
    Framed(Box<dyn Client>),
}

impl<C: Client + 'static> From<C> for Reader {
    fn from(client: C) -> Self {
        Self::Framed(Box::new(client))
    }
}

struct Timed {
    name: &'static str,
    reader: Reader,
    times: Vec<Instant>,
    histogram: Histogram<u64>,
    messages: usize,
    allocations: u64,
}

impl Timed {
    fn new(name: &'static str, reader: Reader) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            reader,
            times: Vec::with_capacity(SLICE),
            histogram: Histogram::new_with_bounds(1, MAX_NS, 3)?,
            messages: 0,
            allocations: 0,
        })
    }

    /// The reader, before a slice that begins with this frame.
    fn client(&mut self, start: usize) -> &mut dyn Client {
        match &mut self.reader {
            Reader::Raw(raw) => {
                raw.expect(start);
                raw
            }
            Reader::Framed(client) => client.as_mut(),
        }
    }

    /// All messages as fast as they come: the buffers grow as far as they will at the worst pause of the
    /// machine.
    fn warm_up(&mut self, server: &Server, frames: usize) -> anyhow::Result<()> {
        let client = self.client(0);
        server.write(client.number(), 0..frames)?;
        client.read(frames)?;
        server.done()?;
        Ok(())
    }

    fn round(&mut self, server: &Server, slice: usize) -> anyhow::Result<()> {
        let frames = slice * SLICE..(slice + 1) * SLICE;
        let mut times = std::mem::take(&mut self.times);
        let client = self.client(frames.start);
        times.clear();
        server.pace(client.number(), frames, EVERY)?;
        let before = allocations();
        client.read_timed(SLICE, &mut times)?;
        self.allocations += allocations() - before;
        self.times = times;
        self.messages += SLICE;
        for (sent, seen) in server.done()?.iter().zip(&self.times) {
            let ns = seen.saturating_duration_since(*sent).as_nanos();
            let ns = u64::try_from(ns).unwrap_or(MAX_NS);
            self.histogram.saturating_record(ns);
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^53
    fn row(&self, bytes: u64) -> Row {
        Row {
            table: "latency",
            case: CASE.to_owned(),
            contender: self.name,
            ns_median: self.histogram.value_at_quantile(0.5) as f64,
            ns_min: self.histogram.min() as f64,
            bytes,
            allocs: thousandths(self.allocations, self.messages),
            ..Row::default()
        }
    }
}

fn print(contenders: &[Timed]) {
    println!("\nlatency, {CASE}: microseconds from the server's write, one message each {EVERY:?}");
    println!(
        "  {:<20}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}",
        "", "p50", "p90", "p99", "p99.9", "p99.99", "max", "messages"
    );
    for timed in contenders {
        print!("  {:<20}", timed.name);
        for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
            print!("{:>9}", micros(timed.histogram.value_at_quantile(quantile)));
        }
        println!("{:>10}", timed.histogram.len());
    }
}

fn micros(ns: u64) -> String {
    format!("{}.{}", ns / 1_000, ns % 1_000 / 100)
}
