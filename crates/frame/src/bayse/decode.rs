//! The decoder of Bayse Markets' messages.

use std::fmt;
use std::ops::ControlFlow;

use super::book::{self, BookFields, OrderBook};
use super::message::{Message, MessageBuffers};
use super::prices::{self};
use super::pull::{self, ParsedMessage};
use super::schema::{self, OrderBookSchema, TEMPLATES};
use super::undecoded::{self, UndecodedMessage};
use crate::error::{DecodeError, DecodeFailure, VenueName};
use crate::fast::{DecodeBackend, Members, SimdBackend, Templates};
use crate::json::{Parser, Value, read_fields};
use crate::levels::ListOffsets;
use crate::record::Field;
use crate::thread_local::ThreadLocal;
use crate::units::{Scales, UnixMillis};

/// Decodes one line at a time, with reused buffers.
///
/// # Allocation
/// The buffers grow to the longest line and the deepest book seen; after that, decoding does not allocate. They are
/// bounded: 4 MiB per line, 64 levels of nesting, [`MAX_LEVELS`](ticklot_book::MAX_LEVELS) price levels per side,
/// [`MAX_EVENT_MARKETS`](super::MAX_EVENT_MARKETS) markets per event and [`MAX_OUTCOMES`](super::MAX_OUTCOMES) outcomes
/// per market.
///
/// # Shapes
/// The decoder learns the shape of order books (key order, spacing, further fields) from the first one, which takes the
/// general path and allocates a few kilobytes. Later order books of that shape are decoded several times faster. The
/// result does not depend on the path.
pub struct Decoder {
    backend: Option<SimdBackend>,
    parser: Parser,
    buffers: MessageBuffers,
}

impl Decoder {
    /// A decoder with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::with_backend(DecodeBackend::Best)
    }

    /// A decoder with a given backend, for measurements.
    #[must_use]
    pub fn with_backend(backend: DecodeBackend) -> Self {
        Self {
            backend: SimdBackend::new(backend),
            parser: Parser::new(),
            buffers: MessageBuffers::default(),
        }
    }

    /// Decodes one line without its line ending. `scales` returns the scale of a market by its id.
    ///
    /// Unknown fields are skipped, and an optional field that is absent or null is `None`. The book is read from `data`
    /// itself if `orderbook` is absent, and the text of an error from the top level if `data` has none.
    ///
    /// Some optional fields are also `None` if they are invalid: the time when the message was sent, a book's time and
    /// last trade, and all fields of `connected`.
    ///
    /// # Errors
    /// The line is not JSON; another field is missing, has the wrong type or occurs twice; a number has too many
    /// decimal places, is out of range or negative; or a limit is exceeded (see [`Decoder`]). The error contains the
    /// byte offset.
    pub fn decode<'a>(
        &'a mut self,
        line: &'a [u8],
        scales: &(impl Scales + ?Sized),
    ) -> Result<Message<'a>, DecodeError> {
        let backend = SimdBackend::within_limit(self.backend, line);
        if let Some(backend) = backend
            && let Some(found) = by_template(line, backend, &mut self.buffers, scales)
        {
            let book = OrderBook::fast(line, &found, &self.buffers.levels);
            return Ok(Message::OrderBook(book));
        }
        self.decode_any(line, backend, scales)
    }

    /// Decodes a message of unknown shape. Out of line, so that its code does not enlarge the hot path.
    #[inline(never)]
    fn decode_any<'a>(
        &'a mut self,
        line: &'a [u8],
        backend: Option<SimdBackend>,
        scales: &(impl Scales + ?Sized),
    ) -> Result<Message<'a>, DecodeError> {
        let Self {
            parser, buffers, ..
        } = self;
        if backend.is_some() {
            match pull::message(line, buffers, scales) {
                Some(ParsedMessage::OrderBook(head)) => {
                    let scale = scales.scale(head.market_id);
                    Templates::learn_text::<OrderBookSchema>(&TEMPLATES, parser, line, scale);
                    let book = OrderBook::general(&head, &buffers.levels);
                    return Ok(Message::OrderBook(book));
                }
                Some(ParsedMessage::Other(mut message)) => {
                    if let Message::PriceUpdate(update) = &mut message {
                        update.markets = buffers.prices.markets();
                    }
                    return Ok(message);
                }
                None => {}
            }
        }
        parser
            .parse(line, |root| {
                let message = message(root, buffers, scales)?;
                if let (Message::OrderBook(book), Some(_)) = (&message, backend) {
                    let scale = scales.scale(book.market_id);
                    Templates::learn_parsed::<OrderBookSchema>(&TEMPLATES, &root, line, scale);
                }
                Ok(message)
            })
            .map_err(|failure| DecodeError::new(VenueName::BAYSE, failure))
    }

    /// Decodes the body of the REST order book endpoint, an array of books. Passes each book to `each`, as
    /// [`Decoder::decode`] would return it, until `each` breaks. An invalid element does not affect the others.
    ///
    /// Pass the whole body, without splitting it into lines. Byte offsets in errors refer to the body.
    ///
    /// # Errors
    /// The body is not a JSON array, or a limit is exceeded. `each` is then not called.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use ticklot_book::Scale;
    /// use ticklot_frame::bayse::Decoder;
    ///
    /// let body = br#"[{"marketId":"m","outcomeId":"o","bids":[{"price":0.6,"quantity":5}],"asks":[]}]"#;
    /// let mut bids = 0;
    /// Decoder::new().books(body, &Scale::new(2, 0)?, |book| {
    ///     bids += book.map_or(0, |book| book.bids.len());
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(bids, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn books(
        &mut self,
        body: &[u8],
        scales: &(impl Scales + ?Sized),
        mut each: impl FnMut(Result<OrderBook<'_>, DecodeError>) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        let Self {
            parser, buffers, ..
        } = self;
        parser
            .parse(body, |root| {
                book::array(root, &mut buffers.levels, scales, &mut each)
            })
            .map_err(|failure| DecodeError::new(VenueName::BAYSE, failure))
    }
}

