//! The whole feed as contenders.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::control::Clock;
use ticklot::jayx::{Envelope, JayX};
use ticklot::transport::{Config, Roots};
use ticklot::venue::Venue;
use ticklot::{Books, Event, Feed, Handler, OnMessage, Options, SpinOptions};

use super::measurement::{Origin, Target};
use super::record::{Handled, Record, best_of};
use crate::runtime;

/// The interval of keep-warm replays.
const KEEP_WARM: Duration = Duration::from_micros(100);

/// [`Feed::run`] on a runtime that sleeps while it is idle.
pub(super) fn tokio(target: &Target, record: Record) -> anyhow::Result<Record> {
    let runtime = runtime::sleeping()?;
    run(target, record, |feed| {
        runtime.block_on(feed.run());
        Ok(())
    })
}

/// The same on a runtime that never sleeps.
pub(super) fn tokio_awake(target: &Target, record: Record) -> anyhow::Result<Record> {
    let runtime = runtime::awake()?;
    run(target, record, |feed| {
        runtime.block_on(feed.run());
        Ok(())
    })
}

/// [`Feed::spin`] on the pinned thread.
pub(super) fn spin(target: &Target, record: Record) -> anyhow::Result<Record> {
    spinning(target, record, None)
}

/// The same with keep-warm replays.
pub(super) fn spin_warm(target: &Target, record: Record) -> anyhow::Result<Record> {
    spinning(target, record, Some(KEEP_WARM))
}

fn spinning(
    target: &Target,
    record: Record,
    keep_warm: Option<Duration>,
) -> anyhow::Result<Record> {
    let mut options = SpinOptions::default();
    options.keep_warm = keep_warm;
    run(target, record, |feed| {
        feed.spin(&options)?;
        Ok(())
    })
}

/// Runs a feed until its handler has received all messages.
fn run(
    target: &Target,
    record: Record,
    drive: impl FnOnce(&mut Feed<LatencyHandler>) -> anyhow::Result<()>,
) -> anyhow::Result<Record> {
    let mut feed = Feed::new(LatencyHandler {
        record,
        clock: None,
    });
    if target.origin == Origin::Receipt {
        feed.handler_mut().clock = Some(feed.clock());
    }
    let roots = target.tls.clone().map(Roots::Custom).unwrap_or_default();
    let transport = Config::default().with_roots(roots);
    for number in 0..target.connections {
        let venue = JayX::new("BTCUSDT")
            .url(&target.url(number))
            .envelope(Envelope::SocketIo)
            .build()?;
        feed.add_with(venue, Options::default(), transport.clone());
    }
    drive(&mut feed)?;
    Ok(feed.into_parts().1.record)
}

/// Records the end of each of its calls.
struct LatencyHandler {
    record: Record,
    /// The feed's clock, if latency is measured from the receipt.
    clock: Option<Clock>,
}

impl Handler for LatencyHandler {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::Book(update) => {
                let Some(book) = books.live(update.book) else {
                    return ControlFlow::Continue(());
                };
                let best = best_of(&book);
                let connection = books.connection(update.book).map_or(0, |it| it.0 as usize);
                let Some(clock) = self.clock else {
                    return self.record.end(connection, best);
                };
                let ns = clock.now().0.saturating_sub(update.received.0);
                self.record.push(Handled {
                    connection,
                    ns,
                    best,
                })
            }
            // The feed would reconnect.
            Event::Disconnected { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl<V: Venue> OnMessage<V> for LatencyHandler {}
