//! Interop with clients and servers that share no code with this project: they use Node's `ws` and Python's `websockets`.
//! `tests/peers/install` installs them. Without it, each of these tests prints a line and skips, or fails if
//! `TICKLOT_PEERS` is `required`.

use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::book::BookRefLevels;
use ticklot::control::ConnectionSummary;
use ticklot::{BookRef, BookState, Books, Disconnect, Event, Feed, Level, Options};
use ticklot_sim::bayse::{Config, Listing, User};
use ticklot_sim::{Rate, Server};
use ticklot_tests::drive::Drive;
use ticklot_tests::handler::break_if;
use ticklot_tests::peers::{Language, Peer, STEP_TIMEOUT, all_closed};
use ticklot_transport::{Incoming, connect};
use tokio::time::timeout;

// ---- foreign clients, the simulated server

/// A client of every channel. It takes about 7 s: the rate limit and the missing pong take 1 s each, and after each
/// unsubscription the client waits for stray messages.
async fn serves(language: Language, test: &str) {
    let Some(mut command) = language.script("client", test) else {
        return;
    };
    let config = Config {
        update_every: Duration::from_millis(20),
        asset_price_every: Duration::from_millis(50),
        ping_every: Duration::from_millis(100),
        messages: Rate {
            count: 10,
            per: Duration::from_secs(1),
        },
        ..Config::default()
    };
    let strict = Config {
        pong_timeout: Duration::from_secs(1),
        ..config.clone()
    };
    let server = Server::bayse(config).await.expect("a server");
    let strict = Server::bayse(strict).await.expect("a server");
    let (listing, other, user) = (Listing::rate_cut(), Listing::long_shot(), User::demo());
    let arguments = [
        ("url", server.url()),
        ("strict", strict.url()),
        ("event", "evt_us-rate-cut".to_owned()),
        ("market", listing.market_id),
        ("yes", listing.yes_id),
        ("no", listing.no_id),
        ("other", other.market_id),
        ("user", user.id),
        ("key", user.api_key.expect("a key")),
        ("token", user.access_token.expect("a token")),
    ];
    for (name, value) in arguments {
        command.arg(format!("{name}={value}"));
    }
    Peer::start(command).end().await;
    all_closed([&server, &strict].into_iter()).await;
}

#[tokio::test]
async fn node_client_is_served() {
    serves(Language::Node, "node_client_is_served").await;
}

#[tokio::test]
async fn python_client_is_served() {
    serves(Language::Python, "python_client_is_served").await;
}

// ---- foreign servers, our client

const YES: &str = "out_yes 500@60 300@55 | 200@65 400@70";
const LATER: &str = "out_yes 10@61 | 150@65";
const NO: &str = "out_no | 3.7037@40";
const WIDE: &str = "out_naïve-日本-😀 1.5@50 |";

const CONNECTED: &str = "connected";
const SUBSCRIBED: &str = "subscribed orderbook:mkt_1";

/// A scenario of the servers: the handler's events, and how it ends.
struct Scenario {
    name: &'static str,
    events: Vec<String>,
    /// The server's close code; `None` if the client ends the connection.
    code: Option<u16>,
}

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, code, events: &[String]| Scenario {
        name,
        events: [&[CONNECTED.to_owned()], events].concat(),
        code,
    };
    let subscribed = || SUBSCRIBED.to_owned();
    // Frame and line of a book are counted from 0.
    let book = |at: &str, book: &str| format!("{at} {book}");
    let live = |name: &str| format!("{name} is live");
    let (yes, no) = (live("out_yes"), live("out_no"));
    let first_book = [subscribed(), yes.clone(), book("1.0", YES)];
    let mut batches = vec![
        subscribed(),
        yes.clone(),
        book("1.1", YES),
        // The line is not JSON and may have been any book.
        "out_yes is gap".to_owned(),
        "bad line 1.3".to_owned(),
        "unknown market_resolved".to_owned(),
        no.clone(),
        book("1.5", NO),
        yes.clone(),
    ];
    batches.extend((0..400).map(|line| book(&format!("2.{line}"), [LATER, YES][line % 2])));
    vec![
        scenario(
            "fragments",
            Some(1000),
            &[subscribed(), live("out_naïve-日本-😀"), book("2.0", WIDE)],
        ),
        scenario("interleaved", Some(1000), &first_book),
        scenario("pings", Some(1000), &first_book),
        scenario("close", Some(4321), &first_book),
        scenario("bare", Some(1005), &[subscribed()]),
        scenario("batches", Some(1000), &batches),
        scenario(
            "bytes",
            Some(1000),
            &[subscribed(), yes.clone(), book("2.0", YES)],
        ),
        scenario(
            "heels",
            Some(1000),
            &[
                yes.clone(),
                book("1.0", YES),
                subscribed(),
                no,
                book("3.0", NO),
            ],
        ),
        scenario("stopped", None, &first_book),
    ]
}

