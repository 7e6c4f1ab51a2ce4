//! The streams that the program writes to.

use std::fmt;
use std::io::Write;

/// The streams that the program writes to.
pub struct Output {
    /// The results.
    pub out: Box<dyn Write>,
    /// Errors, one a line.
    pub err: Box<dyn Write>,
    /// Whether `out` is this process's terminal: `watch` shows a full-screen view then.
    pub terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}
