//! Bayse Markets: server messages.

mod activity;
mod order;
mod price;

use ticklot_book::{Level, Scale, Side};

pub use self::activity::{Activity, activity};
pub use self::order::{OrderUpdated, order_updated};
pub use self::price::{AssetPrice, MarketPrices, asset_price, price_update};
use super::text::{decimal, iso_time, number, string};
use crate::market::View;

/// An event, as far as messages tell of it.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Its name in addresses.
    pub slug: &'a str,
    /// Its name.
    pub title: &'a str,
    /// Such as `open`.
    pub status: &'a str,
    /// Such as `SINGLE_MARKET`.
    pub kind: &'a str,
    /// When it was created, in milliseconds since the epoch; sent as whole seconds.
    pub created_ms: u64,
}

/// One outcome's order book, as it goes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct OrderBook<'a> {
    /// The market.
    pub market_id: &'a str,
    /// The outcome: each market has a book for each of its two.
    pub outcome_id: &'a str,
    /// The levels and trades.
    pub view: &'a View,
    /// What a tick and a lot are worth.
    pub scale: Scale,
    /// When the book was like this, in milliseconds since the epoch; sent as whole seconds.
    pub book_ms: u64,
    /// When the message goes out, in milliseconds since the epoch.
    pub sent_ms: u64,
}

/// Appends an `orderbook_update`: an [`order_book`] and when it is sent.
pub fn orderbook_update(out: &mut String, book: &OrderBook<'_>) {
    out.push_str("{\"type\":\"orderbook_update\",\"data\":{\"orderbook\":");
    order_book(out, book);
    out.push('}');
    timestamp(out, book.sent_ms);
}

/// Appends an order book alone, as the venue's REST endpoint has it.
///
/// Prices have all the decimals of their scale (`0.60`), quantities as few as they need (`500`,
/// `3.75`), totals at least one (`300.0`): the venue's examples show all three. The last traded
/// price and side are there once there was a trade.
pub fn order_book(out: &mut String, book: &OrderBook<'_>) {
    out.push_str("{\"marketId\":");
    string(out, book.market_id);
    out.push_str(",\"outcomeId\":");
    string(out, book.outcome_id);
    out.push_str(",\"timestamp\":");
    iso_time(out, book.book_ms);
    out.push_str(",\"bids\":");
    levels(out, &book.view.bids, book.scale);
    out.push_str(",\"asks\":");
    levels(out, &book.view.asks, book.scale);
    last_trade(out, book);
    out.push('}');
}

/// Appends the `connected` that greets a client.
pub fn connected(out: &mut String, client_id: &str, now_ms: u64) {
    out.push_str("{\"type\":\"connected\",\"status\":\"connected\",\"clientId\":");
    string(out, client_id);
    out.push_str(",\"message\":\"Successfully connected to WebSocket server\"");
    timestamp(out, now_ms);
}

/// Appends the answer to a `ping`.
pub fn pong(out: &mut String, now_ms: u64) {
    out.push_str("{\"type\":\"pong\"");
    timestamp(out, now_ms);
}

/// Appends the answer to a subscription: one for each room.
pub fn subscribed(out: &mut String, room: &str, now_ms: u64) {
    room_message(out, "subscribed", "Subscribed to: ", room, now_ms);
}

/// Appends the answer to an `unsubscribe`.
pub fn unsubscribed(out: &mut String, room: &str, now_ms: u64) {
    room_message(out, "unsubscribed", "Unsubscribed from: ", room, now_ms);
}

/// Appends an `error`.
pub fn error(out: &mut String, message: &str, now_ms: u64) {
    out.push_str("{\"type\":\"error\",\"data\":{\"message\":");
    string(out, message);
    out.push('}');
    timestamp(out, now_ms);
}

fn room_message(out: &mut String, kind: &str, before: &str, room: &str, now_ms: u64) {
    out.push_str("{\"type\":");
    string(out, kind);
    out.push_str(",\"room\":");
    string(out, room);
    out.push_str(",\"message\":");
    string(out, &format!("{before}{room}"));
    timestamp(out, now_ms);
}

/// Fields of text, each after a comma.
fn fields(out: &mut String, fields: &[(&str, &str)]) {
    for (name, text) in fields {
        out.push(',');
        string(out, name);
        out.push(':');
        string(out, text);
    }
}

fn status(is_filled: bool) -> &'static str {
    if is_filled {
        "FILLED"
    } else {
        "PARTIAL_FILLED"
    }
}

