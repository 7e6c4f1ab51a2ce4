//! Bayse Markets, an exchange of prediction markets.
//!
//! | endpoint | channels | initial messages | updates |
//! |---|---|---|---|
//! | `/ws/v1/markets` | `orderbook` | both books of each market | the books, at every step |
//! | | `prices` | the prices of the event | the prices, after a change |
//! | | `activity`, `user_trades` | | each fill |
//! | `/ws/v1/realtime` | `asset_prices` | the price of each symbol | the prices, once a second |
//! | `/ws/v1/user` | `orders` | | each fill of the client's orders |
//!
//! `GET /v1/pm/books?outcomeId[]=..&depth=10&currency=USD` on the same port returns order books. Other paths are
//! rejected with 404. Addresses above the rate limit of upgrades ([`Config::upgrades`]) are rejected with 429 and a
//! `Retry-After`.
//!
//! # Consistency
//! All messages come from one seeded simulation of individual orders, each owned by a [`User`]. All channels
//! therefore agree on a fill. It appears twice in public, as the `buy_order` of one user and the `sell_order` of the
//! other, and as an `order_updated` to each of them. Its price becomes the price of its outcome, and the next book
//! excludes the filled quantity.
//!
//! A connection receives the messages of a step in this order: `buy_order` and `sell_order`, `order_updated`,
//! `price_update`, `orderbook_update`. The maker of a fill precedes the taker.
//!
//! Each market has separate books per currency. Fills in both currencies are sent, but prices are those in USD. A
//! user may trade with itself.
//!
//! # Slow clients
//! Books and prices are snapshots, and a slow client skips intermediate ones. Fills are never skipped. A client that
//! subscribes to fills and falls more than [`Config::backlog`] steps with fills behind is closed with 1008 and
//! `too slow: messages were lost`.
//!
//! # Undocumented behavior
//! The venue does not document the following. The simulator chooses:
//! - The texts are `Market IDs are required` for missing or empty `marketIds`, `At most 10 market IDs are allowed`,
//!   `User ID is required`, `unknown market: <id>`, `unknown event: <id>`, `unknown user: <id>` and
//!   `unknown channel: <name>`. A rejected message subscribes to nothing.
//! - The room of `user_trades` is `user_trades:<userId>`.
//! - The venue's error text for a channel of a different endpoint applies to all channels and endpoints.
//! - JSON that is not an object is an `Invalid message format`. A missing type is echoed as an empty one. On
//!   `/ws/v1/user`, missing credentials take precedence over all other errors except the invalid format.
//! - Unsubscribing is confirmed even without a subscription. A repeated subscription sends the initial messages
//!   again. A client receives a fill once, even if it subscribes to several rooms of the fill.
//! - Messages above the rate limit do not count towards it. The body of a 429 is `rate limit exceeded: too many
//!   connections`, and only otherwise valid upgrades count.
//! - A missing pong closes the connection with 1008, a binary frame with 1003.
//! - The price of an outcome is that of its last trade in USD, or its fair value before the first trade. The prices
//!   of YES and NO need not add up to one.
//! - In a `buy_order` or `sell_order`, quantity and price are those of the fill, the amount is their product, and the
//!   status is that of the order after the fill. A total or an amount in NGN is price times quantity as well.
//! - In an `order_updated`, a market order has the price of the fill and `IOC`.
//! - The REST endpoint omits unknown outcomes. The default depth is 10. An unknown currency or an invalid depth is
//!   rejected with 400 and `{"message":"..."}`.

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
use self::market_driver::{MarketDriver, MarketState, PauseFlag};
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

/// The state that all connections share.
pub(crate) struct Bayse {
    catalog: Arc<Catalog>,
    states: watch::Receiver<Arc<MarketState>>,
    quotes: watch::Receiver<Arc<Quotes>>,
    event_log: Arc<EventLog>,
    limiter: Mutex<PerIpLimiter>,
    clock: Clock,
}

/// Opens the venue. The future drives its markets.
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

/// Opens the venue. The caller steps its markets.
fn open(config: Config, wall_ms: u64) -> (Bayse, MarketHandle, MarketDriver) {
    let event_log = Arc::new(EventLog::new(config.backlog));
    let catalog = Arc::new(Catalog::new(config));
    let paused = PauseFlag::default();
    let driver = MarketDriver::new(&catalog, &event_log, &paused, wall_ms);
    let handle = MarketHandle {
        catalog: Arc::clone(&catalog),
        state: driver.state(),
        paused,
    };
    let venue = Bayse {
        catalog,
        states: driver.state(),
        quotes: driver.quotes(),
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
