//! The server messages of Bayse Markets.

use serde::Serialize;
use ticklot_book::{Level, Lots, Scale, Side, Ticks};

use super::json::to_json;
pub use super::json::{Decimal, IsoTime, buy_or_sell};
use crate::market::{Order, View};

const CLOB: &str = "CLOB";

/// A message with its send time in milliseconds since the epoch.
#[derive(Clone, Debug, Serialize)]
pub struct Message<'a> {
    #[serde(flatten)]
    body: Body<'a>,
    timestamp: u64,
}

/// The type of a message, and its fields.
#[derive(Clone, Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Body<'a> {
    /// The greeting of a client.
    Connected {
        status: &'static str,
        client_id: &'a str,
        message: &'static str,
    },
    Pong,
    /// The confirmation of a subscription, one per room.
    Subscribed(RoomMessage<'a>),
    Unsubscribed(RoomMessage<'a>),
    Error(Data<ErrorMessage<'a>>),
    OrderbookUpdate(Data<OrderBookData<'a>>),
    PriceUpdate(Data<EventPrices<'a>>),
    AssetPrice(Data<AssetPrice<'a>>),
    /// The public message about a bid's fill.
    BuyOrder(Data<Activity<'a>>),
    /// The public message about an ask's fill.
    SellOrder(Data<Activity<'a>>),
    /// The private message about a fill to the owner of the order.
    OrderUpdated(Data<OrderUpdated<'a>>),
}

#[derive(Clone, Debug, Serialize)]
pub struct RoomMessage<'a> {
    pub room: &'a str,
    pub message: String,
}

/// The `data` of a message.
#[derive(Clone, Debug, Serialize)]
pub struct Data<T> {
    pub data: T,
}

impl<'a> Message<'a> {
    #[must_use]
    pub fn new(body: Body<'a>, timestamp: u64) -> Self {
        Self { body, timestamp }
    }

    pub(crate) fn connected(client_id: &'a str, timestamp: u64) -> Self {
        let body = Body::Connected {
            status: "connected",
            client_id,
            message: "Successfully connected to WebSocket server",
        };
        Self::new(body, timestamp)
    }

    pub(crate) fn subscribed(room: &'a str, timestamp: u64) -> Self {
        let message = format!("Subscribed to: {room}");
        Self::new(Body::Subscribed(RoomMessage { room, message }), timestamp)
    }

    pub(crate) fn unsubscribed(room: &'a str, timestamp: u64) -> Self {
        let message = format!("Unsubscribed from: {room}");
        Self::new(Body::Unsubscribed(RoomMessage { room, message }), timestamp)
    }

    pub(crate) fn error(message: &'a str, timestamp: u64) -> Self {
        let data = ErrorMessage { message };
        Self::new(Body::Error(Data { data }), timestamp)
    }

    #[must_use]
    pub fn order_book(orderbook: OrderBook<'a>, timestamp: u64) -> Self {
        let data = OrderBookData { orderbook };
        Self::new(Body::OrderbookUpdate(Data { data }), timestamp)
    }

    /// The public message about one side of a fill.
    #[must_use]
    pub fn activity(side: Side, data: Activity<'a>, timestamp: u64) -> Self {
        let body = match side {
            Side::Bid => Body::BuyOrder(Data { data }),
            Side::Ask => Body::SellOrder(Data { data }),
        };
        Self::new(body, timestamp)
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct ErrorMessage<'a> {
    pub message: &'a str,
}

#[derive(Clone, Debug, Serialize)]
pub struct OrderBookData<'a> {
    pub orderbook: OrderBook<'a>,
}

/// The order book of an outcome, in an `orderbook_update` and in the REST response.
///
/// As in the venue's examples, prices have all decimal places of their scale (`0.60`), quantities only the necessary
/// ones (`500`, `3.75`), and totals at least one (`300.0`). The last traded price and side are absent before the first
/// trade.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderBook<'a> {
    pub market_id: &'a str,
    pub outcome_id: &'a str,
    pub timestamp: IsoTime,
    pub bids: Vec<PriceLevel>,
    pub asks: Vec<PriceLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_traded_price: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_traded_side: Option<&'static str>,
}

impl<'a> OrderBook<'a> {
    /// The book at a time in milliseconds since the epoch.
    #[must_use]
    pub fn new(
        [market_id, outcome_id]: [&'a str; 2],
        view: &View,
        scale: Scale,
        time_ms: u64,
    ) -> Self {
        let levels =
            |levels: &[Level]| levels.iter().map(|it| PriceLevel::new(it, scale)).collect();
        let last = view.trades.first();
        Self {
            market_id,
            outcome_id,
            timestamp: IsoTime(time_ms),
            bids: levels(&view.bids),
            asks: levels(&view.asks),
            last_traded_price: last.map(|trade| Decimal::price(trade.ticks, scale)),
            last_traded_side: last.map(|trade| buy_or_sell(trade.taker)),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct PriceLevel {
    pub price: Decimal,
    pub quantity: Decimal,
    pub total: Decimal,
}

impl PriceLevel {
    fn new(level: &Level, scale: Scale) -> Self {
        Self {
            price: Decimal::price(level.ticks, scale),
            quantity: Decimal::quantity(level.lots, scale, 0),
            total: Decimal::total(level.ticks, level.lots, scale, 1),
        }
    }
}

/// The order books of a REST response.
pub(crate) fn order_books(books: &[OrderBook<'_>]) -> String {
    to_json(&books)
}

/// An event and the prices of all its markets.
#[derive(Clone, Debug, Serialize)]
pub struct EventPrices<'a> {
    pub id: &'a str,
    pub slug: &'a str,
    pub title: &'a str,
    pub status: &'a str,
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub markets: Vec<MarketPrices<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MarketPrices<'a> {
    pub id: &'a str,
    pub question: &'a str,
    /// The labels of YES and NO.
    pub outcomes: [&'a str; 2],
    pub engine: &'static str,
    pub prices: OutcomePrices,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct OutcomePrices {
    pub yes: Decimal,
    pub no: Decimal,
}

impl<'a> MarketPrices<'a> {
    #[must_use]
    pub fn new(
        id: &'a str,
        question: &'a str,
        outcomes: [&'a str; 2],
        [yes, no]: [Decimal; 2],
    ) -> Self {
        Self {
            id,
            question,
            outcomes,
            engine: CLOB,
            prices: OutcomePrices { yes, no },
        }
    }
}

/// The price of an external asset.
#[derive(Clone, Debug, Serialize)]
pub struct AssetPrice<'a> {
    pub symbol: &'a str,
    pub price: Decimal,
    /// The time of the price at its source, in milliseconds since the epoch.
    pub timestamp: u64,
}

/// The public data about one side of a fill.
#[derive(Clone, Debug, Serialize)]
pub struct Activity<'a> {
    pub user: ActivityUser<'a>,
    pub order: ActivityOrder<'a>,
    pub event: ActivityEvent<'a>,
    pub market: ActivityMarket<'a>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityUser<'a> {
    pub id: &'a str,
    pub tag: Option<&'a str>,
    pub image_url: (),
}

/// The order of an [`Activity`]. The amount is price times quantity, with at least two decimal places. The quantity
/// has at least one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityOrder<'a> {
    pub id: &'a str,
    pub amount: Decimal,
    pub quantity: Decimal,
    pub price: Decimal,
    pub status: &'static str,
    #[serde(rename = "type")]
    pub side: &'static str,
    pub outcome: &'a str,
    pub outcome_label: &'a str,
    pub currency: &'a str,
    pub engine: &'static str,
    pub order_type: &'static str,
    pub created_at: IsoTime,
    pub updated_at: IsoTime,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityEvent<'a> {
    pub id: &'a str,
    pub slug: &'a str,
    pub title: &'a str,
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub created_at: IsoTime,
    pub image_url: (),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityMarket<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub image_url: (),
}

/// An order after a fill. The timestamps are in seconds since the epoch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderUpdated<'a> {
    pub order_id: &'a str,
    pub event_id: &'a str,
    pub market_id: &'a str,
    pub order: OwnOrder<'a>,
    pub timestamp: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnOrder<'a> {
    pub id: &'a str,
    pub user_id: &'a str,
    pub market_id: &'a str,
    pub outcome_id: &'a str,
    pub outcome_label: &'a str,
    pub side: &'static str,
    pub price: Decimal,
    pub quantity: Decimal,
    pub filled_quantity: Decimal,
    pub remaining_quantity: Decimal,
    pub avg_fill_price: Decimal,
    pub status: &'static str,
    pub time_in_force: &'static str,
    pub created_at: u64,
    pub updated_at: u64,
}

/// The ids and the label in an [`OrderUpdated`].
#[derive(Clone, Copy, Debug)]
pub struct OrderNames<'a> {
    pub order_id: &'a str,
    pub user_id: &'a str,
    pub event_id: &'a str,
    pub market_id: &'a str,
    pub outcome_id: &'a str,
    pub outcome_label: &'a str,
}

impl<'a> OrderUpdated<'a> {
    /// The order after a fill at `fill_price`, which is also the price of a market order. The times are in
    /// milliseconds since the epoch.
    #[must_use]
    pub fn new(
        names: OrderNames<'a>,
        order: &Order,
        fill_price: Ticks,
        scale: Scale,
        [created_ms, updated_ms]: [u64; 2],
    ) -> Self {
        let quantity = |lots| Decimal::quantity(lots, scale, 1);
        Self {
            order_id: names.order_id,
            event_id: names.event_id,
            market_id: names.market_id,
            order: OwnOrder {
                id: names.order_id,
                user_id: names.user_id,
                market_id: names.market_id,
                outcome_id: names.outcome_id,
                outcome_label: names.outcome_label,
                side: buy_or_sell(order.side),
                price: Decimal::price(order.limit.unwrap_or(fill_price), scale),
                quantity: quantity(order.lots),
                filled_quantity: quantity(order.filled),
                remaining_quantity: quantity(order.left()),
                avg_fill_price: average_price(order, scale),
                status: order_status(order.left() == Lots(0)),
                time_in_force: if order.limit.is_some() { "GTC" } else { "IOC" },
                created_at: created_ms / 1_000,
                updated_at: updated_ms / 1_000,
            },
            timestamp: updated_ms / 1_000,
        }
    }
}

/// The average price of an order's fills, rounded half up to a hundredth of a tick, with at least the decimal places
/// of a price.
fn average_price(order: &Order, scale: Scale) -> Decimal {
    let (lots, decimals) = (i128::from(order.filled.0.max(1)), scale.price_decimals());
    Decimal {
        units: (order.paid * 200 + lots) / (lots * 2),
        decimals: decimals + 2,
        min_decimals: decimals,
    }
}

#[must_use]
pub fn order_status(is_filled: bool) -> &'static str {
    if is_filled {
        "FILLED"
    } else {
        "PARTIAL_FILLED"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Owner, Trade};

    const MS: u64 = 1_700_000_000_000;

    fn scale() -> Scale {
        Scale::new(2, 2).unwrap()
    }

    fn update(view: &View) -> String {
        let book = OrderBook::new(["mkt_456", "out_789"], view, scale(), 1_771_324_800_000);
        Message::order_book(book, MS).to_json()
    }

    #[test]
    fn order_book_text_is_exact() {
        let level = |ticks, lots| Level::new(Ticks(ticks), Lots(lots));
        let view = View {
            bids: vec![level(60, 50_000), level(55, 30_000)],
            asks: vec![level(65, 375)],
            trades: vec![Trade {
                ticks: Ticks(65),
                lots: Lots(1),
                taker: Side::Bid,
                created_ms: 0,
            }],
        };
        assert_eq!(
            update(&view),
            concat!(
                r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","#,
                r#""outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z","#,
                r#""bids":[{"price":0.60,"quantity":500,"total":300.0},"#,
                r#"{"price":0.55,"quantity":300,"total":165.0}],"#,
                r#""asks":[{"price":0.65,"quantity":3.75,"total":2.4375}],"#,
                r#""lastTradedPrice":0.65,"lastTradedSide":"BUY"}},"timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn empty_book_has_no_trade() {
        assert_eq!(
            update(&View::default()),
            concat!(
                r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","#,
                r#""outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z","bids":[],"asks":[]}},"#,
                r#""timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn control_message_text_is_exact() {
        let texts = [
            Message::connected("a1", MS),
            Message::new(Body::Pong, MS),
            Message::subscribed("prices:evt_123", MS),
            Message::unsubscribed("prices:evt_123", MS),
            Message::error("Event ID is \"required\"", MS),
        ]
        .map(|message| message.to_json());
        let expected = r#"
{"type":"connected","status":"connected","clientId":"a1","message":"Successfully connected to WebSocket server","timestamp":1700000000000}
{"type":"pong","timestamp":1700000000000}
{"type":"subscribed","room":"prices:evt_123","message":"Subscribed to: prices:evt_123","timestamp":1700000000000}
{"type":"unsubscribed","room":"prices:evt_123","message":"Unsubscribed from: prices:evt_123","timestamp":1700000000000}
{"type":"error","data":{"message":"Event ID is \"required\""},"timestamp":1700000000000}"#;
        assert_eq!(texts.join("\n"), expected.trim_start());
    }

    #[test]
    fn price_update_text_is_exact() {
        let price = |ticks| Decimal::price(Ticks(ticks), scale());
        let prices = [price(65), price(35)];
        let data = EventPrices {
            id: "evt_123",
            slug: "us-fed-rate-cut-2026",
            title: "Will the Fed cut rates in 2026?",
            status: "open",
            kind: "SINGLE_MARKET",
            markets: vec![MarketPrices::new(
                "mkt_456",
                "Yes or No?",
                ["Yes", "No"],
                prices,
            )],
        };
        let message = Message::new(Body::PriceUpdate(Data { data }), MS);
        assert_eq!(
            message.to_json(),
            concat!(
                r#"{"type":"price_update","data":{"id":"evt_123","slug":"us-fed-rate-cut-2026","#,
                r#""title":"Will the Fed cut rates in 2026?","status":"open","type":"SINGLE_MARKET","#,
                r#""markets":[{"id":"mkt_456","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","#,
                r#""prices":{"YES":0.65,"NO":0.35}}]},"timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn asset_price_text_is_exact() {
        let data = AssetPrice {
            symbol: "BTCUSDT",
            price: Decimal {
                units: 6_743_215,
                decimals: 2,
                min_decimals: 1,
            },
            timestamp: MS,
        };
        let message = Message::new(Body::AssetPrice(Data { data }), MS + 1);
        assert_eq!(
            message.to_json(),
            r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":67432.15,"timestamp":1700000000000},"timestamp":1700000000001}"#
        );
    }

    fn activity(tag: Option<&'static str>, order_type: &'static str) -> Activity<'static> {
        let (ticks, lots) = (Ticks(65), Lots(15_000));
        Activity {
            user: ActivityUser {
                id: "usr_8b5c3c3a",
                tag,
                image_url: (),
            },
            order: ActivityOrder {
                id: "ord_7f5e2a1c",
                amount: Decimal::total(ticks, lots, scale(), 2),
                quantity: Decimal::quantity(lots, scale(), 1),
                price: Decimal::price(ticks, scale()),
                status: order_status(tag.is_some()),
                side: "BUY",
                outcome: "YES",
                outcome_label: "Yes",
                currency: "USD",
                engine: CLOB,
                order_type,
                created_at: IsoTime(1_771_324_200_000),
                updated_at: IsoTime(1_771_324_201_000),
            },
            event: ActivityEvent {
                id: "evt_123",
                slug: "us-fed-rate-cut-2026",
                title: "Will the Fed cut rates in 2026?",
                kind: "SINGLE_MARKET",
                created_at: IsoTime(1_768_035_600_000),
                image_url: (),
            },
            market: ActivityMarket {
                id: "mkt_456",
                title: "Yes or No",
                image_url: (),
            },
        }
    }

    /// The documented example with a corrected amount: 150 shares at 0.65 cost 97.50.
    #[test]
    fn activity_text_is_exact() {
        let message = Message::activity(Side::Bid, activity(Some("prediction_pro"), "LIMIT"), MS);
        assert_eq!(
            message.to_json(),
            concat!(
                r#"{"type":"buy_order","data":{"user":{"id":"usr_8b5c3c3a","tag":"prediction_pro","imageUrl":null},"#,
                r#""order":{"id":"ord_7f5e2a1c","amount":97.50,"quantity":150.0,"price":0.65,"status":"FILLED","type":"BUY","#,
                r#""outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","#,
                r#""createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"},"#,
                r#""event":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","#,
                r#""type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null},"#,
                r#""market":{"id":"mkt_456","title":"Yes or No","imageUrl":null}},"timestamp":1700000000000}"#,
            )
        );
        let text = Message::activity(Side::Ask, activity(None, "MARKET"), MS).to_json();
        assert!(text.starts_with(r#"{"type":"sell_order""#));
        for part in [r#""tag":null"#, r#""status":"PARTIAL_FILLED","type""#] {
            assert!(text.contains(part), "{text}");
        }
    }

    fn order_updated(order: &Order) -> String {
        let names = OrderNames {
            order_id: "7f5e",
            user_id: "68ee",
            event_id: "a1b2",
            market_id: "b2c3",
            outcome_id: "c3d4",
            outcome_label: "Yes",
        };
        let times = [1_700_000_000_999, 1_700_000_050_000];
        let data = OrderUpdated::new(names, order, Ticks(64), scale(), times);
        Message::new(Body::OrderUpdated(Data { data }), times[1]).to_json()
    }

    #[test]
    fn order_updated_text_is_exact() {
        let order = Order {
            id: 1,
            owner: Owner(0),
            side: Side::Bid,
            limit: Some(Ticks(65)),
            lots: Lots(15_000),
            filled: Lots(10_000),
            paid: 640_000,
            created_ms: 0,
        };
        assert_eq!(
            order_updated(&order),
            concat!(
                r#"{"type":"order_updated","data":{"orderId":"7f5e","eventId":"a1b2","marketId":"b2c3","#,
                r#""order":{"id":"7f5e","userId":"68ee","marketId":"b2c3","outcomeId":"c3d4","outcomeLabel":"Yes","#,
                r#""side":"BUY","price":0.65,"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"#,
                r#""avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","#,
                r#""createdAt":1700000000,"updatedAt":1700000050},"timestamp":1700000050},"timestamp":1700000050000}"#,
            )
        );
        let filled_at_market = Order {
            side: Side::Ask,
            limit: None,
            filled: Lots(15_000),
            paid: 65 * 5_000 + 64 * 10_000,
            ..order
        };
        let text = order_updated(&filled_at_market);
        let part = concat!(
            r#""side":"SELL","price":0.64,"quantity":150.0,"filledQuantity":150.0,"remainingQuantity":0.0,"#,
            r#""avgFillPrice":0.6433,"status":"FILLED","timeInForce":"IOC""#
        );
        assert!(text.contains(part), "{text}");
    }
}
