//! Tests of injected faults with a raw client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Client, Received, SOCKET_IO, upgrade};
use fastwebsockets::OpCode;
use ticklot_sim::{FaultCounts, Server, bayse, jayx};
use tokio::io::AsyncReadExt;

async fn server(faults: &str) -> Server {
    let config = jayx::Config {
        update_every: Duration::from_millis(2),
        faults: faults.parse().unwrap(),
        ..jayx::Config::default()
    };
    Server::jayx(config).await.unwrap()
}

/// A client with a subscription to the order book in plain mode.
async fn subscriber(server: &Server) -> Client {
    let mut client = Client::connect(server.addr(), "/").await;
    let message = r#"{"category":"spot","symbol":"BTCUSDT","precise":"1"}"#;
    let request = format!(r#"{{"event":"orderbook","message":{message}}}"#);
    client.send(&request).await;
    client
}

/// The number of messages before the end of a connection without a close.
async fn messages(server: &Server) -> usize {
    let received = subscriber(server).await.rest().await;
    let (last, texts) = received.split_last().unwrap();
    assert_eq!(*last, Received::End);
    assert!(texts.iter().all(|it| matches!(it, Received::Text(_))));
    texts.len()
}

#[tokio::test]
async fn drops_after_message_count() {
    let server = server("drop=5").await;
    for _ in 0..2 {
        assert_eq!(messages(&server).await, 5);
    }
    let expected = FaultCounts {
        drops: 2,
        ..FaultCounts::default()
    };
    assert_eq!(server.faults(), expected);
}

#[tokio::test]
async fn cut_frame_is_incomplete() {
    let server = server("cut=1").await;
    // The server sends the open packet without a request. Its frame has a length of one byte.
    let (_, mut stream) = upgrade(server.addr(), SOCKET_IO).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(!bytes.is_empty());
    let length = bytes.get(1).map_or(usize::MAX, |it| 2 + usize::from(*it));
    assert!(bytes.len() < length, "{bytes:?}");
    assert_eq!(server.faults().cuts, 1);
}

#[tokio::test]
async fn seed_determines_cut_message() {
    let mut lengths = Vec::new();
    for seed in [1, 1, 2, 3] {
        let server = server(&format!("cut=0.02,seed={seed}")).await;
        lengths.push([messages(&server).await, messages(&server).await]);
    }
    assert_eq!(lengths[0], lengths[1]);
    // Seeds differ, and so do connections.
    assert!(lengths[1..].windows(2).any(|pair| pair[0] != pair[1]));
    assert!(lengths.iter().any(|[first, second]| first != second));
}

// The next tests take over a second, because a pause must be longer than the round trip of a ping.

#[tokio::test]
async fn frozen_server_replies_to_pings() {
    let server = server("freeze=500ms:1").await;
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.send("40").await;
    client.send_frame(true, OpCode::Ping, b"x").await;
    assert_eq!(client.receive().await, Received::Pong(b"x".to_vec()));
    assert!(client.text().await.starts_with("0{"));
    assert!(client.text().await.starts_with("40{"));
    assert!(server.faults().freezes >= 2);
}

#[tokio::test]
async fn hanging_server_delays_pongs() {
    let server = server("hang=500ms:1").await;
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.send_frame(true, OpCode::Ping, b"x").await;
    assert!(matches!(client.receive().await, Received::Text(_)));
    assert_eq!(client.receive().await, Received::Pong(b"x".to_vec()));
}

#[tokio::test]
async fn shutdown_ends_timed_faults() {
    for fault in ["hang=1h:1", "freeze=1h:1"] {
        let server = server(fault).await;
        let mut client = Client::connect(server.addr(), SOCKET_IO).await;
        let ((), code) = tokio::join!(server.shutdown(), client.close_code());
        assert_eq!(code, 1001, "{fault}");
    }
}

#[tokio::test]
async fn garbage_precedes_intact_message() {
    let server = server("garbage=1").await;
    let mut client = subscriber(&server).await;
    for _ in 0..50 {
        let garbage = client.text().await;
        let is_json = serde_json::from_str::<serde_json::Value>(&garbage);
        assert!(is_json.is_err() || garbage.len() < 5, "{garbage}");
        assert!(client.text().await.starts_with(r#"{"orderBook":"#));
    }
    assert!(server.faults().garbage >= 50);
}

#[tokio::test]
async fn slow_server_sends_whole_messages() {
    let server = server("slow=1ms").await;
    let mut client = subscriber(&server).await;
    for _ in 0..20 {
        assert!(client.text().await.ends_with('}'));
    }
}

#[tokio::test]
async fn rejects_upgrades_with_status() {
    for (faults, status) in [("refuse=1", "503"), ("refuse=1:429", "429")] {
        let config = bayse::Config {
            faults: faults.parse().unwrap(),
            ..bayse::Config::default()
        };
        let server = Server::bayse(config).await.unwrap();
        let (head, _) = upgrade(server.addr(), "/ws/v1/markets").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(server.faults().rejections, 1);
        assert_eq!(server.connections().accepted, 0);
    }
}
