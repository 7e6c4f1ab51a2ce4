//! The help: a box with the keys, the states and the signs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{self, Row};
use super::theme::Theme;
use super::{Scene, split_top};
use crate::watch::change_highlights::Highlight;

/// The keys and the states of a book, with their meaning.
const LINES: [(&str, &str); 16] = [
    ("q  Ctrl-C", "quit"),
    ("Tab  arrows  1-9", "select the next or another book"),
    ("g  G", "group prices by a larger or smaller step"),
    ("+  -", "more or fewer levels"),
    ("s", "both outcomes of the market, side by side"),
    ("o  Enter", "only the selected book, with its trades"),
    ("a  Esc", "all books"),
    ("f  Space", "freeze and unfreeze the screen"),
    ("?  h", "this help"),
    ("Ctrl-L", "redraw the screen"),
    ("", ""),
    ("LIVE", "the only state in which a book may be traded on"),
    ("STALE", "no message for too long"),
    ("GAP", "a message is missing or could not be applied"),
    ("CROSSED", "the best bid is above the best ask"),
    ("NO FEED", "the program's feed thread is silent"),
];

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, whole: Rect) {
    let theme = scene.theme;
    let [grew, shrank] = [Highlight::Grew, Highlight::Shrank].map(|it| theme.highlight(it));
    let signs = format!("{grew}  {shrank}  {}", theme.at_least());
    let signs = (&*signs, "a recent increase, decrease; at least this much");
    let lines: Vec<(&str, &str)> = LINES.into_iter().chain([signs]).collect();
    let longest = |text: fn(&(&str, &str)) -> usize| lines.iter().map(text).max().unwrap_or(0);
    let keys = longest(|line| text::width(line.0));
    let words = longest(|line| text::width(line.1));
    let area = middle(whole, keys + words + 6, lines.len() + 2);
    for row in 0..area.height {
        let mut row = Row::new(buffer, area, row);
        row.put(theme.vertical(), theme.quiet());
        row.put_right(theme.vertical(), theme.quiet());
        row.fill(" ", Style::reset());
    }
    edge(buffer, theme, area, " help ", ["┌", "┐"]);
    let (_, inner) = split_top(area, 1);
    let (inner, bottom) = split_top(inner, inner.height.saturating_sub(1));
    edge(buffer, theme, bottom, " ? or Esc to close ", ["└", "┘"]);
    for (at, (key, what)) in (0..inner.height).zip(lines) {
        let mut row = Row::new(buffer, inner, at);
        row.skip_right(1);
        row.skip(2).put(&format!("{key:keys$}"), theme.strong());
        row.skip(2).put(what, Style::new());
    }
}

fn edge(buffer: &mut Buffer, theme: Theme, area: Rect, title: &str, corners: [&str; 2]) {
    let [left, right] = if theme.unicode { corners } else { ["+", "+"] };
    let mut edge = Row::new(buffer, area, 0);
    edge.put(left, theme.quiet());
    edge.put_right(right, theme.quiet());
    edge.put(theme.horizontal(), theme.quiet());
    edge.put(title, theme.strong());
    edge.fill(theme.horizontal(), theme.quiet());
}

/// An area of this size in the middle of `whole`, limited to `whole`.
fn middle(whole: Rect, width: usize, height: usize) -> Rect {
    let least = |wanted: usize, there: u16| u16::try_from(wanted).unwrap_or(u16::MAX).min(there);
    let (width, height) = (least(width, whole.width), least(height, whole.height));
    Rect {
        x: whole.x + (whole.width - width) / 2,
        y: whole.y + (whole.height - height) / 2,
        width,
        height,
    }
}
