//! Changes of a book's state: one event for each, within the call that causes it.

use std::ops::ControlFlow;

use ticklot::bayse::{self, Bayse, Command, Topic};
use ticklot::events::Receipt;
use ticklot::jayx::{self, ApiKey, Envelope, JayX};
use ticklot::venue::CallOutcome;
use ticklot::{
    BookId, BookState, Books, ConnectionId, Disconnect, Event, Gap, Handler, Nanos, OnMessage,
    Session,
};

use crate::bench::{Bench, PLAIN_BOOK, SECOND, bayse, bayse_book, jayx, options, packet_book};

const BOOK: BookId = BookId(0);
const GAP: BookState = BookState::Gap(Gap::Refused);

/// Invalid JSON.
const NO_JSON: &str = r#"{"type""#;

/// A JayX book with a repeated price, which is invalid.
const TWICE: &str = r#"42["orderbook",{"orderBook":{"asks":[{"ticks":1,"lots":5},{"ticks":1,"lots":5}],"bids":[]}}]"#;

impl<V: ticklot::venue::Venue> Bench<V> {
    /// The events in the call of `frame`.
    fn events_of(&mut self, frame: &str) -> Vec<String> {
        self.events();
        self.frame(frame);
        self.events()
    }

    fn states(&self) -> Vec<BookState> {
        self.books.ids().map(|id| self.books.state(id)).collect()
    }
}

/// A JayX connection with a live book.
fn live_jayx() -> Bench<JayX> {
    let mut bench = jayx(Envelope::Auto);
    bench.open();
    bench.frame(&packet_book(10, 11));
    assert!(bench.books.live(BOOK).is_some());
    bench.events();
    bench
}

/// Live books of the outcomes 0 `m yes`, 1 `m no` and 2 `n yes`.
fn live_bayse() -> Bench<Bayse> {
    let mut bench = bayse(&["m", "n"]);
    bench.open();
    restore(&mut bench);
    bench.sent();
    bench
}

fn restore(bench: &mut Bench<Bayse>) {
    for (market, outcome) in [("m", "yes"), ("m", "no"), ("n", "yes")] {
        bench.frame(&bayse_book(market, outcome));
    }
    assert_eq!(bench.states(), [BookState::Live; 3]);
    bench.events();
}

#[test]
fn snapshot_reports_state_first() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    assert_eq!(
        bench.events_of(&packet_book(10, 11)),
        ["BTCUSDT: empty to live by snapshot", "BTCUSDT 0:0 2 live"]
    );
    assert_eq!(
        bench.events_of(&packet_book(10, 12)),
        ["BTCUSDT 1:0 2 live"],
        "no change of state"
    );
}

#[test]
fn timeout_is_reported_once() {
    let mut bench = live_jayx();
    assert!(bench.pass(5 * SECOND - 1).is_none());
    assert!(bench.events().is_empty());
    assert!(bench.pass(1).is_none());
    assert_eq!(bench.events(), ["BTCUSDT: live to stale by timeout"]);
    assert!(bench.pass(10 * SECOND).is_none());
    assert!(bench.events().is_empty());
    assert_eq!(
        bench.events_of(&packet_book(10, 11)),
        ["BTCUSDT: stale to live by snapshot", "BTCUSDT 1:0 0 live"]
    );
}

/// A call reports a stale book before it processes its frame.
#[test]
fn timeout_precedes_late_snapshot() {
    let mut bench = live_jayx();
    bench.now.0 += 60 * SECOND;
    assert_eq!(
        bench.events_of(&packet_book(10, 11)),
        [
            "BTCUSDT: live to stale by timeout",
            "BTCUSDT: stale to live by snapshot",
            "BTCUSDT 1:0 0 live"
        ]
    );
}

#[test]
fn crossed_book_is_reported_once() {
    let mut bench = jayx(Envelope::SocketIo);
    bench.open();
    assert_eq!(
        bench.events_of(&packet_book(12, 11)),
        [
            "BTCUSDT: empty to crossed by crossed",
            "BTCUSDT 0:0 2 crossed"
        ]
    );
    assert!(bench.books.live(BOOK).is_none());
    let mut bench = live_jayx();
    assert_eq!(
        bench.events_of(&packet_book(12, 11)),
        [
            "BTCUSDT: live to crossed by crossed",
            "BTCUSDT 1:0 2 crossed"
        ]
    );
    assert_eq!(
        bench.events_of(&packet_book(13, 11)),
        ["BTCUSDT 2:0 2 crossed"]
    );
    assert_eq!(
        bench.events_of(&packet_book(10, 11)),
        ["BTCUSDT: crossed to live by snapshot", "BTCUSDT 3:0 2 live"]
    );
}

