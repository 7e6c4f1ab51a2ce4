//! JayX: the spot exchange's stream.
//!
//! `/socket.io/` with `EIO=4` is Socket.IO over Engine.IO 4: with `transport=websocket`, or with
//! `transport=polling`, from which a client may upgrade, as the defaults of Socket.IO's own clients do.
//! Every other path is the plain mode, `{"event":"<event>","message":{...}}`. Both serve the same four events:
//!
//! | event | what comes at once | what comes then |
//! |---|---|---|
//! | `orderbook` | the book and the last trades | the same, at every step |
//! | `kline` | the current candle | each candle that a trade has changed |
//! | `positions` | the balances | the same, when one has changed |
//! | `openorders` | the open orders | those that have changed |
//!
//! # One market
//! All of it comes from one seeded market of individual orders a symbol, so that it agrees: the
//! candles are those of the trades, the trades are missing from the book, and each
//! [`Account`] trades in the same markets as everybody else, so that its balances are what it had
//! at the start and what its fills have made of it. There are no fees. A connection is told of a
//! step in this order: `openorders`, `positions`, `kline`, `orderbook`.
//!
//! A connection carries one order book, since nothing in it says which symbol it is of, and as
//! many of the others as it likes. Asking again for one of those sends what comes at once again.
//!
//! # Slow clients
//! Books and balances are the latest: a client that reads slowly misses some in between. Of
//! candles and of orders it misses in-between states, but no candle and no order, as long as it is
//! no more than [`Config::backlog`] of them behind. Beyond that it misses the oldest candles; if it
//! would miss the end of an order, it is closed with 1008 and `too slow: messages were lost`.
//!
//! # Chosen by the simulator
//! The venue documents neither errors nor acknowledgements. Here:
//! - a refused request is answered with `{"error":{"message":"..."}}` in plain mode, with
//!   `42["error",{"message":"..."}]` in Socket.IO; if an acknowledgement was asked for, the refusal
//!   is that acknowledgement: `43<id>[{"error":{"message":"..."}}]`;
//! - the texts: `unknown event: <event>`, `category must be spot`, `symbol is required`, `unknown
//!   symbol: <symbol>`, `precise is required`, `interval is required`, `unknown interval:
//!   <interval>`, `apiKey is required`, `unknown apiKey`, `an order book is already subscribed on
//!   this connection`, also when it is the same one; in plain mode `the message is not valid JSON`
//!   and `event is required`; in Socket.IO `not a packet`;
//! - an accepted one that asked for an acknowledgement gets `43<id>[{"ok":true}]` before the first
//!   answer;
//! - a namespace other than the default one is refused with
//!   `44/<name>,{"message":"Invalid namespace"}`, as Socket.IO's own server does;
//! - a client that polls and does not fetch its packets is closed once a thousand of them wait; refusals
//!   apply to its requests, every other fault to WebSocket only;
//! - a connection without a pong in time, without a join in time, or with anything before the join
//!   is closed with 1008; a binary frame with 1003;
//! - each order book repeats the last trades; `precise` must be there and changes nothing.
//!
//! Of candles and accounts it documents one example each. Here:
//! - the intervals are [`INTERVALS`], in minutes, each a string; intervals begin at whole multiples
//!   of their length since the epoch;
//! - a candle begins with its first trade: an interval without trades has none; the current candle
//!   is the last that there is, and a subscription gets it in `modify`, or in `add` if it is the
//!   first of all; before the first trade it gets nothing;
//! - `_id` is the time of the candle in eight hexadecimal digits, as in the example, and sixteen
//!   that its symbol and interval have in common; nothing else tells the interval;
//! - `modify` has orders that are open, new ones among them, and `cancel` those that are open no
//!   more, filled ones among them; the states that are not documented are `PARTIALLY_FILLED` and
//!   `FILLED`;
//! - `exec` and `lastLots` are lots, `cost` is the sum of ticks times lots over the fills, `resd` is
//!   what the order holds back: ticks times lots if it buys, as the example multiplies, lots if it
//!   sells, 0 once it is closed;
//! - a market order has the price `"0"`, holds nothing back, and is closed in the step in which it
//!   was placed;
//! - `available` is the balance without what the open orders hold back.

