//! Client messages of Bayse Markets. Each is appended to a buffer, so a reused buffer needs no allocation. A message
//! that the server would reject is an error, and appends nothing.

use super::auth::Auth;
use super::channel::RequestError;
use super::channel::{Channel, Currency, Endpoint, Symbol};
use super::ids::Ids;
use super::room::Room;
use crate::escape::{json_string, json_string_of};

/// The maximum number of market ids in one message.
pub const MAX_MARKETS: usize = 10;

/// A message to the server.
///
/// ```
/// use ticklot_frame::bayse::{Currency, Endpoint, Request};
///
/// let mut out = Vec::new();
/// let request = Request::OrderBook { markets: (&["mkt_1", "mkt_2"]).into(), currency: Currency::Usd };
/// request.write(Endpoint::Markets, None, &mut out)?;
/// assert_eq!(
///     out,
///     br#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_1","mkt_2"],"currency":"USD"}"#,
/// );
/// assert!(request.write(Endpoint::Realtime, None, &mut out).is_err());
/// # Ok::<(), ticklot_frame::bayse::RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Subscribes to the fills of an event, or of one of its markets.
    Activity {
        /// The event.
        event_id: &'a str,
        /// One market of it, or all of them.
        market_id: Option<&'a str>,
    },
    /// Subscribes to the prices of an event's markets.
    Prices {
        /// The event.
        event_id: &'a str,
    },
    /// Subscribes to the order books of markets.
    OrderBook {
        /// The markets. A message has at most [`MAX_MARKETS`] of them: see [`Request::rest`].
        markets: Ids<'a>,
        /// The currency of the books.
        currency: Currency,
    },
    /// Subscribes to the fills of one user.
    UserTrades {
        /// The user.
        user_id: &'a str,
    },
    /// Subscribes to prices of assets outside the venue.
    AssetPrices {
        /// The assets.
        symbols: &'a [Symbol],
    },
    /// Subscribes to the user's own orders in markets.
    Orders {
        /// The markets. A message has at most [`MAX_MARKETS`] of them: see [`Request::rest`].
        markets: Ids<'a>,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The room, as in the acknowledgement of the subscription.
        room: Room<'a>,
    },
    /// Requests a pong.
    Ping,
}

