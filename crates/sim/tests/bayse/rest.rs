//! The order books for one who asks once.

use std::time::Duration;

use serde_json::Value;
use ticklot_sim::Server;
use ticklot_sim::bayse::Config;
use tokio::io::AsyncReadExt;

use crate::common::{json, request_raw};
use crate::{MARKETS, connected, quick};

/// The status and the document.
async fn get(server: &Server, target: &str) -> (String, Value) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, mut stream) = request_raw(server.addr(), request.as_bytes()).await;
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("\r\ncontent-type: application/json\r\n"),
        "{head}"
    );
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let status = head[9..12].to_owned();
    (status, json(&String::from_utf8(body).unwrap()))
}

/// A server whose markets stand still.
async fn still() -> Server {
    let config = Config {
        update_every: Duration::from_secs(3_600),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let market = server.bayse_market().unwrap();
    // The first step is made at once.
    while market.step() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server
}

#[tokio::test]
async fn rest_books_match_channel() {
    let server = still().await;
    let mut client = connected(&server, MARKETS).await;
    client
        .send(r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":"NGN"}"#)
        .await;
    client.text().await;
    let frame = client.text().await;
    let pushed: Vec<_> = frame
        .lines()
        .map(|line| json(line)["data"]["orderbook"].clone())
        .collect();
    for brackets in ["[]", "%5B%5D", "%5b%5d"] {
        let (yes, no) = ("out_us-rate-cut-yes", "out_us-rate-cut-no");
        let target = format!(
            "/v1/pm/books?outcomeId{brackets}={yes}&outcomeId{brackets}=out_x&outcomeId{brackets}={no}&depth=20&currency=NGN"
        );
        let (status, books) = get(&server, &target).await;
        assert_eq!(status, "200");
        assert_eq!(books.as_array().unwrap(), &pushed);
    }
}

#[tokio::test]
async fn default_depth_is_ten() {
    let server = still().await;
    let deep = "/v1/pm/books?outcomeId[]=out_us-rate-cut-yes";
    for (target, depth) in [(deep.to_owned(), 10), (format!("{deep}&depth=2"), 2)] {
        let (_, books) = get(&server, &target).await;
        assert_eq!(books[0]["bids"].as_array().unwrap().len(), depth);
    }
}

#[tokio::test]
async fn unknown_outcomes_are_left_out() {
    let server = still().await;
    let empty = Value::Array(Vec::new());
    for query in ["", "?outcomeId[]=out_x", "?currency=USD"] {
        let answer = get(&server, &format!("/v1/pm/books{query}")).await;
        assert_eq!(answer, ("200".to_owned(), empty.clone()), "{query}");
    }
    for (query, why) in [
        ("depth=0", "Invalid depth"),
        (
            "currency=EUR",
            "Unsupported currency. Supported currencies are USD and NGN",
        ),
    ] {
        let (status, answer) = get(&server, &format!("/v1/pm/books?{query}")).await;
        assert_eq!((status.as_str(), &answer["message"]), ("400", &why.into()));
    }
}
