//! The latest trades of a book, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ticklot::Side;
use ticklot::events::TradeSide;

use super::text::{self, Row};
use super::{Scene, numbers, rule, split_top};
use crate::watch::model::BookModel;
use crate::watch::ui_snapshot::RecentTrade;

/// The width of `12:34:56.789`.
const TIME: usize = 12;

/// The width of `SELL`.
const WORD: usize = 4;

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, at: usize, area: Rect) {
    let Some(book) = scene.model.books.get(at) else {
        return;
    };
    let (top, below) = split_top(area, 1);
    rule(buffer, scene.theme, top, "trades (UTC)");
    if book.recent_trades.count() == 0 {
        Row::new(buffer, below, 0).put("none yet", scene.theme.quiet());
        return;
    }
    let recent_trades = || book.recent_trades.iter().take(usize::from(below.height));
    let longest = |text: fn(&BookModel, &RecentTrade) -> String| {
        let widths = recent_trades().map(|trade| text::width(&text(book, trade)));
        widths.max().unwrap_or(0)
    };
    let (prices, quantities) = (longest(price), longest(quantity));
    for (number, trade) in (0..).zip(recent_trades()) {
        let mut row = Row::new(buffer, below, number);
        let all = TIME + WORD + prices + quantities + 3;
        if row.room() >= all {
            let time = format!("{:>TIME$} ", when(scene, trade));
            row.put(&time, scene.theme.quiet());
        }
        let (word, style) = match trade.side {
            Some(TradeSide::Buy) => ("BUY", scene.theme.side(Side::Bid, true)),
            Some(TradeSide::Sell) => ("SELL", scene.theme.side(Side::Ask, true)),
            None => ("", Style::new()),
        };
        if row.room() >= WORD + prices + quantities + 2 {
            row.put(&format!("{word:WORD$} "), style);
        }
        let price = text::number(&price(book, trade), prices.min(row.room()));
        row.put(&price, style);
        if row.room() > quantities {
            let quantity = text::number(&quantity(book, trade), quantities);
            row.skip(1).put(&quantity, Style::new());
        }
    }
}

fn price(book: &BookModel, trade: &RecentTrade) -> String {
    numbers::price(book.scale, i128::from(trade.ticks.0))
}

/// The traded quantity; empty if the venue does not report it.
fn quantity(book: &BookModel, trade: &RecentTrade) -> String {
    let lots = trade.lots.map(|lots| i128::from(lots.0));
    lots.map_or_else(String::new, |lots| numbers::quantity(book, lots))
}

/// The time of the trade or, if it is unknown, the time since it was reported.
fn when(scene: &Scene<'_>, trade: &RecentTrade) -> String {
    match trade.created {
        Some(created) => text::time_of_day(created),
        None => format!("{} ago", text::time(scene.at.since(trade.reported))),
    }
}
