//! Many connections and many books: the processor time of a message, and the memory of a connection or a book.
//!
//! A server thread sends one message to each connection, or for each book, in turn and without pause. The figures are:
//!
//! - the processor time of the client's thread, including the kernel's part;
//! - the growth of resident memory of the process (Linux), to which the server adds only its list of sockets;
//! - the growth of the bytes that the client's thread has allocated and not freed, which is exact.
//!
//! Growth is from before the first connection to after the last message. There is no TLS, and no figure includes
//! the kernel's buffers. Each figure is measured in a new process, so that none reuses freed memory of another one.

use std::env;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use ticklot::bayse::Bayse;
use ticklot::jayx::{Envelope, JayX};
use ticklot_benches::{FrameFormat, Shape};
use ticklot_book::Scale;
use ticklot_tests::alloc::{allocated_bytes, allocations};

use crate::input::Input;
use crate::measure::{Clock, Memory, Row, median, per, thousandths};
use crate::plan::{OnRows, Plan};
use crate::runtime;
use crate::socket::readers::FeedReader;
use crate::socket::server::{Server, Stream};
use crate::tungstenite::Tasks;

const CONNECTIONS: [usize; 5] = [1, 8, 64, 256, 1_000];
const BOOKS: [usize; 4] = [10, 100, 1_000, 10_000];
const CONTENDERS: [&str; 2] = ["ticklot", "tungstenite+sonic-rs"];

/// The messages for each of [`Plan::rounds`]: 40,000 by default.
const PER_ROUND: usize = 200;

/// The number of passes over these messages. The time is the median of all passes; the allocations are those of the
/// last.
const PASSES: usize = 5;

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    // Our rows of 8 and of 1,000 connections, to compare them with each other.
    let mut flat = Vec::new();
    for load in loads() {
        if !plan.includes(&load.name()) {
            continue;
        }
        let mut rows = Vec::new();
        for contender in CONTENDERS {
            let figures = match cfg!(test) {
                true => Figures::take(load, contender, plan)?,
                false => Figures::of_a_process(load, contender, plan)?,
            };
            rows.push(figures.row(load, contender));
        }
        flat.extend(match load {
            Load::Connections(8) => Some(Row {
                contender: "8-connections",
                ..rows[0].clone()
            }),
            Load::Connections(1_000) => Some(rows[0].clone()),
            _ => None,
        });
        on_rows(rows)?;
    }
    if let [few, many] = &mut flat[..] {
        for row in [&mut *few, many] {
            (row.case, row.memory) = ("jayx-1000-to-8".to_owned(), None);
        }
        flat.reverse();
        on_rows(flat)?;
    }
    Ok(())
}

