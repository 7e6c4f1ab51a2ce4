//! Our own ways through the cases.

use std::hint::black_box;
use std::ops::Range;

use anyhow::bail;
use ticklot_book::{Book, Level, Nanos, Scale};
use ticklot_frame::bayse::{self, Message};
use ticklot_frame::{Decimal, Scan, UnixMillis, jayx};

use crate::field::{Field, Fields, add_levels, add_trades};
use crate::input::Input;
use crate::measure::Contender;
use crate::parse::wire::add_prices;

/// Decodes messages of JayX.
pub(crate) struct DecodeJayx<'p> {
    input: &'p Input,
    decoder: jayx::Decoder,
    scan: Scan,
}

impl<'p> DecodeJayx<'p> {
    pub(crate) fn new(input: &'p Input, scan: Scan) -> Self {
        Self {
            input,
            decoder: jayx::Decoder::with_scan(input.envelope(), scan),
            scan,
        }
    }
}

impl Contender for DecodeJayx<'_> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            let text = self.input.frames[frame].as_bytes();
            black_box(self.decoder.decode(text)?);
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let text = self.input.frames[frame].as_bytes();
        match self.decoder.decode(text)? {
            jayx::Message::OrderBook(book) => {
                let mut fields = Fields::new();
                add_levels(&mut fields, book.bids);
                add_levels(&mut fields, book.asks);
                add_trades(&mut fields, book.trades);
                Ok(fields)
            }
            jayx::Message::Kline(kline) => Ok(candles(&kline)),
            jayx::Message::Positions(positions) => Ok(balances(&positions)),
            jayx::Message::OpenOrders(orders) => Ok(open_orders(&orders)),
            other => bail!("no case for {other:?}"),
        }
    }

    fn backend(&self) -> &'static str {
        self.scan.name()
    }
}

fn candles(kline: &jayx::Kline<'_>) -> Fields {
    let mut fields = Fields::new();
    for candle in [kline.add, kline.modify] {
        let Some(candle) = candle else {
            fields.push(Field::Nothing);
            continue;
        };
        fields.push(candle.id.into());
        fields.push(candle.opened.0.into());
        let prices = [candle.open, candle.high, candle.low, candle.close];
        fields.extend(prices.map(|ticks| Field::Int(ticks.0)));
        fields.extend([candle.volume.0.into(), candle.modified.0.into()]);
        fields.push(candle.symbol.into());
    }
    fields
}

fn balances(positions: &jayx::Positions<'_>) -> Fields {
    let balances = positions.iter();
    let words = balances.flat_map(|it| [it.asset, it.balance.0, it.available.0]);
    words.map(Field::from).collect()
}

fn open_orders(orders: &jayx::OpenOrders<'_>) -> Fields {
    let mut fields = Fields::new();
    for (list, orders) in [("cancel", orders.cancel), ("modify", orders.modify)] {
        fields.push(list.into());
        for order in orders.iter() {
            let numbers = [
                order.id,
                order.reserved.unwrap_or_default(),
                order.executed.map_or(0, |lots| lots.0),
                order.cost.unwrap_or_default(),
                order.created.map_or(0, |at| at.0),
                order.modified.map_or(0, |at| at.0),
            ];
            fields.extend(numbers.map(Field::Int));
            fields.push(order.last_lots.map(|lots| lots.0).into());
            fields.push(order.last_ticks.map(|ticks| ticks.0).into());
            fields.push(order.side.into());
            let words = [order.kind.unwrap_or_default(), order.state, order.symbol];
            fields.extend(words.map(Field::from));
            fields.extend([order.price.map_or("", |it| it.0), order.quantity.0].map(Field::from));
        }
    }
    fields
}

/// Decodes messages of Bayse Markets.
pub(crate) struct DecodeBayse<'p> {
    input: &'p Input,
    decoder: bayse::Decoder,
    scan: Scan,
}

