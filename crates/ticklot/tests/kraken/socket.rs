//! One removal over a real socket: a feed, and a server that plays the log without one update.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use ticklot::kraken::{Depth, Kraken};
use ticklot::transport::{Config, Connection, accept_key};
use ticklot::{Books, Event, Feed, Options, Reconnect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::bench::describe;
use crate::drive::Drive;
use crate::log::{BookFrame, Log};
use crate::model::{Model, Removal, removal};
use crate::wire::{self, Sent};

/// The removed update of a pair.
struct Case<'a> {
    log: &'a Log,
    /// The pair's frames.
    frames: Vec<&'a BookFrame>,
    /// The index of the update among them.
    at: usize,
    removal: Removal,
}

impl<'a> Case<'a> {
    /// The first update of any pair whose removal is detectable, but not at the pair's next update.
    fn find(log: &'a Log) -> Self {
        let cases = (0..log.pairs.len()).flat_map(|pair| Self::of_pair(log, pair));
        let mut late = cases.filter(|it| it.removal.shows_at.is_some_and(|at| at > it.at + 1));
        late.next().unwrap()
    }

    fn of_pair(log: &'a Log, pair: usize) -> impl Iterator<Item = Self> {
        let frames = log.of_pair(pair);
        let mut before = Model::of(frames[0]);
        (1..frames.len()).map(move |at| {
            let removal = removal(&before, &frames, at);
            before.apply(frames[at]);
            let frames = frames.clone();
            Self {
                log,
                frames,
                at,
                removal,
            }
        })
    }

    fn symbol(&self) -> &'a str {
        &self.log.pairs[self.frames[0].pair].symbol
    }

    /// The line at which the loss is detectable.
    fn shows_in(&self) -> usize {
        self.frames[self.removal.shows_at.unwrap()].line
    }
}

/// Accepts a connection and its upgrade.
async fn accept(listener: &TcpListener) -> Connection {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let key = lines.find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let key = accept_key(key.unwrap());
    let reply = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(reply.as_bytes()).await.unwrap();
    Connection::accept(stream, Default::default(), &Config::default())
}

/// The server's side of the connection.
struct Peer(Connection);

impl Peer {
    async fn send(&mut self, frame: &str) {
        self.0.text(frame.as_bytes()).await.unwrap();
    }

    async fn expect(&mut self, request: &str) {
        let message = self.0.read().await.unwrap().unwrap();
        assert_eq!(Sent::read(message.payload).to_string(), request);
    }
}

/// Plays the log, and repairs the book when the loss is detected.
async fn serve(listener: &TcpListener, case: &Case<'_>) {
    let mut peer = Peer(accept(listener).await);
    let log = case.log;
    peer.send(log.status()).await;
    peer.expect("subscribe instrument").await;
    peer.send(&wire::instrument_subscribed()).await;
    peer.send(log.instruments()).await;
    let all = log.symbols().join(",");
    peer.expect(&format!("subscribe book {all}")).await;
    for pair in &log.pairs {
        peer.send(log.subscribed(pair)).await;
    }
    for frame in &log.books {
        if frame.line != case.frames[case.at].line {
            peer.send(log.line(frame)).await;
        }
        if frame.line == case.shows_in() {
            repair(&mut peer, case).await;
        }
    }
    peer.0.close(1000, "").await.unwrap();
}

async fn repair(peer: &mut Peer, case: &Case<'_>) {
    let symbol = case.symbol();
    let pair = &case.log.pairs[case.frames[0].pair];
    peer.expect(&format!("unsubscribe book {symbol}")).await;
    peer.send(&wire::unsubscribed("book", symbol)).await;
    peer.expect(&format!("subscribe book {symbol}")).await;
    peer.send(&wire::subscribed("book", symbol)).await;
    peer.send(&case.removal.right.snapshot(pair)).await;
}

/// The events of the client, and the digests of its books at the end of the connection.
#[derive(Default)]
struct Seen {
    events: Vec<String>,
    digests: Vec<(String, u32)>,
}

impl Seen {
    fn record(&mut self, event: &Event<'_>, books: &Books) {
        match event {
            Event::State(_) | Event::Resync(_) => self.events.push(describe(event, books)),
            Event::Disconnected { .. } => {
                let digest = |id| {
                    (
                        books.name(id).to_owned(),
                        books.last_known(id).unwrap().crc32(),
                    )
                };
                self.digests = books.ids().map(digest).collect();
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_feed_repairs_one_book() {
    repairs_one_book("tokio").await;
}

#[tokio::test]
async fn spinning_feed_repairs_one_book() {
    repairs_one_book("spinning").await;
}

async fn repairs_one_book(driver: &str) {
    let Some(log) = Log::read() else { return };
    let case = Case::find(&log);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());

    let seen = Rc::new(RefCell::new(Seen::default()));
    let handler = |event: Event<'_>, books: &Books| {
        seen.borrow_mut().record(&event, books);
        ControlFlow::Continue(())
    };
    let mut feed = Feed::new(handler);
    let mut options = Options::default();
    options.reconnect = Reconnect::never();
    let venue = Kraken::new(log.symbols()).depth(Depth::D1000).url(&url);
    feed.add_with(venue.build().unwrap(), options, Config::default());
    let (ended, ()) = tokio::join!(feed.drive(driver), serve(&listener, &case));

    let stats = ended[0].stats;
    assert_eq!((stats.connects, stats.disconnects), (1, 1));
    assert_eq!((stats.gaps, stats.resyncs, stats.bad_lines), (1, 1, 0));
    assert_eq!((stats.snapshots, stats.sent), (7, 4));
    let seen = seen.borrow();
    assert_eq!(seen.events, expected_events(&case));
    assert_eq!(seen.digests, expected_digests(&case));
}

/// Each book becomes live once, and the one with the lost update twice. At the end, all are disconnected.
fn expected_events(case: &Case<'_>) -> Vec<String> {
    let log = case.log;
    let symbol = case.symbol();
    let snapshots = log.books.iter().filter(|frame| frame.is_snapshot);
    let live = snapshots.map(|frame| format!("{} live snapshot", log.pairs[frame.pair].symbol));
    let repair = [
        format!("{symbol} gap checksum_mismatch"),
        format!("{symbol} resync 1 requested"),
        format!("{symbol} live snapshot"),
    ];
    let symbols = log.symbols();
    let end = symbols
        .iter()
        .map(|it| format!("{it} disconnected disconnected"));
    live.chain(repair).chain(end).collect()
}

/// The digests of the model after the whole log.
fn expected_digests(case: &Case<'_>) -> Vec<(String, u32)> {
    let digest = |pair: usize| {
        let mut model = Model::default();
        let frames = case.log.of_pair(pair);
        frames.iter().for_each(|frame| model.apply(frame));
        (case.log.pairs[pair].symbol.clone(), model.digest())
    };
    (0..case.log.pairs.len()).map(digest).collect()
}
