//! Bayse Markets: the prediction markets' stream.
//!
//! Served is `/ws/v1/markets` with the channel `orderbook`: on a subscription one `subscribed` a
//! room and at once the book of each outcome; from then on both books of each room at every update
//! of the market. Each currency of a market has books of its own. A client that reads slowly
//! misses updates in between. Unknown paths are refused with 404 before the upgrade.
//!
//! # Chosen by the simulator
//! What the venue does not document:
//! - `Market IDs are required` when marketIds are missing or empty, `At most 10 market IDs are
//!   allowed` when there are more, `unknown market: <id>`; a refused message subscribes to nothing;
//! - `unknown channel: <name>`, and for `orders` the text that the venue has for `asset_prices`,
//!   with `/ws/v1/user` in it;
//! - JSON that is no object is an `Invalid message format`; a missing type is echoed as nothing;
//! - leaving a room that one is not in is answered like leaving one that one is in; subscribing
//!   again sends the books again;
//! - a client without a pong in time is closed with 1008, one that sends a binary frame with 1003;
//! - in NGN, too, a total is price times quantity.

mod book;
mod request;
mod session;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use ticklot_book::Ticks;
use tokio::sync::watch;

use self::book::Books;
use crate::invalid;
use crate::net::{Ended, Limits, Peer, Protocol, Refusal, Target};

/// What a Bayse Markets server is like. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:0`: a free port.
    pub listen: SocketAddr,
    /// Decides the markets. The same seed gives the same books, one after the other. Default 1.
    pub seed: u64,
    /// The markets that are served. Default: [`Listing::rate_cut`] and [`Listing::long_shot`].
    pub markets: Vec<Listing>,
    /// How often the markets move and updates go out. Default 100 ms.
    pub update_every: Duration,
    /// Whether the two books of a room share a frame, a line each. Default true.
    pub batch: bool,
    /// How often a WebSocket ping goes out. Default 54 s.
    pub ping_every: Duration,
    /// How long after the last pong, or the upgrade, a client is given up. Default 60 s.
    pub pong_timeout: Duration,
    /// What a client may cost.
    pub limits: Limits,
}

/// A market that is served, with its two outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The market's id.
    pub market_id: String,
    /// The id of its outcome YES.
    pub yes_id: String,
    /// The id of its outcome NO.
    pub no_id: String,
    /// What YES is worth at the start: 1 to 99 ticks of 0.01.
    pub fair: Ticks,
}

impl Listing {
    /// A market whose ids are made from one name: `mkt_<name>`, `out_<name>-yes`,
    /// `out_<name>-no`.
    #[must_use]
    pub fn new(name: &str, fair: Ticks) -> Self {
        Self {
            market_id: format!("mkt_{name}"),
            yes_id: format!("out_{name}-yes"),
            no_id: format!("out_{name}-no"),
            fair,
        }
    }

    /// `mkt_us-rate-cut`: starts at 0.62, with two full books.
    #[must_use]
    pub fn rate_cut() -> Self {
        Self::new("us-rate-cut", Ticks(62))
    }

    /// `mkt_btc-above-1m`: starts at 0.02, so near the end of the range that its books are
    /// one-sided now and then.
    #[must_use]
    pub fn long_shot() -> Self {
        Self::new("btc-above-1m", Ticks(2))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            markets: vec![Listing::rate_cut(), Listing::long_shot()],
            update_every: Duration::from_millis(100),
            batch: true,
            ping_every: Duration::from_secs(54),
            pong_timeout: Duration::from_secs(60),
            limits: Limits::default(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.markets.is_empty() {
            return Err(invalid("a server needs a market to serve"));
        }
        if self.update_every.is_zero() || self.ping_every.is_zero() {
            return Err(invalid("an interval must be longer than nothing"));
        }
        Ok(())
    }
}

/// The venue, as its connections see it.
pub(crate) struct Bayse {
    config: Config,
    books: watch::Receiver<Arc<Books>>,
}

/// The venue and the life of its markets.
pub(crate) fn start(config: Config) -> (Bayse, impl Future<Output = ()> + Send + 'static) {
    let (books, markets) = book::start(&config);
    (Bayse { config, books }, markets)
}

impl Protocol for Bayse {
    type Route = ();

    fn route(&self, target: Target<'_>) -> Result<(), Refusal> {
        match target.path {
            "/ws/v1/markets" => Ok(()),
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "404 page not found")),
        }
    }

    async fn session(&self, (): (), peer: &mut Peer) -> Ended {
        session::run(self, peer).await
    }
}
