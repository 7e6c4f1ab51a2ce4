//! Why a command fails.

use std::fmt;
use std::io;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments contradict each other, or an option has no effect.
    #[error("{0}")]
    Usage(String),
    /// The work failed.
    #[error("{0}")]
    Work(String),
    /// Standard output is closed.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// An error of the arguments or the config file.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// An error of the work.
    pub(crate) fn work(error: impl fmt::Display) -> Self {
        Self::Work(error.to_string())
    }
}
