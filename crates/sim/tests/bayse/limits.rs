//! How much a client may ask for, and how slow it may be.

use std::time::Duration;

use ticklot_book::Ticks;
use ticklot_sim::bayse::{Config, Event, Listing};
use ticklot_sim::{Rate, Server};
use tokio::time::sleep;

use crate::common::{Client, Seen, json, upgrade};
use crate::{MARKETS, REALTIME, USER, connected, quick, refused};

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

/// Half a second instead of one, so that the test is over sooner; long enough for eleven messages
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
    // Whatever it is, it counts.
    for message in [r#"{"type":"ping"}"#, "{"].into_iter().cycle().take(10) {
        client.send(message).await;
        let answer = json(&client.text().await);
        assert_ne!(answer["data"]["message"], TOO_MANY);
    }
    for _ in 0..2 {
        refused(&mut client, r#"{"type":"ping"}"#, TOO_MANY).await;
    }
    // Each connection has a limit of its own.
    let mut other = connected(&server, MARKETS).await;
    refused(&mut other, "{", "Invalid message format").await;
    sleep(per).await;
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(json(&client.text().await)["type"], "pong");
}

#[tokio::test]
async fn excess_upgrades_get_retry_after() {
    let per = Duration::from_millis(600);
    let config = Config {
        upgrades: Rate { count: 3, per },
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    // What is no upgrade does not count.
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

/// An event with so many fills that sockets are full at once.
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

/// Subscribes, and reads nothing until the server cannot write any more, for a few steps. Then
/// everything stands still.
async fn stall(server: &Server, ask: &str) -> Client {
    let mut client = connected(server, MARKETS).await;
    client.send(ask).await;
    let market = server.bayse_market().unwrap();
    loop {
        let (frames, step) = (server.connections().frames, market.step());
        while market.step() < step + 20 {
            sleep(Duration::from_millis(1)).await;
        }
        // Past the greeting and the confirmation, and nothing more for many steps.
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
    let ask = r#"{"type":"subscribe","channel":"activity","eventId":"evt_flood"}"#;
    let mut client = stall(&server, ask).await;
    assert_eq!(client.close_code().await, 1008);
}

/// One that only looks at books loses some of them, and nothing else.
#[tokio::test]
async fn slow_client_skips_old_books() {
    let server = Server::bayse(flood(4)).await.unwrap();
    let ids: Vec<_> = (0..10).map(|n| format!("\"mkt_m{n}\"")).collect();
    let ids = ids.join(",");
    let ask = format!(r#"{{"type":"subscribe","channel":"orderbook","marketIds":[{ids}]}}"#);
    let mut client = stall(&server, &ask).await;
    client.send(r#"{"type":"ping"}"#).await;
    loop {
        let Seen::Text(frame) = client.see().await else {
            panic!("still open");
        };
        if frame.starts_with(br#"{"type":"pong""#) {
            return;
        }
    }
}
