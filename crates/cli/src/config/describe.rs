//! The text of `config check`: what a file follows, and with which limits.

use std::fmt::{self, Write as _};

use ticklot::bayse::{Currency, Topic};
use ticklot::{Reconnect, Scale, jayx};

use super::file::{BayseTable, File, JayxTable, KrakenTable, Source};
use super::merge::MergedConfig;
use super::plan::Environment;
use crate::credentials;
use crate::failure::Failure;
use crate::feed_args::FeedArgs;

/// Describes a file in a few lines.
///
/// # Errors
/// Something that `watch` would refuse.
pub(super) fn describe(config: (Source, File)) -> Result<String, Failure> {
    let config = MergedConfig::new(Some(config), &FeedArgs::default(), Some(1))?;
    let connections = config.plan(&Environment {
        embedded: &|_| "ws://127.0.0.1:9".to_owned(),
        // A variable that is not set is reported, and is no mistake of the file's.
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
    for table in &file.jayx {
        write_jayx(out, table.as_ref())?;
    }
    for table in &file.bayse {
        write_bayse(out, table.as_ref())?;
    }
    for table in &file.kraken {
        write_kraken(out, table.as_ref())?;
    }
    let options = config.options();
    let time = |time| humantime::format_duration(time).to_string();
    let stale = options.stale_after.map_or_else(
        || "never".to_owned(),
        |limit| format!("after {}", time(limit)),
    );
    writeln!(
        out,
        "stale: {stale}; frames of at most {} bytes",
        options.max_frame
    )?;
    let rules = options.reconnect;
    let attempts = rules
        .attempts
        .map_or_else(|| "for ever".to_owned(), |n| format!("{n} times in a row"));
    writeln!(
        out,
        "reconnect: after at most {}, doubling up to {}, {attempts}",
        time(rules.base.max(Reconnect::MIN_WAIT)),
        time(rules.cap.max(Reconnect::MIN_WAIT))
    )
}

fn write_jayx(out: &mut String, table: &JayxTable) -> fmt::Result {
    let url = table.url.as_deref();
    writeln!(out, "JayX, {}, {}", server(url), table.envelope_title())?;
    // The plan has checked them.
    for (topic, scale) in table.topics().unwrap_or_default() {
        match topic {
            jayx::Topic::OrderBook { symbol, precise } => writeln!(
                out,
                "  order book of {symbol}, precise {precise}, {}",
                Decimals(scale)
            )?,
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
        writeln!(out, "  the key from {name}{}", or_own(url))?;
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
        let or_own = or_own(url);
        writeln!(out, "  credentials from {}{or_own}", names.join(" or "))?;
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

/// An embedded server has credentials of its own.
fn or_own(url: Option<&str>) -> &str {
    url.map_or(", else the embedded server's own", |_| "")
}

/// The decimals of a book.
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

/// The name of an environment variable, and whether it is set; never its value.
struct Variable<'a>(&'a str);

impl fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set = credentials::variable(self.0).is_some();
        let is = if is_set { "is set" } else { "is not set" };
        write!(f, "{} ({is})", self.0)
    }
}