mod account;
mod account_state;
mod candle_store;
mod config;
mod exchange;
mod exchange_state;
mod market_handle;
pub(crate) mod packet;
mod plain;
mod polling;
mod request;
mod socket_io;
mod subscriptions;
#[cfg(test)]
mod tests;
mod trader;

use std::future::Future;
use std::sync::Arc;

pub use self::account::{Account, Funds};
pub use self::candle_store::INTERVALS;
pub use self::config::{Config, Symbol};
pub use self::exchange::Exchange;
use self::exchange_state::SharedState;
pub use self::market_handle::MarketHandle;
use self::plain::PlainSession;
use self::polling::{PollingClient, PollingClients};
use self::socket_io::SocketIoSession;
use crate::clock::Clock;
use crate::fault_config::FaultConfig;
use crate::net::{Connection, Page, PollRequest, Protocol, RequestTarget, SessionEnd, drive};
use crate::session::Rejection;
pub use crate::wire::jayx::{Amount, Balance, Candle, OrderState, OwnOrder, PlainForm};

/// The venue, as its connections see it.
pub(crate) struct Jayx {
    config: Arc<Config>,
    polling: PollingClients,
    state: SharedState,
    clock: Clock,
}

/// The venue, its market handle, and the future that drives its markets.
pub(crate) fn start(
    config: Config,
) -> (
    Jayx,
    MarketHandle,
    impl Future<Output = ()> + Send + 'static,
) {
    let config = Arc::new(config);
    let (state, life) = exchange_state::start(Arc::clone(&config));
    let handle = MarketHandle {
        state: state.clone(),
    };
    let venue = Jayx {
        config,
        polling: PollingClients::default(),
        state,
        clock: Clock::start(),
    };
    (venue, handle, life)
}

/// Where Socket.IO is.
const PATH: &str = "/socket.io/";
const BAD_VERSION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

/// The two ways to talk.
pub(crate) enum Mode {
    SocketIo,
    /// Socket.IO, begun by polling.
    Upgrade(Arc<PollingClient>),
    Plain,
}

impl Protocol for Jayx {
    type Route = Mode;

    fn faults(&self) -> FaultConfig {
        self.config.faults
    }

    fn route(&self, target: RequestTarget<'_>) -> Result<Mode, Rejection> {
        if target.path != PATH {
            return Ok(Mode::Plain);
        }
        if !self.config.socket_io {
            return Err(Rejection::new(404, "no such path"));
        }
        let refuse = |body| Err(Rejection::new(400, body));
        if !target.has("transport", "websocket") {
            return refuse(r#"{"code":0,"message":"Transport unknown"}"#);
        }
        if !target.has("EIO", "4") {
            return refuse(BAD_VERSION);
        }
        match target.get("sid") {
            None => Ok(Mode::SocketIo),
            Some(sid) => match self.polling.find(sid) {
                Some(client) => Ok(Mode::Upgrade(client)),
                None => refuse(polling::UNKNOWN_SID),
            },
        }
    }

    fn is_poll(&self, target: RequestTarget<'_>) -> bool {
        self.config.socket_io && target.path == PATH && target.has("transport", "polling")
    }

    async fn poll(&self, request: PollRequest) -> Page {
        polling::answer(self, request).await
    }

    async fn session(&self, mode: Mode, connection: &mut Connection) -> SessionEnd {
        let (clock, steps) = (self.clock, self.state.steps());
        match mode {
            Mode::SocketIo => {
                let client = SocketIoSession::new(self, connection.number, clock.now());
                drive(client, steps, clock, connection).await
            }
            Mode::Upgrade(client) => {
                let client = polling::upgrade(self, &client, connection).await?;
                drive(client, steps, clock, connection).await
            }
            Mode::Plain => drive(PlainSession::new(self), steps, clock, connection).await,
        }
    }
}
