//! jiter, driven by hand: key by key, in whatever order they come, into a sink.

use anyhow::{Context, bail, ensure};
use jiter::{Jiter, JiterResult, NumberInt, Peek};
use ticklot_book::{Level, Lots, Scale, Ticks};
use ticklot_frame::{Trade, TradeSide, UnixMillis};

use super::wire::{
    Asset, AssetPrice, Balance, Candle, Event, Fill, FilledOrder, Kline, Market, OpenOrders,
    OrderUpdated, OwnOrder, Pong, Positions, PriceUpdate, PricedEvent, PricedMarket, UpdateData,
    UpdatedOrder, User, WireSide,
};
use super::{Factors, Head, ReadBook, Sink, Text};

/// Reads an object: each key by its arm, any other passed over.
macro_rules! object {
    ($json:expr, { $($key:literal => $read:expr,)* }) => {{
        let mut next = $json.next_object_bytes()?;
        while let Some(key) = next {
            match key {
                $($key => $read,)*
                _ => $json.next_skip()?,
            }
            next = $json.next_key_bytes()?;
        }
    }};
}

/// Reads an array.
macro_rules! array {
    ($json:expr, $read:expr) => {{
        let mut next = $json.next_array()?;
        while next.is_some() {
            $read;
            next = $json.array_step()?;
        }
    }};
}

/// jiter, over a text.
struct Reader<'a> {
    json: Jiter<'a>,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let json = Jiter::new(text.as_bytes());
        Self { json, text }
    }

    fn int(&mut self) -> anyhow::Result<i64> {
        Ok(small(&mut self.json)?)
    }

    /// A string, as it stands in the text. One with escapes is refused.
    fn str(&mut self) -> anyhow::Result<&'a str> {
        ensure!(self.json.peek()? == Peek::String, "no string");
        let start = self.json.current_index() + 1;
        let len = self.json.known_str()?.len();
        let end = self.json.current_index() - 1;
        ensure!(end - start == len, "an escape");
        self.text.get(start..end).context("no text")
    }

    /// Whether a null is next, which is then passed.
    fn null(&mut self) -> anyhow::Result<bool> {
        let is_null = self.json.peek()? == Peek::Null;
        if is_null {
            self.json.known_null()?;
        }
        Ok(is_null)
    }

    fn opt_int(&mut self) -> anyhow::Result<Option<i64>> {
        if self.null()? {
            return Ok(None);
        }
        self.int().map(Some)
    }

    fn opt_str(&mut self) -> anyhow::Result<Option<&'a str>> {
        if self.null()? {
            return Ok(None);
        }
        self.str().map(Some)
    }

    fn opt_float(&mut self) -> anyhow::Result<Option<f64>> {
        let peek = self.json.peek()?;
        if peek == Peek::Null {
            self.json.known_null()?;
            return Ok(None);
        }
        Ok(Some(self.json.known_float(peek)?))
    }

    fn side(&mut self) -> anyhow::Result<WireSide> {
        match self.json.next_str()? {
            "BUY" => Ok(WireSide::Buy),
            "SELL" => Ok(WireSide::Sell),
            _ => bail!("no side"),
        }
    }

    fn opt_side(&mut self) -> anyhow::Result<Option<TradeSide>> {
        if self.null()? {
            return Ok(None);
        }
        Ok(Some(self.side()?.into()))
    }
}

/// Order books of JayX.
#[derive(Debug)]
pub(crate) struct JayxBooks;

impl ReadBook for JayxBooks {
    fn read<'a>(&'a mut self, text: Text<'a>, sink: &mut Sink) -> anyhow::Result<Head<'a>> {
        sink.clear();
        let mut reader = Reader::new(text.json());
        object!(reader.json, {
            b"orderBook" => object!(reader.json, {
                b"asks" => array!(reader.json, sink.asks.push(jayx_level(&mut reader)?)),
                b"bids" => array!(reader.json, sink.bids.push(jayx_level(&mut reader)?)),
            }),
            b"trades" => array!(reader.json, sink.trades.push(trade(&mut reader)?)),
        });
        reader.json.finish()?;
        Ok(Head::default())
    }
}

