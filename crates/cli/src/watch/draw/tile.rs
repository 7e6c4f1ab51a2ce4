//! A book: its name, its status, its ladder and, where there is room, its trades.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text::{self, Row};
use super::{Scene, ladder, split_top, trades};
use crate::watch::keys::Layout;
use crate::watch::latency::Latency;
use crate::watch::model::BookModel;

/// The least rows for the three lines above a ladder.
const WITH_FACTS: u16 = 10;

/// The least rows for trades below the ladder.
const WITH_TRADES: u16 = 30;

/// Draws it, and returns how many levels a side its ladder has room for.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, at: usize, area: Rect) -> usize {
    let Some(book) = scene.model.books.get(at) else {
        return 0;
    };
    let below = if area.height >= WITH_FACTS {
        let (top, below) = split_top(area, 3);
        name(&mut Row::new(buffer, top, 0), scene, at, book);
        condition(&mut Row::new(buffer, top, 1), scene, book);
        summary(&mut Row::new(buffer, top, 2), scene, book);
        below
    } else {
        let (top, below) = split_top(area, 1);
        short(&mut Row::new(buffer, top, 0), scene, book);
        below
    };
    let beside = scene.view.layout == Layout::One && buffer.area.width >= super::BESIDE;
    if area.height < WITH_TRADES || beside || book.recent_trades.count() == 0 {
        return ladder::draw(buffer, scene, at, below);
    }
    let (above, own) = split_top(below, below.height - area.height / 4);
    trades::draw(buffer, scene, at, own);
    ladder::draw(buffer, scene, at, above)
}

/// Its number among several, and its name.
fn name(row: &mut Row<'_>, scene: &Scene<'_>, at: usize, book: &BookModel) {
    let theme = scene.theme;
    let is_selected = at == scene.selected();
    if scene.model.books.len() > 1 {
        let sign = if is_selected { ">" } else { " " };
        row.put(&format!("{sign}{} ", at + 1), theme.strong());
    }
    let style = if is_selected {
        theme.strong()
    } else {
        Style::new()
    };
    row.put(
        &text::fit_middle(&book.title, row.room(), theme.ellipsis()),
        style,
    );
}

/// How it stands, how old it is, and how often it changes.
fn condition(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    let theme = scene.theme;
    label(row, scene, book);
    if scene.view.frozen {
        let was = format!("was {}", book.state);
        row.skip(1).put_whole(&was, Style::new());
    }
    age(row, scene, book);
    row.put_whole(
        &format!(" {}", text::rate(book.rate.per_second())),
        theme.quiet(),
    );
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

/// How long its messages took to come here.
fn summary(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    let Some(summary) = book.latency.as_ref().and_then(Latency::summary) else {
        return;
    };
    for (name, ns) in [
        (" p50", summary.p50),
        ("  p99", summary.p99),
        ("  max", summary.max),
    ] {
        row.put_whole(
            &format!("{name} {}", text::latency(ns)),
            scene.theme.quiet(),
        );
    }
}

/// All of it in one row.
fn short(row: &mut Row<'_>, scene: &Scene<'_>, book: &BookModel) {
    label(row, scene, book);
    row.skip(1);
    let name = text::fit_middle(&book.title, row.room(), scene.theme.ellipsis());
    row.put(&name, Style::new().add_modifier(Modifier::BOLD));
    age(row, scene, book);
}
