//! The ladder of a book: asks above and bids below, with the best prices in the middle.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ticklot::events::TradeSide;
use ticklot::{BookState, Gap, Side, Ticks};

use super::text::{self, Row};
use super::theme::{BookStatus, Theme};
use super::{Scene, numbers, split_top};
use crate::watch::model::{self, BookModel};

/// The minimum number of rows for a row of headings and a row of sums.
const WITH_HEADINGS: u16 = 7;

/// The minimum number of columns for a bar.
const BAR: usize = 3;

/// Draws the ladder of a book, and returns the number of levels per side that fit.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, at: usize, area: Rect) -> usize {
    let Some(book) = scene.model.books.get(at) else {
        return 0;
    };
    let (mut area, mut ends) = (area, None);
    if area.height >= WITH_HEADINGS {
        let (top, rest) = split_top(area, 1);
        let (rest, bottom) = split_top(rest, rest.height - 1);
        (area, ends) = (rest, Some((top, bottom)));
    }
    let room = room(area.height);
    let depth = scene.view.depth.map_or(room, |depth| depth.min(room));
    let step = scene.view.step(at);
    let layout = LadderLayout::new(scene, book, step, depth, usize::from(area.width));
    if let Some((top, bottom)) = ends {
        layout.headings(&mut Row::new(buffer, top, 0), step);
        layout.sums(&mut Row::new(buffer, bottom, 0));
    }
    let middle = u16::try_from(room).unwrap_or(u16::MAX);
    let has_middle = area.height % 2 == 1 || area.height > 2;
    for (number, row) in (0..).zip(&layout.asks) {
        let at = middle - 1 - number;
        layout.level(&mut Row::new(buffer, area, at), Side::Ask, row, number == 0);
    }
    if has_middle {
        centre(&mut Row::new(buffer, area, middle), scene, book);
    }
    for (number, row) in (0..).zip(&layout.bids) {
        let at = middle + u16::from(has_middle) + number;
        layout.level(&mut Row::new(buffer, area, at), Side::Bid, row, number == 0);
    }
    room
}

/// The number of levels per side that fit into `rows`. Two rows have no middle row.
fn room(rows: u16) -> usize {
    match rows {
        2 => 1,
        _ => usize::from(rows.saturating_sub(1) / 2),
    }
}

/// The rows of a ladder and the widths of their columns.
struct LadderLayout<'a> {
    book: &'a BookModel,
    theme: Theme,
    /// Whether the book was live at the time of the shown model.
    live: bool,
    asks: Vec<model::Row>,
    bids: Vec<model::Row>,
    prices: usize,
    quantities: usize,
    /// None if there is no room for sums.
    sums: Option<usize>,
    /// The quantity of the longest bar.
    most: i64,
}

impl<'a> LadderLayout<'a> {
    fn new(
        scene: &Scene<'_>,
        book: &'a BookModel,
        step: Ticks,
        depth: usize,
        width: usize,
    ) -> Self {
        let asks = book.rows(Side::Ask, step, depth);
        let bids = book.rows(Side::Bid, step, depth);
        let longest = |text: &dyn Fn(&model::Row) -> String| {
            let widths = asks.iter().chain(&bids).map(|row| text::width(&text(row)));
            widths.max().unwrap_or(0)
        };
        let prices = longest(&|row| price(book, row)).max(heading(book, step).len());
        let most = numbers::quantity(book, i128::from(book.most_lots.0));
        let quantities = longest(&|row| quantity(book, row)).max(text::width(&most));
        let sums = longest(&|row| numbers::quantity(book, row.sum)).max(quantities);
        // A sign, and a space before each column.
        let plain = prices + 2 + quantities;
        let has_sums = width >= plain + 1 + sums + 1 + 2 * BAR;
        let lots = asks.iter().chain(&bids).map(|row| row.level.lots.0);
        Self {
            book,
            theme: scene.theme,
            live: scene.was_live(book),
            prices,
            quantities,
            sums: has_sums.then_some(sums),
            most: lots.max().unwrap_or(0),
            asks,
            bids,
        }
    }

    fn headings(&self, row: &mut Row<'_>, step: Ticks) {
        let price = format!("{:>1$} ", heading(self.book, step), self.prices);
        let size = format!(" {:>1$}", "size", self.quantities);
        let sum = self.sums.map(|sums| format!(" {:>sums$}", "sum"));
        for heading in [Some(price), Some(size), sum].into_iter().flatten() {
            if !row.put_whole(&heading, self.theme.quiet()) {
                break;
            }
        }
    }

    /// Draws the number of shown levels and the share of the bids in their quantity.
    fn sums(&self, row: &mut Row<'_>) {
        let sum = |rows: &[model::Row]| rows.last().map_or(0, |row| row.sum);
        let (bids, asks) = (sum(&self.bids), sum(&self.asks));
        let all = bids + asks;
        if all == 0 {
            return;
        }
        let levels = self.bids.len().max(self.asks.len());
        let percent = bids * 100 / all;
        let s = if levels == 1 { "" } else { "s" };
        let text = format!("{levels} level{s}: {percent}% bids");
        row.put_whole(&text, self.theme.quiet());
    }

