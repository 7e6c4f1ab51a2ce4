//! Which clients are told of a fill: those in one of its rooms, once.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;
use ticklot_sim::bayse::{Config, Event, Exchange};
use ticklot_sim::{Session, Timestamps};

use crate::{Line, lines};

/// Rooms, and the fields of the subscription to each.
const ROOMS: [(&str, &str); 8] = [
    (
        "activity:evt_us-rate-cut",
        r#""activity","eventId":"evt_us-rate-cut""#,
    ),
    (
        "activity:evt_us-rate-cut:mkt_btc-above-1m",
        r#""activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m""#,
    ),
    (
        "activity:evt_us-rate-cut:mkt_us-rate-cut",
        r#""activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut""#,
    ),
    (
        "user_trades:usr_demo",
        r#""user_trades","userId":"usr_demo""#,
    ),
    ("user_trades:usr_ada", r#""user_trades","userId":"usr_ada""#),
    (
        "orders:usr_demo:mkt_us-rate-cut",
        r#""orders","marketIds":["mkt_us-rate-cut"]"#,
    ),
    (
        "orders:usr_demo:mkt_btc-above-1m",
        r#""orders","marketIds":["mkt_btc-above-1m"]"#,
    ),
    (
        "prices:evt_us-rate-cut",
        r#""prices","eventId":"evt_us-rate-cut""#,
    ),
];

/// The rooms in which a notice is told.
fn rooms_of(notice: &str) -> Vec<String> {
    let notice: Value = serde_json::from_str(notice).expect("JSON");
    let text = |path: &str| {
        notice
            .pointer(path)
            .and_then(Value::as_str)
            .expect("a text")
    };
    if notice["type"] == "order_updated" {
        return vec![format!(
            "orders:{}:{}",
            text("/data/order/userId"),
            text("/data/marketId")
        )];
    }
    let (event, market) = (text("/data/event/id"), text("/data/market/id"));
    let activity = format!("activity:{event}");
    let of_market = format!("{activity}:{market}");
    vec![
        activity,
        of_market,
        format!("user_trades:{}", text("/data/user/id")),
    ]
}

struct Client(Box<dyn Session>);

impl Client {
    fn connect(exchange: &mut Exchange, endpoint: &str) -> Self {
        let from = Ipv4Addr::LOCALHOST.into();
        Self(
            exchange
                .upgrade(endpoint, from, Timestamps::default())
                .unwrap(),
        )
    }

    /// Joins a room or leaves it; elsewhere that is refused.
    fn send(&mut self, fields: &str) {
        let text = format!(r#"{{"type":{fields},"auth":{{"apiKey":"pk_demo_ticklot"}}}}"#);
        self.0.text(&text, Timestamps::default());
    }

    fn join(&mut self, (_, fields): &(&str, &str)) {
        self.send(&format!(r#""subscribe","channel":{fields}"#));
    }

    /// The events that are new to it.
    fn events(&mut self) -> Vec<String> {
        self.0.market_changed(Timestamps::default());
        let event = |line| match line {
            Line::Event(text) => Some(text),
            _ => None,
        };
        lines::<Exchange>(&mut *self.0)
            .into_iter()
            .filter_map(event)
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fills_reach_their_rooms_once(
        joined in subsequence(ROOMS.to_vec(), 1..8),
        left in subsequence(ROOMS.to_vec(), 0..4),
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
            ROOMS.iter().for_each(|room| all.join(room));
            joined.iter().for_each(|room| client.join(room));
            let mut joined: Vec<_> = joined.iter().map(|(name, _)| *name).collect();
            let mut told = 0;
            for _ in 0..2 {
                (0..steps).for_each(|_| exchange.step(Timestamps::default()));
                let is_joined = |it: &String| rooms_of(it).iter().any(|it| joined.contains(&it.as_str()));
                let all = all.events();
                told += all.len();
                let due: Vec<_> = all.into_iter().filter(is_joined).collect();
                prop_assert_eq!(client.events(), due);
                for (name, _) in &left {
                    client.send(&format!(r#""unsubscribe","room":"{name}""#));
                    joined.retain(|it| it != name);
                }
            }
            prop_assert!(told > 0 || steps < 5);
        }
    }
}
