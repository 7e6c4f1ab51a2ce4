//! Exchange WebSocket frames to exact, live, integer order books inside a trading process.
//!
//! A [`Feed`] connects to the venues, keeps the books and calls the strategy's [`Handler`] on the
//! reading task: no queue, no copy, no allocation once warm. [`Books::live`] gives a book only while
//! it can be trusted.
//!
//! | to | use |
//! |---|---|
//! | follow books live | [`Feed`] with [`jayx::JayX`] and [`bayse::Bayse`] |
//! | look at books from another thread | [`handover`] |
//! | drive the same rules over your own socket, or none | [`Session`] |
//! | see what passes over the wire | [`tap::Tap`], [`flight::Flight`] |
//! | record frames, read and replay them | `capture::Recorder`, `capture::Incidents`, `capture::FrameLog`, `capture::Replay` (feature `capture`) |
//! | decode frames only | the crate `ticklot-frame` |
//! | keep a book only | the crate `ticklot-book` |
//!
//! # Features
//!
//! All are additive: any of them can be on, alone or with any others.
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `feed` | yes | [`Feed`]: connections and timers over tokio; without it the crate does no I/O |
//! | `tls` | yes | `wss://` through rustls, with ring |
//! | `tls-aws-lc` | | the same with aws-lc-rs, which is used when both are on |
//! | `tls-no-provider` | | the same with the cryptography that the program installs |
//! | `capture` | | frame logs, plain, gzip or Zstandard |
//! | `latency` | | histograms of how long each stage takes: `Feed::measure` |
//! | `metrics` | | counters for the `metrics` facade: the module `metrics` has their names |
//! | `serde` | | `Serialize` and `Deserialize` for the plain values |
//! | `arbitrary` | | `Arbitrary` for the same, for fuzzing |
//!
//! `sabotage` is for the tests of the simulation.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
pub mod bayse;
mod books;
#[cfg(feature = "capture")]
pub mod capture;
mod event;
#[cfg(feature = "feed")]
pub mod feed;
pub mod flight;
pub mod handover;
pub mod jayx;
#[cfg(feature = "latency")]
pub mod latency;
mod limiter;
mod marks;
#[cfg(feature = "metrics")]
pub mod metrics;
mod outbox;
mod ring;
#[cfg(feature = "sabotage")]
mod sabotage;
mod session;
pub mod tap;
mod venue;

pub use ticklot_book::{
    Book, BookError, BookErrorKind, BookView, Change, Changes, ChangesIter, Depth, Epoch, Fill,
    Fixed, Gap, HalfTicks, Imbalance, Level, Lots, Nanos, Ratio, Scale, ScaleError, Side, State,
    Ticks,
};
pub use ticklot_frame::{DecodeError, ErrorKind, Trade, TradeSide, UnixMillis, VenueName};

#[cfg(feature = "feed")]
pub use ticklot_transport as transport;

pub use crate::backoff::Reconnect;
pub use crate::books::{BookId, Books, ConnectionId};
pub use crate::event::{BookUpdate, Disconnect, Event, Handler, LastTrade, Source};
#[cfg(feature = "feed")]
pub use crate::feed::{Clock, Ended, Feed, Remote, RemoteError, Stopper};
pub use crate::limiter::RateLimit;
pub use crate::outbox::Outbox;
#[cfg(feature = "sabotage")]
pub use crate::sabotage::Sabotage;
pub use crate::session::{Next, Options, Session};
pub use crate::venue::{Context, NoCommand, Reply, Slot, Snapshot, Stats, Venue};

/// The README's examples must compile, and the guide's.
#[cfg(all(doctest, feature = "feed"))]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/concepts.md")]
    struct Concepts;
    #[doc = include_str!("../../../docs/numbers.md")]
    struct Numbers;
    #[doc = include_str!("../../../docs/venues.md")]
    struct Venues;
    #[doc = include_str!("../../../docs/tuning.md")]
    struct Tuning;
    #[cfg(feature = "capture")]
    #[doc = include_str!("../../../docs/recording.md")]
    struct Recording;
}
