//! Exact, live, integer order books from exchange WebSocket feeds, inside a trading process.
//!
//! A [`Feed`] connects to the venues, maintains the books and calls the strategy's [`Handler`] on the reading task,
//! without a queue, a copy or (once warm) an allocation. [`Books::live`] returns a book only while it is valid.
//!
//! | to | use |
//! |---|---|
//! | maintain live books | [`Feed`] with a venue: [`jayx`], [`bayse`], [`kraken`] |
//! | run the same session over your own socket, or without one | [`Session`] |
//! | add a venue | [`venue`] |
//! | observe messages, latencies and counts | [`observe`] |
//! | record, read and replay frames | `capture::Recorder`, `capture::Incidents`, `capture::FrameLog`, `capture::Replay` (feature `capture`) |
//! | only decode frames | the crate `ticklot-frame` |
//! | only maintain a book | the crate `ticklot-book` |
//!
//! A [`Session`] needs no network. This one applies a frame that it receives as bytes:
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use ticklot::jayx::{Envelope, JayX};
//! use ticklot::{BookView, Books, ConnectionId, Event, Lots, Nanos, Options, Session, Ticks};
//!
//! let mut books = Books::new();
//! let mut handler = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
//! let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).build()?;
//! let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
//! let book = books.ids().next().ok_or("no book")?;
//!
//! let _ = session.opened(Nanos(1), &mut books, &mut handler);
//! let frame = br#"{"orderBook":{"bids":[{"ticks":6679900,"lots":250,"count":3}],"asks":[],"trades":[]}}"#;
//! let _ = session.frame(frame, Nanos(2), &mut books, &mut handler);
//! let best = books.live(book).and_then(|book| book.best_bid()).ok_or("not live")?;
//! assert_eq!((best.ticks, best.lots), (Ticks(6_679_900), Lots(250)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! All features are additive: each works alone and with any others.
//!
//! | feature | default | provides |
//! |---|---|---|
//! | `feed` | yes | [`Feed`]: connections and timers over tokio; without it the crate does no I/O |
//! | `tls` | yes | `wss://` through rustls, with ring |
//! | `tls-aws-lc` | | `wss://` with aws-lc-rs, which has precedence over ring |
//! | `tls-no-provider` | | `wss://` with the cryptography provider that the program installs |
//! | `capture` | | frame logs, plain, gzip or Zstandard |
//! | `latency` | | latency histograms of each stage: `Feed::measure` |
//! | `metrics` | | counters for the `metrics` facade: `observe::metrics` |
//! | `serde` | | `Serialize` and `Deserialize` for plain values, and events as records: `records` |
//! | `arbitrary` | | `Arbitrary` for plain values, for fuzzing |

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

/// The other types of `ticklot-book`: storage, sequence rules, changes and views.
///
/// ```
/// use ticklot::Scale;
/// use ticklot::book::{Book, Coverage, Ladder};
///
/// let book = Book::<Ladder>::with_storage(Scale::new(2, 3)?).with_coverage(Coverage::Full);
/// # let _ = book;
/// # Ok::<(), ticklot::book::ScaleError>(())
/// ```
pub mod book {
    pub use ticklot_book::{
        Book, BookError, BookErrorKind, BookRefLevels, Change, Changes, ChangesIter, Checksum,
        Coverage, Depth, Fill, Fixed, Flat, HalfTicks, Ids, Imbalance, Ladder, Ratio, ScaleError,
        Sequence, Storage,
    };
}

/// The types in an [`Event`].
///
/// ```
/// use ticklot::Event;
/// use ticklot::events::TradeSide;
///
/// /// The number of trades in an event in which the taker bought.
/// fn buys(event: &Event<'_>) -> usize {
///     match event {
///         Event::Trades(trades) => {
///             trades.trades.iter().filter(|it| it.side == TradeSide::Buy).count()
///         }
///         _ => 0,
///     }
/// }
/// ```
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
///
/// ```
/// use ticklot::stores::Account;
/// use ticklot::{Books, ConnectionId};
///
/// fn open_orders(books: &Books, connection: ConnectionId) -> usize {
///     books.account_of(connection).map_or(0, |account: &Account| account.orders().len())
/// }
/// ```
pub mod stores {
    pub use crate::books::{
        Account, Balance, BookCounts, Candle, Candles, CandlesId, MAX_CANDLES, MAX_ORDERS,
        MAX_TRADES, Order, OrderId, Reservation,
    };
}

/// Control of a running [`Feed`].
///
/// ```
/// use std::ops::ControlFlow;
///
/// use ticklot::control::ShutdownHandle;
/// use ticklot::{Books, Event, Feed};
///
/// let feed = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::Continue(()));
/// // Any thread may call `stop` on it.
/// let handle: ShutdownHandle = feed.shutdown_handle();
/// # let _ = handle;
/// ```
#[cfg(feature = "feed")]
pub mod control {
    pub use crate::feed::{
        Clock, CommandError, ConnectionHandle, ConnectionSummary, ShutdownHandle, Spinning,
    };
}

/// The types that a custom driver of a [`Session`] needs.
///
/// ```
/// use ticklot::driver::NextAction;
///
/// fn needs_socket(next: NextAction) -> bool {
///     matches!(next, NextAction::Connect | NextAction::Open)
/// }
/// ```
pub mod driver {
    pub use crate::session::{NextAction, Outbox, RateLimit, ResyncPolicy};
}

#[cfg(all(doctest, feature = "feed"))]
#[doc = include_str!("../README.md")]
struct Readme;
