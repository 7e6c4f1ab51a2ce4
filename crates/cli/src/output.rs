//! The streams that the program writes to.

use std::fmt;
use std::io::Write;

/// The streams that the program writes to.
pub struct Output {
    /// Standard output: the results.
    pub out: Box<dyn Write>,
    /// Standard error: errors and notices, one a line.
    pub err: Box<dyn Write>,
    /// Whether `out` is the process's terminal. Then `watch` shows a full-screen view.
    pub terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}
