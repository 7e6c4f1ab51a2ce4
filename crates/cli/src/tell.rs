//! Messages that are no books as lines.

use std::fmt::{self, Write};

use ticklot::bayse::{Message, Prices};
use ticklot::jayx;

/// A line about a message of Bayse Markets; nothing for one that is told otherwise.
pub(crate) fn bayse(out: &mut String, message: &Message<'_>) -> fmt::Result {
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

/// A line about a message of JayX; nothing for one that is told otherwise.
pub(crate) fn jayx(out: &mut String, message: &jayx::Message<'_>) -> fmt::Result {
    match message {
        jayx::Message::Kline(kline) => {
            out.push_str("candle");
            for (what, candle) in [("add", kline.add), ("modify", kline.modify)] {
                let Some(c) = candle else { continue };
                write!(
                    out,
                    " {what} {} {} open {} high {}",
                    c.symbol, c.opened.0, c.open, c.high
                )?;
                write!(out, " low {} close {} volume {}", c.low, c.close, c.volume)?;
            }
            Ok(())
        }
        jayx::Message::Positions(positions) => {
            out.push_str("balances");
            positions.iter().try_for_each(|it| {
                write!(
                    out,
                    " | {} {} available {}",
                    it.asset, it.balance.0, it.available.0
                )
            })
        }
        jayx::Message::OpenOrders(orders) => {
            out.push_str("orders");
            for (what, list) in [("cancel", orders.cancel), ("modify", orders.modify)] {
                for it in list.iter() {
                    write!(out, " | {what} {} {} {}", it.id, it.side.as_str(), it.state)?;
                    write!(
                        out,
                        " {} x {} done {}",
                        it.price.0, it.quantity.0, it.executed
                    )?;
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
