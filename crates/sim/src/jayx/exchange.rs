//! The venue without a socket, a timer or a clock.

use std::io;
use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::watch;

use super::world::{Shared, World};
use super::{Config, Jayx, Mode, Truth, plain, socket_io};
use crate::clock::Clock;
use crate::machine::{Moment, Refused, Session};
use crate::net::{Protocol, Refusal, Target};

/// JayX as a pure state machine: whoever drives it moves its markets and carries its messages.
/// [`Server::jayx`](crate::Server::jayx) is the same over sockets.
///
/// The same configuration, and the same calls at the same moments, give the same messages.
pub struct Exchange {
    venue: Jayx,
    steps: watch::Sender<u64>,
    truth: Truth,
    upgraded: u64,
}

impl Exchange {
    /// The venue as it opens, at `now`. Addresses, intervals of the market and limits of the socket
    /// in the configuration are for a server and mean nothing here.
    ///
    /// # Errors
    /// The configuration is of no use.
    pub fn new(config: Config, now: Moment) -> io::Result<Self> {
        config.check()?;
        let config = Arc::new(config);
        let (world, steps) = Shared::new(World::new(Arc::clone(&config), now.wall_ms));
        let truth = Truth {
            world: world.clone(),
        };
        let venue = Jayx {
            config,
            polling: Default::default(),
            world,
            clock: Clock::start(),
        };
        Ok(Self {
            venue,
            steps,
            truth,
            upgraded: 0,
        })
    }

    /// Moves the markets on by a step, as a server does every
    /// [`update_every`](Config::update_every). Its sessions have [`Session::news`] then.
    pub fn step(&mut self, now: Moment) {
        let step = self.venue.world.lock().advance(now.wall_ms);
        if let Some(step) = step {
            self.steps.send_replace(step);
        }
    }

    /// Answers an upgrade: the request's path, with its query.
    ///
    /// # Errors
    /// It is refused, as a server would refuse it.
    pub fn upgrade(&mut self, target: &str, now: Moment) -> Result<Box<dyn Session>, Refused> {
        let mode = self.venue.route(Target::of(target))?;
        self.upgraded += 1;
        Ok(match mode {
            Mode::SocketIo => Box::new(socket_io::Client::new(&self.venue, self.upgraded, now)),
            // No client polls here: its requests need a server.
            Mode::Upgrade(_) => {
                let why = super::polling::UNKNOWN_SID;
                return Err(Refusal::new(StatusCode::BAD_REQUEST, why).into());
            }
            Mode::Plain => Box::new(plain::Client::new(&self.venue)),
        })
    }

    /// A look behind the venue.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("truth", &self.truth)
            .finish_non_exhaustive()
    }
}
