//! The latency from the server's write to the end of the handler, over loopback.
//!
//! The server and the client are threads that are pinned to one core each. The server spins, and writes each message at its
//! time: a JayX book of 20 levels a side, as a WebSocket frame that was built and, with TLS, encrypted before. The clock is
//! read before the write, and by the handler once it has the best prices of the book.
//!
//! Contenders take turns in blocks of messages, each on new connections of new threads, so a temporary slowdown of the
//! machine affects all of them. The first messages of a block warm up the client and are not counted. A contender with a
//! book must have the best prices of each message.
//!
//! On a busy machine, a spinning thread may lose its core while a message waits. `preempted` counts that.
//!
//! There are two other groups of cases. `inside` measures from the receipt of a frame to the end of the handler, with one
//! message every 5 ms and back to back. The other group has many connections on one thread. Run the table on an idle machine
//! with at least two cores. The server uses the first and the client the last one that `taskset` allows.

mod cores;
mod feed;
mod matching;
mod measurement;
mod ratio;
mod raw;
mod record;
mod server;
mod tls;
mod tungstenite;

use std::time::Duration;

use ticklot_benches::{FrameFormat, Shape};

use self::cores::Cores;
use self::measurement::{Contender, Measurement, Setup, Target};
use self::record::Record;
use self::server::Pace;
use crate::input::Input;
use crate::measure::Rounds;
use crate::plan::{OnRows, Plan};

/// The name of the input.
const INPUT: &str = "jayx-20";

/// The messages a second, and the messages of a contender with 200 of [`Plan::rounds`], which is the default.
const RATES: [(u32, usize); 3] = [(20, 100), (200, 600), (5_000, 10_000)];

/// The total rates of the cases with many connections, and their messages.
const SHARED_RATES: [(u32, usize); 2] = [(200, 1_000), (5_000, 10_000)];

/// The interval of the case `inside`, and its messages.
const INSIDE: (Duration, usize) = (Duration::from_millis(5), 1_000);

/// The number of connections of these cases.
const MANY: usize = 64;

/// The number of blocks of a contender, unless there are fewer rounds.
const BLOCKS: usize = 10;

/// The function of a contender.
type Read = fn(&Target, Record) -> anyhow::Result<Record>;

const fn contender(name: &'static str, read: Read) -> Contender {
    Contender {
        name,
        tls: false,
        keeps_book: true,
        read,
    }
}

const fn tls(name: &'static str, read: Read) -> Contender {
    Contender {
        tls: true,
        ..contender(name, read)
    }
}

const fn without_book(contender: Contender) -> Contender {
    Contender {
        keeps_book: false,
        ..contender
    }
}

const TOKIO: Contender = contender("ticklot-tokio", feed::tokio);
const SPIN: Contender = contender("ticklot-spin", feed::spin);
const SPIN_WARM: Contender = contender("ticklot-spin-warm", feed::spin_warm);

/// All contenders. `-awake` has a runtime that never sleeps.
const CONTENDERS: &[Contender] = &[
    TOKIO,
    contender("ticklot-tokio-awake", feed::tokio_awake),
    SPIN,
    SPIN_WARM,
    without_book(contender("raw-blocking", raw::blocking)),
    without_book(contender("raw-spinning", raw::spinning)),
    contender("raw-blocking+book", raw::blocking_book),
    contender("raw-spinning+book", raw::spinning_book),
    contender("tungstenite+serde_json+maps", tungstenite::maps),
    contender("tungstenite+serde_json+maps-awake", tungstenite::maps_awake),
    contender("tungstenite+sonic-rs", tungstenite::sonic),
    contender("tungstenite+sonic-rs-awake", tungstenite::sonic_awake),
    tls("ticklot-tokio-tls", feed::tokio),
    tls("ticklot-tokio-awake-tls", feed::tokio_awake),
    tls("ticklot-spin-tls", feed::spin),
    tls("ticklot-spin-warm-tls", feed::spin_warm),
    without_book(tls("raw-blocking-tls", raw::blocking)),
    without_book(tls("raw-spinning-tls", raw::spinning)),
    tls("raw-blocking+book-tls", raw::blocking_book),
    tls("raw-spinning+book-tls", raw::spinning_book),
];

/// The feeds with many connections, and their names there.
const SHARED: &[(Contender, &str)] = &[(TOKIO, "ticklot-tokio-64"), (SPIN, "ticklot-spin-64")];

/// The feeds of the case `inside`, and their names there: at the interval, and back to back.
const INSIDE_CONTENDERS: &[(Contender, [&str; 2])] = &[
    (TOKIO, ["ticklot-tokio-5ms", "ticklot-tokio-back-to-back"]),
    (SPIN, ["ticklot-spin-5ms", "ticklot-spin-back-to-back"]),
    (
        SPIN_WARM,
        ["ticklot-spin-warm-5ms", "ticklot-spin-warm-back-to-back"],
    ),
];

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    let cases: Vec<_> = cases()?
        .into_iter()
        .filter(|case| plan.includes(&case.name) || plan.includes(INPUT))
        .collect();
    if cases.is_empty() {
        return Ok(());
    }
    let Some(cores) = Cores::pick()? else {
        println!("\nwire: skipped, because it needs two cores");
        return Ok(());
    };
    let input = Input::pool(INPUT, Shape::single(FrameFormat::JayxSocketIo, 20), plan)?;
    let setup = Setup::new(&input, cores)?;
    println!("\nwire: {cores:?}; nanoseconds from the server's write to the end of the handler");
    for mut case in cases {
        case.measure(&setup, plan.rounds, input.frames.len())?;
        let measurements = case.measurements.iter();
        let rows: Vec<_> = measurements
            .map(|measurement| measurement.row(&case.name, &setup))
            .collect();
        on_rows(rows.clone())?;
        ratio::print(&rows);
    }
    Ok(())
}

