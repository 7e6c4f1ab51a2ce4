//! The last row: a recent notice, or else the keys.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use super::text::{self, Row};
use crate::format::Printable;

/// The time for which a notice is shown in place of the keys.
const SHOWN: Duration = Duration::from_secs(10);

/// The keys and their actions, the most important first.
const KEYS: [(&str, &str); 9] = [
    ("q", "quit"),
    ("?", "help"),
    ("Tab", "book"),
    ("g G", "group"),
    ("+ -", "depth"),
    ("s", "side by side"),
    ("o", "one"),
    ("a", "all"),
    ("f", "freeze"),
];

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) {
    let theme = scene.theme;
    let mut row = Row::new(buffer, area, 0);
    let notice = &scene.latest.notice;
    let age = scene.now.since(notice.at);
    if !notice.text.is_empty() && age < SHOWN {
        let line = format!("{} ago: {}", text::time(age), Printable(&notice.text));
        let line = text::fit_end(&line, row.room(), theme.ellipsis());
        row.put(&line, theme.warning());
        return;
    }
    for (key, what) in KEYS {
        if row.room() < text::width(key) + text::width(what) + 1 {
            break;
        }
        row.put(key, theme.strong())
            .skip(1)
            .put(what, theme.quiet())
            .skip(2);
    }
}
