//! One's own orders: `order_updated`.

use crate::error::Fault;
use crate::json::{Value, read_fields};
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

pub(super) fn update<'a>(
    data: Value<'_, 'a>,
    sent: Option<UnixMillis>,
) -> Result<OrderUpdated<'a>, Fault> {
    read_fields!(data, "data", {
        "orderId" => order_id,
        "marketId" => market_id,
        "order" => order,
    }, extra { "eventId" => event_id, "timestamp" => timestamp });
    Ok(OrderUpdated {
        order_id: order_id.str(&data)?,
        event_id: event_id.read(Value::str),
        market_id: market_id.str(&data)?,
        order: read_order(order.require(&data)?)?,
        updated: timestamp.read(Value::integer).map(UnixSeconds),
        sent,
    })
}

fn read_order<'a>(order: Value<'_, 'a>) -> Result<Order<'a>, Fault> {
    read_fields!(order, "order", {
        "side" => side,
        "quantity" => quantity,
        "filledQuantity" => filled_quantity,
        "remainingQuantity" => remaining_quantity,
        "status" => status,
    }, extra {
        "id" => id,
        "userId" => user_id,
        "marketId" => market_id,
        "outcomeId" => outcome_id,
        "outcomeLabel" => outcome_label,
        "price" => price,
        "avgFillPrice" => avg_fill_price,
        "timeInForce" => time_in_force,
        "createdAt" => created_at,
        "updatedAt" => updated_at,
    });
    Ok(Order {
        id: id.read(Value::str),
        user_id: user_id.read(Value::str),
        market_id: market_id.read(Value::str),
        outcome_id: outcome_id.read(Value::str),
        outcome_label: outcome_label.read(Value::str),
        side: side.require(&order)?.trade_side("side")?,
        price: price.read(Value::decimal),
        quantity: quantity.decimal(&order)?,
        filled_quantity: filled_quantity.decimal(&order)?,
        remaining_quantity: remaining_quantity.decimal(&order)?,
        avg_fill_price: avg_fill_price.read(Value::decimal),
        status: status.str(&order)?,
        time_in_force: time_in_force.read(Value::str),
        created_at: created_at.read(Value::integer).map(UnixSeconds),
        updated_at: updated_at.read(Value::integer).map(UnixSeconds),
    })
}
