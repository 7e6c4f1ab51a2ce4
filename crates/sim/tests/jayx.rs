//! Tests of the JayX server over real sockets: Socket.IO, polling and limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Client, Received, SOCKET_IO, json, request, request_raw, upgrade};
use fastwebsockets::OpCode;
use serde_json::Value;
use ticklot_sim::jayx::Config;
use ticklot_sim::{Limits, Server};

/// Subscribes to the order book.
const SUBSCRIBE: &str = r#"42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#;

fn quick() -> Config {
    Config {
        update_every: Duration::from_millis(5),
        ..Config::default()
    }
}

async fn joined(server: &Server) -> Client {
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    assert!(client.text().await.starts_with("0{"));
    client.send("40").await;
    assert!(client.text().await.starts_with("40{\"sid\":\""));
    client
}

/// Checks the book of an event packet, and returns its best bid and ask.
fn touch(packet: &str) -> (i64, i64) {
    let event = json(packet.strip_prefix("42").unwrap());
    assert_eq!(event[0], "orderbook");
    let side = |name: &str| -> Vec<i64> {
        let levels = event[1]["orderBook"][name].as_array().unwrap();
        assert!(!levels.is_empty() && levels.len() <= 20);
        let int = |level: &Value, key: &str| level[key].as_i64().unwrap();
        assert!(
            levels
                .iter()
                .all(|it| int(it, "lots") > 0 && int(it, "count") > 0)
        );
        levels.iter().map(|it| int(it, "ticks")).collect()
    };
    let (bids, asks) = (side("bids"), side("asks"));
    assert!(bids.is_sorted_by(|a, b| a > b) && asks.is_sorted_by(|a, b| a < b));
    assert!(bids[0] < asks[0]);
    (bids[0], asks[0])
}

#[tokio::test]
async fn socket_io_streams_uncrossed_books() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    let open = client.text().await;
    let open = json(open.strip_prefix('0').unwrap());
    assert_eq!(open["upgrades"], json("[]"));
    assert_eq!(open["pingInterval"], 25_000);
    assert_eq!(open["pingTimeout"], 20_000);
    assert_eq!(open["maxPayload"], 1_000_000);
    client.send("40").await;
    let joined = client.text().await;
    let joined = json(joined.strip_prefix("40").unwrap());
    assert_eq!(joined["sid"].as_str().unwrap().len(), 20);

    client.send(SUBSCRIBE).await;
    let mut touches = std::collections::BTreeSet::new();
    for _ in 0..60 {
        touches.insert(touch(&client.text().await));
    }
    assert!(touches.len() > 5, "the touch moves");
    let stats = server.connections();
    assert_eq!((stats.accepted, stats.open), (1, 1));
    assert!(stats.frames >= 62);
}

#[tokio::test]
async fn closes_event_before_join() {
    let server = Server::jayx(quick()).await.unwrap();
    for packet in ["hello", "42[\"orderbook\",{}]"] {
        let mut client = Client::connect(server.addr(), SOCKET_IO).await;
        client.text().await;
        client.send(packet).await;
        assert_eq!(client.close_code().await, 1008);
    }
}

#[tokio::test]
async fn leave_packets_close_connection() {
    let server = Server::jayx(quick()).await.unwrap();
    for packet in ["1", "41"] {
        let mut client = joined(&server).await;
        client.send(packet).await;
        assert_eq!(client.close_code().await, 1000);
    }
}

#[tokio::test]
async fn heartbeat_closes_silent_client() {
    let config = Config {
        ping_interval: Duration::from_millis(20),
        ping_timeout: Duration::from_millis(200),
        ..quick()
    };
    let server = Server::jayx(config).await.unwrap();
    let mut client = joined(&server).await;
    for _ in 0..5 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
    }
    assert_eq!(client.text().await, "2");
    assert_eq!(client.close_code().await, 1008);
}

#[tokio::test]
async fn closes_without_join() {
    let config = Config {
        join_timeout: Duration::from_millis(30),
        ..quick()
    };
    let server = Server::jayx(config).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    assert_eq!(client.close_code().await, 1008);
}

#[tokio::test]
async fn requires_engine_io_4() {
    let server = Server::jayx(quick()).await.unwrap();
    for query in ["", "?EIO=3&transport=websocket", "?EIO=4&transport=polling"] {
        let (head, _) = upgrade(server.addr(), &format!("/socket.io/{query}")).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    }
}

/// A polling client.
struct Polling {
    addr: std::net::SocketAddr,
    query: String,
}

impl Polling {
    const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

