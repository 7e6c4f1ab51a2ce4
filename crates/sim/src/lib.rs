//! Both venues' WebSocket servers, on this machine, with a seeded market behind them.
//!
//! A [`Server`] speaks the wire of one venue, JayX or Bayse Markets, over plain WebSocket. What it
//! tells comes from a [`market`] of individual orders that a seed decides, or from a
//! [`Recording`] that is played back frame by frame. A [`Simulator`] runs servers on a thread of
//! its own.
//!
//! What a server decides is apart from its sockets: see [`session`].
//!
//! The crate shares no code with the clients that it is there to test: it has its own writers of
//! the venues' JSON and its own reading of their rules. Where a venue has not
//! documented an answer, the simulator chooses one, and the module of the venue says so.
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

/// A configuration that no server can run with.
pub(crate) fn invalid(why: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, why)
}
