//! The stages of a book message, from the socket to the end of the handler.

use std::fmt;

/// A stage of a book message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// From the read of the socket to the start of the line's processing. The line waits for the earlier frames and
    /// lines of the same read, and for the handler's calls for them.
    Wait,
    /// From the start of the line's processing to its decoded message.
    Decode,
    /// From the decoded message to the updated book.
    Apply,
    /// The handler's call for the book update.
    Handle,
    /// From the read of the socket to the end of the handler's call.
    Total,
}

impl Stage {
    /// All stages, in chronological order.
    pub const ALL: [Self; 5] = [
        Self::Wait,
        Self::Decode,
        Self::Apply,
        Self::Handle,
        Self::Total,
    ];

    /// The name in lower case: `wait`, `decode`, `apply`, `handle` or `total`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Decode => "decode",
            Self::Apply => "apply",
            Self::Handle => "handle",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
