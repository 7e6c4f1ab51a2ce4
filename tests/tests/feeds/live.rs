//! Feeds over real sockets, against the simulated venues.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ticklot::bayse::{Bayse, Command, Topic};
use ticklot::control::{CommandError, ShutdownHandle};
use ticklot::jayx::{Envelope, JayX};
use ticklot::{BookState, Books, Disconnect, Event, Feed, Handler, OnMessage, Options};
use ticklot_sim::bayse::Listing;
use ticklot_sim::{RecordedFrame, Recording, Server, Simulator, Speed, Venue, bayse, jayx};
use ticklot_tests::accept::accept_by_hand;
use ticklot_tests::drive::{Drive, assert_stopped, runtime};
use ticklot_tests::handler::{break_if, ignore};
use ticklot_tests::program::ticklot;
use ticklot_transport::Config;

use crate::{listen, within};

fn quick() -> (jayx::Config, bayse::Config) {
    let every = Duration::from_millis(2);
    (
        jayx::Config {
            update_every: every,
            ..Default::default()
        },
        bayse::Config {
            update_every: every,
            ..Default::default()
        },
    )
}

/// Every live book is valid: its sides are sorted, it is not crossed, and it has no empty levels.
fn check_live_books(books: &Books) {
    for id in books.ids() {
        let Some(book) = books.live(id) else { continue };
        assert!(!book.is_crossed(), "{}", books.name(id));
        assert!(book.bids().is_sorted_by(|a, b| a.ticks > b.ticks));
        assert!(book.asks().is_sorted_by(|a, b| a.ticks < b.ticks));
        let mut levels = book.bids().chain(book.asks());
        assert!(levels.all(|level| level.lots.0 > 0));
    }
}

/// Counts the updates of each book until all have enough.
struct Count {
    updates: Vec<u64>,
    enough: u64,
    books: usize,
    rooms: Vec<String>,
}

impl Count {
    fn new(books: usize, enough: u64) -> Self {
        Self {
            updates: Vec::new(),
            enough,
            books,
            rooms: Vec::new(),
        }
    }
}

impl<V: ticklot::venue::Venue> OnMessage<V> for Count {}

impl Handler for Count {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::Book(update) => {
                self.updates.resize(books.len(), 0);
                self.updates[update.book.0 as usize] += 1;
                check_live_books(books);
                assert_eq!(books.state(update.book), BookState::Live);
            }
            Event::Subscribed { topic: room, .. } => self.rooms.push(room.to_owned()),
            Event::BadLine { error, .. } => panic!("{error}"),
            Event::Refused { message, .. } => panic!("{message}"),
            _ => {}
        }
        let all = self.updates.iter().all(|n| *n >= self.enough);
        break_if(all && self.updates.len() == self.books)
    }
}

#[tokio::test]
async fn both_venues_in_one_handler() {
    let (jayx, bayse) = quick();
    let simulator = Simulator::spawn(jayx, bayse).unwrap();
    let mut feed = Feed::new(Count::new(5, 20));
    let url = |venue| simulator.url(venue).unwrap();
    for envelope in [Envelope::SocketIo, Envelope::Plain] {
        let venue = JayX::new("BTCUSDT").url(&url(Venue::Jayx));
        feed.add(venue.envelope(envelope).build().unwrap());
    }
    // One market with two outcomes.
    let markets = [Listing::rate_cut().market_id];
    feed.add(Bayse::new(markets).url(&url(Venue::Bayse)).build().unwrap());
    feed.handler_mut().books = 4;
    let ended = within(feed.drive()).await;
    assert_stopped(&ended, 3);
    let (books, count) = feed.into_parts();
    assert_eq!(books.len(), 4);
    assert_eq!(count.rooms, ["orderbook:mkt_us-rate-cut"]);
    let names: Vec<&str> = books.ids().map(|id| books.name(id)).collect();
    let outcomes = ["out_us-rate-cut-yes", "out_us-rate-cut-no"];
    assert_eq!(names, [["BTCUSDT"; 2], outcomes].concat());
    check_disconnected(&books);
}

fn check_disconnected(books: &Books) {
    let mut states = books.ids().map(|id| books.state(id));
    assert!(states.all(|state| state == BookState::Disconnected));
}

