//! Every channel: its rooms, what comes in them, and that it ends.

use std::time::Duration;

use serde_json::Value;
use ticklot_sim::Server;
use ticklot_sim::bayse::{Config, Event, Listing};

use crate::common::{Client, json};
use crate::{AUTH, MARKETS, REALTIME, USER, connected, quick};

/// A channel as a client meets it.
struct Channel {
    endpoint: &'static str,
    /// The fields of the subscription, but for its type.
    ask: String,
    rooms: &'static [&'static str],
    /// What the types of its messages begin or end with.
    tells: fn(&str) -> bool,
    /// What every message needs besides.
    auth: &'static str,
}

impl Channel {
    /// On `/ws/v1/markets`, with one room.
    fn public(ask: &str, room: &'static [&'static str], tells: fn(&str) -> bool) -> Self {
        Self {
            endpoint: MARKETS,
            ask: ask.to_owned(),
            rooms: room,
            tells,
            auth: "",
        }
    }
}

fn is_activity(kind: &str) -> bool {
    matches!(kind, "buy_order" | "sell_order")
}

/// The messages of one frame.
async fn lines(client: &mut Client) -> Vec<Value> {
    client.text().await.lines().map(json).collect()
}

async fn walk_through(server: &Server, channel: &Channel) {
    let mut client = connected(server, channel.endpoint).await;
    let ask = &channel.ask;
    client
        .send(&format!(r#"{{"type":"subscribe",{ask}}}"#))
        .await;
    for room in channel.rooms {
        let answer = client.text().await;
        let begin = format!(
            r#"{{"type":"subscribed","room":"{room}","message":"Subscribed to: {room}","timestamp":"#
        );
        assert!(answer.starts_with(&begin), "{answer}");
    }
    for _ in 0..3 {
        for message in lines(&mut client).await {
            let kind = message["type"].as_str().unwrap();
            assert!((channel.tells)(kind), "{message}");
            assert!(message["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
        }
    }
    for room in channel.rooms {
        leave(&mut client, room, channel).await;
    }
    // Time enough for what would come if it did not end.
    tokio::time::sleep(Duration::from_millis(40)).await;
    let auth = channel.auth;
    client.send(&format!(r#"{{"type":"ping"{auth}}}"#)).await;
    let pong = client.text().await;
    assert!(pong.starts_with(r#"{"type":"pong","timestamp":"#), "{pong}");
}

async fn leave(client: &mut Client, room: &str, channel: &Channel) {
    let auth = channel.auth;
    client
        .send(&format!(
            r#"{{"type":"unsubscribe","room":"{room}"{auth}}}"#
        ))
        .await;
    let begin = format!(
        r#"{{"type":"unsubscribed","room":"{room}","message":"Unsubscribed from: {room}","timestamp":"#
    );
    loop {
        let frame = client.text().await;
        if frame.starts_with(&begin) {
            return;
        }
        assert!((channel.tells)(
            json(frame.lines().next().unwrap())["type"]
                .as_str()
                .unwrap()
        ));
    }
}

#[tokio::test]
async fn activity_of_event_and_market() {
    let server = Server::bayse(quick()).await.unwrap();
    for (ask, room) in [
        (
            r#""channel":"activity","eventId":"evt_us-rate-cut""#,
            &["activity:evt_us-rate-cut"],
        ),
        (
            r#""channel":"activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut""#,
            &["activity:evt_us-rate-cut:mkt_us-rate-cut"],
        ),
    ] {
        walk_through(&server, &Channel::public(ask, room, is_activity)).await;
    }
}

#[tokio::test]
async fn event_prices_reach_subscriber() {
    let server = Server::bayse(quick()).await.unwrap();
    let ask = r#""channel":"prices","eventId":"evt_us-rate-cut""#;
    let channel = Channel::public(ask, &["prices:evt_us-rate-cut"], |it| it == "price_update");
    walk_through(&server, &channel).await;
}

#[tokio::test]
async fn prices_follow_changes() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    client
        .send(r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#)
        .await;
    client.text().await;
    let mut last = Value::Null;
    for _ in 0..20 {
        let prices = json(&client.text().await)["data"]["markets"].clone();
        assert_ne!(prices, last);
        last = prices;
    }
}

#[tokio::test]
async fn user_trades_reach_subscriber() {
    let server = Server::bayse(quick()).await.unwrap();
    let ask = r#""channel":"user_trades","userId":"usr_ben""#;
    let channel = Channel::public(ask, &["user_trades:usr_ben"], is_activity);
    walk_through(&server, &channel).await;
}

#[tokio::test]
async fn market_books_reach_subscriber() {
    let server = Server::bayse(quick()).await.unwrap();
    let ask = r#""channel":"orderbook","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"]"#;
    let rooms = &["orderbook:mkt_us-rate-cut", "orderbook:mkt_btc-above-1m"];
    let channel = Channel::public(ask, rooms, |it| it == "orderbook_update");
    walk_through(&server, &channel).await;
}

#[tokio::test]
async fn asset_prices_reach_subscriber() {
    let server = Server::bayse(quick()).await.unwrap();
    let channel = Channel {
        endpoint: REALTIME,
        ask: r#""channel":"asset_prices","symbols":["ETHUSDT","USDNGN"]"#.to_owned(),
        rooms: &["asset_prices:ETHUSDT", "asset_prices:USDNGN"],
        tells: |it| it == "asset_price",
        auth: "",
    };
    walk_through(&server, &channel).await;
}

#[tokio::test]
async fn own_orders_reach_owner() {
    let server = Server::bayse(quick()).await.unwrap();
    let channel = Channel {
        endpoint: USER,
        ask: format!(
            r#""channel":"orders","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"],{AUTH}"#
        ),
        rooms: &[
            "orders:usr_demo:mkt_us-rate-cut",
            "orders:usr_demo:mkt_btc-above-1m",
        ],
        tells: |it| it == "order_updated",
        auth: r#","auth":{"apiKey":"pk_demo_ticklot"}"#,
    };
    walk_through(&server, &channel).await;
}

/// With batching, a step is a frame; without, each message is.
#[tokio::test]
async fn batching_combines_step_messages() {
    for batch in [true, false] {
        let server = Server::bayse(Config { batch, ..quick() }).await.unwrap();
        let mut client = connected(&server, MARKETS).await;
        for ask in [
            r#""channel":"orderbook","marketIds":["mkt_us-rate-cut"]"#,
            r#""channel":"activity","eventId":"evt_us-rate-cut""#,
        ] {
            client
                .send(&format!(r#"{{"type":"subscribe",{ask}}}"#))
                .await;
        }
        let (mut longest, mut fills) = (0, 0);
        while fills < 10 {
            let lines = lines(&mut client).await;
            longest = longest.max(lines.len());
            let kinds = lines.iter().map(|it| it["type"].as_str().unwrap());
            fills += kinds.filter(|kind| is_activity(kind)).count();
        }
        assert_eq!(longest > 3, batch, "{longest}");
        assert_eq!(longest == 1, !batch, "{longest}");
    }
}

/// An event of two markets tells the prices of both; its activity is that of both, or of one.
#[tokio::test]
async fn event_prices_list_every_market() {
    let config = Config {
        events: vec![Event {
            markets: ["mkt_us-rate-cut", "mkt_btc-above-1m"]
                .map(str::to_owned)
                .into(),
            ..Event::rate_cut()
        }],
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    client
        .send(r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#)
        .await;
    client.text().await;
    let prices = json(&client.text().await);
    let markets = prices["data"]["markets"].as_array().unwrap();
    assert_eq!(markets[0]["id"], "mkt_us-rate-cut");
    assert_eq!(markets[1]["id"], "mkt_btc-above-1m");
    let long_shot =
        r#""channel":"activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m""#;
    let mut other = connected(&server, MARKETS).await;
    other
        .send(&format!(r#"{{"type":"subscribe",{long_shot}}}"#))
        .await;
    other.text().await;
    for _ in 0..10 {
        for fill in lines(&mut other).await {
            assert_eq!(fill["data"]["market"]["id"], "mkt_btc-above-1m");
            assert_eq!(fill["data"]["event"]["id"], "evt_us-rate-cut");
        }
    }
}

/// A default server makes ten steps a second, and the demo user has something filled in about
/// four of them.
#[tokio::test]
async fn demo_user_trades_often() {
    let server = Server::bayse(quick()).await.unwrap();
    let market = server.bayse_market().unwrap();
    let mut client = connected(&server, USER).await;
    client
        .send(&format!(
            r#"{{"type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"],{AUTH}}}"#
        ))
        .await;
    client.text().await;
    let from = market.step();
    for _ in 0..20 {
        client.text().await;
    }
    assert!(market.step() - from < 120, "{} steps", market.step() - from);
}

/// A server without events of its own makes one for each market.
#[tokio::test]
async fn unlisted_market_gets_own_event() {
    let config = Config {
        markets: vec![Listing::new("rain", ticklot_book::Ticks(30))],
        events: Vec::new(),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let ask = r#""channel":"prices","eventId":"evt_rain""#;
    let channel = Channel::public(ask, &["prices:evt_rain"], |it| it == "price_update");
    walk_through(&server, &channel).await;
}
