//! Clients that do not read.

use std::time::Duration;

use ticklot_sim::jayx::{Candle, Config, MarketHandle, Symbol};
use ticklot_sim::{MarketConfig, Server};

use crate::{BOOK, MINUTES, ORDERS, Talk, quick};

/// Large books fill the buffers of the connection fast.
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

/// Waits until nothing has been written over many steps of the market.
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

/// The end of an order must not be missed: who is too far behind for that is told so.
#[tokio::test]
async fn closes_client_that_misses_order() {
    let server = Server::jayx(flooding(1)).await.unwrap();
    let mut talk = Talk::connect(&server, None).await;
    talk.ask("openorders", ORDERS).await;
    talk.ask("orderbook", BOOK).await;
    until_stuck(&server, &server.jayx_market().unwrap()).await;
    assert_eq!(talk.client.close_code().await, 1008);
}

/// Candles are caught up with one by one, and the book is the latest.
#[tokio::test]
async fn slow_client_gets_every_candle() {
    let server = Server::jayx(flooding(10_000)).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut talk = Talk::connect(&server, None).await;
    talk.ask("kline", MINUTES).await;
    talk.ask("orderbook", BOOK).await;
    until_stuck(&server, &market).await;
    market.pause();
    let newest = market.candles("BTCUSDT", "1").unwrap();
    let mut told = Vec::new();
    while told.last() != newest.last().map(Candle::id).as_ref() {
        let payload = talk.next_of("kline").await;
        if let Some(id) = payload["add"]["_id"].as_str() {
            told.push(id.to_owned());
        }
    }
    let all: Vec<_> = newest.iter().map(Candle::id).collect();
    assert!(
        told.len() > 3 && all.ends_with(&told),
        "{told:?} of {all:?}"
    );
}
