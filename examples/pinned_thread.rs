//! A feed that spins on a dedicated thread, which is bound to one processor. It passes the best prices to the rest of the
//! program through a bounded queue.
//!
//! The thread never sleeps: it reads its socket in a busy loop and occupies its processor. While it is idle, it decodes
//! the last order book again every 100 µs, which keeps code and data in the caches. Connecting needs a runtime and may
//! wait for DNS and handshakes, so `Feed::spin` starts a helper thread for it. The helper is not bound to the processor,
//! and sleeps while the connection is up.
//!
//! `docs/tuning.md` describes the other requirements of such a thread: an isolated processor, a fixed clock rate, and
//! interrupts on other processors. The program ends after 300 books.

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed, Level, Nanos, SpinOptions};
use ticklot_sim::Venue;

/// A message of the feed's thread: the best prices after an update.
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

/// Runs the feed on a dedicated thread, bound to `cpu`, for 300 books. Sends the touch of each to `touches`. If the queue
/// is full, it counts the touch as lost, because it must not wait.
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
    let (touches, received) = sync_channel(1_024);
    let feed = spawn(url, cpu, touches);
    let mut count = 0;
    let mut last: Option<Touch> = None;
    loop {
        match received.try_recv() {
            Ok(touch) => {
                count += 1;
                last = Some(touch);
            }
            // Waking a receiver that blocks in `recv` would cost the feed's thread a system call per touch.
            Err(TryRecvError::Empty) => thread::sleep(Duration::from_millis(1)),
            // The queue ends with the feed.
            Err(TryRecvError::Disconnected) => break,
        }
    }
    let lost = feed.join().map_err(|_| "the feed's thread panicked")??;
    println!("pinned to processor {cpu}: {count} touches, {lost} lost");
    let last = last.ok_or("no touch was received")?;
    let [bid, ask] = [last.bid, last.ask].map(|level| level.map(|it| it.ticks.0));
    let ms = last.received.0 / 1_000_000;
    println!("last: {bid:?} | {ask:?} after {ms} ms");
    Ok(())
}