/// Measures one contender in this process and prints the figures as JSON.
pub(crate) fn alone(plan: &Plan, contender: &str) -> anyhow::Result<()> {
    let load = loads().find(|load| plan.case.as_deref() == Some(&load.name()));
    let figures = Figures::take(load.context("no such case")?, contender, plan)?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn loads() -> impl Iterator<Item = Load> {
    let connections = CONNECTIONS.into_iter().map(Load::Connections);
    connections.chain(BOOKS.into_iter().map(Load::Books))
}

/// The load of a case.
#[derive(Clone, Copy)]
enum Load {
    /// This many connections to JayX, with a book each.
    Connections(usize),
    /// This many books of Bayse Markets on one connection.
    Books(usize),
}

impl Load {
    fn name(self) -> String {
        match self {
            Self::Connections(count) => format!("jayx-{count}"),
            Self::Books(count) => format!("bayse-{count}-books"),
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Connections(count) | Self::Books(count) => count,
        }
    }

    /// Starts a server for the messages; returns it with their scale and mean size.
    fn server(self, plan: Plan) -> anyhow::Result<(Server, Scale, u64)> {
        // Another thread has another arena, so the client cannot reuse memory that is freed here.
        let thread = thread::spawn(move || {
            let (name, wire) = match self {
                Self::Connections(_) => ("jayx-20", FrameFormat::JayxSocketIo),
                Self::Books(_) => ("bayse-20", FrameFormat::Bayse),
            };
            let input = Input::pool(name, Shape::single(wire, 20), &plan)?;
            let server = Server::start(Arc::new(Stream::new(&input)?))?;
            Ok((server, input.scale, input.message_bytes()))
        });
        thread.join().map_err(|_| anyhow!("no messages"))?
    }
}

/// The measured values.
#[derive(Serialize, Deserialize)]
struct Figures {
    ns: Vec<f64>,
    allocs: f64,
    resident: f64,
    allocated: f64,
    bytes: u64,
}

impl Figures {
    fn of_a_process(load: Load, contender: &str, plan: &Plan) -> anyhow::Result<Self> {
        let out = Command::new(env::current_exe()?)
            .args(["--alone", contender, "--case", &load.name()])
            .args(["--rounds", &plan.rounds.count.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        let (name, status) = (load.name(), out.status);
        ensure!(status.success(), "{name}: {contender}: {status}");
        Ok(serde_json::from_slice(&out.stdout)?)
    }

    fn take(load: Load, contender: &str, plan: &Plan) -> anyhow::Result<Self> {
        raise_limit()?;
        let (server, scale, bytes) = load.server(plan.clone())?;
        let runtime = Rc::new(runtime::sleeping()?);
        let (connections, books) = match load {
            Load::Connections(count) => (count, 1),
            Load::Books(count) => (1, count),
        };
        let before = (resident()?, allocated_bytes());
        server.accept_all(connections, matches!(load, Load::Connections(_)))?;
        server.write_in_turn(load.count(), books)?;
        let url = server.url();
        let mut wait: Box<dyn FnMut(usize) -> anyhow::Result<()>> = match (contender, load) {
            ("ticklot", Load::Connections(count)) => {
                let venue = || JayX::new("BTCUSDT").url(&url).envelope(Envelope::SocketIo);
                let venues = (0..count).map(|_| venue().build());
                let venues = venues.collect::<Result<Vec<_>, _>>()?;
                let mut feed = FeedReader::of(&runtime, 0, venues);
                Box::new(move |count| feed.wait(count))
            }
            ("ticklot", Load::Books(_)) => {
                let venue = Bayse::any().url(&url).scale(scale).build()?;
                let mut feed = FeedReader::of(&runtime, 0, [venue]);
                Box::new(move |count| feed.wait(count))
            }
            ("tungstenite+sonic-rs", _) => {
                let mut tasks = match load {
                    Load::Connections(count) => Tasks::jayx(&Rc::clone(&runtime), &url, count),
                    Load::Books(_) => Tasks::bayse(&runtime, &url, scale),
                };
                Box::new(move |count| tasks.wait(count))
            }
            _ => bail!("no such contender"),
        };
        wait(load.count())?;
        server.wait()?;
        let messages = plan.rounds.count * PER_ROUND;
        let (mut ns, mut counted) = (Vec::with_capacity(PASSES), 0);
        for _ in 0..PASSES {
            server.write_in_turn(messages, books)?;
            let (start, before) = (Clock::Thread.now(), allocations());
            wait(messages)?;
            let elapsed = Clock::Thread.now() - start;
            counted = allocations() - before;
            ns.push(per(elapsed.as_secs_f64() * 1e9, messages));
            server.wait()?;
        }
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let grown = |bytes: i64| per(bytes as f64, load.count());
        Ok(Self {
            ns,
            allocs: thousandths(counted, messages), // the last pass is warm
            resident: grown(resident()? - before.0),
            allocated: grown(allocated_bytes() - before.1),
            bytes,
        })
    }

    fn row(mut self, load: Load, contender: &'static str) -> Row {
        Row {
            table: "scale",
            case: load.name(),
            contender,
            ns_median: median(&mut self.ns),
            ns_min: self.ns[0],
            bytes: self.bytes,
            allocs: self.allocs,
            memory: Some(Memory {
                resident: self.resident,
                allocated: self.allocated,
            }),
            ..Row::default()
        }
    }
}

/// Raises the limit of open files: this process holds both ends of every connection.
fn raise_limit() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// The resident bytes of this process. `/proc/self/status` is less exact: the kernel keeps its counters for each
/// processor and sums them occasionally.
fn resident() -> anyhow::Result<i64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no Rss")?.trim().parse::<i64>()? * 1_024)
}
