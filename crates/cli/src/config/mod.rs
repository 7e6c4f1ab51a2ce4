//! The config file and `ticklot config`.

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
use crate::failure::{Failure, usage};
use crate::output::Output;

/// A commented config file with every setting.
const EXAMPLE: &str = include_str!("example.toml");

const CONFIG_EXAMPLE: &str = "\
Examples:
  ticklot config example
  ticklot config check ticklot.toml
  ticklot --config ticklot.toml watch

Exit status: 0; 2 when the file or the arguments are invalid.";

const CHECK_EXAMPLE: &str = "\
Example:
  ticklot config check ticklot.toml

Exit status: 0; 2 when the file is invalid; the error states the line and the column.";

const PRINT_EXAMPLE: &str = "\
Example:
  ticklot config example > ticklot.toml

Exit status: 0; 1 when it cannot be written; 2 when the arguments are invalid.";

#[derive(Debug, Args)]
#[command(after_help = CONFIG_EXAMPLE)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Describe the connections of a config file, or report its first error
    #[command(after_help = CHECK_EXAMPLE)]
    Check {
        /// The config file
        file: PathBuf,
    },
    /// Print a commented config file with every setting
    #[command(after_help = PRINT_EXAMPLE)]
    Example,
}

pub(crate) fn run(args: &ConfigArgs, output: &mut Output) -> Result<(), Failure> {
    match &args.command {
        None => {
            return Err(usage!(
                "config requires a subcommand: `ticklot config check FILE` or `ticklot config example`"
            ));
        }
        Some(ConfigCommand::Example) => output.out.write_all(EXAMPLE.as_bytes())?,
        Some(ConfigCommand::Check { file }) => {
            let text = describe(read(file)?)?;
            output.out.write_all(text.as_bytes())?;
        }
    }
    Ok(output.out.flush()?)
}
