//! JayX: several topics on a connection, and what is kept beside the books.

use ticklot::jayx::{ApiKey, BuildError, Envelope, JayX, Plan, SubscribeError, Topic};
use ticklot::{BookId, Candles, Disconnect, Instrument, OrderId, Venue, VenueName};

use crate::bench::{Bench, OPEN, SECOND, options};

fn everything(envelope: Envelope) -> Bench<JayX> {
    let venue = JayX::new("BTCUSDT")
        .envelope(envelope)
        .key(ApiKey::new("ak_0123456789"))
        .follow(Topic::kline("BTCUSDT", "1"))
        .follow(Topic::kline("ETHUSDT", "60"))
        .follow(Topic::Positions)
        .follow(Topic::open_orders("BTCUSDT"));
    Bench::new(venue.build().unwrap(), options())
}

fn candles<'a>(bench: &'a Bench<JayX>, symbol: &str, interval: &str) -> Option<&'a Candles> {
    let instrument = Instrument::of_symbol(VenueName::JAYX, symbol);
    bench.books.candles(&instrument, interval)
}

fn kline(symbol: &str, change: &str, opened: i64, close: i64) -> String {
    let other = if change == "add" { "modify" } else { "add" };
    format!(
        r#"42["kline",{{"{change}":{{"_id":"664a","created":{opened},"o":1,"h":9,"l":1,"c":{close},"v":5,"m":{opened},"symbol":"{symbol}"}},"{other}":null}}]"#
    )
}

fn order(id: i64, state: &str) -> String {
    format!(
        r#"{{"id":{id},"type":"LIMIT","state":"{state}","side":"BUY","resd":1,"exec":0,"cost":0,"lastLots":null,"lastTicks":null,"created":1,"modified":1,"symbol":"BTCUSDT","price":"10.5","quantity":"2"}}"#
    )
}

