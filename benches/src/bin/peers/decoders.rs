//! Our decoders as contenders, without and with a book.

use std::hint::black_box;

use anyhow::bail;
use serde::ser::{Error, Serialize, Serializer};
use ticklot_benches::FrameFormat;
use ticklot_book::{Book, Level, Lots, Nanos, Scale, Ticks};
use ticklot_frame::{Decimal, DecodeBackend, IsoTime, TradeSide, UnixMillis, UnixSeconds};
use ticklot_frame::{bayse, jayx};

use crate::book::{Levels, Message};
use crate::input::Input;
use crate::measure::Contender;
use crate::parse::messages as peers;
use crate::parse::{Head, Text};
use crate::process::{Messages, Process};

/// Decodes messages.
pub(crate) fn decode(input: &Input, backend: DecodeBackend) -> Box<dyn Contender + '_> {
    match input.wire {
        FrameFormat::Bayse => Messages::packets(input, Bayse::new(input, backend)),
        FrameFormat::JayxSocketIo | FrameFormat::JayxBare => {
            Messages::packets(input, Jayx::new(input, backend))
        }
    }
}

/// Decodes order books, applies them, and reads the best prices of the live book.
pub(crate) fn apply(input: &Input, backend: DecodeBackend) -> Box<dyn Contender + '_> {
    let books = vec![Book::new(Scale::UNIT); input.lines];
    match input.wire {
        FrameFormat::Bayse => {
            let decoder = Bayse::new(input, backend);
            Messages::packets(input, Apply { decoder, books })
        }
        FrameFormat::JayxSocketIo | FrameFormat::JayxBare => {
            let decoder = Jayx::new(input, backend);
            Messages::packets(input, Apply { decoder, books })
        }
    }
}

/// A decoder of order books.
trait Decode: Process {
    fn sides<'a>(&'a mut self, packet: &'a [u8]) -> anyhow::Result<[&'a [Level]; 2]>;
}

struct Apply<D> {
    decoder: D,
    books: Vec<Book>,
}

impl<D: Decode> Process for Apply<D> {
    type Output<'a>
        = Levels<'a>
    where
        D: 'a;

    fn message<'a>(&'a mut self, line: usize, text: Text<'a>) -> anyhow::Result<Levels<'a>> {
        let book = &mut self.books[line];
        let [bids, asks] = self.decoder.sides(text.json().as_bytes())?;
        black_box(book.apply_snapshot(bids, asks, Nanos(1))?);
        black_box(book.live().map(|book| (book.best_bid(), book.best_ask())));
        Ok(Levels {
            bids: book.bids(),
            asks: book.asks(),
        })
    }

    fn backend(&self) -> &'static str {
        self.decoder.backend()
    }
}

/// A field of our messages in the type of the peers' messages.
trait Plain<T> {
    fn plain(self) -> T;
}

macro_rules! plain {
    ($($from:ty => $to:ty: |$it:ident| $value:expr;)*) => {
        $(impl<'a> Plain<$to> for $from {
            fn plain(self) -> $to {
                let $it = self;
                $value
            }
        })*
    };
}

plain! {
    &'a str => &'a str: |it| it;
    i64 => i64: |it| it;
    TradeSide => TradeSide: |it| it;
    Ticks => i64: |it| it.0;
    Lots => i64: |it| it.0;
    UnixMillis => i64: |it| it.0;
    UnixSeconds => i64: |it| it.0;
    IsoTime<'a> => &'a str: |it| it.0;
    Decimal<'a> => &'a str: |it| it.0;
    // An absent field of an order is zero or empty.
    Option<&'a str> => &'a str: |it| it.unwrap_or_default();
    Option<i64> => i64: |it| it.unwrap_or_default();
    Option<Lots> => i64: |it| it.map_or(0, |it| it.0);
    Option<UnixMillis> => i64: |it| it.map_or(0, |it| it.0);
    Option<Decimal<'a>> => &'a str: |it| it.map_or("", |it| it.0);
    // The nearest float.
    Decimal<'a> => f64: |it| it.0.parse().unwrap_or(f64::NAN);
}

