//! One's own orders: `order_updated`.

use crate::record::record;
use crate::units::{Decimal, TradeSide, UnixMillis, UnixSeconds};

/// A partial or full fill of one's own order (`order_updated`).
///
/// The shape was only seen in a client's fixture. What a fill cannot do without is required: the
/// order, its market, side, status and quantities. The rest may be missing: a fill refused for want
/// of its `timeInForce` would be a fill lost.
///
/// Mind the units, which the types keep apart: the times inside are whole seconds, the outer one
/// milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OrderUpdated<'a> {
    /// The order that was filled.
    pub order_id: &'a str,
    /// The event that the market belongs to.
    pub event_id: Option<&'a str>,
    /// The market.
    pub market_id: &'a str,
    /// The order after the fill.
    pub order: Order<'a>,
    /// When it was filled.
    pub updated: Option<UnixSeconds>,
    /// When the message was sent.
    pub sent: Option<UnixMillis>,
}

/// The state of an order. Words are the venue's, as text: new ones may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Order<'a> {
    /// The order's id, again.
    pub id: Option<&'a str>,
    /// Whose order.
    pub user_id: Option<&'a str>,
    /// The market, again.
    pub market_id: Option<&'a str>,
    /// The outcome that is bought or sold.
    pub outcome_id: Option<&'a str>,
    /// The outcome in the market's own words, such as `Up`.
    pub outcome_label: Option<&'a str>,
    /// What the order does.
    pub side: TradeSide,
    /// Its limit price.
    pub price: Option<Decimal<'a>>,
    /// How many shares it was for.
    pub quantity: Decimal<'a>,
    /// How many are filled.
    pub filled_quantity: Decimal<'a>,
    /// How many are left.
    pub remaining_quantity: Decimal<'a>,
    /// The mean price of what is filled. It may be finer than the book's grid.
    pub avg_fill_price: Option<Decimal<'a>>,
    /// Such as `PARTIAL_FILLED`.
    pub status: &'a str,
    /// Such as `GTC`.
    pub time_in_force: Option<&'a str>,
    /// When it was made.
    pub created_at: Option<UnixSeconds>,
    /// When it last changed.
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
