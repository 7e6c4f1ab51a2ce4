//! Every channel: its confirmations, messages and end.

use std::time::Duration;

use serde_json::Value;
use ticklot_sim::Server;
use ticklot_sim::bayse::{Config, Event, Listing};

use crate::common::json;
use crate::{
    AUTH, MARKETS, REALTIME, USER, confirmation, connected, lines, ping, quick, subscribe,
};

const PRICES: &str = r#""prices","eventId":"evt_us-rate-cut""#;
const ACTIVITY: &str = r#""activity","eventId":"evt_us-rate-cut""#;

/// A subscription to a channel.
struct Channel<'a> {
    endpoint: &'a str,
    /// The channel and the other fields of the request.
    fields: &'a str,
    rooms: &'a [&'a str],
    /// The types of its messages.
    kinds: &'a [&'a str],
}

impl Channel<'_> {
    fn check(&self, message: &Value) {
        let kind = message["type"].as_str().unwrap();
        assert!(self.kinds.contains(&kind), "{message}");
        assert!(message["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }

    /// Subscribes, receives three frames, unsubscribes, and checks that no further message arrives.
    async fn run(&self, server: &Server) {
        let mut client = connected(server, self.endpoint).await;
        let auth = match self.endpoint {
            USER => format!(",{AUTH}"),
            _ => String::new(),
        };
        let fields = format!("{}{auth}", self.fields);
        subscribe(&mut client, &fields, self.rooms).await;
        for _ in 0..3 {
            lines(&mut client)
                .await
                .iter()
                .for_each(|it| self.check(it));
        }
        for room in self.rooms {
            let request = format!(r#"{{"type":"unsubscribe","room":"{room}"{auth}}}"#);
            client.send(&request).await;
            let prefix = confirmation("unsubscribed", "Unsubscribed from", room);
            let mut frame = client.text().await;
            while !frame.starts_with(&prefix) {
                frame.lines().for_each(|line| self.check(&json(line)));
                frame = client.text().await;
            }
        }
        // Several steps, whose updates would arrive here.
        tokio::time::sleep(Duration::from_millis(40)).await;
        ping(&mut client, &auth).await;
    }
}

#[tokio::test]
async fn every_channel_starts_and_ends() {
    let markets = r#""marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"]"#;
    let market_activity = format!(r#"{ACTIVITY},"marketId":"mkt_us-rate-cut""#);
    let trades = r#""user_trades","userId":"usr_ben""#;
    let books = format!(r#""orderbook",{markets}"#);
    let orders = format!(r#""orders",{markets}"#);
    let assets = r#""asset_prices","symbols":["ETHUSDT","USDNGN"]"#;
    let server = Server::bayse(quick()).await.unwrap();
    let fills = ["buy_order", "sell_order"];
    let table: [(_, &str, &[&str], &[&str]); 7] = [
        (MARKETS, ACTIVITY, &["activity:evt_us-rate-cut"], &fills),
        (
            MARKETS,
            &market_activity,
            &["activity:evt_us-rate-cut:mkt_us-rate-cut"],
            &fills,
        ),
        (
            MARKETS,
            PRICES,
            &["prices:evt_us-rate-cut"],
            &["price_update"],
        ),
        (MARKETS, trades, &["user_trades:usr_ben"], &fills),
        (
            MARKETS,
            &books,
            &["orderbook:mkt_us-rate-cut", "orderbook:mkt_btc-above-1m"],
            &["orderbook_update"],
        ),
        (
            REALTIME,
            assets,
            &["asset_prices:ETHUSDT", "asset_prices:USDNGN"],
            &["asset_price"],
        ),
        (
            USER,
            &orders,
            &[
                "orders:usr_demo:mkt_us-rate-cut",
                "orders:usr_demo:mkt_btc-above-1m",
            ],
            &["order_updated"],
        ),
    ];
    for (endpoint, fields, rooms, kinds) in table {
        let channel = Channel {
            endpoint,
            fields,
            rooms,
            kinds,
        };
        channel.run(&server).await;
    }
}

#[tokio::test]
async fn prices_follow_changes() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    subscribe(&mut client, PRICES, &["prices:evt_us-rate-cut"]).await;
    let mut last = Value::Null;
    for _ in 0..20 {
        let prices = json(&client.text().await)["data"]["markets"].clone();
        assert_ne!(prices, last);
        last = prices;
    }
}

/// With batching, each step is a frame. Without it, each message is.
#[tokio::test]
async fn batching_combines_step_messages() {
    for batch in [true, false] {
        let server = Server::bayse(Config { batch, ..quick() }).await.unwrap();
        let mut client = connected(&server, MARKETS).await;
        subscribe(
            &mut client,
            r#""orderbook","marketIds":["mkt_us-rate-cut"]"#,
            &[],
        )
        .await;
        subscribe(&mut client, ACTIVITY, &[]).await;
        let (mut longest, mut fills) = (0, 0);
        while fills < 10 {
            let lines = lines(&mut client).await;
            longest = longest.max(lines.len());
            let is_fill = |it: &&Value| it["type"] == "buy_order" || it["type"] == "sell_order";
            fills += lines.iter().filter(is_fill).count();
        }
        assert_eq!(longest > 3, batch, "{longest}");
        assert_eq!(longest == 1, !batch, "{longest}");
    }
}

/// An event with two markets sends the prices of both, and the activity of both or of one.
#[tokio::test]
async fn event_prices_list_every_market() {
    let markets = ["mkt_us-rate-cut", "mkt_btc-above-1m"].map(str::to_owned);
    let config = Config {
        events: vec![Event {
            markets: markets.into(),
            ..Event::rate_cut()
        }],
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    subscribe(&mut client, PRICES, &["prices:evt_us-rate-cut"]).await;
    let prices = json(&client.text().await);
    let markets = prices["data"]["markets"].as_array().unwrap();
    assert_eq!(markets[0]["id"], "mkt_us-rate-cut");
    assert_eq!(markets[1]["id"], "mkt_btc-above-1m");
    let long_shot = format!(r#"{ACTIVITY},"marketId":"mkt_btc-above-1m""#);
    let mut other = connected(&server, MARKETS).await;
    subscribe(
        &mut other,
        &long_shot,
        &["activity:evt_us-rate-cut:mkt_btc-above-1m"],
    )
    .await;
    for _ in 0..10 {
        for fill in lines(&mut other).await {
            assert_eq!(fill["data"]["market"]["id"], "mkt_btc-above-1m");
            assert_eq!(fill["data"]["event"]["id"], "evt_us-rate-cut");
        }
    }
}

/// At ten steps per second, the demo user receives about four fills per second.
#[tokio::test]
async fn demo_user_trades_often() {
    let server = Server::bayse(quick()).await.unwrap();
    let market = server.bayse_market().unwrap();
    let mut client = connected(&server, USER).await;
    let orders = format!(r#""orders","marketIds":["mkt_us-rate-cut"],{AUTH}"#);
    subscribe(&mut client, &orders, &["orders:usr_demo:mkt_us-rate-cut"]).await;
    let from = market.step();
    for _ in 0..20 {
        client.text().await;
    }
    assert!(market.step() - from < 120, "{} steps", market.step() - from);
}

/// Each market without an event gets one.
#[tokio::test]
async fn unlisted_market_gets_own_event() {
    let config = Config {
        markets: vec![Listing::new("rain", ticklot_book::Ticks(30))],
        events: Vec::new(),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let channel = Channel {
        endpoint: MARKETS,
        fields: r#""prices","eventId":"evt_rain""#,
        rooms: &["prices:evt_rain"],
        kinds: &["price_update"],
    };
    channel.run(&server).await;
}
