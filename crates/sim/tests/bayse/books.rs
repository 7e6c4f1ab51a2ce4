//! The order book channel, and rules that apply to every endpoint.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use fastwebsockets::OpCode;
use serde_json::Value;
use ticklot_sim::bayse::{Config, Exchange, Listing};
use ticklot_sim::{Outgoing, Server, Timestamps};

use crate::common::{Received, json, upgrade};
use crate::{MARKETS, confirmation, connected, lines, ping, quick, slow, subscribe};

const RATE_CUT: &str = r#""orderbook","marketIds":["mkt_us-rate-cut"]"#;
const ROOM: &str = "orderbook:mkt_us-rate-cut";

/// Checks the order and totals of a book, and returns its outcome and best bid and ask.
fn check(update: &Value) -> (String, Option<f64>, Option<f64>) {
    let book = &update["data"]["orderbook"];
    let side = |name: &str| -> Vec<f64> {
        let levels = book[name].as_array().unwrap().iter();
        let prices = levels.map(|level| {
            let number = |name: &str| level[name].as_f64().unwrap();
            let (price, quantity) = (number("price"), number("quantity"));
            assert!((0.01..=0.99).contains(&price) && quantity > 0.0);
            assert!((price * quantity - number("total")).abs() < 1e-6);
            price
        });
        prices.collect()
    };
    let (bids, asks) = (side("bids"), side("asks"));
    assert!(bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b));
    let outcome = book["outcomeId"].as_str().unwrap().to_owned();
    (outcome, bids.first().copied(), asks.first().copied())
}

#[tokio::test]
async fn confirms_rooms_before_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    let both = r#""orderbook","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"]"#;
    subscribe(&mut client, both, &[ROOM, "orderbook:mkt_btc-above-1m"]).await;
    let mut outcomes = BTreeSet::new();
    let mut touches = BTreeSet::new();
    for _ in 0..40 {
        let lines = lines(&mut client).await;
        assert_eq!(lines.len(), 4, "both books of both rooms");
        for line in lines {
            let (outcome, bid, ask) = check(&line);
            assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask));
            touches.insert(format!("{bid:?} {ask:?}"));
            outcomes.insert(outcome);
        }
    }
    let expected = [
        "btc-above-1m-no",
        "btc-above-1m-yes",
        "us-rate-cut-no",
        "us-rate-cut-yes",
    ];
    assert!(outcomes.iter().eq(&expected.map(|it| format!("out_{it}"))));
    assert!(touches.len() > 8, "the touch moves");
}

#[tokio::test]
async fn unbatched_books_have_own_frames() {
    let config = Config {
        batch: false,
        markets: vec![Listing::rate_cut()],
        ..slow()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    subscribe(&mut client, RATE_CUT, &[ROOM]).await;
    for outcome in ["out_us-rate-cut-yes", "out_us-rate-cut-no"] {
        let update = json(&client.text().await);
        assert_eq!(check(&update).0, outcome);
    }
}

#[tokio::test]
async fn each_currency_has_own_room() {
    let server = Server::bayse(slow()).await.unwrap();
    let mut books = BTreeSet::new();
    for (currency, room) in [("USD", ROOM), ("NGN", "orderbook:mkt_us-rate-cut:NGN")] {
        let mut client = connected(&server, MARKETS).await;
        let channel = format!(r#"{RATE_CUT},"currency":"{currency}""#);
        subscribe(&mut client, &channel, &[room]).await;
        let yes = &lines(&mut client).await[0];
        books.insert(yes["data"]["orderbook"]["bids"].to_string());
    }
    assert_eq!(books.len(), 2);
}

#[tokio::test]
async fn unsubscribing_ends_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    subscribe(&mut client, RATE_CUT, &[ROOM]).await;
    let update = r#"{"type":"orderbook_update""#;
    assert!(client.text().await.starts_with(update));
    let request = format!(r#"{{"type":"unsubscribe","room":"{ROOM}"}}"#);
    client.send(&request).await;
    let text = client.text_past(update).await;
    let prefix = confirmation("unsubscribed", "Unsubscribed from", ROOM);
    assert!(text.starts_with(&prefix), "{text}");
    tokio::time::sleep(Duration::from_millis(30)).await;
    ping(&mut client, "").await;
}

#[tokio::test]
async fn pings_close_silent_client() {
    let config = Config {
        ping_every: Duration::from_millis(25),
        pong_timeout: Duration::from_millis(200),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server, MARKETS).await;
    for _ in 0..6 {
        assert_eq!(client.receive().await, Received::Ping);
        client.send_frame(true, OpCode::Pong, b"").await;
    }
    assert_eq!(client.close_code().await, 1008);
}

#[tokio::test]
async fn unknown_paths_return_404() {
    let server = Server::bayse(quick()).await.unwrap();
    for path in ["/", "/ws/v1/nothing", "/ws/v1/markets/"] {
        let (head, _) = upgrade(server.addr(), path).await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    }
}

/// A second subscription must not repeat the books of the first one.
#[test]
fn new_room_repeats_no_books() {
    let now = Timestamps::default();
    let mut exchange = Exchange::new(Config::default(), now).unwrap();
    let from = Ipv4Addr::LOCALHOST.into();
    let mut session = exchange.upgrade(MARKETS, from, now).unwrap();
    for channel in [RATE_CUT, r#""orderbook","marketIds":["mkt_btc-above-1m"]"#] {
        while session.outgoing().is_some() {}
        session.text(
            &format!(r#"{{"type":"subscribe","channel":{channel}}}"#),
            now,
        );
    }
    let mut sent = String::new();
    while let Some(Outgoing::Text(text)) = session.outgoing() {
        sent += &text;
    }
    assert_eq!(sent.matches("orderbook_update").count(), 2, "{sent}");
    assert!(!sent.contains("mkt_us-rate-cut"), "{sent}");
}
