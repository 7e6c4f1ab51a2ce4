//! What happens besides books, as lines.

use std::fmt::{self, Write};

use ticklot::bayse::{Message, Prices};
use ticklot::jayx;
use ticklot::{Books, Event};

/// Whether something is what a user should know of and did not ask for: [`notice`] says what.
pub(crate) fn is_notice(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::BadLine { .. }
            | Event::Refused { .. }
            | Event::Unknown { kind: "error", .. }
            | Event::Stale { .. }
            | Event::Disconnected {
                retry_in: Some(_),
                ..
            }
    )
}

/// A line about it; nothing is written for what is no notice.
pub(crate) fn notice(out: &mut impl Write, event: &Event<'_>, books: &Books) -> fmt::Result {
    match event {
        Event::BadLine { frame, error, .. } => write!(out, "frame {frame}: {error}"),
        Event::Refused { message, .. } => write!(out, "the venue refused: {message}"),
        // Undocumented, but it is what the simulated JayX answers to a wrong symbol.
        Event::Unknown { kind: "error", .. } => {
            out.write_str("the venue refused something, in a form that is not known")
        }
        Event::Stale { book } => write!(out, "{} is stale", books.name(*book)),
        Event::Disconnected {
            reason,
            retry_in: Some(wait),
            ..
        } => {
            let ms = wait.0 / 1_000_000;
            write!(out, "{reason}; connecting again in {ms} ms")
        }
        _ => Ok(()),
    }
}

/// A line about a message of Bayse Markets; nothing for one that is told otherwise.
pub(crate) fn bayse(out: &mut impl Write, message: &Message<'_>) -> fmt::Result {
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
pub(crate) fn jayx(out: &mut impl Write, message: &jayx::Message<'_>) -> fmt::Result {
    match message {
        jayx::Message::Kline(kline) => {
            out.write_str("candle")?;
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
            out.write_str("balances")?;
            positions.iter().try_for_each(|it| {
                write!(
                    out,
                    " | {} {} available {}",
                    it.asset, it.balance.0, it.available.0
                )
            })
        }
        jayx::Message::OpenOrders(orders) => {
            out.write_str("orders")?;
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
