//! Bayse Markets: rooms, the rate limit, pings and first books.

use std::time::Duration;

use ticklot::bayse::{Auth, Bayse, Command, Currency, Plan, Symbol, Topic};
use ticklot::driver::NextAction;
use ticklot::venue::Venue;
use ticklot::venue::subscriptions::SubscriptionState;
use ticklot::{BookId, BookState, Disconnect, Nanos};

use crate::bench::{Bench, SECOND, bayse, bayse_book, closed, options};

/// A session of these topics.
fn follow(venue: Bayse, topics: &[Topic]) -> Bench<Bayse> {
    let venue = topics.iter().cloned().fold(venue, Bayse::follow);
    Bench::new(venue.build().unwrap(), options())
}

fn markets(count: usize) -> Vec<Topic> {
    (0..count)
        .map(|n| Topic::order_book(format!("m{n}")))
        .collect()
}

fn subscribed(market: &str) -> String {
    format!(r#"{{"type":"subscribed","room":"orderbook:{market}"}}"#)
}

fn error(text: &str) -> String {
    format!(r#"{{"type":"error","data":{{"message":"{text}"}},"timestamp":1}}"#)
}

/// The maximum number of messages in any second, including both ends.
fn busiest(sent: &[(u64, String)]) -> usize {
    let within = |end: u64| {
        sent.iter()
            .filter(|(at, _)| *at <= end && end - at <= SECOND)
            .count()
    };
    sent.iter().map(|(end, _)| within(*end)).max().unwrap_or(0)
}

#[test]
fn lost_confirmation_is_requested_again() {
    let mut bench = bayse(&["a", "b"]);
    bench.open();
    assert_eq!(bench.sent().len(), 1);
    bench.frame(&subscribed("a"));
    bench.events();
    assert!(bench.pass(4 * SECOND).is_none());
    assert!(bench.sent().is_empty());
    assert!(bench.events().is_empty());
    bench.pass(2 * SECOND);
    assert_eq!(bench.events(), ["unconfirmed orderbook:b 1"]);
    bench.pass(10 * SECOND);
    assert_eq!(bench.events(), ["unconfirmed orderbook:b 2"], "each time");
    let again = bench.sent();
    assert_eq!(again.len(), 2);
    assert!(again[0].contains(r#""marketIds":["b"]"#), "{again:?}");
    bench.frame(&subscribed("b"));
    bench.pass(60 * SECOND);
    assert!(bench.sent().is_empty());
}

#[test]
fn error_names_one_room() {
    let mut bench = bayse(&["a", "b", "c"]).opened();
    bench.frame(&error("unknown market: b"));
    assert_eq!(bench.events(), ["refused orderbook:b: unknown market: b"]);
    let sent = bench.sent();
    assert!(sent[0].contains(r#"["a","c"]"#), "{sent:?}");
    bench.frame(&[subscribed("a"), subscribed("c")].join("\n"));
    bench.pass(300 * SECOND);
    assert!(
        bench.sent().is_empty(),
        "a refused room is not requested again on this connection"
    );
}

#[test]
fn nameless_error_isolates_rooms() {
    let mut bench = bayse(&["a", "b"]).opened();
    bench.frame(&error("no"));
    assert_eq!(bench.events(), ["refused no"]);
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    bench.frame(&subscribed("a"));
    bench.events();
    bench.frame(&error("no"));
    assert_eq!(bench.events(), ["refused orderbook:b: no"]);
}

#[test]
fn disconnect_restarts_subscribing() {
    let topics = markets(95);
    let mut bench = follow(Bayse::markets(), &topics);
    bench.open();
    let sent = bench.sent();
    assert_eq!(sent.len(), 9, "a slot is reserved for a ping");
    bench.frame(&subscribed("m0"));
    bench.wait_after(&closed(1006));
    assert!(
        bench.sent().is_empty(),
        "nothing is sent after the connection ended"
    );
    bench.open();
    let sent = bench.send_for(3 * SECOND);
    let ids: Vec<&str> = sent
        .iter()
        .flat_map(|(_, text)| text.split('"'))
        .filter(|w| w.starts_with('m') && *w != "marketIds")
        .collect();
    assert_eq!((sent.len(), ids.len()), (10, 95), "all topics again");
}

#[test]
fn thousand_rooms_respect_rate_limit() {
    let mut topics = markets(900);
    topics.extend((0..100).map(|n| Topic::prices(format!("e{n}"))));
    let venue = Bayse::markets()
        .ping_every(Duration::from_millis(700))
        .ack_timeout(Duration::from_secs(600));
    let mut bench = follow(venue, &topics);
    bench.open();
    let mut sent = Vec::new();
    for _ in 0..60 {
        let new = bench.send_for(SECOND);
        let pings = new.iter().filter(|(_, text)| text.contains("ping"));
        pings.for_each(|_| drop(bench.frame(r#"{"type":"pong"}"#)));
        sent.extend(new);
    }
    let count = |kind: &str| sent.iter().filter(|(_, text)| text.contains(kind)).count();
    let pings = count("ping");
    assert_eq!(count("subscribe"), 90 + 100);
    assert!((80..=86).contains(&pings), "{pings} pings in a minute");
    assert!(busiest(&sent) <= 10, "{}", busiest(&sent));
    let last = sent
        .iter()
        .rposition(|(_, text)| text.contains("subscribe"))
        .unwrap();
    assert!(
        sent[last].0 - sent[0].0 < 30 * SECOND,
        "and not much slower than it could be"
    );
}

#[test]
fn pings_precede_waiting_subscriptions() {
    let mut bench = follow(
        Bayse::markets().ping_every(Duration::from_millis(500)),
        &markets(500),
    );
    bench.open();
    let sent = bench.send_for(SECOND);
    let ping = sent.iter().find(|(_, text)| text.contains("ping")).unwrap();
    assert_eq!(ping.0, SECOND + SECOND / 2, "on time");
}

#[test]
fn unanswered_ping_ends_connection() {
    let every = Duration::from_secs(4);
    let mut bench = follow(Bayse::markets().ping_every(every), &markets(1));
    bench.open();
    bench.frame(&subscribed("m0"));
    for _ in 0..10 {
        assert!(bench.pass(4 * SECOND).is_none());
        bench.frame(r#"{"type":"pong","timestamp":1}"#);
    }
    // Books and WebSocket pings do not count as replies.
    let over = (0..14).find_map(|_| {
        bench.frame(&bayse_book("m0", "o"));
        let now = bench.now;
        bench.session.record_activity(now);
        bench.pass(SECOND)
    });
    let over = over.expect("the connection is closed");
    assert_eq!(
        over.to_string(),
        "the server did not reply to a ping in time"
    );
    assert_eq!(
        bench.now.0,
        (1 + 40 + 4 + 10) * SECOND,
        "ten seconds after the ping"
    );
}

/// A server that ends each subscription receives five requests in the first half minute.
#[test]
fn ended_subscription_backs_off() {
    let mut bench = bayse(&["a"]);
    bench.open();
    let mut asked = 0;
    for _ in 0..300 {
        let new = bench.sent().len();
        asked += new;
        for _ in 0..new {
            bench.frame(&subscribed("a"));
            bench.frame(r#"{"type":"unsubscribed","room":"orderbook:a"}"#);
        }
        assert!(bench.pass(SECOND / 10).is_none());
    }
    assert_eq!(asked, 5);
}

#[test]
fn decode_paths_are_counted() {
    let mut bench = follow(Bayse::any(), &[]);
    bench.open();
    let level = r#"{"price": 0.5, "quantity": 7}, {"price": 0.4, "quantity": 7}"#;
    let spaced = bayse_book("m", "yes").replace(r#"{"price":0.6,"quantity":5}"#, level);
    for frame in [&spaced; 3] {
        bench.frame(frame);
    }
    let stats = bench.session.stats();
    assert_eq!((stats.fast_path, stats.general_path), (2, 1));
}

#[test]
fn rate_limit_error_slows_down() {
    let mut bench = follow(
        Bayse::markets().ack_timeout(Duration::from_secs(600)),
        &markets(300),
    );
    bench.open();
    let first = bench.sent();
    assert_eq!(first.len(), 9);
    bench.events();
    bench.frame(&error("rate limit exceeded: too many messages"));
    assert_eq!(
        bench.events(),
        ["refused rate limit exceeded: too many messages"]
    );
    assert!(bench.sent().is_empty());
    let complained = bench.now.0;
    let sent = bench.send_for(30 * SECOND);
    assert!(sent[0].0 >= complained + 2 * SECOND, "a pause");
    assert_eq!(
        sent.len(),
        30 - 9 + 1,
        "the refused one again, and all the others"
    );
    // Twice the window for each nine.
    assert!(
        sent.iter()
            .filter(|(at, _)| at - sent[0].0 <= SECOND)
            .count()
            <= 9
    );
    let all: String = first
        .into_iter()
        .chain(sent.into_iter().map(|(_, text)| text))
        .collect();
    for n in 0..300 {
        assert!(all.contains(&format!("\"m{n}\"")), "m{n}");
    }
}

#[test]
fn pongs_keep_no_book_live() {
    let mut bench = follow(Bayse::new(["m"]).ping_every(Duration::from_secs(10)), &[]).opened();
    bench.frame(&subscribed("m"));
    bench.frame(&bayse_book("m", "yes"));
    bench.events();
    let mut trips = 0;
    for _ in 0..12 {
        bench.pass(10 * SECOND);
        if bench.sent().iter().any(|text| text == r#"{"type":"ping"}"#) {
            bench.now = Nanos(bench.now.0 + 3_000_000);
            bench.frame(r#"{"type":"pong","timestamp":1}"#);
            trips += 1;
        }
    }
    assert!(trips >= 11, "{trips}");
    let told = bench.events();
    let count = |text: &str| told.iter().filter(|it| it.starts_with(text)).count();
    assert_eq!(count("yes: live to stale by timeout"), 1);
    assert_eq!(count("round trip "), trips);
    assert!(told.contains(&"round trip 3 ms".to_owned()));
    assert_eq!(bench.books.state(BookId(0)), BookState::Stale);
    assert_eq!(
        bench.session.next(bench.now),
        NextAction::Open,
        "the connection is alive"
    );
}

#[test]
fn unsubscribed_room_is_dropped() {
    let mut bench = bayse(&["a", "b"]).opened();
    bench.frame(&[subscribed("a"), subscribed("b")].join("\n"));
    bench.frame(&[bayse_book("a", "yes"), bayse_book("b", "yes")].join("\n"));
    bench.events();
    assert_eq!(
        bench.books.len(),
        2,
        "outcomes of the same name in two markets are two books"
    );

    bench.command(Command::Unsubscribe(Topic::order_book("a")));
    assert_eq!(
        bench.sent(),
        [r#"{"type":"unsubscribe","room":"orderbook:a"}"#]
    );
    assert_eq!(
        bench.books.state(BookId(0)),
        BookState::Disconnected,
        "at once"
    );
    bench.frame(&[bayse_book("a", "yes"), bayse_book("b", "yes")].join("\n"));
    assert_eq!(
        bench.events(),
        [
            "yes: live to disconnected by unsubscribed",
            "yes 2:1 0 live"
        ]
    );
    assert_eq!(bench.session.stats().unrequested, 1);
    // Not confirmed, so it is requested again.
    bench.pass(6 * SECOND);
    assert_eq!(bench.sent().len(), 1);
    bench.frame(r#"{"type":"unsubscribed","room":"orderbook:a"}"#);
    bench.pass(60 * SECOND);
    assert!(bench.sent().is_empty());
}

#[test]
fn commands_outlive_connections() {
    let mut bench = follow(Bayse::markets(), &[]);
    assert_eq!(
        bench.session.next(bench.now),
        NextAction::Idle,
        "no topic requires a connection"
    );
    bench.command(Command::Subscribe(Topic::order_book("a")));
    bench.open();
    assert_eq!(bench.sent().len(), 1);
    bench.command(Command::Subscribe(Topic::prices("e")));
    bench.command(Command::Subscribe(Topic::activity_of("e", "a")));
    bench.command(Command::Ping);
    assert_eq!(
        bench.sent(),
        [
            r#"{"type":"ping"}"#,
            r#"{"type":"subscribe","channel":"prices","eventId":"e"}"#,
            r#"{"type":"subscribe","channel":"activity","eventId":"e","marketId":"a"}"#,
        ]
    );
    bench.wait_after(&Disconnect::IdleTimeout);
    bench.command(Command::Unsubscribe(Topic::order_book("a")));
    bench.command(Command::Subscribe(Topic::order_book("b")));
    assert!(bench.sent().is_empty(), "there is no connection");
    bench.open();
    let sent = bench.sent().join("");
    assert!(
        sent.contains("\"b\"") && sent.contains("prices") && !sent.contains("[\"a\"]"),
        "{sent}"
    );
}

#[test]
fn impossible_command_is_refused() {
    let mut bench = follow(Bayse::markets(), &[Topic::prices("e")]).opened();
    bench.command(Command::Subscribe(Topic::asset_price(Symbol::BtcUsdt)));
    bench.command(Command::Subscribe(Topic::order_book("")));
    let told = bench.events();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("use /ws/v1/realtime instead"), "{told:?}");
    assert!(bench.sent().is_empty());
    assert!(
        Bayse::realtime()
            .follow(Topic::order_book("m"))
            .build()
            .is_err()
    );
    assert!(Bayse::markets().follow(Topic::prices("")).build().is_err());
    assert!(Bayse::user(Auth::api_key("")).build().is_err());
}

#[test]
fn credentials_are_sent_and_hidden() {
    let secret = "pk_live_0123456789";
    let venue = Bayse::user(Auth::api_key(secret)).ping_every(Duration::from_secs(1));
    let mut bench = follow(venue, &[Topic::orders("m")]);
    bench.open();
    let mut sent = bench.send_for(3 * SECOND);
    bench.frame(r#"{"type":"subscribed","room":"orders:u-1:m"}"#);
    bench.command(Command::Unsubscribe(Topic::orders("m")));
    sent.extend(bench.sent().into_iter().map(|text| (0, text)));
    assert!(sent.len() >= 4, "{sent:?}");
    assert!(
        sent.iter()
            .all(|(_, text)| text.contains(&format!(r#""auth":{{"apiKey":"{secret}"}}"#)))
    );
    assert!(sent.last().unwrap().1.contains(r#""room":"orders:u-1:m""#));
    let told = bench.events();
    let shown = format!("{:?}{told:?}", bench.session);
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn other_channels_are_filtered() {
    let mut bench = follow(Bayse::realtime(), &[Topic::asset_price(Symbol::BtcUsdt)]).opened();
    let price = |symbol: &str| {
        format!(
            r#"{{"type":"asset_price","data":{{"symbol":"{symbol}","price":67432.15,"timestamp":1700000000000}},"timestamp":1700000000000}}"#
        )
    };
    bench.frame(&[price("BTCUSDT"), price("ETHUSDT")].join("\n"));
    let told = bench.events();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("BTCUSDT") && told[0].contains("67432.15"),
        "{told:?}"
    );
    assert_eq!(bench.session.stats().unrequested, 1);
}

#[test]
fn currencies_have_separate_books() {
    let plan = Plan::new()
        .url("ws://h")
        .auth(Auth::api_key("pk"))
        .follow(Topic::order_book("m"))
        .follow_in(Currency::Ngn, Topic::order_book("m"))
        .follow(Topic::orders("m"));
    let connections = plan.connections().unwrap();
    let wanted: Vec<(&str, Currency)> = connections
        .iter()
        .filter(|(_, venue)| venue.wants_connection())
        .map(|(key, _)| (key.endpoint.path(), key.currency))
        .collect();
    assert_eq!(
        wanted,
        [
            ("/ws/v1/markets", Currency::Usd),
            ("/ws/v1/markets", Currency::Ngn),
            ("/ws/v1/user", Currency::Usd),
        ]
    );
    assert!(
        connections
            .iter()
            .all(|(key, venue)| Venue::url(venue) == format!("ws://h{}", key.endpoint.path()))
    );
    let (_, naira) = connections.into_iter().nth(1).unwrap();
    let mut bench = Bench::new(naira, options());
    bench.open();
    assert!(bench.sent()[0].contains(r#""currency":"NGN""#));
    bench.frame(r#"{"type":"subscribed","room":"orderbook:m"}"#);
    assert_eq!(
        bench.sent(),
        [r#"{"type":"unsubscribe","room":"orderbook:m"}"#],
        "that is another room"
    );
    bench.frame(r#"{"type":"subscribed","room":"orderbook:m:NGN"}"#);
    bench.pass(100 * SECOND);
    assert!(bench.sent().is_empty());
    // Without credentials, there is no connection for the user's own orders.
    assert!(
        Plan::new()
            .follow(Topic::orders("m"))
            .connections()
            .is_err()
    );
}

#[test]
fn first_books_fill_empty_books() {
    let venue = Bayse::new(["m"]).first_books("http://h/", ["yes", "n o"], 10);
    let mut bench = follow(venue, &[]);
    bench.open();
    let request = bench.session.next_request(bench.now).unwrap();
    assert_eq!(bench.session.next_request(bench.now), None);
    assert_eq!(
        request.url,
        "http://h/v1/pm/books?depth=10&currency=USD&outcomeId[]=yes&outcomeId[]=n%20o"
    );
    bench.frame(&bayse_book("m", "yes"));
    bench.events();
    let book = |outcome: &str| {
        format!(
            r#"{{"marketId":"m","outcomeId":"{outcome}","bids":[{{"price":0.1,"quantity":1}}],"asks":[]}}"#
        )
    };
    let body = format!("[{},{{\"bad\":1}},{}]", book("yes"), book("no"));
    let _ = bench.call(|session, now, books, handler| {
        session.response(Some(request.id), Ok(body.as_bytes()), now, books, handler)
    });
    let told = bench.events();
    assert!(
        told[0].starts_with("bad 1: bayse: line 0, byte "),
        "{told:?}"
    );
    assert_eq!(
        told[1..],
        ["no: empty to live by snapshot", "no 1:0 1 live by request"]
    );
    let tick = |bench: &Bench<Bayse>, id| {
        bench
            .books
            .last_known(BookId(id))
            .unwrap()
            .best_bid()
            .unwrap()
            .ticks
            .0
    };
    assert_eq!(
        (tick(&bench, 0), tick(&bench, 1)),
        (60, 10),
        "the stream is newer"
    );
    bench.frame(&bayse_book("m", "no"));
    assert_eq!(tick(&bench, 1), 60);
}

#[test]
fn topic_states_are_readable() {
    let venue = Bayse::markets()
        .follow(Topic::prices("e"))
        .follow(Topic::order_book("m"));
    let states: Vec<SubscriptionState> = venue.topics().map(|(_, state)| state).collect();
    assert_eq!(
        states,
        [SubscriptionState::Waiting, SubscriptionState::Waiting]
    );
}

#[test]
fn unreadable_fill_names_its_line() {
    let fill = r#"{"type":"buy_order","data":{"user":{"id":"u","tag":"t","imageUrl":null},"order":{"id":"o","amount":1,"quantity":1,"price":0.1234567890123456789,"status":"FILLED","type":"BUY","outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"},"event":{"id":"e","slug":"s","title":"T","type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null},"market":{"id":"m","title":"M","imageUrl":null}},"timestamp":1}"#;
    let mut bench = follow(Bayse::markets(), &[Topic::activity("e")]).opened();
    bench.frame(&[r#"{"type":"pong","timestamp":1}"#, fill].join("\n"));
    let told = bench.events();
    assert!(
        told.len() == 1 && told[0].starts_with("bad 0: bayse: line 1, byte 0: order: "),
        "{told:?}"
    );
}
