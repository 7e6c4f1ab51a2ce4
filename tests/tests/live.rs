//! The whole way over real sockets, against the simulated venues.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::{Books, Disconnect, Event, Feed, Handler, Options, State};
use ticklot_frame::jayx::Envelope;
use ticklot_sim::bayse::Listing;
use ticklot_sim::{Server, Simulator, Venue, bayse, jayx};
use ticklot_tests::program::ticklot;
use tokio::time::timeout;

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

/// Every book that is live is a book: sides in order, not crossed, nothing empty.
fn check_live_books(books: &Books) {
    for id in books.ids() {
        let Some(book) = books.live(id) else { continue };
        assert!(!book.is_crossed(), "{}", books.name(id));
        assert!(
            book.bids()
                .windows(2)
                .all(|pair| pair[0].ticks > pair[1].ticks)
        );
        assert!(
            book.asks()
                .windows(2)
                .all(|pair| pair[0].ticks < pair[1].ticks)
        );
        assert!(
            book.bids()
                .iter()
                .chain(book.asks())
                .all(|level| level.lots.0 > 0)
        );
    }
}

/// Counts updates by book until each has had enough.
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

impl Handler for Count {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::Book(update) => {
                self.updates.resize(books.len(), 0);
                self.updates[update.book.0 as usize] += 1;
                check_live_books(books);
                assert_eq!(books.state(update.book), State::Live);
            }
            Event::Subscribed { room, .. } => self.rooms.push(room.to_owned()),
            Event::BadLine { error, .. } => panic!("{error}"),
            Event::Refused { message, .. } => panic!("{message}"),
            _ => {}
        }
        let done =
            self.updates.len() == self.books && self.updates.iter().all(|n| *n >= self.enough);
        if done {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

#[tokio::test]
async fn both_venues_in_one_handler() {
    let (jayx, bayse) = quick();
    let simulator = Simulator::spawn(jayx, bayse).unwrap();
    let mut feed = Feed::new(Count::new(5, 20));
    let url = |venue| simulator.url(venue).unwrap();
    for envelope in [Envelope::SocketIo, Envelope::Plain] {
        let venue = JayX::new("BTCUSDT")
            .url(&url(Venue::Jayx))
            .envelope(envelope);
        feed.add(venue.build().unwrap());
    }
    // One market of two outcomes, and one outcome of another that may be one-sided: a book all the same.
    let markets = [Listing::rate_cut().market_id];
    feed.add(Bayse::new(markets).url(&url(Venue::Bayse)).build());
    feed.handler_mut().books = 4;
    let ended = within(feed.run()).await;
    assert!(
        ended
            .iter()
            .all(|end| matches!(end.reason, Disconnect::Stopped)),
        "{ended:?}"
    );
    let (books, count) = feed.into_parts();
    assert_eq!(books.len(), 4);
    assert_eq!(count.rooms, ["orderbook:mkt_us-rate-cut"]);
    let names: Vec<&str> = books.ids().map(|id| books.name(id)).collect();
    assert_eq!(
        names,
        [
            "BTCUSDT",
            "BTCUSDT",
            "out_us-rate-cut-yes",
            "out_us-rate-cut-no"
        ]
    );
    // Stopped: nothing is live any more.
    assert!(books.ids().all(|id| books.state(id) == State::Disconnected));
}

#[tokio::test]
async fn a_server_that_restarts_is_found_again_with_a_new_epoch() {
    let (config, _) = quick();
    let server = Server::jayx(config.clone()).await.unwrap();
    let listen = server.addr();
    let mut server = Some(server);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut updates = 0;
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        match event {
            Event::Book(update) => {
                let book = books.live(update.book).expect("a live book");
                updates += 1;
                if updates == 5 {
                    let _ = tell.send(());
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
    let venue = JayX::new("BTCUSDT")
        .url(&server.as_ref().unwrap().url())
        .build()
        .unwrap();
    feed.add_with(venue, options, Default::default());
    let restart = async {
        told.recv().await.unwrap();
        server.take().unwrap().shutdown().await;
        server = Some(
            Server::jayx(jayx::Config { listen, ..config })
                .await
                .unwrap(),
        );
    };
    let (ended, ()) = within(async { tokio::join!(feed.run(), restart) }).await;
    assert!(matches!(ended[0].reason, Disconnect::Stopped));
}

#[tokio::test]
async fn a_stopper_works_at_every_stage() {
    // While connecting to a server that never answers the upgrade, while waiting to reconnect, and
    // while a book streams.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_url = format!("ws://{}", closed.local_addr().unwrap());
    drop(closed);
    let (config, _) = quick();
    let server = Server::jayx(config).await.unwrap();
    let urls = [
        format!("ws://{}", silent.local_addr().unwrap()),
        closed_url,
        server.url(),
    ];
    let mut feed = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::Continue(()));
    for url in &urls {
        feed.add(JayX::new("BTCUSDT").url(url).build().unwrap());
    }
    let stopper = feed.stopper();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stopper.stop();
    };
    let (ended, ()) = within(async { tokio::join!(feed.run(), stop) }).await;
    assert_eq!(ended.len(), 3);
    assert!(
        ended
            .iter()
            .all(|end| matches!(end.reason, Disconnect::Stopped)),
        "{ended:?}"
    );
    // It can be run again.
    let again = feed.stopper();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        again.stop();
    };
    within(async { tokio::join!(feed.run(), stop) }).await;
}

#[tokio::test]
async fn ticks_come_whatever_else_happens() {
    let mut ticks = 0;
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        ticks += u32::from(matches!(event, Event::Tick { .. }));
        if ticks == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    feed.tick_every(Duration::from_millis(1));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", silent.local_addr().unwrap());
    feed.add(JayX::new("BTCUSDT").url(&url).build().unwrap());
    within(feed.run()).await;
    drop(feed);
    assert_eq!(ticks, 3);
}

// Over a second: the program prints a line a second.
#[test]
fn the_program_shows_both_venues() {
    let ran = ticklot(["--for", "1500ms"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    for name in ["BTCUSDT", "out_us-rate-cut-yes", "out_us-rate-cut-no"] {
        let live = ran
            .out
            .lines()
            .find(|line| line.contains(name) && line.contains(" live bid "));
        let line = live.unwrap_or_else(|| panic!("no live line of {name}:\n{}", ran.out));
        for part in [
            " x ",
            "| ask ",
            "| spread ",
            "| last ",
            "| age ",
            " msg/s | p50 ",
            " p99 ",
        ] {
            assert!(line.contains(part), "{part:?} in {line}");
        }
        assert!(
            ran.out.contains(&format!("{name}: ")),
            "a summary of {name}:\n{}",
            ran.out
        );
    }
}

#[test]
fn the_program_refuses_in_one_line() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unreachable = format!("--url=ws://{}", closed.local_addr().unwrap());
    drop(closed);
    let table: &[(&[&str], u8, &str)] = &[
        (&["--wrong"], 2, "unexpected argument '--wrong'"),
        (&["watch", "--venue=nyse"], 2, "invalid value 'nyse'"),
        (&["watch", "--url=ws://127.0.0.1:1"], 2, "--venue <VENUE>"),
        (&["watch", "--for=soon"], 2, "invalid value 'soon'"),
        (
            &["watch", "--venue=bayse", &unreachable],
            2,
            "--market is needed with --url",
        ),
        (
            &["watch", "--venue=bayse", "--market=any,m1", &unreachable],
            2,
            "`any` alone",
        ),
        (
            &["watch", "--venue=jayx", "--envelope=auto"],
            2,
            "--envelope auto is for replaying",
        ),
        (
            &["watch", "--venue=jayx", "--price-decimals=19"],
            2,
            "at most 18",
        ),
        (
            &["watch", "--venue=jayx", "--symbol="],
            2,
            "the symbol is empty",
        ),
        (
            &["watch", "--venue=jayx", &unreachable],
            1,
            "cannot connect to 127.0.0.1",
        ),
        (
            &["watch", "--venue=jayx", "--url=http://127.0.0.1:1"],
            1,
            "not a WebSocket URL",
        ),
        (
            &["watch", "--venue=jayx", "--books=/nowhere/books.csv"],
            1,
            "cannot write /nowhere/books.csv",
        ),
        (&["serve"], 2, "--venue <VENUE>"),
        (
            &["serve", "--venue=jayx", "--listen=here"],
            2,
            "invalid value 'here'",
        ),
        (
            &["serve", "--venue=jayx", "--from=/nowhere.zst"],
            1,
            "/nowhere.zst: cannot open the log",
        ),
        (
            &[
                "serve",
                "--venue=jayx",
                "--from=/nowhere.zst",
                "--speed=fast",
            ],
            2,
            "invalid value 'fast'",
        ),
        (
            &["replay", "/nowhere.zst", "--venue=jayx"],
            1,
            "/nowhere.zst: cannot open the log",
        ),
        (&["replay", "/nowhere.zst"], 2, "--venue <VENUE>"),
    ];
    for (args, status, says) in table {
        let ran = ticklot(*args);
        assert_eq!(ran.status, *status, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
        assert!(
            ran.err.starts_with("ticklot: ") && ran.err.ends_with('\n'),
            "{}",
            ran.err
        );
        assert_eq!(ran.err.lines().count(), 1, "{args:?}: {}", ran.err);
    }
    for args in [&["--help"][..], &["watch", "--help"], &["--version"]] {
        let ran = ticklot(args);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("ticklot"), "{}", ran.out);
    }
}
