//! Messages besides order books, in pools that do not repeat.

use fastrand::Rng;
use ticklot_book::{Lots, Side, Ticks};
use ticklot_sim::wire;
use ticklot_sim::wire::bayse::{Activity, AssetPrice, EventInfo, MarketPrices};
use ticklot_sim::wire::jayx::Candle;

use crate::pool::BAYSE_SCALE;

/// A kind of message that is no order book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// A candle of JayX, in a Socket.IO packet: mostly one that is known already.
    Kline,
    /// The prices of an event of Bayse Markets: one to three markets.
    PriceUpdate,
    /// The price of an asset, as Bayse Markets tells it.
    AssetPrice,
    /// A fill at Bayse Markets: `buy_order` and `sell_order`.
    Fill,
    /// The answer of Bayse Markets to a ping.
    Pong,
}

impl Other {
    /// The least number of messages, one at least, that hold `bytes` bytes together. `seed` decides all
    /// of them; each differs from the one before.
    #[must_use]
    pub fn messages(self, seed: u64, bytes: usize) -> Vec<Vec<u8>> {
        let mut rng = Rng::with_seed(seed);
        let (mut messages, mut held) = (Vec::new(), 0);
        while held < bytes.max(1) {
            let mut text = String::new();
            // Each a little later: no message repeats an earlier one.
            let now_ms = 1_700_000_000_000 + 37 * messages.len() as u64;
            self.write(&mut text, &mut rng, now_ms);
            held += text.len();
            messages.push(text.into_bytes());
        }
        messages
    }

    fn write(self, out: &mut String, rng: &mut Rng, now_ms: u64) {
        match self {
            Self::Kline => kline(out, rng, now_ms),
            Self::PriceUpdate => price_update(out, rng, now_ms),
            Self::AssetPrice => asset_price(out, rng, now_ms),
            Self::Fill => fill(out, rng, now_ms),
            Self::Pong => wire::bayse::pong(out, now_ms),
        }
    }
}

fn kline(out: &mut String, rng: &mut Rng, now_ms: u64) {
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
    let mut payload = String::new();
    wire::jayx::kline(&mut payload, "BTCUSDT", &candle, rng.u8(0..20) == 0);
    wire::jayx::packet(out, "kline", &payload);
}

/// A quantity of any number of digits.
fn lots(rng: &mut Rng, most_bits: u32) -> Lots {
    let bits = rng.u32(4..most_bits);
    Lots(rng.i64(1..1_i64 << bits))
}

const EVENT: EventInfo<'_> = EventInfo {
    id: "16be45c6-4fda-508d-828f-1560d626c3a1",
    slug: "us-fed-rate-cut-2026",
    title: "Will the Fed cut rates in 2026?",
    status: "open",
    kind: "SINGLE_MARKET",
    created_ms: 1_690_000_000_000,
};

const MARKETS: [&str; 3] = [
    "550e8400-e29b-41d4-a716-446655440000",
    "550e8400-e29b-41d4-a716-446655440001",
    "550e8400-e29b-41d4-a716-446655440002",
];

fn price_update(out: &mut String, rng: &mut Rng, now_ms: u64) {
    let market = |id| {
        let yes = rng.i64(1..1_000);
        MarketPrices {
            id,
            question: "Yes or No?",
            outcomes: ["Yes", "No"],
            prices: [Ticks(yes), Ticks(1_000 - yes)],
        }
    };
    let markets: Vec<_> = MARKETS.into_iter().map(market).collect();
    let shown = rng.usize(1..=markets.len());
    wire::bayse::price_update(out, &EVENT, &markets[..shown], BAYSE_SCALE, now_ms);
}

fn asset_price(out: &mut String, rng: &mut Rng, now_ms: u64) {
    let (symbol, ticks) = *rng
        .choice(&[("BTCUSDT", 6_743_215), ("EURUSD", 108), ("USDNGN", 152_734)])
        .unwrap_or(&("ETHUSDT", 351_200));
    let price = AssetPrice {
        symbol,
        ticks: Ticks(ticks + rng.i64(0..ticks / 10)),
        decimals: 2,
        source_ms: now_ms - rng.u64(1..50),
        sent_ms: now_ms,
    };
    wire::bayse::asset_price(out, &price);
}

fn fill(out: &mut String, rng: &mut Rng, now_ms: u64) {
    let (user, order) = (rng.u32(..), rng.u32(..));
    let fill = Activity {
        user_id: &format!("usr_{user:08x}"),
        user_tag: (rng.u8(0..4) > 0).then_some("prediction_pro"),
        order_id: &format!("ord_{order:08x}"),
        side: if rng.bool() { Side::Bid } else { Side::Ask },
        ticks: Ticks(rng.i64(1..1_000)),
        lots: lots(rng, 24),
        scale: BAYSE_SCALE,
        is_filled: rng.bool(),
        is_limit: rng.bool(),
        outcome: "YES",
        outcome_label: "Yes",
        currency: "USD",
        created_ms: now_ms - rng.u64(1_000..100_000),
        updated_ms: now_ms,
        event: EVENT,
        market_id: MARKETS[0],
        market_title: "Yes or No",
        sent_ms: now_ms,
    };
    wire::bayse::activity(out, &fill);
}

#[cfg(test)]
mod tests {
    use ticklot_frame::{bayse, jayx};

    use super::*;

    const OTHERS: [Other; 5] = [
        Other::Kline,
        Other::PriceUpdate,
        Other::AssetPrice,
        Other::Fill,
        Other::Pong,
    ];

    fn is_right(other: Other, message: &[u8]) -> bool {
        if other == Other::Kline {
            let mut decoder = jayx::Decoder::default();
            return matches!(decoder.decode(message).unwrap(), jayx::Message::Kline(_));
        }
        let mut decoder = bayse::Decoder::new();
        let decoded = decoder.decode(message, &BAYSE_SCALE).unwrap();
        match other {
            Other::Kline => false,
            Other::PriceUpdate => matches!(decoded, bayse::Message::PriceUpdate(_)),
            Other::AssetPrice => matches!(decoded, bayse::Message::AssetPrice(_)),
            Other::Fill => matches!(decoded, bayse::Message::Activity(_)),
            Other::Pong => matches!(decoded, bayse::Message::Pong { .. }),
        }
    }

    #[test]
    fn every_message_is_of_its_kind_and_comes_once() {
        for other in OTHERS {
            let messages = other.messages(1, 50_000);
            assert!(messages.iter().all(|message| is_right(other, message)));
            assert_eq!(messages, other.messages(1, 50_000));
            let mut once = messages.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), messages.len(), "{other:?}");
        }
    }
}
