//! Parses and validates the requests of a client, with the venue's error texts.

use serde_json::Value;

use super::catalog::Catalog;
use super::listing::Currency;
use super::room::{Endpoint, Room};
use super::user::{AUTH_REQUIRED, authenticate};

const MAX_MARKETS: usize = 10;
const NO_EVENT: &str = "Event ID is required";
const NO_SYMBOLS: &str = "Symbols required to subscribe to asset prices";
/// Chosen by the simulator.
const NO_MARKETS: &str = "Market IDs are required";
/// Chosen by the simulator.
const NO_USER: &str = "User ID is required";
pub(super) const BAD_CURRENCY: &str = "Unsupported currency. Supported currencies are USD and NGN";

/// A valid request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Ping,
    /// Rooms without duplicates.
    Subscribe(Vec<Room>),
    /// The name of a room, which may be unknown.
    Unsubscribe(String),
}

/// Parses a message.
///
/// # Errors
/// Returns the text of the error message to the client.
pub(super) fn read(text: &str, at: Endpoint, catalog: &Catalog) -> Result<Request, String> {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    if !message.is_object() {
        return Err("Invalid message format".to_owned());
    }
    let user = authenticate(&message, &catalog.config.users);
    if at == Endpoint::User && user.is_none() {
        return Err(AUTH_REQUIRED.to_owned());
    }
    let reader = RequestReader {
        message: &message,
        catalog,
        user,
    };
    match reader.text("type").unwrap_or("") {
        "ping" => Ok(Request::Ping),
        "subscribe" => reader.channel(at).map(Request::Subscribe),
        "unsubscribe" => match reader.text("room") {
            Some(room) => Ok(Request::Unsubscribe(room.to_owned())),
            None => Err("Room name is required".to_owned()),
        },
        unknown => Err(format!("unknown message type: {unknown}")),
    }
}

/// A message and the context in which it is parsed.
struct RequestReader<'a> {
    message: &'a Value,
    catalog: &'a Catalog,
    /// The user that the message's credentials identify.
    user: Option<usize>,
}

impl<'a> RequestReader<'a> {
    /// A text field that is not empty.
    fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.message.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    }

    /// A list of texts that is not empty.
    fn texts(&self, name: &str) -> Option<Vec<&'a str>> {
        let list = self.message.get(name)?.as_array()?;
        let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
        texts.filter(|texts| !texts.is_empty())
    }

    fn channel(&self, at: Endpoint) -> Result<Vec<Room>, String> {
        let channel = self.text("channel").unwrap_or("");
        let there = Endpoint::of(channel).ok_or_else(|| format!("unknown channel: {channel}"))?;
        if there != at {
            let (here, there) = (at.path(), there.path());
            return Err(format!(
                "channel \"{channel}\" is not available on {here}; use {there} instead"
            ));
        }
        match channel {
            "activity" => self.activity(),
            "prices" => self.prices(),
            "orderbook" => self.books(),
            "user_trades" => self.user_trades(),
            "asset_prices" => self.asset_prices(),
            _ => self.orders(),
        }
    }

    fn activity(&self) -> Result<Vec<Room>, String> {
        let event = self.event()?;
        let market = match self.text("marketId") {
            Some(id) => Some(self.market_of(event, id)?),
            None => None,
        };
        Ok(vec![Room::Activity { event, market }])
    }

    fn prices(&self) -> Result<Vec<Room>, String> {
        let event = self.event()?;
        Ok(vec![Room::Prices { event }])
    }

    fn books(&self) -> Result<Vec<Room>, String> {
        let markets = self.few_markets()?;
        let currency = self.currency()?;
        self.rooms(&markets, |market| Room::Books { market, currency })
    }

    fn orders(&self) -> Result<Vec<Room>, String> {
        let user = self.user.ok_or(AUTH_REQUIRED)?;
        let markets = self.few_markets()?;
        self.rooms(&markets, |market| Room::Orders { user, market })
    }

    fn user_trades(&self) -> Result<Vec<Room>, String> {
        let id = self.text("userId").ok_or(NO_USER)?;
        let user = self.catalog.find_user(id);
        let user = user.ok_or_else(|| format!("unknown user: {id}"))?;
        Ok(vec![Room::UserTrades { user }])
    }

    fn asset_prices(&self) -> Result<Vec<Room>, String> {
        let symbols = self.texts("symbols").ok_or(NO_SYMBOLS)?;
        let symbols = symbols.into_iter().map(|it| self.symbol(it));
        unique(symbols)
    }

    fn symbol(&self, symbol: &str) -> Result<Room, String> {
        let known = self.catalog.find_symbol(symbol);
        let room = known.map(|symbol| Room::Asset { symbol });
        room.ok_or_else(|| {
            let assets = self.catalog.config.assets.iter();
            let all: Vec<_> = assets.map(|it| it.symbol.as_str()).collect();
            let all = all.join(", ");
            format!("Unsupported symbol: {symbol}. Supported symbols are {all}")
        })
    }

    fn event(&self) -> Result<usize, String> {
        let id = self.text("eventId").ok_or(NO_EVENT)?;
        let event = self.catalog.find_event(id);
        event.ok_or_else(|| format!("unknown event: {id}"))
    }

    fn market_of(&self, event: usize, id: &str) -> Result<usize, String> {
        let market = self.catalog.find_market(id);
        let market = market.filter(|it| self.catalog.event_of(*it) == event);
        market.ok_or_else(|| unknown_market(id))
    }

    fn few_markets(&self) -> Result<Vec<&'a str>, String> {
        let ids = self.texts("marketIds").ok_or(NO_MARKETS)?;
        if ids.len() > MAX_MARKETS {
            return Err(format!("At most {MAX_MARKETS} market IDs are allowed"));
        }
        Ok(ids)
    }

    fn rooms(&self, ids: &[&str], room: impl Fn(usize) -> Room) -> Result<Vec<Room>, String> {
        unique(ids.iter().map(|id| {
            let market = self.catalog.find_market(id);
            market.map(&room).ok_or_else(|| unknown_market(id))
        }))
    }

    fn currency(&self) -> Result<Currency, String> {
        let code = self.message.get("currency").filter(|it| !it.is_null());
        let Some(code) = code else {
            return Ok(Currency::Usd);
        };
        let currency = code.as_str().and_then(Currency::read);
        Ok(currency.ok_or(BAD_CURRENCY)?)
    }
}

fn unknown_market(id: &str) -> String {
    format!("unknown market: {id}")
}

fn unique(rooms: impl Iterator<Item = Result<Room, String>>) -> Result<Vec<Room>, String> {
    let mut unique = Vec::new();
    for room in rooms {
        let room = room?;
        if !unique.contains(&room) {
            unique.push(room);
        }
    }
    Ok(unique)
}

#[cfg(test)]
mod tests;
