//! The venue without a socket, a timer or a clock.

use std::io;
use std::net::IpAddr;

use super::life::Life;
use super::session::Client;
use super::{Bayse, Config, Truth, open};
use crate::machine::{Moment, Refused, Session};
use crate::net::{Protocol, Target};

/// Bayse Markets as a pure state machine: whoever drives it moves its markets and carries its
/// messages. [`Server::bayse`](crate::Server::bayse) is the same over sockets.
///
/// The same configuration, and the same calls at the same moments, give the same messages.
pub struct Exchange {
    venue: Bayse,
    life: Life,
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
        let (venue, truth, life) = open(config, now.wall_ms);
        Ok(Self {
            venue,
            life,
            truth,
            upgraded: 0,
        })
    }

    /// Moves the markets on by a step, as a server does every
    /// [`update_every`](Config::update_every). Its sessions have [`Session::news`] then.
    pub fn step(&mut self, now: Moment) {
        self.life.step(now.wall_ms);
    }

    /// Moves the prices of assets on, as a server does every
    /// [`asset_price_every`](Config::asset_price_every). Its sessions have [`Session::news`] then.
    pub fn quote(&mut self, now: Moment) {
        self.life.quote(now.wall_ms);
    }

    /// Answers an upgrade: the request's path, with its query, and where it comes from.
    ///
    /// # Errors
    /// It is refused, as a server would refuse it.
    pub fn upgrade(
        &mut self,
        target: &str,
        from: IpAddr,
        now: Moment,
    ) -> Result<Box<dyn Session>, Refused> {
        let endpoint = self.venue.route(Target::of(target))?;
        self.venue.admit_at(from, now.at)?;
        self.upgraded += 1;
        let client = Client::new(&self.venue, endpoint, self.upgraded, now);
        Ok(Box::new(client))
    }

    /// The answer to a `GET` of order books: the HTTP status and the document. None when the path
    /// is another one.
    #[must_use]
    pub fn get(&self, target: &str) -> Option<(u16, String)> {
        let page = self.venue.page(Target::of(target))?;
        Some((page.status.as_u16(), page.text))
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
