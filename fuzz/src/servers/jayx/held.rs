//! What is sent, held to what is expected.

use serde_json::{Value, json};
use ticklot_sim::jayx::Candle;

use super::Expected;
use super::asks::SYMBOLS;
use super::log::is_open;
use crate::servers::{Sent, json as parsed};

pub(super) fn hold(sent: &Sent, expected: &Expected, is_plain: bool) {
    let line = match (sent, expected) {
        (Sent::Close(code), Expected::Close(expected)) => return assert_eq!(code, expected),
        (Sent::Line(line, _), _) => line.as_str(),
        (sent, expected) => panic!("{sent:?}, not {expected:?}"),
    };
    match expected {
        Expected::Event(_, payload) if is_plain => assert_eq!(sorted(parsed(line)), *payload),
        Expected::Event(event, payload) => {
            let packet = parsed(line.strip_prefix("42").expect("an event"));
            assert_eq!(packet[0], *event);
            assert_eq!(sorted(packet[1].clone()), *payload);
        }
        Expected::Packet(packet) => assert_eq!(line, packet),
        Expected::Joined => {
            let joined = parsed(line.strip_prefix("40").expect("a join"));
            assert!(joined["sid"].as_str().is_some_and(|sid| !sid.is_empty()));
        }
        Expected::Error(id, texts) => {
            let message = refused(line, id, is_plain);
            assert!(texts.contains(&message), "{message}, not {texts:?}");
        }
        Expected::Close(_) => panic!("{line}, not a close"),
    }
}

/// The text of a refusal, whose form must be the one that is due.
fn refused(line: &str, id: &str, is_plain: bool) -> String {
    let (message, whole) = if is_plain {
        let error = parsed(line);
        let message = error["error"]["message"].clone();
        (
            message.clone(),
            error == json!({"error": {"message": message}}),
        )
    } else if id.is_empty() {
        let packet = parsed(line.strip_prefix("42").expect("an event"));
        let message = packet[1]["message"].clone();
        (
            message.clone(),
            packet == json!(["error", {"message": message}]),
        )
    } else {
        let ack = line.strip_prefix("43").and_then(|it| it.strip_prefix(id));
        let ack = parsed(ack.expect("the acknowledgement"));
        let message = ack[0]["error"]["message"].clone();
        (
            message.clone(),
            ack == json!([{"error": {"message": message}}]),
        )
    };
    assert!(whole, "{line}");
    message.as_str().expect("a text").to_owned()
}

/// Orders by whether they are open.
pub(super) fn orders<'a>(orders: impl IntoIterator<Item = &'a Value>) -> Value {
    let orders: Vec<&Value> = orders.into_iter().collect();
    let some = |open: bool| -> Vec<Value> {
        let some = orders.iter().filter(|it| is_open(it) == open);
        some.map(|it| (*it).clone()).collect()
    };
    sorted(json!({"cancel": some(false), "modify": some(true)}))
}

/// Lists of orders by their numbers: their order is not told.
fn sorted(mut payload: Value) -> Value {
    for name in ["cancel", "modify"] {
        if let Some(Value::Array(list)) = payload.get_mut(name) {
            list.sort_by_key(|order| order["id"].as_u64());
        }
    }
    payload
}

pub(super) fn candle(symbol: usize, it: &Candle, is_new: bool) -> Expected {
    let candle = json!({
        "_id": it.id(), "created": it.created, "o": it.open.0, "h": it.high.0, "l": it.low.0,
        "c": it.close.0, "v": it.volume.0, "m": it.modified, "symbol": SYMBOLS[symbol],
    });
    let (add, modify) = if is_new {
        (candle, Value::Null)
    } else {
        (Value::Null, candle)
    };
    Expected::Event("kline", json!({"add": add, "modify": modify}))
}
