//! Decodes a message's text.

use std::marker::PhantomData;

use ticklot_benches::MessageKind;

use crate::book::Parse;
use crate::decoders;
use crate::input::Input;
use crate::measure::{Case, Named};
use crate::parse::messages::{
    AssetPrice, Event, Fill, Kline, OpenOrders, OrderUpdated, Pong, Positions, Prices, Schema,
};
use crate::parse::serde::{Json, SerdeJson, Sonic};
use crate::parse::{Text, rs_bayse, serde, simdjson};
use crate::plan::{OnRows, Plan};
use crate::pools;
use crate::process::{Messages, Process};

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    pools::each(plan, |input| on_rows(books(input).measure(plan.rounds)?))?;
    for (name, kind) in KINDS {
        if plan.includes(name) {
            let input = Input::messages(name, kind, plan)?;
            on_rows(messages(&input, kind).measure(plan.rounds)?)?;
        }
    }
    Ok(())
}

const KINDS: [(&str, MessageKind); 8] = [
    ("jayx-kline", MessageKind::Kline),
    ("jayx-positions", MessageKind::Positions),
    ("jayx-openorders", MessageKind::OpenOrders),
    ("bayse-price-update", MessageKind::PriceUpdate),
    ("bayse-asset-price", MessageKind::AssetPrice),
    ("bayse-fill", MessageKind::Fill),
    ("bayse-order-updated", MessageKind::OrderUpdated),
    ("bayse-pong", MessageKind::Pong),
];

fn case<'p>(input: &'p Input, peers: impl IntoIterator<Item = Named<'p>>) -> Case<'p> {
    let mut contenders = vec![("ticklot", decoders::decode(input, input.backend))];
    contenders.extend(peers);
    input.case("decode", contenders)
}

pub(super) fn books(input: &Input) -> Case<'_> {
    let decimals = input.decimals();
    let sonic = Parse::new(serde::Books::<Sonic>::new(decimals));
    let simdjson = Parse::new(simdjson::Books::new(decimals, false));
    let serde_json = Parse::new(serde::Books::<SerdeJson>::new(decimals));
    let mut peers = vec![
        ("sonic-rs", Messages::json(input, sonic)),
        ("simdjson", Messages::json(input, simdjson)),
        ("serde_json", Messages::json(input, serde_json)),
    ];
    if let Some(scale) = decimals {
        let rs_bayse = Parse::new(rs_bayse::Books::new(scale));
        peers.push(("rs_bayse", Messages::json(input, rs_bayse)));
    }
    case(input, peers)
}

fn messages(input: &Input, kind: MessageKind) -> Case<'_> {
    let peers = match kind {
        MessageKind::Kline => typed::<Kline<'static>>(input),
        MessageKind::Positions => typed::<Positions<'static>>(input),
        MessageKind::OpenOrders => typed::<OpenOrders<'static>>(input),
        MessageKind::PriceUpdate => typed::<Event<'static, Prices<'static>>>(input),
        MessageKind::AssetPrice => typed::<Event<'static, AssetPrice<'static>>>(input),
        MessageKind::Fill => typed::<Event<'static, Fill<'static>>>(input),
        MessageKind::OrderUpdated => typed::<Event<'static, OrderUpdated<'static>>>(input),
        MessageKind::Pong => typed::<Pong<'static>>(input),
    };
    case(input, peers)
}

fn typed<S: Schema + 'static>(input: &Input) -> [Named<'_>; 2] {
    let (sonic, serde_json) = (Typed::<S, Sonic>::new(), Typed::<S, SerdeJson>::new());
    [
        ("sonic-rs", Messages::json(input, sonic)),
        ("serde_json", Messages::json(input, serde_json)),
    ]
}

/// Parses one kind of message.
struct Typed<S, J> {
    json: J,
    schema: PhantomData<S>,
}

impl<S, J: Json> Typed<S, J> {
    fn new() -> Self {
        Self {
            json: J::default(),
            schema: PhantomData,
        }
    }
}

impl<S: Schema, J: Json> Process for Typed<S, J> {
    type Output<'a>
        = S::Message<'a>
    where
        Self: 'a;

    fn message<'a>(&'a mut self, _line: usize, text: Text<'a>) -> anyhow::Result<S::Message<'a>> {
        self.json.parse(text.json(), PhantomData)
    }
}
