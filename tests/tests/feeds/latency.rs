//! The receive time of a frame is the time at which the socket read returned, even if the frame waits after that.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::thread::sleep;
use std::time::Duration;

use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::Stage;
use ticklot::{BookState, Books, ConnectionId, Event, Feed, Nanos, Options};
use ticklot_tests::accept::accept_upgrade;
use ticklot_tests::drive::Drive;
use ticklot_tests::handler::break_if;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::listen;

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

/// Accepts a client. Once the client has subscribed, writes `together` with one call.
async fn serve(listener: &TcpListener, together: &[u8]) -> TcpStream {
    let mut tcp = accept_upgrade(listener).await;
    tcp.read_u8().await.unwrap();
    tcp.write_all(together).await.unwrap();
    tcp
}

// Takes 60 ms: the handler is slow on purpose, so that frames wait.
#[tokio::test]
async fn frames_keep_their_read_time() {
    let (listener, url) = listen();
    let mut times: Vec<(Nanos, Nanos)> = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event {
            let book = books.live(update.book).unwrap();
            times.push((update.received, book.updated()));
            sleep(SLOW);
        }
        break_if(times.len() == 3)
    });
    feed.measure();
    let venue = JayX::new("X").envelope(Envelope::Plain).url(&url);
    feed.add(venue.build().unwrap());
    let three = frame(BOOK).repeat(3);
    let (_, _tcp) = tokio::join!(feed.drive(), serve(&listener, &three));

    let (books, _) = feed.into_parts();
    let latency = books.latency(ConnectionId(0)).unwrap();
    let at_least = |time: Duration, length: Duration| {
        // The histogram is accurate to 1 %.
        assert!(time >= length * 99 / 100, "{time:?}");
    };
    assert_eq!(latency.count(Stage::Total), 3);
    at_least(latency.longest(Stage::Wait), 2 * SLOW);
    at_least(latency.quantile(Stage::Handle, 0.01), SLOW);
    at_least(latency.longest(Stage::Total), 3 * SLOW);
    drop(books);
    let first = times[0].0;
    assert_eq!(times, [(first, first); 3]);
}

// Takes 60 ms: the handler delays two frames of one read beyond their staleness limit.
#[tokio::test]
async fn book_beyond_limit_is_stale() {
    let (listener, url) = listen();
    let mut states = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        match event {
            Event::Book(update) => {
                states.push(books.state(update.book).as_str());
                sleep(Duration::from_millis(30));
            }
            Event::State(change) if change.new == BookState::Stale => states.push("reported"),
            _ => {}
        }
        break_if(states.iter().filter(|it| **it != "reported").count() == 2)
    });
    let mut options = Options::default();
    options.stale_after = Some(Duration::from_millis(20));
    let venue = JayX::new("X").envelope(Envelope::Plain).url(&url);
    feed.add_with(venue.build().unwrap(), options, Default::default());
    let two = frame(BOOK).repeat(2);
    let (_, _tcp) = tokio::join!(feed.drive(), serve(&listener, &two));
    drop(feed);
    assert_eq!(states, ["live", "reported", "stale"]);
}