/// Contenders that take turns.
struct Case {
    name: String,
    measurements: Vec<Measurement>,
    /// The messages of each for 200 rounds.
    messages: usize,
}

impl Case {
    fn measure(&mut self, setup: &Setup, rounds: Rounds, frames: usize) -> anyhow::Result<()> {
        let (count, blocks) = (self.measurements.len(), rounds.count.clamp(1, BLOCKS));
        let messages = (self.messages * rounds.count).div_ceil(200 * blocks);
        for round in 0..blocks {
            for turn in 0..count {
                let index = (round + turn) % count;
                // Far apart, so that none finds its text in a cache that another one has just filled.
                let start = (round * count + turn) * frames / (blocks * count);
                self.measurements[index].block(setup, start, messages)?;
            }
        }
        Ok(())
    }
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (rate, messages) in RATES {
        let measurements = CONTENDERS
            .iter()
            .map(|&it| Measurement::new(it, every(rate)));
        cases.push(Case {
            name: format!("{INPUT}-at-{rate}"),
            measurements: measurements.collect::<anyhow::Result<_>>()?,
            messages,
        });
    }
    for (rate, messages) in SHARED_RATES {
        let mut measurements = Vec::new();
        for &(contender, name) in SHARED {
            measurements.push(Measurement::new(contender, every(rate))?);
            measurements.push(Measurement::new(contender, every(rate))?.connections(name, MANY));
        }
        cases.push(Case {
            name: format!("{INPUT}-connections-at-{rate}"),
            measurements,
            messages,
        });
    }
    let mut measurements = Vec::new();
    for &(contender, names) in INSIDE_CONTENDERS {
        for (name, pace) in names
            .into_iter()
            .zip([Pace::Every(INSIDE.0), Pace::Handled])
        {
            measurements.push(Measurement::new(contender, pace)?.since_receipt(name));
        }
    }
    cases.push(Case {
        name: format!("{INPUT}-inside"),
        measurements,
        messages: INSIDE.1,
    });
    Ok(cases)
}

fn every(rate: u32) -> Pace {
    Pace::Every(Duration::from_secs(1) / rate)
}

#[cfg(test)]
mod tests {
    use ticklot_frame::DecodeBackend;

    use super::*;

    const PLAN: Plan = Plan {
        case: None,
        rounds: Rounds {
            count: 1,
            cold: false,
        },
        pool_bytes: 200_000,
        backend: DecodeBackend::Best,
    };

    /// `None` with one core.
    fn setup() -> Option<Setup> {
        let input =
            Input::pool(INPUT, Shape::single(FrameFormat::JayxSocketIo, 20), &PLAN).unwrap();
        Some(Setup::new(&input, Cores::pick().unwrap()?).unwrap())
    }

    #[test]
    fn every_contender_handles_messages() {
        let Some(setup) = setup() else { return };
        for &contender in CONTENDERS {
            for pace in [every(5_000), Pace::Handled] {
                let mut measurement = Measurement::new(contender, pace).unwrap();
                // `block` checks the best prices of each message.
                measurement.block(&setup, 7, 50).unwrap();
                measurement.block(&setup, 20, 30).unwrap();
                let row = measurement.row("case", &setup);
                assert_eq!(row.tail.unwrap().messages, 80);
                assert!(row.ns_min > 1_000.0, "{}: {row:?}", contender.name);
                assert!(row.ns_p90.unwrap() >= row.ns_median);
            }
        }
    }

    #[test]
    fn rejects_other_best_prices() {
        let Some(setup) = setup() else { return };
        let stale = contender("raw-stale", raw::blocking);
        let mut measurement = Measurement::new(stale, Pace::Handled).unwrap();
        let error = measurement.block(&setup, 0, 50).unwrap_err().to_string();
        assert!(error.contains("other best prices"), "{error}");
    }

    #[test]
    fn returns_errors_of_contenders() {
        let Some(setup) = setup() else { return };
        let fails = contender("fails", |_, _| anyhow::bail!("on purpose"));
        let mut measurement = Measurement::new(fails, Pace::Handled).unwrap();
        let error = format!("{:#}", measurement.block(&setup, 0, 50).unwrap_err());
        assert!(error.contains("fails: on purpose"), "{error}");
        let too_few = contender("too-few", |_, record| Ok(record));
        let mut measurement = Measurement::new(too_few, Pace::Handled).unwrap();
        assert!(measurement.block(&setup, 0, 50).is_err());
    }
}
