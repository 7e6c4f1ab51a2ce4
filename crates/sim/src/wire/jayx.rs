//! The payloads and envelopes of JayX.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;
use ticklot_book::{Level, Lots, Scale, Side, Ticks};

use super::json::{Decimal, buy_or_sell, to_json};
use crate::market::{Trade, View};

/// The envelope of a message in plain mode. The form that the venue uses is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PlainForm {
    /// The payload alone.
    #[default]
    Bare,
    /// `{"event":"orderbook","message":payload}`.
    Message,
    /// `{"event":"orderbook","data":payload}`.
    Data,
}

/// The payload of an order book: `{"orderBook":{"asks":[...],"bids":[...]},"trades":[...]}`.
#[must_use]
pub fn order_book(view: &View) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        order_book: Sides,
        trades: Vec<TradeItem>,
    }
    #[derive(Serialize)]
    struct Sides {
        asks: Vec<LevelItem>,
        bids: Vec<LevelItem>,
    }
    #[derive(Serialize)]
    struct LevelItem {
        ticks: i64,
        lots: i64,
        count: u32,
    }
    #[derive(Serialize)]
    struct TradeItem {
        lots: i64,
        ticks: i64,
        side: &'static str,
        created: u64,
    }
    let level = |it: &Level| LevelItem {
        ticks: it.ticks.0,
        lots: it.lots.0,
        count: it.count,
    };
    let trade = |it: &Trade| TradeItem {
        lots: it.lots.0,
        ticks: it.ticks.0,
        side: buy_or_sell(it.taker),
        created: it.created_ms,
    };
    to_json(&Payload {
        order_book: Sides {
            asks: view.asks.iter().map(level).collect(),
            bids: view.bids.iter().map(level).collect(),
        },
        trades: view.trades.iter().map(trade).collect(),
    })
}

/// A Socket.IO event packet: `42["<event>",<payload>]`.
#[must_use]
pub fn packet(event: &str, payload: &str) -> String {
    format!("42[\"{event}\",{payload}]")
}

/// A Socket.IO acknowledgement: `43<id>[<payload>]`.
pub(crate) fn ack(id: &str, payload: &str) -> String {
    format!("43{id}[{payload}]")
}

/// A message of the plain mode.
#[must_use]
pub fn plain(form: PlainForm, event: &str, payload: &str) -> String {
    let key = match form {
        PlainForm::Bare => return payload.to_owned(),
        PlainForm::Message => "message",
        PlainForm::Data => "data",
    };
    format!(r#"{{"event":"{event}","{key}":{payload}}}"#)
}

/// `{"message":"..."}`, the content of an error. The form is chosen by the simulator, because the venue's is unknown.
pub(crate) fn message(text: &str) -> String {
    json!({ "message": text }).to_string()
}

/// `{"error":{"message":"..."}}`. The form is chosen by the simulator, as that of [`message`].
pub(crate) fn error(text: &str) -> String {
    json!({ "error": { "message": text } }).to_string()
}

/// The Engine.IO open packet, `0{...}`, with the available upgrades, the ping interval and timeout in whole
/// milliseconds, and the maximum message size in bytes.
pub(crate) fn open(
    sid: &str,
    upgrades: &[&str],
    [ping_interval, ping_timeout]: [Duration; 2],
    max_payload: usize,
) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Open<'a> {
        sid: &'a str,
        upgrades: &'a [&'a str],
        ping_interval: u128,
        ping_timeout: u128,
        max_payload: usize,
    }
    let open = Open {
        sid,
        upgrades,
        ping_interval: ping_interval.as_millis(),
        ping_timeout: ping_timeout.as_millis(),
        max_payload,
    };
    format!("0{}", to_json(&open))
}

/// The Socket.IO reply to a join of an unknown namespace:
/// `44/<name>,{"message":"Invalid namespace"}`.
pub(crate) fn wrong_namespace(namespace: &str) -> String {
    format!("44{namespace},{}", message("Invalid namespace"))
}

