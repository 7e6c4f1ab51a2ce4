//! Messages of JayX. Its whole ticks and lots are told as decimals, by the scale that the program was
//! given.

use serde::Serialize;
use ticklot::Scale;
use ticklot::jayx::Message;
use ticklot_frame::jayx as wire;

use super::object::{Number, Object, Of, Text};

/// The objects of a message; none for one that is told otherwise.
pub(super) fn objects<'a>(of: Of, message: &Message<'a>, scale: Scale) -> Vec<Object<'a>> {
    match message {
        Message::Kline(kline) => {
            let candles = [("add", kline.add), ("modify", kline.modify)];
            let candles = candles.into_iter().filter_map(|(what, candle)| {
                let candle = Candle::new(of, what, &candle?, scale);
                Some(Object::Candle(candle))
            });
            candles.collect()
        }
        Message::Positions(positions) => {
            let balances = positions.iter().map(|it| Balance {
                asset: it.asset,
                balance: it.balance.0,
                available: it.available.0,
            });
            let balances = balances.collect();
            vec![Object::Balances(Balances { of, balances })]
        }
        Message::OpenOrders(orders) => {
            let list = |orders: &wire::Orders<'a>| -> Vec<Order<'a>> {
                orders.iter().map(|it| Order::new(&it, scale)).collect()
            };
            vec![Object::OpenOrders(OpenOrders {
                of,
                cancel: list(&orders.cancel),
                modify: list(&orders.modify),
            })]
        }
        _ => Vec::new(),
    }
}

/// A candle was added or modified.
#[derive(Serialize)]
pub(crate) struct Candle<'a> {
    #[serde(flatten)]
    of: Of,
    what: &'static str,
    id: &'a str,
    symbol: &'a str,
    opened_s: i64,
    open: Number,
    high: Number,
    low: Number,
    close: Number,
    volume: Number,
    modified_s: i64,
}

impl<'a> Candle<'a> {
    fn new(of: Of, what: &'static str, candle: &wire::Candle<'a>, scale: Scale) -> Self {
        let price = |ticks| Text(scale.price(ticks));
        Self {
            of,
            what,
            id: candle.id,
            symbol: candle.symbol,
            opened_s: candle.opened.0,
            open: price(candle.open),
            high: price(candle.high),
            low: price(candle.low),
            close: price(candle.close),
            volume: Text(scale.quantity(candle.volume)),
            modified_s: candle.modified.0,
        }
    }
}

/// The balances of the account: all of them, each time.
#[derive(Serialize)]
pub(crate) struct Balances<'a> {
    #[serde(flatten)]
    of: Of,
    balances: Vec<Balance<'a>>,
}

#[derive(Serialize)]
struct Balance<'a> {
    asset: &'a str,
    balance: &'a str,
    available: &'a str,
}

/// What became of one's own orders.
#[derive(Serialize)]
pub(crate) struct OpenOrders<'a> {
    #[serde(flatten)]
    of: Of,
    cancel: Vec<Order<'a>>,
    modify: Vec<Order<'a>>,
}

#[derive(Serialize)]
struct Order<'a> {
    id: i64,
    symbol: &'a str,
    kind: Option<&'a str>,
    state: &'a str,
    side: &'static str,
    price: Option<&'a str>,
    quantity: &'a str,
    reserved: Option<i64>,
    executed: Option<Number>,
    cost: Option<i64>,
    last_price: Option<Number>,
    last_quantity: Option<Number>,
    created_ms: Option<i64>,
    modified_ms: Option<i64>,
}

impl<'a> Order<'a> {
    fn new(order: &wire::Order<'a>, scale: Scale) -> Self {
        Self {
            id: order.id,
            symbol: order.symbol,
            kind: order.kind,
            state: order.state,
            side: order.side.as_str(),
            price: order.price.map(|it| it.0),
            quantity: order.quantity.0,
            reserved: order.reserved,
            executed: order.executed.map(|it| Text(scale.quantity(it))),
            cost: order.cost,
            last_price: order.last_ticks.map(|it| Text(scale.price(it))),
            last_quantity: order.last_lots.map(|it| Text(scale.quantity(it))),
            created_ms: order.created.map(|it| it.0),
            modified_ms: order.modified.map(|it| it.0),
        }
    }
}
