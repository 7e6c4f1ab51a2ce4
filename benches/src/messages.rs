//! Messages other than order books, in pools without repetitions.

use fastrand::Rng;
use ticklot_book::{Lots, Scale, Side, Ticks};
use ticklot_sim::market::{Order, Owner};
use ticklot_sim::wire;
use ticklot_sim::wire::bayse::{
    Activity, ActivityEvent, ActivityMarket, ActivityOrder, ActivityUser, AssetPrice, Body, Data,
    Decimal, EventPrices, IsoTime, MarketPrices, Message, OrderNames, OrderUpdated, buy_or_sell,
    order_status,
};
use ticklot_sim::wire::jayx::{Amount, Balance, Candle, OrderState, OwnOrder};

use crate::pool::BAYSE_SCALE;

/// A kind of message other than an order book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A candle of JayX, in a Socket.IO packet. Most of them update an earlier candle.
    Kline,
    /// Two to six balances of an account at JayX.
    Positions,
    /// Orders of an account at JayX: one to three closed and one to three open ones.
    OpenOrders,
    /// The prices of one to three markets of an event of Bayse Markets.
    PriceUpdate,
    /// An asset price of Bayse Markets.
    AssetPrice,
    /// A fill at Bayse Markets: `buy_order` and `sell_order`.
    Fill,
    /// A fill of an account's order at Bayse Markets: `order_updated`.
    OrderUpdated,
    /// The reply of Bayse Markets to a ping.
    Pong,
}

impl MessageKind {
    /// The event of its packets at JayX; `None` for a message of Bayse Markets.
    #[must_use]
    pub const fn event(self) -> Option<&'static str> {
        match self {
            Self::Kline => Some("kline"),
            Self::Positions => Some("positions"),
            Self::OpenOrders => Some("openorders"),
            Self::PriceUpdate | Self::AssetPrice | Self::Fill | Self::OrderUpdated | Self::Pong => {
                None
            }
        }
    }

    /// At least one message, and no more than necessary for `bytes` bytes in all. `seed` determines all of them. No message
    /// repeats an earlier one.
    #[must_use]
    pub fn messages(self, seed: u64, bytes: usize) -> Vec<Vec<u8>> {
        let mut rng = Rng::with_seed(seed);
        let (mut messages, mut held) = (Vec::new(), 0);
        while held < bytes.max(1) {
            // The times differ, so no message repeats an earlier one.
            let now_ms = 1_700_000_000_000 + 37 * messages.len() as u64;
            let text = self.write(&mut rng, now_ms);
            held += text.len();
            messages.push(text.into_bytes());
        }
        messages
    }

    fn write(self, rng: &mut Rng, now_ms: u64) -> String {
        let payload = match self {
            Self::Kline => kline(rng, now_ms),
            Self::Positions => positions(rng),
            Self::OpenOrders => open_orders(rng, now_ms),
            Self::PriceUpdate => price_update(rng, now_ms),
            Self::AssetPrice => asset_price(rng, now_ms),
            Self::Fill => fill(rng, now_ms),
            Self::OrderUpdated => order_updated(rng, now_ms),
            Self::Pong => Message::new(Body::Pong, now_ms).to_json(),
        };
        match self.event() {
            Some(event) => wire::jayx::packet(event, &payload),
            None => payload,
        }
    }
}

fn kline(rng: &mut Rng, now_ms: u64) -> String {
    let low = rng.i64(6_500_000..6_900_000);
    let mut above = || Ticks(low + rng.i64(0..20_000));
    let (open, close) = (above(), above());
    let candle = Candle {
        series: 0xcb5c_1735_c255_57a0,
        created: now_ms / 60_000 * 60,
        open,
        high: Ticks(open.0.max(close.0) + rng.i64(0..1_000)),
        low: Ticks(low),
        close,
        volume: lots(rng, 40),
        modified: now_ms / 1_000,
    };
    wire::jayx::kline("BTCUSDT", &candle, rng.u8(0..20) == 0)
}

/// A quantity with a random number of digits.
fn lots(rng: &mut Rng, most_bits: u32) -> Lots {
    let bits = rng.u32(4..most_bits);
    Lots(rng.i64(1..1_i64 << bits))
}

/// Assets and the decimals of their amounts.
const ASSETS: [(&str, u8); 8] = [
    ("BTC", 6),
    ("USDT", 8),
    ("ETH", 8),
    ("SOL", 4),
    ("XRP", 2),
    ("NGN", 2),
    ("DOGE", 0),
    ("1INCH", 5),
];

fn positions(rng: &mut Rng) -> String {
    let count = rng.usize(2..=6);
    let assets = rng.choose_multiple(&ASSETS, count);
    let balances: Vec<_> = assets
        .into_iter()
        .map(|asset| balance(rng, *asset))
        .collect();
    wire::jayx::positions(&balances)
}

