//! The model as a picture. Nothing here decides anything but where things stand.

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
use ticklot::Nanos;

use self::text::Row;
use self::theme::{BookStatus, Theme};
use super::keys::{Layout, View};
use super::model::{BookModel, Model};

/// The least columns and rows that there is anything to be shown in.
const LEAST: (u16, u16) = (16, 3);

/// The least columns and rows that a ladder is given when there are several.
const TILE: (u16, u16) = (24, 12);

/// The least columns that leave room beside a ladder.
const BESIDE: u16 = 64;

/// A picture too low for these has no footer, and one too low for those has no header either.
const WITH_FOOTER: u16 = 8;
const WITH_HEADER: u16 = 6;

/// The data of a drawing.
pub(crate) struct Scene<'a> {
    /// The model that is shown.
    pub(crate) model: &'a Model,
    /// At which moment it is shown; of a picture that stands still, when it was stopped.
    pub(crate) at: Nanos,
    /// The present model, which is shown unless the screen is frozen.
    pub(crate) latest: &'a Model,
    pub(crate) now: Nanos,
    pub(crate) view: &'a View,
    pub(crate) theme: Theme,
}

impl Scene<'_> {
    /// How a book stands, as it is shown.
    fn status(&self, book: &BookModel) -> BookStatus {
        if self.view.frozen {
            BookStatus::Frozen
        } else {
            status(self.model, book, self.at)
        }
    }

    /// Whether a book was live at the moment that is shown.
    fn was_live(&self, book: &BookModel) -> bool {
        status(self.model, book, self.at).is_live()
    }

    /// How long the picture has stood still.
    fn frozen_for(&self) -> Duration {
        self.now.since(self.at)
    }

    /// The book that keys are about.
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

/// What of the picture there is to know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// How many levels a side the selected book's ladder has room for.
    pub(crate) room: usize,
    /// The books that have a ladder; all, where the layout is not of all.
    books: Range<usize>,
}

/// Draws all of it.
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
    if is_one && area.width >= BESIDE {
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

/// Draws the log, if it has lines and there is room, and returns the area above.
fn above_log(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> Rect {
    let rows = (area.height / 5).min(10);
    if scene.model.log.count() == 0 || rows < 3 {
        return area;
    }
    let (above, below) = split_top(area, area.height - rows);
    log::draw(buffer, scene, below);
    above
}

/// Where the ladders of several books stand.
struct Grid {
    books: Range<usize>,
    columns: u16,
    rows: u16,
}

impl Grid {
    /// As many as fit, among them the selected one.
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

    /// Where they stand, row by row, and whether each is the first of its row.
    fn places(&self, area: Rect) -> impl Iterator<Item = (Rect, bool)> {
        let columns = self.columns;
        let rows = split(area, self.rows, false).into_iter();
        rows.flat_map(move |row| {
            let places = split(row, columns, true).into_iter().enumerate();
            places.map(|(column, place)| (place, column == 0))
        })
    }
}

/// As many ladders as fit.
fn all(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> Drawn {
    let grid = Grid::new(area, scene.model.books.len(), scene.selected());
    let mut drawn = Drawn {
        room: 0,
        books: grid.books.clone(),
    };
    for (book, (place, is_first)) in grid.books.clone().zip(grid.places(area)) {
        if !is_first {
            separator(buffer, scene, place);
        }
        let room = tile::draw(buffer, scene, book, place);
        if book == scene.selected() {
            drawn.room = room;
        }
    }
    drawn
}

/// The two outcomes of the selected book's market.
fn pair(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> usize {
    let (first, second) = scene.model.pair(scene.selected());
    let (top, below) = split_top(area, u16::from(area.height >= WITH_HEADER));
    let Some(second) = second else {
        let quiet = scene.theme.quiet();
        Row::new(buffer, top, 0).put("this book is the only one of its market", quiet);
        return tile::draw(buffer, scene, first, below);
    };
    outcomes::draw(buffer, scene, top, [first, second]);
    let beside = below.width > 2 * TILE.0;
    if !beside && below.height < 2 * WITH_HEADER {
        return tile::draw(buffer, scene, scene.selected(), below);
    }
    let places = split(below, 2, beside);
    if beside {
        separator(buffer, scene, places[1]);
    }
    let left = tile::draw(buffer, scene, first, places[0]);
    left.min(tile::draw(buffer, scene, second, places[1]))
}

/// The selected book, with the list of all and its trades beside it.
fn one(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) -> usize {
    let width = (area.width / 2).min(96);
    let (left, right) = split_left(area, width);
    let right = separated(buffer, scene, right);
    let books = u16::try_from(scene.model.books.len()).unwrap_or(u16::MAX);
    let (list, rest) = split_top(right, books.saturating_add(1).min(right.height / 3));
    list::draw(buffer, scene, list);
    let rows = if scene.model.log.count() > 0 {
        rest.height / 3
    } else {
        0
    };
    let (trades, log) = split_top(rest, rest.height - rows);
    trades::draw(buffer, scene, scene.selected(), trades);
    log::draw(buffer, scene, log);
    tile::draw(buffer, scene, scene.selected(), left)
}

/// A line between two parts, down the column before the right one.
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

/// A line between two parts, down the first column of the right one; what is left of it.
fn separated(buffer: &mut Buffer, scene: &Scene<'_>, right: Rect) -> Rect {
    let (_, rest) = split_left(right, 1);
    separator(buffer, scene, rest);
    rest
}

/// A row with the heading of the rows below it.
fn rule(buffer: &mut Buffer, theme: Theme, area: Rect, title: &str) {
    let mut row = Row::new(buffer, area, 0);
    row.put(theme.horizontal(), theme.quiet());
    row.put(&format!(" {title} "), Style::new());
    row.fill(theme.horizontal(), theme.quiet());
}

fn split_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let height = rows.min(area.height);
    let (y, rest) = (area.y + height, area.height - height);
    (
        Rect { height, ..area },
        Rect {
            y,
            height: rest,
            ..area
        },
    )
}

fn split_left(area: Rect, columns: u16) -> (Rect, Rect) {
    let width = columns.min(area.width);
    let (x, rest) = (area.x + width, area.width - width);
    (
        Rect { width, ..area },
        Rect {
            x,
            width: rest,
            ..area
        },
    )
}

/// Equal parts beside each other, with a column between them, or below each other. The last one has
/// what is over.
fn split(area: Rect, parts: u16, beside: bool) -> Vec<Rect> {
    let gap = u16::from(beside);
    let whole = if beside { area.width } else { area.height };
    let each = whole.saturating_sub(gap * (parts - 1)) / parts;
    let part = |number: u16| {
        let start = number * (each + gap);
        let size = if number + 1 == parts {
            whole.saturating_sub(start)
        } else {
            each
        };
        let cut = if beside { split_left } else { split_top };
        cut(cut(area, start).1, size).0
    };
    (0..parts).map(part).collect()
}

#[cfg(test)]
mod tests;
