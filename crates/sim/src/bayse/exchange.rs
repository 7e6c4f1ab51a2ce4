//! Bayse Markets without a socket, a timer or a clock.

use std::io;
use std::net::IpAddr;

use super::market_driver::MarketDriver;
use super::session::ClientSession;
use super::{Bayse, Config, MarketHandle, open};
use crate::net::{Protocol, RequestTarget};
use crate::session::{Rejection, Session, Timestamps};

/// Bayse Markets as a pure state machine. The driver steps its markets and transports its messages.
/// [`Server::bayse`](crate::Server::bayse) runs it over sockets.
///
/// The configuration, the calls and their timestamps determine all messages. See [`session`](crate::session) for an
/// example.
pub struct Exchange {
    venue: Bayse,
    driver: MarketDriver,
    handle: MarketHandle,
    upgraded: u64,
}

impl Exchange {
    /// Opens the venue at `now`. The listening address, the update intervals and the socket limits in the
    /// configuration have no effect.
    ///
    /// # Errors
    /// The configuration is invalid.
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

    /// Steps the markets, as a server does every [`update_every`](Config::update_every). Call
    /// [`Session::market_changed`] on the sessions afterwards.
    pub fn step(&mut self, now: Timestamps) {
        self.driver.step(now.wall_ms);
    }

    /// Updates the asset prices, as a server does every [`asset_price_every`](Config::asset_price_every). Call
    /// [`Session::market_changed`] on the sessions afterwards.
    pub fn quote(&mut self, now: Timestamps) {
        self.driver.quote(now.wall_ms);
    }

    /// Accepts an upgrade to `target`, a path with an optional query, from the address `from`.
    ///
    /// # Errors
    /// The venue rejects the upgrade.
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

    /// The HTTP status and body of the response to a `GET` of order books. `None` for any other path.
    #[must_use]
    pub fn get(&self, target: &str) -> Option<(u16, String)> {
        let page = self.venue.page(RequestTarget::parse(target))?;
        Some((page.status.as_u16(), page.text))
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
