//! What the tables of messages share: pools and recorded logs.

use ticklot_benches::recorded;
use ticklot_benches::{Shape, Wire};

use super::Plan;
use crate::input::Input;

/// The order books of the pools.
pub(super) fn shapes() -> [(&'static str, Shape); 8] {
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
pub(super) fn recorded(plan: &Plan) -> anyhow::Result<Vec<Input>> {
    if !RECORDED.iter().any(|name| plan.wants(name)) {
        return Ok(Vec::new());
    }
    let inputs = recorded::logs()
        .into_iter()
        .map(|log| Input::log(&log, plan));
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