    async fn open(server: &Server) -> Self {
        let addr = server.addr();
        let (status, _, open) = request(addr, "GET", Self::OPEN, "").await;
        assert_eq!(status, 200, "{open}");
        let open = json(open.strip_prefix('0').unwrap());
        assert_eq!(open["upgrades"], json(r#"["websocket"]"#));
        let query = format!("&sid={}", open["sid"].as_str().unwrap());
        Self { addr, query }
    }

    async fn request(&self, method: &str, body: &str) -> (u16, String) {
        let target = format!("{}{}", Self::OPEN, self.query);
        let (status, _, body) = request(self.addr, method, &target, body).await;
        (status, body)
    }

    async fn post(&self, packets: &[&str]) {
        let response = self.request("POST", &packets.join("\u{1e}")).await;
        assert_eq!(response, (200, "ok".to_owned()));
    }

    async fn get(&self) -> Vec<String> {
        let (status, body) = self.request("GET", "").await;
        assert_eq!(status, 200, "{body}");
        body.split('\u{1e}').map(str::to_owned).collect()
    }

    async fn joined(server: &Server) -> Self {
        let client = Self::open(server).await;
        client.post(&["40"]).await;
        assert!(client.get().await[0].starts_with("40{\"sid\":\""));
        client
    }
}

#[tokio::test]
async fn polling_client_receives_books() {
    let server = Server::jayx(quick()).await.unwrap();
    let client = Polling::joined(&server).await;
    client.post(&[SUBSCRIBE]).await;
    for _ in 0..5 {
        for packet in client.get().await {
            touch(&packet);
        }
    }
    client.post(&["41", "1"]).await;
    assert_eq!(client.get().await.last().unwrap(), "1");
}

#[tokio::test]
async fn polling_client_upgrades() {
    let server = Server::jayx(quick()).await.unwrap();
    let client = Polling::joined(&server).await;
    let target = format!("{SOCKET_IO}{}", client.query);
    let mut invalid = Client::connect(server.addr(), &target).await;
    invalid.send("42[\"orderbook\"]").await;
    assert_eq!(invalid.close_code().await, 1008);
    let mut upgraded = Client::connect(server.addr(), &target).await;
    let probing = async {
        upgraded.send("2probe").await;
        assert_eq!(upgraded.text().await, "3probe");
    };
    // The probe ends the pending request, so that packets use only one transport.
    let (packets, ()) = tokio::join!(client.get(), probing);
    assert_eq!(packets, ["6"]);
    upgraded.send("5").await;
    upgraded.send(SUBSCRIBE).await;
    touch(&upgraded.text().await);
    assert_eq!(client.get().await, ["6"]);
    let mut late = Client::connect(server.addr(), &target).await;
    late.send("2probe").await;
    late.send("5").await;
    assert_eq!(late.text().await, "3probe");
    assert_eq!(late.close_code().await, 1008);
}

/// The ping is later than the upgrade timeout. Takes over a second, because sockets have no virtual clock.
#[tokio::test]
async fn poll_outlasts_upgrade_timeout() {
    let config = Config {
        ping_interval: Duration::from_millis(600),
        ping_timeout: Duration::from_millis(600),
        limits: Limits {
            upgrade_timeout: Duration::from_millis(200),
            ..Limits::default()
        },
        ..quick()
    };
    let server = Server::jayx(config).await.unwrap();
    let client = Polling::joined(&server).await;
    assert_eq!(client.get().await, ["2"]);
    // The missing pong closes the connection.
    assert_eq!(client.get().await, ["1"]);
    // A new client removes the closed one.
    Polling::open(&server).await;
    assert_eq!(client.request("GET", "").await.0, 400);
}

#[tokio::test]
async fn rejects_invalid_polls() {
    let limits = Limits {
        max_message: 10_000,
        max_connections: 2,
        ..Limits::default()
    };
    let server = Server::jayx(Config { limits, ..quick() }).await.unwrap();
    let client = Polling::joined(&server).await;
    let own = format!("transport=polling&EIO=4{}", client.query);
    let long = "x".repeat(10_001);
    for (method, query, body, status, code) in [
        ("GET", "EIO=4&transport=carrier-pigeon", "", 400, 0),
        ("GET", "EIO=4&transport=polling&sid=x", "", 400, 1),
        ("POST", "EIO=4&transport=polling", "40", 400, 2),
        ("PUT", &own, "", 400, 3),
        ("GET", "EIO=3&transport=polling", "", 400, 5),
    ] {
        let target = format!("/socket.io/?{query}");
        let (actual, _, error) = request(server.addr(), method, &target, body).await;
        assert_eq!(actual, status, "{query}");
        assert_eq!(json(&error)["code"], code, "{query}");
    }
    assert_eq!(client.request("POST", &long).await.0, 413);
    // The second of two concurrent requests is rejected, the first one waits for a packet.
    let (one, other) = (client.request("GET", ""), client.request("GET", ""));
    tokio::pin!(one, other);
    let (rejected, waiting) = tokio::select! {
        rejected = &mut one => (rejected, other),
        rejected = &mut other => (rejected, one),
    };
    assert_eq!(rejected.0, 400);
    client.post(&["40"]).await;
    assert_eq!(waiting.await.0, 200);
    // A client that does not fetch its packets is closed.
    client.post(&["x"; 1_001]).await;
    assert_eq!(client.get().await.last().unwrap(), "1");
    Polling::open(&server).await;
    Polling::open(&server).await;
    let (status, ..) = request(server.addr(), "GET", Polling::OPEN, "").await;
    assert_eq!(status, 503);
}

/// The client receives the response although the server does not read the complete request.
#[tokio::test]
async fn oversized_request_receives_response() {
    let server = Server::jayx(quick()).await.unwrap();
    let client = Polling::joined(&server).await;
    let body = "x".repeat(8 * 1024 * 1024);
    assert_eq!(client.request("POST", &body).await.0, 413);
    // A request head without an end.
    let (head, _) = request_raw(server.addr(), body.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
}

#[tokio::test]
async fn closes_binary_and_long_messages() {
    let limits = Limits {
        max_message: 100,
        ..Limits::default()
    };
    let server = Server::jayx(Config { limits, ..quick() }).await.unwrap();
    let mut client = Client::connect(server.addr(), "/").await;
    client.send_frame(true, OpCode::Binary, b"x").await;
    assert_eq!(client.close_code().await, 1003);
    let mut client = Client::connect(server.addr(), "/").await;
    client.send(&"x".repeat(100)).await;
    assert!(matches!(client.receive().await, Received::Text(_)));
    client.send(&"x".repeat(101)).await;
    assert_eq!(client.close_code().await, 1009);
}
