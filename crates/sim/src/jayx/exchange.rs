//! JayX without a socket, a timer or a clock.

use std::io;

use tokio::sync::watch;

use super::plain::PlainSession;
use super::socket_io::SocketIoSession;
use super::{Config, Jayx, MarketHandle, Mode, open};
use crate::net::{Protocol, RequestTarget};
use crate::session::{Rejection, Session, Timestamps};

/// JayX as a pure state machine. The driver steps its markets and transports its messages.
/// [`Server::jayx`](crate::Server::jayx) runs it over sockets.
///
/// The configuration, the calls and their timestamps determine all messages. See [`session`](crate::session) for an
/// example.
pub struct Exchange {
    venue: Jayx,
    steps: watch::Sender<u64>,
    handle: MarketHandle,
    upgraded: u64,
}

impl Exchange {
    /// Opens the venue at `now`. The listening address, the update interval and the socket limits in the
    /// configuration have no effect.
    ///
    /// # Errors
    /// The configuration is invalid.
    pub fn new(config: Config, now: Timestamps) -> io::Result<Self> {
        config.check()?;
        let (venue, handle, steps) = open(config, now.wall_ms);
        Ok(Self {
            venue,
            steps,
            handle,
            upgraded: 0,
        })
    }

    /// Steps the markets, as a server does every [`update_every`](Config::update_every). Call
    /// [`Session::market_changed`] on the sessions afterwards.
    pub fn step(&mut self, now: Timestamps) {
        self.venue.state.step(now.wall_ms, &self.steps);
    }

    /// Accepts an upgrade to `target`, a path with an optional query.
    ///
    /// # Errors
    /// The venue rejects the upgrade.
    pub fn upgrade(
        &mut self,
        target: &str,
        now: Timestamps,
    ) -> Result<Box<dyn Session>, Rejection> {
        let mode = self.venue.route(RequestTarget::parse(target))?;
        self.upgraded += 1;
        Ok(match mode {
            Mode::SocketIo => Box::new(SocketIoSession::new(&self.venue, self.upgraded, now)),
            // Without a server there are no polling clients.
            Mode::Upgrade(_) => return Err(Rejection::new(400, super::polling::UNKNOWN_SID)),
            Mode::Plain => Box::new(PlainSession::new(&self.venue)),
        })
    }

    /// The handle of the venue's markets.
    #[must_use]
    pub fn market_handle(&self) -> &MarketHandle {
        &self.handle
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
