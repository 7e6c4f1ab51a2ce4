//! The whole feed.

use std::ops::ControlFlow;

use ticklot::jayx::{Envelope, JayX};
use ticklot::transport::{Config, Roots};
use ticklot::{Books, Clock, Event, Feed, Handler, OnMessage, Options, Venue};

use super::lane::{Measure, Target};
use super::record::{Record, Seen, best_of};
use super::runtime;

/// [`Feed::run`] on a runtime that sleeps while there is nothing to do.
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

/// Runs a feed until its handler has seen all messages.
fn run(
    target: &Target,
    record: Record,
    drive: impl FnOnce(&mut Feed<Ends>) -> anyhow::Result<()>,
) -> anyhow::Result<Record> {
    let mut feed = Feed::new(Ends {
        record,
        clock: None,
    });
    if target.measure == Measure::Inside {
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

/// The handler.
struct Ends {
    record: Record,
    /// The feed's clock, if the time since the receipt is measured.
    clock: Option<Clock>,
}

impl Handler for Ends {
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
                self.record.note(Seen {
                    connection,
                    ns,
                    best,
                })
            }
            // It would connect anew.
            Event::Disconnected { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl<V: Venue> OnMessage<V> for Ends {}
