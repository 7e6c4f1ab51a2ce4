//! Messages besides order books, as the simulator sends them, for tests that need many and need no socket.

use std::net::{IpAddr, Ipv4Addr};

use ticklot_book::{Lots, Nanos, Ticks};
use ticklot_sim::bayse::{Config, Exchange};
use ticklot_sim::wire::jayx::{Candle, PlainForm, kline, packet, plain};
use ticklot_sim::{Moment, Outgoing};

/// Where a client of Bayse Markets connects, and what it asks for there: everything but order books.
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

/// All that Bayse Markets sends, but for order books, while its markets move `steps` times; each a line.
///
/// # Panics
/// The simulated venue refuses a client.
#[must_use]
pub fn bayse(steps: u64) -> Vec<Vec<u8>> {
    let moment = |step: u64| Moment {
        at: Nanos(step * 100_000_000),
        wall_ms: 1_700_000_000_000 + step * 100,
    };
    let mut exchange = Exchange::new(Config::default(), moment(0)).expect("it is the default");
    let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut clients = BAYSE.map(|(path, requests)| {
        let client = exchange.upgrade(path, from, moment(0));
        let mut client = client.unwrap_or_else(|refused| panic!("{refused:?}"));
        for request in requests {
            client.text(request, moment(0));
        }
        client
    });
    let mut lines = Vec::new();
    for step in 1..=steps {
        exchange.step(moment(step));
        exchange.quote(moment(step));
        for client in &mut clients {
            // Ten messages a second are allowed.
            if step % 3 == 0 {
                client.text(PING, moment(step));
            }
            client.news(moment(step));
            while let Some(Outgoing::Text(text)) = client.outgoing() {
                lines.extend(text.lines().map(|line| line.as_bytes().to_vec()));
            }
        }
    }
    lines
}

/// `count` candles of JayX, in packets and in each plain form.
#[must_use]
pub fn klines(count: u64) -> Vec<Vec<u8>> {
    let frames = |n: u64| {
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
        let mut payload = String::new();
        kline(&mut payload, "BTCUSDT", &candle, n.is_multiple_of(5));
        let mut frames = vec![String::new()];
        packet(&mut frames[0], "kline", &payload);
        for form in [PlainForm::Bare, PlainForm::Message, PlainForm::Data] {
            let mut frame = String::new();
            plain(&mut frame, form, "kline", &payload);
            frames.push(frame);
        }
        frames.into_iter().map(String::into_bytes)
    };
    (0..count).flat_map(frames).collect()
}
