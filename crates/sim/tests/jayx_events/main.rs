//! Tests of the JayX server's four events over real sockets, in every envelope.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod candles;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod slow;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Client, SOCKET_IO, json};
use serde_json::Value;
use ticklot_sim::jayx::{Account, Config, PlainForm};
use ticklot_sim::{Server, Simulator, Venue};

const KEY: &str = "ak_demo_ticklot";
const BOOK: &str = r#"{"category":"spot","symbol":"BTCUSDT","precise":"1"}"#;
const MINUTES: &str = r#"{"category":"spot","symbol":"BTCUSDT","interval":"1"}"#;
const POSITIONS: &str = r#"{"apiKey":"ak_demo_ticklot","category":"spot"}"#;
const ORDERS: &str = r#"{"apiKey":"ak_demo_ticklot","category":"spot","symbol":"BTCUSDT"}"#;

/// The envelopes. `None` is Socket.IO.
const ENVELOPES: [Option<PlainForm>; 4] = [
    None,
    Some(PlainForm::Bare),
    Some(PlainForm::Message),
    Some(PlainForm::Data),
];

/// A configuration with fast markets, twenty steps per minute of market time, and an active account.
fn quick() -> Config {
    Config {
        update_every: Duration::from_millis(2),
        speed: 1_500,
        accounts: vec![Account {
            activity: 100,
            ..Account::demo()
        }],
        ..Config::default()
    }
}

/// A client after the handshake.
struct EventClient {
    client: Client,
    plain: Option<PlainForm>,
}

impl EventClient {
    async fn connect(server: &Server, plain: Option<PlainForm>) -> Self {
        // The parameter `t` is ignored.
        let path = plain.map_or(format!("{SOCKET_IO}&t=P3kq1xZ"), |_| "/".to_owned());
        let mut client = Client::connect(server.addr(), &path).await;
        if plain.is_none() {
            assert!(client.text().await.starts_with("0{"));
            client.send(r#"40{"token":"whatever"}"#).await;
            assert!(client.text().await.starts_with("40{"));
        }
        Self { client, plain }
    }

    async fn subscribe(&mut self, event: &str, message: &str) {
        let text = match self.plain {
            None => format!("42[\"{event}\",{message}]"),
            Some(_) => format!(r#"{{"event":"{event}","message":{message}}}"#),
        };
        self.client.send(&text).await;
    }

    /// Sends a text, and returns the next one.
    async fn reply(&mut self, text: &str) -> String {
        self.client.send(text).await;
        self.client.text().await
    }

    /// The next event and its payload.
    async fn next(&mut self) -> (String, Value) {
        let text = self.client.text().await;
        let key = match self.plain {
            None => {
                let mut event = json(text.strip_prefix("42").expect("an event"));
                return (event[0].as_str().unwrap().to_owned(), event[1].take());
            }
            Some(PlainForm::Bare) => return bare(json(&text)),
            Some(PlainForm::Message) => "message",
            Some(PlainForm::Data) => "data",
        };
        let mut envelope = json(&text);
        let event = envelope["event"].as_str().expect("an envelope").to_owned();
        (event, envelope[key].take())
    }

    /// The next payload of an event. Skips other events.
    async fn next_of(&mut self, event: &str) -> Value {
        loop {
            let (name, payload) = self.next().await;
            if name == event {
                return payload;
            }
        }
    }
}

/// Identifies a bare payload by its keys.
fn bare(payload: Value) -> (String, Value) {
    let event = match &payload {
        it if it.get("orderBook").is_some() => "orderbook",
        it if it.get("spot").is_some() => "positions",
        it if it.get("cancel").is_some_and(Value::is_array) => "openorders",
        it if it.get("add").is_some() => "kline",
        it => panic!("{it}"),
    };
    (event.to_owned(), payload)
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn every_envelope_carries_every_event() {
    for plain in ENVELOPES {
        let config = Config {
            plain: plain.unwrap_or_default(),
            ..quick()
        };
        let server = Server::jayx(config).await.unwrap();
        let mut client = EventClient::connect(&server, plain).await;
        client.subscribe("kline", MINUTES).await;
        client.subscribe("orderbook", BOOK).await;
        client.subscribe("positions", POSITIONS).await;
        client.subscribe("openorders", ORDERS).await;
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        while seen.len() < 4 || seen.values().any(|count| *count < 10) {
            let (event, payload) = client.next().await;
            check_shape(&event, &payload);
            *seen.entry(event).or_default() += 1;
        }
    }
}

fn check_shape(event: &str, payload: &Value) {
    match event {
        "orderbook" => assert_eq!(keys(payload), ["orderBook", "trades"]),
        "kline" => {
            assert_eq!(keys(payload), ["add", "modify"]);
            assert_ne!(payload["add"].is_null(), payload["modify"].is_null());
        }
        "positions" => {
            let assets = payload["spot"].as_array().unwrap();
            assert_eq!(assets.len(), 2);
            for asset in assets {
                assert_eq!(keys(asset), ["asset", "available", "balance"]);
            }
        }
        "openorders" => {
            assert_eq!(keys(payload), ["cancel", "modify"]);
            assert!(payload["cancel"].is_array() && payload["modify"].is_array());
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn acknowledgement_precedes_first_update() {
    let server = Server::jayx(quick()).await.unwrap();
    for (event, message) in [
        ("orderbook", BOOK),
        ("positions", POSITIONS),
        ("openorders", ORDERS),
    ] {
        let mut client = EventClient::connect(&server, None).await;
        let request = format!("423[\"{event}\",{message}]");
        assert_eq!(client.reply(&request).await, r#"433[{"ok":true}]"#);
        assert_eq!(client.next().await.0, event);
    }
}

/// A repeated subscription repeats the initial message, but not the updates.
#[tokio::test]
async fn repeated_subscription_repeats_snapshot() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    market.pause();
    let mut client = EventClient::connect(&server, None).await;
    for _ in 0..2 {
        client.subscribe("positions", POSITIONS).await;
        assert_eq!(client.next().await.0, "positions");
    }
    client.subscribe("orderbook", BOOK).await;
    assert_eq!(client.next().await.0, "orderbook");
    market.resume();
    let mut events = Vec::new();
    while events.len() < 50 {
        events.push(client.next().await.0);
    }
    // Each step has a book, preceded by the balances if one of them changed.
    assert!(!events.windows(2).any(|it| it == ["positions", "positions"]));
}

/// A simulator has market handles for both venues, which return `None` for unknown names.
#[test]
fn each_venue_has_ground_truth() {
    let simulator = Simulator::spawn(quick(), ticklot_sim::bayse::Config::default()).unwrap();
    let (jayx, bayse) = (simulator.jayx_market(), simulator.bayse_market());
    assert!(simulator.url(Venue::Jayx).is_some() && bayse.is_some());
    let jayx = jayx.unwrap();
    assert!(jayx.book("BTCUSDT").is_some() && jayx.book("NOPE").is_none());
    assert!(jayx.candles("BTCUSDT", "60").is_some() && jayx.candles("BTCUSDT", "7").is_none());
    assert_eq!(jayx.balances(KEY).unwrap().len(), 2);
    assert!(jayx.balances("nope").is_none() && jayx.open_orders(KEY, "NOPE").is_none());
}