#[tokio::test]
async fn restarted_server_starts_new_epoch() {
    let (config, _) = quick();
    let server = Server::jayx(config.clone()).await.unwrap();
    let listen = server.addr();
    let mut server = Some(server);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut updates = 0;
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        match event {
            Event::Book(update) => {
                let book = books.live(update.book).expect("a live book");
                updates += 1;
                if updates == 5 {
                    let _ = sender.send(());
                }
                if book.epoch().0 == 2 {
                    return ControlFlow::Break(());
                }
            }
            Event::Disconnected {
                reason,
                retry_in: Some(_),
                ..
            } => {
                assert!(books.ids().all(|id| books.live(id).is_none()), "{reason}");
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let mut options = Options::default();
    options.reconnect.base = Duration::from_millis(5);
    options.reconnect.cap = Duration::from_millis(20);
    let venue = JayX::new("BTCUSDT").url(&server.as_ref().unwrap().url());
    feed.add_with(venue.build().unwrap(), options, Default::default());
    let restart = async {
        receiver.recv().await.unwrap();
        server.take().unwrap().shutdown().await;
        server = Some(
            Server::jayx(jayx::Config { listen, ..config })
                .await
                .unwrap(),
        );
    };
    let (ended, ()) = within(async { tokio::join!(feed.drive(), restart) }).await;
    assert!(matches!(ended[0].reason, Disconnect::Stopped));
}

#[tokio::test]
async fn stopper_works_in_every_state() {
    // During an upgrade without a response, during a reconnect wait, and while a book streams.

    let (_silent, silent_url) = listen();
    let (closed, closed_url) = listen();
    drop(closed);
    let (config, _) = quick();
    let server = Server::jayx(config).await.unwrap();
    let urls = [silent_url, closed_url, server.url()];
    let mut feed = Feed::new(ignore);
    for url in &urls {
        feed.add(JayX::new("BTCUSDT").url(url).build().unwrap());
    }
    let stopper = feed.shutdown_handle();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stopper.stop();
    };
    let (ended, ()) = within(async { tokio::join!(feed.drive(), stop) }).await;
    assert_stopped(&ended, 3);
}

#[tokio::test]
async fn stopped_feed_runs_again() {
    let (config, _) = quick();
    let server = Server::jayx(config).await.unwrap();
    let mut epochs = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event {
            epochs.push(books.live(update.book).expect("a live book").epoch().0);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    feed.add(JayX::new("BTCUSDT").url(&server.url()).build().unwrap());
    within(feed.drive()).await;
    within(feed.drive()).await;
    // A stop before the start of the feed is not lost.
    feed.shutdown_handle().stop();
    let ended = within(feed.drive()).await;
    assert!(matches!(ended[0].reason, Disconnect::Stopped));
    drop(feed);
    assert_eq!(epochs, [1, 2]);
}

#[tokio::test]
async fn dropped_feed_disconnects_books() {
    let (config, _) = quick();
    let server = Server::jayx(config).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut feed = Feed::new(move |event: Event<'_>, _: &Books| {
        if matches!(event, Event::Book(_)) {
            let _ = sender.send(());
        }
        ControlFlow::Continue(())
    });
    feed.add(JayX::new("BTCUSDT").url(&server.url()).build().unwrap());
    tokio::select! {
        _ = feed.drive() => panic!("the feed ended"),
        _ = receiver.recv() => {}
    }
    check_disconnected(feed.books());
}

/// A server that never pauses delays neither the user's stop nor the ticks.
#[test]
fn flood_delays_no_stop() {
    let levels: Vec<String> = (0..300)
        .map(|n| format!(r#"{{"ticks":{},"lots":5,"count":1}}"#, 1000 - n))
        .collect();
    let frame = format!(
        r#"{{"orderBook":{{"asks":[],"bids":[{}]}}}}"#,
        levels.join(",")
    );
    let frame = RecordedFrame {
        recv_ns: 0,
        frame: frame.into_bytes(),
    };
    let recording = Arc::new(Recording {
        frames: vec![frame; 5000],
    });
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Simulator::playback(Venue::Jayx, recording, Speed::Max, listen).unwrap();
    let url = server.url(Venue::Jayx).unwrap();
    let (mut before, mut after, mut ticks) = (0, 0, 0);
    let stopper: Rc<RefCell<Option<ShutdownHandle>>> = Rc::default();
    let stop = Rc::clone(&stopper);
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        match event {
            Event::Timer { .. } => ticks += 1,
            Event::Book(_) if before < 2000 => before += 1,
            Event::Book(_) => {
                if let Some(stopper) = stop.borrow_mut().take() {
                    stopper.stop();
                }
                after += 1;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    *stopper.borrow_mut() = Some(feed.shutdown_handle());
    feed.timer_interval(Duration::from_millis(1));
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).url(&url);
    feed.add(venue.build().unwrap());
    runtime().block_on(within(feed.drive()));
    drop(feed);
    assert!(after <= 64, "{after} frames after the stop");
    // 2,000 frames of 300 levels take far longer than a few milliseconds.
    assert!(ticks > 0);
}

#[tokio::test]
async fn server_close_disconnects_books() {
    let (listener, url) = listen();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        if let Event::Disconnected { reason, .. } = event {
            assert!(
                matches!(reason, Disconnect::Closed { code: 1001, .. }),
                "{reason}"
            );
            assert!(books.ids().all(|id| books.live(id).is_none()));
            let _ = sender.send(());
        }
        ControlFlow::Continue(())
    });
    let mut options = Options::default();
    options.reconnect.after_close = false;
    let mut transport = Config::default();
    // If the books waited for the end of the close handshake, this test would exceed its time limit.
    transport.close_timeout = Duration::from_secs(600);
    let venue = JayX::new("X").envelope(Envelope::Plain).url(&url);
    feed.add_with(venue.build().unwrap(), options, transport);
    let server = async {
        let connection = accept_by_hand(&listener).await;
        let (mut reader, mut writer) = connection.split();
        reader.read().await.unwrap();
        writer
            .text(br#"{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":1}]}}"#)
            .await
            .unwrap();
        writer.close(1001, "").await.unwrap();
        // The server keeps the TCP connection open until the client has reported the close.
        receiver.recv().await.unwrap();
    };
    within(async { tokio::join!(feed.drive(), server) }).await;
}

#[tokio::test]
async fn handle_commands_one_connection() {
    let (_, config) = quick();
    let server = Server::bayse(config).await.unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        let text = match event {
            Event::Subscribed { topic: room, .. } => format!("joined {room}"),
            Event::Unsubscribed { topic: room, .. } => format!("left {room}"),
            Event::RoundTrip { .. } => "pong".to_owned(),
            Event::Book(update) => format!("book {}", books.market(update.book)),
            Event::Refused { message, .. } => format!("refused {message}"),
            Event::Disconnected { reason, .. } => format!("gone: {reason}"),
            _ => return ControlFlow::Continue(()),
        };
        let _ = sender.send(text);
        ControlFlow::Continue(())
    });
    let market = Listing::rate_cut().market_id;
    let handle = feed.add(Bayse::markets().url(&server.url()).build().unwrap());
    let idle = feed.add(Bayse::realtime().url(&server.url()).build().unwrap());
    let drive = async {
        let mut wait_for = async |text: &str| while receiver.recv().await.unwrap() != text {};
        handle
            .send(Command::Subscribe(Topic::order_book(&market)))
            .unwrap();
        wait_for(&format!("joined orderbook:{market}")).await;
        wait_for(&format!("book {market}")).await;
        handle.send(Command::Ping).unwrap();
        wait_for("pong").await;
        handle
            .send(Command::Subscribe(Topic::order_book("nonsense")))
            .unwrap();
        wait_for("refused unknown market: nonsense").await;
        handle
            .send(Command::Unsubscribe(Topic::order_book(&market)))
            .unwrap();
        wait_for(&format!("left orderbook:{market}")).await;
        handle.close().unwrap();
        wait_for("gone: stopped").await;
        // It has no subscription, so it never connected.
        idle.close().unwrap();
    };
    let (ended, ()) = within(async { tokio::join!(feed.drive(), drive) }).await;
    assert_eq!(ended.len(), 2);
    assert!(
        handle.send(Command::Ping).is_ok(),
        "the feed is there, if not running"
    );
    drop(feed);
    assert_eq!(handle.send(Command::Ping), Err(CommandError::Gone));
}

#[tokio::test]
async fn ticks_are_independent_of_connections() {
    let mut ticks = 0;
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        ticks += u32::from(matches!(event, Event::Timer { .. }));
        break_if(ticks == 3)
    });
    feed.timer_interval(Duration::from_millis(1));
    let (_silent, url) = listen();
    feed.add(JayX::new("BTCUSDT").url(&url).build().unwrap());
    within(feed.drive()).await;
    drop(feed);
    assert_eq!(ticks, 3);
}

