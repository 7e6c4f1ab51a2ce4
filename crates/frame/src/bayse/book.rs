//! Order books: `orderbook_update`, and the array of the REST endpoint.

use std::ops::ControlFlow;

use ticklot_book::{BookError, Level, Lots, Scale, Ticks};

use crate::error::{DecodeError, DecodeFailure, VenueName};
use crate::fast::DecodePath;
use crate::iso_time::IsoTime;
use crate::json::{Value, read_fields};
use crate::levels::{LevelBuffer, Levels, ListOffsets};
use crate::record::{Field, record};
use crate::units::{Decimal, Scales, TradeSide, UnixMillis};

/// The order book of one outcome (`orderbook_update`, or an element of the REST array): a snapshot of both sides.
///
/// The levels are in the order of the message, which may be unsorted.
/// [`Book::apply_snapshot`](ticklot_book::Book::apply_snapshot) sorts and validates them.
#[derive(Clone, Copy, Debug)]
pub struct OrderBook<'a> {
    /// The market. It has a book for each of its two outcomes.
    pub market_id: &'a str,
    /// The outcome of the book.
    pub outcome_id: &'a str,
    /// The bids.
    pub bids: &'a [Level],
    /// The asks.
    pub asks: &'a [Level],
    /// The time of the book. `None` if it is not a string: this field and the next two are optional, so an invalid
    /// value does not invalidate the book.
    pub timestamp: Option<IsoTime<'a>>,
    /// The price of the last trade. It may have more decimal places than the book's scale. `None` if it is not a
    /// number.
    pub last_price: Option<Decimal<'a>>,
    /// The taker's side of the last trade. `None` for an unknown word.
    pub last_side: Option<TradeSide>,
    /// The time when the message was sent. `None` for a book of the REST endpoint.
    pub sent: Option<UnixMillis>,
    /// The path that decoded the book.
    pub path: DecodePath,
    levels: Levels<'a>,
}

/// An order book without its levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookFields<'a> {
    pub(super) market_id: &'a str,
    pub(super) outcome_id: &'a str,
    pub(super) timestamp: Option<IsoTime<'a>>,
    pub(super) last_price: Option<Decimal<'a>>,
    pub(super) last_side: Option<TradeSide>,
    pub(super) sent: Option<UnixMillis>,
}

record! { BookFields<'a> as "orderbook" {
    "marketId" => market_id,
    "outcomeId" => outcome_id,
    extra "timestamp" => timestamp,
    extra "lastTradedPrice" => last_price,
    extra "lastTradedSide" => last_side,
} given {
    sent: None,
} }

impl<'a> OrderBook<'a> {
    fn new(head: &BookFields<'a>, levels: Levels<'a>, path: DecodePath) -> Self {
        let BookFields {
            market_id,
            outcome_id,
            timestamp,
            last_price,
            last_side,
            sent,
        } = *head;
        Self {
            market_id,
            outcome_id,
            bids: levels.bids,
            asks: levels.asks,
            timestamp,
            last_price,
            last_side,
            sent,
            path,
            levels,
        }
    }

    /// The order book whose levels the general path has read into `buffers`.
    pub(super) fn general(head: &BookFields<'a>, buffers: &'a LevelBuffer) -> Self {
        Self::new(head, buffers.view(), DecodePath::General)
    }

    /// The order book whose levels the fast path has read from `line`.
    pub(super) fn fast(
        line: &'a [u8],
        (head, lists): &(BookFields<'a>, ListOffsets),
        buffers: &'a LevelBuffer,
    ) -> Self {
        Self::new(head, buffers.found(line, *lists), DecodePath::Fast)
    }

    /// Converts an error of the book for this message to a decoding error with the byte offset of the level.
    #[must_use]
    pub fn refusal(&self, error: BookError) -> DecodeError {
        self.levels.refusal(VenueName::BAYSE, error)
    }
}

/// Reads the `data` of an `orderbook_update`.
pub(super) fn update<'a>(
    data: Value<'_, 'a>,
    buffers: &'a mut LevelBuffer,
    scales: &(impl Scales + ?Sized),
) -> Result<OrderBook<'a>, DecodeFailure> {
    read_fields!(data, "data", { "orderbook" => nested });
    book(nested.get().unwrap_or(data), buffers, scales)
}

/// Reads the REST array: passes each element or its error to `each`, until `each` breaks.
pub(super) fn array<S: Scales + ?Sized>(
    root: Value<'_, '_>,
    buffers: &mut LevelBuffer,
    scales: &S,
    each: &mut impl FnMut(Result<OrderBook<'_>, DecodeError>) -> ControlFlow<()>,
) -> Result<(), DecodeFailure> {
    for item in root.items("books")? {
        let decoded = book(item, buffers, scales);
        let flow = each(decoded.map_err(|failure| DecodeError::new(VenueName::BAYSE, failure)));
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

fn book<'a>(
    book: Value<'_, 'a>,
    buffers: &'a mut LevelBuffer,
    scales: &(impl Scales + ?Sized),
) -> Result<OrderBook<'a>, DecodeFailure> {
    read_fields!(book, "orderbook", { "bids" => bids, "asks" => asks });
    let head: BookFields<'_> = Field::parse(&book, "orderbook")?;
    let scale = scales.scale(head.market_id);
    // Both sides are required, because a side that is missing by mistake would be read as an empty one. Some servers
    // write null for an empty list.
    bids.require(&book)?;
    asks.require(&book)?;
    buffers.fill(bids.get(), asks.get(), |item| level(item, scale))?;
    Ok(OrderBook::general(&head, buffers))
}

fn level(item: Value<'_, '_>, scale: Scale) -> Result<Level, DecodeFailure> {
    read_fields!(item, "level", { "price" => price, "quantity" => quantity });
    let ticks = price
        .require(&item)?
        .steps("price", scale.price_decimals())?;
    let lots = quantity
        .require(&item)?
        .steps("quantity", scale.quantity_decimals())?;
    Ok(Level::new(Ticks(ticks), Lots(lots)))
}
