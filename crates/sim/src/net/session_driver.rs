//! Drives a session over a connection.

use std::future::{Future, pending};

use ticklot_book::Nanos;
use tokio::time::sleep_until;

use super::connection::{Connection, Event, Input, SessionEnd};
use crate::clock::Clock;
use crate::session::{Outgoing, Session};

/// Notifies a session of market updates.
pub(crate) trait MarketUpdates: Send {
    /// Waits for the next update. Cancel-safe.
    fn next_update(&mut self) -> impl Future<Output = ()> + Send;
}

enum Wake {
    Event(Event),
    Deadline,
    Market,
}

/// Drives a session until its connection ends.
pub(crate) async fn drive<S: Session + Send>(
    mut session: S,
    mut market: impl MarketUpdates,
    clock: Clock,
    connection: &mut Connection,
) -> SessionEnd {
    loop {
        while let Some(outgoing) = session.outgoing() {
            match outgoing {
                Outgoing::Text(text) => connection.queue(text.into()).await?,
                Outgoing::Ping => connection.ping().await?,
                Outgoing::Close(close) => return Err(connection.close(close).await),
            }
        }
        connection.flush().await?;
        let deadline = session.deadline();
        let wake = tokio::select! {
            event = connection.event() => Wake::Event(event),
            () = sleep_until_deadline(clock, deadline) => Wake::Deadline,
            () = market.next_update() => Wake::Market,
        };
        match wake {
            Wake::Event(event) => match connection.handle(event).await? {
                Some(Input::Text(text)) => session.text(&text, clock.now()),
                Some(Input::Binary) => session.binary(clock.now()),
                Some(Input::Pong) => session.pong(clock.now()),
                None => {}
            },
            Wake::Deadline => session.timeout(clock.now()),
            Wake::Market => session.market_changed(clock.now()),
        }
    }
}

/// Waits until `deadline` on the clock, or forever without one. Cancel-safe.
pub(crate) async fn sleep_until_deadline(clock: Clock, deadline: Option<Nanos>) {
    match deadline.and_then(|at| clock.instant(at)) {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
