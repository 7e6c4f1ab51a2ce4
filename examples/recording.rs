//! Recording what comes, and playing it again: the books of the replay equal the live ones, digest by digest.
//!
//! The connection is driven by hand here, so that each frame is at hand before the session reads it. A log has
//! one JSON object a line; `ticklot replay` and `ticklot serve --from` read it too. Ends after a hundred
//! frames.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ticklot::capture::FrameLog;
use ticklot::jayx::{Envelope, JayX};
use ticklot::{Books, Clock, ConnectionId, Event, Handler, Nanos, Options, Reply, Session};
use ticklot_sim::Venue;
use ticklot_transport::{Config, connect};

const FRAMES: u32 = 100;

/// The digest of each book, as it was applied.
#[derive(Debug, Default, PartialEq, Eq)]
struct Digests(Vec<u32>);

impl Handler for Digests {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            self.0.push(book.crc32());
        }
        ControlFlow::Continue(())
    }
}

/// Follows the venue, writes each frame to `log`, and gives the digests of the live books.
async fn record(url: &str, log: &Path) -> Result<Digests, Box<dyn Error>> {
    let mut out = BufWriter::new(File::create(log)?);
    let (mut books, mut digests) = (Books::new(), Digests::default());
    let venue = JayX::new("BTCUSDT").url(url).build()?;
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let mut connection = connect(session.url(), &Config::default()).await?;
    let clock = Clock::start();
    let _ = session.opened(clock.now(), &mut books, &mut digests);
    for _ in 0..FRAMES {
        while let Some(message) = session.outgoing(clock.now()) {
            connection.text(message).await?;
        }
        let message = connection.read().await?.ok_or("the server closed")?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let frame = serde_json::to_string(str::from_utf8(message.payload)?)?;
        writeln!(out, r#"{{"recv_ns":{},"frame":{frame}}}"#, since.as_nanos())?;
        let received = clock.at(message.received);
        let reply = session.frame_received(
            message.payload,
            received,
            clock.now(),
            &mut books,
            &mut digests,
        );
        if let Reply::End(what) = reply {
            return Err(what.into());
        }
    }
    out.flush()?;
    connection.close(1000, "").await?;
    Ok(digests)
}

/// The digests of the books that a log makes.
fn replay(log: &Path) -> Result<Digests, Box<dyn Error>> {
    let (mut books, mut digests) = (Books::new(), Digests::default());
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Auto).build()?;
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    let _ = session.opened(Nanos(0), &mut books, &mut digests);
    for record in FrameLog::open(log)? {
        let record = record?;
        let now = Nanos(record.recv_ns);
        let _ = session.frame(&record.frame, now, &mut books, &mut digests);
    }
    Ok(digests)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let log = std::env::temp_dir().join(format!("ticklot-example-{}.jsonl", std::process::id()));
    let live = record(&url, &log).await?;
    let replayed = replay(&log)?;
    std::fs::remove_file(&log)?;
    println!(
        "{FRAMES} frames recorded, {} books live, {} replayed",
        live.0.len(),
        replayed.0.len()
    );
    if live != replayed || live.0.is_empty() {
        return Err("the replayed books differ from the live ones".into());
    }
    println!("every digest is equal");
    Ok(())
}
