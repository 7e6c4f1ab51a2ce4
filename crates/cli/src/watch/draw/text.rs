//! Text that fits into the available columns.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ticklot::events::UnixMillis;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width of a text in columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, with its middle cut if it is too long. More of the end is kept, because names differ more in their ends.
pub(crate) fn fit_middle(text: &str, room: usize, ellipsis: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(rest) = room.checked_sub(width(ellipsis)) else {
        return String::new();
    };
    let head = take(text.chars(), rest / 3);
    let tail: String = take(text.chars().rev(), rest - width(&head));
    let tail: String = tail.chars().rev().collect();
    format!("{head}{ellipsis}{tail}")
}

/// The text, with its end cut if it is too long.
pub(crate) fn fit_end(text: &str, room: usize, ellipsis: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(rest) = room.checked_sub(width(ellipsis)) else {
        return String::new();
    };
    take(text.chars(), rest) + ellipsis
}

/// The text in lines of at most `room` columns.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word.to_owned();
        loop {
            let line = lines.last_mut().map_or(0, |line| width(line));
            let space = usize::from(line > 0);
            if line + space + width(&word) <= room {
                let last = lines.len() - 1;
                if space > 0 {
                    lines[last].push(' ');
                }
                lines[last].push_str(&word);
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            // A word longer than a line is split.
            let part = take(word.chars(), room);
            if part.is_empty() {
                break;
            }
            word = word.split_off(part.len());
            let last = lines.len() - 1;
            lines[last] = part;
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The longest prefix that fits into `room` columns.
fn take(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

/// A right-aligned number, or only `#` if it does not fit, because a cut number would be a wrong one.
pub(crate) fn number(text: &str, room: usize) -> String {
    if width(text) > room {
        return "#".repeat(room);
    }
    format!("{text:>room$}")
}

/// A duration, in at most six characters up to 99 hours.
pub(crate) fn time(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (secs, tenths) = (ms / 1000, ms % 1000 / 100);
    match secs {
        0 => format!("{ms}ms"),
        1..100 => format!("{secs}.{tenths}s"),
        100..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        _ => format!("{}h{:02}m", secs / 3600, secs % 3600 / 60),
    }
}

/// A duration in whole seconds.
pub(crate) fn long_time(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ 0..100 => format!("{secs}s"),
        _ => time(duration),
    }
}

/// A latency with at most four digits and its unit.
pub(crate) fn latency(ns: u64) -> String {
    let (unit, in_unit) = match ns {
        0..1_000_000 => ("us", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let (whole, tenth) = (ns / in_unit, ns % in_unit * 10 / in_unit);
    if whole >= 100 {
        return format!("{whole}{unit}");
    }
    format!("{whole}.{tenth}{unit}")
}

/// Messages a second.
pub(crate) fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => "-/s".to_owned(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}/s"),
        Some(rate) if rate < 10_000.0 => format!("{rate:.0}/s"),
        Some(rate) => format!("{:.1}k/s", rate / 1000.0),
    }
}

/// The time of day in UTC, to the millisecond.
pub(crate) fn time_of_day(at: UnixMillis) -> String {
    let ms = at.0.rem_euclid(86_400_000);
    let (secs, ms) = (ms / 1000, ms % 1000);
    let (hours, mins, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!("{hours:02}:{mins:02}:{secs:02}.{ms:03}")
}

/// Writes text into the free columns of one row.
pub(crate) struct Row<'a> {
    buffer: &'a mut Buffer,
    y: u16,
    left: u16,
    right: u16,
}

impl<'a> Row<'a> {
    /// Row `at` of an area; a row without room if the area has no such row.
    pub(crate) fn new(buffer: &'a mut Buffer, area: Rect, at: u16) -> Self {
        let area = area.intersection(buffer.area);
        let is_inside = at < area.height;
        Self {
            buffer,
            y: area.y.saturating_add(at),
            left: area.x,
            right: if is_inside { area.right() } else { area.x },
        }
    }

    /// The number of free columns.
    pub(crate) fn room(&self) -> usize {
        usize::from(self.right.saturating_sub(self.left))
    }

    /// Writes from the left, and truncates the text to the free columns.
    pub(crate) fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        if room > 0 {
            let (left, y) = (self.left, self.y);
            (self.left, _) = self.buffer.set_stringn(left, y, text, room, style);
        }
        self
    }

    /// Writes from the left, all of it or nothing.
    pub(crate) fn put_whole(&mut self, text: &str, style: Style) -> bool {
        let fits = width(text) <= self.room();
        if fits {
            self.put(text, style);
        }
        fits
    }

    /// Writes from the right, all of it or nothing.
    pub(crate) fn put_right(&mut self, text: &str, style: Style) -> bool {
        let fits = width(text) <= self.room();
        if fits {
            // A width that fits into the row fits into 16 bits.
            self.right -= u16::try_from(width(text)).unwrap_or(0);
            self.buffer.set_string(self.right, self.y, text, style);
        }
        fits
    }

    /// Leaves columns free.
    pub(crate) fn skip(&mut self, columns: usize) -> &mut Self {
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        self.left = self.left.saturating_add(columns).min(self.right);
        self
    }

    /// Leaves columns free on the right.
    pub(crate) fn skip_right(&mut self, columns: u16) {
        self.right = self.right.saturating_sub(columns).max(self.left);
    }

    /// Repeats a sign up to the end.
    pub(crate) fn fill(&mut self, sign: &str, style: Style) {
        while self.room() > 0 {
            self.put(sign, style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_loses_its_middle() {
        assert_eq!(fit_middle("BTCUSDT", 7, "…"), "BTCUSDT");
        assert_eq!(fit_middle("out_us-rate-cut-yes", 13, "…"), "out_…-cut-yes");
        assert_eq!(fit_middle("out_us-rate-cut-no", 13, ".."), "out..e-cut-no");
        assert_eq!(fit_middle("abc", 1, "…"), "…");
        assert_eq!(fit_middle("abc", 0, "…"), "");
        for room in 0..12 {
            let fitted = fit_middle("利率利率利率", room, "…");
            assert!(width(&fitted) <= room, "{room}: {fitted}");
        }
    }

    #[test]
    fn long_text_loses_its_end() {
        assert_eq!(fit_end("abcdef", 4, "…"), "abc…");
        assert_eq!(fit_end("abcd", 4, "…"), "abcd");
        assert_eq!(fit_end("abcd", 1, ".."), "");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 5), Vec::<String>::new());
        assert_eq!(wrap("ab", 0), Vec::<String>::new());
        assert_eq!(wrap("利率 a", 2), ["利", "率", "a"]);
        assert_eq!(wrap("利 a", 1), ["a"]);
    }

    #[test]
    fn numbers_are_never_cut() {
        assert_eq!(number("12.5", 6), "  12.5");
        assert_eq!(number("12.5", 4), "12.5");
        assert_eq!(number("12.5", 3), "###");
    }

    #[test]
    fn short_times_keep_units() {
        for (ms, want) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1.0s"),
            (99_949, "99.9s"),
            (100_000, "1m40s"),
            (3_600_000, "1h00m"),
        ] {
            assert_eq!(time(Duration::from_millis(ms)), want);
        }
        assert_eq!(long_time(Duration::from_millis(59_999)), "59s");
        assert_eq!(long_time(Duration::from_secs(125)), "2m05s");
        assert_eq!(time_of_day(UnixMillis(1_700_000_000_123)), "22:13:20.123");
        assert_eq!(time_of_day(UnixMillis(-1)), "23:59:59.999");
    }

    #[test]
    fn latencies_and_rates() {
        for (ns, want) in [
            (0, "0.0us"),
            (25_940, "25.9us"),
            (999_999, "999us"),
            (1_250_000, "1.2ms"),
            (2_000_000_000, "2.0s"),
        ] {
            assert_eq!(latency(ns), want);
        }
        for (per_second, want) in [
            (None, "-/s"),
            (Some(20.04), "20.0/s"),
            (Some(812.3), "812/s"),
            (Some(100_000.0), "100.0k/s"),
        ] {
            assert_eq!(rate(per_second), want);
        }
    }

    #[test]
    fn row_never_overflows() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        let style = Style::new();
        let area = Rect::new(1, 0, 6, 1);
        let mut row = Row::new(&mut buffer, area, 0);
        assert!(row.put_right("yz", style) && !row.put_right("abcde", style));
        row.put("a", style).skip(1).put("bcdefgh", style);
        assert_eq!(row.room(), 0);
        Row::new(&mut buffer, area, 1).put("below", style);
        assert_eq!(buffer, Buffer::with_lines([" a bcyz ", "        "]));
    }
}
