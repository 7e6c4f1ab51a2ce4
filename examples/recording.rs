//! Records a feed and replays the log. The checksums of the replayed books equal those of the live books.
//!
//! A recorder taps the feed and writes the messages of both directions on a separate thread. `ticklot replay`, `ticklot
//! plot` and `ticklot serve --log` can read the log as well. The program ends after a hundred books.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use ticklot::capture::{FrameLog, RecordOptions, Recorder, Replay};
use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed, Handler, OnMessage};
use ticklot_sim::Venue;

const BOOKS: usize = 100;

/// The checksum of the live book after each update.
#[derive(Debug, Default, PartialEq, Eq)]
struct Checksums(Vec<u32>);

impl Handler for Checksums {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            self.0.push(book.crc32());
        }
        // The replay below ignores the result, so a log with additional books would be detected.
        match self.0.len() < BOOKS {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

impl OnMessage<JayX> for Checksums {}

/// Follows the venue and records it. Returns the checksums of the live books.
async fn record(url: &str, log: &Path) -> Result<Checksums, Box<dyn Error>> {
    let mut feed = Feed::new(Checksums::default());
    feed.add(JayX::new("BTCUSDT").url(url).build()?);
    let recorder = Recorder::create(log, feed.clock().unix_offset(), RecordOptions::default())?;
    feed.tap(recorder.clone());
    feed.run().await;
    // Waits until all records are written.
    let recorded = recorder.finish()?;
    let (lines, frames, dropped) = (recorded.lines, recorded.frames, recorded.dropped);
    println!("{lines} lines recorded, {frames} of them frames, {dropped} dropped");
    let (_, checksums) = feed.into_parts();
    Ok(checksums)
}

/// Replays the log. Returns the checksums of the books.
fn replay(log: &Path) -> Result<Checksums, Box<dyn Error>> {
    let (mut replay, mut checksums) = (Replay::new(), Checksums::default());
    let mut log = FrameLog::open(log)?.everything();
    while let Some(record) = log.next_record() {
        let record = record?;
        if !replay.knows(record) {
            replay.add(record, JayX::new("BTCUSDT").build()?)?;
        }
        replay.apply(record, &mut checksums);
    }
    replay.finish();
    Ok(checksums)
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
    println!("all checksums are equal");
    Ok(())
}
