//! Draws the model. This module decides only the layout.

mod footer;
mod header;
mod help;
mod ladder;
mod list;
mod log;
mod numbers;
mod outcomes;
mod text;
pub(crate) mod theme;
mod tile;
mod trades;

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ticklot::{Nanos, Side};

use self::text::Row;
use self::theme::{BookStatus, Theme};
use super::keys::{Layout, View};
use super::latency::Latency;
use super::model::{BookModel, Model};

/// The smallest screen, in columns and rows.
const LEAST: (u16, u16) = (16, 3);

/// The smallest tile of a book if there are several, in columns and rows.
const TILE: (u16, u16) = (24, 12);

/// The minimum number of columns for a side column next to a ladder.
const WITH_SIDE_COLUMN: u16 = 64;

/// The minimum number of rows for the footer.
const WITH_FOOTER: u16 = 8;
/// The minimum number of rows for the header.
const WITH_HEADER: u16 = 6;

/// The data of a drawing.
pub(crate) struct Scene<'a> {
    /// The model that is shown.
    pub(crate) model: &'a Model,
    /// The time of the shown model; for a frozen screen, when it was frozen.
    pub(crate) at: Nanos,
    /// The current model, which is shown unless the screen is frozen.
    pub(crate) latest: &'a Model,
    pub(crate) now: Nanos,
    pub(crate) view: &'a View,
    pub(crate) theme: Theme,
}

impl Scene<'_> {
    /// The displayed status of a book.
    fn status(&self, book: &BookModel) -> BookStatus {
        if self.view.frozen {
            BookStatus::Frozen
        } else {
            status(self.model, book, self.at)
        }
    }

    /// Whether a book was live at the time of the shown model.
    fn was_live(&self, book: &BookModel) -> bool {
        status(self.model, book, self.at).is_live()
    }

    /// The style of a side of a book: muted if it was not live.
    fn side(&self, book: &BookModel, side: Side) -> Style {
        self.theme.side(side, self.was_live(book))
    }

    /// The time since the screen was frozen.
    fn frozen_for(&self) -> Duration {
        self.now.since(self.at)
    }

    /// The index of the selected book.
    fn selected(&self) -> usize {
        let last = self.model.books.len().saturating_sub(1);
        self.view.selected.min(last)
    }
}

/// A book's status on a screen that is not frozen.
fn status(model: &Model, book: &BookModel, now: Nanos) -> BookStatus {
    if model.has_feed(now) {
        BookStatus::Is(book.state)
    } else {
        BookStatus::NoFeed
    }
}

/// The result of a drawing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The number of levels per side that fit into the selected book's ladder.
    pub(crate) room: usize,
    /// The books with a ladder in the layout of all books; in other layouts, all.
    books: Range<usize>,
}

/// Draws the whole screen.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>) -> Drawn {
    let whole = buffer.area;
    if whole.width < LEAST.0 || whole.height < LEAST.1 {
        Row::new(buffer, whole, 0).put("too small", scene.theme.warning());
        return Drawn::default();
    }
    let (top, rest) = split_top(whole, u16::from(whole.height >= WITH_HEADER));
    let footer = u16::from(whole.height >= WITH_FOOTER);
    let (body, bottom) = split_top(rest, rest.height - footer);
    let drawn = draw_body(buffer, scene, body);
    header::draw(buffer, scene, top, &drawn.books);
    footer::draw(buffer, scene, bottom);
    if scene.view.help {
        help::draw(buffer, scene, whole);
    }
    drawn
}