fn balance(rng: &mut Rng, (asset, decimals): (&str, u8)) -> Balance {
    let held = lots(rng, 46).0;
    let reserved = if rng.bool() { rng.i64(0..=held) } else { 0 };
    let amount = |units: i64| Amount {
        units: units.into(),
        decimals,
    };
    Balance {
        asset: asset.to_owned(),
        balance: amount(held),
        available: amount(held - reserved),
    }
}

const SYMBOLS: [&str; 4] = ["BTCUSDT", "ETHUSDT", "1INCHUSDT", "SOLBTC"];

/// The scale of JayX.
const JAYX_SCALE: Scale = match Scale::new(2, 6) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

fn open_orders(rng: &mut Rng, now_ms: u64) -> String {
    let (closed, open) = (rng.usize(1..=3), rng.usize(1..=3));
    let order = |index| own_order(rng, index >= closed, now_ms);
    let orders: Vec<_> = (0..closed + open).map(order).collect();
    let symbol = SYMBOLS[rng.usize(..SYMBOLS.len())];
    wire::jayx::open_orders(symbol, JAYX_SCALE, &orders)
}

/// An open or a closed order. Only orders with a limit can be open.
fn own_order(rng: &mut Rng, is_open: bool, now_ms: u64) -> OwnOrder {
    let (ticks, wanted) = (Ticks(lots(rng, 24).0), lots(rng, 30));
    let id_bits = rng.u32(4..34);
    let state = match (is_open, rng.bool()) {
        (true, true) => OrderState::New,
        (true, false) => OrderState::PartiallyFilled,
        (false, true) => OrderState::Filled,
        (false, false) => OrderState::Canceled,
    };
    let filled = match state {
        OrderState::New => Lots(0),
        OrderState::Filled => wanted,
        OrderState::PartiallyFilled | OrderState::Canceled => Lots(rng.i64(0..wanted.0)),
    };
    OwnOrder {
        id: rng.u64(1..1 << id_bits),
        side: side(rng),
        limit: (is_open || rng.u8(0..4) > 0).then_some(ticks),
        lots: wanted,
        state,
        filled,
        cost: i128::from(ticks.0) * i128::from(filled.0),
        last: (filled.0 > 0).then(|| (ticks, Lots(rng.i64(1..=filled.0)))),
        created_ms: now_ms - rng.u64(0..100_000),
        modified_ms: now_ms,
    }
}

fn side(rng: &mut Rng) -> Side {
    if rng.bool() { Side::Bid } else { Side::Ask }
}

const EVENT: ActivityEvent<'_> = ActivityEvent {
    id: "16be45c6-4fda-508d-828f-1560d626c3a1",
    slug: "us-fed-rate-cut-2026",
    title: "Will the Fed cut rates in 2026?",
    kind: "SINGLE_MARKET",
    created_at: IsoTime(1_690_000_000_000),
    image_url: (),
};

const MARKETS: [&str; 3] = [
    "550e8400-e29b-41d4-a716-446655440000",
    "550e8400-e29b-41d4-a716-446655440001",
    "550e8400-e29b-41d4-a716-446655440002",
];

fn price_update(rng: &mut Rng, now_ms: u64) -> String {
    let market = |id| {
        let yes = rng.i64(1..1_000);
        let price = |ticks| Decimal::price(Ticks(ticks), BAYSE_SCALE);
        let prices = [price(yes), price(1_000 - yes)];
        MarketPrices::new(id, "Yes or No?", ["Yes", "No"], prices)
    };
    let mut markets: Vec<_> = MARKETS.into_iter().map(market).collect();
    markets.truncate(rng.usize(1..=markets.len()));
    let data = EventPrices {
        id: EVENT.id,
        slug: EVENT.slug,
        title: EVENT.title,
        status: "open",
        kind: EVENT.kind,
        markets,
    };
    Message::new(Body::PriceUpdate(Data { data }), now_ms).to_json()
}

fn asset_price(rng: &mut Rng, now_ms: u64) -> String {
    let (symbol, ticks) = *rng
        .choice(&[("BTCUSDT", 6_743_215), ("EURUSD", 108), ("USDNGN", 152_734)])
        .unwrap_or(&("ETHUSDT", 351_200));
    let ticks: i64 = ticks + rng.i64(0..ticks / 10);
    let data = AssetPrice {
        symbol,
        price: Decimal {
            units: ticks.into(),
            decimals: 2,
            min_decimals: 1,
        },
        timestamp: now_ms - rng.u64(1..50),
    };
    Message::new(Body::AssetPrice(Data { data }), now_ms).to_json()
}

