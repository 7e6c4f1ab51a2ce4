//! Client messages of JayX. Each is appended to a buffer, so a reused buffer needs no allocation. An invalid message is
//! an error, and appends nothing.

use std::io::Write;

use thiserror::Error;

use super::auth::ApiKey;
use super::decode::Envelope;
use crate::escape::json_string;

/// The Socket.IO packet that joins the default namespace.
pub const CONNECT: &[u8] = b"40";

/// The Engine.IO packet that replies to a ping.
pub const PONG: &[u8] = b"3";

/// Why a subscription is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The symbol is empty.
    #[error("the symbol is empty")]
    Symbol,
    /// `precise` is empty.
    #[error("precise is empty")]
    Precise,
    /// The interval is empty.
    #[error("the interval is empty")]
    Interval,
    /// The key is empty.
    #[error("the key is empty")]
    ApiKey,
}

/// A subscription. The category is always `spot`, the only one of the venue.
///
/// ```
/// use ticklot_frame::jayx::{Envelope, Request};
///
/// let mut out = Vec::new();
/// Request::Kline { symbol: "BTCUSDT", interval: "60" }.write(Envelope::SocketIo, &mut out)?;
/// assert_eq!(out, br#"42["kline",{"category":"spot","symbol":"BTCUSDT","interval":"60"}]"#);
/// # Ok::<(), ticklot_frame::jayx::SubscribeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Candles.
    Kline {
        /// The symbol.
        symbol: &'a str,
        /// The length of a candle; `60` in the documentation's example.
        interval: &'a str,
    },
    /// The order book and recent trades.
    OrderBook {
        /// The symbol.
        symbol: &'a str,
        /// Undocumented, probably the price step of grouped levels; `1` in the example.
        precise: &'a str,
    },
    /// The account's balances.
    Positions {
        /// The account.
        key: &'a ApiKey,
    },
    /// Changes of the account's orders.
    OpenOrders {
        /// The account.
        key: &'a ApiKey,
        /// The symbol.
        symbol: &'a str,
    },
}

impl Request<'_> {
    /// The event's name on the wire.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Kline { .. } => "kline",
            Self::OrderBook { .. } => "orderbook",
            Self::Positions { .. } => "positions",
            Self::OpenOrders { .. } => "openorders",
        }
    }

    /// Appends the subscription in `envelope`. [`Envelope::Auto`] is written as Socket.IO.
    ///
    /// # Errors
    /// A required field is empty. Nothing is then appended.
    pub fn write(&self, envelope: Envelope, out: &mut Vec<u8>) -> Result<(), SubscribeError> {
        self.check()?;
        let (before, between, after) = match envelope {
            Envelope::SocketIo | Envelope::Auto => ("42[\"", "\",", "]"),
            Envelope::Plain => (r#"{"event":""#, r#"","message":"#, "}"),
        };
        for piece in [before, self.event(), between] {
            out.extend_from_slice(piece.as_bytes());
        }
        self.write_message(out);
        out.extend_from_slice(after.as_bytes());
        Ok(())
    }

    /// Checks that no required field is empty.
    ///
    /// # Errors
    /// A required field is empty.
    pub fn check(&self) -> Result<(), SubscribeError> {
        let required = |text: &str, error| if text.is_empty() { Err(error) } else { Ok(()) };
        let symbol = |text| required(text, SubscribeError::Symbol);
        let key = |key: &ApiKey| required(key.expose(), SubscribeError::ApiKey);
        match *self {
            Self::Kline {
                symbol: name,
                interval,
            } => {
                symbol(name)?;
                required(interval, SubscribeError::Interval)
            }
            Self::OrderBook {
                symbol: name,
                precise,
            } => {
                symbol(name)?;
                required(precise, SubscribeError::Precise)
            }
            Self::Positions { key: account } => key(account),
            Self::OpenOrders {
                key: account,
                symbol: name,
            } => {
                key(account)?;
                symbol(name)
            }
        }
    }

    /// Writes the message object, with its fields in the documentation's order.
    fn write_message(&self, out: &mut Vec<u8>) {
        let (first, others): ((&str, &str), &[(&str, &str)]) = match self {
            Self::Kline { symbol, interval } => {
                (CATEGORY, &[("symbol", symbol), ("interval", interval)])
            }
            Self::OrderBook { symbol, precise } => {
                (CATEGORY, &[("symbol", symbol), ("precise", precise)])
            }
            Self::Positions { key } => (("apiKey", key.expose()), &[CATEGORY]),
            Self::OpenOrders { key, symbol } => {
                (("apiKey", key.expose()), &[CATEGORY, ("symbol", symbol)])
            }
        };
        let mut separator = b'{';
        for (name, value) in std::iter::once(&first).chain(others) {
            out.push(separator);
            json_string(out, name);
            out.push(b':');
            json_string(out, value);
            separator = b',';
        }
        out.push(b'}');
    }
}