// With jiter's own error on the hot path: wrapping it costs more than a reader of levels should.
fn jayx_level(reader: &mut Reader<'_>) -> JiterResult<Level> {
    let (mut ticks, mut lots, mut count) = (0, 0, 0);
    object!(reader.json, {
        b"ticks" => ticks = small(&mut reader.json)?,
        b"lots" => lots = small(&mut reader.json)?,
        b"count" => count = small(&mut reader.json)?,
    });
    Ok(Level {
        ticks: Ticks(ticks),
        lots: Lots(lots),
        count: u32::try_from(count).unwrap_or(u32::MAX),
    })
}

fn small(json: &mut Jiter<'_>) -> JiterResult<i64> {
    // Irrefutable without the feature for big integers, which would make the number need a destructor.
    let NumberInt::Int(int) = json.next_int()?;
    Ok(int)
}

fn trade(reader: &mut Reader<'_>) -> anyhow::Result<Trade> {
    let mut trade = Trade {
        ticks: Ticks(0),
        lots: Lots(0),
        side: TradeSide::Buy,
        created: UnixMillis(0),
    };
    object!(reader.json, {
        b"lots" => trade.lots = Lots(reader.int()?),
        b"ticks" => trade.ticks = Ticks(reader.int()?),
        b"side" => trade.side = reader.side()?.into(),
        b"created" => trade.created = UnixMillis(reader.int()?),
    });
    Ok(trade)
}

/// How the numbers of a level are read.
pub(crate) trait Numbers {
    fn price(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64>;
    fn quantity(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64>;
}

/// As floats, which are multiplied and rounded.
impl Numbers for Factors {
    fn price(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64> {
        Ok(super::nearest(json.next_float()? * self.price))
    }

    fn quantity(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64> {
        Ok(super::nearest(json.next_float()? * self.quantity))
    }
}

/// From the digits of the text, exactly.
impl Numbers for Scale {
    fn price(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64> {
        steps(json.next_number_bytes()?, self.price_decimals())
    }

    fn quantity(&self, json: &mut Jiter<'_>) -> anyhow::Result<i64> {
        steps(json.next_number_bytes()?, self.quantity_decimals())
    }
}

/// A decimal as a whole number of its last decimal's steps: digit by digit, as one would write it.
fn steps(text: &[u8], decimals: u8) -> anyhow::Result<i64> {
    let (mut steps, mut left, mut point) = (0_i64, decimals, false);
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                if point {
                    left = left.checked_sub(1).context("too many decimals")?;
                }
                let digit = i64::from(byte - b'0');
                let tens = steps.checked_mul(10);
                steps = tens
                    .and_then(|tens| tens.checked_add(digit))
                    .context("too large")?;
            }
            b'.' => point = true,
            _ => bail!("no plain decimal"),
        }
    }
    steps
        .checked_mul(10_i64.pow(left.into()))
        .context("too large")
}

/// Order books of Bayse Markets.
#[derive(Debug)]
pub(crate) struct BayseBooks<N>(pub(crate) N);

impl<N: Numbers> ReadBook for BayseBooks<N> {
    fn read<'a>(&'a mut self, text: Text<'a>, sink: &mut Sink) -> anyhow::Result<Head<'a>> {
        sink.clear();
        let mut reader = Reader::new(text.json());
        let mut head = Head::default();
        let mut is_book = false;
        object!(reader.json, {
            b"type" => is_book = reader.json.next_str()? == "orderbook_update",
            b"data" => object!(reader.json, {
                b"orderbook" => bayse_book(&mut reader, &self.0, sink, &mut head)?,
            }),
            b"timestamp" => head.sent = Some(reader.int()?),
        });
        reader.json.finish()?;
        ensure!(is_book, "no order book");
        Ok(head)
    }
}

fn bayse_book<'a>(
    reader: &mut Reader<'a>,
    numbers: &impl Numbers,
    sink: &mut Sink,
    head: &mut Head<'a>,
) -> anyhow::Result<()> {
    object!(reader.json, {
        b"marketId" => head.market = reader.str()?,
        b"outcomeId" => head.outcome = reader.str()?,
        b"timestamp" => head.time = reader.opt_str()?,
        b"bids" => array!(reader.json, sink.bids.push(bayse_level(reader, numbers)?)),
        b"asks" => array!(reader.json, sink.asks.push(bayse_level(reader, numbers)?)),
        b"lastTradedPrice" => head.last_price = reader.opt_float()?,
        b"lastTradedSide" => head.last_side = reader.opt_side()?,
    });
    Ok(())
}

fn bayse_level(reader: &mut Reader<'_>, numbers: &impl Numbers) -> anyhow::Result<Level> {
    let mut level = Level::default();
    object!(reader.json, {
        b"price" => level.ticks = Ticks(numbers.price(&mut reader.json)?),
        b"quantity" => level.lots = Lots(numbers.quantity(&mut reader.json)?),
    });
    Ok(level)
}

pub(crate) fn kline(text: &str) -> anyhow::Result<Kline<'_>> {
    let mut reader = Reader::new(text);
    let mut kline = Kline::default();
    object!(reader.json, {
        b"add" => kline.add = candle(&mut reader)?,
        b"modify" => kline.modify = candle(&mut reader)?,
    });
    reader.json.finish()?;
    Ok(kline)
}

