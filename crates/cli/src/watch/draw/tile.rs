//! A tile: the name, status and ladder of a book and, if they fit, its trades.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{self, Row};
use super::{Scene, ladder, latencies, split_top, trades};
use crate::watch::keys::Layout;
use crate::watch::model::BookModel;

/// The minimum number of rows for the three lines above a ladder.
const WITH_FACTS: u16 = 10;

/// The minimum number of rows for trades below the ladder.
const WITH_TRADES: u16 = 30;

/// Draws the tile, and returns the number of levels per side that fit into its ladder.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, at: usize, area: Rect) -> usize {
    let Some(book) = scene.model.books.get(at) else {
        return 0;
    };
    let below = if area.height >= WITH_FACTS {
        let (top, below) = split_top(area, 3);
        name(&mut Row::new(buffer, top, 0), scene, at, book);
        condition(&mut Row::new(buffer, top, 1), scene, book);
        let mut row = Row::new(buffer, top, 2);
        latencies(&mut row, scene.theme, book.latency.as_ref(), " p50");
        below
    } else {
        let (top, below) = split_top(area, 1);
        short(&mut Row::new(buffer, top, 0), scene, book);
        below
    };
    let is_one = scene.view.layout == Layout::One;
    let in_side_column = is_one && buffer.area.width >= super::WITH_SIDE_COLUMN;
    if area.height < WITH_TRADES || in_side_column || book.recent_trades.count() == 0 {
        return ladder::draw(buffer, scene, at, below);
    }
    let (above, own) = split_top(below, below.height - area.height / 4);
    trades::draw(buffer, scene, at, own);
    ladder::draw(buffer, scene, at, above)
}

/// Draws the number of the book, if there are several, and its name.
fn name(row: &mut Row<'_>, scene: &Scene<'_>, at: usize, book: &BookModel) {
    let theme = scene.theme;
    let is_selected = at == scene.selected();
    if scene.model.books.len() > 1 {
        let sign = if is_selected { ">" } else { " " };
        row.put(&format!("{sign}{} ", at + 1), theme.strong());
    }
    let title = text::fit_middle(&book.title, row.room(), theme.ellipsis());
    row.put(&title, theme.selected(is_selected));
}

/// Draws the status, the age and the message rate.
fn condition(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    let theme = scene.theme;
    label(row, scene, book);
    if scene.view.frozen {
        let was = format!("was {}", book.state);
        row.skip(1).put_whole(&was, Style::new());
    }
    age(row, scene, book);
    let rate = text::rate(book.rate.per_second());
    row.put_whole(&format!(" {rate}"), theme.quiet());
}

fn label(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    let status = scene.status(book);
    row.put(&format!(" {} ", status.word()), scene.theme.status(status));
}

fn age(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    if let Some(age) = book.age(scene.at) {
        let style = scene.theme.age(age.as_secs());
        row.put_whole(&format!(" {:>5}", text::time(age)), style);
    }
}

/// Draws the status, the name and the age in one row.
fn short(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    label(row, scene, book);
    row.skip(1);
    let name = text::fit_middle(&book.title, row.room(), scene.theme.ellipsis());
    row.put(&name, scene.theme.strong());
    age(row, scene, book);
}