#[test]
fn refused_snapshot_reports_gap() {
    let mut bench = live_jayx();
    let refused = bench.events_of(TWICE);
    assert_eq!(refused[0], "BTCUSDT: live to gap by bad_message");
    assert!(
        refused.len() == 2 && refused[1].starts_with("bad 1: "),
        "{refused:?}"
    );
    assert_eq!(bench.states(), [GAP]);
    let again = bench.events_of(TWICE);
    assert!(
        again.len() == 1 && again[0].starts_with("bad 2: "),
        "a second gap does not change the state: {again:?}"
    );
    assert_eq!(bench.books.counts(BOOK).gaps, 2);
    assert_eq!(
        bench.events_of(&packet_book(10, 11)),
        ["BTCUSDT: gap to live by snapshot", "BTCUSDT 3:0 0 live"]
    );
}

#[test]
fn disconnect_reports_each_book() {
    let mut bench = live_bayse();
    bench.frame(NO_JSON);
    bench.frame(&bayse_book("m", "no"));
    bench.events();
    bench.end(&Disconnect::IdleTimeout);
    assert_eq!(
        bench.events(),
        [
            "yes: gap to disconnected by disconnected",
            "no: live to disconnected by disconnected",
            "yes: gap to disconnected by disconnected",
            "the server went silent, again"
        ]
    );
    bench.end(&Disconnect::IdleTimeout);
    assert_eq!(
        bench.events(),
        ["the server went silent, again"],
        "a second attempt that fails changes no book"
    );
}

#[test]
fn unsubscribing_reports_markets_books() {
    let mut bench = live_bayse();
    let command = Command::Unsubscribe(Topic::order_book("m"));
    bench.command(command);
    assert_eq!(
        bench.events(),
        [
            "yes: live to disconnected by unsubscribed",
            "no: live to disconnected by unsubscribed"
        ]
    );
    let gone = BookState::Disconnected;
    assert_eq!(bench.states(), [gone, gone, BookState::Live]);
}

/// In the order of the ids of the books, so that runs are deterministic.
#[test]
fn market_changes_have_one_order() {
    let mut bench = bayse(&["m"]);
    bench.open();
    let outcomes: Vec<String> = (0..32).map(|n| format!("o{n}")).collect();
    for outcome in &outcomes {
        bench.frame(&bayse_book("m", outcome));
    }
    let unnamed = bayse_book("m", "x").replace("\"outcomeId\":\"x\",", "");
    let mut told = bench.events_of(&unnamed);
    told.pop();
    let gaps = outcomes
        .iter()
        .map(|it| format!("{it}: live to gap by bad_message"));
    assert!(told.into_iter().eq(gaps));
    let command = Command::Unsubscribe(Topic::order_book("m"));
    bench.command(command);
    let gone = outcomes
        .iter()
        .map(|it| format!("{it}: gap to disconnected by unsubscribed"));
    assert!(bench.events().into_iter().eq(gone));
}

#[test]
fn abandoned_session_reports_nothing_later() {
    let mut bench = live_jayx();
    bench.session.abandon(&mut bench.books);
    assert_eq!(bench.books.state(BOOK), BookState::Disconnected);
    bench.open();
    assert_eq!(bench.events(), ["connected 2"]);
}

/// The books keep their states, and later calls do not report the dropped changes.
#[test]
fn break_drops_pending_changes() {
    let mut bench = live_bayse();
    bench.recorder.breaks = true;
    assert_eq!(bench.frame(NO_JSON), CallOutcome::StopFeed);
    assert_eq!(bench.events().len(), 1, "of three books, and a bad line");
    assert_eq!(bench.states(), [GAP; 3]);
    bench.recorder.breaks = false;
    assert!(bench.pass(SECOND).is_none());
    assert!(bench.events().is_empty());
    bench.frame(&bayse_book("n", "yes"));
    assert_eq!(
        bench.events(),
        ["yes: gap to live by snapshot", "yes 4:0 0 live"]
    );

    bench.recorder.breaks = true;
    assert!(matches!(bench.pass(60 * SECOND), Some(Disconnect::Stopped)));
    bench.events();
    bench.recorder.breaks = false;
    bench.end(&Disconnect::Stopped);
    assert_eq!(
        bench.events().len(),
        4,
        "three books are disconnected, and the connection has ended"
    );
}

