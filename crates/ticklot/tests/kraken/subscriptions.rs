//! Requests and their replies: order, batches, refusals, lost replies and commands.

use ticklot::kraken::{Command, Depth, Kraken, MAX_TOPICS, Topic};

use crate::bench::{Bench, SECOND};
use crate::wire::{self, BTC, ETH};

#[test]
fn instruments_precede_books() {
    let mut bench = Bench::new(Kraken::new([BTC, ETH]).trades(true));
    bench.open();
    bench.frame(&wire::status("online"));
    assert_eq!(bench.sent(), ["subscribe instrument"]);
    bench.frame(&wire::instrument_subscribed());
    assert!(bench.sent().is_empty());
    bench.frame(&wire::instruments("snapshot", &[BTC, ETH], 1, "online"));
    let books = "subscribe book BTC/USD,ETH/USD";
    assert_eq!(bench.sent(), [books, "subscribe trade BTC/USD,ETH/USD"]);
    bench.subscribe(BTC);
    let expected = [
        "connected 1",
        "welcome 7",
        "venue status online",
        "subscribed instrument",
        "BTC/USD scale 1 2",
        "ETH/USD scale 1 2",
        "subscribed book:BTC/USD",
        "BTC/USD live snapshot",
    ];
    assert_eq!(bench.events(), expected);
    assert_eq!((bench.state(BTC), bench.state(ETH)), ("live", "empty"));
}

#[test]
fn instruments_are_awaited_ten_seconds() {
    let mut bench = Bench::new(Kraken::new([BTC]));
    bench.open();
    bench.frame(&wire::status("online"));
    // The first request has no reply, and is sent again.
    bench.events();
    assert!(bench.pass(9 * SECOND).is_none());
    assert_eq!(bench.sent(), ["subscribe instrument"; 2]);
    assert_eq!(bench.events(), ["unconfirmed instrument 1"]);
    let end = bench.pass(2 * SECOND).unwrap();
    assert_eq!(end.to_string(), "the handshake took too long");
}

#[test]
fn instrument_list_confirms_subscription() {
    let mut bench = Bench::new(Kraken::new([BTC]));
    bench.open();
    bench.sent();
    bench.frame(&wire::instruments("snapshot", &[BTC], 1, "online"));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.settle(BTC);
}

#[test]
fn a_hundred_symbols_a_message() {
    let symbols: Vec<String> = (0..250).map(|n| format!("S{n}/USD")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut bench = Bench::new(Kraken::new(symbols.iter().copied()));
    bench.listed(&symbols);
    let sent = bench.requests();
    let sizes: Vec<usize> = sent.iter().map(|(_, it)| it.symbols.len()).collect();
    assert_eq!(sizes, [0, 100, 100, 50]);
}

#[test]
fn requests_name_the_depth() {
    let mut bench = Bench::new(Kraken::new([BTC]).depth(Depth::D100));
    bench.listed(&[BTC]);
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    let sent = bench.requests();
    let depths: Vec<Option<u64>> = sent.iter().map(|(_, it)| it.depth).collect();
    assert_eq!(depths, [None, Some(100), Some(100)]);
}

#[test]
fn refusals_name_their_topic() {
    let mut bench = Bench::new(Kraken::new([BTC, "XX/YY"]).trades(true));
    bench.listed(&[BTC]);
    bench.events();
    let text = "Currency pair not supported XX/YY";
    bench.frame(&wire::subscribed("book", BTC));
    bench.frame(&wire::refused("subscribe", "XX/YY", text));
    bench.frame(&wire::subscribed("trade", BTC));
    bench.frame(&wire::refused("subscribe", "XX/YY", text));
    let expected = [
        "subscribed book:BTC/USD".to_owned(),
        format!("refused book:XX/YY: {text}"),
        "subscribed trade:BTC/USD".to_owned(),
        format!("refused trade:XX/YY: {text}"),
    ];
    assert_eq!(bench.events(), expected);
    bench.sent();
    bench.beat(60);
    assert!(bench.sent().is_empty(), "refused topics are not sent again");
}

#[test]
fn a_late_refusal_changes_nothing() {
    let mut bench = Bench::live(&[BTC, ETH]);
    // A second unsubscription is sent, because the reply to the first is late.
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    bench.beat(6);
    assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"; 2]);
    bench.frame(&wire::unsubscribed("book", BTC));
    bench.command(Command::Subscribe(Topic::book(BTC)));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.frame(&wire::refused("unsubscribe", BTC, "Subscription Not Found"));
    assert!(
        bench
            .events()
            .contains(&"refused -: Subscription Not Found".to_owned())
    );
    bench.settle(BTC);
}

#[test]
fn live_book_is_already_subscribed() {
    let mut bench = Bench::listing(&[BTC]);
    bench.frame(&wire::snapshot(BTC));
    bench.sent();
    // The acknowledgement is lost.
    bench.beat(6);
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.frame(&wire::refused("subscribe", BTC, "Already subscribed"));
    bench.beat(60);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.state(BTC), "live");
}

