//! JayX: several topics on a connection, the envelope, candles and accounts.

use ticklot::driver::NextAction;
use ticklot::jayx::{ApiKey, BuildError, Envelope, JayX, Plan, SubscribeError, Topic};
use ticklot::stores::{Candles, OrderId};
use ticklot::venue::{Venue, VenueName};
use ticklot::{BookId, Books, ConnectionId, Disconnect, Instrument, Session};

use crate::bench::{Bench, OPEN, PLAIN_BOOK, SECOND, options, packet_book};

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
fn server_reason_is_reported() {
    let mut bench = everything(Envelope::SocketIo);
    bench.join();
    bench.events();
    bench.frame(r#"42["error",{"message":"unknown symbol"}]"#);
    assert_eq!(bench.events(), ["refused unknown symbol"]);

    let mut plain = everything(Envelope::Plain).opened();
    plain.frame(r#"{"error":{"message":"unknown symbol"}}"#);
    assert_eq!(plain.events(), ["refused unknown symbol"]);
}

#[test]
fn reconnect_subscribes_everything_again() {
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
        bench.end(&Disconnect::IdleTimeout);
        bench.now.0 += 60 * SECOND;
    }
    let mut plain = everything(Envelope::Plain);
    plain.open();
    assert_eq!(plain.sent().len(), 5, "at once");
}

/// A server that repeats its packets receives one subscription per connection.
#[test]
fn repeated_handshake_subscribes_once() {
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
        bench.end(&Disconnect::IdleTimeout);
        bench.now.0 += 60 * SECOND;
    }
}

#[test]
fn requested_acknowledgement_is_sent() {
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
    assert_eq!(bench.session.stats().unrequested, 1, "unrequested candles");

    assert!(bench.pass(6 * SECOND).is_none());
    assert!(
        !candles(&bench, "BTCUSDT", "1").unwrap().is_live(),
        "silent for too long"
    );
    bench.frame(&kline("BTCUSDT", "add", 120, 4));
    assert!(candles(&bench, "BTCUSDT", "1").unwrap().is_live());
    bench.end(&Disconnect::IdleTimeout);
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
    bench.end(&Disconnect::IdleTimeout);
    let account = bench.books.account().unwrap();
    assert!(!account.balances_are_live() && !account.orders_are_live());
}

#[test]
fn trades_arrive_once_in_order() {
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
    bench.events();
    for (listed, told) in [
        (&[2, 1][..], "1 2"),
        (&[3, 2, 1], "3"),
        (&[3, 2, 1], ""),
        (&[], ""),
        (&[5, 4, 3], "4 5"),
    ] {
        bench.frame(&book(listed));
        assert_eq!(bench.recorder.trades, told, "{listed:?}");
    }
}

#[test]
fn ambiguous_symbols_need_a_plan() {
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
            .all(|venue| Venue::url(venue) == "ws://h" && venue.wants_connection())
    );
    assert!(!JayX::connection().wants_connection());
}