impl<'a> Request<'a> {
    /// The channel of a subscription; `None` for other messages.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        match self {
            Self::Activity { .. } => Some(Channel::Activity),
            Self::Prices { .. } => Some(Channel::Prices),
            Self::OrderBook { .. } => Some(Channel::OrderBook),
            Self::UserTrades { .. } => Some(Channel::UserTrades),
            Self::AssetPrices { .. } => Some(Channel::AssetPrices),
            Self::Orders { .. } => Some(Channel::Orders),
            Self::Unsubscribe { .. } | Self::Ping => None,
        }
    }

    /// Appends the message for a connection to `endpoint`. It contains the credentials only if the endpoint needs them.
    ///
    /// Returns the number of markets or symbols in the message: at most [`MAX_MARKETS`] markets, so write
    /// [`Request::rest`] next. Returns 0 for a message without such a list.
    ///
    /// Allocates only to grow `out`.
    ///
    /// # Errors
    /// A required field is empty, the endpoint does not have the channel, or it needs credentials and there are none.
    /// Nothing is then appended. Only the fields of this message are checked, not those of [`Request::rest`].
    pub fn write(
        &self,
        endpoint: Endpoint,
        auth: Option<&Auth>,
        out: &mut Vec<u8>,
    ) -> Result<usize, RequestError> {
        self.check(endpoint)?;
        let auth = credentials(endpoint, auth)?;
        let taken = self.write_fields(out);
        if let Some(auth) = auth {
            out.extend_from_slice(br#","auth":"#);
            auth.write(out);
        }
        out.push(b'}');
        Ok(taken)
    }

    /// The same request for the markets or symbols after the first `taken`; `None` if there are no more.
    #[must_use]
    pub fn rest(self, taken: usize) -> Option<Self> {
        match self {
            Self::OrderBook { markets, currency } => markets
                .after(taken)
                .map(|markets| Self::OrderBook { markets, currency }),
            Self::Orders { markets } => {
                markets.after(taken).map(|markets| Self::Orders { markets })
            }
            Self::AssetPrices { symbols } => symbols
                .get(taken..)
                .filter(|rest| !rest.is_empty())
                .map(|symbols| Self::AssetPrices { symbols }),
            _ => None,
        }
    }

    /// The rooms that the server acknowledges, one for each market or symbol of the subscription. Empty for orders,
    /// whose rooms contain a user id that the request does not have, and for user trades, whose rooms are not
    /// documented.
    pub fn rooms(&self) -> impl Iterator<Item = Room<'a>> + use<'a> {
        let request = *self;
        (0..).map_while(move |index| request.room(index))
    }

    fn room(&self, index: usize) -> Option<Room<'a>> {
        match *self {
            Self::Activity {
                event_id,
                market_id,
            } if index == 0 => Some(Room::Activity {
                event_id,
                market_id,
            }),
            Self::Prices { event_id } if index == 0 => Some(Room::Prices { event_id }),
            Self::OrderBook { markets, currency } => {
                markets.get(index).map(|market_id| Room::OrderBook {
                    market_id,
                    currency,
                })
            }
            Self::AssetPrices { symbols } => symbols
                .get(index)
                .map(|&symbol| Room::AssetPrices { symbol }),
            _ => None,
        }
    }

    /// Checks that `endpoint` accepts the message, apart from credentials.
    fn check(&self, endpoint: Endpoint) -> Result<(), RequestError> {
        if let Some(channel) = self.channel()
            && channel.endpoint() != endpoint
        {
            return Err(RequestError::WrongEndpoint { channel, endpoint });
        }
        match *self {
            Self::Activity {
                event_id,
                market_id,
            } => {
                required("eventId", event_id)?;
                market_id.map_or(Ok(()), |id| required("marketId", id))
            }
            Self::Prices { event_id } => required("eventId", event_id),
            Self::UserTrades { user_id } => required("userId", user_id),
            Self::OrderBook { markets, .. } | Self::Orders { markets } => {
                let field = "marketIds";
                if markets.is_empty() {
                    return Err(RequestError::Missing { field });
                }
                markets
                    .iter()
                    .take(MAX_MARKETS)
                    .try_for_each(|id| required(field, id))
            }
            Self::AssetPrices { symbols: [] } => Err(RequestError::Missing { field: "symbols" }),
            Self::Unsubscribe { room } => room.check(),
            Self::AssetPrices { .. } | Self::Ping => Ok(()),
        }
    }

    /// Writes the message without `auth` and the closing brace.
    fn write_fields(&self, out: &mut Vec<u8>) -> usize {
        let kind: &[u8] = match self {
            Self::Unsubscribe { .. } => b"unsubscribe",
            Self::Ping => b"ping",
            _ => b"subscribe",
        };
        out.extend_from_slice(br#"{"type":""#);
        out.extend_from_slice(kind);
        out.push(b'"');
        if let Some(channel) = self.channel() {
            field(out, "channel", channel.as_str());
        }
        self.write_lists(out).unwrap_or_else(|| {
            self.write_names(out);
            0
        })
    }

    /// Writes the markets or symbols and the currency; `None` if the message has no list.
    fn write_lists(&self, out: &mut Vec<u8>) -> Option<usize> {
        match *self {
            Self::OrderBook { markets, currency } => {
                let taken = list(out, "marketIds", markets.iter().take(MAX_MARKETS));
                field(out, "currency", currency.as_str());
                Some(taken)
            }
            Self::Orders { markets } => {
                Some(list(out, "marketIds", markets.iter().take(MAX_MARKETS)))
            }
            Self::AssetPrices { symbols } => {
                let names = symbols.iter().map(|symbol| symbol.as_str());
                Some(list(out, "symbols", names))
            }
            _ => None,
        }
    }

    /// Writes the fields of a message without a list.
    fn write_names(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Activity {
                event_id,
                market_id,
            } => {
                field(out, "eventId", event_id);
                if let Some(market_id) = market_id {
                    field(out, "marketId", market_id);
                }
            }
            Self::Prices { event_id } => field(out, "eventId", event_id),
            Self::UserTrades { user_id } => field(out, "userId", user_id),
            Self::Unsubscribe { room } => {
                key(out, "room");
                json_string_of(out, &room.pieces());
            }
            _ => {}
        }
    }
}

/// The credentials to write; `None` if the endpoint needs none.
fn credentials(endpoint: Endpoint, auth: Option<&Auth>) -> Result<Option<&Auth>, RequestError> {
    if !endpoint.needs_auth() {
        return Ok(None);
    }
    let auth = auth.ok_or(RequestError::AuthRequired { endpoint })?;
    auth.check()?;
    Ok(Some(auth))
}

fn required(field: &'static str, value: &str) -> Result<(), RequestError> {
    if value.is_empty() {
        return Err(RequestError::Missing { field });
    }
    Ok(())
}

/// Appends `,"name":`. Names are constants that need no escapes.
fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    json_string(out, value);
}

/// Appends a list of strings and returns their number.
fn list<'i>(out: &mut Vec<u8>, name: &str, items: impl Iterator<Item = &'i str>) -> usize {
    key(out, name);
    out.push(b'[');
    let mut count = 0;
    for item in items {
        if count > 0 {
            out.push(b',');
        }
        json_string(out, item);
        count += 1;
    }
    out.push(b']');
    count
}