/// The Socket.IO reply to a join of the default namespace: `40{"sid":"..."}`.
pub(crate) fn joined(sid: &str) -> String {
    format!("40{}", json!({ "sid": sid }))
}

/// A candle: the aggregated trades of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// The part of the id that all candles of its symbol and interval share.
    pub series: u64,
    /// The start of its interval, in seconds since the epoch.
    pub created: u64,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// The traded quantity.
    pub volume: Lots,
    /// The time of its last trade, in seconds since the epoch.
    pub modified: u64,
}

impl Candle {
    /// Its id of 24 hexadecimal digits. The first eight are its time, as in the venue's example.
    #[must_use]
    pub fn id(&self) -> String {
        let created = self.created & 0xffff_ffff;
        format!("{created:08x}{:016x}", self.series)
    }
}

/// The payload of a candle: `{"add":null,"modify":{...}}`, or `{"add":{...},"modify":null}` for a new one.
#[must_use]
pub fn kline(symbol: &str, candle: &Candle, is_new: bool) -> String {
    #[derive(Serialize)]
    struct Payload<'a> {
        add: Option<CandleItem<'a>>,
        modify: Option<CandleItem<'a>>,
    }
    #[derive(Serialize)]
    struct CandleItem<'a> {
        _id: String,
        created: u64,
        o: i64,
        h: i64,
        l: i64,
        c: i64,
        v: i64,
        m: u64,
        symbol: &'a str,
    }
    let item = CandleItem {
        _id: candle.id(),
        created: candle.created,
        o: candle.open.0,
        h: candle.high.0,
        l: candle.low.0,
        c: candle.close.0,
        v: candle.volume.0,
        m: candle.modified,
        symbol,
    };
    let (add, modify) = if is_new {
        (Some(item), None)
    } else {
        (None, Some(item))
    };
    to_json(&Payload { add, modify })
}

/// An exact decimal number, `units` of 10^-`decimals`. It is serialized as a string without trailing zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// The number of units.
    pub units: i128,
    /// The decimal places of a unit.
    pub decimals: u8,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = Decimal {
            units: self.units,
            decimals: self.decimals,
            min_decimals: 0,
        };
        decimal.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An account's balance of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The asset's name.
    pub asset: String,
    /// The total amount.
    pub balance: Amount,
    /// The part that no open order reserves.
    pub available: Amount,
}

/// The state of an order. The venue documents `NEW` and `CANCELED`. The simulator adds the other two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// `NEW`: open, without a fill.
    New,
    /// `PARTIALLY_FILLED`: open, with a fill.
    PartiallyFilled,
    /// `FILLED`: filled completely.
    Filled,
    /// `CANCELED`: ended before it was filled completely.
    Canceled,
}

impl OrderState {
    /// Whether it can still be filled.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// An order as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// Its id.
    pub id: u64,
    /// Its side.
    pub side: Side,
    /// Its limit price. `None` for a market order.
    pub limit: Option<Ticks>,
    /// Its quantity.
    pub lots: Lots,
    /// Its state.
    pub state: OrderState,
    /// The filled quantity.
    pub filled: Lots,
    /// The sum of ticks times lots over its fills.
    pub cost: i128,
    /// The price and quantity of its last fill.
    pub last: Option<(Ticks, Lots)>,
    /// When it was placed, in milliseconds since the epoch.
    pub created_ms: u64,
    /// When it last changed, in milliseconds since the epoch.
    pub modified_ms: u64,
}

impl OwnOrder {
    /// The reserved amount of an open order: the unfilled lots of a sell order, and these times the limit in ticks for
    /// a buy order. 0 for a closed order.
    #[must_use]
    pub fn reserved(&self) -> i128 {
        let left = i128::from((self.lots - self.filled).0);
        match (self.limit, self.side) {
            (Some(_), _) if !self.state.is_open() => 0,
            (Some(limit), Side::Bid) => i128::from(limit.0) * left,
            (Some(_), Side::Ask) => left,
            (None, _) => 0,
        }
    }
}

