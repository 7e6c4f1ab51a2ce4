//! When a frame was received: as the read of the socket returned, however long it waits after that.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::Duration;

use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::Stage;
use ticklot::{BookState, Books, ConnectionId, Event, Feed, Nanos, Options};
use ticklot_tests::drive::Drive;
use ticklot_transport::accept_key;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BOOK: &[u8] = br#"{"orderBook":{"asks":[],"bids":[{"ticks":1,"lots":1}]}}"#;

/// How long the handler takes for each book.
const SLOW: Duration = Duration::from_millis(20);

/// A server's text frame (RFC 6455, section 5.2).
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81, u8::try_from(payload.len()).unwrap()];
    assert!(payload.len() < 126, "a short frame");
    frame.extend_from_slice(payload);
    frame
}

/// Accepts a client, and sends it `together` in one piece once it has subscribed.
async fn serve(listener: &TcpListener, together: &[u8]) -> TcpStream {
    let (mut tcp, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key.unwrap()),
    );
    tcp.write_all(answer.as_bytes()).await.unwrap();
    tcp.read_u8().await.unwrap();
    tcp.write_all(together).await.unwrap();
    tcp
}

// Takes 60 ms: the handler is slow on purpose, so that frames wait.
#[tokio::test]
async fn frames_keep_their_read_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut told: Vec<(Nanos, Nanos)> = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event {
            let book = books.live(update.book).unwrap();
            told.push((update.received, book.updated()));
            sleep(SLOW);
        }
        if told.len() == 3 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    feed.measure();
    let venue = JayX::new("X")
        .envelope(Envelope::Plain)
        .url(&url)
        .build()
        .unwrap();
    feed.add(venue);
    let three = frame(BOOK).repeat(3);
    let (_, _tcp) = tokio::join!(feed.drive(), serve(&listener, &three));

    let (books, _) = feed.into_parts();
    let latency = books.latency(ConnectionId(0)).unwrap();
    let at_least = |time: Duration, length: Duration| {
        // The histogram is right to a hundredth.
        assert!(time >= length * 99 / 100, "{time:?}");
    };
    assert_eq!(latency.count(Stage::Total), 3);
    at_least(latency.longest(Stage::Wait), 2 * SLOW);
    at_least(latency.quantile(Stage::Handle, 0.01), SLOW);
    at_least(latency.longest(Stage::Total), 3 * SLOW);
    drop(books);
    let received: Vec<Nanos> = told.iter().map(|(received, _)| *received).collect();
    assert!(
        received.windows(2).all(|pair| pair[0] == pair[1]),
        "{told:?}"
    );
    assert!(
        told.iter().all(|(received, updated)| received == updated),
        "{told:?}"
    );
}

// Takes 60 ms: for as long the handler holds up two frames of one read, beyond their limit.
#[tokio::test]
async fn book_beyond_limit_is_stale() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut states = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        match event {
            Event::Book(update) => {
                states.push(books.state(update.book).as_str());
                sleep(Duration::from_millis(30));
            }
            Event::State(change) if change.new == BookState::Stale => states.push("told"),
            _ => {}
        }
        if states.iter().filter(|it| **it != "told").count() == 2 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let mut options = Options::default();
    options.stale_after = Some(Duration::from_millis(20));
    let venue = JayX::new("X")
        .envelope(Envelope::Plain)
        .url(&url)
        .build()
        .unwrap();
    feed.add_with(venue, options, Default::default());
    let two = frame(BOOK).repeat(2);
    let (_, _tcp) = tokio::join!(feed.drive(), serve(&listener, &two));
    drop(feed);
    assert_eq!(states, ["live", "told", "stale"]);
}
