//! The messages that are no order books, in the shape that the venue sends: see [`crate::fast`].
//!
//! They are short, and most of them is keys and texts; their numbers are only carried. So there is nothing to
//! find: each key must stand where the venue puts it, and a text ends at its quote. The greeting, the answers to
//! subscriptions and errors are left to the general path: they are few.

use crate::bayse::activity::{Activity, Event, FilledOrder, Market, User};
use crate::bayse::decode::Message;
use crate::bayse::orders::{Order, OrderUpdated};
use crate::bayse::prices::{
    AssetPrice, MAX_EVENT_MARKETS, MAX_OUTCOMES, MarketWords, PriceSpace, PriceUpdate,
    PricedMarkets,
};
use crate::fast::Cursor;
use crate::fast::fields::{integer, list, nullable_string, number, optional, string, trade_side};
use crate::iso_time::IsoTime;
use crate::units::{TradeSide, UnixMillis, UnixSeconds};
use crate::words::{Range, WordSpace};

/// What every message begins with.
const HEAD: &[u8; 9] = b"{\"type\":\"";

/// Reads a fill, the price of an asset, a fill of one's own order, or a pong. None when the text is
/// anything else, or written otherwise.
pub(super) fn message(text: &[u8]) -> Option<Message<'_>> {
    let cursor = &mut Cursor::new(text, 0);
    cursor.expect(HEAD)?;
    // Two letters tell which one it can be.
    match text.get(HEAD.len()..HEAD.len() + 2)? {
        b"as" => asset_price(cursor).map(Message::AssetPrice),
        b"bu" => {
            cursor.expect(b"buy_order\"")?;
            fill(cursor, TradeSide::Buy).map(Message::Activity)
        }
        b"se" => {
            cursor.expect(b"sell_order\"")?;
            fill(cursor, TradeSide::Sell).map(Message::Activity)
        }
        b"or" => order_updated(cursor).map(Message::OrderUpdated),
        b"po" => {
            cursor.expect(b"pong\"")?;
            let sent = sent(cursor)?;
            Some(Message::Pong { sent })
        }
        _ => None,
    }
}

/// Reads a `price_update`, whose markets are left in `space`: the one that is returned has none. None
/// when the text is anything else, or written otherwise; what `space` then holds means nothing.
pub(super) fn price_update<'a>(text: &'a [u8], space: &mut PriceSpace) -> Option<PriceUpdate<'a>> {
    let cursor = &mut Cursor::new(text, 0);
    let event_id = string(cursor, b"{\"type\":\"price_update\",\"data\":{\"id\":\"")?;
    let slug = string(cursor, b",\"slug\":\"")?;
    let title = string(cursor, b",\"title\":\"")?;
    let status = string(cursor, b",\"status\":\"")?;
    let kind = string(cursor, b",\"type\":\"")?;
    let PriceSpace { words, markets } = space;
    words.clear();
    markets.clear();
    cursor.expect(b",\"markets\":[")?;
    list(cursor, b"]", MAX_EVENT_MARKETS, |cursor| {
        markets.push(priced_market(cursor, words)?);
        Some(())
    })?;
    cursor.expect(b"}")?;
    Some(PriceUpdate {
        event_id,
        slug: Some(slug),
        title: Some(title),
        status: Some(status),
        kind: Some(kind),
        markets: PricedMarkets::NONE,
        sent: sent(cursor)?,
    })
}

fn priced_market(cursor: &mut Cursor<'_>, words: &mut WordSpace) -> Option<MarketWords> {
    let id = words.push(string(cursor, b"{\"id\":\"")?);
    let question = words.push(string(cursor, b",\"question\":\"")?);
    cursor.expect(b",\"outcomes\":[")?;
    let outcomes = words.end();
    list(cursor, b"]", MAX_OUTCOMES, |cursor| {
        words.push(string(cursor, b"\"")?);
        Some(())
    })?;
    let outcomes = words.since(outcomes);
    let engine = words.push(string(cursor, b",\"engine\":\"")?);
    let prices = optional(cursor, b",\"prices\":{", |cursor| prices(cursor, words))?;
    cursor.expect(b"}")?;
    Some(MarketWords {
        id,
        question: Some(question),
        engine: Some(engine),
        outcomes,
        prices,
    })
}

/// The most prices of a market that are read here: each label is compared with all before it, which the general
/// path would do again if it came to nothing.
const FEW_PRICES: usize = 8;

/// Labels and prices. A label that stands twice is the general path's to refuse.
fn prices(cursor: &mut Cursor<'_>, words: &mut WordSpace) -> Option<Range> {
    let start = words.end();
    list(cursor, b"}", FEW_PRICES, |cursor| {
        let label = string(cursor, b"\"")?;
        let before = words.view().slice(words.since(start));
        if before.pairs().any(|(name, _)| name == label) {
            return None;
        }
        words.push(label);
        words.push(number(cursor, b":")?.0);
        Some(())
    })?;
    Some(words.since(start))
}

