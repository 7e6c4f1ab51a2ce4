//! Messages and notices, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{self, Row};
use super::{Scene, rule, split_top};
use crate::format::Printable;

/// The columns in front of a message: how long ago it came.
const WHEN: usize = 8;

pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect) {
    let (top, below) = split_top(area, 1);
    let count = scene.model.log.count();
    rule(buffer, scene.theme, top, &format!("messages: {count}"));
    if count == 0 {
        Row::new(buffer, below, 0).put("none yet", scene.theme.quiet());
        return;
    }
    let mut at = 0;
    let room = usize::from(below.width).saturating_sub(WHEN);
    for line in scene.model.log.iter() {
        let when = text::time(scene.at.since(line.at));
        for (part, words) in text::wrap(&Printable(&line.text).to_string(), room)
            .iter()
            .enumerate()
        {
            if at >= below.height {
                return;
            }
            let mut row = Row::new(buffer, below, at);
            if part == 0 {
                row.put(&format!("{when:>7} "), scene.theme.quiet());
            } else {
                row.skip(WHEN);
            }
            row.put(words, Style::new());
            at += 1;
        }
    }
}
