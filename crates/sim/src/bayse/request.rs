//! What a client may ask for, and the venue's words for why not.

use serde_json::Value;

use super::Listing;

const MOST_MARKETS: usize = 10;

/// The two currencies that books are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Currency {
    Usd,
    Ngn,
}

/// What one subscribes to: a market in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The place of the market among the served ones.
    pub(super) market: usize,
    pub(super) currency: Currency,
}

impl Room {
    /// `orderbook:<marketId>`, with `:NGN` for the second currency.
    pub(super) fn name(self, markets: &[Listing]) -> String {
        let id = markets.get(self.market).map_or("", |it| &it.market_id);
        match self.currency {
            Currency::Usd => format!("orderbook:{id}"),
            Currency::Ngn => format!("orderbook:{id}:NGN"),
        }
    }
}

/// A message of a client that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Ping,
    /// No room twice.
    Subscribe(Vec<Room>),
    /// The name of the room, known or not.
    Unsubscribe(String),
}

/// Reads a message.
///
/// # Errors
/// The text of the error that the client gets.
pub(super) fn read(text: &str, markets: &[Listing]) -> Result<Request, String> {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    if !message.is_object() {
        return Err("Invalid message format".to_owned());
    }
    match field(&message, "type").unwrap_or("") {
        "ping" => Ok(Request::Ping),
        "subscribe" => channel(&message, markets),
        "unsubscribe" => match field(&message, "room") {
            Some(room) if !room.is_empty() => Ok(Request::Unsubscribe(room.to_owned())),
            _ => Err("Room name is required".to_owned()),
        },
        unknown => Err(format!("unknown message type: {unknown}")),
    }
}

fn channel(message: &Value, markets: &[Listing]) -> Result<Request, String> {
    let elsewhere = |channel, path| {
        let here = "/ws/v1/markets";
        let text = format!("channel \"{channel}\" is not available on {here}; use {path} instead");
        Err(text)
    };
    match field(message, "channel").unwrap_or("") {
        "orderbook" => order_book(message, markets).map(Request::Subscribe),
        channel @ "asset_prices" => elsewhere(channel, "/ws/v1/realtime"),
        channel @ "orders" => elsewhere(channel, "/ws/v1/user"),
        unknown => Err(format!("unknown channel: {unknown}")),
    }
}

fn order_book(message: &Value, markets: &[Listing]) -> Result<Vec<Room>, String> {
    let ids = message.get("marketIds").and_then(Value::as_array);
    let ids = ids.filter(|ids| !ids.is_empty());
    let ids = ids.ok_or("Market IDs are required")?;
    if ids.len() > MOST_MARKETS {
        return Err(format!("At most {MOST_MARKETS} market IDs are allowed"));
    }
    let currency = currency(message)?;
    let mut rooms = Vec::new();
    for id in ids {
        let id = id.as_str().ok_or("Market IDs are required")?;
        let known = markets.iter().position(|it| it.market_id == id);
        let market = known.ok_or_else(|| format!("unknown market: {id}"))?;
        let room = Room { market, currency };
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    Ok(rooms)
}

fn currency(message: &Value) -> Result<Currency, String> {
    let currency = message.get("currency").filter(|it| !it.is_null());
    match currency.map(|it| it.as_str().unwrap_or("")) {
        None | Some("USD") => Ok(Currency::Usd),
        Some("NGN") => Ok(Currency::Ngn),
        Some(_) => Err("Unsupported currency. Supported currencies are USD and NGN".to_owned()),
    }
}

fn field<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    message.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bayse::Config;

    fn asked(text: &str) -> Result<Request, String> {
        read(text, &Config::default().markets)
    }

    #[test]
    fn subscriptions_name_rooms() {
        let rooms = |text| match asked(text) {
            Ok(Request::Subscribe(rooms)) => rooms,
            other => panic!("{other:?}"),
        };
        let names = |text| {
            let markets = Config::default().markets;
            let rooms = rooms(text).into_iter();
            rooms.map(|room| room.name(&markets)).collect::<Vec<_>>()
        };
        assert_eq!(
            names(
                r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m","mkt_us-rate-cut"],"currency":"NGN"}"#
            ),
            [
                "orderbook:mkt_us-rate-cut:NGN",
                "orderbook:mkt_btc-above-1m:NGN"
            ]
        );
        assert_eq!(
            names(
                r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":null}"#
            ),
            ["orderbook:mkt_us-rate-cut"]
        );
    }

    #[test]
    fn each_error_has_its_text() {
        let eleven = format!(
            r#"{{"type":"subscribe","channel":"orderbook","marketIds":[{}]}}"#,
            ["\"m\""; 11].join(",")
        );
        let table = [
            ("{", "Invalid message format"),
            ("[]", "Invalid message format"),
            (
                r#"{"type":"INVALID_TYPE"}"#,
                "unknown message type: INVALID_TYPE",
            ),
            ("{}", "unknown message type: "),
            (r#"{"type":"unsubscribe"}"#, "Room name is required"),
            (
                r#"{"type":"subscribe","channel":"x"}"#,
                "unknown channel: x",
            ),
            (
                r#"{"type":"subscribe","channel":"orderbook"}"#,
                "Market IDs are required",
            ),
            (
                r#"{"type":"subscribe","channel":"orderbook","marketIds":[]}"#,
                "Market IDs are required",
            ),
            (&eleven, "At most 10 market IDs are allowed"),
            (
                r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":"EUR"}"#,
                "Unsupported currency. Supported currencies are USD and NGN",
            ),
            (
                r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_x"]}"#,
                "unknown market: mkt_x",
            ),
            (
                r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT"]}"#,
                "channel \"asset_prices\" is not available on /ws/v1/markets; use /ws/v1/realtime instead",
            ),
        ];
        for (text, error) in table {
            assert_eq!(asked(text), Err(error.to_owned()), "{text}");
        }
    }
}
