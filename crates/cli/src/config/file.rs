//! The tables of the config file, and their positions for errors.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::book_args::{CurrencyArg, EnvelopeArg};
use crate::failure::{Failure, usage};

/// The tables of a config file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(super) limits: Limits,
    pub(super) reconnect: ReconnectTable,
    pub(super) transport: Option<Spanned<TransportTable>>,
    pub(super) jayx: Vec<Spanned<JayxTable>>,
    pub(super) bayse: Vec<Spanned<BayseTable>>,
    pub(super) kraken: Vec<Spanned<KrakenTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) stale_after: Option<Limit>,
    pub(super) max_frame: Option<usize>,
    pub(super) max_memory: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReconnectTable {
    pub(super) base: Option<Time>,
    pub(super) cap: Option<Time>,
    pub(super) max_retry_after: Option<Time>,
    pub(super) good_after: Option<Time>,
    pub(super) proven_after: Option<Time>,
    pub(super) jitter: Option<bool>,
    pub(super) attempts: Option<u32>,
    pub(super) first_attempts: Option<u32>,
    /// Set by `--no-reconnect`.
    #[serde(skip)]
    pub(super) is_off: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TransportTable {
    pub(super) ca: Option<PathBuf>,
    pub(super) proxy: Option<String>,
    pub(super) headers: Headers,
    pub(super) connect_timeout: Option<Time>,
    pub(super) tls_timeout: Option<Time>,
    pub(super) upgrade_timeout: Option<Time>,
    pub(super) write_timeout: Option<Time>,
    pub(super) close_timeout: Option<Time>,
    pub(super) max_message_size: Option<usize>,
}

/// Headers to add to requests, by name.
pub(super) type Headers = BTreeMap<String, Header>;

/// The value of a header, or the environment variable that holds it.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a header value is a string, or { env = \"NAME\" }"
)]
pub(super) enum Header {
    Value(String),
    Variable(HeaderVariable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderVariable {
    pub(super) env: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct JayxTable {
    pub(super) url: Option<String>,
    pub(super) headers: Headers,
    pub(super) envelope: EnvelopeArg,
    pub(super) api_key_env: Option<String>,
    pub(super) balances: bool,
    pub(super) stale_after: Option<Limit>,
    pub(super) instrument: Vec<Instrument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instrument {
    pub(super) symbol: String,
    pub(super) price_decimals: Option<u8>,
    pub(super) quantity_decimals: Option<u8>,
    #[serde(default = "yes")]
    pub(super) orderbook: bool,
    pub(super) precise: Option<String>,
    #[serde(default)]
    pub(super) candles: Vec<String>,
    #[serde(default)]
    pub(super) orders: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BayseTable {
    pub(super) url: Option<String>,
    pub(super) headers: Headers,
    pub(super) api_key_env: Option<String>,
    pub(super) access_token_env: Option<String>,
    pub(super) price_decimals: Option<u8>,
    pub(super) quantity_decimals: Option<u8>,
    pub(super) ping_every: Option<Time>,
    #[serde(alias = "patience")]
    pub(super) ack_timeout: Option<Time>,
    pub(super) stale_after: Option<Limit>,
    pub(super) users: Vec<String>,
    pub(super) assets: Vec<String>,
    pub(super) market: Vec<Market>,
    pub(super) event: Vec<Event>,
    pub(super) first_books: Option<FirstBooks>,
    /// Set by `--accept-any`, with the currency of the books.
    #[serde(skip)]
    pub(super) accept_any: Option<Option<CurrencyArg>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Market {
    pub(super) id: String,
    #[serde(default = "yes")]
    pub(super) orderbook: bool,
    #[serde(default)]
    pub(super) currencies: Vec<CurrencyArg>,
    #[serde(default)]
    pub(super) orders: bool,
    pub(super) price_decimals: Option<u8>,
    pub(super) quantity_decimals: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(default)]
    pub(super) prices: bool,
    #[serde(default)]
    pub(super) activity: bool,
    /// The markets of `activity`; all markets of the event when empty.
    #[serde(skip)]
    pub(super) activity_markets: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstBooks {
    pub(super) url: String,
    pub(super) outcomes: Vec<String>,
    /// Levels per side, ten by default.
    #[serde(default = "ten")]
    pub(super) depth: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KrakenTable {
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) headers: Headers,
    pub(super) symbols: Vec<String>,
    pub(super) depth: Option<u32>,
    #[serde(default = "yes")]
    pub(super) trades: bool,
    pub(super) stale_after: Option<Limit>,
    /// Set by `--accept-any`.
    #[serde(skip)]
    pub(super) accept_any: bool,
}

fn yes() -> bool {
    true
}

fn ten() -> u32 {
    10
}

/// A duration, such as `30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Time(pub(super) Duration);

/// A duration, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Limit(pub(super) Option<Duration>);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let time = humantime::parse_duration(&text);
        time.map(Self)
            .map_err(|_| format!("{text:?} is not a duration, such as \"30s\""))
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "never" => Ok(Self(None)),
            _ => Time::try_from(text).map(|Time(time)| Self(Some(time))),
        }
    }
}

/// The source of the tables, for errors and their positions.
#[derive(Debug)]
pub(crate) enum Source {
    File { name: String, text: String },
    CommandLine,
}

/// Reads a config file.
pub(crate) fn read(path: &Path) -> Result<(Source, File), Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage!("{name}: cannot read the config file: {error}"))?;
    parse(name, text)
}

/// Parses the text of a config file.
pub(crate) fn parse(name: String, text: String) -> Result<(Source, File), Failure> {
    match toml::from_str(&text) {
        Ok(file) => Ok((Source::File { name, text }, file)),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let what = error.message().replace('\n', ", ");
            Err(Source::File { name, text }.wrong(at, what))
        }
    }
}

impl Source {
    /// The file's name.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::File { name, .. } => Some(name),
            Self::CommandLine => None,
        }
    }

    /// An error at a byte offset of the file, with its line and column (in characters), both from 1.
    pub(super) fn wrong(&self, at: usize, what: impl fmt::Display) -> Failure {
        let Self::File { name, text } = self else {
            return Failure::usage(what);
        };
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |it| it.chars().count())
            + 1;
        usage!("{name}:{line}:{column}: {what}")
    }
}
