//! What a server does wrong on purpose, as a client sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Client, Seen, upgrade};
use fastwebsockets::OpCode;
use ticklot_sim::{FaultCounts, Server, bayse, jayx};
use tokio::io::AsyncReadExt;

const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";
const PLAIN: &str = "/";
const ASK: &str =
    r#"{"event":"orderbook","message":{"category":"spot","symbol":"BTCUSDT","precise":"1"}}"#;

async fn server(faults: &str) -> Server {
    let config = jayx::Config {
        update_every: Duration::from_millis(2),
        faults: faults.parse().unwrap(),
        ..jayx::Config::default()
    };
    Server::jayx(config).await.unwrap()
}

/// A client that reads the book.
async fn reading(server: &Server) -> Client {
    let mut client = Client::connect(server.addr(), PLAIN).await;
    client.send(ASK).await;
    client
}

/// How many messages come before the end, which has no close.
async fn messages(server: &Server) -> usize {
    let seen = reading(server).await.rest().await;
    let (last, texts) = seen.split_last().unwrap();
    assert_eq!(*last, Seen::Gone);
    assert!(texts.iter().all(|it| matches!(it, Seen::Text(_))));
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
    // The open packet goes out unasked, and its length fits into the second byte of its head.
    let (_, mut stream) = upgrade(server.addr(), SOCKET_IO).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(!bytes.is_empty());
    let promised = bytes
        .get(1)
        .map_or(usize::MAX, |length| 2 + usize::from(*length));
    assert!(bytes.len() < promised, "{bytes:?}");
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
    // Neither all seeds nor all connections are alike.
    assert!(lengths[1..].windows(2).any(|pair| pair[0] != pair[1]));
    assert!(lengths.iter().any(|[first, second]| first != second));
}

// Over a second: a spell must last longer than it takes a ping to be answered.

#[tokio::test]
async fn frozen_server_answers_pings() {
    let server = server("freeze=500ms:1").await;
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.send("40").await;
    client.send_frame(true, OpCode::Ping, b"x").await;
    assert_eq!(client.see().await, Seen::Pong(b"x".to_vec()));
    assert!(client.text().await.starts_with("0{"));
    assert!(client.text().await.starts_with("40{"));
    assert!(server.faults().freezes >= 2);
}

#[tokio::test]
async fn hanging_server_answers_nothing() {
    let server = server("hang=500ms:1").await;
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.send_frame(true, OpCode::Ping, b"x").await;
    assert!(matches!(client.see().await, Seen::Text(_)));
    assert_eq!(client.see().await, Seen::Pong(b"x".to_vec()));
}

#[tokio::test]
async fn shutdown_ends_timed_faults() {
    for spell in ["hang=1h:1", "freeze=1h:1"] {
        let server = server(spell).await;
        let mut client = Client::connect(server.addr(), SOCKET_IO).await;
        let ((), code) = tokio::join!(server.shutdown(), client.close_code());
        assert_eq!(code, 1001, "{spell}");
    }
}

#[tokio::test]
async fn garbage_precedes_intact_message() {
    let server = server("garbage=1").await;
    let mut client = reading(&server).await;
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
    let mut client = reading(&server).await;
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
