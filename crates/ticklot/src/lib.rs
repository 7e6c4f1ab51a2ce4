//! Exchange WebSocket frames to exact, live, integer order books inside a trading process.
//!
//! A [`Feed`] connects to the venues, keeps the books and calls the strategy's [`Handler`] on the
//! reading task: no queue, no copy, no allocation once warm. [`Books::live`] gives a book only while
//! it can be trusted.
//!
//! | to | use |
//! |---|---|
//! | follow books live | [`Feed`] with a venue: [`jayx`], [`bayse`], [`kraken`] |
//! | drive the same rules over your own socket, or none | [`Session`] |
//! | implement a venue of your own | [`venue`] |
//! | observe the wire, latencies and counts | [`observe`] |
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
//! | `serde` | | `Serialize` and `Deserialize` for the plain values, events as records: the module `records` |
//! | `arbitrary` | | `Arbitrary` for the same, for fuzzing |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod books;
pub mod capture;
mod event;
#[cfg(feature = "feed")]
mod feed;
pub mod observe;
#[cfg(feature = "serde")]
pub mod records;
mod session;
pub mod venue;
mod venues;

pub use ticklot_book::{
    BookRef, BookState, BookView, Epoch, Gap, Level, Lots, Nanos, Scale, Side, Ticks,
};

#[cfg(feature = "feed")]
pub use ticklot_transport as transport;

pub use crate::books::{BookId, Books, ConnectionId, Instrument};
pub use crate::event::{BookUpdate, Disconnect, Event, Handler};
#[cfg(feature = "feed")]
pub use crate::feed::{Feed, SpinOptions};
pub use crate::session::{Options, Reconnect, Session};
pub use crate::venue::on_message::OnMessage;
pub use crate::venues::{bayse, jayx, kraken};

/// The rest of the order book's vocabulary, from `ticklot-book`: storage, sequence rules, changes and views.
pub mod book {
    pub use ticklot_book::{
        Book, BookError, BookErrorKind, BookRefLevels, Change, Changes, ChangesIter, Checksum,
        Coverage, Depth, Fill, Fixed, Flat, HalfTicks, Ids, Imbalance, Ladder, Ratio, ScaleError,
        Sequence, Storage,
    };
}

/// The contents of an [`Event`].
pub mod events {
    pub use ticklot_frame::{
        Decimal, DecodeError, ErrorKind, Trade, TradeSide, UnixMillis, UnixSeconds,
    };

    pub use crate::books::Cause;
    pub use crate::event::{
        BalanceUpdate, CandleUpdate, EndReason, LastTrade, OrderRef, OrderUpdate, Receipt,
        ReferencePrice, RequestFailure, Resync, ResyncStep, Source, StateChange, StatusUpdate,
        Trades, TradingStatus, UpdateKind,
    };
}

/// The stores next to the books of [`Books`]: accounts, candles and recent trades.
pub mod stores {
    pub use crate::books::{
        Account, Balance, BookCounts, Candle, Candles, CandlesId, MAX_CANDLES, MAX_ORDERS,
        MAX_TRADES, Order, OrderId, Reservation,
    };
}

/// Control of a running [`Feed`].
#[cfg(feature = "feed")]
pub mod control {
    pub use crate::feed::{
        Clock, CommandError, ConnectionHandle, ConnectionSummary, ShutdownHandle, Spinning,
    };
}

/// The parts of a [`Session`] for a driver of your own.
pub mod driver {
    pub use crate::session::{NextAction, Outbox, RateLimit, ResyncPolicy};
}

#[cfg(all(doctest, feature = "feed"))]
#[doc = include_str!("../README.md")]
struct Readme;