impl<F: Plain<T>, T> Plain<Option<T>> for Option<F> {
    fn plain(self) -> Option<T> {
        self.map(Plain::plain)
    }
}

/// Converts a message of ours to the peers' type, field by field: first the fields with the same name, then those with
/// another one.
macro_rules! convert {
    ($from:ident => $to:ident {
        $($same:ident),*; $($name:ident: $field:ident),*
    } $(with $($value:ident),*)?) => {
        peers::$to {
            $($same: $from.$same.plain(),)*
            $($name: $from.$field.plain(),)*
            $($($value,)*)?
        }
    };
}

struct Jayx {
    decoder: jayx::Decoder,
    backend: DecodeBackend,
}

impl Jayx {
    fn new(input: &Input, backend: DecodeBackend) -> Self {
        let decoder = input.jayx_decoder(backend);
        Self { decoder, backend }
    }
}

impl Process for Jayx {
    type Output<'a> = JayxMessage<'a>;

    fn message<'a>(&'a mut self, _line: usize, text: Text<'a>) -> anyhow::Result<JayxMessage<'a>> {
        Ok(JayxMessage(self.decoder.decode(text.json().as_bytes())?))
    }

    fn backend(&self) -> &'static str {
        self.backend.name()
    }
}

impl Decode for Jayx {
    fn sides<'a>(&'a mut self, packet: &'a [u8]) -> anyhow::Result<[&'a [Level]; 2]> {
        match self.decoder.decode(packet)? {
            jayx::Message::OrderBook(update) => Ok([update.bids, update.asks]),
            other => bail!("no order book: {other:?}"),
        }
    }
}

/// A message whose JSON is that of the peers.
struct JayxMessage<'a>(jayx::Message<'a>);

impl Serialize for JayxMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            jayx::Message::OrderBook(book) => Message {
                head: Head::default(),
                bids: book.bids,
                asks: book.asks,
                trades: book.trades,
            }
            .serialize(serializer),
            jayx::Message::Kline(kline) => peers::Kline {
                add: kline.add.as_ref().map(candle),
                modify: kline.modify.as_ref().map(candle),
            }
            .serialize(serializer),
            jayx::Message::Positions(positions) => {
                let spot = positions.iter().map(balance).collect();
                peers::Positions { spot }.serialize(serializer)
            }
            jayx::Message::OpenOrders(orders) => peers::OpenOrders {
                cancel: orders.cancel.iter().map(own_order).collect(),
                modify: orders.modify.iter().map(own_order).collect(),
            }
            .serialize(serializer),
            other => Err(S::Error::custom(format!("no case for {other:?}"))),
        }
    }
}

fn candle<'a>(candle: &jayx::Candle<'a>) -> peers::Candle<'a> {
    convert!(candle => Candle {
        id, symbol; created: opened, o: open, h: high, l: low, c: close, v: volume, m: modified
    })
}

fn balance(balance: jayx::Balance<'_>) -> peers::Balance<'_> {
    convert!(balance => Balance { asset, balance, available; })
}

fn own_order<'a>(order: jayx::Order<'a>) -> peers::OwnOrder<'a> {
    convert!(order => OwnOrder {
        id, kind, state, side, cost, last_lots, last_ticks, created, modified, symbol, price, quantity;
        resd: reserved, exec: executed
    })
}

struct Bayse {
    decoder: bayse::Decoder,
    scale: Scale,
    backend: DecodeBackend,
}

impl Bayse {
    fn new(input: &Input, backend: DecodeBackend) -> Self {
        Self {
            decoder: bayse::Decoder::with_backend(backend),
            scale: input.scale,
            backend,
        }
    }
}

impl Process for Bayse {
    type Output<'a> = BayseMessage<'a>;

    fn message<'a>(&'a mut self, _line: usize, text: Text<'a>) -> anyhow::Result<BayseMessage<'a>> {
        let message = self.decoder.decode(text.json().as_bytes(), &self.scale)?;
        Ok(BayseMessage(message))
    }

