//! Client messages of Bayse Markets. Each is appended to a buffer, so that a buffer that is kept
//! makes them without allocating.

use crate::escape::json_string;

/// The most market ids that one message may have.
pub const MAX_MARKETS: usize = 10;

/// The currency of a market's book. USD and NGN books of one market arrive with the same ids, so
/// one connection carries one currency of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Currency {
    /// United States dollars. The venue's default.
    #[default]
    Usd,
    /// Nigerian naira.
    Ngn,
}

impl Currency {
    /// The code on the wire: `USD`, `NGN`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Ngn => "NGN",
        }
    }
}

/// Appends a subscription to the order books of `markets` in `currency`, in one message.
///
/// Returns how many of `markets` went in: at most [`MAX_MARKETS`], so call again with the rest.
/// Nothing is appended when `markets` is empty.
pub fn subscribe_order_book(
    out: &mut Vec<u8>,
    markets: &[impl AsRef<str>],
    currency: Currency,
) -> usize {
    let markets = &markets[..markets.len().min(MAX_MARKETS)];
    if markets.is_empty() {
        return 0;
    }
    out.extend_from_slice(br#"{"type":"subscribe","channel":"orderbook","marketIds":["#);
    for (place, market) in markets.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json_string(out, market.as_ref());
    }
    out.extend_from_slice(br#"],"currency":""#);
    out.extend_from_slice(currency.as_str().as_bytes());
    out.extend_from_slice(br#""}"#);
    markets.len()
}

/// Appends an end of the subscription to `room`, such as `orderbook:mkt_456`.
pub fn unsubscribe(out: &mut Vec<u8>, room: &str) {
    out.extend_from_slice(br#"{"type":"unsubscribe","room":"#);
    json_string(out, room);
    out.push(b'}');
}

/// Appends a ping; the server answers with a pong message.
pub fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"ping"}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_documented_messages() {
        assert_eq!(
            text(|out| assert_eq!(subscribe_order_book(out, &["MARKET_ID"], Currency::Usd), 1)),
            r#"{"type":"subscribe","channel":"orderbook","marketIds":["MARKET_ID"],"currency":"USD"}"#
        );
        assert_eq!(
            text(|out| unsubscribe(out, "prices:EVENT_ID")),
            r#"{"type":"unsubscribe","room":"prices:EVENT_ID"}"#
        );
        assert_eq!(text(ping), r#"{"type":"ping"}"#);
    }

    #[test]
    fn ten_markets_a_message_and_the_rest_in_the_next() {
        let markets: Vec<String> = (0..23).map(|n| format!("m{n}")).collect();
        let mut rest = &markets[..];
        let mut sizes = Vec::new();
        while !rest.is_empty() {
            let message = text(|out| {
                let taken = subscribe_order_book(out, rest, Currency::Ngn);
                rest = &rest[taken..];
            });
            let json: serde_json::Value = serde_json::from_str(&message).unwrap();
            assert_eq!(json["currency"], "NGN");
            sizes.push(json["marketIds"].as_array().unwrap().len());
        }
        assert_eq!(sizes, [10, 10, 3]);
        assert_eq!(
            text(|out| assert_eq!(subscribe_order_book(out, &[""; 0], Currency::Usd), 0)),
            ""
        );
    }

    #[test]
    fn ids_are_escaped() {
        let message = text(|out| {
            subscribe_order_book(out, &["a\"],\"x\":[\""], Currency::Usd);
        });
        let json: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(json["marketIds"][0], "a\"],\"x\":[\"");
    }
}
