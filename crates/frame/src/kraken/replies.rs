//! Replies to requests: objects with a `method`.

/// A subscription was accepted or ended. A request for several symbols has one reply for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The request's method.
    pub method: Method,
    /// The number that the request had.
    pub req_id: Option<u64>,
    /// The channel, such as `book`.
    pub channel: &'a str,
    /// The instrument. The channel `instrument` has none.
    pub symbol: Option<&'a str>,
    /// The number of levels a side, for the channel `book`.
    pub depth: Option<u32>,
    /// Whether a snapshot follows.
    pub snapshot: Option<bool>,
}

/// The method of an accepted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `subscribe`.
    Subscribe,
    /// `unsubscribe`.
    Unsubscribe,
}

/// A request that the venue refused (`success` is false).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The request's method. The venue may omit it for a request that it could not read.
    pub method: Option<&'a str>,
    /// The number that the request had.
    pub req_id: Option<u64>,
    /// The instrument that was refused, if the request named any.
    pub symbol: Option<&'a str>,
    /// The venue's reason, such as `Currency pair not supported XX/YY`.
    pub error: Option<&'a str>,
}

/// The reasons of a refusal that a client acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// Too many messages.
    RateLimited,
    /// A subscription that the connection has.
    AlreadySubscribed,
    /// Another reason, or none.
    Other,
}

impl Refusal<'_> {
    /// The reason, by the words that the venue's text contains, in any case: it sends no code.
    /// Allocates.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        let text = self.error.unwrap_or_default().to_ascii_lowercase();
        if text.contains("rate limit") || text.contains("msg rate") {
            RefusalKind::RateLimited
        } else if text.contains("already subscribed") {
            RefusalKind::AlreadySubscribed
        } else {
            RefusalKind::Other
        }
    }
}
