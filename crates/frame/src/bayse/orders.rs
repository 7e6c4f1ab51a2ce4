//! The user's own orders: `order_updated`.

use crate::record::record;
use crate::units::{Decimal, TradeSide, UnixMillis, UnixSeconds};

/// A partial or full fill of the user's own order (`order_updated`).
///
/// The only source of this format is a client's fixture. Only the essential fields are required: the order, its market,
/// side, status and quantities. The others may be missing: a fill must not be lost because its `timeInForce` is
/// missing.
///
/// The times of the order are in seconds, and [`OrderUpdated::sent`] is in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OrderUpdated<'a> {
    /// The filled order.
    pub order_id: &'a str,
    /// The event that the market belongs to.
    pub event_id: Option<&'a str>,
    /// The market.
    pub market_id: &'a str,
    /// The order after the fill.
    pub order: Order<'a>,
    /// The time of the fill.
    pub updated: Option<UnixSeconds>,
    /// The time when the message was sent.
    pub sent: Option<UnixMillis>,
}

/// The state of an order. Words such as the status are text, because the venue may add new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Order<'a> {
    /// The order's id, again.
    pub id: Option<&'a str>,
    /// The owner of the order.
    pub user_id: Option<&'a str>,
    /// The market, again.
    pub market_id: Option<&'a str>,
    /// The outcome that is bought or sold.
    pub outcome_id: Option<&'a str>,
    /// The outcome in the market's own words, such as `Up`.
    pub outcome_label: Option<&'a str>,
    /// The side of the order.
    pub side: TradeSide,
    /// The limit price.
    pub price: Option<Decimal<'a>>,
    /// The ordered number of shares.
    pub quantity: Decimal<'a>,
    /// The filled number of shares.
    pub filled_quantity: Decimal<'a>,
    /// The remaining number of shares.
    pub remaining_quantity: Decimal<'a>,
    /// The average price of the fills. It may have more decimal places than the book's scale.
    pub avg_fill_price: Option<Decimal<'a>>,
    /// The status, such as `PARTIAL_FILLED`.
    pub status: &'a str,
    /// The time in force, such as `GTC`.
    pub time_in_force: Option<&'a str>,
    /// The time when it was created.
    pub created_at: Option<UnixSeconds>,
    /// The time of the last change.
    pub updated_at: Option<UnixSeconds>,
}

record! { OrderUpdated<'a> as "data" {
    "orderId" => order_id,
    extra "eventId" => event_id,
    "marketId" => market_id,
    "order" => order,
    extra "timestamp" => updated,
} given {
    sent: None,
} }

record! { Order<'a> as "order" {
    extra "id" => id,
    extra "userId" => user_id,
    extra "marketId" => market_id,
    extra "outcomeId" => outcome_id,
    extra "outcomeLabel" => outcome_label,
    "side" => side,
    extra "price" => price,
    "quantity" => quantity,
    "filledQuantity" => filled_quantity,
    "remainingQuantity" => remaining_quantity,
    extra "avgFillPrice" => avg_fill_price,
    "status" => status,
    extra "timeInForce" => time_in_force,
    extra "createdAt" => created_at,
    extra "updatedAt" => updated_at,
} }
