//! The venue without a socket, a timer or a clock.

use std::io;
use std::net::IpAddr;

use super::market_driver::MarketDriver;
use super::session::ClientSession;
use super::{Bayse, Config, MarketHandle, open};
use crate::net::{Protocol, RequestTarget};
use crate::session::{Rejection, Session, Timestamps};

/// Bayse Markets as a pure state machine: whoever drives it moves its markets and carries its
/// messages. [`Server::bayse`](crate::Server::bayse) is the same over sockets.
///
/// The same configuration, and the same calls at the same moments, give the same messages.
pub struct Exchange {
    venue: Bayse,
    driver: MarketDriver,
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
        let (venue, handle, driver) = open(config, now.wall_ms);
        Ok(Self {
            venue,
            driver,
            handle,
            upgraded: 0,
        })
    }

    /// Moves the markets on by a step, as a server does every
    /// [`update_every`](Config::update_every). Its sessions have [`Session::market_changed`] then.
    pub fn step(&mut self, now: Timestamps) {
        self.driver.step(now.wall_ms);
    }

    /// Moves the prices of assets on, as a server does every
    /// [`asset_price_every`](Config::asset_price_every). Its sessions have [`Session::market_changed`] then.
    pub fn quote(&mut self, now: Timestamps) {
        self.driver.quote(now.wall_ms);
    }

    /// Answers an upgrade: the request's path, with its query, and where it comes from.
    ///
    /// # Errors
    /// It is refused, as a server would refuse it.
    pub fn upgrade(
        &mut self,
        target: &str,
        from: IpAddr,
        now: Timestamps,
    ) -> Result<Box<dyn Session>, Rejection> {
        let endpoint = self.venue.route(RequestTarget::parse(target))?;
        self.venue.admit_at(from, now.at)?;
        self.upgraded += 1;
        let client = ClientSession::new(&self.venue, endpoint, self.upgraded, now);
        Ok(Box::new(client))
    }

    /// The answer to a `GET` of order books: the HTTP status and the document. None when the path
    /// is another one.
    #[must_use]
    pub fn get(&self, target: &str) -> Option<(u16, String)> {
        let page = self.venue.page(RequestTarget::parse(target))?;
        Some((page.status.as_u16(), page.text))
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
