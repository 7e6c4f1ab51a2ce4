//! The configuration of a server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Asset, Event, Listing, User};
use crate::fault_config::FaultConfig;
use crate::invalid;
use crate::net::{Limits, Rate};

/// What a Bayse Markets server is like. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:0`: a free port.
    pub listen: SocketAddr,
    /// Decides the markets. The same seed gives the same books and fills, one after the other.
    /// Default 1.
    pub seed: u64,
    /// The markets that are served. Default: [`Listing::rate_cut`] and [`Listing::long_shot`].
    pub markets: Vec<Listing>,
    /// The events that the markets belong to. A market that none names gets one of its own, as
    /// [`Event::of`] makes it. Default: [`Event::rate_cut`] and [`Event::long_shot`].
    pub events: Vec<Event>,
    /// Who trades. Each order is equally likely to be anyone's. Default: [`User::demo`] and five
    /// others.
    pub users: Vec<User>,
    /// The assets whose prices are published. Default: [`Asset::all`].
    pub assets: Vec<Asset>,
    /// How often the markets move and updates go out. Default 100 ms.
    pub update_every: Duration,
    /// How often the prices of assets move and go out. Default 1 s.
    pub asset_price_every: Duration,
    /// Whether all that a connection gets in one step of the markets shares a frame, a line each,
    /// up to about 32 KiB. Default true.
    pub batch: bool,
    /// How often a WebSocket ping goes out. Default 54 s.
    pub ping_every: Duration,
    /// How long after the last pong, or the upgrade, a client is given up. Default 60 s.
    pub pong_timeout: Duration,
    /// How many messages a client may send on a connection. Default 10 a second.
    pub messages: Rate,
    /// How often one address may upgrade a connection. Default 100 times in 10 s: the venue's
    /// number is not known, and this one is in nobody's way.
    pub upgrades: Rate,
    /// How many steps with fills are kept for clients that read slowly. Default 1,024, which is
    /// a minute and a half at the default pace, and a few megabytes.
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
            return Err(invalid("a server needs a market to serve"));
        }
        if self.users.is_empty() {
            return Err(invalid("a market needs a user to trade"));
        }
        let intervals = [self.update_every, self.asset_price_every, self.ping_every];
        if intervals.iter().any(Duration::is_zero) {
            return Err(invalid("an interval must be longer than nothing"));
        }
        Ok(())
    }
}
