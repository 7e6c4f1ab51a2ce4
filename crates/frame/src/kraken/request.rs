//! Client messages of Kraken. Each is appended to a buffer, so a reused buffer needs no allocation. An invalid message
//! is an error, and appends nothing.

use std::io::Write as _;

use thiserror::Error;

use crate::escape::json_string;

/// The number of levels per side of a book subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// 10 levels: the venue's default.
    #[default]
    D10,
    /// 25 levels.
    D25,
    /// 100 levels.
    D100,
    /// 500 levels.
    D500,
    /// 1,000 levels.
    D1000,
}

impl Depth {
    /// Every depth, the smallest first.
    pub const ALL: [Self; 5] = [Self::D10, Self::D25, Self::D100, Self::D500, Self::D1000];

    /// The number of levels per side.
    #[must_use]
    pub const fn levels(self) -> u32 {
        match self {
            Self::D10 => 10,
            Self::D25 => 25,
            Self::D100 => 100,
            Self::D500 => 500,
            Self::D1000 => 1_000,
        }
    }

    /// The depth with exactly `levels` levels per side; `None` if the venue does not offer it.
    #[must_use]
    pub const fn from_levels(levels: u32) -> Option<Self> {
        match levels {
            10 => Some(Self::D10),
            25 => Some(Self::D25),
            100 => Some(Self::D100),
            500 => Some(Self::D500),
            1_000 => Some(Self::D1000),
            _ => None,
        }
    }
}

/// A public channel and its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// Order books.
    Book {
        /// The number of levels per side. An unsubscription must have the subscribed depth.
        depth: Depth,
        /// Whether the venue sends a snapshot first. Not part of an unsubscription.
        snapshot: bool,
    },
    /// Trades.
    Trade {
        /// Whether the venue sends the last 50 trades first. Not part of an unsubscription.
        snapshot: bool,
    },
    /// All instruments. It has no symbols.
    Instrument {
        /// Whether the venue sends the whole list first. Not part of an unsubscription.
        snapshot: bool,
    },
}

impl Channel {
    /// The name on the wire, such as `book`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Book { .. } => "book",
            Self::Trade { .. } => "trade",
            Self::Instrument { .. } => "instrument",
        }
    }

    const fn has_symbols(self) -> bool {
        !matches!(self, Self::Instrument { .. })
    }

    const fn snapshot(self) -> bool {
        match self {
            Self::Book { snapshot, .. }
            | Self::Trade { snapshot }
            | Self::Instrument { snapshot } => snapshot,
        }
    }
}

/// Why a request was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The channel requires symbols and there are none.
    #[error("channel {channel}: no symbols")]
    NoSymbols {
        /// The channel's name.
        channel: &'static str,
    },
    /// A symbol is empty.
    #[error("channel {channel}: an empty symbol")]
    EmptySymbol {
        /// The channel's name.
        channel: &'static str,
    },
    /// The channel has no symbols and there are some.
    #[error("channel {channel}: symbols are not allowed")]
    UnexpectedSymbols {
        /// The channel's name.
        channel: &'static str,
    },
}

/// A message to the server.
///
/// ```
/// use ticklot_frame::kraken::{Channel, Depth, Request};
///
/// let mut out = Vec::new();
/// let request = Request::Subscribe {
///     channel: Channel::Book { depth: Depth::D10, snapshot: true },
///     symbols: &["BTC/USD", "MATIC/USD"],
///     req_id: Some(1),
/// };
/// assert_eq!(request.write(&mut out)?, 2);
/// assert_eq!(
///     out,
///     br#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","MATIC/USD"],"depth":10,"snapshot":true},"req_id":1}"#,
/// );
/// # Ok::<(), ticklot_frame::kraken::RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Subscribes to a channel. The venue sends one reply per symbol.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// The instruments, such as `BTC/USD`.
        symbols: &'a [&'a str],
        /// A number that the replies repeat.
        req_id: Option<u64>,
    },
    /// Ends a subscription. The venue sends one reply per symbol.
    Unsubscribe {
        /// The channel.
        channel: Channel,
        /// The instruments.
        symbols: &'a [&'a str],
        /// A number that the replies repeat.
        req_id: Option<u64>,
    },
    /// Requests a pong.
    Ping {
        /// A number that the pong repeats.
        req_id: Option<u64>,
    },
}

impl Request<'_> {
    /// Appends the message and returns the number of symbols in it: all of them.
    ///
    /// Allocates only to grow `out`.
    ///
    /// # Errors
    /// The channel requires symbols and there are none, one of them is empty, or there are some for
    /// the channel `instrument`. Nothing is appended then.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<usize, RequestError> {
        match *self {
            Self::Subscribe {
                channel,
                symbols,
                req_id,
            } => {
                check(channel, symbols)?;
                begin(out, "subscribe", channel, symbols);
                out.extend_from_slice(br#","snapshot":"#);
                out.extend_from_slice(if channel.snapshot() {
                    b"true"
                } else {
                    b"false"
                });
                out.push(b'}');
                end(out, req_id);
                Ok(symbols.len())
            }
            Self::Unsubscribe {
                channel,
                symbols,
                req_id,
            } => {
                check(channel, symbols)?;
                begin(out, "unsubscribe", channel, symbols);
                out.push(b'}');
                end(out, req_id);
                Ok(symbols.len())
            }
            Self::Ping { req_id } => {
                out.extend_from_slice(br#"{"method":"ping""#);
                end(out, req_id);
                Ok(0)
            }
        }
    }
}

fn check(channel: Channel, symbols: &[&str]) -> Result<(), RequestError> {
    let name = channel.as_str();
    match (channel.has_symbols(), symbols) {
        (true, []) => Err(RequestError::NoSymbols { channel: name }),
        (false, [_, ..]) => Err(RequestError::UnexpectedSymbols { channel: name }),
        _ if symbols.iter().any(|symbol| symbol.is_empty()) => {
            Err(RequestError::EmptySymbol { channel: name })
        }
        _ => Ok(()),
    }
}

/// Writes the message up to the options of a subscription.
fn begin(out: &mut Vec<u8>, method: &str, channel: Channel, symbols: &[&str]) {
    out.extend_from_slice(br#"{"method":"#);
    json_string(out, method);
    out.extend_from_slice(br#","params":{"channel":"#);
    json_string(out, channel.as_str());
    if channel.has_symbols() {
        list(out, symbols);
    }
    if let Channel::Book { depth, .. } = channel {
        number(out, "depth", depth.levels().into());
    }
}

fn end(out: &mut Vec<u8>, req_id: Option<u64>) {
    if let Some(req_id) = req_id {
        number(out, "req_id", req_id);
    }
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, symbols: &[&str]) {
    out.extend_from_slice(br#","symbol":"#);
    let mut separator = b'[';
    for symbol in symbols {
        out.push(separator);
        json_string(out, symbol);
        separator = b',';
    }
    out.push(b']');
}

/// Appends `,"name":number`.
fn number(out: &mut Vec<u8>, name: &str, number: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, ",\"{name}\":{number}");
}
