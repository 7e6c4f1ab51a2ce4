//! `rs_bayse`, the only other client of Bayse Markets in Rust. The levels of its message type are copied into lists.

use anyhow::{Context, anyhow, bail};
use bayse::{OrderbookUpdateEvent, WsEvent};
use ticklot_book::Scale;
use ticklot_frame::TradeSide;

use super::{Factors, Head, Lists, ParseBook, Text};

/// Order books of Bayse Markets.
pub(crate) struct Books {
    factors: Factors,
    /// The last message, which owns its text.
    update: Option<OrderbookUpdateEvent>,
}

impl Books {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            factors: Factors::new(scale),
            update: None,
        }
    }
}

impl ParseBook for Books {
    fn parse<'a>(&'a mut self, text: Text<'a>, lists: &mut Lists) -> anyhow::Result<Head<'a>> {
        lists.clear();
        let event = WsEvent::from_json(text.json()).map_err(|error| anyhow!("{error}"))?;
        let WsEvent::OrderbookUpdate(update) = event else {
            bail!("no order book");
        };
        let update = self.update.insert(update);
        let book = &update.data.orderbook;
        for (levels, list) in [(&book.bids, &mut lists.bids), (&book.asks, &mut lists.asks)] {
            let levels = levels.iter();
            list.extend(levels.map(|level| self.factors.level(level.price, level.quantity)));
        }
        Ok(Head {
            market: &book.market_id,
            outcome: book.outcome_id.as_deref().unwrap_or_default(),
            time: Some(&book.timestamp),
            last_price: book.last_traded_price,
            last_side: book.last_traded_side.as_deref().map(side).transpose()?,
            sent: Some(i64::try_from(update.timestamp).context("a late time")?),
        })
    }
}

fn side(name: &str) -> anyhow::Result<TradeSide> {
    match name {
        "BUY" => Ok(TradeSide::Buy),
        "SELL" => Ok(TradeSide::Sell),
        _ => bail!("no side: {name}"),
    }
}
