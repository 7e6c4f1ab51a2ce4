//! Our decoders as contenders, alone and with a book.

use std::hint::black_box;

use anyhow::bail;
use serde::ser::{Error, Serialize, Serializer};
use ticklot_benches::FrameFormat;
use ticklot_book::{Book, Level, Nanos, Scale};
use ticklot_frame::{Decimal, DecodeBackend, TradeSide, bayse, jayx};

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
    peers::Candle {
        id: candle.id,
        created: candle.opened.0,
        o: candle.open.0,
        h: candle.high.0,
        l: candle.low.0,
        c: candle.close.0,
        v: candle.volume.0,
        m: candle.modified.0,
        symbol: candle.symbol,
    }
}

fn balance(balance: jayx::Balance<'_>) -> peers::Balance<'_> {
    peers::Balance {
        asset: balance.asset,
        balance: balance.balance.0,
        available: balance.available.0,
    }
}

fn own_order<'a>(order: jayx::Order<'a>) -> peers::OwnOrder<'a> {
    peers::OwnOrder {
        id: order.id,
        kind: order.kind.unwrap_or_default(),
        state: order.state,
        side: order.side,
        resd: order.reserved.unwrap_or_default(),
        exec: order.executed.map_or(0, |lots| lots.0),
        cost: order.cost.unwrap_or_default(),
        last_lots: order.last_lots.map(|lots| lots.0),
        last_ticks: order.last_ticks.map(|ticks| ticks.0),
        created: order.created.map_or(0, |at| at.0),
        modified: order.modified.map_or(0, |at| at.0),
        symbol: order.symbol,
        price: order.price.map_or("", |it| it.0),
        quantity: order.quantity.0,
    }
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
                    time: book.timestamp.map(|time| time.0),
                    last_price: book.last_price.map(float),
                    last_side: book.last_side,
                    sent: book.sent.map(|time| time.0),
                },
                bids: book.bids,
                asks: book.asks,
                trades: &[],
            }
            .serialize(serializer),
            bayse::Message::PriceUpdate(update) => peers::Event {
                tag: "price_update",
                data: prices(update),
                timestamp: update.sent.map(|time| time.0),
            }
            .serialize(serializer),
            bayse::Message::AssetPrice(price) => peers::Event {
                tag: "asset_price",
                data: peers::AssetPrice {
                    symbol: price.symbol,
                    price: float(price.price),
                    timestamp: price.source_time.0,
                },
                timestamp: price.sent.map(|time| time.0),
            }
            .serialize(serializer),
            bayse::Message::Activity(fill) => peers::Event {
                tag: match fill.side {
                    TradeSide::Buy => "buy_order",
                    TradeSide::Sell => "sell_order",
                },
                data: filled(fill),
                timestamp: fill.sent.map(|time| time.0),
            }
            .serialize(serializer),
            bayse::Message::OrderUpdated(update) => peers::Event {
                tag: "order_updated",
                data: order_updated(update),
                timestamp: update.sent.map(|time| time.0),
            }
            .serialize(serializer),
            bayse::Message::Pong { sent } => peers::Pong {
                tag: "pong",
                timestamp: sent.map(|time| time.0),
            }
            .serialize(serializer),
            other => Err(S::Error::custom(format!("no case for {other:?}"))),
        }
    }
}

/// The nearest float to a number that is only carried.
fn float(number: Decimal<'_>) -> f64 {
    number.0.parse().unwrap_or(f64::NAN)
}

fn prices<'a>(update: &bayse::PriceUpdate<'a>) -> peers::Prices<'a> {
    peers::Prices {
        id: update.event_id,
        slug: update.slug,
        title: update.title,
        status: update.status,
        kind: update.kind,
        markets: update.markets.iter().map(priced_market).collect(),
    }
}

fn priced_market(market: bayse::PricedMarket<'_>) -> peers::PricedMarket<'_> {
    let prices = market.prices.iter().flat_map(bayse::Prices::iter);
    peers::PricedMarket {
        id: market.id,
        question: market.question,
        outcomes: market.outcomes.iter().collect(),
        engine: market.engine,
        prices: prices.map(|(label, price)| (label, float(price))).collect(),
    }
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
        user: peers::User {
            id: user.id,
            tag: user.tag,
            image_url: user.image_url,
        },
        order: peers::FilledOrder {
            id: order.id,
            amount: float(order.amount),
            quantity: float(order.quantity),
            price: float(order.price),
            status: order.status,
            kind: order.kind,
            outcome: order.outcome,
            outcome_label: order.outcome_label,
            currency: order.currency,
            engine: order.engine,
            order_type: order.order_type,
            created_at: order.created_at.0,
            updated_at: order.updated_at.0,
        },
        event: peers::EventInfo {
            id: event.id,
            slug: event.slug,
            title: event.title,
            kind: event.kind,
            created_at: event.created_at.0,
            image_url: event.image_url,
        },
        market: peers::Market {
            id: market.id,
            title: market.title,
            image_url: market.image_url,
        },
    }
}

fn order_updated<'a>(update: &bayse::OrderUpdated<'a>) -> peers::OrderUpdated<'a> {
    let order = &update.order;
    peers::OrderUpdated {
        order_id: update.order_id,
        event_id: update.event_id,
        market_id: update.market_id,
        order: peers::UpdatedOrder {
            id: order.id,
            user_id: order.user_id,
            market_id: order.market_id,
            outcome_id: order.outcome_id,
            outcome_label: order.outcome_label,
            side: order.side,
            price: order.price.map(float),
            quantity: float(order.quantity),
            filled_quantity: float(order.filled_quantity),
            remaining_quantity: float(order.remaining_quantity),
            avg_fill_price: order.avg_fill_price.map(float),
            status: order.status,
            time_in_force: order.time_in_force,
            created_at: order.created_at.map(|time| time.0),
            updated_at: order.updated_at.map(|time| time.0),
        },
        timestamp: update.updated.map(|time| time.0),
    }
}
