//! The requests and lines of Bayse Markets.

use std::net::Ipv4Addr;

use serde_json::Value;
use ticklot_sim::bayse::{Config, Exchange};
use ticklot_sim::{Session, Timestamps};

use crate::{BACKLOG, Line, Outcome, Pending, Venue, without_id};

impl Venue for Exchange {
    const TARGETS: &[&str] = &["/ws/v1/markets", "/ws/v1/realtime", "/ws/v1/user"];
    const SUBSCRIPTIONS: usize = 10;
    const CONFIRMS_FIRST: bool = false;

    fn open() -> Self {
        let mut config = Config {
            backlog: BACKLOG,
            ..Config::default()
        };
        config.upgrades.count = u32::MAX;
        Self::new(config, Timestamps::default()).unwrap()
    }

    fn upgrade(&mut self, target: &str, now: Timestamps) -> Box<dyn Session> {
        let from = Ipv4Addr::LOCALHOST.into();
        self.upgrade(target, from, now).unwrap()
    }

    fn step(&mut self, now: Timestamps) {
        self.step(now);
        self.quote(now);
    }

    fn requests() -> Vec<String> {
        // `>` stands for the start of a subscription, `MARKETS` and `AUTH` for these fields.
        let requests = r#"
>"orderbook",MARKETS}
>"orderbook",MARKETS,"currency":"NGN"}
>"activity","eventId":"evt_us-rate-cut"}
>"activity","eventId":"evt_btc-above-1m"}
>"prices","eventId":"evt_us-rate-cut"}
>"prices","eventId":"evt_btc-above-1m"}
>"asset_prices","symbols":["BTCUSDT","USDNGN"]}
>"orders",MARKETS,AUTH}
>"user_trades","userId":"usr_demo"}
>"activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut"}
>"activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m"}
>"orderbook","marketIds":["mkt_btc-above-1m"],"currency":7}
{"type":"unsubscribe","room":"orderbook:mkt_us-rate-cut"}
{"type":"unsubscribe","room":"activity:evt_us-rate-cut"}
{"type":"unsubscribe","room":"asset_prices:BTCUSDT"}
{"type":"unsubscribe","room":"orders:usr_demo:mkt_us-rate-cut",AUTH}
{"type":"ping",AUTH}
{"type":"ping"}
[]
{}"#;
        let markets = r#""marketIds":["mkt_us-rate-cut","mkt_btc-above-1m","mkt_us-rate-cut"]"#;
        let requests = requests
            .replace('>', r#"{"type":"subscribe","channel":"#)
            .replace("MARKETS", markets)
            .replace("AUTH", r#""auth":{"apiKey":"pk_demo_ticklot"}"#);
        requests.lines().skip(1).map(str::to_owned).collect()
    }

    fn lines(frame: &str) -> Vec<Line> {
        frame.split('\n').map(read).collect()
    }

    fn is_error(reply: &str) -> bool {
        reply.starts_with(r#"{"type":"error","data":{"message":"#)
    }

    fn may_be(outcome: Outcome, _: &str, text: &str) -> bool {
        match outcome {
            Outcome::Accepted => serde_json::from_str::<Value>(text).is_ok_and(|it| it.is_object()),
            outcome => outcome == Outcome::Rejected,
        }
    }

    /// Steps with fills count even if the client does not receive these fills.
    fn is_lost(pending: &Pending) -> Option<bool> {
        let is_lost = pending.busy_steps > BACKLOG;
        (is_lost || pending.steps <= BACKLOG).then_some(is_lost)
    }
}

fn read(line: &str) -> Line {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    let kind = value["type"].as_str().expect("a type").to_owned();
    let (order, id) = match kind.as_str() {
        "buy_order" | "sell_order" | "order_updated" => return Line::Event(line.to_owned()),
        "price_update" => (1, "/data/id"),
        "orderbook_update" => (2, "/data/orderbook/outcomeId"),
        "asset_price" => (3, "/data/symbol"),
        _ => return without_id(line, value["clientId"].as_str()),
    };
    let id = format!("{kind} {}", value.pointer(id).expect("an id"));
    // The send time is not part of the state.
    value["timestamp"].take();
    Line::State(order, id, value)
}