fn candle<'a>(reader: &mut Reader<'a>) -> anyhow::Result<Option<Candle<'a>>> {
    if reader.null()? {
        return Ok(None);
    }
    let mut candle = Candle::default();
    object!(reader.json, {
        b"_id" => candle.id = reader.str()?,
        b"created" => candle.created = reader.int()?,
        b"o" => candle.o = reader.int()?,
        b"h" => candle.h = reader.int()?,
        b"l" => candle.l = reader.int()?,
        b"c" => candle.c = reader.int()?,
        b"v" => candle.v = reader.int()?,
        b"m" => candle.m = reader.int()?,
        b"symbol" => candle.symbol = reader.str()?,
    });
    Ok(Some(candle))
}

pub(crate) fn positions(text: &str) -> anyhow::Result<Positions<'_>> {
    let mut reader = Reader::new(text);
    let mut positions = Positions::default();
    object!(reader.json, {
        b"spot" => array!(reader.json, positions.spot.push(balance(&mut reader)?)),
    });
    reader.json.finish()?;
    Ok(positions)
}

fn balance<'a>(reader: &mut Reader<'a>) -> anyhow::Result<Balance<'a>> {
    let mut balance = Balance::default();
    object!(reader.json, {
        b"asset" => balance.asset = reader.str()?,
        b"balance" => balance.balance = reader.str()?,
        b"available" => balance.available = reader.str()?,
    });
    Ok(balance)
}

pub(crate) fn open_orders(text: &str) -> anyhow::Result<OpenOrders<'_>> {
    let mut reader = Reader::new(text);
    let mut orders = OpenOrders::default();
    object!(reader.json, {
        b"cancel" => array!(reader.json, orders.cancel.push(own_order(&mut reader)?)),
        b"modify" => array!(reader.json, orders.modify.push(own_order(&mut reader)?)),
    });
    reader.json.finish()?;
    Ok(orders)
}

fn own_order<'a>(reader: &mut Reader<'a>) -> anyhow::Result<OwnOrder<'a>> {
    let mut order = OwnOrder::default();
    object!(reader.json, {
        b"id" => order.id = reader.int()?,
        b"type" => order.kind = reader.str()?,
        b"state" => order.state = reader.str()?,
        b"side" => order.side = reader.side()?,
        b"resd" => order.resd = reader.int()?,
        b"exec" => order.exec = reader.int()?,
        b"cost" => order.cost = reader.int()?,
        b"lastLots" => order.last_lots = reader.opt_int()?,
        b"lastTicks" => order.last_ticks = reader.opt_int()?,
        b"created" => order.created = reader.int()?,
        b"modified" => order.modified = reader.int()?,
        b"symbol" => order.symbol = reader.str()?,
        b"price" => order.price = reader.str()?,
        b"quantity" => order.quantity = reader.str()?,
    });
    Ok(order)
}

