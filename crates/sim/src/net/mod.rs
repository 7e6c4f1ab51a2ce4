//! The network server of both venues: HTTP, upgrades, WebSocket connections and injected faults.

mod connection;
mod counters;
mod fault_injector;
mod http;
mod limits;
mod listener;
mod rate_limiter;
#[cfg(test)]
mod rfc6455_tests;
mod session_driver;

pub(crate) use self::connection::{Connection, Disconnect, Input, SessionEnd};
pub(crate) use self::counters::Counters;
pub use self::counters::{ConnectionCounts, FaultCounts};
pub(crate) use self::http::{Page, PollRequest, RequestTarget};
pub use self::limits::Limits;
pub(crate) use self::listener::{Protocol, serve};
pub use self::rate_limiter::Rate;
pub(crate) use self::rate_limiter::{PerIpLimiter, SlidingWindow};
pub(crate) use self::session_driver::{MarketUpdates, drive, sleep_until_deadline};
