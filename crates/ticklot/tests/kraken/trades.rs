//! Trades: several symbols in one message, and no repeated trade.

use ticklot::kraken::{Command, Kraken, Topic};

use crate::bench::Bench;
use crate::wire::{self, BTC, ETH};

/// A message of trades: symbol, price, second.
fn trades(kind: &str, list: &[(&str, &str, u32)]) -> String {
    let trade = |(symbol, price, second): &(&str, &str, u32)| {
        format!(
            r#"{{"symbol":"{symbol}","side":"buy","price":{price},"qty":1.00,"ord_type":"market","trade_id":{second},"timestamp":"2026-01-01T00:00:{second:02}.000000Z"}}"#
        )
    };
    let list: Vec<String> = list.iter().map(trade).collect();
    let list = list.join(",");
    format!(r#"{{"channel":"trade","type":"{kind}","data":[{list}]}}"#)
}

fn bench() -> Bench {
    let mut bench = Bench::new(Kraken::new([BTC, ETH]).trades(true));
    bench.start(&[BTC, ETH]);
    bench
}

#[test]
fn one_message_has_several_symbols() {
    let mut bench = bench();
    let list = [
        (BTC, "1.1", 1),
        (BTC, "1.2", 2),
        (ETH, "2.1", 3),
        (BTC, "1.3", 4),
    ];
    bench.frame(&trades("update", &list));
    let expected = [
        "BTC/USD trades 11 12",
        "ETH/USD trades 21",
        "BTC/USD trades 13",
    ];
    assert_eq!(bench.events(), expected);
    let kept = bench.books.trades(bench.id(BTC));
    let kept: Vec<i64> = kept.map(|trade| trade.ticks.0).collect();
    assert_eq!(kept, [11, 12, 13]);
}

#[test]
fn snapshots_repeat_nothing() {
    let mut bench = bench();
    bench.frame(&trades("update", &[(BTC, "1.1", 1), (BTC, "1.2", 2)]));
    bench.events();
    let list = [(BTC, "1.1", 1), (BTC, "1.2", 2), (BTC, "1.3", 3)];
    bench.frame(&trades("snapshot", &list));
    assert_eq!(bench.events(), ["BTC/USD trades 13"]);
    bench.frame(&trades("snapshot", &list));
    assert!(bench.events().is_empty());
}

#[test]
fn other_trades_are_dropped() {
    let mut bench = bench();
    bench.command(Command::Unsubscribe(Topic::trades(BTC)));
    bench.frame(&trades("update", &[(BTC, "1.1", 1), (ETH, "2.1", 2)]));
    bench.frame(&trades("update", &[("XX/YY", "3", 1)]));
    assert_eq!(bench.events(), ["ETH/USD trades 21"]);
    assert_eq!(bench.stats().unrequested, 2);
}

#[test]
fn trades_need_no_book() {
    let mut bench = bench();
    let symbol = "SOL/USD";
    bench.command(Command::Subscribe(Topic::trades(symbol)));
    bench.frame(&wire::instruments("update", &[symbol], 1, "online"));
    bench.frame(&trades("update", &[(symbol, "3.1", 1)]));
    assert_eq!(bench.events(), ["SOL/USD trades 31"]);
    assert_eq!(bench.books.len(), 2);
}