pub(crate) fn pong(text: &str) -> anyhow::Result<Pong<'_>> {
    let mut reader = Reader::new(text);
    let mut pong = Pong::default();
    object!(reader.json, {
        b"type" => pong.tag = reader.str()?,
        b"timestamp" => pong.timestamp = Some(reader.int()?),
    });
    reader.json.finish()?;
    Ok(pong)
}

pub(crate) fn asset_price(text: &str) -> anyhow::Result<AssetPrice<'_>> {
    let mut reader = Reader::new(text);
    let mut message = AssetPrice::default();
    let mut asset = Asset::default();
    object!(reader.json, {
        b"type" => message.tag = reader.str()?,
        b"data" => object!(reader.json, {
            b"symbol" => asset.symbol = reader.str()?,
            b"price" => asset.price = reader.json.next_float()?,
            b"timestamp" => asset.timestamp = reader.int()?,
        }),
        b"timestamp" => message.timestamp = Some(reader.int()?),
    });
    reader.json.finish()?;
    message.data = asset;
    Ok(message)
}

pub(crate) fn price_update(text: &str) -> anyhow::Result<PriceUpdate<'_>> {
    let mut reader = Reader::new(text);
    let mut message = PriceUpdate::default();
    object!(reader.json, {
        b"type" => message.tag = reader.str()?,
        b"data" => priced_event(&mut reader, &mut message.data)?,
        b"timestamp" => message.timestamp = Some(reader.int()?),
    });
    reader.json.finish()?;
    Ok(message)
}

fn priced_event<'a>(reader: &mut Reader<'a>, event: &mut PricedEvent<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => event.id = reader.str()?,
        b"slug" => event.slug = reader.opt_str()?,
        b"title" => event.title = reader.opt_str()?,
        b"status" => event.status = reader.opt_str()?,
        b"type" => event.kind = reader.opt_str()?,
        b"markets" => array!(reader.json, event.markets.push(priced_market(reader)?)),
    });
    Ok(())
}

fn priced_market<'a>(reader: &mut Reader<'a>) -> anyhow::Result<PricedMarket<'a>> {
    let mut market = PricedMarket::default();
    object!(reader.json, {
        b"id" => market.id = reader.str()?,
        b"question" => market.question = reader.opt_str()?,
        b"outcomes" => array!(reader.json, market.outcomes.push(reader.str()?)),
        b"engine" => market.engine = reader.opt_str()?,
        b"prices" => prices(reader, &mut market)?,
    });
    Ok(market)
}

fn prices<'a>(reader: &mut Reader<'a>, market: &mut PricedMarket<'a>) -> anyhow::Result<()> {
    let text = reader.text;
    let base = text.as_ptr().addr();
    let mut next = reader.json.next_object_bytes()?;
    while let Some(key) = next {
        let start = key.as_ptr().addr() - base;
        let label = text.get(start..start + key.len()).context("no label")?;
        market.prices.push((label, reader.json.next_float()?));
        next = reader.json.next_key_bytes()?;
    }
    Ok(())
}

pub(crate) fn fill(text: &str) -> anyhow::Result<Fill<'_>> {
    let mut reader = Reader::new(text);
    let mut fill = Fill::default();
    object!(reader.json, {
        b"type" => fill.tag = reader.str()?,
        b"data" => object!(reader.json, {
            b"user" => user(&mut reader, &mut fill.data.user)?,
            b"order" => order(&mut reader, &mut fill.data.order)?,
            b"event" => event(&mut reader, &mut fill.data.event)?,
            b"market" => market(&mut reader, &mut fill.data.market)?,
        }),
        b"timestamp" => fill.timestamp = Some(reader.int()?),
    });
    reader.json.finish()?;
    Ok(fill)
}

fn user<'a>(reader: &mut Reader<'a>, user: &mut User<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => user.id = reader.str()?,
        b"tag" => user.tag = reader.opt_str()?,
        b"imageUrl" => user.image_url = reader.opt_str()?,
    });
    Ok(())
}

