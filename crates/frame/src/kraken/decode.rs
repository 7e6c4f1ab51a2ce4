//! The decoder of Kraken's messages.

use std::fmt;

use super::books::{self, BookBuffer};
use super::instruments::{self, PairBuffer};
use super::message::Message;
use super::replies::{Ack, Method, Refusal};
use super::status::{self};
use super::trades::{self, TradeBuffer};
use super::undecoded::{self, UndecodedMessage};
use crate::error::{DecodeError, DecodeFailure, ErrorKind, VenueName};
use crate::json::{FieldSlot, Parser, Value, read_fields};
use crate::units::Scales;

/// Decodes one frame at a time, with reused buffers.
///
/// # Allocation
/// The buffers grow to the longest frame and the longest lists seen; after that, decoding does not allocate. They are
/// bounded: 4 MiB per frame, 64 levels of nesting, [`MAX_LEVELS`](ticklot_book::MAX_LEVELS) price levels per side. A
/// message has at most [`MAX_BOOKS`](super::MAX_BOOKS) books, [`MAX_TRADES`](super::MAX_TRADES) trades and
/// [`MAX_PAIRS`](super::MAX_PAIRS) instruments.
#[derive(Default)]
pub struct Decoder {
    parser: Parser,
    buffers: MessageBuffers,
}

/// The lists of a message.
#[derive(Default)]
struct MessageBuffers {
    books: BookBuffer,
    trades: TradeBuffer,
    pairs: PairBuffer,
}

impl Decoder {
    /// A decoder with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one text frame, which is one JSON object. `scales` returns the scale of an instrument by its symbol.
    ///
    /// Prices and quantities are parsed from the text of the number, or of a string that contains one. Fields may be in
    /// any order; unknown ones are skipped, and null is the same as absent. An invalid optional field is `None`. The
    /// exception is a book's checksum: an invalid one is an error, because the book could not be verified without it.
    ///
    /// # Errors
    /// The frame is not JSON; a required field is missing, has the wrong type or occurs twice; a price or a quantity
    /// has too many decimal places, is out of range or negative; or a limit is exceeded (see [`Decoder`]). The error
    /// contains the byte offset.
    pub fn decode<'a>(
        &'a mut self,
        frame: &'a [u8],
        scales: &(impl Scales + ?Sized),
    ) -> Result<Message<'a>, DecodeError> {
        let Self { parser, buffers } = self;
        parser
            .parse(frame, |root| message(root, buffers, scales))
            .map_err(|failure| DecodeError::new(VenueName::KRAKEN, failure))
    }

    /// The channel and the symbol of a frame that [`Decoder::decode`] rejected, as far as they are valid. `None` if the
    /// frame is not JSON.
    ///
    /// For error handling only, because it parses the frame again.
    pub fn identify<'a>(&'a mut self, frame: &'a [u8]) -> Option<UndecodedMessage<'a>> {
        self.parser
            .parse(frame, |root| Ok(undecoded::read(root).unwrap_or_default()))
            .ok()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

fn message<'a>(
    root: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Result<Message<'a>, DecodeFailure> {
    read_fields!(root, "message", {
        "channel" => channel,
        "type" => kind,
        "data" => data,
        "method" => method,
    });
    let Some(channel) = channel.opt_str()? else {
        return reply(root, method.opt_str()?);
    };
    let is_snapshot = || is_snapshot(&kind, &root);
    Ok(match channel {
        "book" => Message::Books(books::read(
            data.value(&root)?,
            is_snapshot()?,
            &mut buffers.books,
            scales,
        )?),
        "trade" => Message::Trades(trades::read(
            data.value(&root)?,
            is_snapshot()?,
            &mut buffers.trades,
            scales,
        )?),
        "instrument" => Message::Instruments(instruments::read(
            data.value(&root)?,
            is_snapshot()?,
            &mut buffers.pairs,
        )?),
        "heartbeat" => Message::Heartbeat,
        "status" => Message::Status(status::read(data.value(&root)?)?),
        kind => Message::Unknown { kind },
    })
}

/// Whether the `type` is `snapshot`; otherwise it must be `update`.
fn is_snapshot<'a>(kind: &FieldSlot<'_, 'a>, root: &Value<'_, 'a>) -> Result<bool, DecodeFailure> {
    let kind = kind.value(root)?;
    match kind.str("type")? {
        "snapshot" => Ok(true),
        "update" => Ok(false),
        _ => Err(kind.error(ErrorKind::Value { field: "type" })),
    }
}

/// Reads a message without a channel. It is an error if it has neither a method nor an error text. A reply without
/// `success` is a success unless it has an error text.
fn reply<'a>(root: Value<'_, 'a>, method: Option<&'a str>) -> Result<Message<'a>, DecodeFailure> {
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
