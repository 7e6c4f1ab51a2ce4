//! What a client says: subscriptions in both envelopes, and acknowledgements.

use ticklot_frame::jayx::{ApiKey, Envelope, Request, SubscribeError, acknowledge, asked_ack};

use crate::json::Json;

/// What stands in the buffer before a message is appended.
const BEFORE: &[u8] = b"before";

/// A subscription parses to the fields given and no others, in either envelope, or is refused with
/// nothing appended.
pub(crate) fn requests(kind: usize, key: &str, symbol: &str, more: &str) {
    let api_key = ApiKey::new(key);
    assert_eq!(format!("{api_key:?}"), "ApiKey(hidden)");
    let spot = ("category", "spot");
    let (request, fields) = match kind {
        0 => (
            Request::Kline {
                symbol,
                interval: more,
            },
            vec![spot, ("symbol", symbol), ("interval", more)],
        ),
        1 => (
            Request::OrderBook {
                symbol,
                precise: more,
            },
            vec![spot, ("symbol", symbol), ("precise", more)],
        ),
        2 => (
            Request::Positions { key: &api_key },
            vec![("apiKey", key), spot],
        ),
        _ => (
            Request::OpenOrders {
                key: &api_key,
                symbol,
            },
            vec![("apiKey", key), spot, ("symbol", symbol)],
        ),
    };
    let event = ["kline", "orderbook", "positions", "openorders"][kind.min(3)];
    assert_eq!(request.event(), event);
    for envelope in [Envelope::SocketIo, Envelope::Auto, Envelope::Plain] {
        let mut out = BEFORE.to_vec();
        match request.write(envelope, &mut out) {
            Ok(()) => {
                let written = out.strip_prefix(BEFORE).expect("it was appended");
                assert_eq!(parsed(envelope, event, written), object(&fields));
            }
            Err(error) => {
                assert_eq!(out, BEFORE);
                assert!(is_missing(error, &fields), "{error}");
            }
        }
        let is_missing = fields.iter().any(|(_, text)| text.is_empty());
        assert_eq!(request.check().is_err(), is_missing);
    }
    check_acknowledgement(more);
}

/// The message of an event, out of its envelope.
fn parsed(envelope: Envelope, event: &str, written: &[u8]) -> Json {
    let read = |text| serde_json::from_slice::<Json>(text).expect("JSON");
    let name = Json::String(event.to_owned());
    if envelope == Envelope::Plain {
        let Json::Object(fields) = read(written) else {
            panic!("no object");
        };
        let [(first, found), (second, message)] = fields.try_into().expect("two fields");
        assert_eq!(
            (first.as_str(), found, second.as_str()),
            ("event", name, "message")
        );
        return message;
    }
    let Json::Array(items) = read(written.strip_prefix(b"42").expect("an event")) else {
        panic!("no array");
    };
    let [found, message] = items.try_into().expect("two items");
    assert_eq!(found, name);
    message
}

fn object(fields: &[(&str, &str)]) -> Json {
    let string = |text: &str| Json::String(text.to_owned());
    let fields = fields
        .iter()
        .map(|(name, text)| ((*name).to_owned(), string(text)));
    Json::Object(fields.collect())
}

fn is_missing(error: SubscribeError, fields: &[(&str, &str)]) -> bool {
    let name = match error {
        SubscribeError::Symbol => "symbol",
        SubscribeError::Precise => "precise",
        SubscribeError::Interval => "interval",
        SubscribeError::ApiKey => "apiKey",
        _ => panic!("not known here: {error}"),
    };
    fields.contains(&(name, ""))
}

/// An event that asks for an acknowledgement gets the one of its number.
fn check_acknowledgement(text: &str) {
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().zip(text.bytes()) {
        *byte = from;
    }
    let id = u64::from_le_bytes(bytes);
    assert_eq!(
        asked_ack(format!("42{id}[\"x\",{{}}]").as_bytes()),
        Some(id)
    );
    let mut out = BEFORE.to_vec();
    acknowledge(&mut out, id);
    assert_eq!(out, format!("before43{id}[]").as_bytes());
}
