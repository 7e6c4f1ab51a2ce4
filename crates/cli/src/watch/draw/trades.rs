//! A book's trades: the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ticklot::Side;
use ticklot::events::TradeSide;

use super::numbers;
use super::text::{self, Row};
use super::{Scene, rule, split_top};
use crate::watch::model::BookModel;
use crate::watch::shot::Print;

/// How wide `12:34:56.789` is.
const TIME: usize = 12;

/// How wide `SELL` is.
const WORD: usize = 4;

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, at: usize, area: Rect) {
    let Some(book) = scene.model.books.get(at) else {
        return;
    };
    let (top, below) = split_top(area, 1);
    rule(buffer, scene.look, top, "trades (UTC)");
    if book.prints.count() == 0 {
        Row::new(buffer, below, 0).put("none yet", scene.look.quiet());
        return;
    }
    let prints = || book.prints.iter().take(usize::from(below.height));
    let longest = |text: fn(&BookModel, &Print) -> String| {
        let widths = prints().map(|print| text::width(&text(book, print)));
        widths.max().unwrap_or(0)
    };
    let (prices, quantities) = (longest(price), longest(quantity));
    for (number, print) in (0..).zip(prints()) {
        let mut row = Row::new(buffer, below, number);
        let all = TIME + WORD + prices + quantities + 3;
        if row.room() >= all {
            let time = format!("{:>TIME$} ", when(scene, print));
            row.put(&time, scene.look.quiet());
        }
        let (word, style) = match print.side {
            Some(TradeSide::Buy) => ("BUY", scene.look.side(Side::Bid)),
            Some(TradeSide::Sell) => ("SELL", scene.look.side(Side::Ask)),
            None => ("", Style::new()),
        };
        if row.room() >= WORD + prices + quantities + 2 {
            row.put(&format!("{word:WORD$} "), style);
        }
        row.put(
            &text::number(&price(book, print), prices.min(row.room())),
            style,
        );
        if row.room() > quantities {
            let quantity = text::number(&quantity(book, print), quantities);
            row.skip(1).put(&quantity, Style::new());
        }
    }
}

fn price(book: &BookModel, print: &Print) -> String {
    numbers::price(book.scale, i128::from(print.ticks.0))
}

/// How much was traded; nothing, where the venue does not say.
fn quantity(book: &BookModel, print: &Print) -> String {
    let lots = print.lots.map(|lots| i128::from(lots.0));
    lots.map_or_else(String::new, |lots| numbers::quantity(book, lots))
}

/// When the trade was made or, when that is not told, how long ago it was heard of.
fn when(scene: &Scene<'_>, print: &Print) -> String {
    match print.created {
        Some(created) => text::time_of_day(created),
        None => format!("{} ago", text::time(scene.at.since(print.told))),
    }
}