fn asset_price<'a>(cursor: &mut Cursor<'a>) -> Option<AssetPrice<'a>> {
    let symbol = string(cursor, b"asset_price\",\"data\":{\"symbol\":\"")?;
    let price = number(cursor, b",\"price\":")?;
    let source_time = UnixMillis(integer(cursor, b",\"timestamp\":")?);
    cursor.expect(b"}")?;
    Some(AssetPrice {
        symbol,
        price,
        source_time,
        sent: sent(cursor)?,
    })
}

/// The rest of a fill, from behind its type.
fn fill<'a>(cursor: &mut Cursor<'a>, side: TradeSide) -> Option<Activity<'a>> {
    let user = User {
        id: string(cursor, b",\"data\":{\"user\":{\"id\":\"")?,
        tag: nullable_string(cursor, b",\"tag\":")?,
        image_url: nullable_string(cursor, b",\"imageUrl\":")?,
    };
    let order = filled_order(cursor)?;
    let event = Event {
        id: string(cursor, b",\"event\":{\"id\":\"")?,
        slug: string(cursor, b",\"slug\":\"")?,
        title: string(cursor, b",\"title\":\"")?,
        kind: string(cursor, b",\"type\":\"")?,
        created_at: IsoTime(string(cursor, b",\"createdAt\":\"")?),
        image_url: nullable_string(cursor, b",\"imageUrl\":")?,
    };
    let market = Market {
        id: string(cursor, b"},\"market\":{\"id\":\"")?,
        title: string(cursor, b",\"title\":\"")?,
        image_url: nullable_string(cursor, b",\"imageUrl\":")?,
    };
    cursor.expect(b"}}")?;
    Some(Activity {
        side,
        user,
        order,
        event,
        market,
        sent: sent(cursor)?,
    })
}

/// The order of a fill, from the end of the user to its own.
fn filled_order<'a>(cursor: &mut Cursor<'a>) -> Option<FilledOrder<'a>> {
    let order = FilledOrder {
        id: string(cursor, b"},\"order\":{\"id\":\"")?,
        amount: number(cursor, b",\"amount\":")?,
        quantity: number(cursor, b",\"quantity\":")?,
        price: number(cursor, b",\"price\":")?,
        status: string(cursor, b",\"status\":\"")?,
        kind: string(cursor, b",\"type\":\"")?,
        outcome: string(cursor, b",\"outcome\":\"")?,
        outcome_label: string(cursor, b",\"outcomeLabel\":\"")?,
        currency: string(cursor, b",\"currency\":\"")?,
        engine: optional(cursor, b",\"engine\":\"", Cursor::string)?,
        order_type: optional(cursor, b",\"orderType\":\"", Cursor::string)?,
        created_at: IsoTime(string(cursor, b",\"createdAt\":\"")?),
        updated_at: IsoTime(string(cursor, b",\"updatedAt\":\"")?),
    };
    cursor.expect(b"}")?;
    Some(order)
}

fn order_updated<'a>(cursor: &mut Cursor<'a>) -> Option<OrderUpdated<'a>> {
    let order_id = string(cursor, b"order_updated\",\"data\":{\"orderId\":\"")?;
    let event_id = string(cursor, b",\"eventId\":\"")?;
    let market_id = string(cursor, b",\"marketId\":\"")?;
    let order = order(cursor)?;
    let updated = UnixSeconds(integer(cursor, b"},\"timestamp\":")?);
    cursor.expect(b"}")?;
    Some(OrderUpdated {
        order_id,
        event_id: Some(event_id),
        market_id,
        order,
        updated: Some(updated),
        sent: sent(cursor)?,
    })
}

/// An order, from its key to its closing brace, which is left.
fn order<'a>(cursor: &mut Cursor<'a>) -> Option<Order<'a>> {
    Some(Order {
        id: Some(string(cursor, b",\"order\":{\"id\":\"")?),
        user_id: Some(string(cursor, b",\"userId\":\"")?),
        market_id: Some(string(cursor, b",\"marketId\":\"")?),
        outcome_id: Some(string(cursor, b",\"outcomeId\":\"")?),
        outcome_label: Some(string(cursor, b",\"outcomeLabel\":\"")?),
        side: {
            cursor.expect(b",\"side\":")?;
            trade_side(cursor)?
        },
        price: Some(number(cursor, b",\"price\":")?),
        quantity: number(cursor, b",\"quantity\":")?,
        filled_quantity: number(cursor, b",\"filledQuantity\":")?,
        remaining_quantity: number(cursor, b",\"remainingQuantity\":")?,
        avg_fill_price: Some(number(cursor, b",\"avgFillPrice\":")?),
        status: string(cursor, b",\"status\":\"")?,
        time_in_force: Some(string(cursor, b",\"timeInForce\":\"")?),
        created_at: Some(UnixSeconds(integer(cursor, b",\"createdAt\":")?)),
        updated_at: Some(UnixSeconds(integer(cursor, b",\"updatedAt\":")?)),
    })
}

/// When a message was sent, if it says so, and its end.
fn sent(cursor: &mut Cursor<'_>) -> Option<Option<UnixMillis>> {
    let sent = optional(cursor, b",\"timestamp\":", Cursor::integer)?;
    cursor.expect(b"}")?;
    cursor.end()?;
    Some(sent.map(UnixMillis))
}

#[cfg(test)]
mod tests;
