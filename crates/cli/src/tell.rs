//! Messages of Bayse Markets as lines.

use std::fmt::{self, Write};

use ticklot::bayse::{Message, Prices};

/// A line about a message; nothing for one that is told otherwise.
pub(crate) fn line(out: &mut String, message: &Message<'_>) -> fmt::Result {
    match message {
        Message::PriceUpdate(update) => {
            write!(out, "prices {}", update.event_id)?;
            for market in update.markets.iter() {
                write!(out, " | {}", market.id)?;
                for (label, price) in market.prices.iter().flat_map(Prices::iter) {
                    write!(out, " {label} {}", price.0)?;
                }
            }
            Ok(())
        }
        Message::Activity(fill) => write!(
            out,
            "{} {} {} {} x {} {} by {}",
            fill.side.as_str(),
            fill.market.id,
            fill.order.outcome,
            fill.order.price.0,
            fill.order.quantity.0,
            fill.order.currency,
            fill.user.tag.unwrap_or(fill.user.id),
        ),
        Message::AssetPrice(price) => write!(out, "asset {} {}", price.symbol, price.price.0),
        Message::OrderUpdated(update) => write!(
            out,
            "order {} {} {} filled {} of {}",
            update.order_id,
            update.market_id,
            update.order.status,
            update.order.filled_quantity.0,
            update.order.quantity.0,
        ),
        _ => Ok(()),
    }
}
