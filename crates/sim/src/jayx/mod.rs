//! JayX: the spot exchange's stream.
//!
//! `/socket.io/` with `EIO=4&transport=websocket` is Socket.IO over Engine.IO 4; every other path
//! is the plain mode, `{"event":"<event>","message":{...}}`. Served is the event `orderbook`: one
//! order book a connection, a snapshot at once and one at every update of the market. A client
//! that reads slowly misses snapshots in between, as it would have to throw them away anyway.
//!
//! # Chosen by the simulator
//! The venue documents neither errors nor acknowledgements. Here:
//! - a refused request is answered with `{"error":{"message":"..."}}` in plain mode, with
//!   `42["error",{"message":"..."}]` in Socket.IO; if an acknowledgement was asked for, the refusal
//!   is that acknowledgement: `43<id>[{"error":{"message":"..."}}]`;
//! - an accepted one that asked for an acknowledgement gets `43<id>[{"ok":true}]` before the first
//!   snapshot;
//! - a connection without a pong in time, without a join in time, or with anything before the join
//!   is closed with 1008; a binary frame with 1003;
//! - each snapshot repeats the last trades.

mod book;
pub(crate) mod packet;
mod plain;
mod request;
mod socket_io;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::watch;

use self::book::Payloads;
use crate::invalid;
use crate::market::MarketConfig;
use crate::net::{Ended, Limits, Peer, Protocol, Refusal, Target};
pub use crate::wire::jayx::PlainForm;

/// What a JayX server is like. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:0`: a free port.
    pub listen: SocketAddr,
    /// Decides the market. The same seed gives the same books, one after the other. Default 1.
    pub seed: u64,
    /// The symbols that are served, and their markets. Default `BTCUSDT`.
    pub symbols: Vec<Symbol>,
    /// How often the market moves and snapshots go out. Default 50 ms.
    pub update_every: Duration,
    /// How often an Engine.IO ping goes out. Default 25 s.
    pub ping_interval: Duration,
    /// How long its pong may take. Default 20 s.
    pub ping_timeout: Duration,
    /// How long a Socket.IO client may take to join the default namespace. Default 45 s.
    pub join_timeout: Duration,
    /// How the plain mode wraps its answers. Default bare.
    pub plain: PlainForm,
    /// What a client may cost.
    pub limits: Limits,
}

/// A symbol that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, as a client asks for it.
    pub name: String,
    /// What its market is like.
    pub market: MarketConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            symbols: vec![Symbol {
                name: "BTCUSDT".to_owned(),
                market: MarketConfig::btcusdt(),
            }],
            update_every: Duration::from_millis(50),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            join_timeout: Duration::from_secs(45),
            plain: PlainForm::Bare,
            limits: Limits::default(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.symbols.is_empty() {
            return Err(invalid("a server needs a symbol to serve"));
        }
        if self.update_every.is_zero() || self.ping_interval.is_zero() {
            return Err(invalid("an interval must be longer than nothing"));
        }
        Ok(())
    }
}

/// The venue, as its connections see it.
pub(crate) struct Jayx {
    config: Config,
    payloads: watch::Receiver<Arc<Payloads>>,
}

/// The venue and the life of its market.
pub(crate) fn start(config: Config) -> (Jayx, impl Future<Output = ()> + Send + 'static) {
    let (payloads, market) = book::start(&config);
    (Jayx { config, payloads }, market)
}

/// The two ways to talk.
pub(crate) enum Mode {
    SocketIo,
    Plain,
}

impl Protocol for Jayx {
    type Route = Mode;

    fn route(&self, target: Target<'_>) -> Result<Mode, Refusal> {
        if target.path != "/socket.io/" {
            return Ok(Mode::Plain);
        }
        let refuse = |body| Err(Refusal::new(StatusCode::BAD_REQUEST, body));
        if !target.has("transport", "websocket") {
            return refuse(r#"{"code":0,"message":"Transport unknown"}"#);
        }
        if !target.has("EIO", "4") {
            return refuse(r#"{"code":5,"message":"Unsupported protocol version"}"#);
        }
        Ok(Mode::SocketIo)
    }

    async fn session(&self, mode: Mode, peer: &mut Peer) -> Ended {
        match mode {
            Mode::SocketIo => socket_io::session(self, peer).await,
            Mode::Plain => plain::session(self, peer).await,
        }
    }
}
