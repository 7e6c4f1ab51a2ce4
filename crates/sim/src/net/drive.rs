//! A session over a socket: the shell around what decides.

use std::future::{Future, pending};

use ticklot_book::Nanos;
use tokio::time::sleep_until;

use super::peer::{End, Ended, Event, Input, Peer};
use crate::clock::Clock;
use crate::machine::{Outgoing, Session};

/// Tells that the market may have moved.
pub(crate) trait News: Send {
    /// Waits until it may have. Cancel-safe.
    fn wait(&mut self) -> impl Future<Output = ()> + Send;
}

enum Wake {
    Event(Event),
    Deadline,
    News,
}

/// Serves one connection to its end.
pub(crate) async fn drive<S: Session + Send>(
    mut session: S,
    mut news: impl News,
    clock: Clock,
    peer: &mut Peer,
) -> Ended {
    loop {
        send(&mut session, peer).await?;
        let deadline = session.deadline();
        let wake = tokio::select! {
            event = peer.event() => Wake::Event(event),
            () = until(clock, deadline) => Wake::Deadline,
            () = news.wait() => Wake::News,
        };
        match wake {
            Wake::Event(event) => {
                let input = peer.settle(event).await?;
                tell(&mut session, input, clock);
            }
            Wake::Deadline => session.timeout(clock.now()),
            Wake::News => session.news(clock.now()),
        }
    }
}

fn tell(session: &mut impl Session, input: Option<Input>, clock: Clock) {
    let now = clock.now();
    match input {
        Some(Input::Text(text)) => session.text(&text, now),
        Some(Input::Binary) => session.binary(now),
        Some(Input::Pong) => session.pong(now),
        None => {}
    }
}

/// Writes all that the session has to say.
async fn send(session: &mut impl Session, peer: &mut Peer) -> Result<(), End> {
    while let Some(outgoing) = session.outgoing() {
        match outgoing {
            Outgoing::Text(text) => peer.queue(text.as_bytes()).await?,
            Outgoing::Ping => peer.ping().await?,
            Outgoing::Close(close) => return Err(peer.close(close).await),
        }
    }
    peer.flush().await
}

/// Waits until the clock shows a time; for ever without one. Cancel-safe.
pub(crate) async fn until(clock: Clock, deadline: Option<Nanos>) {
    match deadline.and_then(|at| clock.instant(at)) {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
