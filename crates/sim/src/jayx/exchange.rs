//! The venue without a socket, a timer or a clock.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::exchange_state::{ExchangeState, SharedState};
use super::plain::PlainSession;
use super::socket_io::SocketIoSession;
use super::{Config, Jayx, MarketHandle, Mode};
use crate::clock::Clock;
use crate::net::{Protocol, RequestTarget};
use crate::session::{Rejection, Session, Timestamps};

/// JayX as a pure state machine: whoever drives it moves its markets and carries its messages.
/// [`Server::jayx`](crate::Server::jayx) is the same over sockets.
///
/// The same configuration, and the same calls at the same moments, give the same messages.
pub struct Exchange {
    venue: Jayx,
    steps: watch::Sender<u64>,
    handle: MarketHandle,
    upgraded: u64,
}

impl Exchange {
    /// The venue as it opens, at `now`. Addresses, intervals of the market and limits of the socket
    /// in the configuration are for a server and mean nothing here.
    ///
    /// # Errors
    /// The configuration is of no use.
    pub fn new(config: Config, now: Timestamps) -> io::Result<Self> {
        config.check()?;
        let config = Arc::new(config);
        let (state, steps) = SharedState::new(ExchangeState::new(Arc::clone(&config), now.wall_ms));
        let handle = MarketHandle {
            state: state.clone(),
        };
        let venue = Jayx {
            config,
            polling: Default::default(),
            state,
            clock: Clock::start(),
        };
        Ok(Self {
            venue,
            steps,
            handle,
            upgraded: 0,
        })
    }

    /// Moves the markets on by a step, as a server does every
    /// [`update_every`](Config::update_every). Its sessions have [`Session::market_changed`] then.
    pub fn step(&mut self, now: Timestamps) {
        let step = self.venue.state.lock().advance(now.wall_ms);
        if let Some(step) = step {
            self.steps.send_replace(step);
        }
    }

    /// Answers an upgrade: the request's path, with its query.
    ///
    /// # Errors
    /// It is refused, as a server would refuse it.
    pub fn upgrade(
        &mut self,
        target: &str,
        now: Timestamps,
    ) -> Result<Box<dyn Session>, Rejection> {
        let mode = self.venue.route(RequestTarget::parse(target))?;
        self.upgraded += 1;
        Ok(match mode {
            Mode::SocketIo => Box::new(SocketIoSession::new(&self.venue, self.upgraded, now)),
            // No client polls here: its requests need a server.
            Mode::Upgrade(_) => {
                let why = super::polling::UNKNOWN_SID;
                return Err(Rejection::new(400, why));
            }
            Mode::Plain => Box::new(PlainSession::new(&self.venue)),
        })
    }

    /// The state of the venue.
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
