//! The recipients of a fill: each client in one of its rooms, once.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;
use ticklot_sim::bayse::{Config, Event, Exchange};
use ticklot_sim::{Session, Timestamps};

use crate::{Line, lines};

/// Rooms, and the fields of their subscriptions.
const ROOMS: &str = r#"
activity:evt_us-rate-cut "activity","eventId":"evt_us-rate-cut"
activity:evt_us-rate-cut:mkt_btc-above-1m "activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m"
activity:evt_us-rate-cut:mkt_us-rate-cut "activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut"
user_trades:usr_demo "user_trades","userId":"usr_demo"
user_trades:usr_ada "user_trades","userId":"usr_ada"
orders:usr_demo:mkt_us-rate-cut "orders","marketIds":["mkt_us-rate-cut"]
orders:usr_demo:mkt_btc-above-1m "orders","marketIds":["mkt_btc-above-1m"]
prices:evt_us-rate-cut "prices","eventId":"evt_us-rate-cut""#;

fn rooms() -> Vec<(&'static str, &'static str)> {
    let rows = ROOMS.lines().skip(1);
    rows.filter_map(|row| row.split_once(' ')).collect()
}

/// The rooms that receive a fill message.
fn rooms_of(message: &str) -> Vec<String> {
    let message: Value = serde_json::from_str(message).expect("JSON");
    let text = |path: &str| message.pointer(path).and_then(Value::as_str).expect("text");
    if message["type"] == "order_updated" {
        let (user, market) = (text("/data/order/userId"), text("/data/marketId"));
        return vec![format!("orders:{user}:{market}")];
    }
    let (event, market) = (text("/data/event/id"), text("/data/market/id"));
    vec![
        format!("activity:{event}"),
        format!("activity:{event}:{market}"),
        format!("user_trades:{}", text("/data/user/id")),
    ]
}

struct Client(Box<dyn Session>);

impl Client {
    fn connect(exchange: &mut Exchange, endpoint: &str) -> Self {
        let from = Ipv4Addr::LOCALHOST.into();
        let session = exchange.upgrade(endpoint, from, Timestamps::default());
        Self(session.unwrap())
    }

    /// Sends a request with credentials. Rooms of other endpoints are rejected.
    fn send(&mut self, fields: &str) {
        let text = format!(r#"{{"type":{fields},"auth":{{"apiKey":"pk_demo_ticklot"}}}}"#);
        self.0.text(&text, Timestamps::default());
    }

    fn subscribe(&mut self, fields: &str) {
        self.send(&format!(r#""subscribe","channel":{fields}"#));
    }

    /// The events since the last call.
    fn events(&mut self) -> Vec<String> {
        self.0.market_changed(Timestamps::default());
        let lines = lines::<Exchange>(&mut *self.0).into_iter();
        let events = lines.filter_map(|line| match line {
            Line::Event(text) => Some(text),
            _ => None,
        });
        events.collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fills_reach_their_rooms_once(
        joined in subsequence(rooms(), 1..8),
        left in subsequence(rooms(), 0..4),
        steps in 1..10,
        seed: u64,
    ) {
        let mut event = Event::rate_cut();
        event.markets.push("mkt_btc-above-1m".to_owned());
        let mut config = Config { seed, events: vec![event], ..Config::default() };
        config.messages.count = 100;
        let mut exchange = Exchange::new(config, Timestamps::default()).unwrap();
        for endpoint in ["/ws/v1/markets", "/ws/v1/user"] {
            let [mut all, mut client] = [(); 2].map(|()| Client::connect(&mut exchange, endpoint));
            rooms().iter().for_each(|(_, fields)| all.subscribe(fields));
            joined.iter().for_each(|(_, fields)| client.subscribe(fields));
            let mut joined: Vec<_> = joined.iter().map(|(name, _)| *name).collect();
            let mut count = 0;
            for _ in 0..2 {
                (0..steps).for_each(|_| exchange.step(Timestamps::default()));
                let is_joined = |it: &String| rooms_of(it).iter().any(|it| joined.contains(&it.as_str()));
                let all = all.events();
                count += all.len();
                let due: Vec<_> = all.into_iter().filter(is_joined).collect();
                prop_assert_eq!(client.events(), due);
                for (name, _) in &left {
                    client.send(&format!(r#""unsubscribe","room":"{name}""#));
                    joined.retain(|it| it != name);
                }
            }
            prop_assert!(count > 0 || steps < 5);
        }
    }
}