/// The arguments, the exit status, and a part of the error.
const ERRORS: &str = "
--wrong | 2 | unexpected argument '--wrong'
watch --venue=nyse | 2 | invalid value 'nyse'
watch --url=ws://127.0.0.1:1 | 2 | --venue <VENUE>
watch --duration=soon | 2 | invalid value 'soon'
watch --venue=bayse --url=CLOSED | 2 | --url needs --market
watch --venue=bayse --market=any,m1 --url=CLOSED | 2 | --market must be a list of ids; to keep every book, use --accept-any
watch --venue=jayx --market=m | 2 | --market applies only to Bayse
watch --venue=bayse --market=any | 2 | --accept-any subscribes to nothing
watch --venue=bayse --symbol=ETHUSDT | 2 | --symbol applies only to Kraken, and to JayX without --jayx-stream positions
watch --venue=bayse --channel=prices --market=m | 2 | --market applies only to Bayse's --channel orderbook, activity and orders
watch --venue=bayse --channel=prices --currency=NGN | 2 | --currency applies only to Bayse's --channel orderbook
watch --venue=bayse --bayse-event=e | 2 | --bayse-event applies only to Bayse's --channel prices and activity
watch --venue=jayx --user-id=u | 2 | --user-id applies only to Bayse
watch --venue=jayx --interval=5 | 2 | --interval applies only to JayX's --jayx-stream kline
watch --venue=jayx --jayx-stream=positions --symbol=A | 2 | --symbol applies only to Kraken, and to JayX without --jayx-stream positions
watch --asset=BTCUSDT | 2 | --asset applies only to Bayse
watch --book-depth=10 | 2 | --book-depth applies only to Kraken
watch --venue=jayx --price-decimals=19 | 2 | expected a number from 0 to 18
watch --venue=jayx --symbol= | 2 | the symbol is empty
watch --venue=jayx --url=CLOSED | 1 | cannot connect to 127.0.0.1
watch --venue=jayx --url=http://127.0.0.1:1 | 2 | invalid URL
watch --venue=kraken --url=ws://127.0.0.1:0 | 2 | invalid URL: the port is invalid
watch --venue=bayse --market=m --url=ws://127.0.0.1/ws/v2 | 2 | unknown path
watch --venue=kraken --ca=/nowhere/ca.pem | 2 | cannot use the certificates of /nowhere/ca.pem
watch --venue=kraken --proxy=socks5://127.0.0.1:1 | 2 | the proxy is not an http or https URL
watch --venue=jayx --books=/nowhere/books.csv | 1 | cannot write /nowhere/books.csv
serve | 2 | --venue <VENUE>
serve --venue=jayx --listen=here | 2 | invalid value 'here'
serve --venue=jayx --log=/nowhere.zst | 1 | /nowhere.zst: cannot open the log
serve --venue=jayx --log=/nowhere.zst --speed=fast | 2 | invalid value 'fast'
replay /nowhere.zst --venue=jayx | 1 | /nowhere.zst: cannot open the log
replay /nowhere.zst | 1 | /nowhere.zst: cannot open the log
";

#[test]
fn program_errors_are_one_line() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unreachable = format!("--url=ws://{}", closed.local_addr().unwrap());
    drop(closed);
    for row in ERRORS.trim().lines() {
        let [args, status, error] = row.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let args = args.replace("--url=CLOSED", &unreachable);
        let ran = ticklot(args.split(' '));
        ran.assert_failed(status.parse().unwrap(), error);
        assert!(ran.err.starts_with("ticklot: ") && ran.err.ends_with('\n'));
    }
    for args in [&["--help"][..], &["watch", "--help"], &["--version"]] {
        let ran = ticklot(args);
        ran.assert_ok();
        ran.assert_out("ticklot");
    }
}
