//! Client messages: subscriptions in both envelopes, and acknowledgements.

use ticklot_frame::jayx::{ApiKey, Envelope, Request, SubscribeError, acknowledge, requested_ack};

use crate::json::{Json, is_empty, object, string};
use crate::oracle::append;

/// Checks that a subscription parses to exactly its fields in both envelopes, or is rejected and appends nothing.
pub(crate) fn requests(kind: usize, key: &str, symbol: &str, more: &str) {
    let api_key = ApiKey::new(key);
    assert_eq!(format!("{api_key:?}"), "ApiKey(hidden)");
    let spot = ("category", string("spot"));
    let api_key_field = ("apiKey", string(key));
    let symbol_field = ("symbol", string(symbol));
    let (request, event, fields) = match kind {
        0 => {
            let interval = more;
            let fields = vec![spot, symbol_field, ("interval", string(interval))];
            (Request::Kline { symbol, interval }, "kline", fields)
        }
        1 => {
            let precise = more;
            let fields = vec![spot, symbol_field, ("precise", string(precise))];
            (Request::OrderBook { symbol, precise }, "orderbook", fields)
        }
        2 => {
            let fields = vec![api_key_field, spot];
            (Request::Positions { key: &api_key }, "positions", fields)
        }
        _ => {
            let fields = vec![api_key_field, spot, symbol_field];
            let key = &api_key;
            (Request::OpenOrders { key, symbol }, "openorders", fields)
        }
    };
    assert_eq!(request.event(), event);
    let is_missing = |field: &str| {
        fields
            .iter()
            .any(|(name, it)| *name == field && is_empty(it))
    };
    for envelope in [Envelope::SocketIo, Envelope::Auto, Envelope::Plain] {
        match append(|out| request.write(envelope, out)) {
            Ok(((), written)) => {
                let text = match envelope {
                    Envelope::Plain => Some(written.as_slice()),
                    _ => written.strip_prefix(b"42"),
                };
                let json: Json = serde_json::from_slice(text.expect("an event")).expect("JSON");
                assert_eq!(json, enclosed(envelope, event, object(fields.clone())));
            }
            Err(error) => assert!(is_missing(field_of(error)), "{error}"),
        }
        let is_incomplete = fields.iter().any(|(_, it)| is_empty(it));
        assert_eq!(request.check().is_err(), is_incomplete);
    }
    check_acknowledgement(more);
}

/// An event in its envelope.
fn enclosed(envelope: Envelope, event: &str, message: Json) -> Json {
    match envelope {
        Envelope::Plain => object(vec![("event", string(event)), ("message", message)]),
        _ => Json::Array(vec![string(event), message]),
    }
}

/// The missing field of an error.
fn field_of(error: SubscribeError) -> &'static str {
    match error {
        SubscribeError::Symbol => "symbol",
        SubscribeError::Precise => "precise",
        SubscribeError::Interval => "interval",
        SubscribeError::ApiKey => "apiKey",
        _ => panic!("unknown error: {error}"),
    }
}

/// Checks the acknowledgement of an event that requests one.
fn check_acknowledgement(text: &str) {
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().zip(text.bytes()) {
        *byte = from;
    }
    let id = u64::from_le_bytes(bytes);
    assert_eq!(
        requested_ack(format!("42{id}[\"x\",{{}}]").as_bytes()),
        Some(id)
    );
    let mut out = b"before".to_vec();
    acknowledge(&mut out, id);
    assert_eq!(out, format!("before43{id}[]").as_bytes());
}
