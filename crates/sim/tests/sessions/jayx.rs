//! The requests, in both envelopes, and lines of JayX.

use serde_json::{Value, json};
use ticklot_sim::jayx::{Account, Config, Exchange, Symbol};
use ticklot_sim::{Session, Timestamps};

use crate::{BACKLOG, Line, Outcome, Pending, Venue, without_id};

impl Venue for Exchange {
    const TARGETS: &[&str] = &[
        "/",
        "/socket.io/?transport=websocket&EIO=4",
        "/socket.io/?transport=websocket&EIO=4&t=joined",
        "/socket.io/?transport=websocket&EIO=4&t=joined",
    ];
    const SUBSCRIPTIONS: usize = 19;
    const CONFIRMS_FIRST: bool = true;

    /// An active account, and three seconds per minute of market time. Each symbol has a candle.
    fn open() -> Self {
        let default = Config::default();
        let account = Account {
            activity: 100,
            max_orders: 4,
            ..Account::demo()
        };
        let symbol = |name: &str| Symbol {
            name: name.to_owned(),
            ..default.symbols[0].clone()
        };
        let config = Config {
            symbols: ["BTCUSDT", "ETHUSDT"].map(symbol).into(),
            accounts: vec![account],
            speed: 20,
            backlog: BACKLOG,
            ..default
        };
        let mut exchange = Self::new(config, Timestamps::default()).unwrap();
        (0..30).for_each(|_| exchange.step(Timestamps::default()));
        exchange
    }

    fn upgrade(&mut self, target: &str, now: Timestamps) -> Box<dyn Session> {
        let mut session = self.upgrade(target, now).unwrap();
        if target.ends_with("joined") {
            session.text("40", now);
        }
        session
    }

    fn step(&mut self, now: Timestamps) {
        self.step(now);
    }

    fn requests() -> Vec<String> {
        let spot = |symbol| format!(r#""category":"spot","symbol":"{symbol}""#);
        let (btc, eth) = (spot("BTCUSDT"), spot("ETHUSDT"));
        let key = r#""apiKey":"ak_demo_ticklot""#;
        let events = [
            ("positions", format!(r#"{{"category":"spot",{key}}}"#)),
            ("openorders", format!("{{{btc},{key}}}")),
            ("kline", format!(r#"{{{btc},"interval":"1"}}"#)),
            ("kline", format!(r#"{{{btc},"interval":"60"}}"#)),
            ("kline", format!(r#"{{{eth},"interval":"1"}}"#)),
            ("orderbook", format!(r#"{{{btc},"precise":"1"}}"#)),
            ("orderbook", format!("{{{eth}}}")),
            ("positions", r#"{"apiKey":7}"#.to_owned()),
            ("x", "[]".to_owned()),
        ];
        let packet = |(index, (event, message)): (usize, &(&str, String))| {
            // Some requests have acknowledgement ids.
            let id = ["", "7", "1234567890123"][index % 3];
            format!(r#"42{id}["{event}",{message}]"#)
        };
        let plain = |(event, message): &(&str, String)| {
            format!(r#"{{"event":"{event}","message":{message}}}"#)
        };
        let others = [
            "40", "40/x,", "2", "3", "6", "41/x,", "45-[]", "42[]", "9", "", "41", "1",
        ];
        let mut requests = vec!["40".to_owned()];
        requests.extend(events.iter().enumerate().map(packet));
        requests.extend(events.iter().map(plain));
        requests.extend(others.map(str::to_owned));
        requests
    }

    fn lines(frame: &str) -> Vec<Line> {
        if frame.starts_with("40{") || frame.starts_with("0{") {
            return vec![without_id(frame, frame.split('"').nth(3))];
        }
        let json = frame.strip_prefix("42").unwrap_or(frame);
        let payload = match serde_json::from_str(json) {
            Ok(Value::Array(mut event)) => event.pop(),
            payload => payload.ok(),
        };
        let states = payload.and_then(|payload| states(&payload));
        states.unwrap_or_else(|| vec![Line::Reply(frame.to_owned())])
    }

    fn is_error(reply: &str) -> bool {
        let rest = reply.trim_start_matches(|it: char| it.is_ascii_digit());
        let heads = [r#"{"error":{"#, r#"[{"error":{"#, r#"["error",{"#];
        heads.iter().any(|head| rest.starts_with(head))
    }

    fn may_be(outcome: Outcome, target: &str, text: &str) -> bool {
        match outcome {
            Outcome::Nothing | Outcome::Closed if target == "/" => false,
            Outcome::Nothing => {
                text.starts_with(|it: char| it.is_ascii_digit()) && !text.starts_with("42[")
            }
            _ => true,
        }
    }

    fn is_lost(pending: &Pending) -> Option<bool> {
        let ended = pending.states.values().filter(|it| it[0] == "ended");
        Some(ended.count() > BACKLOG)
    }
}

/// The states in a payload. `None` for an error.
fn states(payload: &Value) -> Option<Vec<Line>> {
    let state = |order, key: String, value: &Value| Line::State(order, key, value.clone());
    if payload.get("orderBook").is_some() {
        return Some(vec![state(3, "orderbook".to_owned(), payload)]);
    }
    if payload.get("spot").is_some() {
        return Some(vec![state(1, "positions".to_owned(), payload)]);
    }
    let candle = |name: &str| payload.get(name).filter(|it| it.is_object());
    if let Some(candle) = candle("add").or(candle("modify")) {
        let key = format!("kline {}", candle["_id"]);
        // A candle is new until it has been sent.
        let is_new = candle == &payload["add"];
        let new = is_new.then(|| state(2, format!("{key} new"), &Value::Null));
        return Some(std::iter::once(state(2, key, candle)).chain(new).collect());
    }
    let orders = |list: &str, state_of: &'static str| {
        let orders = payload.get(list)?.as_array()?.iter();
        let order = |it: &Value| state(0, format!("order {}", it["id"]), &json!([state_of, it]));
        Some(orders.map(order).collect::<Vec<_>>())
    };
    let all = [orders("cancel", "ended")?, orders("modify", "open")?].concat();
    // The absence of orders is a state.
    let none = all
        .is_empty()
        .then(|| state(0, "no order".to_owned(), &Value::Null));
    Some(all.into_iter().chain(none).collect())
}
