//! Tests of the Bayse Markets server over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod books;
mod channels;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod limits;
mod rest;

use std::time::Duration;

use common::{Client, json};
use serde_json::Value;
use ticklot_sim::bayse::Config;
use ticklot_sim::{Rate, Server};

const MARKETS: &str = "/ws/v1/markets";
const REALTIME: &str = "/ws/v1/realtime";
const USER: &str = "/ws/v1/user";
const AUTH: &str = r#""auth":{"apiKey":"pk_demo_ticklot"}"#;

/// A configuration with fast markets and a high message rate limit.
fn quick() -> Config {
    Config {
        update_every: Duration::from_millis(5),
        asset_price_every: Duration::from_millis(5),
        messages: Rate {
            count: 1_000,
            per: Duration::from_secs(1),
        },
        ..Config::default()
    }
}

/// A configuration whose markets make only their first step.
fn slow() -> Config {
    Config {
        update_every: Duration::from_secs(3_600),
        ..quick()
    }
}

async fn connected(server: &Server, endpoint: &str) -> Client {
    let mut client = Client::connect(server.addr(), endpoint).await;
    let hello = json(&client.text().await);
    assert_eq!(hello["type"], "connected");
    assert_eq!(hello["status"], "connected");
    let message = "Successfully connected to WebSocket server";
    assert_eq!(hello["message"], message);
    assert_eq!(hello["clientId"].as_str().unwrap().len(), 36);
    assert!(hello["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    client
}

/// Subscribes to a channel, given with the other fields of the request. The next messages must confirm the rooms.
async fn subscribe(client: &mut Client, channel: &str, rooms: &[&str]) {
    let request = format!(r#"{{"type":"subscribe","channel":{channel}}}"#);
    client.send(&request).await;
    for room in rooms {
        let text = client.text().await;
        assert!(
            text.starts_with(&confirmation("subscribed", "Subscribed to", room)),
            "{text}"
        );
    }
}

/// The start of the message that confirms a subscription or its end.
fn confirmation(kind: &str, message: &str, room: &str) -> String {
    format!(r#"{{"type":"{kind}","room":"{room}","message":"{message}: {room}","timestamp":"#)
}

/// The messages of one frame.
async fn lines(client: &mut Client) -> Vec<Value> {
    client.text().await.lines().map(json).collect()
}

/// Sends a ping with additional fields. The next message must be its pong.
async fn ping(client: &mut Client, fields: &str) {
    client.send(&format!(r#"{{"type":"ping"{fields}}}"#)).await;
    let pong = client.text().await;
    assert!(pong.starts_with(r#"{"type":"pong","timestamp":"#), "{pong}");
}

/// Sends a message. The reply must be this error.
async fn rejected(client: &mut Client, message: &str, error: &str) {
    client.send(message).await;
    let reply = json(&client.text().await);
    assert_eq!(reply["type"], "error", "{message}");
    assert_eq!(reply["data"]["message"], error, "{message}");
    assert!(reply["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
}
