//! A feed that spins on a dedicated thread, bound to one processor. The rest of the program takes what it wants from a
//! bounded queue.
//!
//! The thread never sleeps: it reads its socket again and again, and takes all of its processor. While nothing arrives, it
//! decodes the last order book again each 100 µs, which keeps code and data in the caches. Connecting needs a runtime and
//! may wait for DNS and handshakes, so `Feed::spin` starts a helper thread for it. The helper is not bound to the
//! processor, and sleeps while the connection is up.
//!
//! What else such a thread needs (an isolated processor, a fixed clock rate, interrupts elsewhere) is in
//! `docs/tuning.md`. Ends after 300 books.

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed, Level, Nanos, SpinOptions};
use ticklot_sim::Venue;

/// What the strategy's thread sends to the others: small, and copied.
#[derive(Clone, Copy, Debug)]
struct Touch {
    bid: Option<Level>,
    ask: Option<Level>,
    received: Nanos,
}

/// The last processor that this program may use.
fn last_processor() -> io::Result<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    last.ok_or_else(|| io::Error::other("no processor to run on"))
}

/// Runs the feed on a dedicated thread, bound to `cpu`, until 300 books have come. Sends the touch of each to `touches`.
/// When the queue is full, it counts the touch as lost and never waits.
fn spawn(url: String, cpu: usize, touches: SyncSender<Touch>) -> JoinHandle<io::Result<u64>> {
    thread::spawn(move || {
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
        let venue = JayX::new("BTCUSDT").url(&url).build();
        feed.add(venue.map_err(io::Error::other)?);
        let mut options = SpinOptions::default();
        options.cpu = Some(cpu);
        options.keep_warm = Some(Duration::from_micros(100));
        feed.spin(&options)?;
        drop(feed);
        Ok(lost)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let cpu = last_processor()?;
    let (touches, taken) = sync_channel(1_024);
    let feed = spawn(url, cpu, touches);
    let mut count = 0;
    let mut last: Option<Touch> = None;
    loop {
        match taken.try_recv() {
            Ok(touch) => {
                count += 1;
                last = Some(touch);
            }
            // A receiver that sleeps in `recv` would have to be woken: a system call of the feed's thread for each touch.
            Err(TryRecvError::Empty) => thread::sleep(Duration::from_millis(1)),
            // The queue ends with the feed.
            Err(TryRecvError::Disconnected) => break,
        }
    }
    let lost = feed.join().map_err(|_| "the feed's thread panicked")??;
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
