//! Single order books, and many other messages as the simulator sends them, for tests without a socket.

use std::net::{IpAddr, Ipv4Addr};

use ticklot_book::{Lots, Nanos, Scale, Side, Ticks};
use ticklot_sim::bayse::{Config, Exchange};
use ticklot_sim::wire::jayx::{
    Amount, Balance, Candle, OrderState, OwnOrder, PlainForm, kline, open_orders, packet, plain,
    positions,
};
use ticklot_sim::{Outgoing, Timestamps};

/// The endpoints of Bayse Markets, and the subscriptions at each: everything except order books.
const BAYSE: [(&str, &[&str]); 3] = [
    (
        "/ws/v1/markets",
        &[
            r#"{"type":"subscribe","channel":"activity","eventId":"evt_us-rate-cut"}"#,
            r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#,
        ],
    ),
    (
        "/ws/v1/realtime",
        &[
            r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT","EURUSD","USDNGN"]}"#,
        ],
    ),
    (
        "/ws/v1/user",
        &[
            r#"{"type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"],"auth":{"apiKey":"pk_demo_ticklot"}}"#,
        ],
    ),
];

const PING: &str = r#"{"type":"ping","auth":{"apiKey":"pk_demo_ticklot"}}"#;

/// The messages of Bayse Markets other than order books, a line each, while its markets move `steps` times.
///
/// # Panics
/// The simulated venue refuses a client.
#[must_use]
pub fn bayse(steps: u64) -> Vec<Vec<u8>> {
    let at_step = |step: u64| Timestamps {
        at: Nanos(step * 100_000_000),
        wall_ms: 1_700_000_000_000 + step * 100,
    };
    let mut exchange = Exchange::new(Config::default(), at_step(0)).expect("it is the default");
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut clients = BAYSE.map(|(path, requests)| {
        let client = exchange.upgrade(path, from, at_step(0));
        let mut client = client.unwrap_or_else(|refused| panic!("{refused:?}"));
        for request in requests {
            client.text(request, at_step(0));
        }
        client
    });
    let mut lines = Vec::new();
    for step in 1..=steps {
        exchange.step(at_step(step));
        exchange.quote(at_step(step));
        for client in &mut clients {
            // The rate limit is ten messages a second.
            if step % 3 == 0 {
                client.text(PING, at_step(step));
            }
            client.market_changed(at_step(step));
            while let Some(Outgoing::Text(text)) = client.outgoing() {
                lines.extend(text.lines().map(|line| line.as_bytes().to_vec()));
            }
        }
    }
    lines
}

/// `count` each of JayX's candle, balance and order messages, in packets and in each plain form.
#[must_use]
pub fn jayx(count: u64) -> Vec<Vec<u8>> {
    let frames = |n: u64| {
        let payloads = [
            ("kline", candle(n)),
            ("positions", balances(n)),
            ("openorders", orders(n)),
        ];
        payloads
            .into_iter()
            .flat_map(|(event, payload)| in_every_form(event, &payload))
    };
    (0..count).flat_map(frames).collect()
}

fn in_every_form(event: &str, payload: &str) -> Vec<Vec<u8>> {
    let forms = [PlainForm::Bare, PlainForm::Message, PlainForm::Data];
    let mut frames = vec![packet(event, payload)];
    frames.extend(forms.map(|form| plain(form, event, payload)));
    frames.into_iter().map(String::into_bytes).collect()
}

fn candle(n: u64) -> String {
    let price = |offset: i64| Ticks(6_684_363 + (n % 1_000).cast_signed() * offset);
    let candle = Candle {
        series: 0xcb5c_1735_c255_57a0,
        created: 1_700_000_000 + n / 5 * 60,
        open: price(1),
        high: price(3),
        low: price(-2),
        close: price(2),
        volume: Lots(1 << (n % 40)),
        modified: 1_700_000_000 + n * 12,
    };
    kline("BTCUSDT", &candle, n.is_multiple_of(5))
}

fn balances(n: u64) -> String {
    let amount = |units: u64, decimals: u64| Amount {
        units: units.into(),
        decimals: u8::try_from(decimals % 9).unwrap_or_default(),
    };
    let balances: Vec<_> = ["BTC", "USDT", "NGN"]
        .into_iter()
        .zip(n..)
        .take(usize::try_from(n % 4).unwrap_or_default())
        .map(|(asset, n)| Balance {
            asset: asset.to_owned(),
            balance: amount(n.pow(3) * 977, n),
            available: amount(n.pow(2), n),
        })
        .collect();
    positions(&balances)
}

fn orders(n: u64) -> String {
    const STATES: [OrderState; 4] = [
        OrderState::New,
        OrderState::PartiallyFilled,
        OrderState::Filled,
        OrderState::Canceled,
    ];
    let order = |n: u64| OwnOrder {
        id: n.pow(4),
        side: if n.is_multiple_of(2) {
            Side::Bid
        } else {
            Side::Ask
        },
        limit: (!n.is_multiple_of(7)).then_some(Ticks(6_684_000)),
        lots: Lots(1 << (n % 30)),
        state: STATES[usize::try_from(n % 4).unwrap_or_default()],
        filled: Lots(0),
        cost: n.into(),
        last: n.is_multiple_of(3).then_some((Ticks(6_684_001), Lots(5))),
        created_ms: 1_700_000_000_000,
        modified_ms: 1_700_000_000_000 + n,
    };
    let orders: Vec<_> = (n..n + n % 5).map(order).collect();
    let scale = Scale::new(2, 6).unwrap_or(Scale::UNIT);
    open_orders("BTCUSDT", scale, &orders)
}

/// An order book of JayX with one lot at each best price, as a bare payload.
#[must_use]
pub fn jayx_book(bid: i64, ask: i64) -> String {
    let level = |ticks: i64| format!(r#"{{"ticks":{ticks},"lots":1}}"#);
    let (bid, ask) = (level(bid), level(ask));
    format!(r#"{{"orderBook":{{"asks":[{ask}],"bids":[{bid}]}}}}"#)
}

/// An order book of Bayse Markets with bids only, which are given as JSON.
#[must_use]
pub fn bayse_book(outcome: &str, bids: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m","outcomeId":"{outcome}","bids":[{bids}],"asks":[]}}}}}}"#
    )
}
