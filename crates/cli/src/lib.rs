//! What the program `ticklot` does, callable with any arguments and any output, so that tests can
//! run it in their own process.
//!
//! Exit statuses: 0 when all went well (a Ctrl-C included), 1 when the work failed, 2 when the
//! arguments were wrong. An error is one line on standard error.

mod args;
mod bench;
mod config;
mod connect;
mod drive;
mod examples;
mod follow;
mod generate;
mod kraken;
mod moment;
mod offline;
mod panel;
mod paths;
mod plot;
mod record;
mod replay;
mod serve;
mod signals;
mod stages;
mod tell;
mod view;
pub mod watch;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::{Cli, Command, WatchArgs};
use crate::view::Printable;

/// Where the program writes to.
pub struct Output {
    /// What was asked for.
    pub out: Box<dyn Write>,
    /// Errors, one a line.
    pub err: Box<dyn Write>,
    /// Whether `out` is this process's terminal: `watch` takes it over whole then.
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
    T: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let parsed = Cli::command().try_get_matches_from(&args);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error, &args, output),
    };
    let result = dispatch(cli, &matches, output);
    let status = match &result {
        Ok(()) => return 0,
        // The reader of a pipe went away, as `head` does.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
        Err(Failure::Usage(_)) => 2,
        Err(_) => 1,
    };
    if let Err(failure) = result {
        // There is nobody left to tell when this fails.
        let _ = writeln!(output.err, "ticklot: {}", Printable(failure));
    }
    status
}

fn dispatch(cli: Cli, matches: &ArgMatches, output: &mut Output) -> Result<(), Failure> {
    let (own, below) = (config::given(matches), matches.subcommand());
    if let Some((name, _)) = below
        && own.iter().any(|it| it != "config")
    {
        return Err(Failure::Usage(format!(
            "options go behind the command: ticklot {name} ..."
        )));
    }
    let of_command = below.map_or(matches, |(_, below)| below);
    let setup = cli
        .config
        .as_deref()
        .map(|path| config::load(path, of_command))
        .transpose()?;
    let setup = setup.map(Rc::new);
    let watch = |mut args: WatchArgs, output: &mut Output| {
        args.follow.setup.clone_from(&setup);
        watch::run(&args, output)
    };
    match cli.command {
        None => watch(cli.watch, output),
        Some(Command::Watch(args)) => watch(args, output),
        Some(Command::Record(mut args)) => {
            args.follow.setup.clone_from(&setup);
            record::run(&args, output)
        }
        Some(_) if setup.is_some() => Err(Failure::Usage(
            "--config is for watch and record; `ticklot config check FILE` looks at a file"
                .to_owned(),
        )),
        Some(Command::Serve(args)) => serve::run(&args, output),
        Some(Command::Replay(args)) => replay::run(&args, output),
        Some(Command::Plot(args)) => plot::run(&args, output),
        Some(Command::Bench(args)) => bench::run(&args, output),
        Some(Command::Config(args)) => config::run(&args, output),
        Some(Command::Completions(args)) => generate::completions(&args, output),
        Some(Command::Man(args)) => generate::man(&args, output),
    }
}

/// clap's answer: help goes out whole, an error becomes one line, with its advice and where there is more.
fn usage(error: &clap::Error, args: &[OsString], output: &mut Output) -> u8 {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let _ = write!(output.out, "{error}");
        return 0;
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let mut line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let advice = text.lines().map(str::trim_start);
    let mut advice = advice.filter_map(|line| line.strip_prefix("tip: "));
    if let Some(similar) = advice.find(|advice| advice.contains("similar")) {
        line.push_str("; ");
        line.push_str(similar);
    }
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let _ = writeln!(
        output.err,
        "ticklot: {line} (see `{} --help`)",
        command_of(args)
    );
    2
}

/// The command that the arguments name, as far as they name one.
fn command_of(args: &[OsString]) -> String {
    let (mut command, mut path) = (Cli::command(), "ticklot".to_owned());
    for arg in args.iter().skip(1) {
        if let Some(below) = command.find_subcommand(arg) {
            path.push(' ');
            path.push_str(below.get_name());
            command = below.clone();
        }
    }
    path
}