#[test]
fn the_servers_reason_reaches_the_user() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    bench.frame(OPEN);
    bench.frame("40");
    bench.told();
    bench.frame(r#"42["error",{"message":"unknown symbol"}]"#);
    assert_eq!(bench.told(), ["refused unknown symbol"]);

    let mut plain = everything(Envelope::Plain);
    plain.open();
    plain.told();
    plain.frame(r#"{"error":{"message":"unknown symbol"}}"#);
    assert_eq!(plain.told(), ["refused unknown symbol"]);
}

#[test]
fn everything_is_subscribed_to_and_again_after_a_reconnect() {
    let mut bench = everything(Envelope::SocketIo);
    for _ in 0..2 {
        bench.open();
        bench.frame(OPEN);
        assert_eq!(bench.sent(), ["40"]);
        bench.frame("40");
        assert_eq!(
            bench.sent(),
            [
                r#"42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#,
                r#"42["kline",{"category":"spot","symbol":"BTCUSDT","interval":"1"}]"#,
                r#"42["kline",{"category":"spot","symbol":"ETHUSDT","interval":"60"}]"#,
                r#"42["positions",{"apiKey":"ak_0123456789","category":"spot"}]"#,
                r#"42["openorders",{"apiKey":"ak_0123456789","category":"spot","symbol":"BTCUSDT"}]"#,
            ]
        );
        bench.end(&Disconnect::Silent);
        bench.now.0 += 60 * SECOND;
    }
    let mut plain = everything(Envelope::Plain);
    plain.open();
    assert_eq!(plain.sent().len(), 5, "at once");
}

/// A server that repeats its packets draws one subscription, on each connection.
#[test]
fn repeated_packets_of_the_handshake_draw_one_subscription() {
    let mut bench = everything(Envelope::SocketIo);
    for _ in 0..2 {
        bench.open();
        for _ in 0..100 {
            bench.frame(OPEN);
        }
        assert_eq!(bench.sent(), ["40"]);
        for _ in 0..100 {
            bench.frame("40");
        }
        assert_eq!(bench.sent().len(), 5);
        bench.frame(OPEN);
        bench.frame(r#"40{"sid":"s"}"#);
        assert_eq!(bench.sent(), [""; 0]);
        bench.end(&Disconnect::Silent);
        bench.now.0 += 60 * SECOND;
    }
}

#[test]
fn an_acknowledgement_that_the_server_asks_for_is_given() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    bench.frame(r#"4217["orderbook",{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":1}]}}]"#);
    assert_eq!(bench.sent(), ["4317[]"]);
    assert!(bench.books.live(BookId(0)).is_some());
    bench.frame(r#"420["news"]"#);
    assert_eq!(bench.sent(), ["430[]"]);
    bench.frame(r#"42["news"]"#);
    assert!(bench.sent().is_empty());
}

#[test]
fn the_key_is_shown_nowhere() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    let shown = format!("{:?}", bench.session);
    assert!(!shown.contains("0123456789"), "{shown}");
}

#[test]
fn candles_are_kept_by_symbol() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    bench.frame(&kline("BTCUSDT", "add", 60, 2));
    bench.frame(&kline("BTCUSDT", "modify", 60, 3));
    bench.frame(&kline("ETHUSDT", "add", 0, 7));
    bench.frame(&kline("DOGEUSDT", "add", 0, 7));
    let minutes = candles(&bench, "BTCUSDT", "1").unwrap();
    assert!(minutes.is_live());
    assert_eq!((minutes.len(), minutes.last().unwrap().close.0), (1, 3));
    assert_eq!(candles(&bench, "ETHUSDT", "60").unwrap().len(), 1);
    assert!(candles(&bench, "ETHUSDT", "1").is_none());
    assert_eq!(
        bench.session.stats().unrequested,
        1,
        "candles that nobody asked for"
    );

    assert!(bench.pass(6 * SECOND).is_none());
    assert!(
        !candles(&bench, "BTCUSDT", "1").unwrap().is_live(),
        "silent for too long"
    );
    bench.frame(&kline("BTCUSDT", "add", 120, 4));
    assert!(candles(&bench, "BTCUSDT", "1").unwrap().is_live());
    bench.end(&Disconnect::Silent);
    let minutes = candles(&bench, "BTCUSDT", "1").unwrap();
    assert_eq!((minutes.is_live(), minutes.len()), (false, 2));
}

#[test]
fn the_account_follows_its_messages() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    bench.frame(
        r#"42["positions",{"spot":[{"asset":"BTC","balance":"0.000998","available":"0.0005"}]}]"#,
    );
    bench.frame(&format!(
        r#"42["openorders",{{"cancel":[],"modify":[{},{}]}}]"#,
        order(1, "NEW"),
        order(2, "NEW")
    ));
    bench.frame(&format!(
        r#"42["openorders",{{"cancel":[{}],"modify":[]}}]"#,
        order(1, "CANCELED")
    ));
    let account = bench.books.account().unwrap();
    assert_eq!(account.balance("BTC").unwrap().available, "0.0005");
    assert_eq!(
        account
            .orders()
            .map(|order| order.id.clone())
            .collect::<Vec<_>>(),
        [OrderId::Number(2)]
    );
    assert!(account.balances_are_live() && account.orders_are_live());
    bench.end(&Disconnect::Silent);
    let account = bench.books.account().unwrap();
    assert!(!account.balances_are_live() && !account.orders_are_live());
}

#[test]
fn trades_are_handed_on_once_and_in_order() {
    let mut bench = everything(Envelope::SocketIo);
    bench.open();
    let trade = |time: i64| format!(r#"{{"lots":1,"ticks":10,"side":"BUY","created":{time}}}"#);
    let book = |trades: &[i64]| {
        let trades: Vec<String> = trades.iter().map(|time| trade(*time)).collect();
        format!(
            r#"42["orderbook",{{"orderBook":{{"asks":[],"bids":[{{"ticks":10,"lots":1}}]}},"trades":[{}]}}]"#,
            trades.join(",")
        )
    };
    bench.told();
    for (listed, told) in [
        (&[2, 1][..], "1 2"),
        (&[3, 2, 1], "3"),
        (&[3, 2, 1], ""),
        (&[], ""),
        (&[5, 4, 3], "4 5"),
    ] {
        bench.frame(&book(listed));
        assert_eq!(bench.trades(), told, "{listed:?}");
    }
}

#[test]
fn what_could_not_be_told_apart_is_refused_and_a_plan_spreads_it() {
    let two_books = JayX::new("A").follow(Topic::order_book("B"));
    assert_eq!(two_books.build().unwrap_err(), BuildError::Clash);
    let two_intervals = JayX::connection()
        .follow(Topic::kline("A", "1"))
        .follow(Topic::kline("A", "5"));
    assert_eq!(two_intervals.build().unwrap_err(), BuildError::Clash);
    assert_eq!(
        JayX::new("A").follow(Topic::Positions).build().unwrap_err(),
        BuildError::Key
    );
    let empty = JayX::new("A")
        .follow(Topic::kline("A", ""))
        .build()
        .unwrap_err();
    assert_eq!(empty, BuildError::Subscribe(SubscribeError::Interval));

    let plan = Plan::new()
        .url("ws://h")
        .envelope(Envelope::Plain)
        .key(ApiKey::new("k"))
        .follow(Topic::order_book("A"))
        .follow(Topic::kline("A", "1"))
        .follow(Topic::kline("A", "5"))
        .follow(Topic::order_book("B"))
        .follow(Topic::order_book("C"))
        .follow(Topic::Positions);
    let connections = plan.connections().unwrap();
    assert_eq!(connections.len(), 3);
    assert!(
        connections
            .iter()
            .all(|venue| Venue::url(venue) == "ws://h" && venue.is_wanted())
    );
    assert!(!JayX::connection().is_wanted());
}

/// A book that is not followed is not kept.
#[test]
fn a_book_that_nobody_asked_for_is_dropped() {
    let venue = JayX::connection()
        .follow(Topic::kline("A", "1"))
        .build()
        .unwrap();
    let mut bench = Bench::new(venue, options());
    bench.open();
    bench.frame(r#"42["orderbook",{"orderBook":{"asks":[],"bids":[]}}]"#);
    assert_eq!(bench.session.stats().unrequested, 1);
    assert!(bench.books.untrusted(BookId(0)).is_none());
}
