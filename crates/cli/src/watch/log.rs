//! The latest messages and notices of the view, in a fixed amount of memory.

use std::fmt::{self, Write};

use ticklot::Nanos;

use super::recent_items::Recent;

/// The number of lines that are kept.
pub(crate) const MAX_SHOWN_LINES: usize = 64;

/// The maximum number of bytes of a line that are kept.
pub(crate) const MAX_SHOWN_LINE: usize = 512;

/// The latest lines. Allocates the memory for all of them on creation.
pub(crate) type Log = Recent<LogLine, MAX_SHOWN_LINES>;

/// A line and its time.
#[derive(Debug)]
pub(crate) struct LogLine {
    pub(crate) at: Nanos,
    pub(crate) text: String,
}

impl Default for LogLine {
    /// An empty line with the capacity of the longest.
    fn default() -> Self {
        let text = String::with_capacity(MAX_SHOWN_LINE);
        Self { at: Nanos(0), text }
    }
}

impl Clone for LogLine {
    fn clone(&self) -> Self {
        let mut line = Self::default();
        line.clone_from(self);
        line
    }

    /// Does not allocate, because every line has the capacity of the longest.
    fn clone_from(&mut self, other: &Self) {
        self.at = other.at;
        self.text.clone_from(&other.text);
    }
}

impl LogLine {
    /// Replaces the text. Text that is too long is truncated and ends in three dots.
    pub(crate) fn write(
        &mut self,
        at: Nanos,
        write: impl FnOnce(&mut BoundedText<'_>) -> fmt::Result,
    ) {
        self.at = at;
        self.text.clear();
        let mut bounded = BoundedText(&mut self.text);
        // Fails when the text is cut.
        let _ = write(&mut bounded);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut() {
        let mut line = LogLine::default();
        let capacity = line.text.capacity();
        line.write(Nanos(1), |out| {
            (0..).try_for_each(|number| write!(out, "é{number} "))
        });
        assert!(line.text.ends_with("..."), "{}", line.text);
        assert!((MAX_SHOWN_LINE - 3..=MAX_SHOWN_LINE).contains(&line.text.len()));
        assert_eq!(line.text.capacity(), capacity);
        line.write(Nanos(2), |out| out.write_str("short"));
        assert_eq!((line.at, line.text.as_str()), (Nanos(2), "short"));
    }
}
