//! The tables. One module each: it gives its cases, and the rest is the same for all.

mod apply;
mod decode;
mod latency;
mod snapshot;
mod transport;

use ticklot_benches::recorded;
use ticklot_benches::{Shape, Wire};

use crate::input::Input;
use crate::measure::Row;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only the case of this name.
    pub(crate) case: Option<String>,
    pub(crate) rounds: usize,
    /// How much text a pool has.
    pub(crate) pool_bytes: usize,
}

impl Plan {
    pub(crate) fn wants(&self, case: &str) -> bool {
        self.case.as_deref().is_none_or(|wanted| wanted == case)
    }
}

/// A table: gives each row group to `show` as soon as it is measured.
pub(crate) type Table = fn(&Plan, &mut Show<'_>) -> anyhow::Result<()>;

/// Called with all rows of a case.
pub(crate) type Show<'a> = dyn FnMut(Vec<Row>) -> anyhow::Result<()> + 'a;

/// All tables, in the order in which they run.
pub(crate) const TABLES: [(&str, Table); 5] = [
    ("decode", decode::run),
    ("apply", apply::run),
    ("snapshot", snapshot::run),
    ("transport", transport::run),
    ("latency", latency::run),
];

/// The slices that an input is cut into.
const SLICES: usize = 8;

/// The order books of the pools.
fn shapes() -> [(&'static str, Shape); 8] {
    let jayx = |levels| Shape::single(Wire::JayxSocketIo, levels);
    let bayse = |levels| Shape::single(Wire::Bayse, levels);
    [
        ("jayx-20", jayx(20)),
        ("jayx-20-bare", Shape::single(Wire::JayxBare, 20)),
        ("jayx-3", jayx(3)),
        ("jayx-100", jayx(100)),
        ("bayse-20", bayse(20)),
        ("bayse-3", bayse(3)),
        ("bayse-100", bayse(100)),
        ("bayse-20-frame8", Shape::batch(8, 20)),
    ]
}

/// The order books of the recorded logs that are there and wanted.
fn recorded(plan: &Plan) -> anyhow::Result<Vec<Input>> {
    if !RECORDED.iter().any(|name| plan.wants(name)) {
        return Ok(Vec::new());
    }
    let inputs = recorded::logs().into_iter().map(|log| Input::log(&log));
    let inputs = inputs.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(inputs
        .into_iter()
        .filter(|input| plan.wants(&input.name))
        .collect())
}

const RECORDED: [&str; 3] = [
    "jayx-recorded-20",
    "jayx-recorded-100",
    "bayse-recorded-150",
];
