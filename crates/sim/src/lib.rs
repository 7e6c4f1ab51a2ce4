//! Simulated WebSocket servers of JayX and Bayse Markets, with a seeded market behind them.
//!
//! A [`Server`] implements the protocol of one venue over plain WebSocket. Its data comes from a [`market`] of
//! individual orders that a seed determines, or from a [`Recording`] that is played back frame by frame. A
//! [`Simulator`] runs servers on a dedicated thread.
//!
//! The protocol of a server is separate from its sockets: see [`session`].
//!
//! The crate shares no code with the clients that it tests. It has its own model of the venues' JSON and its own
//! implementation of their rules. Where a venue does not document a reply, the simulator chooses one, and the
//! documentation of the venue's module lists it.
//!
//! ```
//! use ticklot_sim::{Simulator, Venue, bayse, jayx};
//!
//! let simulator = Simulator::spawn(jayx::Config::default(), bayse::Config::default())?;
//! let url = simulator.url(Venue::Jayx).expect("both venues are served");
//! assert!(url.starts_with("ws://127.0.0.1:"));
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod bayse;
mod clock;
mod fault_config;
mod ids;
pub mod jayx;
pub mod market;
mod net;
mod playback;
#[doc(hidden)]
pub mod pool;
mod server;
pub mod session;
mod simulator;
mod venue;
#[doc(hidden)]
pub mod wire;

pub use crate::fault_config::{Chance, FaultConfig, FaultConfigError, RefuseFault, TimedFault};
pub use crate::market::{Market, MarketConfig};
pub use crate::net::{ConnectionCounts, FaultCounts, Limits, Rate};
pub use crate::playback::{RecordedFrame, Recording, Speed};
pub use crate::server::Server;
pub use crate::session::{Outgoing, Session, Timestamps};
pub use crate::simulator::Simulator;
pub use crate::venue::Venue;

/// The error of an invalid configuration.
pub(crate) fn invalid(why: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, why)
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
