//! One message at a time, with the caches and branch predictors in a strategy's typical state.
//!
//! Before each message the thread sleeps, spins, or reads more memory than the caches hold. Then the message's text is
//! loaded into the cache, as by a read from a socket, and the clock starts.
//!
//! The contenders take turns in blocks of a few messages, so a temporary slowdown of the machine affects all of them. The
//! first contender of a round is the last one of the next. The first messages of a block are not counted: they load the
//! contender's code and data, as in a program that runs alone.

use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::{Duration, Instant};

use ticklot_frame::DecodeBackend;
use ticklot_tests::alloc::allocations;

use super::{apply, decode};
use crate::decoders;
use crate::input::Input;
use crate::measure::{Case, Contender, Named, Row, thousandths};
use crate::plan::{OnRows, Plan};
use crate::pools;

/// The pools and the recorded logs to read.
const INPUTS: [&str; 4] = [
    "jayx-20",
    "bayse-20",
    "jayx-recorded-20",
    "bayse-recorded-150",
];

/// Our slower backends.
const BACKENDS: [(&str, DecodeBackend); 2] = [
    ("ticklot-portable", DecodeBackend::Portable),
    ("ticklot-general", DecodeBackend::Off),
];

/// The pause before each message. JayX sends about 20 messages a second, and a strategy follows several books.
const GAP: Duration = Duration::from_millis(5);

/// The memory to read before each message.
const WALK_BYTES: usize = 96 << 20;

/// The counted messages of a contender for each of [`Plan::rounds`]: 400 by default.
const PER_ROUND: usize = 2;

/// The counted messages of a block.
const BLOCK: usize = 8;

/// The messages at the beginning of a block that are not counted, without a pause between them.
const UNCOUNTED: usize = 2;

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    // Not zeros, because the kernel maps all unwritten pages to one page of zeros.
    let walk = vec![1_u64; WALK_BYTES / 8];
    for input in inputs(plan)? {
        for (work, mut case) in [
            ("decode", decode::books(&input)),
            ("apply", apply::case(&input)),
        ] {
            let states: Vec<_> = State::ALL
                .into_iter()
                .map(|state| (state, format!("{}-{}-{work}", input.name, state.name())))
                .filter(|(_, name)| plan.includes(name) || plan.includes(&input.name))
                .collect();
            if states.is_empty() {
                continue;
            }
            case.contenders.extend(backends(&input, work));
            case.check()?;
            for (state, name) in states {
                on_rows(rows(&mut case, &input, state, &name, &walk, plan)?)?;
            }
        }
    }
    Ok(())
}

fn inputs(plan: &Plan) -> anyhow::Result<Vec<Input>> {
    let all = Plan {
        case: None,
        ..plan.clone()
    };
    let shapes = pools::shapes().into_iter();
    let wanted = shapes.filter(|(name, _)| INPUTS.contains(name));
    let mut inputs = wanted
        .map(|(name, shape)| Input::pool(name, shape, &all))
        .collect::<anyhow::Result<Vec<_>>>()?;
    inputs.extend(pools::recorded(&all)?);
    inputs.retain(|input| INPUTS.contains(&input.name.as_str()));
    Ok(inputs)
}

/// Our decoders with the slower backends that this processor supports.
fn backends<'p>(input: &'p Input, work: &str) -> Vec<Named<'p>> {
    let mut named: Vec<Named<'p>> = Vec::new();
    for (name, backend) in BACKENDS {
        let is_known = named.iter().any(|(_, it)| it.backend() == backend.name());
        if is_known || backend.name() == input.backend.name() {
            continue;
        }
        let contender = match work {
            "apply" => decoders::apply(input, backend),
            _ => decoders::decode(input, backend),
        };
        named.push((name, contender));
    }
    named
}

/// The activity of the thread before a message.
#[derive(Clone, Copy)]
enum State {
    Sleep,
    Spin,
    Evicted,
}

impl State {
    const ALL: [Self; 3] = [Self::Sleep, Self::Spin, Self::Evicted];

    fn name(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Spin => "spin",
            Self::Evicted => "evicted",
        }
    }

    fn wait(self, walk: &[u64]) {
        match self {
            Self::Sleep => thread::sleep(GAP),
            Self::Spin => {
                let until = Instant::now() + GAP;
                while Instant::now() < until {
                    spin_loop();
                }
            }
            Self::Evicted => touch(walk),
        }
    }
}

/// Reads every cache line.
fn touch<T: Copy>(memory: &[T]) {
    for item in memory.iter().step_by(64 / size_of::<T>()) {
        black_box(*item);
    }
}

fn rows(
    case: &mut Case<'_>,
    input: &Input,
    state: State,
    name: &str,
    walk: &[u64],
    plan: &Plan,
) -> anyhow::Result<Vec<Row>> {
    let count = plan.rounds.count * PER_ROUND;
    // Grows the buffers, and teaches our decoder the template of the messages.
    for (_, contender) in &mut case.contenders {
        contender.run(0..input.frames.len())?;
    }
    let contenders = case.contenders.len();
    let mut taken: Vec<_> = (0..contenders)
        .map(|_| (Vec::with_capacity(count), 0))
        .collect();
    for (round, start) in (0..count).step_by(BLOCK).enumerate() {
        let counted = BLOCK.min(count - start);
        for turn in 0..contenders {
            let at = (round + turn) % contenders;
            let ((_, contender), (times, allocs)) = (&mut case.contenders[at], &mut taken[at]);
            for message in 0..UNCOUNTED + counted {
                let frame = (start + message) % input.frames.len();
                if message >= UNCOUNTED {
                    state.wait(walk);
                }
                let (time, allocated) = one(contender.as_mut(), input, frame)?;
                if message >= UNCOUNTED {
                    times.push(time);
                    *allocs += allocated;
                }
            }
        }
    }
    let taken = case.contenders.iter().zip(taken);
    let rows = taken.map(|((contender_name, contender), (mut times, allocs))| {
        times.sort_by(f64::total_cmp);
        let quantile = |tenths: usize| times[(count - 1) * tenths / 10];
        Row {
            table: "cold",
            case: name.to_owned(),
            contender: contender_name,
            backend: contender.backend(),
            ns_median: quantile(5),
            ns_min: quantile(0),
            ns_p90: Some(quantile(9)),
            bytes: case.bytes,
            allocs: thousandths(allocs, count),
            ..Row::default()
        }
    });
    Ok(rows.collect())
}

/// Processes one message; returns the nanoseconds and the allocations.
fn one(contender: &mut dyn Contender, input: &Input, frame: usize) -> anyhow::Result<(f64, u64)> {
    let text = &input.frames[frame];
    touch(text.text(text).padded());
    let before = allocations();
    // The first call loads the code and data of the clock into the cache.
    black_box(Instant::now());
    let start = Instant::now();
    contender.run(frame..frame + 1)?;
    let time = start.elapsed().as_secs_f64() * 1e9;
    Ok((time, allocations() - before))
}
