//! The configuration of a JayX server.

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
/// The maximum number of decimal places of an amount: initial balances are parsed as `i64` units.
const MAX_DECIMALS: u8 = 18;

/// The configuration of a JayX server. Start from [`Config::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on. Default `127.0.0.1:0`, a free port.
    pub listen: SocketAddr,
    /// The seed of the markets. Equal seeds produce equal sequences of books. Default 1.
    pub seed: u64,
    /// The symbols to serve. Default `BTCUSDT`.
    pub symbols: Vec<Symbol>,
    /// The tick and lot size of every symbol, for prices, quantities and balances in decimal text. Default: ticks of
    /// 0.01 and lots of 0.000001.
    pub scale: Scale,
    /// The accounts. Default: [`Account::demo`].
    pub accounts: Vec<Account>,
    /// The time between two steps of the markets and their updates. Default 50 ms.
    pub update_every: Duration,
    /// The speed of market time relative to the wall clock, from the start of the server. At 600, a one-minute candle
    /// takes a tenth of a second. Default 1.
    pub speed: u32,
    /// The number of candles per symbol and interval, and of closed orders per account and symbol, that are stored for
    /// slow clients. Default 256.
    pub backlog: usize,
    /// The time between two Engine.IO pings. Default 25 s.
    pub ping_interval: Duration,
    /// The maximum time from a ping to its pong. Default 20 s.
    pub ping_timeout: Duration,
    /// The maximum time from the upgrade of a Socket.IO client to its join of the default namespace. Default 45 s.
    pub join_timeout: Duration,
    /// Whether `/socket.io/` serves Socket.IO. If not, its upgrade is rejected with 404. Default true.
    pub socket_io: bool,
    /// The envelope of the plain mode. Default: bare payloads.
    pub plain: PlainForm,
    /// The limits on a client.
    pub limits: Limits,
    /// The faults to inject. Default none.
    pub faults: FaultConfig,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name in requests.
    pub name: String,
    /// The configuration of its market.
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
            return Err(invalid("no symbols are configured"));
        }
        if self.update_every.is_zero() || self.ping_interval.is_zero() {
            return Err(invalid("an interval must be above zero"));
        }
        if self.speed == 0 {
            return Err(invalid("the speed must be above zero"));
        }
        if self.decimals() > MAX_DECIMALS {
            return Err(invalid("the scale has more than 18 decimals in total"));
        }
        let decimals = self.decimals();
        let mut funds = self.accounts.iter().flat_map(|account| &account.funds);
        if funds.any(|it| it.units(decimals).is_none()) {
            return Err(invalid(
                "an initial balance must be a decimal of at least zero within the scale",
            ));
        }
        Ok(())
    }

    /// The decimal places of every amount, which are those of a price times a quantity.
    pub(super) fn decimals(&self) -> u8 {
        let (price, quantity) = (self.scale.price_decimals(), self.scale.quantity_decimals());
        price.saturating_add(quantity)
    }
}
