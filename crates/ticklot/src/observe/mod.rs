//! Observation of a session: its messages, its latencies and its counts.
//!
//! | to | use |
//! |---|---|
//! | receive every message of a session, and each invalidation of a book | [`Tap`] |
//! | measure the latency of each stage | [`Latency`] (feature `latency`) |
//! | export the counts | [`metrics`] (feature `metrics`) |
//!
//! [`Tap`] has an example.

#[cfg(feature = "latency")]
pub(crate) mod latency;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "latency")]
pub(crate) mod stage;
pub(crate) mod stage_timer;
pub(crate) mod tap;

#[cfg(feature = "latency")]
pub use self::latency::{Latency, hdrhistogram};
#[cfg(feature = "latency")]
pub use self::stage::Stage;
pub use self::tap::{Invalidation, RecordKind, Tap, WireEvent, WireRecord};
