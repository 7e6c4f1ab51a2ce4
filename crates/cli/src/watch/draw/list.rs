//! The list of all books.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ticklot::Side;

use super::text::{self, Row};
use super::{Scene, numbers, rule, split_top};
use crate::watch::model::BookModel;

/// The width of the longest status, ` DISCONNECTED `.
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
            let price = format!("{:>12}", best(book, side));
            row.put_right(&price, scene.side(book, side));
        }
    }
    let title = text::fit_middle(&book.title, row.room(), theme.ellipsis());
    row.put(&title, theme.selected(is_selected));
}

fn best(book: &BookModel, side: Side) -> String {
    match book.best(side) {
        Some(level) => numbers::price(book.scale, level.ticks.0.into()),
        None => "-".to_owned(),
    }
}