impl Decoder {
    /// Identifies a line that [`Decoder::decode`] rejected. A line that is not JSON may be any order book. For error
    /// handling only, because it parses the line again.
    pub fn identify<'a>(&'a mut self, line: &'a [u8]) -> UndecodedMessage<'a> {
        let unknown = UndecodedMessage::Book {
            market_id: None,
            outcome_id: None,
        };
        self.parser.parse(line, undecoded::read).unwrap_or(unknown)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// Decodes an order book by a template.
fn by_template<'a>(
    line: &'a [u8],
    backend: SimdBackend,
    buffers: &mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Option<(BookFields<'a>, ListOffsets)> {
    let scale = |members: &Members<'_>| schema::market(members).map(|market| scales.scale(market));
    ThreadLocal::lend(&TEMPLATES, |templates| {
        templates.read_decimals(
            backend,
            line,
            &mut buffers.levels,
            scale,
            schema::order_book,
        )
    })
}

fn message<'a>(
    root: Value<'_, 'a>,
    buffers: &'a mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Result<Message<'a>, DecodeFailure> {
    read_fields!(root, "message", { "type" => kind, "data" => data }, extra {
        "timestamp" => timestamp,
    });
    let sent = timestamp.read(Value::integer).map(UnixMillis);
    let data = || data.require(&root);
    let kind = kind.str(&root)?;
    let mut message = match kind {
        "orderbook_update" => {
            Message::OrderBook(book::update(data()?, &mut buffers.levels, scales)?)
        }
        "price_update" => Message::PriceUpdate(prices::update(data()?, &mut buffers.prices)?),
        "buy_order" | "sell_order" => Message::fill(kind, Field::parse(&data()?, "data")?),
        "asset_price" => Message::AssetPrice(Field::parse(&data()?, "data")?),
        "order_updated" => Message::OrderUpdated(Field::parse(&data()?, "data")?),
        "connected" => connected(root)?,
        "subscribed" => Message::Subscribed { room: room(root)? },
        "unsubscribed" => Message::Unsubscribed { room: room(root)? },
        "pong" => Message::Pong { sent: None },
        "error" => Message::Error {
            message: error_text(root, data().and_then(error_in))?,
        },
        kind => Message::Unknown { kind },
    };
    message.set_sent(sent);
    Ok(message)
}

fn connected<'a>(root: Value<'_, 'a>) -> Result<Message<'a>, DecodeFailure> {
    read_fields!(root, "message", {}, extra {
        "clientId" => client_id,
        "status" => status,
        "message" => message,
    });
    Ok(Message::Connected {
        client_id: client_id.read(Value::str),
        status: status.read(Value::str),
        message: message.read(Value::str),
        sent: None,
    })
}

fn room<'a>(root: Value<'_, 'a>) -> Result<&'a str, DecodeFailure> {
    read_fields!(root, "message", { "room" => room });
    room.str(&root)
}

fn error_in<'a>(data: Value<'_, 'a>) -> Result<&'a str, DecodeFailure> {
    read_fields!(data, "data", { "message" => message });
    message.str(&data)
}

/// The text in `data`, or else that at the top level, where other notices have theirs.
fn error_text<'a>(
    root: Value<'_, 'a>,
    nested: Result<&'a str, DecodeFailure>,
) -> Result<&'a str, DecodeFailure> {
    nested.or_else(|failure| {
        read_fields!(root, "message", {}, extra { "message" => message });
        message.read(Value::str).ok_or(failure)
    })
}
