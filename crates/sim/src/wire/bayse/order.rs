//! `order_updated`: a fill, as the order's owner sees it.

use ticklot_book::{Scale, Side, Ticks};

use super::timestamp;
use crate::market::Order;
use crate::wire::text::{decimal, number, string};

/// How much finer an average price is than a price, in decimals.
const FINER: u8 = 2;

/// An order after a fill.
#[derive(Clone, Copy, Debug)]
pub struct OrderUpdated<'a> {
    /// The order's id.
    pub order_id: &'a str,
    /// Its owner.
    pub user_id: &'a str,
    /// The event.
    pub event_id: &'a str,
    /// The market.
    pub market_id: &'a str,
    /// The outcome.
    pub outcome_id: &'a str,
    /// What the outcome is called.
    pub outcome_label: &'a str,
    /// The order as it stands; its own id and time are not used.
    pub order: &'a Order,
    /// The price of the fill: what a market order shows, as it has no limit.
    pub fill_price: Ticks,
    /// What a tick and a lot are worth.
    pub scale: Scale,
    /// When the order arrived, in milliseconds since the epoch; sent as whole seconds.
    pub created_ms: u64,
    /// When it was filled, in milliseconds since the epoch; sent as whole seconds.
    pub updated_ms: u64,
    /// When the message goes out, in milliseconds since the epoch.
    pub sent_ms: u64,
}

/// Appends an `order_updated`.
///
/// The times inside are in seconds, the outer one is in milliseconds. The average price has two
/// decimals more than a price where it needs them, rounded half up.
pub fn order_updated(out: &mut String, update: &OrderUpdated<'_>) {
    out.push_str("{\"type\":\"order_updated\",\"data\":{\"orderId\":");
    string(out, update.order_id);
    let ids = [("eventId", update.event_id), ("marketId", update.market_id)];
    super::fields(out, &ids);
    out.push_str(",\"order\":");
    order(out, update);
    out.push_str(",\"timestamp\":");
    number(out, update.updated_ms / 1_000);
    out.push('}');
    timestamp(out, update.sent_ms);
}

fn order(out: &mut String, update: &OrderUpdated<'_>) {
    let order = update.order;
    let side = match order.side {
        Side::Bid => "BUY",
        Side::Ask => "SELL",
    };
    out.push_str("{\"id\":");
    string(out, update.order_id);
    let fields = [
        ("userId", update.user_id),
        ("marketId", update.market_id),
        ("outcomeId", update.outcome_id),
        ("outcomeLabel", update.outcome_label),
        ("side", side),
    ];
    super::fields(out, &fields);
    amounts(out, update);
    let is_filled = order.left().0 == 0;
    let lasts = if order.limit.is_some() { "GTC" } else { "IOC" };
    let fields = [("status", super::status(is_filled)), ("timeInForce", lasts)];
    super::fields(out, &fields);
    out.push_str(",\"createdAt\":");
    number(out, update.created_ms / 1_000);
    out.push_str(",\"updatedAt\":");
    number(out, update.updated_ms / 1_000);
    out.push('}');
}

fn amounts(out: &mut String, update: &OrderUpdated<'_>) {
    let (order, scale) = (update.order, update.scale);
    let price = scale.price_decimals();
    let ticks = order.limit.unwrap_or(update.fill_price);
    out.push_str(",\"price\":");
    decimal(out, i128::from(ticks.0), price, price);
    for (name, lots) in [
        (",\"quantity\":", order.lots),
        (",\"filledQuantity\":", order.filled),
        (",\"remainingQuantity\":", order.left()),
    ] {
        out.push_str(name);
        decimal(out, i128::from(lots.0), scale.quantity_decimals(), 1);
    }
    out.push_str(",\"avgFillPrice\":");
    decimal(out, average(order), price + FINER, price);
}

/// The average price of an order's fills, in hundredths of a tick.
fn average(order: &Order) -> i128 {
    let lots = i128::from(order.filled.0.max(1));
    let finer = 10_i128.pow(FINER.into());
    (order.paid * finer * 2 + lots) / (lots * 2)
}

#[cfg(test)]
mod tests {
    use ticklot_book::Lots;

    use super::*;
    use crate::market::Owner;

    fn written(order: &Order) -> String {
        let mut out = String::new();
        let update = OrderUpdated {
            order_id: "7f5e",
            user_id: "68ee",
            event_id: "a1b2",
            market_id: "b2c3",
            outcome_id: "c3d4",
            outcome_label: "Yes",
            order,
            fill_price: Ticks(64),
            scale: Scale::new(2, 2).unwrap(),
            created_ms: 1_700_000_000_999,
            updated_ms: 1_700_000_050_000,
            sent_ms: 1_700_000_050_000,
        };
        order_updated(&mut out, &update);
        out
    }

    fn order() -> Order {
        Order {
            id: 1,
            owner: Owner(0),
            side: Side::Bid,
            limit: Some(Ticks(65)),
            lots: Lots(15_000),
            filled: Lots(10_000),
            paid: 640_000,
            created_ms: 0,
        }
    }

    #[test]
    fn an_update_is_written_as_the_venue_writes_it() {
        assert_eq!(
            written(&order()),
            concat!(
                r#"{"type":"order_updated","data":{"orderId":"7f5e","eventId":"a1b2","marketId":"b2c3","#,
                r#""order":{"id":"7f5e","userId":"68ee","marketId":"b2c3","outcomeId":"c3d4","outcomeLabel":"Yes","#,
                r#""side":"BUY","price":0.65,"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"#,
                r#""avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","#,
                r#""createdAt":1700000000,"updatedAt":1700000050},"timestamp":1700000050},"timestamp":1700000050000}"#,
            )
        );
    }

    #[test]
    fn a_full_market_order_shows_what_it_got() {
        let order = Order {
            side: Side::Ask,
            limit: None,
            filled: Lots(15_000),
            paid: 65 * 5_000 + 64 * 10_000,
            ..order()
        };
        let text = written(&order);
        let part = concat!(
            r#""side":"SELL","price":0.64,"quantity":150.0,"filledQuantity":150.0,"remainingQuantity":0.0,"#,
            r#""avgFillPrice":0.6433,"status":"FILLED","timeInForce":"IOC""#
        );
        assert!(text.contains(part), "{text}");
    }
}
