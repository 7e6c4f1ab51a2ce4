//! Candles against the trades of the order book.

use std::collections::BTreeMap;

use serde_json::Value;
use ticklot_sim::jayx::{Config, Symbol};
use ticklot_sim::{MarketConfig, Server};

use crate::common::wait_until;
use crate::{BOOK, EventClient, MINUTES, quick};

/// The number of trades in a book, more than occur during a test.
const TRADES: usize = 3_000;

/// A configuration with two symbols whose books contain all trades.
fn with_all_trades() -> Config {
    let market = MarketConfig {
        trades: TRADES,
        market_orders: 2,
        ..MarketConfig::btcusdt()
    };
    let mut config = quick();
    config.symbols = ["BTCUSDT", "ETHUSDT"]
        .map(|name| Symbol {
            name: name.to_owned(),
            market: market.clone(),
        })
        .into();
    config
}

fn int(value: &Value, key: &str) -> i64 {
    let int = value[key].as_i64();
    int.unwrap_or_else(|| panic!("{key} of {value}"))
}

/// `created`, open, high, low, close, volume and `m`.
type Numbers = [i64; 7];

fn numbers(candle: &Value) -> Numbers {
    ["created", "o", "h", "l", "c", "v", "m"].map(|key| int(candle, key))
}

/// The candle of a payload, and whether it is new.
fn candle(payload: &Value) -> (&Value, bool) {
    match &payload["add"] {
        Value::Null => (&payload["modify"], false),
        candle => (candle, true),
    }
}

/// Aggregates trades, newest first, into candles.
fn of_trades(trades: &[Value], seconds: i64) -> BTreeMap<i64, Numbers> {
    let mut candles = BTreeMap::new();
    for trade in trades.iter().rev() {
        let (ticks, lots) = (int(trade, "ticks"), int(trade, "lots"));
        let at = int(trade, "created") / 1_000;
        let created = at - at % seconds;
        let new = [created, ticks, ticks, ticks, ticks, 0, at];
        let candle: &mut Numbers = candles.entry(created).or_insert(new);
        candle[2] = candle[2].max(ticks);
        candle[3] = candle[3].min(ticks);
        candle[4] = ticks;
        candle[5] += lots;
        candle[6] = at;
    }
    candles
}

/// After every step, the received candles must match the received trades.
#[tokio::test]
async fn candles_match_published_trades() {
    let server = Server::jayx(with_all_trades()).await.unwrap();
    let mut client = EventClient::connect(&server, None).await;
    client.subscribe("orderbook", BOOK).await;
    client.subscribe("kline", MINUTES).await;
    let mut candles: BTreeMap<i64, (String, Numbers)> = BTreeMap::new();
    let mut steps = 0;
    while steps < 120 || candles.len() < 4 {
        let (event, payload) = client.next().await;
        if event == "kline" {
            record(&mut candles, &payload);
            continue;
        }
        let trades = payload["trades"].as_array().unwrap();
        assert!(trades.len() < TRADES);
        let expected = of_trades(trades, 60);
        for (created, (_, candle)) in &candles {
            assert_eq!(expected.get(created), Some(candle));
        }
        // Only candles before the subscription may be missing.
        let first = candles.keys().next().copied().unwrap_or(i64::MAX);
        assert_eq!(expected.range(first..).count(), candles.len());
        steps += 1;
    }
}

/// Adds a candle, or updates the one with its id.
fn record(candles: &mut BTreeMap<i64, (String, Numbers)>, payload: &Value) {
    let (candle, is_new) = candle(payload);
    let (id, numbers) = (candle["_id"].as_str().unwrap().to_owned(), numbers(candle));
    assert_eq!(candle["symbol"], "BTCUSDT");
    assert_eq!(numbers[0] % 60, 0);
    match candles.insert(numbers[0], (id.clone(), numbers)) {
        Some((known, _)) => assert!(!is_new && known == id),
        None => assert!(is_new || candles.len() == 1, "the first one may be known"),
    }
}

#[tokio::test]
async fn connection_serves_several_candles() {
    let server = Server::jayx(with_all_trades()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut client = EventClient::connect(&server, None).await;
    let series = [("BTCUSDT", "1"), ("BTCUSDT", "5"), ("ETHUSDT", "1")];
    for (symbol, interval) in series {
        let message =
            format!(r#"{{"category":"spot","symbol":"{symbol}","interval":"{interval}"}}"#);
        client.subscribe("kline", &message).await;
    }
    let mut received: BTreeMap<String, Value> = BTreeMap::new();
    for round in 0.. {
        let (event, payload) = client.next().await;
        if event == "orderbook" {
            break;
        }
        let (candle, _) = candle(&payload);
        let id = candle["_id"].as_str().unwrap().to_owned();
        received.insert(id, candle.clone());
        if round == 300 {
            market.pause();
            // The book is sent last, so that it ends the last step.
            client.subscribe("orderbook", BOOK).await;
        }
    }
    for (symbol, interval) in series {
        let candles = market.candles(symbol, interval).unwrap();
        assert!(candles.len() > 1);
        let last = candles.last().unwrap();
        let candle = &received[&last.id()];
        assert_eq!(candle["symbol"], symbol);
        let [created, open, high, low, close, volume, _] = numbers(candle);
        assert_eq!(u64::try_from(created), Ok(last.created));
        assert_eq!(volume, last.volume.0);
        let prices = [last.open, last.high, last.low, last.close].map(|it| it.0);
        assert_eq!([open, high, low, close], prices);
    }
}

/// The initial message of a subscription has the current candle in `modify`, unless it is the first candle.
#[tokio::test]
async fn subscription_starts_with_current_candle() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    wait_until(|| market.candles("BTCUSDT", "1").unwrap().len() > 1).await;
    market.pause();
    let mut client = EventClient::connect(&server, None).await;
    client.subscribe("kline", MINUTES).await;
    let payload = client.next_of("kline").await;
    assert!(payload["add"].is_null());
    let candles = market.candles("BTCUSDT", "1").unwrap();
    assert_eq!(payload["modify"]["_id"], candles.last().unwrap().id());
}
