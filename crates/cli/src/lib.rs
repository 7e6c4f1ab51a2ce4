//! The program `ticklot` as a function of its arguments and its output, so that tests can run it in their own process.
//!
//! Exit statuses: 0 on success (Ctrl-C included), 1 when the command failed, 2 when the arguments or the config file
//! are invalid. An error is one line on standard error.

mod bench;
mod book_args;
mod book_stats;
mod cli;
mod completions;
mod config;
mod credentials;
mod csv_rows;
mod decode_paths;
mod driver;
mod failure;
mod feed_args;
mod format;
mod format_event;
mod incidents;
mod latency_table;
mod log_position;
mod log_source;
mod output;
mod parse;
mod plot;
mod record;
mod replay;
mod serve;
mod signals;
mod speed;
mod units;
mod venues;
pub mod watch;

use std::ffi::OsString;
use std::io;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

pub use crate::output::Output;

use crate::cli::{Cli, Command};
use crate::failure::{Failure, usage};
use crate::format::Printable;

/// Runs the program with these arguments, starting with the program's name, and returns its exit status.
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
        Err(error) => return print_clap_error(&error, &args, output),
    };
    let result = dispatch(cli, &matches, output);
    let status = match &result {
        Ok(()) => return 0,
        // The reader of the pipe has exited, as `head` does.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
        Err(Failure::Usage(_)) => 2,
        Err(_) => 1,
    };
    if let Err(failure) = result {
        // Standard error may be closed.
        let _ = writeln!(output.err, "ticklot: {}", Printable(failure));
    }
    status
}

fn dispatch(cli: Cli, matches: &ArgMatches, output: &mut Output) -> Result<(), Failure> {
    if let Some((name, _)) = matches.subcommand()
        && matches
            .ids()
            .any(|id| id != "config" && is_given(matches, id))
    {
        return Err(usage!(
            "put options after the subcommand: ticklot {name} ..."
        ));
    }
    let config = cli.config.as_deref().map(config::read).transpose()?;
    match cli.command {
        None => watch::run(&cli.watch, config, output),
        Some(Command::Watch(args)) => watch::run(&args, config, output),
        Some(Command::Record(args)) => record::run(&args, config, output),
        Some(_) if config.is_some() => Err(usage!(
            "--config is for watch and record; `ticklot config check FILE` checks a file"
        )),
        Some(Command::Serve(args)) => serve::run(&args, output),
        Some(Command::Replay(args)) => replay::run(&args, output),
        Some(Command::Plot(args)) => plot::run(&args, output),
        Some(Command::Bench(args)) => bench::run(&args, output),
        Some(Command::Config(args)) => config::run(&args, output),
        Some(Command::Completions(args)) => completions::run(&args, Cli::command(), output),
        Some(Command::Man(args)) => completions::man(&args, Cli::command(), output),
    }
}

/// Whether an option is on the command line, as opposed to a default.
fn is_given(matches: &ArgMatches, id: &clap::Id) -> bool {
    matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
}

/// Prints clap's error and returns the exit status. Help is printed unchanged, any other error as one line with its
/// suggestion and a reference to the subcommand's `--help`.
fn print_clap_error(error: &clap::Error, args: &[OsString], output: &mut Output) -> u8 {
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
    let path = subcommand_path(args);
    let _ = writeln!(output.err, "ticklot: {line} (see `{path} --help`)");
    2
}

/// The subcommand that the arguments name, with its parents: `ticklot config check`.
fn subcommand_path(args: &[OsString]) -> String {
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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
