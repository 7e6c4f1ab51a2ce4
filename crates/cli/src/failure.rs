//! The errors of commands.

use std::fmt;
use std::io;
use std::ops::ControlFlow;

/// The error of a command. [`usage!`] and [`work!`] make one with a formatted message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments contradict each other, an option has no effect, or the config file is invalid.
    #[error("{0}")]
    Usage(String),
    /// The command itself failed.
    #[error("{0}")]
    Work(String),
    /// Standard output cannot be written, for example because it is closed.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// An error of the arguments or the config file.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// An error of the command's work.
    pub(crate) fn work(error: impl fmt::Display) -> Self {
        Self::Work(error.to_string())
    }
}

/// Turns a handler's result into control flow: a failure is stored in `failed` and stops the feed.
pub(crate) fn break_on_failure(
    result: Result<(), Failure>,
    failed: &mut Option<Failure>,
) -> ControlFlow<()> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(failure) => {
            *failed = Some(failure);
            ControlFlow::Break(())
        }
    }
}

/// A [`Failure::Usage`] with a formatted message.
macro_rules! usage {
    ($($message:tt)*) => { $crate::failure::Failure::Usage(format!($($message)*)) };
}

/// A [`Failure::Work`] with a formatted message.
macro_rules! work {
    ($($message:tt)*) => { $crate::failure::Failure::Work(format!($($message)*)) };
}

pub(crate) use {usage, work};
