//! What the program `ticklot` does, callable with any arguments and any output, so that tests can
//! run it in their own process.
//!
//! Exit statuses: 0 when all went well (a Ctrl-C included), 1 when the work failed, 2 when the
//! arguments were wrong. An error is one line on standard error.

mod args;
mod follow;
mod moment;
mod panel;
mod record;
mod replay;
mod serve;
mod tell;
mod view;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};

/// Where the program writes to.
pub struct Output {
    /// What was asked for.
    pub out: Box<dyn Write>,
    /// Errors, one a line.
    pub err: Box<dyn Write>,
    /// Whether `out` is a terminal that can be redrawn.
    pub terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// The work failed.
    #[error("{0}")]
    Work(String),
    /// Standard output is gone: whoever read it has had enough.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    fn work(what: impl fmt::Display) -> Self {
        Self::Work(what.to_string())
    }
}

/// Runs the program with these arguments, the program's name first, and returns its exit status.
pub fn run<I, T>(args: I, output: &mut Output) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, output),
    };
    let result = match cli.command {
        None => watch::run(&cli.watch, output),
        Some(Command::Watch(args)) => watch::run(&args, output),
        Some(Command::Serve(args)) => serve::run(&args, output),
        Some(Command::Replay(args)) => replay::run(&args, output),
        Some(Command::Record(args)) => record::run(&args, output),
    };
    let status = match &result {
        Ok(()) => return 0,
        // The reader of a pipe went away, as `head` does.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
        Err(Failure::Usage(_)) => 2,
        Err(_) => 1,
    };
    if let Err(failure) = result {
        // There is nobody left to tell when this fails.
        let _ = writeln!(output.err, "ticklot: {failure}");
    }
    status
}

/// clap's answer: help goes out whole, an error becomes one line.
fn usage(error: &clap::Error, output: &mut Output) -> u8 {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let _ = write!(output.out, "{error}");
        return 0;
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let _ = writeln!(output.err, "ticklot: {line} (see `ticklot --help`)");
    2
}
