//! Candles against the trades that are sent with the book.

use std::collections::BTreeMap;

use serde_json::Value;
use ticklot_sim::jayx::{Config, Symbol};
use ticklot_sim::{MarketConfig, Server};

use crate::{BOOK, MINUTES, Talk, quick};

/// Every trade of a test is still in the last book.
const TRADES: usize = 3_000;

fn remembering() -> Config {
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
    value[key]
        .as_i64()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

/// `created`, open, high, low, close, volume and `m`.
type Numbers = [i64; 7];

fn numbers(candle: &Value) -> Numbers {
    ["created", "o", "h", "l", "c", "v", "m"].map(|key| int(candle, key))
}

/// The candles of trades, which come newest first.
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

/// After every step, the candles that were told are those of the trades that were told.
#[tokio::test]
async fn candles_match_published_trades() {
    let server = Server::jayx(remembering()).await.unwrap();
    let mut talk = Talk::connect(&server, None).await;
    talk.ask("orderbook", BOOK).await;
    talk.ask("kline", MINUTES).await;
    let mut told: BTreeMap<i64, (String, Numbers)> = BTreeMap::new();
    let mut steps = 0;
    while steps < 120 || told.len() < 4 {
        let (event, payload) = talk.next().await;
        if event == "kline" {
            tell(&mut told, &payload);
            continue;
        }
        let trades = payload["trades"].as_array().unwrap();
        assert!(trades.len() < TRADES);
        let made = of_trades(trades, 60);
        for (created, (_, candle)) in &told {
            assert_eq!(made.get(created), Some(candle));
        }
        // None is left out, but those before the subscription.
        let first = told.keys().next().copied().unwrap_or(i64::MAX);
        assert_eq!(made.range(first..).count(), told.len());
        steps += 1;
    }
}

/// Adds a candle, or changes the one that has its id.
fn tell(told: &mut BTreeMap<i64, (String, Numbers)>, payload: &Value) {
    let is_new = !payload["add"].is_null();
    let candle = if is_new {
        &payload["add"]
    } else {
        &payload["modify"]
    };
    let (id, numbers) = (candle["_id"].as_str().unwrap().to_owned(), numbers(candle));
    assert_eq!(candle["symbol"], "BTCUSDT");
    assert_eq!(numbers[0] % 60, 0);
    match told.insert(numbers[0], (id.clone(), numbers)) {
        Some((known, _)) => assert!(!is_new && known == id),
        None => assert!(is_new || told.len() == 1, "only the current one is known"),
    }
}

#[tokio::test]
async fn connection_serves_several_candles() {
    let server = Server::jayx(remembering()).await.unwrap();
    let market = server.jayx_market().unwrap();
    let mut talk = Talk::connect(&server, None).await;
    let asked = [("BTCUSDT", "1"), ("BTCUSDT", "5"), ("ETHUSDT", "1")];
    for (symbol, interval) in asked {
        let message =
            format!(r#"{{"category":"spot","symbol":"{symbol}","interval":"{interval}"}}"#);
        talk.ask("kline", &message).await;
    }
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for round in 0.. {
        let payload = talk.next_of("kline").await;
        for candle in [&payload["add"], &payload["modify"]] {
            if let Some(id) = candle["_id"].as_str() {
                told.insert(id.to_owned(), candle.clone());
            }
        }
        if round == 300 {
            market.pause();
            break;
        }
    }
    // The book is told last of all: what comes before it completes the step.
    talk.ask("orderbook", BOOK).await;
    loop {
        let (event, payload) = talk.next().await;
        if event == "orderbook" {
            break;
        }
        let candle = if payload["add"].is_null() {
            &payload["modify"]
        } else {
            &payload["add"]
        };
        told.insert(candle["_id"].as_str().unwrap().to_owned(), candle.clone());
    }
    for (symbol, interval) in asked {
        let candles = market.candles(symbol, interval).unwrap();
        assert!(candles.len() > 1);
        let last = candles.last().unwrap();
        let seen = &told[&last.id()];
        assert_eq!(seen["symbol"], symbol);
        let [created, open, high, low, close, volume, _] = numbers(seen);
        assert_eq!(
            (u64::try_from(created).unwrap(), volume),
            (last.created, last.volume.0)
        );
        let prices = [last.open, last.high, last.low, last.close].map(|it| it.0);
        assert_eq!([open, high, low, close], prices);
    }
}

/// Whoever comes when there is more than one candle is told the current one as known.
#[tokio::test]
async fn subscription_starts_with_current_candle() {
    let server = Server::jayx(quick()).await.unwrap();
    let market = server.jayx_market().unwrap();
    while market.candles("BTCUSDT", "1").unwrap().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    market.pause();
    let mut talk = Talk::connect(&server, None).await;
    talk.ask("kline", MINUTES).await;
    let payload = talk.next_of("kline").await;
    assert!(payload["add"].is_null());
    let candles = market.candles("BTCUSDT", "1").unwrap();
    assert_eq!(payload["modify"]["_id"], candles.last().unwrap().id());
}
