//! The last messages and notices, in a fixed amount of memory.

use std::fmt::{self, Write};

use ticklot::Nanos;

/// How many lines are kept to be shown.
pub(crate) const MAX_SHOWN_LINES: usize = 64;

/// The most bytes of a line that are kept.
pub(crate) const MAX_SHOWN_LINE: usize = 512;

/// A line, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) at: Nanos,
    pub(crate) text: String,
}

impl LogLine {
    /// A line with room for the longest.
    pub(crate) fn new() -> Self {
        let text = String::with_capacity(MAX_SHOWN_LINE);
        Self { at: Nanos(0), text }
    }

    /// Replaces the text; one that is too long is cut, with three dots.
    pub(crate) fn write(
        &mut self,
        at: Nanos,
        write: impl FnOnce(&mut BoundedText<'_>) -> fmt::Result,
    ) {
        self.at = at;
        self.text.clear();
        let mut bounded = BoundedText(&mut self.text);
        // It fails where the text is cut.
        let _ = write(&mut bounded);
    }

    pub(crate) fn copy(&mut self, other: &Self) {
        self.at = other.at;
        self.text.clear();
        self.text.push_str(&other.text);
    }
}

/// A text of bounded length.
pub(crate) struct BoundedText<'a>(&'a mut String);

impl Write for BoundedText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const DOTS: &str = "...";
        let room = MAX_SHOWN_LINE - DOTS.len() - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end));
        self.0.push_str(&text[..end.unwrap_or(0)]);
        self.0.push_str(DOTS);
        Err(fmt::Error)
    }
}

/// The last lines. Allocates all of its room at once.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    count: u64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            lines: (0..MAX_SHOWN_LINES).map(|_| LogLine::new()).collect(),
            count: 0,
        }
    }

    /// Adds a line.
    pub(crate) fn push(
        &mut self,
        at: Nanos,
        write: impl FnOnce(&mut BoundedText<'_>) -> fmt::Result,
    ) {
        self.lines[place(self.count)].write(at, write);
        self.count += 1;
    }

    /// Becomes what `newer` is, of which it is an earlier copy.
    pub(crate) fn follow(&mut self, newer: &Self) {
        let kept = newer.count.saturating_sub(MAX_SHOWN_LINES as u64);
        for number in self.count.max(kept)..newer.count {
            self.lines[place(number)].copy(&newer.lines[place(number)]);
        }
        self.count = newer.count;
    }

    /// How many there ever were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Those that are kept, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LogLine> {
        let kept = self.count.min(MAX_SHOWN_LINES as u64);
        (1..=kept).map(|back| &self.lines[place(self.count - back)])
    }
}

/// Where the line of this number is kept.
#[allow(clippy::cast_possible_truncation)] // below the number of lines
fn place(number: u64) -> usize {
    (number % MAX_SHOWN_LINES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(log: &Log) -> Vec<&str> {
        log.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn copies_follow_the_newest_lines() {
        let (mut log, mut copy) = (Log::new(), Log::new());
        for number in 0..200_u64 {
            log.push(Nanos(number), |out| write!(out, "line {number}"));
            if number % 7 == 0 || number == 199 {
                copy.follow(&log);
                assert_eq!(texts(&copy), texts(&log));
            }
        }
        assert_eq!(log.count(), 200);
        assert_eq!(texts(&log).len(), MAX_SHOWN_LINES);
        assert_eq!(texts(&log)[..2], ["line 199", "line 198"]);
    }

    #[test]
    fn long_lines_are_cut() {
        let mut line = LogLine::new();
        let room = line.text.capacity();
        line.write(Nanos(1), |out| {
            (0..).try_for_each(|number| write!(out, "é{number} "))
        });
        assert!(line.text.ends_with("..."), "{}", line.text);
        assert!((MAX_SHOWN_LINE - 3..=MAX_SHOWN_LINE).contains(&line.text.len()));
        assert_eq!(line.text.capacity(), room);
        line.write(Nanos(2), |out| out.write_str("short"));
        assert_eq!((line.at, line.text.as_str()), (Nanos(2), "short"));
    }
}