const CATEGORY: (&str, &str) = ("category", "spot");

/// Appends a Socket.IO acknowledgement of the server's event `id`, without arguments.
pub fn acknowledge(out: &mut Vec<u8>, id: u64) {
    // Writing to a vector does not fail, and integers are formatted without an allocation.
    let _ = write!(out, "43{id}[]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jayx::redact;

    fn text(request: &Request<'_>, envelope: Envelope) -> String {
        let mut out = Vec::new();
        request.write(envelope, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn documented_messages_in_both_envelopes() {
        let key = ApiKey::new("...");
        let table = [
            (
                Request::Kline {
                    symbol: "BTCUSDT",
                    interval: "60",
                },
                "kline",
                r#"{"category":"spot","symbol":"BTCUSDT","interval":"60"}"#,
            ),
            (
                Request::OrderBook {
                    symbol: "BTCUSDT",
                    precise: "1",
                },
                "orderbook",
                r#"{"category":"spot","symbol":"BTCUSDT","precise":"1"}"#,
            ),
            (
                Request::Positions { key: &key },
                "positions",
                r#"{"apiKey":"...","category":"spot"}"#,
            ),
            (
                Request::OpenOrders {
                    key: &key,
                    symbol: "BTCUSDT",
                },
                "openorders",
                r#"{"apiKey":"...","category":"spot","symbol":"BTCUSDT"}"#,
            ),
        ];
        for (request, event, message) in table {
            assert_eq!(
                text(&request, Envelope::SocketIo),
                format!(r#"42["{event}",{message}]"#)
            );
            let plain = format!(r#"{{"event":"{event}","message":{message}}}"#);
            assert_eq!(text(&request, Envelope::Plain), plain);
        }
    }

    #[test]
    fn refuses_invalid_requests() {
        let (key, none) = (ApiKey::new("k"), ApiKey::new(""));
        let table = [
            (
                Request::OrderBook {
                    symbol: "",
                    precise: "1",
                },
                SubscribeError::Symbol,
            ),
            (
                Request::OrderBook {
                    symbol: "X",
                    precise: "",
                },
                SubscribeError::Precise,
            ),
            (
                Request::Kline {
                    symbol: "",
                    interval: "1",
                },
                SubscribeError::Symbol,
            ),
            (
                Request::Kline {
                    symbol: "X",
                    interval: "",
                },
                SubscribeError::Interval,
            ),
            (Request::Positions { key: &none }, SubscribeError::ApiKey),
            (
                Request::OpenOrders {
                    key: &none,
                    symbol: "X",
                },
                SubscribeError::ApiKey,
            ),
            (
                Request::OpenOrders {
                    key: &key,
                    symbol: "",
                },
                SubscribeError::Symbol,
            ),
        ];
        for (request, error) in table {
            let mut out = Vec::new();
            assert_eq!(request.write(Envelope::Plain, &mut out), Err(error));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn acknowledgements_echo_their_ids() {
        for (id, text) in [
            (0, "430[]"),
            (17, "4317[]"),
            (u64::MAX, "4318446744073709551615[]"),
        ] {
            let mut out = Vec::new();
            acknowledge(&mut out, id);
            assert_eq!(out, text.as_bytes());
        }
        use super::super::requested_ack;
        assert_eq!(requested_ack(b"4217[\"orderbook\",{}]"), Some(17));
        assert_eq!(requested_ack(b"42[\"orderbook\",{}]"), None);
        assert_eq!(requested_ack(b"4317[]"), None);
        assert_eq!(requested_ack(b"{}"), None);
    }

    #[test]
    fn text_is_escaped_key_hidden() {
        let key = ApiKey::new("se\"cret");
        let request = Request::OpenOrders {
            key: &key,
            symbol: "X\"}",
        };
        let json: serde_json::Value =
            serde_json::from_str(&text(&request, Envelope::Plain)).unwrap();
        assert_eq!(json["message"]["apiKey"], "se\"cret");
        assert_eq!(json["message"]["symbol"], "X\"}");
        assert!(!format!("{request:?}{key:?}").contains("cret"));
        let mut shown = text(&request, Envelope::SocketIo).into_bytes();
        redact(&mut shown);
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            r#"42["openorders",{"apiKey":"hidden","category":"spot","symbol":"X\"}"}]"#
        );
    }
}
