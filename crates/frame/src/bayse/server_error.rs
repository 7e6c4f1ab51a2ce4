//! The server's errors.

/// An `error` message of the server: its text, and which of the documented ones it is.
///
/// Texts are compared whole, byte for byte, save the parts that the server echoes: a text that the
/// documentation does not have is [`ServerErrorKind::Other`], never guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerError<'a> {
    text: &'a str,
}

/// What a server error is about.
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
    /// The channel lives on another endpoint.
    WrongEndpoint {
        /// The channel.
        channel: &'a str,
        /// The path of the endpoint that was asked.
        path: &'a str,
        /// The path of the endpoint that has the channel.
        instead: &'a str,
    },
    /// More than 10 messages in a second. The connection probably stays open.
    RateLimited,
    /// A message on the user endpoint without valid credentials.
    AuthRequired,
    /// A text that the documentation does not have.
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

    /// Which of the documented errors it is.
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

/// The texts that repeat a part of the message. That part may hold anything, the words around it
/// too: those in front of it are taken from the front and those behind it from the back.
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
