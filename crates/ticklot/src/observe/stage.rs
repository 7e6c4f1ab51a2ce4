//! The stages that a book's message passes.

use std::fmt;

/// A stage of a book's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// From the read of the socket that brought the frame to when it is taken up: behind other frames of
    /// the same read, and the handler's calls for them. Once a frame.
    Wait,
    /// From when the line is taken up to its message.
    Decode,
    /// From the message to the book that holds it.
    Apply,
    /// The handler's call.
    Handle,
    /// From the read of the socket to the end of the handler's call.
    Total,
}

impl Stage {
    /// All of them, in order of time.
    pub const ALL: [Self; 5] = [
        Self::Wait,
        Self::Decode,
        Self::Apply,
        Self::Handle,
        Self::Total,
    ];

    /// One word: `wait`, `decode`, `apply`, `handle` or `total`.
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
