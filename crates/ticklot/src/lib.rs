//! Exchange WebSocket frames to exact, live, integer order books inside a trading process.
//!
//! A [`Feed`] connects to the venues, keeps the books and calls the strategy's [`Handler`] on the
//! reading task: no queue, no copy, no allocation once warm. [`Books::live`] gives a book only while
//! it can be trusted.
//!
//! | to | use |
//! |---|---|
//! | follow books live | [`Feed`] with a venue: [`jayx`], [`bayse`], [`kraken`] |
//! | look at books from another thread | [`handover`] |
//! | drive the same rules over your own socket, or none | [`Session`] |
//! | keep track of a venue's subscriptions | [`subscriptions`] |
//! | see what passes over the wire | [`tap::Tap`], [`flight::FlightRecorder`] |
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

#![cfg_attr(docsrs, feature(doc_cfg))]

mod books;
#[cfg(feature = "capture")]
pub mod capture;
mod event;
#[cfg(feature = "feed")]
pub mod feed;
pub mod flight;
pub mod handover;
#[cfg(feature = "latency")]
pub mod latency;
#[cfg(feature = "metrics")]
pub mod metrics;
mod pings;
mod ring;
mod session;
mod stage_timer;
pub mod subscriptions;
pub mod tap;
mod url;
mod venue;
mod venues;

pub use ticklot_book::{
    Book, BookError, BookErrorKind, BookRef, BookRefLevels, BookState, BookView, Change, Changes,
    ChangesIter, Checksum, Coverage, Depth, Epoch, Fill, Fixed, Flat, Gap, HalfTicks, Ids,
    Imbalance, Ladder, Level, Lots, Nanos, Ratio, Scale, ScaleError, Sequence, Side, Storage,
    Ticks,
};
pub use ticklot_frame::{
    Decimal, DecodeError, ErrorKind, Trade, TradeSide, UnixMillis, UnixSeconds, VenueName,
};

#[cfg(feature = "feed")]
pub use ticklot_transport as transport;

pub use crate::books::{
    Account, Balance, BookConfig, BookCounts, BookId, Books, Candle, Candles, CandlesId,
    ConnectionId, Instrument, MAX_CANDLES, MAX_ORDERS, MAX_TRADES, Order, OrderId, Reservation,
};
pub use crate::event::{
    BalanceUpdate, BookUpdate, CandleUpdate, Cause, Disconnect, EndReason, Event, Handler,
    LastTrade, OnMessage, OrderRef, OrderUpdate, Receipt, ReferencePrice, RequestFailure, Resync,
    ResyncStep, Source, StateChange, StatusUpdate, Trades, TradingStatus, UpdateKind,
};
#[cfg(feature = "feed")]
pub use crate::feed::{
    Clock, CommandError, ConnectionHandle, ConnectionSummary, Feed, ShutdownHandle, SpinOptions,
    Spinning,
};
pub use crate::session::{
    NextAction, Options, Outbox, RateLimit, Reconnect, ResyncPolicy, Session,
};
pub use crate::venue::{
    CallOutcome, CommandCheck, Concerns, Context, Delta, HttpRequest, Liveness, NoCommand,
    RequestId, ResyncReply, SendSlot, Snapshot, Stats, Venue,
};
pub use crate::venues::{bayse, jayx, kraken};

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