#[test]
fn quick_return_is_already_subscribed() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    bench.command(Command::Subscribe(Topic::book(BTC)));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.frame(&wire::refused("subscribe", BTC, "Already subscribed"));
    assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"]);
    bench.frame(&wire::unsubscribed("book", BTC));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.subscribe(BTC);
    assert_eq!(bench.state(BTC), "live");
}

#[test]
fn rate_limit_repeats_one_symbol() {
    for text in ["EAPI:Rate limit exceeded", "Exceeded msg rate"] {
        let mut bench = Bench::listing(&[BTC, ETH]);
        bench.sent();
        bench.frame(&wire::refused("subscribe", BTC, text));
        bench.frame(&wire::subscribed("book", ETH));
        assert!(bench.sent().is_empty(), "nothing for two windows");
        bench.beat(3);
        assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
        assert_eq!(bench.stats().rate_limited, 1);
    }
}

#[test]
fn rate_limit_repeats_message() {
    let mut bench = Bench::listing(&[BTC, ETH]);
    bench.sent();
    bench.frame(r#"{"error":"Rate limit exceeded","method":"subscribe","success":false}"#);
    assert!(bench.sent().is_empty());
    bench.beat(3);
    assert_eq!(bench.sent(), ["subscribe book BTC/USD,ETH/USD"]);
}

#[test]
fn lost_acknowledgements_are_repeated() {
    let mut bench = Bench::listing(&[BTC]);
    bench.sent();
    bench.beat(16);
    // After another 5 and 10 seconds.
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"; 2]);
    bench.settle(BTC);
}

#[test]
fn commands_subscribe_and_unsubscribe() {
    let mut bench = Bench::live(&[BTC]);
    bench.command(Command::Subscribe(Topic::book(ETH)));
    assert_eq!(bench.sent(), ["subscribe book ETH/USD"]);
    bench.frame(&wire::instruments("update", &[ETH], 1, "online"));
    bench.subscribe(ETH);
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    assert_eq!(bench.sent(), ["unsubscribe book BTC/USD"]);
    bench.frame(&wire::update(BTC));
    bench.frame(&wire::unsubscribed("book", BTC));
    let expected = [
        "ETH/USD scale 1 2",
        "subscribed book:ETH/USD",
        "ETH/USD live snapshot",
        "BTC/USD disconnected unsubscribed",
        "unsubscribed book:BTC/USD",
    ];
    assert_eq!(bench.events(), expected);
    assert_eq!(bench.stats().unrequested, 1);
    bench.command(Command::Subscribe(Topic::book(BTC)));
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.subscribe(BTC);
    assert_eq!(bench.state(BTC), "live");
}

#[test]
fn commands_before_the_connection() {
    let mut bench = Bench::new(Kraken::new([BTC]));
    bench.command(Command::Subscribe(Topic::book(ETH)));
    bench.command(Command::Unsubscribe(Topic::book(BTC)));
    bench.listed(&[BTC, ETH]);
    assert_eq!(
        bench.sent(),
        ["subscribe instrument", "subscribe book ETH/USD"]
    );
}

#[test]
fn abandoned_subscription_is_ended_once() {
    let mut bench = Bench::live(&[BTC]);
    bench.command(Command::Subscribe(Topic::book(ETH)));
    assert_eq!(bench.sent(), ["subscribe book ETH/USD"]);
    bench.command(Command::Unsubscribe(Topic::book(ETH)));
    bench.frame(&wire::subscribed("book", ETH));
    assert_eq!(bench.sent(), ["unsubscribe book ETH/USD"]);
    bench.frame(&wire::unsubscribed("book", ETH));
    assert!(bench.sent().is_empty());
}

#[test]
fn orphan_is_unsubscribed() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(&wire::subscribed("book", ETH));
    assert_eq!(bench.sent(), ["unsubscribe book ETH/USD"]);
}