impl<'p> DecodeBayse<'p> {
    pub(crate) fn new(input: &'p Input, scan: Scan) -> Self {
        Self {
            input,
            decoder: bayse::Decoder::with_scan(scan),
            scan,
        }
    }
}

impl Contender for DecodeBayse<'_> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        let Self { input, decoder, .. } = self;
        for frame in frames {
            input.each_line(frame, |_, line| {
                black_box(decoder.decode(line.as_bytes(), &input.scale)?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        let Self { input, decoder, .. } = self;
        let mut fields = Fields::new();
        input.each_line(frame, |_, line| {
            tell(&decoder.decode(line.as_bytes(), &input.scale)?, &mut fields)
        })?;
        Ok(fields)
    }

    fn backend(&self) -> &'static str {
        self.scan.name()
    }
}

/// What a message says, numbers that are only carried as the nearest floats.
fn tell(message: &Message<'_>, fields: &mut Fields) -> anyhow::Result<()> {
    match message {
        Message::OrderBook(book) => {
            fields.extend([book.market_id.into(), book.outcome_id.into()]);
            fields.push(book.timestamp.map(|time| time.0).into());
            fields.push(opt_float(book.last_price)?);
            fields.push(book.last_side.into());
            fields.push(millis(book.sent));
            add_levels(fields, book.bids);
            add_levels(fields, book.asks);
            add_trades(fields, &[]);
        }
        Message::PriceUpdate(update) => price_update(update, fields)?,
        Message::AssetPrice(price) => fields.extend([
            "asset_price".into(),
            price.symbol.into(),
            float(price.price)?.into(),
            price.source_time.0.into(),
            millis(price.sent),
        ]),
        Message::Activity(fill) => activity(fill, fields)?,
        Message::OrderUpdated(update) => order_updated(update, fields)?,
        Message::Pong { sent } => fields.extend(["pong".into(), millis(*sent)]),
        other => bail!("no case for {other:?}"),
    }
    Ok(())
}

fn float(number: Decimal<'_>) -> anyhow::Result<f64> {
    Ok(number.0.parse()?)
}

fn opt_float(number: Option<Decimal<'_>>) -> anyhow::Result<Field> {
    Ok(number.map(float).transpose()?.into())
}

fn millis(time: Option<UnixMillis>) -> Field {
    time.map(|time| time.0).into()
}

fn price_update(update: &bayse::PriceUpdate<'_>, fields: &mut Fields) -> anyhow::Result<()> {
    fields.extend(["price_update".into(), update.event_id.into()]);
    fields.extend([update.slug, update.title, update.status, update.kind].map(Field::from));
    for market in update.markets.iter() {
        fields.extend([
            market.id.into(),
            market.question.into(),
            market.engine.into(),
        ]);
        fields.extend(market.outcomes.iter().map(Field::from));
        let mut prices = Vec::new();
        for (label, price) in market.prices.iter().flat_map(bayse::Prices::iter) {
            prices.push((label, float(price)?));
        }
        add_prices(fields, prices.into_iter());
    }
    fields.push(millis(update.sent));
    Ok(())
}

fn activity(fill: &bayse::Activity<'_>, fields: &mut Fields) -> anyhow::Result<()> {
    let bayse::Activity {
        user,
        order,
        event,
        market,
        ..
    } = fill;
    let tag = match fill.side {
        ticklot_frame::TradeSide::Buy => "buy_order",
        ticklot_frame::TradeSide::Sell => "sell_order",
    };
    fields.extend([
        tag.into(),
        user.id.into(),
        user.tag.into(),
        user.image_url.into(),
    ]);
    for number in [order.amount, order.quantity, order.price] {
        fields.push(float(number)?.into());
    }
    let words = [
        order.id,
        order.status,
        order.kind,
        order.outcome,
        order.outcome_label,
        order.currency,
        order.created_at.0,
        order.updated_at.0,
    ];
    fields.extend(words.map(Field::from));
    fields.extend([order.engine, order.order_type].map(Field::from));
    let words = [
        event.id,
        event.slug,
        event.title,
        event.kind,
        event.created_at.0,
    ];
    fields.extend(words.map(Field::from));
    fields.extend([market.id, market.title].map(Field::from));
    fields.extend([event.image_url, market.image_url].map(Field::from));
    fields.push(millis(fill.sent));
    Ok(())
}

fn order_updated(update: &bayse::OrderUpdated<'_>, fields: &mut Fields) -> anyhow::Result<()> {
    let order = &update.order;
    fields.extend(["order_updated".into(), update.order_id.into()]);
    fields.extend([update.event_id.into(), update.market_id.into()]);
    let words = [
        order.id,
        order.user_id,
        order.market_id,
        order.outcome_id,
        order.outcome_label,
        order.time_in_force,
    ];
    fields.extend(words.map(Field::from));
    fields.extend([order.side.into(), order.status.into()]);
    let quantities = [
        order.quantity,
        order.filled_quantity,
        order.remaining_quantity,
    ];
    for number in quantities {
        fields.push(float(number)?.into());
    }
    fields.extend([opt_float(order.price)?, opt_float(order.avg_fill_price)?]);
    let times = [order.created_at, order.updated_at, update.updated];
    fields.extend(times.map(|time| Field::from(time.map(|time| time.0))));
    fields.push(millis(update.sent));
    Ok(())
}

/// Decodes order books, applies them, and reads the best prices of the live book.
pub(crate) struct Apply<'p> {
    input: &'p Input,
    decoder: AnyDecoder,
    scan: Scan,
    books: Vec<Book>,
}