/// Asserts that an undecodable line makes exactly these books gaps.
fn assert_gaps(line: &str, expected: &[u32]) {
    let mut bench = live_bayse();
    let told = bench.events_of(line);
    let (last, changes) = told.split_last().unwrap();
    assert!(last.starts_with("bad 3: "), "{line}: {told:?}");
    assert!(
        changes.len() == expected.len()
            && changes
                .iter()
                .all(|it| it.ends_with(": live to gap by bad_message")),
        "{line}: {told:?}"
    );
    let gaps = bench.books.ids().filter(|id| bench.books.state(*id) == GAP);
    let gaps: Vec<u32> = gaps.map(|id| id.0).collect();
    assert_eq!(gaps, expected, "{line}");
    assert_eq!(bench.session.stats().gaps, expected.len() as u64);
    assert!(bench.sent().is_empty(), "nothing is sent because of it");
    restore(&mut bench);
}

#[test]
fn bad_update_costs_its_outcome() {
    let update = bayse_book("m", "yes");
    let one = [0];
    assert_gaps(&update.replace("0.6", "0.605"), &one);
    assert_gaps(&update.replace("0.6", "null"), &one);
    assert_gaps(&update.replace("\"bids\"", "\"bidz\""), &one);
    assert_gaps(
        &update.replace("\"quantity\":5", "\"quantity\":99999999999999999999"),
        &one,
    );
    let unknown = bayse_book("m", "maybe").replace("0.6", "0.605");
    assert_gaps(&unknown, &[]);
    assert_gaps(&bayse_book("o", "yes").replace("0.6", "0.605"), &[]);
}

#[test]
fn unnamed_outcome_costs_its_market() {
    let update = bayse_book("m", "yes");
    assert_gaps(&update.replace("\"outcomeId\":\"yes\",", ""), &[0, 1]);
    assert_gaps(&update.replace("\"yes\"", "7"), &[0, 1]);
    let both = update.replace("\"marketId\":\"m\",\"outcomeId\":\"yes\",", "");
    assert_gaps(&both, &[0, 1, 2]);
    assert_gaps(&update.replace("\"marketId\":\"m\",", ""), &[0, 1, 2]);
}

