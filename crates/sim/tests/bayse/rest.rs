//! The REST endpoint of order books.

use serde_json::Value;
use ticklot_sim::Server;

use crate::common::{json, request, wait_until};
use crate::{MARKETS, connected, lines, slow, subscribe};

/// The status and the document.
async fn get(server: &Server, query: &str) -> (u16, Value) {
    let target = format!("/v1/pm/books{query}");
    let (status, content_type, body) = request(server.addr(), "GET", &target, "").await;
    assert_eq!(content_type, "application/json");
    (status, json(&body))
}

/// A server whose markets have made one step.
async fn server() -> Server {
    let server = Server::bayse(slow()).await.unwrap();
    let market = server.bayse_market().unwrap();
    wait_until(|| market.step() > 0).await;
    server
}

#[tokio::test]
async fn rest_books_match_channel() {
    let server = server().await;
    let mut client = connected(&server, MARKETS).await;
    let channel = r#""orderbook","marketIds":["mkt_us-rate-cut"],"currency":"NGN""#;
    subscribe(&mut client, channel, &["orderbook:mkt_us-rate-cut:NGN"]).await;
    let lines = lines(&mut client).await;
    let books = lines.iter().map(|it| it["data"]["orderbook"].clone());
    let books = Value::Array(books.collect());
    for brackets in ["[]", "%5B%5D", "%5b%5d"] {
        let id = format!("outcomeId{brackets}");
        let (yes, no) = ("out_us-rate-cut-yes", "out_us-rate-cut-no");
        let query = format!("?{id}={yes}&{id}=out_x&{id}={no}&depth=20&currency=NGN");
        assert_eq!(get(&server, &query).await, (200, books.clone()));
    }
}

#[tokio::test]
async fn default_depth_is_ten() {
    let server = server().await;
    for (depth, levels) in [("", 10), ("&depth=2", 2)] {
        let query = format!("?outcomeId[]=out_us-rate-cut-yes{depth}");
        let (_, books) = get(&server, &query).await;
        assert_eq!(books[0]["bids"].as_array().unwrap().len(), levels);
    }
}

#[tokio::test]
async fn unknown_outcomes_are_left_out() {
    let server = server().await;
    for query in ["", "?outcomeId[]=out_x", "?currency=USD"] {
        assert_eq!(get(&server, query).await, (200, json("[]")), "{query}");
    }
    let currency = "Unsupported currency. Supported currencies are USD and NGN";
    for (query, why) in [("?depth=0", "Invalid depth"), ("?currency=EUR", currency)] {
        let (status, reply) = get(&server, query).await;
        assert_eq!((status, &reply["message"]), (400, &why.into()));
    }
}
