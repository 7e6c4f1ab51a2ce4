//! The trace of a run: a line for each event and effect, if requested, and the number of steps.

use std::fmt::{self, Write};

use ticklot_book::Nanos;

/// The trace of a seed.
#[derive(Debug)]
pub(super) struct Trace {
    text: Option<String>,
    steps: u64,
}

impl Trace {
    pub(super) fn new(is_enabled: bool) -> Self {
        Self {
            text: is_enabled.then(String::new),
            steps: 0,
        }
    }

    /// Records an event.
    pub(super) fn step(&mut self, now: Nanos, text: fmt::Arguments<'_>) {
        self.steps += 1;
        self.note(now, text);
    }

    /// Records an effect of an event.
    pub(super) fn note(&mut self, now: Nanos, text: fmt::Arguments<'_>) {
        if let Some(all) = &mut self.text {
            let (seconds, micros) = (now.0 / 1_000_000_000, now.0 / 1_000 % 1_000_000);
            let _ = writeln!(all, "{seconds:>4}.{micros:06} {text}");
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn into_text(self) -> String {
        self.text.unwrap_or_default()
    }
}

/// The start of a message on one line.
pub(super) struct Excerpt<'a>(pub(super) &'a [u8]);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 90;
        let text = String::from_utf8_lossy(self.0.get(..MOST).unwrap_or(self.0));
        for c in text.chars().take(MOST) {
            f.write_char(if c.is_control() { '~' } else { c })?;
        }
        if self.0.len() > MOST {
            write!(f, ".. ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}