/// A book as a line: quantity and price in cents of each level, bids before asks.
fn line(name: &str, book: BookRef<'_>) -> String {
    let levels = |levels: BookRefLevels<'_>| {
        let level = |it: Level| {
            // Exact: the servers' quantities have few digits.
            let quantity = it.lots.0 as f64 / 1e6;
            format!(" {quantity}@{}", it.ticks.0)
        };
        levels.map(level).collect::<String>()
    };
    format!("{name}{} |{}", levels(book.bids()), levels(book.asks()))
}

/// An event as text.
fn note(event: &Event<'_>, books: &Books) -> Option<String> {
    Some(match event {
        Event::Connected { epoch, .. } => {
            assert_eq!(epoch.0, 1);
            CONNECTED.to_owned()
        }
        Event::Subscribed { topic: room, .. } => format!("subscribed {room}"),
        Event::Book(update) => {
            let book = books.live(update.book).expect("a live book");
            let line = line(books.name(update.book), book);
            format!("{}.{} {line}", update.frame, update.line)
        }
        // The scenario checks the end of the connection.
        Event::State(change) if change.new == BookState::Disconnected => return None,
        Event::State(change) => format!("{} is {}", change.instrument.name, change.new),
        Event::Welcome { client_id, .. } => {
            assert!(client_id.is_some_and(|id| id.starts_with("a1b2c3d4-")));
            return None;
        }
        Event::BadLine { frame, error, .. } => format!("bad line {frame}.{}", error.line),
        Event::Unknown { kind, .. } => format!("unknown {kind}"),
        Event::Disconnected { .. } => return None,
        other => format!("{other:?}"),
    })
}

/// Subscribes to the servers' market until the connection ends, or until the first book. Returns no summary after a
/// timeout.
async fn follow(url: &str, until_book: bool) -> (Vec<String>, Vec<ConnectionSummary>) {
    let mut notes = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        notes.extend(note(&event, books));
        break_if(until_book && matches!(event, Event::Book(_)))
    });
    let mut options = Options::default();
    options.reconnect.after_close = false;
    let venue = Bayse::new(["mkt_1"]).url(url).build().expect("a market");
    feed.add_with(venue, options, Default::default());
    let ended = timeout(STEP_TIMEOUT, feed.drive()).await;
    drop(feed);
    (notes, ended.unwrap_or_default())
}

/// Every scenario of a server, one after the other.
async fn follows(language: Language, test: &str) {
    let Some(command) = language.script("server", test) else {
        return;
    };
    let mut peer = Peer::start(command);
    let base = format!("ws://127.0.0.1:{}", peer.listening().await);
    for Scenario { name, events, code } in scenarios() {
        let (notes, ended) = follow(&format!("{base}/{name}"), code.is_none()).await;
        let line = peer.line().await.unwrap_or_default();
        assert_eq!(line, format!("ok {name}"), "\n{}", peer.output());
        assert_eq!(notes, events, "{name}");
        let [ConnectionSummary { reason, .. }] = ended.as_slice() else {
            panic!("{name}: {ended:?}");
        };
        match (code, reason) {
            (Some(expected), Disconnect::Closed { code, .. }) => {
                assert_eq!(*code, expected, "{name}");
            }
            (None, Disconnect::Stopped) => {}
            _ => panic!("{name}: {reason:?}"),
        }
    }
    check_close_reason(&base).await;
    assert_eq!(peer.line().await.as_deref(), Some("ok close"));
    peer.end().await;
}

/// A feed does not report the reason of a close; the connection does.
async fn check_close_reason(base: &str) {
    let config = ticklot_transport::Config::default();
    let url = format!("{base}/close/ws/v1/markets");
    let connection = connect(&url, &config).await.expect("a connection");
    let (mut reader, mut writer) = connection.split();
    let subscription = br#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_1"]}"#;
    writer.text(subscription).await.expect("sent");
    let mut messages = 0;
    loop {
        let incoming = timeout(STEP_TIMEOUT, reader.read()).await.expect("in time");
        match incoming.expect("no error") {
            Incoming::Message(_) => messages += 1,
            Incoming::Close { code, reason } => {
                assert_eq!((code, reason), (4321, "maintenance, à bientôt"));
                writer.close(code, "").await.expect("answered");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(messages, 2);
}

#[tokio::test]
async fn follows_node_server() {
    follows(Language::Node, "follows_node_server").await;
}

#[tokio::test]
async fn follows_python_server() {
    follows(Language::Python, "follows_python_server").await;
}
