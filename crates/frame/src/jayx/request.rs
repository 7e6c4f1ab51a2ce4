//! Client messages of JayX. Each is appended to a buffer, so that a buffer that is kept makes them
//! without allocating.

use thiserror::Error;

use super::decode::Envelope;
use crate::escape::json_string;

/// The Socket.IO packet that joins the default namespace.
pub const JOIN: &[u8] = b"40";

/// The Engine.IO packet that answers a ping.
pub const PONG: &[u8] = b"3";

/// A subscription that the venue could not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The symbol is empty.
    #[error("the symbol is empty")]
    Symbol,
    /// `precise` is empty.
    #[error("precise is empty")]
    Precise,
}

/// Appends a subscription to the order book of `symbol`, in `envelope` (auto is taken as
/// Socket.IO). `precise` is undocumented, probably how coarsely prices are grouped; the
/// documentation's example is `1`.
///
/// # Errors
/// A required field is empty; nothing is appended.
pub fn subscribe_order_book(
    out: &mut Vec<u8>,
    envelope: Envelope,
    symbol: &str,
    precise: &str,
) -> Result<(), SubscribeError> {
    if symbol.is_empty() {
        return Err(SubscribeError::Symbol);
    }
    if precise.is_empty() {
        return Err(SubscribeError::Precise);
    }
    emit(out, envelope, "orderbook", |out| {
        out.extend_from_slice(br#"{"category":"spot","symbol":"#);
        json_string(out, symbol);
        out.extend_from_slice(br#","precise":"#);
        json_string(out, precise);
        out.push(b'}');
    });
    Ok(())
}

fn emit(out: &mut Vec<u8>, envelope: Envelope, event: &str, message: impl FnOnce(&mut Vec<u8>)) {
    match envelope {
        Envelope::SocketIo | Envelope::Auto => {
            out.extend_from_slice(b"42[");
            json_string(out, event);
            out.push(b',');
            message(out);
            out.push(b']');
        }
        Envelope::Plain => {
            out.extend_from_slice(br#"{"event":"#);
            json_string(out, event);
            out.extend_from_slice(br#","message":"#);
            message(out);
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_envelopes() {
        let mut out = Vec::new();
        subscribe_order_book(&mut out, Envelope::SocketIo, "BTCUSDT", "1").unwrap();
        assert_eq!(
            out,
            br#"42["orderbook",{"category":"spot","symbol":"BTCUSDT","precise":"1"}]"#
        );
        out.clear();
        subscribe_order_book(&mut out, Envelope::Plain, "BTCUSDT", "1").unwrap();
        assert_eq!(
            out,
            br#"{"event":"orderbook","message":{"category":"spot","symbol":"BTCUSDT","precise":"1"}}"#
        );
    }

    #[test]
    fn refuses_what_the_venue_could_not_understand() {
        let mut out = Vec::new();
        let plain = Envelope::Plain;
        assert_eq!(
            subscribe_order_book(&mut out, plain, "", "1"),
            Err(SubscribeError::Symbol)
        );
        assert_eq!(
            subscribe_order_book(&mut out, plain, "X", ""),
            Err(SubscribeError::Precise)
        );
        assert!(out.is_empty());
    }
}
