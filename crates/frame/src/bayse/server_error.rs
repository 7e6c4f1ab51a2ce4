//! The errors that the server of Bayse Markets reports.

/// An `error` message of the server: its text and its kind.
///
/// Texts are compared exactly, except for the parts that the server echoes. An undocumented text is
/// [`ServerErrorKind::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerError<'a> {
    text: &'a str,
}

/// The kind of a server error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerErrorKind<'a> {
    /// The message was not valid JSON.
    InvalidFormat,
    /// A subscription without its event.
    EventIdRequired,
    /// A subscription to asset prices without symbols.
    SymbolsRequired,
    /// An unsubscription without its room.
    RoomRequired,
    /// The message had a `type` that the server does not know.
    UnknownType(&'a str),
    /// The currency is neither USD nor NGN.
    UnsupportedCurrency,
    /// The server has no prices of this symbol.
    UnsupportedSymbol(&'a str),
    /// The channel belongs to another endpoint.
    WrongEndpoint {
        /// The channel.
        channel: &'a str,
        /// The path of the endpoint that received the request.
        path: &'a str,
        /// The path of the endpoint that has the channel.
        instead: &'a str,
    },
    /// More than 10 messages in a second. The connection probably stays open.
    RateLimited,
    /// A message on the user endpoint without valid credentials.
    AuthRequired,
    /// An undocumented text.
    Other,
}

impl<'a> ServerError<'a> {
    /// An error by its text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The text, as the server sent it.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The documented error with this text.
    #[must_use]
    pub fn kind(&self) -> ServerErrorKind<'a> {
        match self.text {
            "Invalid message format" => ServerErrorKind::InvalidFormat,
            "Event ID is required" => ServerErrorKind::EventIdRequired,
            "Symbols required to subscribe to asset prices" => ServerErrorKind::SymbolsRequired,
            "Room name is required" => ServerErrorKind::RoomRequired,
            "Unsupported currency. Supported currencies are USD and NGN" => {
                ServerErrorKind::UnsupportedCurrency
            }
            "rate limit exceeded: too many messages" => ServerErrorKind::RateLimited,
            AUTH_REQUIRED => ServerErrorKind::AuthRequired,
            text => echoing(text).unwrap_or(ServerErrorKind::Other),
        }
    }
}

const AUTH_REQUIRED: &str = r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#;

const SYMBOLS: &str =
    ". Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN";

/// Parses the texts that echo a part of the message. That part may contain the words around it, so the words before it
/// are matched from the front and those after it from the back.
fn echoing(text: &str) -> Option<ServerErrorKind<'_>> {
    if let Some(kind) = text.strip_prefix("unknown message type: ") {
        return Some(ServerErrorKind::UnknownType(kind));
    }
    if let Some(rest) = text.strip_prefix("Unsupported symbol: ") {
        return rest
            .strip_suffix(SYMBOLS)
            .map(ServerErrorKind::UnsupportedSymbol);
    }
    let rest = text.strip_prefix("channel \"")?.strip_suffix(" instead")?;
    let (rest, instead) = rest.rsplit_once("; use ")?;
    let (channel, path) = rest.rsplit_once("\" is not available on ")?;
    Some(ServerErrorKind::WrongEndpoint {
        channel,
        path,
        instead,
    })
}
