//! Rate limits, and slow clients.

use std::time::Duration;

use ticklot_book::Ticks;
use ticklot_sim::bayse::{Config, Event, Listing};
use ticklot_sim::{Rate, Server};
use tokio::time::sleep;

use crate::common::{Client, json, upgrade, wait_until};
use crate::{MARKETS, REALTIME, USER, connected, ping, quick, rejected};

const TOO_MANY: &str = "rate limit exceeded: too many messages";

#[test]
fn default_limits_match_documentation() {
    let config = Config::default();
    let ten_a_second = Rate {
        count: 10,
        per: Duration::from_secs(1),
    };
    assert_eq!(config.messages, ten_a_second);
    assert_eq!(config.ping_every, Duration::from_secs(54));
    assert_eq!(config.pong_timeout, Duration::from_secs(60));
}

/// The limit applies per half second instead of per second, for a faster test. This is enough time for eleven messages
/// on a busy machine.
#[tokio::test]
async fn eleventh_message_exceeds_rate_limit() {
    let per = Duration::from_millis(500);
    let config = Config {
        messages: Rate { count: 10, per },
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut client = connected(&server, REALTIME).await;
    // Invalid messages count too.
    for message in [r#"{"type":"ping"}"#, "{"].into_iter().cycle().take(10) {
        client.send(message).await;
        let reply = json(&client.text().await);
        assert_ne!(reply["data"]["message"], TOO_MANY);
    }
    for _ in 0..2 {
        rejected(&mut client, r#"{"type":"ping"}"#, TOO_MANY).await;
    }
    // Each connection has a separate limit.
    let mut other = connected(&server, MARKETS).await;
    rejected(&mut other, "{", "Invalid message format").await;
    sleep(per).await;
    ping(&mut client, "").await;
}

#[tokio::test]
async fn excess_upgrades_get_retry_after() {
    let per = Duration::from_millis(600);
    let config = Config {
        upgrades: Rate { count: 3, per },
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    // Rejected requests do not count.
    for _ in 0..5 {
        let (head, _) = upgrade(server.addr(), "/ws/v1/nothing").await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    }
    for endpoint in [MARKETS, REALTIME, USER] {
        connected(&server, endpoint).await;
    }
    let (head, _) = upgrade(server.addr(), MARKETS).await;
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 429 "), "{head}");
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    sleep(per).await;
    connected(&server, MARKETS).await;
}

/// A configuration with many markets in one event, whose fills fill the socket buffers quickly.
fn flood(backlog: usize) -> Config {
    let markets: Vec<_> = (0..30)
        .map(|n| Listing::new(&format!("m{n}"), Ticks(50)))
        .collect();
    let event = Event {
        id: "evt_flood".to_owned(),
        markets: markets.iter().map(|it| it.market_id.clone()).collect(),
        ..Event::rate_cut()
    };
    Config {
        markets,
        events: vec![event],
        update_every: Duration::from_millis(1),
        backlog,
        ..quick()
    }
}

/// Subscribes, and reads nothing until the server's writes have blocked for several steps. Then pauses the markets.
async fn stall(server: &Server, request: &str) -> Client {
    let mut client = connected(server, MARKETS).await;
    client.send(request).await;
    let market = server.bayse_market().unwrap();
    loop {
        let (frames, step) = (server.connections().frames, market.step());
        wait_until(|| market.step() >= step + 20).await;
        // The greeting and the confirmation were written, but nothing else for many steps.
        if frames >= 2 && server.connections().frames == frames {
            break;
        }
    }
    market.pause();
    client
}

#[tokio::test]
async fn closes_client_that_misses_fills() {
    let server = Server::bayse(flood(4)).await.unwrap();
    let request = r#"{"type":"subscribe","channel":"activity","eventId":"evt_flood"}"#;
    let mut client = stall(&server, request).await;
    assert_eq!(client.close_code().await, 1008);
}

/// A slow client without subscriptions to fills stays connected.
#[tokio::test]
async fn slow_client_skips_old_books() {
    let server = Server::bayse(flood(4)).await.unwrap();
    let ids: Vec<_> = (0..10).map(|n| format!("\"mkt_m{n}\"")).collect();
    let ids = ids.join(",");
    let request = format!(r#"{{"type":"subscribe","channel":"orderbook","marketIds":[{ids}]}}"#);
    let mut client = stall(&server, &request).await;
    client.send(r#"{"type":"ping"}"#).await;
    while !client.text().await.starts_with(r#"{"type":"pong""#) {}
}
