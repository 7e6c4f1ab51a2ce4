//! A feed on a thread of its own, bound to one processor, with a current-thread runtime of its own. The rest
//! of the program goes on without async, and takes what it wants from a bounded queue.
//!
//! What else such a thread needs (an isolated processor, a fixed clock rate, interrupts elsewhere) is in
//! `docs/tuning.md`. Ends after 300 books.

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed, Level, Nanos};
use ticklot_sim::Venue;

/// What the strategy's thread tells the others: small, and copied.
#[derive(Clone, Copy, Debug)]
struct Touch {
    bid: Option<Level>,
    ask: Option<Level>,
    received: Nanos,
}

/// Binds the calling thread to the last processor that it may use, and tells which.
fn pin() -> io::Result<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let cpu = last.ok_or_else(|| io::Error::other("no processor to run on"))?;
    let mut one = CpuSet::new();
    one.set(cpu);
    sched_setaffinity(None, &one)?;
    Ok(cpu)
}

/// Runs the feed on a thread of its own until 300 books have come. Tells the touch of each to `touches`;
/// when nobody takes them in time, counts what is lost, and never waits.
fn spawn(url: String, touches: SyncSender<Touch>) -> JoinHandle<io::Result<(usize, u64)>> {
    thread::spawn(move || {
        let cpu = pin()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mut books_seen, mut lost) = (0, 0);
        let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
            let Event::Book(update) = event else {
                return ControlFlow::Continue(());
            };
            if let Some(book) = books.live(update.book) {
                let touch = Touch {
                    bid: book.best_bid(),
                    ask: book.best_ask(),
                    received: update.received,
                };
                if let Err(TrySendError::Full(_)) = touches.try_send(touch) {
                    lost += 1;
                }
            }
            books_seen += 1;
            if books_seen == 300 {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        feed.add(
            JayX::new("BTCUSDT")
                .url(&url)
                .build()
                .map_err(io::Error::other)?,
        );
        runtime.block_on(feed.run());
        drop(feed);
        Ok((cpu, lost))
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let (touches, taken): (_, Receiver<Touch>) = sync_channel(1_024);
    let feed = spawn(url, touches);
    // The queue ends with the feed.
    let mut count = 0;
    let mut last = None;
    for touch in taken {
        count += 1;
        last = Some(touch);
    }
    let (cpu, lost) = feed.join().map_err(|_| "the feed's thread panicked")??;
    println!("pinned to processor {cpu}: {count} touches, {lost} lost");
    let last = last.ok_or("nothing came")?;
    println!(
        "last: {:?} | {:?} after {} ms",
        last.bid.map(|level| level.ticks.0),
        last.ask.map(|level| level.ticks.0),
        last.received.0 / 1_000_000,
    );
    Ok(())
}
