//! Replies to requests: objects with a `method`.

/// A subscription was accepted or ended. A request for several symbols has one reply for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The request's method.
    pub method: Method,
    /// The number of the request.
    pub req_id: Option<u64>,
    /// The channel, such as `book`.
    pub channel: &'a str,
    /// The instrument; `None` for the channel `instrument`.
    pub symbol: Option<&'a str>,
    /// The number of levels per side, for the channel `book`.
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

/// A request that the venue rejected (`success` is false).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The request's method. The venue may omit it for an invalid request.
    pub method: Option<&'a str>,
    /// The number of the request.
    pub req_id: Option<u64>,
    /// The rejected instrument, if the request had any.
    pub symbol: Option<&'a str>,
    /// The venue's reason, such as `Currency pair not supported XX/YY`.
    pub error: Option<&'a str>,
}

/// The reasons of a refusal that a client handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// Too many messages.
    RateLimited,
    /// The connection already has this subscription.
    AlreadySubscribed,
    /// Another reason, or none.
    Other,
}

impl Refusal<'_> {
    /// The reason, by words in the venue's text, because the venue sends no code. Ignores case. Allocates.
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
