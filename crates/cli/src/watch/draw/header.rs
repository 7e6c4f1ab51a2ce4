//! The first row: the states, rates and latencies of all books together.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ticklot::Nanos;

use super::text::{self, Row};
use super::theme::{BookStatus, Theme};
use super::{Scene, latencies, status};

/// The minimum number of columns for the program's name.
const WITH_NAME: usize = 40;

/// Draws the header. `shown` are the books with a ladder.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect, shown: &Range<usize>) {
    let theme = scene.theme;
    let mut row = Row::new(buffer, area, 0);
    if row.room() >= WITH_NAME {
        row.put("ticklot ", theme.strong());
        row.put_right("  ? help", theme.quiet());
    }
    if scene.view.frozen {
        let frozen = format!(" FROZEN {} ", text::time(scene.frozen_for()));
        row.put(&frozen, theme.status(BookStatus::Frozen)).skip(1);
    }
    states(&mut row, scene);
    let books = scene.model.books.len();
    if shown.len() < books {
        let which = match shown.len() {
            1 => format!("  showing {} of {books}", shown.end),
            _ => format!("  showing {}-{} of {books}", shown.start + 1, shown.end),
        };
        row.put_whole(&which, theme.quiet());
    }
    summary(&mut row, scene, theme);
}

/// Draws the number of live books, and of the books in each other state.
fn states(row: &mut Row<'_>, scene: &Scene<'_>) {
    let (model, theme) = (scene.latest, scene.theme);
    let all = model
        .books
        .iter()
        .map(|book| status(model, book, scene.now));
    let all: Vec<BookStatus> = all.collect();
    let live = all.iter().filter(|it| it.is_live()).count();
    let is_one = if all.len() == 1 { "book" } else { "books" };
    if all.is_empty() {
        row.put_whole("no books", theme.quiet());
    } else if live == all.len() {
        row.put_whole(&format!("{live} {is_one} live"), theme.age(0));
    } else {
        let count = format!("{live} of {}", all.len());
        let style = theme.warning();
        let _ = row.put_whole(&format!("{count} {is_one} live:"), style)
            || row.put_whole(&format!("{count} live"), style);
    }
    let mut words: Vec<BookStatus> = all.into_iter().filter(|it| !it.is_live()).collect();
    words.sort_by_key(|it| it.word());
    for same in words.chunk_by(|a, b| a.word() == b.word()) {
        let label = format!(" {} {} ", same.len(), same[0].word());
        if row.room() > label.len() {
            row.skip(1).put(&label, theme.status(same[0]));
        }
    }
}

/// Draws the rates and latencies of all books together, as far as they fit.
fn summary(row: &mut Row<'_>, scene: &Scene<'_>, theme: Theme) {
    let model = scene.model;
    let time = text::long_time(scene.now.since(Nanos(0)));
    row.put_right(&format!("  {time}"), theme.quiet());
    if model.bad_lines > 0 {
        row.put_whole(&format!("  {} bad lines", model.bad_lines), theme.warning());
    }
    let rate = text::rate(model.rate.per_second());
    row.put_whole(&format!("  {rate}"), theme.strong());
    latencies(row, theme, model.latency.as_ref(), "  p50");
    if model.unsampled > 0 {
        let unsampled = format!("  ({} not measured)", model.unsampled);
        row.put_whole(&unsampled, theme.quiet());
    }
}
