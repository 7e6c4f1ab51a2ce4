//! Identifies frames that cannot be decoded.

use crate::error::DecodeFailure;
use crate::json::{Value, read_fields};

/// The channel and the symbol of a frame, as far as they are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UndecodedMessage<'a> {
    /// The channel of the message, or of the request that it replies to.
    pub channel: Option<&'a str>,
    /// The method of a reply, such as `subscribe`. A frame with a method is not a book.
    pub method: Option<&'a str>,
    /// The symbol. `None` if `data` has items with different symbols, because any of them may be the cause of the
    /// error.
    pub symbol: Option<&'a str>,
}

/// Identifies a message whose fields may be invalid.
///
/// # Errors
/// The root is not an object.
pub(super) fn read<'a>(root: Value<'_, 'a>) -> Result<UndecodedMessage<'a>, DecodeFailure> {
    read_fields!(root, "message", {}, extra {
        "channel" => channel,
        "method" => method,
        "symbol" => symbol,
        "data" => data,
        "result" => result,
    });
    let of_result = result.read(|result, _| of_result(*result));
    let of_result = of_result.unwrap_or_default();
    let of_data = data.read(|data, field| symbol_of_all(*data, field));
    Ok(UndecodedMessage {
        channel: channel.read(Value::str).or(of_result.channel),
        method: method.read(Value::str),
        symbol: of_data
            .flatten()
            .or(of_result.symbol)
            .or_else(|| symbol.read(Value::str)),
    })
}

fn of_result<'a>(result: Value<'_, 'a>) -> Result<UndecodedMessage<'a>, DecodeFailure> {
    read_fields!(result, "result", {}, extra { "channel" => channel, "symbol" => symbol });
    Ok(UndecodedMessage {
        channel: channel.read(Value::str),
        method: None,
        symbol: symbol.read(Value::str),
    })
}

/// The symbol, if it is the same in all items.
fn symbol_of_all<'a>(
    data: Value<'_, 'a>,
    field: &'static str,
) -> Result<Option<&'a str>, DecodeFailure> {
    let mut symbols = data.items(field)?.map(symbol_of);
    let first = symbols.next().transpose()?.flatten();
    let is_first = |symbol| matches!(symbol, Ok(symbol) if symbol == first);
    Ok(first.filter(|_| symbols.all(is_first)))
}

fn symbol_of<'a>(item: Value<'_, 'a>) -> Result<Option<&'a str>, DecodeFailure> {
    read_fields!(item, "data", {}, extra { "symbol" => symbol });
    Ok(symbol.read(Value::str))
}
