//! Recording what passes, and playing it again: the books of the replay equal the live ones, digest by digest.
//!
//! A recorder looks on while the feed runs, and writes both directions from a thread of its own. `ticklot replay`,
//! `ticklot plot` and `ticklot serve --log` read the log too. Ends after a hundred books.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use ticklot::capture::{FrameLog, RecordOptions, Recorder, Replay};
use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed, Handler, OnMessage};
use ticklot_sim::Venue;

const BOOKS: usize = 100;

/// The digest of each live book, as it was applied.
#[derive(Debug, Default, PartialEq, Eq)]
struct Digests(Vec<u32>);

impl Handler for Digests {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            self.0.push(book.crc32());
        }
        // The replay below does not ask for this: a log with more books than there were is seen to differ.
        if self.0.len() < BOOKS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl OnMessage<JayX> for Digests {}

/// Follows the venue with a recorder that looks on, and gives the digests of the live books.
async fn record(url: &str, log: &Path) -> Result<Digests, Box<dyn Error>> {
    let mut feed = Feed::new(Digests::default());
    feed.add(JayX::new("BTCUSDT").url(url).build()?);
    let recorder = Recorder::create(log, feed.clock().unix_zero(), RecordOptions::default())?;
    feed.tap(recorder.clone());
    feed.run().await;
    // Waits until all of it is in the file.
    let recorded = recorder.finish()?;
    println!(
        "{} lines recorded, {} of them frames, {} dropped",
        recorded.lines, recorded.frames, recorded.dropped
    );
    let (_, digests) = feed.into_parts();
    Ok(digests)
}

/// The digests of the books that a log makes.
fn replay(log: &Path) -> Result<Digests, Box<dyn Error>> {
    let (mut replay, mut digests) = (Replay::new(), Digests::default());
    let mut log = FrameLog::open(log)?.everything();
    while let Some(record) = log.next_record() {
        let record = record?;
        if !replay.knows(record) {
            replay.add(record, JayX::new("BTCUSDT").build()?)?;
        }
        replay.apply(record, &mut digests);
    }
    replay.finish();
    Ok(digests)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let name = format!("ticklot-example-{}.jsonl.zst", std::process::id());
    let log = std::env::temp_dir().join(name);
    let live = record(&url, &log).await?;
    let replayed = replay(&log);
    std::fs::remove_file(&log)?;
    let replayed = replayed?;
    println!("{} books live, {} replayed", live.0.len(), replayed.0.len());
    if live != replayed {
        return Err("the replayed books differ from the live ones".into());
    }
    println!("every digest is equal");
    Ok(())
}