/// The last field of every message, and the end of it.
fn timestamp(out: &mut String, now_ms: u64) {
    out.push_str(",\"timestamp\":");
    number(out, now_ms);
    out.push('}');
}

fn levels(out: &mut String, levels: &[Level], scale: Scale) {
    let (price, quantity) = (scale.price_decimals(), scale.quantity_decimals());
    out.push('[');
    for (place, level) in levels.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let (ticks, lots) = (i128::from(level.ticks.0), i128::from(level.lots.0));
        out.push_str("{\"price\":");
        decimal(out, ticks, price, price);
        out.push_str(",\"quantity\":");
        decimal(out, lots, quantity, 0);
        out.push_str(",\"total\":");
        // Decimals add up under multiplication: the product is exact.
        decimal(out, ticks * lots, price + quantity, 1);
        out.push('}');
    }
    out.push(']');
}

fn last_trade(out: &mut String, book: &OrderBook<'_>) {
    let Some(trade) = book.view.trades.first() else {
        return;
    };
    let decimals = book.scale.price_decimals();
    out.push_str(",\"lastTradedPrice\":");
    decimal(out, i128::from(trade.ticks.0), decimals, decimals);
    out.push_str(match trade.taker {
        Side::Bid => ",\"lastTradedSide\":\"BUY\"",
        Side::Ask => ",\"lastTradedSide\":\"SELL\"",
    });
}

#[cfg(test)]
mod tests {
    use ticklot_book::{Lots, Ticks};

    use super::*;
    use crate::market::Trade;

    fn made(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    fn update(view: &View) -> String {
        let book = OrderBook {
            market_id: "mkt_456",
            outcome_id: "out_789",
            view,
            scale: Scale::new(2, 2).unwrap(),
            book_ms: 1_771_324_800_000,
            sent_ms: 1_700_000_000_000,
        };
        made(|out| orderbook_update(out, &book))
    }

    #[test]
    fn an_order_book_is_written_as_the_venue_writes_it() {
        let level = |ticks, lots| Level::new(Ticks(ticks), Lots(lots));
        let view = View {
            bids: vec![level(60, 50_000), level(55, 30_000)],
            asks: vec![level(65, 375)],
            trades: vec![Trade {
                ticks: Ticks(65),
                lots: Lots(1),
                taker: Side::Bid,
                created_ms: 0,
            }],
        };
        assert_eq!(
            update(&view),
            concat!(
                r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","#,
                r#""outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z","#,
                r#""bids":[{"price":0.60,"quantity":500,"total":300.0},"#,
                r#"{"price":0.55,"quantity":300,"total":165.0}],"#,
                r#""asks":[{"price":0.65,"quantity":3.75,"total":2.4375}],"#,
                r#""lastTradedPrice":0.65,"lastTradedSide":"BUY"}},"timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn an_empty_book_without_a_trade_names_no_trade() {
        assert_eq!(
            update(&View::default()),
            concat!(
                r#"{"type":"orderbook_update","data":{"orderbook":{"marketId":"mkt_456","#,
                r#""outcomeId":"out_789","timestamp":"2026-02-17T10:40:00Z","bids":[],"asks":[]}},"#,
                r#""timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn the_small_messages_are_word_for_word() {
        let ms = 1_700_000_000_000;
        assert_eq!(
            made(|out| connected(out, "a1", ms)),
            r#"{"type":"connected","status":"connected","clientId":"a1","message":"Successfully connected to WebSocket server","timestamp":1700000000000}"#
        );
        assert_eq!(
            made(|out| pong(out, ms)),
            r#"{"type":"pong","timestamp":1700000000000}"#
        );
        assert_eq!(
            made(|out| subscribed(out, "prices:evt_123", ms)),
            r#"{"type":"subscribed","room":"prices:evt_123","message":"Subscribed to: prices:evt_123","timestamp":1700000000000}"#
        );
        assert_eq!(
            made(|out| unsubscribed(out, "prices:evt_123", ms)),
            r#"{"type":"unsubscribed","room":"prices:evt_123","message":"Unsubscribed from: prices:evt_123","timestamp":1700000000000}"#
        );
        assert_eq!(
            made(|out| error(out, "Event ID is required", ms)),
            r#"{"type":"error","data":{"message":"Event ID is required"},"timestamp":1700000000000}"#
        );
    }
}