#[test]
fn invalid_json_costs_the_connection() {
    let update = bayse_book("m", "yes");
    let all = [0, 1, 2];
    assert_gaps(&update[..update.len() - 1], &all);
    assert_gaps(&update.replacen('{', "", 1), &all);
    assert_gaps(&format!("{update}}}"), &all);
    assert_gaps("\"orderbook_update\"", &all);
    assert_gaps("{}", &all);
    assert_gaps(r#"{"type":7,"data":{}}"#, &all);
}

/// JSON allows numbers beyond 64-bit floats. One in a used field makes its book a gap.
#[test]
fn number_beyond_double_is_gap() {
    let update = bayse_book("m", "yes");
    let long = "7".repeat(400);
    for number in ["1e400", "-1e400", "123e999999999999", &long] {
        assert_gaps(&update.replace("0.6", number), &[0]);
        let quantity = format!("\"quantity\":{number}");
        assert_gaps(&update.replace("\"quantity\":5", &quantity), &[0]);
    }
}

/// In an unused field, it has no effect: the book is applied and stays live.
#[test]
fn unused_number_beyond_double() {
    let update = bayse_book("m", "yes");
    let long = format!("-{}", "7".repeat(400));
    for number in ["1e400", "-1e400", "123e999999999999", &long] {
        for key in ["\"bids\"", "\"orderbook\"", "\"type\""] {
            let line = update.replacen(key, &format!("\"seq\":{number},{key}"), 1);
            let mut bench = live_bayse();
            assert_eq!(bench.events_of(&line), ["yes 3:0 0 live"], "{line}");
        }
        let total = format!("\"quantity\":5,\"total\":{number}");
        let line = update.replace("\"quantity\":5", &total);
        let mut bench = live_bayse();
        assert_eq!(bench.events_of(&line), ["yes 3:0 0 live"], "{line}");
    }
    let book = packet_book(10, 11);
    for frame in [
        book.replace("{\"ticks\"", "{\"seq\":1e400,\"ticks\""),
        book.replace("\"asks\"", "\"x\":[-1e999,1E400],\"asks\""),
    ] {
        let mut bench = live_jayx();
        let told = bench.events_of(&frame);
        assert!(told.iter().all(|it| !it.starts_with("bad")), "{told:?}");
        assert!(bench.books.live(BOOK).is_some(), "{frame}");
    }
}

#[test]
fn other_messages_cost_no_book() {
    for kind in [
        "price_update",
        "buy_order",
        "asset_price",
        "order_updated",
        "subscribed",
    ] {
        assert_gaps(&format!(r#"{{"type":"{kind}","data":{{"id":1}}}}"#), &[]);
        assert_gaps(&format!(r#"{{"type":"{kind}"}}"#), &[]);
        assert_gaps(
            &format!(r#"{{"type":"{kind}","data":{{"marketId":"m","outcomeId":"yes"}}}}"#),
            &[],
        );
    }
}

#[test]
fn jayx_gap_follows_the_event() {
    let kline = r#"42["kline",{"add":{"symbol":"BTCUSDT"}}]"#;
    let plain = r#"{"event":"kline","message":{"add":7}}"#;
    let book = packet_book(10, 11);
    for (frame, is_gap) in [
        (&book[..book.len() - 2], true),
        (&book.replace("\"lots\":1", "\"lots\":1.5"), true),
        (&book.replace("\"ticks\":10", "\"ticks\":1e400"), true),
        (&book.replace("\"bids\"", "\"bidz\""), true),
        ("42[", true),
        ("4", true),
        ("x", true),
        (r#"42[7,{}]"#, true),
        (&PLAIN_BOOK[1..], true),
        (kline, false),
        (r#"42["positions",{"spot":[{"asset":1}]}]"#, false),
        (r#"42["openorders",7]"#, false),
        (plain, false),
    ] {
        let mut bench = live_jayx();
        let mut told = bench.events_of(frame);
        let last = told.pop().unwrap();
        assert!(last.starts_with("bad 1: "), "{frame}: {last}");
        let (changes, state): (&[_], _) = match is_gap {
            true => (&["BTCUSDT: live to gap by bad_message"], GAP),
            false => (&[], BookState::Live),
        };
        assert_eq!(told, changes, "{frame}");
        assert_eq!(bench.books.state(BOOK), state, "{frame}");
        bench.frame(&book);
        assert!(bench.books.live(BOOK).is_some(), "{frame}");
    }
}

/// A bad line of a connection with many books makes all of them gaps in one call. Nothing is sent, and the next update
/// of each book repairs it.
#[test]
fn bad_line_among_many_books() {
    const ROOMS: usize = 10_000;
    let markets: Vec<String> = (0..ROOMS).map(|n| format!("m{n}")).collect();
    let venue = Bayse::new(&markets).build().unwrap();
    let mut bench = Bench::new(venue, options());
    bench.open();
    let books: Vec<String> = markets.iter().map(|it| bayse_book(it, "yes")).collect();
    let rooms = markets
        .iter()
        .map(|it| format!(r#"{{"type":"subscribed","room":"orderbook:{it}"}}"#));
    for _ in 0..ROOMS / 90 + 2 {
        bench.frame(r#"{"type":"pong","timestamp":1}"#);
        bench.pass(SECOND + 1);
    }
    bench.frame(&rooms.collect::<Vec<_>>().join("\n"));
    bench.frame(&books.join("\n"));
    bench.sent();
    let told = bench.events_of(NO_JSON);
    assert_eq!(told.len(), ROOMS + 1);
    assert!(
        told[..ROOMS]
            .iter()
            .all(|it| it == "yes: live to gap by bad_message")
    );
    assert!(bench.books.ids().all(|id| bench.books.state(id) == GAP));
    assert!(bench.sent().is_empty());
    assert_eq!(bench.session.next_request(bench.now), None);
    assert!(bench.pass(SECOND).is_none());
    assert!(bench.sent().is_empty());
    bench.events();
    for (n, book) in (0..).map(BookId).zip(&books) {
        assert_eq!(bench.events_of(book).len(), 2);
        assert!(bench.books.live(n).is_some());
    }
    assert_eq!(bench.session.stats().gaps, ROOMS as u64);
    assert!(bench.sent().is_empty());
}

/// Records the messages of a venue and the events in order.
#[derive(Default)]
struct Both(Vec<String>);

impl Handler for Both {
    fn on_event(&mut self, event: Event<'_>, _: &Books) -> ControlFlow<()> {
        let text = format!("{event:?}");
        let name = text.split(['(', ' ']).next().unwrap_or_default();
        self.0.push(name.to_owned());
        ControlFlow::Continue(())
    }
}

impl OnMessage<JayX> for Both {
    fn on_message(
        &mut self,
        message: &jayx::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        if let jayx::Message::OpenOrders(list) = message {
            let cost = list.modify.iter().map(|order| order.cost.unwrap());
            let cost: Vec<_> = cost.collect();
            self.0.push(format!("{} costs {cost:?}", receipt.frame));
        }
        ControlFlow::Continue(())
    }
}

impl OnMessage<Bayse> for Both {
    fn on_message(
        &mut self,
        message: &bayse::Message<'_>,
        receipt: Receipt,
        _: &Books,
    ) -> ControlFlow<()> {
        if let bayse::Message::AssetPrice(price) = message {
            self.0.push(format!("{} {}", receipt.frame, price.symbol));
        }
        ControlFlow::Break(())
    }
}

#[test]
fn own_message_precedes_its_events() {
    let order = r#"42["openorders",{"cancel":[],"modify":[{"id":1,"type":"LIMIT","state":"NEW","side":"BUY","resd":1,"exec":0,"cost":7,"lastLots":null,"lastTicks":null,"created":1,"modified":1,"symbol":"BTCUSDT","price":"10.5","quantity":"2"}]}]"#;
    let venue = JayX::new("BTCUSDT")
        .envelope(Envelope::SocketIo)
        .key(ApiKey::new("k"))
        .follow(jayx::Topic::open_orders("BTCUSDT"));
    let (mut books, mut both) = (Books::new(), Both::default());
    let mut session = Session::new(
        venue.build().unwrap(),
        ConnectionId(0),
        options(),
        &mut books,
    );
    let _ = session.opened(Nanos(0), &mut books, &mut both);
    let _ = session.frame(order.as_bytes(), Nanos(0), &mut books, &mut both);
    assert_eq!(both.0.len(), 3, "{:?}", both.0);
    assert!(
        both.0[1].starts_with("0 costs [") && both.0[2] == "Order",
        "{:?}",
        both.0
    );
}

#[test]
fn message_handler_can_break() {
    let price = r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":1.5,"timestamp":1},"timestamp":1}"#;
    let (mut books, mut both) = (Books::new(), Both::default());
    let venue = Bayse::realtime()
        .follow(Topic::asset_price(bayse::Symbol::BtcUsdt))
        .build()
        .unwrap();
    let mut session = Session::new(venue, ConnectionId(0), options(), &mut books);
    let _ = session.opened(Nanos(0), &mut books, &mut both);
    let reply = session.frame(price.as_bytes(), Nanos(0), &mut books, &mut both);
    assert_eq!(reply, CallOutcome::StopFeed);
    assert_eq!(both.0, ["Connected", "0 BTCUSDT"]);
}

/// A book with the send time `sent`, in seconds of the server's clock.
fn sent_book(sent: u64) -> String {
    let book = bayse_book("m", "yes");
    let timestamp = format!(
        r#"{{"timestamp":{},"type""#,
        1_700_000_000_000 + sent * 1_000
    );
    book.replacen(r#"{"type""#, &timestamp, 1)
}

#[test]
fn late_message_ages_its_book() {
    let mut bench = live_bayse();
    let start = bench.now.0;
    let receive = |bench: &mut Bench<Bayse>, sent, received| {
        bench.now = Nanos(start + received * SECOND);
        bench.frame(&sent_book(sent));
        bench.books.state(BOOK)
    };
    // The fourth message waited for two of the five seconds until a book is stale.
    for (sent, received) in [(0, 0), (1, 1), (2, 2), (3, 5)] {
        assert_eq!(receive(&mut bench, sent, received), BookState::Live);
    }
    assert!(bench.pass(29 * SECOND / 10).is_none());
    assert_eq!(bench.books.state(BOOK), BookState::Live);
    // With a tolerance, because clocks may drift.
    assert!(bench.pass(SECOND / 5).is_none());
    assert_eq!(bench.books.state(BOOK), BookState::Stale);
    // A message that waited for longer than that is stale immediately.
    assert_eq!(receive(&mut bench, 14, 20), BookState::Stale);
    // A send time in the future does not make a book newer.
    assert_eq!(receive(&mut bench, 60, 21), BookState::Live);
    assert!(bench.pass(5 * SECOND).is_none());
    assert_eq!(bench.books.state(BOOK), BookState::Stale);
}
