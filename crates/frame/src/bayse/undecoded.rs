//! Identifies lines that cannot be decoded.

use crate::error::DecodeFailure;
use crate::json::{Value, read_fields};

/// A line that could not be decoded, as far as it can be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndecodedMessage<'a> {
    /// A message of another type than an order book.
    Other,
    /// An order book, or a message that may be one, of this market and this outcome, if it names them.
    Book {
        /// The market.
        market_id: Option<&'a str>,
        /// The outcome.
        outcome_id: Option<&'a str>,
    },
}

/// Identifies a message whose fields may be invalid.
///
/// # Errors
/// The root is not an object.
pub(super) fn read<'a>(root: Value<'_, 'a>) -> Result<UndecodedMessage<'a>, DecodeFailure> {
    read_fields!(root, "message", {}, extra { "type" => kind, "data" => data });
    match kind.read(Value::str) {
        Some("orderbook_update") | None => {}
        Some(_) => return Ok(UndecodedMessage::Other),
    }
    let data = data.read(|value, _| Ok(*value)).filter(Value::is_object);
    let ids = data.map(book_ids).transpose()?.unwrap_or_default();
    Ok(UndecodedMessage::Book {
        market_id: ids.0,
        outcome_id: ids.1,
    })
}

fn book_ids<'a>(data: Value<'_, 'a>) -> Result<(Option<&'a str>, Option<&'a str>), DecodeFailure> {
    read_fields!(data, "data", {}, extra { "orderbook" => nested });
    let book = nested.read(|value, _| Ok(*value)).filter(Value::is_object);
    let book = book.unwrap_or(data);
    read_fields!(book, "orderbook", {}, extra { "marketId" => market_id, "outcomeId" => outcome_id });
    Ok((market_id.read(Value::str), outcome_id.read(Value::str)))
}
