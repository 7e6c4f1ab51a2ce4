//! Bayse Markets: the prediction markets' stream.
//!
//! | endpoint | channels | what comes at once | what comes then |
//! |---|---|---|---|
//! | `/ws/v1/markets` | `orderbook` | both books of each market | the same, at every step |
//! | | `prices` | the prices of the event | the same, when one has changed |
//! | | `activity`, `user_trades` | | each fill |
//! | `/ws/v1/realtime` | `asset_prices` | the price of each symbol | the same, once a second |
//! | `/ws/v1/user` | `orders` | | each fill of one's own orders |
//!
//! `GET /v1/pm/books?outcomeId[]=..&depth=10&currency=USD` on the same port answers with the order
//! books alone. Other paths are refused with 404, and addresses that upgrade too often
//! ([`Config::upgrades`]) with 429 and a `Retry-After`.
//!
//! # One market
//! All of it comes from one seeded market of individual orders, each of a [`User`], so that it
//! agrees: a fill is told to everybody twice, as the `buy_order` of one user and the `sell_order`
//! of another, and to each of the two as an `order_updated`; the price of its outcome is from then
//! on that of the fill; and the book that follows lacks what was filled. A connection is told of a
//! step in this order: `buy_order` and `sell_order`, `order_updated`, `price_update`,
//! `orderbook_update`. Of each fill the order that rested comes first, then the one that arrived.
//!
//! Each currency of a market has books of its own. Fills in both are told, prices are those in
//! USD. Nothing keeps a user from trading with himself.
//!
//! # Slow clients
//! Books and prices are the latest: a client that reads slowly misses some in between. Fills are
//! never missed: a client that is more than [`Config::backlog`] steps with fills behind is closed
//! with 1008 and `too slow: messages were lost`, if it is in a room that tells of fills.
//!
//! # Chosen by the simulator
//! What the venue does not document:
//! - `Market IDs are required` when `marketIds` are missing or empty, `At most 10 market IDs are
//!   allowed` when there are more, `User ID is required`; `unknown market: <id>`, `unknown event:
//!   <id>`, `unknown user: <id>`, `unknown channel: <name>`; a refused message subscribes to
//!   nothing;
//! - the room of `user_trades` is `user_trades:<userId>`;
//! - the venue's text for a channel that is elsewhere is used for all channels and endpoints;
//! - JSON that is no object is an `Invalid message format`; a missing type is echoed as nothing;
//!   on `/ws/v1/user` missing credentials come before every other error but that one;
//! - leaving a room that one is not in is answered like leaving one that one is in; subscribing
//!   again sends what comes at once again; a fill is told once, however many of its rooms one is in;
//! - messages over the limit do not count towards it; the body of a 429 is `rate limit exceeded:
//!   too many connections`, and only upgrades that nothing else is wrong with count;
//! - a client without a pong in time is closed with 1008, one that sends a binary frame with 1003;
//! - the price of an outcome is that of its last trade in USD, before the first one its fair value:
//!   YES and NO need not add up to one;
//! - in a `buy_order` or `sell_order`, quantity and price are those of the fill, the amount is
//!   their product, and the status is that of the order after it; in NGN, too, a total or an amount
//!   is price times quantity;
//! - in an `order_updated` a market order shows the price of the fill and `IOC`;
//! - the REST endpoint leaves out unknown outcomes; without a depth it is 10; a currency that there
//!   is not, or a depth that is not above zero, is answered with 400 and `{"message":"..."}`.

mod asset;
mod catalog;
mod config;
mod event_log;
mod exchange;
mod fill_message;
mod listing;
mod market_driver;
mod market_handle;
mod request;
mod rest;
mod room;
mod session;
mod user;

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ticklot_book::{Nanos, Scale};
use tokio::sync::watch;

pub use self::asset::Asset;
use self::asset::Quotes;
use self::catalog::Catalog;
pub use self::config::Config;
use self::event_log::EventLog;
pub use self::exchange::Exchange;
pub use self::listing::{Currency, Event, Listing};
use self::market_driver::{MarketDriver, MarketState};
pub use self::market_handle::MarketHandle;
use self::room::Endpoint;
use self::session::{ClientSession, MarketWatch};
pub use self::user::User;
use crate::clock::{Clock, now_ms};
use crate::fault_config::FaultConfig;
use crate::net::{Connection, Page, PerIpLimiter, Protocol, RequestTarget, SessionEnd, drive};
use crate::session::Rejection;

/// Ticks of 0.01, lots of 0.01.
const SCALE: Scale = match Scale::new(2, 2) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// The venue, as its connections see it.
pub(crate) struct Bayse {
    catalog: Arc<Catalog>,
    states: watch::Receiver<Arc<MarketState>>,
    quotes: watch::Receiver<Arc<Quotes>>,
    event_log: Arc<EventLog>,
    limiter: Mutex<PerIpLimiter>,
    clock: Clock,
}

/// The venue, its market handle, and the future that drives its markets.
pub(crate) fn start(
    config: Config,
) -> (
    Bayse,
    MarketHandle,
    impl Future<Output = ()> + Send + 'static,
) {
    let (venue, handle, driver) = open(config, now_ms());
    (venue, handle, driver.run())
}

/// The venue, its market handle, and its markets, which the caller has to move.
fn open(config: Config, wall_ms: u64) -> (Bayse, MarketHandle, MarketDriver) {
    let event_log = Arc::new(EventLog::new(config.backlog));
    let catalog = Arc::new(Catalog::new(config));
    let paused = Arc::default();
    let (markets, told) = (Arc::clone(&catalog), Arc::clone(&event_log));
    let driver = MarketDriver::new(markets, told, Arc::clone(&paused), wall_ms);
    let handle = MarketHandle {
        catalog: Arc::clone(&catalog),
        state: driver.state(),
        paused,
    };
    let venue = Bayse {
        catalog,
        states: driver.state(),
        quotes: driver.walks().quotes(),
        event_log,
        limiter: Mutex::default(),
        clock: Clock::start(),
    };
    (venue, handle, driver)
}

impl Bayse {
    fn admit_at(&self, ip: IpAddr, now: Nanos) -> Result<(), Rejection> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = limiter.admit(ip, self.catalog.config.upgrades, now);
        let too_many = "rate limit exceeded: too many connections";
        admitted.map_err(|wait| Rejection::too_many(too_many, wait))
    }
}

impl Protocol for Bayse {
    type Route = Endpoint;

    fn faults(&self) -> FaultConfig {
        self.catalog.config.faults
    }

    fn route(&self, target: RequestTarget<'_>) -> Result<Endpoint, Rejection> {
        let not_found = Rejection::new(404, "404 page not found");
        Endpoint::at(target.path).ok_or(not_found)
    }

    fn page(&self, target: RequestTarget<'_>) -> Option<Page> {
        rest::page(self, target)
    }

    fn admit(&self, ip: IpAddr) -> Result<(), Rejection> {
        self.admit_at(ip, self.clock.now().at)
    }

    async fn session(&self, endpoint: Endpoint, connection: &mut Connection) -> SessionEnd {
        let client = ClientSession::new(self, endpoint, connection.number, self.clock.now());
        drive(client, MarketWatch::of(self), self.clock, connection).await
    }
}
