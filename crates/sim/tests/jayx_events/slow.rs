//! Slow clients.

use std::time::Duration;

use ticklot_sim::jayx::{Candle, Config, MarketHandle, Symbol};
use ticklot_sim::{MarketConfig, Server};

use crate::{BOOK, EventClient, MINUTES, ORDERS, quick};

/// A configuration with large books, which fill the connection's buffers quickly.
fn flooding(backlog: usize) -> Config {
    let market = MarketConfig {
        depth: 120,
        trades: 2_000,
        market_orders: 40,
        ..MarketConfig::btcusdt()
    };
    Config {
        update_every: Duration::from_millis(1),
        backlog,
        symbols: vec![Symbol {
            name: "BTCUSDT".to_owned(),
            market,
        }],
        ..quick()
    }
}

/// Waits until the server has written nothing for many steps.
async fn until_stuck(server: &Server, market: &MarketHandle) {
    let seen = || (server.connections().frames, market.step());
    let mut last = seen();
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let (frames, step) = seen();
        if frames != last.0 {
            last = (frames, step);
        } else if step > last.1 + 40 {
            return;
        }
    }
}

/// A client that would miss the end of an order is closed.
#[tokio::test]
async fn closes_client_that_misses_order() {
    let server = Server::jayx(flooding(1)).await.unwrap();
    let mut client = EventClient::connect(&server, None).await;
    client.subscribe("openorders", ORDERS).await;
    client.subscribe("orderbook", BOOK).await;
    until_stuck(&server, &server.jayx_market().unwrap()).await;
    assert_eq!(client.client.close_code().await, 1008);
}

/// A slow client receives every candle.
#[tokio::test]
async fn slow_client_gets_every_candle() {
    let server = Server::jayx(flooding(10_000)).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut client = EventClient::connect(&server, None).await;
    client.subscribe("kline", MINUTES).await;
    client.subscribe("orderbook", BOOK).await;
    until_stuck(&server, &market).await;
    market.pause();
    let newest = market.candles("BTCUSDT", "1").unwrap();
    let mut received = Vec::new();
    while received.last() != newest.last().map(Candle::id).as_ref() {
        let payload = client.next_of("kline").await;
        if let Some(id) = payload["add"]["_id"].as_str() {
            received.push(id.to_owned());
        }
    }
    let all: Vec<_> = newest.iter().map(Candle::id).collect();
    assert!(received.len() > 3, "{received:?}");
    assert!(all.ends_with(&received), "{received:?} of {all:?}");
}
