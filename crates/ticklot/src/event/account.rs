//! The events of an account.

use std::fmt;

use ticklot_book::{Fixed, Nanos};
use ticklot_frame::{Decimal, TradeSide, UnixMillis};

use crate::books::{ConnectionId, Instrument, OrderId};

/// A balance of the account. A message with several balances causes one event for each.
#[derive(Clone, Copy, Debug)]
pub struct BalanceUpdate<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The asset, such as `BTC`.
    pub asset: &'a str,
    /// The total, with the reserved part.
    pub balance: Decimal<'a>,
    /// The part that is not reserved by orders.
    pub available: Decimal<'a>,
    /// When the message was sent, according to the venue.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}

/// The venue's id of an order, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderRef<'a> {
    /// A number.
    Number(i64),
    /// A name.
    Text(&'a str),
}

impl OrderRef<'_> {
    /// The owned id. Allocates for a name.
    #[must_use]
    pub fn to_owned_id(self) -> OrderId {
        match self {
            Self::Number(number) => OrderId::Number(number),
            Self::Text(text) => OrderId::Text(text.to_owned()),
        }
    }
}

impl fmt::Display for OrderRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The current state of an order of the account.
#[derive(Clone, Copy, Debug)]
pub struct OrderUpdate<'a> {
    /// The connection.
    pub connection: ConnectionId,
    /// The traded instrument.
    pub instrument: Instrument<'a>,
    /// The venue's id of the order.
    pub id: OrderRef<'a>,
    /// Whether it is still open.
    pub is_open: bool,
    /// The type as the venue writes it, such as `LIMIT` or `MARKET`.
    pub kind: Option<&'a str>,
    /// The status as the venue writes it, such as `NEW` or `PARTIAL_FILLED`.
    pub status: &'a str,
    /// Buy or sell.
    pub side: TradeSide,
    /// The limit price; `None` for an order without a limit.
    pub price: Option<Decimal<'a>>,
    /// The ordered quantity.
    pub quantity: Decimal<'a>,
    /// The filled quantity, if the venue sends it and it fits into 64 bits.
    pub filled: Option<Fixed>,
    /// The amount that the order reserves of the account, as an integer of the venue. JayX documents no unit for it; it
    /// is neither ticks nor lots.
    pub reserved: Option<i64>,
    /// The cost of the fills, as an integer of the venue. JayX documents no unit for it either.
    pub cost: Option<i64>,
    /// When the order was placed.
    pub created: Option<UnixMillis>,
    /// When the order last changed.
    pub modified: Option<UnixMillis>,
    /// When the message was sent, according to the venue.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}