#[test]
fn too_many_topics_are_refused() {
    let symbols: Vec<String> = (0..MAX_TOPICS).map(|n| format!("S{n}/USD")).collect();
    assert!(Kraken::new(symbols.iter().cloned()).build().is_err());
    let venue = Kraken::new(symbols.into_iter().skip(1));
    let mut bench = Bench::new(venue);
    bench.command(Command::Subscribe(Topic::book(BTC)));
    bench.command(Command::Subscribe(Topic::book("")));
    let expected = [
        "refused book:BTC/USD: too many topics",
        "refused -: an empty symbol",
    ];
    assert_eq!(bench.events(), expected);
}

#[test]
fn a_venue_may_unsubscribe() {
    let mut bench = Bench::live(&[BTC, ETH]);
    bench.frame(&wire::unsubscribed("book", BTC));
    let expected = [
        "BTC/USD gap resync",
        "unsubscribed book:BTC/USD",
        "BTC/USD resync 1 requested",
    ];
    assert_eq!(bench.events(), expected);
    assert!(bench.sent().is_empty(), "not at once");
    bench.beat(2);
    assert_eq!(bench.sent(), ["subscribe book BTC/USD"]);
    bench.subscribe(BTC);
    assert_eq!((bench.state(BTC), bench.state(ETH)), ("live", "live"));
}

#[test]
fn a_venue_may_unsubscribe_early() {
    let mut bench = Bench::listing(&[BTC]);
    bench.sent();
    // The acknowledgement of the subscription is lost.
    bench.frame(&wire::snapshot(BTC));
    bench.frame(&wire::unsubscribed("book", BTC));
    assert_eq!(bench.state(BTC), "gap");
    bench.beat(6);
    let expected = ["unsubscribe book BTC/USD", "subscribe book BTC/USD"];
    assert_eq!(bench.sent(), expected);
}

#[test]
fn unknown_channels_are_reported() {
    let mut bench = Bench::live(&[BTC]);
    bench.frame(r#"{"channel":"ohlc","type":"update","data":[]}"#);
    bench.frame(r#"{"method":"add_order","result":{},"success":true}"#);
    bench.frame(&wire::subscribed("level3", BTC));
    let expected = ["unknown ohlc", "unknown add_order", "unknown level3"];
    assert_eq!(bench.events(), expected);
    assert_eq!(bench.stats().unknown, 3);
}

#[test]
fn a_log_may_unsubscribe() {
    let mut bench = Bench::new(Kraken::any());
    bench.open();
    bench.frame(&wire::instruments("snapshot", &[BTC], 1, "online"));
    bench.subscribe(BTC);
    assert_eq!(bench.state(BTC), "live");
    bench.frame(&wire::unsubscribed("book", BTC));
    assert_eq!(bench.state(BTC), "disconnected");
    bench.frame(&wire::snapshot(BTC));
    assert_eq!(bench.state(BTC), "live");
    assert!(bench.sent().is_empty());
}

#[test]
fn another_depth_removes_the_book() {
    let mut bench = Bench::new(Kraken::any());
    bench.open();
    bench.frame(&wire::instruments("snapshot", &[BTC], 1, "online"));
    bench.frame(&wire::snapshot(BTC));
    let old = bench.id(BTC);
    let ack = wire::subscribed("book", BTC)
        .replace(r#""channel":"book""#, r#""channel":"book","depth":25"#);
    bench.frame(&ack);
    assert_eq!(bench.books.len(), 1);
    assert!(bench.books.last_known(old).is_none());
    assert_ne!(bench.id(BTC), old);
    bench.frame(&wire::snapshot(BTC));
    bench.frame(&wire::update(BTC));
    assert_eq!(bench.state(BTC), "live");
}
