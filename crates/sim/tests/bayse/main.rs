//! The Bayse Markets server, over real sockets.
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
use ticklot_sim::bayse::Config;
use ticklot_sim::{Rate, Server};

const MARKETS: &str = "/ws/v1/markets";
const REALTIME: &str = "/ws/v1/realtime";
const USER: &str = "/ws/v1/user";
const AUTH: &str = r#""auth":{"apiKey":"pk_demo_ticklot"}"#;

/// A server for impatient tests: everything moves fast, and a client may talk a lot.
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

async fn connected(server: &Server, endpoint: &str) -> Client {
    let mut client = Client::connect(server.addr(), endpoint).await;
    let hello = json(&client.text().await);
    assert_eq!(hello["type"], "connected");
    assert_eq!(hello["status"], "connected");
    assert_eq!(
        hello["message"],
        "Successfully connected to WebSocket server"
    );
    assert_eq!(hello["clientId"].as_str().unwrap().len(), 36);
    assert!(hello["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    client
}

/// The answer to a message must be this error.
async fn refused(client: &mut Client, message: &str, error: &str) {
    client.send(message).await;
    let answer = json(&client.text().await);
    assert_eq!(answer["type"], "error", "{message}");
    assert_eq!(answer["data"]["message"], error, "{message}");
    assert!(answer["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
}
