//! Server messages of Bayse Markets.

use std::fmt;

use ticklot_book::{BookError, Level, Lots, Scale, Ticks};

use crate::error::{DecodeError, Fault, VenueName};
use crate::json::{Parser, Slot, Value, read_fields};
use crate::levels::{LevelSpace, Levels};
use crate::units::{Decimal, Scales, TradeSide, UnixMillis};

/// A message from the server, borrowed from the line and the decoder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The first message on a connection.
    Connected {
        /// The server's name for this connection.
        client_id: Option<&'a str>,
        /// When it was sent.
        sent: Option<UnixMillis>,
    },
    /// The whole book of one outcome.
    OrderBook(OrderBook<'a>),
    /// A subscription was accepted.
    Subscribed {
        /// The room, such as `orderbook:mkt_456`.
        room: &'a str,
    },
    /// A subscription was ended.
    Unsubscribed {
        /// The room.
        room: &'a str,
    },
    /// The answer to a `ping` message.
    Pong {
        /// When it was sent. One client's fixture has seconds here, so it is no reliable clock.
        sent: Option<UnixMillis>,
    },
    /// The server refused something; the texts are in the venue's documentation.
    Error {
        /// The server's text.
        message: &'a str,
    },
    /// A message of a type that this version does not read.
    Unknown {
        /// The `type`.
        kind: &'a str,
    },
}

/// The order book of one outcome (`orderbook_update`): a snapshot, both sides whole.
///
/// The levels are in the order of the message, which is not to be trusted;
/// [`Book::replace`](ticklot_book::Book::replace) sorts and checks them.
#[derive(Clone, Copy, Debug)]
pub struct OrderBook<'a> {
    /// The market. Two outcomes, two books.
    pub market_id: &'a str,
    /// The outcome whose book it is.
    pub outcome_id: &'a str,
    /// The buyers.
    pub bids: &'a [Level],
    /// The sellers.
    pub asks: &'a [Level],
    /// The book's own time, ISO 8601 in UTC, as text.
    pub timestamp: Option<&'a str>,
    /// The price of the last trade. It may be finer than the book's grid.
    pub last_price: Option<Decimal<'a>>,
    /// The side that the last trade's taker was on.
    pub last_side: Option<TradeSide>,
    /// When the message was sent.
    pub sent: Option<UnixMillis>,
    levels: Levels<'a>,
}

impl OrderBook<'_> {
    /// What the book refused in this message, as a decoding error with the byte of the level.
    #[must_use]
    pub fn refusal(&self, error: BookError) -> DecodeError {
        self.levels.refusal(VenueName::BAYSE, error)
    }
}

/// Decodes one line at a time, with buffers that live on.
///
/// # Allocation
/// Grows its buffers to the longest line and the deepest book seen, then allocates no more. They
/// are bounded: 4 MiB a line, 64 levels of nesting, [`MAX_LEVELS`](ticklot_book::MAX_LEVELS) price
/// levels a side.
pub struct Decoder {
    parser: Parser,
    levels: LevelSpace,
}

impl Decoder {
    /// A decoder with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            parser: Parser::new(),
            levels: LevelSpace::default(),
        }
    }

    /// Decodes one line, without its end. `scales` gives the scale of a market by its id.
    ///
    /// Unknown fields are passed over and an absent optional field is none, as is a null one. The
    /// book is read from `data` itself when `orderbook` is absent.
    ///
    /// # Errors
    /// The line is no JSON, a field is missing or of the wrong type, a number is off the grid, too
    /// large or negative, or a limit is passed (see [`Decoder`]). The error names the byte.
    pub fn decode<'a>(
        &'a mut self,
        line: &'a [u8],
        scales: &(impl Scales + ?Sized),
    ) -> Result<Message<'a>, DecodeError> {
        let Self { parser, levels } = self;
        parser
            .parse(line, |root| message(root, levels, scales))
            .map_err(|fault| DecodeError::new(VenueName::BAYSE, fault))
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

fn message<'a>(
    root: Value<'_, 'a>,
    levels: &'a mut LevelSpace,
    scales: &(impl Scales + ?Sized),
) -> Result<Message<'a>, Fault> {
    read_fields!(root, "message", {
        "type" => kind,
        "timestamp" => timestamp,
        "data" => data,
        "room" => room,
        "clientId" => client_id,
    });
    let sent = millis(&timestamp)?;
    Ok(match kind.require(&root)?.str("type")? {
        "orderbook_update" => {
            let data = data.require(&root)?;
            Message::OrderBook(order_book(data, sent, levels, scales)?)
        }
        "connected" => Message::Connected {
            client_id: optional_str(&client_id)?,
            sent,
        },
        "subscribed" => Message::Subscribed {
            room: room.require(&root)?.str("room")?,
        },
        "unsubscribed" => Message::Unsubscribed {
            room: room.require(&root)?.str("room")?,
        },
        "pong" => Message::Pong { sent },
        "error" => Message::Error {
            message: error_text(data.require(&root)?)?,
        },
        kind => Message::Unknown { kind },
    })
}

fn error_text<'a>(data: Value<'_, 'a>) -> Result<&'a str, Fault> {
    read_fields!(data, "data", { "message" => message });
    message.require(&data)?.str("message")
}

fn order_book<'a>(
    data: Value<'_, 'a>,
    sent: Option<UnixMillis>,
    space: &'a mut LevelSpace,
    scales: &(impl Scales + ?Sized),
) -> Result<OrderBook<'a>, Fault> {
    read_fields!(data, "data", { "orderbook" => nested });
    let book = nested.get().unwrap_or(data);
    read_fields!(book, "orderbook", {
        "marketId" => market_id,
        "outcomeId" => outcome_id,
        "timestamp" => timestamp,
        "bids" => bids,
        "asks" => asks,
        "lastTradedPrice" => last_price,
        "lastTradedSide" => last_side,
    });
    let market_id = market_id.require(&book)?.str("marketId")?;
    let scale = scales.scale(market_id);
    // A side must be there, since a side left out by mistake would read as an empty one; null is
    // how some servers write an empty list.
    bids.require(&book)?;
    asks.require(&book)?;
    space.fill(bids.get(), asks.get(), |item| level(item, scale))?;
    let levels = space.view();
    Ok(OrderBook {
        market_id,
        outcome_id: outcome_id.require(&book)?.str("outcomeId")?,
        bids: levels.bids,
        asks: levels.asks,
        timestamp: optional_str(&timestamp)?,
        last_price: last_price
            .get()
            .map(|v| v.decimal("lastTradedPrice"))
            .transpose()?,
        last_side: last_side
            .get()
            .map(|v| v.trade_side("lastTradedSide"))
            .transpose()?,
        sent,
        levels,
    })
}

fn level(item: Value<'_, '_>, scale: Scale) -> Result<Level, Fault> {
    read_fields!(item, "level", { "price" => price, "quantity" => quantity });
    let ticks = price
        .require(&item)?
        .steps("price", scale.price_decimals())?;
    let lots = quantity
        .require(&item)?
        .steps("quantity", scale.quantity_decimals())?;
    Ok(Level::new(Ticks(ticks), Lots(lots)))
}

fn optional_str<'a>(slot: &Slot<'_, 'a>) -> Result<Option<&'a str>, Fault> {
    slot.get().map(|value| value.str(slot.name())).transpose()
}

fn millis(slot: &Slot<'_, '_>) -> Result<Option<UnixMillis>, Fault> {
    let value = slot
        .get()
        .map(|value| value.integer(slot.name()))
        .transpose()?;
    Ok(value.map(UnixMillis))
}