/// The book of an unfollowed symbol is not stored.
#[test]
fn unrequested_book_is_dropped() {
    let venue = JayX::connection()
        .follow(Topic::kline("A", "1"))
        .build()
        .unwrap();
    let mut bench = Bench::new(venue, options());
    bench.open();
    bench.frame(r#"42["orderbook",{"orderBook":{"asks":[],"bids":[]}}]"#);
    assert_eq!(bench.session.stats().unrequested, 1);
    assert!(bench.books.last_known(BookId(0)).is_none());
}

/// A connection with an unknown envelope and the base URL `ws://h`.
fn unknown_envelope() -> Bench<JayX> {
    let venue = JayX::new("BTCUSDT").url("ws://h").build().unwrap();
    Bench::new(venue, options())
}

const SOCKET_IO: &str = "ws://h/socket.io/?EIO=4&transport=websocket";

/// Ends the connection, and advances the time to the next attempt.
fn reconnect(bench: &mut Bench<JayX>) {
    bench.wait_after(&crate::bench::closed(1000));
    bench.open();
}

#[test]
fn missing_open_packet_selects_plain() {
    let mut bench = unknown_envelope();
    assert_eq!(bench.session.url(), SOCKET_IO);
    bench.open();
    assert!(bench.pass(2 * SECOND - 1).is_none());
    let over = bench.pass(1).expect("two seconds are enough");
    assert!(over.to_string().contains("trying plain JSON"), "{over}");
    assert_eq!(bench.end(&over), NextAction::Connect, "at once");
    assert_eq!(bench.session.url(), "ws://h");
    bench.open();
    let plain =
        r#"{"event":"orderbook","message":{"category":"spot","symbol":"BTCUSDT","precise":"1"}}"#;
    assert_eq!(bench.sent(), [plain]);
    let reported = |bench: &mut Bench<JayX>| {
        let told = bench.events();
        told.iter().filter(|it| it.contains("Protocol")).count()
    };
    assert_eq!(reported(&mut bench), 0, "not before the server shows it");
    bench.frame(PLAIN_BOOK);
    assert!(bench.events().iter().any(|it| it.contains("plain JSON")));
    for _ in 0..3 {
        reconnect(&mut bench);
        assert_eq!(bench.session.url(), "ws://h");
        bench.frame(PLAIN_BOOK);
    }
    assert_eq!(reported(&mut bench), 0, "once");
}

#[cfg(feature = "feed")] // the transport's error
#[test]
fn refused_upgrade_selects_plain() {
    use ticklot::transport::{Error, RefusedResponse};
    let refused = |status| {
        let response = Box::new(RefusedResponse::new("ws://h", status));
        Disconnect::Failed(Box::new(Error::Refused {
            status,
            retry_after: None,
            response,
        }))
    };
    let mut options = options();
    options.reconnect.first_attempts = Some(2);
    let venue = JayX::new("BTCUSDT").url("ws://h").build().unwrap();
    let mut bench = Bench::new(venue, options);
    assert_eq!(bench.end(&refused(404)), NextAction::Connect, "at once");
    assert_eq!(bench.session.url(), "ws://h");
    // Both envelopes were refused: that counts as one attempt, and detection restarts after the backoff.
    bench.wait_after(&refused(404));
    assert_eq!(bench.session.url(), SOCKET_IO);
    assert_eq!(bench.end(&refused(404)), NextAction::Connect);
    assert_eq!(bench.end(&refused(404)), NextAction::Done, "the second");

    for reason in [
        refused(503),
        refused(429),
        Disconnect::Failed("no route".into()),
    ] {
        let mut bench = unknown_envelope();
        assert!(
            matches!(bench.end(&reason), NextAction::WaitUntil(_)),
            "{reason}"
        );
        assert_eq!(bench.session.url(), SOCKET_IO, "{reason}");
    }
}

#[test]
fn socket_io_url_forces_envelope() {
    let venue = JayX::new("BTCUSDT").url(SOCKET_IO).build().unwrap();
    let mut bench = Bench::new(venue, options());
    bench.open();
    assert!(bench.pass(19 * SECOND).is_none(), "no search");
    let over = bench.pass(SECOND).expect("no handshake");
    assert!(matches!(bench.end(&over), NextAction::WaitUntil(_)));
    assert_eq!(bench.session.url(), SOCKET_IO);
}

#[test]
fn open_packet_selects_socket_io() {
    let mut bench = unknown_envelope();
    bench.open();
    bench.frame(OPEN);
    assert!(bench.events().iter().any(|it| it.contains("Socket.IO")));
    bench.frame("40");
    bench.frame(&packet_book(10, 11));
    reconnect(&mut bench);
    // A slow server keeps its envelope.
    assert!(bench.pass(19 * SECOND).is_none());
    bench.frame(OPEN);
    bench.frame("40");
    assert!(bench.pass(SECOND).is_none());
    assert!(
        !bench.events().iter().any(|it| it.contains("Protocol")),
        "once"
    );
    // A server that no longer completes the handshake may have changed its envelope.
    reconnect(&mut bench);
    let over = bench.pass(20 * SECOND).expect("no handshake");
    assert!(matches!(bench.end(&over), NextAction::WaitUntil(_)));
    bench.now.0 += 60 * SECOND;
    bench.open();
    let over = bench.pass(2 * SECOND).expect("no open packet");
    assert_eq!(bench.end(&over), NextAction::Connect);
    assert_eq!(bench.session.url(), "ws://h");
}

#[test]
fn several_accounts_are_kept_apart() {
    let mut books = Books::new();
    let mut add = |id| {
        let venue = JayX::connection().follow(Topic::Positions);
        let venue = venue.key(ApiKey::new("k")).build().unwrap();
        Session::new(venue, ConnectionId(id), options(), &mut books)
    };
    let mut sessions = [add(0), add(1)];
    let mut quiet = |_: ticklot::Event<'_>, _: &Books| std::ops::ControlFlow::Continue(());
    for (session, balance) in sessions.iter_mut().zip(["1.5", "2.5"]) {
        let _ = session.opened(ticklot::Nanos(1), &mut books, &mut quiet);
        let positions = format!(
            r#"42["positions",{{"spot":[{{"asset":"BTC","balance":"{balance}","available":"0"}}]}}]"#
        );
        let _ = session.frame(
            positions.as_bytes(),
            ticklot::Nanos(2),
            &mut books,
            &mut quiet,
        );
    }
    assert!(books.account().is_none(), "it is not clear which");
    let all: Vec<_> = books
        .accounts()
        .map(|(id, venue, _)| (id.0, venue))
        .collect();
    assert_eq!(all, [(0, VenueName::JAYX), (1, VenueName::JAYX)]);
    for (id, balance) in [(0, "1.5"), (1, "2.5")] {
        let account = books.account_of(ConnectionId(id)).unwrap();
        assert_eq!(account.balance("BTC").unwrap().balance, balance);
    }
    assert!(books.account_of(ConnectionId(2)).is_none());
}