fn draw_body(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> Drawn {
    let books = 0..scene.model.books.len();
    if books.is_empty() {
        log::draw(buffer, scene, area);
        return Drawn::default();
    }
    let is_one = scene.view.layout == Layout::One;
    if is_one && area.width >= WITH_SIDE_COLUMN {
        let room = one(buffer, scene, area);
        return Drawn { room, books };
    }
    let area = above_log(buffer, scene, area);
    let room = match scene.view.layout {
        Layout::All => return all(buffer, scene, area),
        Layout::Pair => pair(buffer, scene, area),
        Layout::One => tile::draw(buffer, scene, scene.selected(), area),
    };
    Drawn { room, books }
}

/// Draws the log if it has lines and fits, and returns the area above.
fn above_log(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> Rect {
    let rows = (area.height / 5).min(10);
    if scene.model.log.count() == 0 || rows < 3 {
        return area;
    }
    let (above, below) = split_top(area, area.height - rows);
    log::draw(buffer, scene, below);
    above
}

/// The layout of the ladders of several books.
struct Grid {
    books: Range<usize>,
    columns: u16,
    rows: u16,
}

impl Grid {
    /// The page with the selected book. A page has the books that fit.
    fn new(area: Rect, books: usize, selected: usize) -> Self {
        let most = u16::try_from(books).unwrap_or(u16::MAX).max(1);
        let columns = ((area.width + 1) / (TILE.0 + 1)).clamp(1, most);
        let rows = (area.height / TILE.1).clamp(1, most.div_ceil(columns));
        let fit = usize::from(columns) * usize::from(rows);
        let first = selected / fit * fit;
        Self {
            books: first..books.min(first + fit),
            columns,
            rows,
        }
    }

    /// The areas of the ladders, row by row, and whether each is the first of its row.
    fn areas(&self, area: Rect) -> impl Iterator<Item = (Rect, bool)> {
        let columns = self.columns;
        let rows = split(area, self.rows, false).into_iter();
        rows.flat_map(move |row| {
            let areas = split(row, columns, true).into_iter().enumerate();
            areas.map(|(column, area)| (area, column == 0))
        })
    }
}

/// Draws as many ladders as fit.
fn all(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> Drawn {
    let grid = Grid::new(area, scene.model.books.len(), scene.selected());
    let mut drawn = Drawn {
        room: 0,
        books: grid.books.clone(),
    };
    for (book, (area, is_first)) in grid.books.clone().zip(grid.areas(area)) {
        if !is_first {
            separator(buffer, scene, area);
        }
        let room = tile::draw(buffer, scene, book, area);
        if book == scene.selected() {
            drawn.room = room;
        }
    }
    drawn
}

/// Draws the two outcomes of the selected book's market.
fn pair(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> usize {
    let (first, second) = scene.model.pair(scene.selected());
    let (top, below) = split_top(area, u16::from(area.height >= WITH_HEADER));
    let Some(second) = second else {
        let quiet = scene.theme.quiet();
        Row::new(buffer, top, 0).put("this book is the only one of its market", quiet);
        return tile::draw(buffer, scene, first, below);
    };
    outcomes::draw(buffer, scene, top, [first, second]);
    let is_wide = below.width > 2 * TILE.0;
    if !is_wide && below.height < 2 * WITH_HEADER {
        return tile::draw(buffer, scene, scene.selected(), below);
    }
    let areas = split(below, 2, is_wide);
    if is_wide {
        separator(buffer, scene, areas[1]);
    }
    let left = tile::draw(buffer, scene, first, areas[0]);
    left.min(tile::draw(buffer, scene, second, areas[1]))
}

/// Draws the selected book, with a side column of all books, its trades and the log.
fn one(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> usize {
    let width = (area.width / 2).min(96);
    let (left, right) = split_left(area, width);
    let (_, right) = split_left(right, 1);
    separator(buffer, scene, right);
    let books = u16::try_from(scene.model.books.len()).unwrap_or(u16::MAX);
    let (list, rest) = split_top(right, books.saturating_add(1).min(right.height / 3));
    list::draw(buffer, scene, list);
    let rows = match scene.model.log.count() {
        0 => 0,
        _ => rest.height / 3,
    };
    let (trades, log) = split_top(rest, rest.height - rows);
    trades::draw(buffer, scene, scene.selected(), trades);
    log::draw(buffer, scene, log);
    tile::draw(buffer, scene, scene.selected(), left)
}

/// Draws a vertical line in the column before an area.
fn separator(buffer: &mut Buffer, scene: &Scene<'_>, right: Rect) {
    let line = Rect {
        x: right.x.saturating_sub(1),
        width: 1,
        ..right
    };
    for row in 0..line.height {
        Row::new(buffer, line, row).put(scene.theme.vertical(), scene.theme.quiet());
    }
}

/// Draws percentiles of latencies as far as they fit; `first` is the label of the first with its spaces.
fn latencies(row: &mut Row<'_>, theme: Theme, latency: Option<&Latency>, first: &str) {
    let Some(summary) = latency.and_then(Latency::summary) else {
        return;
    };
    for (name, ns) in [
        (first, summary.p50),
        ("  p99", summary.p99),
        ("  max", summary.max),
    ] {
        row.put_whole(&format!("{name} {}", text::latency(ns)), theme.quiet());
    }
}

/// Draws a row with a heading.
fn rule(buffer: &mut Buffer, theme: Theme, area: Rect, title: &str) {
    let mut row = Row::new(buffer, area, 0);
    row.put(theme.horizontal(), theme.quiet());
    row.put(&format!(" {title} "), Style::new());
    row.fill(theme.horizontal(), theme.quiet());
}

/// The top `rows` of an area, and the rest.
fn split_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let (mut top, mut rest) = (area, area);
    top.height = rows.min(area.height);
    rest.y += top.height;
    rest.height -= top.height;
    (top, rest)
}

/// The left `columns` of an area, and the rest.
fn split_left(area: Rect, columns: u16) -> (Rect, Rect) {
    let (mut left, mut rest) = (area, area);
    left.width = columns.min(area.width);
    rest.x += left.width;
    rest.width -= left.width;
    (left, rest)
}

/// Splits an area into equal columns, with a column between them, or into equal rows. The last part has the remainder.
fn split(area: Rect, parts: u16, columns: bool) -> Vec<Rect> {
    let gap = u16::from(columns);
    let whole = if columns { area.width } else { area.height };
    let each = whole.saturating_sub(gap * (parts - 1)) / parts;
    let cut = if columns { split_left } else { split_top };
    let part = |number: u16| {
        let rest = cut(area, number * (each + gap)).1;
        match number + 1 == parts {
            true => rest,
            false => cut(rest, each).0,
        }
    };
    (0..parts).map(part).collect()
}

#[cfg(test)]
mod tests;
