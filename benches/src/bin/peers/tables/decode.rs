//! A message's text to a message.

use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Range;

use ticklot_benches::{Other, Wire};

use super::{Plan, SLICES, Show};
use crate::field::{Field, Fields, add_levels, add_trades};
use crate::input::{Input, Wrapping};
use crate::measure::{Case, Clock, Contender, Named};
use crate::ours::{DecodeBayse, DecodeJayx};
use crate::parse::serde::{Bayse, Jayx, Json, SerdeJson, SimdJson, Sonic};
use crate::parse::wire::{
    AssetPrices, Fills, Kind, Klines, OpenOrderLists, OrderUpdates, Pongs, PositionLists,
    PriceUpdates, Tell,
};
use crate::parse::{Factors, Head, ReadBook, Sink, client, jiter, simdjson};

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    for (name, shape) in super::shapes() {
        if plan.wants(name) {
            let input = Input::pool(name, shape, plan)?;
            show(books(&input).measure(plan.rounds)?)?;
        }
    }
    for input in super::recorded(plan)? {
        show(books(&input).measure(plan.rounds)?)?;
    }
    for (name, other) in OTHERS {
        if plan.wants(name) {
            let input = Input::others(name, other, plan)?;
            show(others(&input, other).measure(plan.rounds)?)?;
        }
    }
    Ok(())
}

const OTHERS: [(&str, Other); 8] = [
    ("jayx-kline", Other::Kline),
    ("jayx-positions", Other::Positions),
    ("jayx-openorders", Other::OpenOrders),
    ("bayse-price-update", Other::PriceUpdate),
    ("bayse-asset-price", Other::AssetPrice),
    ("bayse-fill", Other::Fill),
    ("bayse-order-updated", Other::OrderUpdated),
    ("bayse-pong", Other::Pong),
];

fn case<'p>(input: &'p Input, contenders: Vec<Named<'p>>) -> Case<'p> {
    Case {
        table: "decode",
        name: input.name.clone(),
        frames: input.frames.len(),
        messages_per_frame: input.lines,
        bytes: input.message_bytes(),
        slices: SLICES,
        clock: Clock::Thread,
        contenders,
    }
}

pub(super) fn books(input: &Input) -> Case<'_> {
    let contenders = match input.wire {
        Wire::JayxSocketIo | Wire::JayxBare => jayx_books(input),
        Wire::Bayse => bayse_books(input),
    };
    case(input, contenders)
}

// A decoder of ours that is another path through the same crate goes beside `ticklot` here, under a name
// that begins with it.
fn jayx_books(input: &Input) -> Vec<Named<'_>> {
    vec![
        ("ticklot", Box::new(DecodeJayx::new(input, input.scan))),
        ("sonic-rs", Box::new(Books::new(input, Jayx(Sonic)))),
        (
            "simdjson",
            Box::new(Books::new(input, simdjson::Books::jayx(false))),
        ),
        ("jiter", Box::new(Books::new(input, jiter::JayxBooks))),
        (
            "simd-json",
            Box::new(Books::new(input, Jayx(SimdJson::default()))),
        ),
        ("serde_json", Box::new(Books::new(input, Jayx(SerdeJson)))),
    ]
}

fn bayse_books(input: &Input) -> Vec<Named<'_>> {
    let factors = Factors::new(input.scale);
    vec![
        ("ticklot", Box::new(DecodeBayse::new(input, input.scan))),
        (
            "sonic-rs",
            Box::new(Books::new(
                input,
                Bayse {
                    json: Sonic,
                    factors,
                },
            )),
        ),
        (
            "simdjson",
            Box::new(Books::new(
                input,
                simdjson::Books::bayse(input.scale, false),
            )),
        ),
        (
            "jiter",
            Box::new(Books::new(input, jiter::BayseBooks(factors))),
        ),
        (
            "jiter-digits",
            Box::new(Books::new(input, jiter::BayseBooks(input.scale))),
        ),
        (
            "simd-json",
            Box::new(Books::new(
                input,
                Bayse {
                    json: SimdJson::default(),
                    factors,
                },
            )),
        ),
        (
            "serde_json",
            Box::new(Books::new(
                input,
                Bayse {
                    json: SerdeJson,
                    factors,
                },
            )),
        ),
        ("rs_bayse", Box::new(Client { input })),
    ]
}

/// A peer that reads order books.
struct Books<'p, R> {
    input: &'p Input,
    wrapping: Wrapping,
    reader: R,
    sink: Sink,
}

impl<'p, R: ReadBook> Books<'p, R> {
    fn new(input: &'p Input, reader: R) -> Self {
        Self {
            input,
            wrapping: input.wrapping(),
            reader,
            sink: Sink::default(),
        }
    }
}