    fn level(&self, row: &mut Row<'_>, side: Side, of: &model::Row, is_best: bool) {
        let theme = self.theme;
        let mut style = theme.side(side, self.live);
        let bar_style = style;
        if is_best {
            style = style.add_modifier(Modifier::BOLD);
        }
        let price = price(self.book, of);
        row.put(&text::number(&price, self.prices.min(row.room())), style);
        if row.room() < 2 + self.quantities {
            return;
        }
        let highlight = of.highlight.filter(|_| self.live);
        let sign = match highlight {
            _ if of.partial => theme.at_least(),
            Some(highlight) => theme.highlight(highlight),
            None => " ",
        };
        let plain = match self.live {
            true => Style::new(),
            false => theme.quiet(),
        };
        let lit = highlight.map_or(plain, |_| theme.lit(side));
        row.skip(1).put(sign, plain);
        let quantity = quantity(self.book, of);
        row.put(&text::number(&quantity, self.quantities), lit);
        if let Some(sums) = self.sums {
            let sum = numbers::quantity(self.book, of.sum);
            row.skip(1).put(&text::number(&sum, sums), theme.quiet());
        }
        self.bar(row, of.level.lots.0, bar_style);
    }

    fn bar(&self, row: &mut Row<'_>, lots: i64, style: Style) {
        // A space on each side.
        let room = row.room().saturating_sub(2);
        if room < BAR || self.most <= 0 {
            return;
        }
        let eighths = i128::from(lots.max(0)) * 8 * room as i128 / i128::from(self.most);
        let eighths = usize::try_from(eighths).unwrap_or(0).max(1);
        row.skip(1).put(&self.theme.bar(eighths, self.live), style);
    }
}

fn price(book: &BookModel, row: &model::Row) -> String {
    numbers::price(book.scale, i128::from(row.level.ticks.0))
}

fn quantity(book: &BookModel, row: &model::Row) -> String {
    numbers::quantity(book, i128::from(row.level.lots.0))
}

/// The heading of the prices: the step by which they are grouped, if they are.
fn heading(book: &BookModel, step: Ticks) -> String {
    if step == Ticks(1) {
        return "price".to_owned();
    }
    format!("by {}", numbers::price(book.scale, i128::from(step.0)))
}

/// Draws the middle row: the spread and the last trade of a live book, or the reason why the book is not live.
fn centre(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    let theme = scene.theme;
    let status = scene.status(book);
    if !status.is_live() {
        let style = theme.status(status);
        let why = text::fit_end(&why(scene, book, status), row.room(), theme.ellipsis());
        row.put(&why, style).fill(" ", style);
        return;
    }
    let spread = book.spread().map(|it| i128::from(it.0));
    let spread = spread.map_or_else(|| "-".to_owned(), |it| numbers::price(book.scale, it));
    row.put_whole("spread ", theme.quiet());
    row.put_whole(&spread, theme.strong());
    last_trade(row, theme, book);
}

/// Draws the parts of the last trade that fit.
fn last_trade(row: &mut Row<'_>, theme: Theme, book: &BookModel) {
    let Some(last) = book.last_trade else { return };
    let (word, style) = match last.side {
        Some(TradeSide::Buy) => (" BUY", theme.side(Side::Bid, true)),
        Some(TradeSide::Sell) => (" SELL", theme.side(Side::Ask, true)),
        None => ("", Style::new()),
    };
    const NAME: &str = " last ";
    let price = numbers::price(book.scale, i128::from(last.ticks.0));
    for text in [format!("{price}{word}"), price] {
        if row.room() >= text::width(NAME) + text::width(&text) {
            row.put(NAME, theme.quiet()).put(&text, style);
            return;
        }
    }
}

/// Why a book is not live, and since when.
fn why(scene: &Scene<'_>, book: &BookModel, status: BookStatus) -> String {
    let age = book.age(scene.at).map_or("ever".to_owned(), text::time);
    match status {
        BookStatus::Frozen => format!(" FROZEN {} ago", text::time(scene.frozen_for())),
        BookStatus::NoFeed => {
            let since = scene.at.since(scene.model.last_update);
            format!(" NO FEED for {}", text::time(since))
        }
        BookStatus::Is(BookState::Empty) => " EMPTY: no book yet".to_owned(),
        BookStatus::Is(BookState::Stale) => format!(" STALE: silent for {age}"),
        BookStatus::Is(BookState::Disconnected) => format!(" DISCONNECTED, {age} old"),
        BookStatus::Is(BookState::Crossed) => " CROSSED: bid above ask".to_owned(),
        BookStatus::Is(BookState::Gap(gap)) => format!(" GAP: {}", reason(gap)),
        BookStatus::Is(_) => format!(" {}", status.word()),
    }
}

fn reason(gap: Gap) -> &'static str {
    match gap {
        Gap::Sequence { .. } | Gap::Unnumbered { .. } => "a message is missing",
        Gap::Checksum { .. } => "a wrong checksum",
        Gap::NoSnapshot => "no snapshot",
        Gap::Overflow { .. } => "a full buffer",
        Gap::Refused => "not applied",
        _ => "incomplete",
    }
}
