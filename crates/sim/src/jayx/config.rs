//! The configuration of a server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ticklot_book::Scale;

use super::account::Account;
use crate::fault_config::FaultConfig;
use crate::invalid;
use crate::market::MarketConfig;
use crate::net::Limits;
use crate::wire::jayx::PlainForm;

/// Ticks of 0.01, lots of 0.000001.
const SCALE: Scale = match Scale::new(2, 6) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};
/// The finest step of an amount: more decimals would not fit into what a starting balance is
/// read with.
const MAX_DECIMALS: u8 = 18;

/// What a JayX server is like. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:0`: a free port.
    pub listen: SocketAddr,
    /// Decides the market. The same seed gives the same books, one after the other. Default 1.
    pub seed: u64,
    /// The symbols that are served, and their markets. Default `BTCUSDT`.
    pub symbols: Vec<Symbol>,
    /// What a tick and a lot are worth, of every symbol: for the texts of prices, quantities and
    /// balances. Default ticks of 0.01 and lots of 0.000001.
    pub scale: Scale,
    /// Who trades with an API key. Default [`Account::demo`] alone.
    pub accounts: Vec<Account>,
    /// How often the market moves and snapshots go out. Default 50 ms.
    pub update_every: Duration,
    /// How many times faster than the wall clock the time of the market runs, from the start of
    /// the server on. With 600, a candle of a minute takes a tenth of a second. Default 1.
    pub speed: u32,
    /// How many candles of each symbol and interval, and how many closed orders of each account
    /// and symbol, are kept for clients that read slowly. Default 256.
    pub backlog: usize,
    /// How often an Engine.IO ping goes out. Default 25 s.
    pub ping_interval: Duration,
    /// How long its pong may take. Default 20 s.
    pub ping_timeout: Duration,
    /// How long a Socket.IO client may take to join the default namespace. Default 45 s.
    pub join_timeout: Duration,
    /// Whether `/socket.io/` is Socket.IO; otherwise its upgrade is refused with 404, as by a server that
    /// speaks plain JSON. Default true.
    pub socket_io: bool,
    /// How the plain mode wraps its answers. Default bare.
    pub plain: PlainForm,
    /// The limits on a client.
    pub limits: Limits,
    /// The faults to inject. Default none.
    pub faults: FaultConfig,
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
            scale: SCALE,
            accounts: vec![Account::demo()],
            update_every: Duration::from_millis(50),
            speed: 1,
            backlog: 256,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            join_timeout: Duration::from_secs(45),
            socket_io: true,
            plain: PlainForm::Bare,
            limits: Limits::default(),
            faults: FaultConfig::default(),
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
        if self.speed == 0 {
            return Err(invalid("time must pass"));
        }
        if self.decimals() > MAX_DECIMALS {
            return Err(invalid("the scale has more than 18 decimals in all"));
        }
        let decimals = self.decimals();
        let mut funds = self.accounts.iter().flat_map(|account| &account.funds);
        if funds.any(|it| it.units(decimals).is_none()) {
            return Err(invalid(
                "a starting balance must be a decimal on the scale, not below zero",
            ));
        }
        Ok(())
    }

    /// How many decimals every amount is kept with: enough for a price times a quantity.
    pub(super) fn decimals(&self) -> u8 {
        let scale = self.scale;
        scale
            .price_decimals()
            .saturating_add(scale.quantity_decimals())
    }
}
