//! Bayse Markets: its requests and its lines.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use ticklot_sim::bayse::{Config, Exchange};
use ticklot_sim::{Rate, Session, Timestamps};

use crate::{BACKLOG, Line, Missed, Outcome, Venue, anonymous};

impl Venue for Exchange {
    const TARGETS: &[&str] = &["/ws/v1/markets", "/ws/v1/realtime", "/ws/v1/user"];
    const SUBSCRIPTIONS: usize = 10;
    const CONFIRMS_FIRST: bool = false;

    fn open() -> Self {
        let upgrades = Rate {
            count: u32::MAX,
            per: Duration::from_secs(1),
        };
        let config = Config {
            backlog: BACKLOG,
            upgrades,
            ..Config::default()
        };
        Self::new(config, Timestamps::default()).unwrap()
    }

    fn upgrade(&mut self, target: &str, now: Timestamps) -> Box<dyn Session> {
        self.upgrade(target, Ipv4Addr::LOCALHOST.into(), now)
            .unwrap()
    }

    fn step(&mut self, now: Timestamps) {
        self.step(now);
        self.quote(now);
    }

    fn requests() -> Vec<String> {
        const AUTH: &str = r#""auth":{"apiKey":"pk_demo_ticklot"}"#;
        let both = r#""marketIds":["mkt_us-rate-cut","mkt_btc-above-1m","mkt_us-rate-cut"]"#;
        let subscriptions = [
            format!(r#""orderbook",{both}"#),
            format!(r#""orderbook",{both},"currency":"NGN""#),
            r#""activity","eventId":"evt_us-rate-cut""#.to_owned(),
            r#""activity","eventId":"evt_btc-above-1m""#.to_owned(),
            r#""prices","eventId":"evt_us-rate-cut""#.to_owned(),
            r#""prices","eventId":"evt_btc-above-1m""#.to_owned(),
            r#""asset_prices","symbols":["BTCUSDT","USDNGN"]"#.to_owned(),
            format!(r#""orders",{both},{AUTH}"#),
            r#""user_trades","userId":"usr_demo""#.to_owned(),
            r#""activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut""#.to_owned(),
            r#""activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m""#.to_owned(),
            r#""orderbook","marketIds":["mkt_btc-above-1m"],"currency":7"#.to_owned(),
        ];
        let subscriptions =
            subscriptions.map(|it| format!(r#"{{"type":"subscribe","channel":{it}}}"#));
        let others = [
            r#"{"type":"unsubscribe","room":"orderbook:mkt_us-rate-cut"}"#.to_owned(),
            r#"{"type":"unsubscribe","room":"activity:evt_us-rate-cut"}"#.to_owned(),
            r#"{"type":"unsubscribe","room":"asset_prices:BTCUSDT"}"#.to_owned(),
            format!(r#"{{"type":"unsubscribe","room":"orders:usr_demo:mkt_us-rate-cut",{AUTH}}}"#),
            format!(r#"{{"type":"ping",{AUTH}}}"#),
            r#"{"type":"ping"}"#.to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
        ];
        subscriptions.into_iter().chain(others).collect()
    }

    fn lines(frame: &str) -> Vec<Line> {
        frame.split('\n').map(read).collect()
    }

    fn is_refusal(reply: &str) -> bool {
        reply.starts_with(r#"{"type":"error","data":{"message":"#)
    }

    fn may_be(outcome: Outcome, _: &str, text: &str) -> bool {
        match outcome {
            Outcome::Accepted => serde_json::from_str::<Value>(text).is_ok_and(|it| it.is_object()),
            outcome => outcome == Outcome::Refused,
        }
    }

    /// A step with a fill counts, whoever is told of it.
    fn is_lost(missed: &Missed) -> Option<bool> {
        let is_lost = missed.busy_steps > BACKLOG;
        (is_lost || missed.steps <= BACKLOG).then_some(is_lost)
    }
}

fn read(line: &str) -> Line {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    let kind = value["type"].as_str().expect("a type").to_owned();
    let (rank, id) = match kind.as_str() {
        "buy_order" | "sell_order" | "order_updated" => return Line::Event(line.to_owned()),
        "price_update" => (1, "/data/id"),
        "orderbook_update" => (2, "/data/orderbook/outcomeId"),
        "asset_price" => (3, "/data/symbol"),
        _ => return anonymous(line, value["clientId"].as_str()),
    };
    let id = format!("{kind} {}", value.pointer(id).expect("an id"));
    // When it is sent.
    value["timestamp"].take();
    Line::State(rank, id, value)
}
