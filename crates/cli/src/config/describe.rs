//! The text of `config check`: the subscriptions and limits of a config file.

use std::fmt::{self, Write as _};

use ticklot::bayse::{Currency, Topic};
use ticklot::{Reconnect, Scale, jayx};

use super::file::{BayseTable, File, JayxTable, KrakenTable, Source};
use super::merge::MergedConfig;
use super::plan::Environment;
use crate::credentials;
use crate::failure::Failure;
use crate::feed_args::FeedArgs;

/// Describes a config file in a few lines.
///
/// # Errors
/// The file is invalid: `watch` would reject it.
pub(super) fn describe(config: (Source, File)) -> Result<String, Failure> {
    let config = MergedConfig::new(Some(config), &FeedArgs::default(), Some(1))?;
    let connections = config.plan(&Environment {
        embedded: &|_| "ws://127.0.0.1:9".to_owned(),
        // An unset variable is reported, but does not make the file invalid.
        variable: &|_| Some("set".to_owned()),
    })?;
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, &config, connections.len());
    Ok(out)
}

fn write_all(out: &mut String, config: &MergedConfig, connections: usize) -> fmt::Result {
    let (file, name) = (&config.file, config.source.name().unwrap_or_default());
    let s = if connections == 1 { "" } else { "s" };
    writeln!(out, "{name}: {connections} connection{s}")?;
    file.jayx
        .iter()
        .try_for_each(|it| write_jayx(out, it.as_ref()))?;
    file.bayse
        .iter()
        .try_for_each(|it| write_bayse(out, it.as_ref()))?;
    file.kraken
        .iter()
        .try_for_each(|it| write_kraken(out, it.as_ref()))?;
    let options = config.options();
    let stale = match options.stale_after {
        Some(limit) => format!("after {}", humantime::format_duration(limit)),
        None => "never".to_owned(),
    };
    let max_frame = options.max_frame;
    writeln!(out, "stale: {stale}; frames of at most {max_frame} bytes")?;
    let rules = options.reconnect;
    let attempts = match rules.attempts {
        Some(n) => format!("{n} times in a row"),
        None => "for ever".to_owned(),
    };
    let waits = [rules.base, rules.cap].map(|wait| wait.max(Reconnect::MIN_WAIT));
    let [base, cap] = waits.map(humantime::format_duration);
    writeln!(
        out,
        "reconnect: after at most {base}, doubling up to {cap}, {attempts}"
    )
}

fn write_jayx(out: &mut String, table: &JayxTable) -> fmt::Result {
    let url = table.url.as_deref();
    writeln!(out, "JayX, {}, {}", server(url), table.envelope_title())?;
    // Errors were reported when the connections were planned.
    for (topic, scale) in table.topics().unwrap_or_default() {
        match topic {
            jayx::Topic::OrderBook { symbol, precise } => {
                let decimals = Decimals(scale);
                writeln!(
                    out,
                    "  order book of {symbol}, precise {precise}, {decimals}"
                )?;
            }
            jayx::Topic::Kline { symbol, interval } => {
                writeln!(out, "  candles of {symbol}, {interval}")?;
            }
            jayx::Topic::OpenOrders { symbol } => writeln!(out, "  own orders in {symbol}")?,
            jayx::Topic::Positions => writeln!(out, "  balances")?,
            _ => {}
        }
    }
    if table.needs_key() {
        let name = Variable(table.key_variable());
        writeln!(out, "  the key from {name}{}", or_demo(url))?;
    }
    Ok(())
}

fn write_bayse(out: &mut String, table: &BayseTable) -> fmt::Result {
    let url = table.url.as_deref();
    writeln!(out, "Bayse Markets, {}", server(url))?;
    for (currency, topic) in table.topics().unwrap_or_default() {
        match topic {
            Topic::OrderBook(id) => {
                let scale = table.market_scale(&id).unwrap_or(Scale::UNIT);
                let (currency, decimals) = (Currency::as_str(currency), Decimals(scale));
                writeln!(out, "  order books of {id} in {currency}, {decimals}")?;
            }
            Topic::Orders(id) => writeln!(out, "  own orders in {id}")?,
            Topic::Prices(id) => writeln!(out, "  prices of {id}")?,
            Topic::Activity { event, .. } => writeln!(out, "  fills of {event}")?,
            Topic::UserTrades(id) => writeln!(out, "  fills of the user {id}")?,
            Topic::AssetPrice(symbol) => writeln!(out, "  prices of the asset {symbol}")?,
            _ => {}
        }
    }
    if table.needs_credentials() {
        let (key, token) = table.credential_variables();
        let names = [key, token].into_iter().flatten();
        let names: Vec<String> = names.map(|name| Variable(name).to_string()).collect();
        let or_demo = or_demo(url);
        writeln!(out, "  credentials from {}{or_demo}", names.join(" or "))?;
    }
    Ok(())
}

fn write_kraken(out: &mut String, table: &KrakenTable) -> fmt::Result {
    let server = table.url.as_deref().unwrap_or("the venue's own server");
    writeln!(out, "Kraken, {server}")?;
    let depth = table.depth().unwrap_or_default().levels();
    let trades = if table.trades { " and trades" } else { "" };
    let symbols = table.symbols.join(", ");
    writeln!(
        out,
        "  order books{trades} of {symbols}, {depth} levels a side"
    )
}

fn server(url: Option<&str>) -> &str {
    url.unwrap_or("an embedded server")
}

/// The fallback if the credentials are unset: an embedded server has demo credentials.
fn or_demo(url: Option<&str>) -> &str {
    url.map_or(", else the embedded server's own", |_| "")
}

/// Displays the decimals of a book.
struct Decimals(Scale);

impl fmt::Display for Decimals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (price, quantity) = (self.0.price_decimals(), self.0.quantity_decimals());
        write!(
            f,
            "prices with {price} decimals, quantities with {quantity}"
        )
    }
}

/// Displays the name of an environment variable and whether it is set, never its value.
struct Variable<'a>(&'a str);

impl fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = credentials::variable(self.0).is_some();
        let is = if is_set { "is set" } else { "is not set" };
        write!(f, "{} ({is})", self.0)
    }
}
