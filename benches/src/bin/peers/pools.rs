//! The order books that several tables read: pools and recorded logs.

use ticklot_benches::recorded;
use ticklot_benches::{FrameFormat, Shape};

use crate::input::Input;
use crate::plan::Plan;

/// The order books of the pools.
pub(crate) fn shapes() -> [(&'static str, Shape); 8] {
    let jayx = |levels| Shape::single(FrameFormat::JayxSocketIo, levels);
    let bayse = |levels| Shape::single(FrameFormat::Bayse, levels);
    [
        ("jayx-20", jayx(20)),
        ("jayx-20-bare", Shape::single(FrameFormat::JayxBare, 20)),
        ("jayx-3", jayx(3)),
        ("jayx-100", jayx(100)),
        ("bayse-20", bayse(20)),
        ("bayse-3", bayse(3)),
        ("bayse-100", bayse(100)),
        ("bayse-20-frame8", Shape::batch(8, 20)),
    ]
}

/// Calls `each` with every pool and recorded log that the plan includes.
pub(crate) fn each(
    plan: &Plan,
    mut each: impl FnMut(&Input) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for (name, shape) in shapes() {
        if plan.includes(name) {
            each(&Input::pool(name, shape, plan)?)?;
        }
    }
    recorded(plan)?.iter().try_for_each(each)
}

/// The recorded logs that are present and that the plan includes.
pub(crate) fn recorded(plan: &Plan) -> anyhow::Result<Vec<Input>> {
    if !RECORDED.iter().any(|name| plan.includes(name)) {
        return Ok(Vec::new());
    }
    let logs = recorded::logs();
    let inputs = logs.iter().map(|log| Input::log(log, plan));
    let mut inputs = inputs.collect::<anyhow::Result<Vec<_>>>()?;
    inputs.retain(|input| plan.includes(&input.name));
    Ok(inputs)
}

const RECORDED: [&str; 3] = [
    "jayx-recorded-20",
    "jayx-recorded-100",
    "bayse-recorded-150",
];