    fn backend(&self) -> &'static str {
        self.backend.name()
    }
}

impl Decode for Bayse {
    fn sides<'a>(&'a mut self, packet: &'a [u8]) -> anyhow::Result<[&'a [Level]; 2]> {
        match self.decoder.decode(packet, &self.scale)? {
            bayse::Message::OrderBook(update) => Ok([update.bids, update.asks]),
            other => bail!("no order book: {other:?}"),
        }
    }
}

/// A message whose JSON is that of the peers.
struct BayseMessage<'a>(bayse::Message<'a>);

impl Serialize for BayseMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            bayse::Message::OrderBook(book) => Message {
                head: Head {
                    market: book.market_id,
                    outcome: book.outcome_id,
                    time: book.timestamp.plain(),
                    last_price: book.last_price.plain(),
                    last_side: book.last_side,
                    sent: book.sent.plain(),
                },
                bids: book.bids,
                asks: book.asks,
                trades: &[],
            }
            .serialize(serializer),
            bayse::Message::PriceUpdate(it) => {
                event("price_update", prices(it), it.sent).serialize(serializer)
            }
            bayse::Message::AssetPrice(it) => {
                let data = convert!(it => AssetPrice { symbol, price; timestamp: source_time });
                event("asset_price", data, it.sent).serialize(serializer)
            }
            bayse::Message::Activity(it) => {
                let tag = match it.side {
                    TradeSide::Buy => "buy_order",
                    TradeSide::Sell => "sell_order",
                };
                event(tag, filled(it), it.sent).serialize(serializer)
            }
            bayse::Message::OrderUpdated(it) => {
                event("order_updated", order_updated(it), it.sent).serialize(serializer)
            }
            bayse::Message::Pong { sent } => peers::Pong {
                tag: "pong",
                timestamp: sent.plain(),
            }
            .serialize(serializer),
            other => Err(S::Error::custom(format!("no case for {other:?}"))),
        }
    }
}

fn event<D>(tag: &str, data: D, sent: Option<UnixMillis>) -> peers::Event<'_, D> {
    let timestamp = sent.plain();
    peers::Event {
        tag,
        data,
        timestamp,
    }
}

fn prices<'a>(update: &bayse::PriceUpdate<'a>) -> peers::Prices<'a> {
    let markets = update.markets.iter().map(priced_market).collect();
    convert!(update => Prices { slug, title, status, kind; id: event_id } with markets)
}

fn priced_market(market: bayse::PricedMarket<'_>) -> peers::PricedMarket<'_> {
    let outcomes = market.outcomes.iter().collect();
    let prices = market.prices.iter().flat_map(bayse::Prices::iter);
    let prices = prices
        .map(|(label, price)| (label, price.plain()))
        .collect();
    convert!(market => PricedMarket { id, question, engine; } with outcomes, prices)
}

fn filled<'a>(fill: &bayse::Activity<'a>) -> peers::Fill<'a> {
    let bayse::Activity {
        user,
        order,
        event,
        market,
        ..
    } = fill;
    peers::Fill {
        user: convert!(user => User { id, tag, image_url; }),
        order: convert!(order => FilledOrder {
            id, amount, quantity, price, status, kind, outcome, outcome_label, currency, engine,
            order_type, created_at, updated_at;
        }),
        event: convert!(event => EventInfo { id, slug, title, kind, created_at, image_url; }),
        market: convert!(market => Market { id, title, image_url; }),
    }
}

fn order_updated<'a>(update: &bayse::OrderUpdated<'a>) -> peers::OrderUpdated<'a> {
    let order = &update.order;
    let order = convert!(order => UpdatedOrder {
        id, user_id, market_id, outcome_id, outcome_label, side, price, quantity, filled_quantity,
        remaining_quantity, avg_fill_price, status, time_in_force, created_at, updated_at;
    });
    convert!(update => OrderUpdated { order_id, event_id, market_id; timestamp: updated } with order)
}
