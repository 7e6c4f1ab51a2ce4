//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::completions::{CompletionsArgs, ManArgs};
use crate::config::ConfigArgs;
use crate::plot::PlotArgs;
use crate::record::RecordArgs;
use crate::replay::ReplayArgs;
use crate::serve::ServeArgs;
use crate::watch::{self, WatchArgs};

const EXAMPLES: &str = "\
Examples:
  ticklot
  ticklot watch --venue jayx --symbol BTCUSDT --duration 1m
  ticklot --config ticklot.toml watch

Exit status: 0, also after Ctrl-C and when the reader of a pipe goes away; 1 when the work failed; 2 when the
arguments or the config file are wrong. An error is one line on standard error.";

/// Live, exact order books of JayX, Bayse Markets and Kraken.
///
/// Without a command: `watch` on the embedded servers of JayX and Bayse Markets.
#[derive(Debug, Parser)]
#[command(name = "ticklot", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// A config file, for `watch` and `record`: see `ticklot config example`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show live books; of embedded servers, unless --url names others.
    ///
    /// There is no embedded server of Kraken: --venue kraken connects to the venue itself.
    ///
    /// On a terminal it is a full-screen view, in which ? shows the keys; into a pipe it is a line a
    /// second for each book, or with --json everything that happens.
    #[command(after_help = watch::EXAMPLES)]
    Watch(WatchArgs),
    /// Run a venue's simulated server, or play a recorded log to whoever connects.
    Serve(ServeArgs),
    /// Decode and apply a recorded log as fast as it goes, or as fast as it was, without a socket.
    Replay(ReplayArgs),
    /// Record every frame, in both directions, for `replay` and `serve`.
    Record(RecordArgs),
    /// Draw a recorded log: a heatmap of its depth over time, or its depth at a moment.
    Plot(PlotArgs),
    /// Measure how fast this machine decodes and applies.
    Bench(BenchArgs),
    /// Check a config file, or print one with everything in it.
    Config(ConfigArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual.
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::{Command as ClapCommand, CommandFactory};

    use super::*;

    /// The examples of a help text: its lines that begin with the program, as far as they are its own.
    fn examples(command: &ClapCommand) -> Vec<String> {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let lines = help
            .lines()
            .filter_map(|line| line.strip_prefix("  ticklot"));
        let own = lines.map(|line| line.split(['|', '>']).next().unwrap_or_default());
        own.map(|line| format!("ticklot{line}")).collect()
    }

    fn check(command: &ClapCommand, path: &str) {
        let all = examples(command);
        assert!(
            !all.is_empty(),
            "`{path} --help` has no example: a line that begins with \"  ticklot\""
        );
        let shown = all.iter().any(|line| {
            path.split(' ')
                .all(|word| line.split(' ').any(|it| it == word))
        });
        assert!(shown, "no example of `{path} --help` is of it");
        let help = command.get_after_help().map(ToString::to_string);
        assert!(
            help.is_some_and(|help| help.contains("\n\nExit status: 0")),
            "`{path} --help` does not say how it ends"
        );
        for line in all {
            let parsed = Cli::try_parse_from(line.split_whitespace());
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
        for below in command.get_subcommands() {
            check(below, &format!("{path} {}", below.get_name()));
        }
    }

    #[test]
    fn every_help_has_valid_examples() {
        check(&Cli::command(), "ticklot");
    }

    #[test]
    fn help_lists_exit_statuses() {
        let help = Cli::command().render_long_help().to_string();
        for status in ["Exit status: 0,", "1 when", "2 when"] {
            assert!(help.contains(status), "{status}");
        }
    }

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Old spellings of options, which no help shows, parse to the same values.
    #[test]
    fn accepts_old_spellings() {
        let parsed = |line: &str| {
            let cli = Cli::try_parse_from(line.split(' '));
            cli.map(|cli| format!("{cli:?}"))
                .unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        for (old, new) in [
            ("watch --for 5s", "watch --duration 5s"),
            ("watch --once", "watch --no-reconnect"),
            ("watch --event kline", "watch --jayx-stream kline"),
            ("watch --event-id e", "watch --bayse-event e"),
            (
                "record --out a.jsonl --for 5s",
                "record --out a.jsonl --duration 5s",
            ),
            (
                "serve --from a.jsonl --conn 1 --speed max",
                "serve --log a.jsonl --connection 1 --speed max",
            ),
            ("replay a.jsonl --conn 1", "replay a.jsonl --connection 1"),
            (
                "plot a.jsonl --out a.png --conn 1",
                "plot a.jsonl --out a.png --connection 1",
            ),
            (
                "bench a.jsonl --conn 1 --for 5s",
                "bench a.jsonl --connection 1 --duration 5s",
            ),
            ("--for 5s --once", "--duration 5s --no-reconnect"),
        ] {
            let [old_args, new_args] = [old, new].map(|it| parsed(&format!("ticklot {it}")));
            assert_eq!(old_args, new_args, "{old}");
        }
        for old in ["--for", "--once", "--conn ", "--event ", "--event-id"] {
            let help = Cli::command().render_long_help().to_string();
            assert!(!help.contains(old), "{old}");
        }
    }
}