impl<R: ReadBook> Contender for Books<'_, R> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        let Self {
            input,
            wrapping,
            reader,
            sink,
        } = self;
        for frame in frames {
            input.each_line(frame, |_, line| {
                let text = input.frames[frame].text(wrapping.cut(line)?);
                let head = reader.read(text, sink)?;
                black_box((&head, &*sink));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let Self {
            input,
            wrapping,
            reader,
            sink,
        } = self;
        let mut fields = Fields::new();
        input.each_line(frame, |_, line| {
            let text = input.frames[frame].text(wrapping.cut(line)?);
            let head = reader.read(text, sink)?;
            if input.wire == Wire::Bayse {
                add_head(&mut fields, &head);
            }
            add_levels(&mut fields, &sink.bids);
            add_levels(&mut fields, &sink.asks);
            add_trades(&mut fields, &sink.trades);
            Ok(())
        })?;
        Ok(fields)
    }
}

fn add_head(fields: &mut Fields, head: &Head<'_>) {
    fields.extend([head.market.into(), head.outcome.into(), head.time.into()]);
    fields.extend([
        head.last_price.into(),
        head.last_side.into(),
        Field::from(head.sent),
    ]);
}

/// `rs_bayse`, whatever the message is.
struct Client<'p> {
    input: &'p Input,
}

impl Contender for Client<'_> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.input.each_line(frame, |_, line| {
                black_box(client::read(line)?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let mut fields = Fields::new();
        let factors = Factors::new(self.input.scale);
        self.input.each_line(frame, |_, line| {
            fields.extend(client::fields(&client::read(line)?, factors)?);
            Ok(())
        })?;
        Ok(fields)
    }
}

fn others(input: &Input, other: Other) -> Case<'_> {
    let mut contenders: Vec<Named<'_>> = match other.event() {
        Some(_) => vec![("ticklot", Box::new(DecodeJayx::new(input, input.scan)))],
        None => vec![("ticklot", Box::new(DecodeBayse::new(input, input.scan)))],
    };
    contenders.extend(match other {
        Other::Kline => typed::<Klines>(input, jiter::kline),
        Other::Positions => typed::<PositionLists>(input, jiter::positions),
        Other::OpenOrders => typed::<OpenOrderLists>(input, jiter::open_orders),
        Other::PriceUpdate => typed::<PriceUpdates>(input, jiter::price_update),
        Other::AssetPrice => typed::<AssetPrices>(input, jiter::asset_price),
        Other::Fill => typed::<Fills>(input, jiter::fill),
        Other::OrderUpdated => typed::<OrderUpdates>(input, jiter::order_updated),
        Other::Pong => typed::<Pongs>(input, jiter::pong),
    });
    if input.wire == Wire::Bayse {
        contenders.push(("rs_bayse", Box::new(Client { input })));
    }
    case(input, contenders)
}

/// The peers that read a message into a type of their own: through serde, and by hand.
fn typed<K: Kind + 'static>(input: &Input, by_hand: ByHand<K>) -> Vec<Named<'_>> {
    vec![
        ("sonic-rs", Box::new(Typed::<K, Sonic>::new(input))),
        (
            "jiter",
            Box::new(Typed::<K, ByHandOf<K>>::with(input, ByHandOf(by_hand))),
        ),
        ("simd-json", Box::new(Typed::<K, SimdJson>::new(input))),
        ("serde_json", Box::new(Typed::<K, SerdeJson>::new(input))),
    ]
}

type ByHand<K> = fn(&str) -> anyhow::Result<<K as Kind>::Message<'_>>;

/// Reads one kind of message.
trait ReadAs<K: Kind> {
    fn read_as<'a>(&'a mut self, text: &'a str) -> anyhow::Result<K::Message<'a>>;
}

impl<K: Kind, J: Json> ReadAs<K> for J {
    fn read_as<'a>(&'a mut self, text: &'a str) -> anyhow::Result<K::Message<'a>> {
        self.read(text, PhantomData)
    }
}

struct ByHandOf<K: Kind>(ByHand<K>);

impl<K: Kind> ReadAs<K> for ByHandOf<K> {
    fn read_as<'a>(&'a mut self, text: &'a str) -> anyhow::Result<K::Message<'a>> {
        self.0(text)
    }
}

struct Typed<'p, K, R> {
    input: &'p Input,
    wrapping: Wrapping,
    reader: R,
    kind: PhantomData<K>,
}

impl<'p, K: Kind, R: ReadAs<K>> Typed<'p, K, R> {
    fn new(input: &'p Input) -> Self
    where
        R: Default,
    {
        Self::with(input, R::default())
    }

    fn with(input: &'p Input, reader: R) -> Self {
        Self {
            input,
            wrapping: input.wrapping(),
            reader,
            kind: PhantomData,
        }
    }
}

impl<K: Kind, R: ReadAs<K>> Contender for Typed<'_, K, R> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            let text = self.wrapping.cut(&self.input.frames[frame])?;
            black_box(self.reader.read_as(text)?);
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let text = self.wrapping.cut(&self.input.frames[frame])?;
        Ok(self.reader.read_as(text)?.fields())
    }
}
