//! The channel of books, and what every endpoint does alike.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use fastwebsockets::OpCode;
use serde_json::Value;
use ticklot_sim::bayse::{Config, Exchange, Listing};
use ticklot_sim::{Outgoing, Server, Timestamps};

use crate::common::{Client, Seen, json, upgrade};
use crate::{MARKETS, quick};

const UPDATE: &str = r#"{"type":"orderbook_update""#;

async fn connected(server: &Server) -> Client {
    crate::connected(server, MARKETS).await
}

fn subscribe(ids: &[&str]) -> String {
    let ids = serde_json::to_string(ids).unwrap();
    format!(r#"{{"type":"subscribe","channel":"orderbook","marketIds":{ids}}}"#)
}

/// Checks one book's order and totals, and returns its outcome and best bid and ask.
fn check(update: &Value) -> (String, Option<f64>, Option<f64>) {
    let book = &update["data"]["orderbook"];
    let side = |name: &str| -> Vec<f64> {
        let levels = book[name].as_array().unwrap().iter();
        let checked = levels.map(|level| {
            let number = |name: &str| level[name].as_f64().unwrap();
            let (price, quantity) = (number("price"), number("quantity"));
            assert!((0.01..=0.99).contains(&price) && quantity > 0.0);
            assert!((price * quantity - number("total")).abs() < 1e-6);
            price
        });
        checked.collect()
    };
    let (bids, asks) = (side("bids"), side("asks"));
    assert!(bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b));
    let outcome = book["outcomeId"].as_str().unwrap().to_owned();
    (outcome, bids.first().copied(), asks.first().copied())
}

#[tokio::test]
async fn confirms_rooms_before_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server).await;
    client
        .send(&subscribe(&["mkt_us-rate-cut", "mkt_btc-above-1m"]))
        .await;
    for room in ["orderbook:mkt_us-rate-cut", "orderbook:mkt_btc-above-1m"] {
        let answer = client.text().await;
        let begin = format!(
            r#"{{"type":"subscribed","room":"{room}","message":"Subscribed to: {room}","timestamp":"#
        );
        assert!(answer.starts_with(&begin), "{answer}");
    }
    let mut outcomes = BTreeSet::new();
    let mut touches = BTreeSet::new();
    for _ in 0..40 {
        let frame = client.text().await;
        let lines: Vec<_> = frame.split('\n').collect();
        assert_eq!(lines.len(), 4, "both books of both rooms");
        for line in lines {
            let (outcome, bid, ask) = check(&json(line));
            assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask));
            touches.insert(format!("{bid:?} {ask:?}"));
            outcomes.insert(outcome);
        }
    }
    let expected = [
        "out_btc-above-1m-no",
        "out_btc-above-1m-yes",
        "out_us-rate-cut-no",
        "out_us-rate-cut-yes",
    ];
    assert!(outcomes.iter().eq(expected.iter()));
    assert!(touches.len() > 8, "the touch moves");
}

#[tokio::test]
async fn unbatched_books_have_own_frames() {
    let config = Config {
        batch: false,
        update_every: Duration::from_secs(3_600),
        markets: vec![Listing::rate_cut()],
        ..Config::default()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server).await;
    client.send(&subscribe(&["mkt_us-rate-cut"])).await;
    assert_eq!(json(&client.text().await)["type"], "subscribed");
    for outcome in ["out_us-rate-cut-yes", "out_us-rate-cut-no"] {
        let update = json(&client.text().await);
        assert_eq!(check(&update).0, outcome);
    }
}

#[tokio::test]
async fn each_currency_has_own_room() {
    let config = Config {
        update_every: Duration::from_secs(3_600),
        ..Config::default()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut books = BTreeSet::new();
    for (currency, room) in [
        ("USD", "orderbook:mkt_us-rate-cut"),
        ("NGN", "orderbook:mkt_us-rate-cut:NGN"),
    ] {
        let mut client = connected(&server).await;
        let ids = r#""marketIds":["mkt_us-rate-cut"]"#;
        let ask = format!(
            r#"{{"type":"subscribe","channel":"orderbook",{ids},"currency":"{currency}"}}"#
        );
        client.send(&ask).await;
        assert_eq!(json(&client.text().await)["room"], room);
        let frame = client.text().await;
        let yes = json(frame.lines().next().unwrap());
        books.insert(yes["data"]["orderbook"]["bids"].to_string());
    }
    assert_eq!(books.len(), 2);
}

#[tokio::test]
async fn unsubscribing_ends_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server).await;
    client.send(&subscribe(&["mkt_us-rate-cut"])).await;
    assert_eq!(json(&client.text().await)["type"], "subscribed");
    assert!(client.text().await.starts_with(UPDATE));
    client
        .send(r#"{"type":"unsubscribe","room":"orderbook:mkt_us-rate-cut"}"#)
        .await;
    let left = client.text_past(UPDATE).await;
    assert!(
        left.starts_with(concat!(
            r#"{"type":"unsubscribed","room":"orderbook:mkt_us-rate-cut","#,
            r#""message":"Unsubscribed from: orderbook:mkt_us-rate-cut","timestamp":"#
        )),
        "{left}"
    );
    tokio::time::sleep(Duration::from_millis(30)).await;
    client.send(r#"{"type":"ping"}"#).await;
    let pong = client.text().await;
    assert!(pong.starts_with(r#"{"type":"pong","timestamp":"#), "{pong}");
}

#[tokio::test]
async fn pings_close_silent_client() {
    let config = Config {
        ping_every: Duration::from_millis(25),
        pong_timeout: Duration::from_millis(200),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server).await;
    for _ in 0..6 {
        assert_eq!(client.see().await, Seen::Ping);
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

/// The books of the first room came once more.
#[test]
fn new_room_repeats_no_books() {
    let now = Timestamps::default();
    let mut exchange = Exchange::new(Config::default(), now).unwrap();
    let from = Ipv4Addr::LOCALHOST.into();
    let mut session = exchange.upgrade(MARKETS, from, now).unwrap();
    for market in ["mkt_us-rate-cut", "mkt_btc-above-1m"] {
        while session.outgoing().is_some() {}
        session.text(&subscribe(&[market]), now);
    }
    let mut told = String::new();
    while let Some(Outgoing::Text(text)) = session.outgoing() {
        told += &text;
    }
    assert_eq!(told.matches("orderbook_update").count(), 2, "{told}");
    assert!(!told.contains("mkt_us-rate-cut"), "{told}");
}
