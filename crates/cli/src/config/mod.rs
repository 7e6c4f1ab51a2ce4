//! The config file, and the command `config`.

mod describe;
mod file;
mod merge;
mod plan;
#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::describe::describe;
pub(crate) use self::file::{File, Source, read};
pub(crate) use self::merge::MergedConfig;
use crate::failure::Failure;
use crate::output::Output;

/// A commented file with everything in it.
const EXAMPLE: &str = include_str!("example.toml");

const CONFIG_EXAMPLE: &str = "\
Examples:
  ticklot config example
  ticklot config check ticklot.toml
  ticklot --config ticklot.toml watch

Exit status: 0; 2 when there is a mistake in the file or in the arguments.";

const CHECK_EXAMPLE: &str = "\
Example:
  ticklot config check ticklot.toml

Exit status: 0; 2 when there is a mistake in the file, which is told with its line and column.";

const PRINT_EXAMPLE: &str = "\
Example:
  ticklot config example > ticklot.toml

Exit status: 0; 1 when it cannot be written; 2 when the arguments are wrong.";

#[derive(Debug, Args)]
#[command(after_help = CONFIG_EXAMPLE)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say what a file means, or what is wrong with it
    #[command(after_help = CHECK_EXAMPLE)]
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print a file with everything in it, and what it means
    #[command(after_help = PRINT_EXAMPLE)]
    Example,
}

pub(crate) fn run(args: &ConfigArgs, output: &mut Output) -> Result<(), Failure> {
    match &args.command {
        None => {
            return Err(Failure::Usage(
                "config takes a command: `ticklot config check FILE` or `ticklot config example`"
                    .to_owned(),
            ));
        }
        Some(ConfigCommand::Example) => output.out.write_all(EXAMPLE.as_bytes())?,
        Some(ConfigCommand::Check { file }) => {
            let text = describe(read(file)?)?;
            output.out.write_all(text.as_bytes())?;
        }
    }
    output.out.flush()?;
    Ok(())
}
