//! The list of all books.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ticklot::Side;

use super::numbers;
use super::text::{self, Row};
use super::{Scene, rule, split_top};
use crate::watch::model::BookModel;

/// How wide the longest word of a standing is, ` DISCONNECTED `.
const LABEL: usize = 14;

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) {
    let (top, below) = split_top(area, 1);
    let books = &scene.model.books;
    rule(buffer, scene.theme, top, &format!("books: {}", books.len()));
    let rows = usize::from(below.height);
    if rows == 0 {
        return;
    }
    let first = scene.selected() / rows * rows;
    for (number, (at, book)) in (0..).zip(books.iter().enumerate().skip(first).take(rows)) {
        let mut row = Row::new(buffer, below, number);
        let is_selected = at == scene.selected();
        entry(&mut row, scene, at, book, is_selected);
    }
}

fn entry(row: &mut Row<'_>, scene: &Scene<'_>, at: usize, book: &BookModel, is_selected: bool) {
    let theme = scene.theme;
    let sign = if is_selected { ">" } else { " " };
    row.put(&format!("{sign}{:<2}", at + 1), theme.strong());
    let status = scene.status(book);
    let label = format!(" {} ", status.word());
    row.put(&label, theme.status(status));
    row.skip(LABEL.saturating_sub(text::width(&label)) + 1);
    if row.room() >= 48 {
        for side in [Side::Ask, Side::Bid] {
            let style = if scene.was_live(book) {
                theme.side(side)
            } else {
                theme.quiet()
            };
            row.put_right(&format!("{:>12}", best(book, side)), style);
        }
    }
    let style = if is_selected {
        Style::new().add_modifier(Modifier::BOLD)
    } else {
        Style::new()
    };
    row.put(
        &text::fit_middle(&book.title, row.room(), theme.ellipsis()),
        style,
    );
}

fn best(book: &BookModel, side: Side) -> String {
    let best = book.best(side);
    best.map_or_else(
        || "-".to_owned(),
        |level| numbers::price(book.scale, i128::from(level.ticks.0)),
    )
}
