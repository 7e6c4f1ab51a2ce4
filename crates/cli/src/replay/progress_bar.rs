//! The progress of a replay on a terminal: one line that is overwritten.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use ticklot::capture::Progress;

use crate::units::utc;

/// The interval between two drawings.
const REDRAW: Duration = Duration::from_millis(100);
/// The width of the bar itself, in characters.
const WIDTH: usize = 30;
/// Moves to the start of the line and erases it (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[K";

/// The progress line; draws nothing without a terminal.
#[derive(Debug)]
pub(super) struct ProgressBar {
    terminal: bool,
    drawn: Option<Instant>,
}

impl ProgressBar {
    pub(super) fn new(terminal: bool) -> Self {
        Self {
            terminal,
            drawn: None,
        }
    }

    /// Whether a drawing is due.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.terminal && self.drawn.is_none_or(|drawn| now - drawn >= REDRAW)
    }

    /// When the next drawing is due; none without a first one.
    pub(super) fn due(&self) -> Option<Instant> {
        let drawn = self.drawn.filter(|_| self.terminal)?;
        Some(drawn + REDRAW)
    }

    pub(super) fn draw(
        &mut self,
        out: &mut dyn Write,
        now: Instant,
        progress: Progress,
        recv_ns: u64,
        frames: u64,
    ) -> io::Result<()> {
        self.drawn = Some(now);
        write!(out, "{CLEAR}{}", line(progress, recv_ns, frames))?;
        out.flush()
    }

    /// Erases the line, so that other lines can be printed.
    pub(super) fn clear(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.drawn.take().is_some() {
            out.write_all(CLEAR.as_bytes())?;
        }
        Ok(())
    }
}

/// The line: at most 79 characters, so that it does not wrap on a terminal of 80 columns.
fn line(progress: Progress, recv_ns: u64, frames: u64) -> String {
    let part = |of: u64| match progress.total {
        0 => 0,
        whole => u128::from(progress.read.min(whole)) * u128::from(of) / u128::from(whole),
    };
    let full = usize::try_from(part(WIDTH as u64)).unwrap_or(WIDTH);
    let time = match recv_ns {
        0 => String::new(),
        // To the second.
        ns => utc(ns)[..19].replace('T', " "),
    };
    format!(
        "[{}{}] {:>3}% {time} {frames} frames",
        "#".repeat(full),
        "-".repeat(WIDTH - full),
        part(100),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(read: u64, total: u64) -> Progress {
        let mut progress = Progress::default();
        (progress.read, progress.total) = (read, total);
        progress
    }

    #[test]
    fn a_line_that_fits() {
        let noon = 1_723_118_400_500_000_000;
        let third = "[##########--------------------]  33% 2024-08-08 12:00:00 6520 frames";
        assert_eq!(line(progress(1, 3), noon, 6520), third);
        let all = format!("[{}] 100%  1 frames", "#".repeat(30));
        assert_eq!(line(progress(9, 3), 0, 1), all);
        let none = format!("[{}]   0%  0 frames", "-".repeat(30));
        assert_eq!(line(progress(7, 0), 0, 0), none);
        assert!(line(progress(3, 3), noon, 999_999_999_999).len() < 80);
    }

    #[test]
    fn nothing_without_a_terminal() {
        let mut out = Vec::new();
        let mut progress_bar = ProgressBar::new(false);
        assert!(!progress_bar.is_due(Instant::now()) && progress_bar.due().is_none());
        progress_bar.clear(&mut out).unwrap();
        assert!(out.is_empty());
        let mut progress_bar = ProgressBar::new(true);
        let now = Instant::now();
        assert!(progress_bar.is_due(now));
        progress_bar
            .draw(&mut out, now, progress(1, 2), 0, 3)
            .unwrap();
        assert!(!progress_bar.is_due(now) && progress_bar.is_due(now + REDRAW));
        progress_bar.clear(&mut out).unwrap();
        progress_bar.clear(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\r\x1b[K[###############---------------]  50%  3 frames\r\x1b[K"
        );
    }
}
