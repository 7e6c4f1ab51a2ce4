//! JayX, a spot exchange.
//!
//! `/socket.io/` with `EIO=4` serves Socket.IO over Engine.IO 4. `transport=websocket` opens a WebSocket.
//! `transport=polling` opens a polling connection, which the client may upgrade. Every other path serves the plain
//! mode, `{"event":"<event>","message":{...}}`. Both modes have the same four events:
//!
//! | event | initial message | updates |
//! |---|---|---|
//! | `orderbook` | the book and the last trades | the same, at every step |
//! | `kline` | the current candle | each candle that a trade has changed |
//! | `positions` | the balances | the balances, after a change |
//! | `openorders` | the open orders | the changed orders |
//!
//! # Consistency
//! The messages of a symbol come from one seeded simulation of individual orders, so that they agree. Candles
//! aggregate the trades, and the book excludes the traded quantities. Each [`Account`] trades in the same markets as
//! the simulated traders, and its balances are its initial funds plus the effect of its fills. There are no fees. A
//! connection receives the messages of a step in this order: `openorders`, `positions`, `kline`, `orderbook`.
//!
//! A connection may subscribe to one order book, because the messages do not identify the symbol. The number of other
//! subscriptions is not limited. A repeated subscription to one of these sends its initial message again.
//!
//! # Slow clients
//! Books and balances are snapshots, and a slow client skips intermediate ones. It also skips intermediate states of
//! candles and orders, but receives the last state of each, unless more than [`Config::backlog`] of them are pending.
//! In this case the oldest candles are lost. If the end of an order would be lost, the connection is closed with 1008
//! and `too slow: messages were lost`.
//!
//! # Undocumented behavior
//! The venue documents neither errors nor acknowledgements. The simulator chooses:
//! - A rejected request gets `{"error":{"message":"..."}}` in plain mode and `42["error",{"message":"..."}]` in
//!   Socket.IO. If the request has an acknowledgement id, it gets `43<id>[{"error":{"message":"..."}}]` instead.
//! - The error texts are `unknown event: <event>`, `category must be spot`, `symbol is required`,
//!   `unknown symbol: <symbol>`, `precise is required`, `interval is required`, `unknown interval: <interval>`,
//!   `apiKey is required` and `unknown apiKey`. Plain mode adds `the message is not valid JSON` and
//!   `event is required`. Socket.IO adds `not a packet`.
//! - A second order book gets `an order book is already subscribed on this connection`, even for the same symbol.
//! - An accepted request with an acknowledgement id gets `43<id>[{"ok":true}]` before the initial message.
//! - A namespace other than the default one is rejected with `44/<name>,{"message":"Invalid namespace"}`, as
//!   Socket.IO's server does.
//! - A polling client is closed when a thousand packets are queued for it. Injected rejections apply to its requests.
//!   All other faults apply only to WebSocket.
//! - A missing pong, a missing join, and an event before the join close the connection with 1008, a binary frame with
//!   1003.
//! - Each order book repeats the last trades. `precise` is required but has no effect.
//!
//! The venue documents one example each of candles, balances and orders. The simulator chooses:
//! - The intervals are [`INTERVALS`], in minutes, as strings. They start at multiples of their length since the epoch.
//! - A candle starts with its first trade, so that an interval without trades has no candle. A subscription gets the
//!   last candle in `modify`, or in `add` if it is the first of the series, and nothing before the first trade.
//! - `_id` has eight hexadecimal digits of the candle's time, as in the example, and sixteen that identify its symbol
//!   and interval. No other field identifies the interval.
//! - `modify` contains open orders, new ones included. `cancel` contains closed orders, filled ones included. The
//!   undocumented states are `PARTIALLY_FILLED` and `FILLED`.
//! - `exec` and `lastLots` are lots. `cost` is the sum of ticks times lots over the fills. `resd` is the reserved
//!   amount: ticks times lots of a buy order, as in the example, lots of a sell order, and 0 for a closed order.
//! - A market order has the price `"0"`, reserves nothing, and closes in the step in which it was placed.
//! - `available` is the balance minus the amounts that open orders reserve.

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

use tokio::sync::watch;

pub use self::account::{Account, Funds};
pub use self::candle_store::INTERVALS;
pub use self::config::{Config, Symbol};
pub use self::exchange::Exchange;
use self::exchange_state::{ExchangeState, SharedState};
pub use self::market_handle::MarketHandle;
use self::plain::PlainSession;
use self::polling::{PollingClient, PollingClients};
use self::socket_io::SocketIoSession;
use crate::clock::{Clock, now_ms};
use crate::fault_config::FaultConfig;
use crate::net::{Connection, Page, PollRequest, Protocol, RequestTarget, SessionEnd, drive};
use crate::session::Rejection;
pub use crate::wire::jayx::{Amount, Balance, Candle, OrderState, OwnOrder, PlainForm};

/// The state that all connections share.
pub(crate) struct Jayx {
    config: Arc<Config>,
    polling: PollingClients,
    state: SharedState,
    clock: Clock,
}

/// Opens the venue. The future drives its markets.
pub(crate) fn start(
    config: Config,
) -> (
    Jayx,
    MarketHandle,
    impl Future<Output = ()> + Send + 'static,
) {
    let every = config.update_every;
    let (venue, handle, steps) = open(config, now_ms());
    let driver = venue.state.clone().run(every, steps);
    (venue, handle, driver)
}

/// Opens the venue. The caller steps its markets, with the sender of the step numbers.
fn open(config: Config, wall_ms: u64) -> (Jayx, MarketHandle, watch::Sender<u64>) {
    let config = Arc::new(config);
    let (state, steps) = SharedState::new(ExchangeState::new(Arc::clone(&config), wall_ms));
    let handle = MarketHandle {
        state: state.clone(),
    };
    let venue = Jayx {
        config,
        polling: PollingClients::default(),
        state,
        clock: Clock::start(),
    };
    (venue, handle, steps)
}

/// The path of Socket.IO.
const PATH: &str = "/socket.io/";
const BAD_VERSION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

/// The protocol of a connection.
pub(crate) enum Mode {
    SocketIo,
    /// Socket.IO, upgraded from polling.
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
        polling::respond(self, request).await
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
