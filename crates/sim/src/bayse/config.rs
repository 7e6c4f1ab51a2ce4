//! The configuration of a Bayse Markets server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Asset, Event, Listing, User};
use crate::fault_config::FaultConfig;
use crate::invalid;
use crate::net::{Limits, Rate};

/// The configuration of a Bayse Markets server. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on. Default `127.0.0.1:0`, a free port.
    pub listen: SocketAddr,
    /// The seed of the markets. Equal seeds produce equal sequences of books and fills. Default 1.
    pub seed: u64,
    /// The markets to serve. Default: [`Listing::rate_cut`] and [`Listing::long_shot`].
    pub markets: Vec<Listing>,
    /// The events of the markets. A market without an event gets [`Event::of`]. Default: [`Event::rate_cut`] and
    /// [`Event::long_shot`].
    pub events: Vec<Event>,
    /// The users who trade. Each order belongs to any of them with equal probability. Default: [`User::demo`] and five
    /// others.
    pub users: Vec<User>,
    /// The assets whose prices are published. Default: [`Asset::all`].
    pub assets: Vec<Asset>,
    /// The time between two steps of the markets and their updates. Default 100 ms.
    pub update_every: Duration,
    /// The time between two updates of asset prices. Default 1 s.
    pub asset_price_every: Duration,
    /// Whether the messages of a step share a frame, one per line, up to about 32 KiB. Default true.
    pub batch: bool,
    /// The time between two WebSocket pings. Default 54 s.
    pub ping_every: Duration,
    /// The maximum time from the upgrade or the last pong to the next pong. Default 60 s.
    pub pong_timeout: Duration,
    /// The rate limit of a client's messages on a connection. Default 10 per second.
    pub messages: Rate,
    /// The rate limit of one address's upgrades. Default 100 in 10 s. The venue's limit is unknown.
    pub upgrades: Rate,
    /// The number of steps with fills that are stored for slow clients. Default 1,024: a minute and a half at the
    /// default rate, and a few megabytes.
    pub backlog: usize,
    /// The limits on a client.
    pub limits: Limits,
    /// The faults to inject. Default none.
    pub faults: FaultConfig,
}

impl Default for Config {
    fn default() -> Self {
        let rate = |count, secs| Rate {
            count,
            per: Duration::from_secs(secs),
        };
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            markets: vec![Listing::rate_cut(), Listing::long_shot()],
            events: vec![Event::rate_cut(), Event::long_shot()],
            users: User::crowd(),
            assets: Asset::all(),
            update_every: Duration::from_millis(100),
            asset_price_every: Duration::from_secs(1),
            batch: true,
            ping_every: Duration::from_secs(54),
            pong_timeout: Duration::from_secs(60),
            messages: rate(10, 1),
            upgrades: rate(100, 10),
            backlog: 1_024,
            limits: Limits::default(),
            faults: FaultConfig::default(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.markets.is_empty() {
            return Err(invalid("no markets are configured"));
        }
        if self.users.is_empty() {
            return Err(invalid("no users are configured"));
        }
        let intervals = [self.update_every, self.asset_price_every, self.ping_every];
        if intervals.iter().any(Duration::is_zero) {
            return Err(invalid("an interval must be above zero"));
        }
        Ok(())
    }
}
