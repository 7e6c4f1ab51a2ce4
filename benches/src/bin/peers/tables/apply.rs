//! Applies a message's text to a book, and reads the best prices.

use crate::book::{Flat, Maps};
use crate::decoders;
use crate::input::Input;
use crate::measure::Case;
use crate::parse::serde::{SerdeJson, Sonic};
use crate::parse::{rs_bayse, serde, simdjson};
use crate::plan::{OnRows, Plan};
use crate::pools;
use crate::process::Messages;

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    pools::each(plan, |input| on_rows(case(input).measure(plan.rounds)?))
}

pub(super) fn case(input: &Input) -> Case<'_> {
    let (decimals, books) = (input.decimals(), input.lines);
    let sonic = Flat::new(serde::Books::<Sonic>::new(decimals), books);
    let simdjson = |levels_only| Flat::new(simdjson::Books::new(decimals, levels_only), books);
    let serde_json = || serde::Books::<SerdeJson>::new(decimals);
    let (flat, maps) = (
        Flat::new(serde_json(), books),
        Maps::new(serde_json(), books),
    );
    let mut contenders = vec![
        ("ticklot", decoders::apply(input, input.backend)),
        ("sonic-rs+flat", Messages::json(input, sonic)),
        ("simdjson+flat", Messages::json(input, simdjson(false))),
        (
            "simdjson-levels+flat",
            Messages::json(input, simdjson(true)),
        ),
        ("serde_json+flat", Messages::json(input, flat)),
        ("serde_json+btreemap", Messages::json(input, maps)),
    ];
    if let Some(scale) = decimals {
        let rs_bayse = Maps::new(rs_bayse::Books::new(scale), books);
        contenders.push(("rs_bayse+btreemap", Messages::json(input, rs_bayse)));
    }
    input.case("apply", contenders)
}
