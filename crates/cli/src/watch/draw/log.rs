//! Messages and notices, the newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{self, Row};
use super::{Scene, rule, split_top};
use crate::format::Printable;

/// The columns before a message, which show its age.
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
        let mut when = format!("{:>7} ", text::time(scene.at.since(line.at)));
        for words in text::wrap(&Printable(&line.text).to_string(), room) {
            if at >= below.height {
                return;
            }
            let mut row = Row::new(buffer, below, at);
            row.put(&format!("{when:WHEN$}"), scene.theme.quiet());
            row.put(&words, Style::new());
            when.clear();
            at += 1;
        }
    }
}
