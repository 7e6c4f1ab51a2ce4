//! The decoder of replies to requests.

use super::message::Message;
use super::replies::{Ack, Method, Refusal};
use crate::error::{DecodeFailure, ErrorKind};
use crate::json::{Value, read_fields};

/// Reads a message without a channel. One that has neither a method nor the text of an error is
/// refused. A reply without `success` succeeded unless it has the text of an error.
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
        None => Err(root.fault(ErrorKind::Missing { field: "channel" })),
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
