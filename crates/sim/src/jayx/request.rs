//! What a client may ask for, and why not.

use serde_json::Value;

use super::Symbol;

/// The place of the symbol that a request asks the order book of.
///
/// # Errors
/// The text of the refusal, worded by the simulator.
pub(super) fn check(
    event: &str,
    message: &Value,
    symbols: &[Symbol],
    subscribed: Option<usize>,
) -> Result<usize, String> {
    if event != "orderbook" {
        return Err(format!("unknown event: {event}"));
    }
    let field = |name: &str| message.get(name).and_then(Value::as_str);
    if field("category") != Some("spot") {
        return Err("category must be spot".to_owned());
    }
    let symbol = field("symbol").ok_or("symbol is required")?;
    if message.get("precise").is_none_or(Value::is_null) {
        return Err("precise is required".to_owned());
    }
    let place = symbols.iter().position(|known| known.name == symbol);
    let place = place.ok_or_else(|| format!("unknown symbol: {symbol}"))?;
    match subscribed {
        // Nothing in a payload says which symbol it is of.
        Some(_) => Err("an order book is already subscribed on this connection".to_owned()),
        None => Ok(place),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jayx::Config;

    fn asked(event: &str, message: &Value, subscribed: Option<usize>) -> Result<usize, String> {
        check(event, message, &Config::default().symbols, subscribed)
    }

    #[test]
    fn a_complete_request_is_accepted_once() {
        let message = json!({"category": "spot", "symbol": "BTCUSDT", "precise": "1"});
        assert_eq!(asked("orderbook", &message, None), Ok(0));
        assert_eq!(
            asked("orderbook", &message, Some(0)),
            Err("an order book is already subscribed on this connection".to_owned())
        );
        assert_eq!(
            asked("trades", &message, None),
            Err("unknown event: trades".to_owned())
        );
    }

    #[test]
    fn each_missing_field_has_its_text() {
        let table = [
            (json!(null), "category must be spot"),
            (
                json!({"category": "margin", "symbol": "BTCUSDT"}),
                "category must be spot",
            ),
            (json!({"category": "spot"}), "symbol is required"),
            (
                json!({"category": "spot", "symbol": "BTCUSDT"}),
                "precise is required",
            ),
            (
                json!({"category": "spot", "symbol": "NOPE", "precise": "1"}),
                "unknown symbol: NOPE",
            ),
        ];
        for (message, text) in table {
            assert_eq!(asked("orderbook", &message, None), Err(text.to_owned()));
        }
    }
}
