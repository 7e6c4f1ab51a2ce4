//! Server messages of Bayse Markets.

use std::fmt;
use std::ops::ControlFlow;

use super::book::{self, Head, OrderBook};
use super::message::{Message, MessageBuffers};
use super::prices::{self};
use super::pull::{self, Found};
use super::schema::{self, OrderBookSchema, TEMPLATES};
use super::undecoded::{self, UndecodedMessage};
use crate::error::{DecodeError, DecodeFailure, VenueName};
use crate::fast::{DecodeBackend, Members, SimdBackend, Templates};
use crate::json::{Parser, Value, read_fields};
use crate::levels::ListOffsets;
use crate::record::Field;
use crate::thread_local::ThreadLocal;
use crate::units::{Scales, UnixMillis};

/// Decodes one line at a time, with buffers that live on.
///
/// # Allocation
/// Grows its buffers to the longest line and the deepest book seen, then allocates no more. They
/// are bounded: 4 MiB a line, 64 levels of nesting, [`MAX_LEVELS`](ticklot_book::MAX_LEVELS) price
/// levels a side, [`MAX_EVENT_MARKETS`](super::MAX_EVENT_MARKETS) markets an event,
/// [`MAX_OUTCOMES`](super::MAX_OUTCOMES) outcomes a market.
///
/// # Shapes
/// The shape of order books (order of keys, spacing, further fields) is learnt from the first one, which takes the general
/// path and allocates a few kilobytes; the following ones in that shape are read several times faster. The result does not
/// depend on the path.
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

    /// A decoder with this backend, to measure it.
    #[must_use]
    pub fn with_backend(backend: DecodeBackend) -> Self {
        Self {
            backend: SimdBackend::new(backend),
            parser: Parser::new(),
            buffers: MessageBuffers::default(),
        }
    }

    /// Decodes one line, without its end. `scales` gives the scale of a market by its id.
    ///
    /// Unknown fields are passed over and an absent optional field is none, as is a null one. The
    /// book is read from `data` itself when `orderbook` is absent, and the text of an error from the
    /// top level when `data` has none.
    ///
    /// What a message can do without entirely does not cost it either: when it was sent, a book's
    /// own time and last trade, and everything that `connected` says are none when they cannot be
    /// read, whatever stands there.
    ///
    /// # Errors
    /// The line is no JSON; another field is missing, of the wrong type or there twice; a number is
    /// off the grid, too large or negative; or a limit is passed (see [`Decoder`]). The error names
    /// the byte.
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

    /// A message that is in no known shape. Out of line, so that it takes no space where the others are read.
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
                Some(Found::OrderBook(head)) => {
                    let scale = scales.scale(head.market_id);
                    Templates::learn_text::<OrderBookSchema>(&TEMPLATES, parser, line, scale);
                    let book = OrderBook::general(&head, &buffers.levels);
                    return Ok(Message::OrderBook(book));
                }
                Some(Found::Other(mut message)) => {
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
            .map_err(|fault| DecodeError::new(VenueName::BAYSE, fault))
    }

    /// Decodes the body of the REST order book endpoint, an array of books, and gives `each` of
    /// them in turn, as [`Decoder::decode`] would have read it, until it breaks off. A bad element
    /// costs only itself.
    ///
    /// Lines are not split: pass the whole body. Bytes in errors are bytes of the body.
    ///
    /// # Errors
    /// The body is no JSON or no array, or a limit is passed; `each` is not called then.
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
            .map_err(|fault| DecodeError::new(VenueName::BAYSE, fault))
    }
}

impl Decoder {
    /// Identifies a line that [`Decoder::decode`] has refused. A line that is no JSON may be any order
    /// book. For the error path: it reads the line again.
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

/// An order book in the shape of those before it.
fn by_template<'a>(
    line: &'a [u8],
    backend: SimdBackend,
    buffers: &mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Option<(Head<'a>, ListOffsets)> {
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

/// The text under `data`, or else the one at the top level, where other notices have theirs.
fn error_text<'a>(
    root: Value<'_, 'a>,
    nested: Result<&'a str, DecodeFailure>,
) -> Result<&'a str, DecodeFailure> {
    nested.or_else(|fault| {
        read_fields!(root, "message", {}, extra { "message" => message });
        message.read(Value::str).ok_or(fault)
    })
}