fn order<'a>(reader: &mut Reader<'a>, order: &mut FilledOrder<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => order.id = reader.str()?,
        b"amount" => order.amount = reader.json.next_float()?,
        b"quantity" => order.quantity = reader.json.next_float()?,
        b"price" => order.price = reader.json.next_float()?,
        b"status" => order.status = reader.str()?,
        b"type" => order.kind = reader.str()?,
        b"outcome" => order.outcome = reader.str()?,
        b"outcomeLabel" => order.outcome_label = reader.str()?,
        b"currency" => order.currency = reader.str()?,
        b"engine" => order.engine = reader.opt_str()?,
        b"orderType" => order.order_type = reader.opt_str()?,
        b"createdAt" => order.created_at = reader.str()?,
        b"updatedAt" => order.updated_at = reader.str()?,
    });
    Ok(())
}

fn event<'a>(reader: &mut Reader<'a>, event: &mut Event<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => event.id = reader.str()?,
        b"slug" => event.slug = reader.str()?,
        b"title" => event.title = reader.str()?,
        b"type" => event.kind = reader.str()?,
        b"createdAt" => event.created_at = reader.str()?,
        b"imageUrl" => event.image_url = reader.opt_str()?,
    });
    Ok(())
}

fn market<'a>(reader: &mut Reader<'a>, market: &mut Market<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => market.id = reader.str()?,
        b"title" => market.title = reader.str()?,
        b"imageUrl" => market.image_url = reader.opt_str()?,
    });
    Ok(())
}

pub(crate) fn order_updated(text: &str) -> anyhow::Result<OrderUpdated<'_>> {
    let mut reader = Reader::new(text);
    let mut message = OrderUpdated::default();
    object!(reader.json, {
        b"type" => message.tag = reader.str()?,
        b"data" => update_data(&mut reader, &mut message.data)?,
        b"timestamp" => message.timestamp = Some(reader.int()?),
    });
    reader.json.finish()?;
    Ok(message)
}

fn update_data<'a>(reader: &mut Reader<'a>, data: &mut UpdateData<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"orderId" => data.order_id = reader.str()?,
        b"eventId" => data.event_id = reader.opt_str()?,
        b"marketId" => data.market_id = reader.str()?,
        b"order" => updated_order(reader, &mut data.order)?,
        b"timestamp" => data.timestamp = reader.opt_int()?,
    });
    Ok(())
}

fn updated_order<'a>(reader: &mut Reader<'a>, order: &mut UpdatedOrder<'a>) -> anyhow::Result<()> {
    object!(reader.json, {
        b"id" => order.id = reader.opt_str()?,
        b"userId" => order.user_id = reader.opt_str()?,
        b"marketId" => order.market_id = reader.opt_str()?,
        b"outcomeId" => order.outcome_id = reader.opt_str()?,
        b"outcomeLabel" => order.outcome_label = reader.opt_str()?,
        b"side" => order.side = reader.side()?,
        b"price" => order.price = reader.opt_float()?,
        b"quantity" => order.quantity = reader.json.next_float()?,
        b"filledQuantity" => order.filled_quantity = reader.json.next_float()?,
        b"remainingQuantity" => order.remaining_quantity = reader.json.next_float()?,
        b"avgFillPrice" => order.avg_fill_price = reader.opt_float()?,
        b"status" => order.status = reader.str()?,
        b"timeInForce" => order.time_in_force = reader.opt_str()?,
        b"createdAt" => order.created_at = reader.opt_int()?,
        b"updatedAt" => order.updated_at = reader.opt_int()?,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn digits_become_steps() {
        let cases: [(&[u8], u8, Option<i64>); 7] = [
            (b"0.60", 3, Some(600)),
            (b"500", 2, Some(50_000)),
            (b"3.75", 2, Some(375)),
            (b"0", 0, Some(0)),
            (b"0.001", 2, None),
            (b"1e3", 2, None),
            (b"99999999999999999999", 0, None),
        ];
        for (text, decimals, expected) in cases {
            assert_eq!(steps(text, decimals).ok(), expected, "{text:?}");
        }
    }
}
