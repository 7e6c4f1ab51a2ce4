//! Replies to requests: objects with a `method`.

use super::message::Message;
use crate::error::{DecodeFailure, ErrorKind};
use crate::json::{Value, read_fields};

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

/// Reads a message without a channel. It is an error if it has neither a method nor an error text. A reply without
/// `success` is a success unless it has an error text.
pub(super) fn read<'a>(
    root: Value<'_, 'a>,
    method: Option<&'a str>,
) -> Result<Message<'a>, DecodeFailure> {
    read_fields!(root, "message", { "success" => success, "result" => result }, extra {
        "req_id" => req_id,
        "error" => error,
        "symbol" => symbol,
    });
    let req_id = req_id.read(Value::unsigned);
    let error = error.read(Value::str);
    let success = success.optional(Value::boolean)?;
    if !success.unwrap_or(error.is_none()) {
        return Ok(Message::Refused(Refusal {
            method,
            req_id,
            symbol: symbol.read(Value::str),
            error,
        }));
    }
    let ack = |method| ack(result.value(&root)?, method, req_id).map(Message::Ack);
    match method {
        Some("subscribe") => ack(Method::Subscribe),
        Some("unsubscribe") => ack(Method::Unsubscribe),
        Some("pong") => Ok(Message::Pong { req_id }),
        Some(kind) => Ok(Message::Unknown { kind }),
        None => Err(root.error(ErrorKind::Missing { field: "channel" })),
    }
}

fn ack<'a>(
    result: Value<'_, 'a>,
    method: Method,
    req_id: Option<u64>,
) -> Result<Ack<'a>, DecodeFailure> {
    read_fields!(result, "result", { "channel" => channel, "symbol" => symbol }, extra {
        "depth" => depth,
        "snapshot" => snapshot,
    });
    Ok(Ack {
        method,
        req_id,
        channel: channel.str(&result)?,
        symbol: symbol.opt_str()?,
        depth: depth.read(Value::count),
        snapshot: snapshot.read(Value::boolean),
    })
}
