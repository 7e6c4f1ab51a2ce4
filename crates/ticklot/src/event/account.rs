//! The events of an account.

use std::fmt;

use ticklot_book::{Fixed, Nanos};
use ticklot_frame::{Decimal, TradeSide, UnixMillis};

use crate::books::{ConnectionId, Instrument, OrderId};

/// A balance of the account. A message that lists several leads to one event for each.
#[derive(Clone, Copy, Debug)]
pub struct BalanceUpdate<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The asset, such as `BTC`.
    pub asset: &'a str,
    /// All of it.
    pub balance: Decimal<'a>,
    /// The part that no order reserves.
    pub available: Decimal<'a>,
    /// When the venue says that it sent the message.
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
    /// The id, to keep. Allocates for a name.
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

/// An order of the account, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct OrderUpdate<'a> {
    /// On which connection.
    pub connection: ConnectionId,
    /// The instrument that is bought or sold.
    pub instrument: Instrument<'a>,
    /// The venue's id of it.
    pub id: OrderRef<'a>,
    /// Whether it is still open.
    pub is_open: bool,
    /// `LIMIT`, `MARKET` and others, in the venue's words.
    pub kind: Option<&'a str>,
    /// `NEW`, `PARTIAL_FILLED` and others, in the venue's words.
    pub status: &'a str,
    /// Buy or sell.
    pub side: TradeSide,
    /// The limit price.
    pub price: Option<Decimal<'a>>,
    /// The ordered quantity.
    pub quantity: Decimal<'a>,
    /// The filled quantity, when the venue says it and it fits 64 bits.
    pub filled: Option<Fixed>,
    /// The amount that it reserves of the account, as the venue's whole number. JayX documents no unit for it: it is neither ticks
    /// nor lots.
    pub reserved: Option<i64>,
    /// The cost of its fills, as the venue's whole number. JayX documents no unit for it either.
    pub cost: Option<i64>,
    /// When it was placed.
    pub created: Option<UnixMillis>,
    /// When it last changed.
    pub modified: Option<UnixMillis>,
    /// When the venue says that it sent the message.
    pub sent: Option<UnixMillis>,
    /// When the message was received.
    pub received: Nanos,
}