enum AnyDecoder {
    Jayx(Box<jayx::Decoder>),
    Bayse(Box<bayse::Decoder>),
}

impl<'p> Apply<'p> {
    pub(crate) fn new(input: &'p Input, scan: Scan) -> Self {
        let decoder = match input.wire {
            ticklot_benches::Wire::Bayse => {
                AnyDecoder::Bayse(Box::new(bayse::Decoder::with_scan(scan)))
            }
            _ => AnyDecoder::Jayx(Box::new(jayx::Decoder::with_scan(input.envelope(), scan))),
        };
        Self {
            input,
            decoder,
            scan,
            books: vec![Book::new(Scale::UNIT); input.lines],
        }
    }

    fn apply(&mut self, frame: usize) -> anyhow::Result<()> {
        let Self {
            input,
            decoder,
            books,
            ..
        } = self;
        input.each_line(frame, |place, line| {
            let book = &mut books[place];
            match decoder {
                AnyDecoder::Jayx(decoder) => match decoder.decode(line.as_bytes())? {
                    jayx::Message::OrderBook(update) => {
                        black_box(book.replace(update.bids, update.asks, Nanos(1))?);
                    }
                    other => bail!("no case for {other:?}"),
                },
                AnyDecoder::Bayse(decoder) => {
                    match decoder.decode(line.as_bytes(), &input.scale)? {
                        Message::OrderBook(update) => {
                            black_box(book.replace(update.bids, update.asks, Nanos(1))?);
                        }
                        other => bail!("no case for {other:?}"),
                    }
                }
            }
            black_box(book.live().map(|book| (book.best_bid(), book.best_ask())));
            Ok(())
        })
    }
}

impl Contender for Apply<'_> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.apply(frame)?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        self.apply(frame)?;
        let mut fields = Fields::new();
        for book in &self.books {
            // Maps of peers hold prices and quantities.
            let flat = |levels: &[Level]| -> Vec<Level> {
                let flat = levels.iter();
                flat.map(|level| Level::new(level.ticks, level.lots))
                    .collect()
            };
            add_levels(&mut fields, &flat(book.bids()));
            add_levels(&mut fields, &flat(book.asks()));
        }
        Ok(fields)
    }

    fn backend(&self) -> &'static str {
        self.scan.name()
    }
}
