//! `buy_order` and `sell_order`: a fill, as everybody sees it.

use ticklot_book::{Lots, Scale, Side, Ticks};

use super::{EventInfo, timestamp};
use crate::wire::text::{decimal, iso_time, string};

/// One side of a fill: whose order it was and what it got.
#[derive(Clone, Copy, Debug)]
pub struct Activity<'a> {
    /// Whose order it is.
    pub user_id: &'a str,
    /// The name that the user is shown by, if any.
    pub user_tag: Option<&'a str>,
    /// The order.
    pub order_id: &'a str,
    /// Whether it buys or sells.
    pub side: Side,
    /// The price of the fill.
    pub ticks: Ticks,
    /// The quantity of the fill.
    pub lots: Lots,
    /// What a tick and a lot are worth.
    pub scale: Scale,
    /// Whether the order has all that it wanted now.
    pub is_filled: bool,
    /// Whether it is a limit order; otherwise it is a market order.
    pub is_limit: bool,
    /// `YES` or `NO`.
    pub outcome: &'a str,
    /// What the outcome is called.
    pub outcome_label: &'a str,
    /// `USD` or `NGN`.
    pub currency: &'a str,
    /// When the order arrived, in milliseconds since the epoch; sent as whole seconds.
    pub created_ms: u64,
    /// When it was filled, in milliseconds since the epoch; sent as whole seconds.
    pub updated_ms: u64,
    /// The event.
    pub event: EventInfo<'a>,
    /// The market.
    pub market_id: &'a str,
    /// What the market is called.
    pub market_title: &'a str,
    /// When the message goes out, in milliseconds since the epoch.
    pub sent_ms: u64,
}

/// Appends a `buy_order` or a `sell_order`.
///
/// The amount is price times quantity, with two decimals at least; the quantity has one at least.
pub fn activity(out: &mut String, fill: &Activity<'_>) {
    let (kind, side) = match fill.side {
        Side::Bid => ("buy_order", "BUY"),
        Side::Ask => ("sell_order", "SELL"),
    };
    out.push_str("{\"type\":");
    string(out, kind);
    out.push_str(",\"data\":{\"user\":{\"id\":");
    string(out, fill.user_id);
    out.push_str(",\"tag\":");
    match fill.user_tag {
        Some(tag) => string(out, tag),
        None => out.push_str("null"),
    }
    out.push_str(",\"imageUrl\":null},\"order\":");
    order(out, fill, side);
    out.push_str(",\"event\":");
    event(out, &fill.event);
    out.push_str(",\"market\":{\"id\":");
    string(out, fill.market_id);
    out.push_str(",\"title\":");
    string(out, fill.market_title);
    out.push_str(",\"imageUrl\":null}}");
    timestamp(out, fill.sent_ms);
}

fn order(out: &mut String, fill: &Activity<'_>, side: &str) {
    let (price, quantity) = (fill.scale.price_decimals(), fill.scale.quantity_decimals());
    let (ticks, lots) = (i128::from(fill.ticks.0), i128::from(fill.lots.0));
    out.push_str("{\"id\":");
    string(out, fill.order_id);
    out.push_str(",\"amount\":");
    decimal(out, ticks * lots, price + quantity, 2);
    out.push_str(",\"quantity\":");
    decimal(out, lots, quantity, 1);
    out.push_str(",\"price\":");
    decimal(out, ticks, price, price);
    let status = super::status(fill.is_filled);
    let kind = if fill.is_limit { "LIMIT" } else { "MARKET" };
    let fields = [
        ("status", status),
        ("type", side),
        ("outcome", fill.outcome),
        ("outcomeLabel", fill.outcome_label),
        ("currency", fill.currency),
        ("engine", "CLOB"),
        ("orderType", kind),
    ];
    super::fields(out, &fields);
    out.push_str(",\"createdAt\":");
    iso_time(out, fill.created_ms);
    out.push_str(",\"updatedAt\":");
    iso_time(out, fill.updated_ms);
    out.push('}');
}

fn event(out: &mut String, event: &EventInfo<'_>) {
    out.push_str("{\"id\":");
    string(out, event.id);
    let fields = [
        ("slug", event.slug),
        ("title", event.title),
        ("type", event.kind),
    ];
    super::fields(out, &fields);
    out.push_str(",\"createdAt\":");
    iso_time(out, event.created_ms);
    out.push_str(",\"imageUrl\":null}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill() -> Activity<'static> {
        Activity {
            user_id: "usr_8b5c3c3a",
            user_tag: Some("prediction_pro"),
            order_id: "ord_7f5e2a1c",
            side: Side::Bid,
            ticks: Ticks(65),
            lots: Lots(15_000),
            scale: Scale::new(2, 2).unwrap(),
            is_filled: true,
            is_limit: true,
            outcome: "YES",
            outcome_label: "Yes",
            currency: "USD",
            created_ms: 1_771_324_200_000,
            updated_ms: 1_771_324_201_000,
            event: EventInfo {
                id: "evt_123",
                slug: "us-fed-rate-cut-2026",
                title: "Will the Fed cut rates in 2026?",
                status: "open",
                kind: "SINGLE_MARKET",
                created_ms: 1_768_035_600_000,
            },
            market_id: "mkt_456",
            market_title: "Yes or No",
            sent_ms: 1_700_000_000_000,
        }
    }

    /// The documented example, but for its amount: 150 shares at 0.65 cost 97.50.
    #[test]
    fn a_fill_is_written_as_the_venue_writes_it() {
        let mut out = String::new();
        activity(&mut out, &fill());
        assert_eq!(
            out,
            concat!(
                r#"{"type":"buy_order","data":{"user":{"id":"usr_8b5c3c3a","tag":"prediction_pro","imageUrl":null},"#,
                r#""order":{"id":"ord_7f5e2a1c","amount":97.50,"quantity":150.0,"price":0.65,"status":"FILLED","type":"BUY","#,
                r#""outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","#,
                r#""createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"},"#,
                r#""event":{"id":"evt_123","slug":"us-fed-rate-cut-2026","title":"Will the Fed cut rates in 2026?","#,
                r#""type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null},"#,
                r#""market":{"id":"mkt_456","title":"Yes or No","imageUrl":null}},"timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn what_is_optional_is_null_and_what_is_partial_says_so() {
        let mut out = String::new();
        let fill = Activity {
            user_tag: None,
            side: Side::Ask,
            is_filled: false,
            is_limit: false,
            ..fill()
        };
        activity(&mut out, &fill);
        assert!(out.starts_with(r#"{"type":"sell_order""#));
        for part in [
            r#""tag":null"#,
            r#""status":"PARTIAL_FILLED","type":"SELL""#,
            r#""orderType":"MARKET""#,
        ] {
            assert!(out.contains(part), "{out}");
        }
    }
}