fn fill(rng: &mut Rng, now_ms: u64) -> String {
    let (user, order) = (rng.u32(..), rng.u32(..));
    let tag = (rng.u8(0..4) > 0).then_some("prediction_pro");
    let (side, ticks) = (side(rng), Ticks(rng.i64(1..1_000)));
    let lots = lots(rng, 24);
    let (is_filled, is_limit) = (rng.bool(), rng.bool());
    let data = Activity {
        user: ActivityUser {
            id: &format!("usr_{user:08x}"),
            tag,
            image_url: (),
        },
        order: ActivityOrder {
            id: &format!("ord_{order:08x}"),
            amount: Decimal::total(ticks, lots, BAYSE_SCALE, 2),
            quantity: Decimal::quantity(lots, BAYSE_SCALE, 1),
            price: Decimal::price(ticks, BAYSE_SCALE),
            status: order_status(is_filled),
            side: buy_or_sell(side),
            outcome: "YES",
            outcome_label: "Yes",
            currency: "USD",
            engine: "CLOB",
            order_type: if is_limit { "LIMIT" } else { "MARKET" },
            created_at: IsoTime(now_ms - rng.u64(1_000..100_000)),
            updated_at: IsoTime(now_ms),
        },
        event: EVENT,
        market: ActivityMarket {
            id: MARKETS[0],
            title: "Yes or No",
            image_url: (),
        },
    };
    Message::activity(side, data, now_ms).to_json()
}

fn order_updated(rng: &mut Rng, now_ms: u64) -> String {
    let (ticks, wanted) = (Ticks(rng.i64(1..1_000)), lots(rng, 24));
    let filled = if rng.bool() {
        wanted
    } else {
        Lots(rng.i64(1..=wanted.0))
    };
    // Some lots are a tick cheaper, so the average may be finer than a tick.
    let less = if rng.bool() { rng.i64(0..filled.0) } else { 0 };
    let order = Order {
        id: 1,
        owner: Owner(0),
        side: side(rng),
        limit: (rng.u8(0..4) > 0).then_some(ticks),
        lots: wanted,
        filled,
        paid: i128::from(ticks.0) * i128::from(filled.0) - i128::from(less),
        created_ms: now_ms,
    };
    let names = OrderNames {
        order_id: &uuid(rng),
        user_id: &uuid(rng),
        event_id: EVENT.id,
        market_id: MARKETS[rng.usize(..MARKETS.len())],
        outcome_id: &uuid(rng),
        outcome_label: LABELS[rng.usize(..LABELS.len())],
    };
    let times = [now_ms - rng.u64(1_000..100_000), now_ms];
    let data = OrderUpdated::new(names, &order, ticks, BAYSE_SCALE, times);
    let timestamp = now_ms + rng.u64(1..50);
    Message::new(Body::OrderUpdated(Data { data }), timestamp).to_json()
}

const LABELS: [&str; 4] = ["Yes", "No", "Up", "Down"];

fn uuid(rng: &mut Rng) -> String {
    let (first, last) = (rng.u32(..), rng.u64(..1 << 48));
    format!("{first:08x}-4fda-508d-828f-{last:012x}")
}

#[cfg(test)]
mod tests {
    use ticklot_frame::{bayse, jayx};

    use super::*;

    const KINDS: [MessageKind; 8] = [
        MessageKind::Kline,
        MessageKind::Positions,
        MessageKind::OpenOrders,
        MessageKind::PriceUpdate,
        MessageKind::AssetPrice,
        MessageKind::Fill,
        MessageKind::OrderUpdated,
        MessageKind::Pong,
    ];

    /// The kind of a decoded message.
    fn decoded(kind: MessageKind, message: &[u8]) -> Option<MessageKind> {
        if kind.event().is_some() {
            return match jayx::Decoder::default().decode(message).unwrap() {
                jayx::Message::Kline(_) => Some(MessageKind::Kline),
                jayx::Message::Positions(_) => Some(MessageKind::Positions),
                jayx::Message::OpenOrders(_) => Some(MessageKind::OpenOrders),
                _ => None,
            };
        }
        let mut decoder = bayse::Decoder::new();
        match decoder.decode(message, &BAYSE_SCALE).unwrap() {
            bayse::Message::PriceUpdate(_) => Some(MessageKind::PriceUpdate),
            bayse::Message::AssetPrice(_) => Some(MessageKind::AssetPrice),
            bayse::Message::Activity(_) => Some(MessageKind::Fill),
            bayse::Message::OrderUpdated(_) => Some(MessageKind::OrderUpdated),
            bayse::Message::Pong { .. } => Some(MessageKind::Pong),
            _ => None,
        }
    }

    #[test]
    fn messages_are_distinct() {
        for kind in KINDS {
            let messages = kind.messages(1, 50_000);
            let is_kind = |message: &Vec<u8>| decoded(kind, message) == Some(kind);
            assert!(messages.iter().all(is_kind));
            assert_eq!(messages, kind.messages(1, 50_000));
            let mut once = messages.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), messages.len(), "{kind:?}");
        }
    }
}