/// The payload of balances: `{"spot":[...]}`.
#[must_use]
pub fn positions(balances: &[Balance]) -> String {
    #[derive(Serialize)]
    struct Payload<'a> {
        spot: &'a [Balance],
    }
    to_json(&Payload { spot: balances })
}

/// The payload of an account's orders, `{"cancel":[...],"modify":[...]}`, with closed orders in `cancel` and open
/// ones in `modify`.
#[must_use]
pub fn open_orders(symbol: &str, scale: Scale, orders: &[OwnOrder]) -> String {
    #[derive(Serialize)]
    struct Payload<'a> {
        cancel: Vec<OrderItem<'a>>,
        modify: Vec<OrderItem<'a>>,
    }
    let (modify, cancel) = orders
        .iter()
        .partition::<Vec<_>, _>(|it| it.state.is_open());
    let items = |orders: Vec<&OwnOrder>| {
        let orders = orders.into_iter();
        orders.map(|it| OrderItem::new(symbol, scale, it)).collect()
    };
    to_json(&Payload {
        cancel: items(cancel),
        modify: items(modify),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderItem<'a> {
    id: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    state: OrderState,
    side: &'static str,
    resd: i128,
    exec: i64,
    cost: i128,
    last_lots: Option<i64>,
    last_ticks: Option<i64>,
    created: u64,
    modified: u64,
    symbol: &'a str,
    price: Amount,
    quantity: Amount,
}

impl<'a> OrderItem<'a> {
    fn new(symbol: &'a str, scale: Scale, order: &OwnOrder) -> Self {
        Self {
            id: order.id,
            kind: if order.limit.is_some() {
                "LIMIT"
            } else {
                "MARKET"
            },
            state: order.state,
            side: buy_or_sell(order.side),
            resd: order.reserved(),
            exec: order.filled.0,
            cost: order.cost,
            last_lots: order.last.map(|(_, lots)| lots.0),
            last_ticks: order.last.map(|(ticks, _)| ticks.0),
            created: order.created_ms,
            modified: order.modified_ms,
            symbol,
            price: Amount {
                units: order.limit.unwrap_or_default().0.into(),
                decimals: scale.price_decimals(),
            },
            quantity: Amount {
                units: order.lots.0.into(),
                decimals: scale.quantity_decimals(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let level = |ticks, lots| Level {
            count: 1,
            ..Level::new(Ticks(ticks), Lots(lots))
        };
        let trade = |lots, ticks, taker, created_ms| Trade {
            ticks: Ticks(ticks),
            lots: Lots(lots),
            taker,
            created_ms,
        };
        View {
            asks: vec![level(6_684_363, 1_004_817), level(6_751_207, 2_993_562)],
            bids: vec![level(6_657_678, 997_207)],
            trades: vec![
                trade(3_779, 6_667_418, Side::Bid, 1_716_136_436_758),
                trade(591, 6_670_338, Side::Ask, 1_716_136_436_747),
            ],
        }
    }

    #[test]
    fn order_book_text_is_exact() {
        assert_eq!(
            order_book(&view()),
            concat!(
                r#"{"orderBook":{"asks":[{"ticks":6684363,"lots":1004817,"count":1},"#,
                r#"{"ticks":6751207,"lots":2993562,"count":1}],"#,
                r#""bids":[{"ticks":6657678,"lots":997207,"count":1}]},"#,
                r#""trades":[{"lots":3779,"ticks":6667418,"side":"BUY","created":1716136436758},"#,
                r#"{"lots":591,"ticks":6670338,"side":"SELL","created":1716136436747}]}"#,
            )
        );
        assert_eq!(
            order_book(&View::default()),
            r#"{"orderBook":{"asks":[],"bids":[]},"trades":[]}"#
        );
    }

    #[test]
    fn envelope_text_is_exact() {
        let pings = [Duration::from_secs(25), Duration::from_secs(20)];
        let texts = [
            packet("orderbook", "{}"),
            ack("17", "{}"),
            joined("s"),
            wrong_namespace("/admin"),
            open("s", &["a", "b"], pings, 1_000_000),
            error("no \"x\""),
            plain(PlainForm::Bare, "orderbook", "{}"),
            plain(PlainForm::Message, "orderbook", "{}"),
            plain(PlainForm::Data, "orderbook", "{}"),
        ];
        let expected = r#"
42["orderbook",{}]
4317[{}]
40{"sid":"s"}
44/admin,{"message":"Invalid namespace"}
0{"sid":"s","upgrades":["a","b"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
{"error":{"message":"no \"x\""}}
{}
{"event":"orderbook","message":{}}
{"event":"orderbook","data":{}}"#;
        assert_eq!(texts.join("\n"), expected.trim_start());
    }

    #[test]
    fn candle_text_is_exact() {
        let candle = Candle {
            series: 0xcb5c_1735_c255_57a0,
            created: 1_716_131_580,
            open: Ticks(6_678_147),
            high: Ticks(6_690_062),
            low: Ticks(6_674_783),
            close: Ticks(6_689_523),
            volume: Lots(241_690),
            modified: 1_716_131_619,
        };
        let item = concat!(
            r#"{"_id":"664a16fccb5c1735c25557a0","created":1716131580,"o":6678147,"#,
            r#""h":6690062,"l":6674783,"c":6689523,"v":241690,"m":1716131619,"symbol":"BTCUSDT"}"#,
        );
        let kline = |is_new| kline("BTCUSDT", &candle, is_new);
        assert_eq!(kline(true), format!(r#"{{"add":{item},"modify":null}}"#));
        assert_eq!(kline(false), format!(r#"{{"add":null,"modify":{item}}}"#));
    }

    #[test]
    fn positions_text_is_exact() {
        let balance = |asset: &str, units, decimals| {
            let amount = Amount { units, decimals };
            Balance {
                asset: asset.to_owned(),
                balance: amount,
                available: amount,
            }
        };
        let balances = [balance("BTC", 998, 6), balance("USDT", 993_244_065_000, 8)];
        assert_eq!(
            positions(&balances),
            concat!(
                r#"{"spot":[{"asset":"BTC","balance":"0.000998","available":"0.000998"},"#,
                r#"{"asset":"USDT","balance":"9932.44065","available":"9932.44065"}]}"#,
            )
        );
    }

    /// In the venue's example, the reserved amount is the price times the quantity.
    #[test]
    fn open_order_text_is_exact() {
        let new = OwnOrder {
            id: 117_805_625,
            side: Side::Bid,
            limit: Some(Ticks(1_000)),
            lots: Lots(1_000),
            state: OrderState::New,
            filled: Lots(0),
            cost: 0,
            last: None,
            created_ms: 1_716_135_452_487,
            modified_ms: 1_716_135_452_487,
        };
        assert_eq!(
            open_orders("BTCUSDT", Scale::UNIT, &[new]),
            concat!(
                r#"{"cancel":[],"modify":[{"id":117805625,"type":"LIMIT","state":"NEW","side":"BUY","#,
                r#""resd":1000000,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"#,
                r#""created":1716135452487,"modified":1716135452487,"symbol":"BTCUSDT","#,
                r#""price":"1000","quantity":"1000"}]}"#,
            )
        );
    }

    #[test]
    fn closed_order_text_is_exact() {
        let filled = OwnOrder {
            id: 2,
            side: Side::Ask,
            limit: None,
            lots: Lots(1_500),
            state: OrderState::Filled,
            filled: Lots(1_500),
            cost: 9_000,
            last: Some((Ticks(6), Lots(400))),
            created_ms: 1,
            modified_ms: 2,
        };
        assert_eq!(
            open_orders("X", Scale::new(2, 6).unwrap(), &[filled]),
            concat!(
                r#"{"cancel":[{"id":2,"type":"MARKET","state":"FILLED","side":"SELL","resd":0,"#,
                r#""exec":1500,"cost":9000,"lastLots":400,"lastTicks":6,"created":1,"#,
                r#""modified":2,"symbol":"X","price":"0","quantity":"0.0015"}],"modify":[]}"#,
            )
        );
    }
}
