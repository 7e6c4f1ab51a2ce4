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

Exit status: 0, also after Ctrl-C and when the reader of a pipe exits; 1 when the command failed; 2 when the
arguments or the config file are invalid. An error is one line on standard error.";

/// Live, exact order books of JayX, Bayse Markets and Kraken.
///
/// Without a subcommand: `watch` on the embedded servers of JayX and Bayse Markets.
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
    /// Show live books of the embedded servers, or of the server that --url names.
    ///
    /// There is no embedded server of Kraken: --venue kraken connects to the venue itself.
    ///
    /// On a terminal this is a full-screen view, in which ? shows the keys. Into a pipe it prints a line per book and
    /// second, or every event with --json.
    #[command(after_help = watch::EXAMPLES)]
    Watch(WatchArgs),
    /// Run a venue's simulated server, or play a recorded log to each client.
    Serve(ServeArgs),
    /// Decode and apply a recorded log without a network, at full speed or at the recorded pace.
    Replay(ReplayArgs),
    /// Record every frame, in both directions, for `replay` and `serve`.
    Record(RecordArgs),
    /// Draw a recorded log: a heatmap of its depth over time, or its depth at one time.
    Plot(PlotArgs),
    /// Measure how fast this machine decodes and applies messages.
    Bench(BenchArgs),
    /// Check a config file, or print an example with every setting.
    Config(ConfigArgs),
    /// Print shell completions.
    Completions(CompletionsArgs),
    /// Print the manual pages.
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::{Command as ClapCommand, CommandFactory};

    use super::*;

    /// The examples of a help text: lines that begin with the program's name, up to a pipe or redirection.
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
        assert!(shown, "no example in `{path} --help` runs this command");
        let help = command.get_after_help().map(ToString::to_string);
        assert!(
            help.is_some_and(|help| help.contains("\n\nExit status: 0")),
            "`{path} --help` lists no exit statuses"
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

    /// Hidden aliases of options parse to the same values.
    #[test]
    fn accepts_old_spellings() {
        let parsed = |line: &str| {
            let cli = Cli::try_parse_from(format!("ticklot {line}").split(' '));
            cli.map(|cli| format!("{cli:?}"))
                .unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        for (command, old, new) in [
            ("watch", "--for 5s", "--duration 5s"),
            ("watch", "--once", "--no-reconnect"),
            ("watch", "--event kline", "--jayx-stream kline"),
            ("watch", "--event-id e", "--bayse-event e"),
            ("record --out a.jsonl", "--for 5s", "--duration 5s"),
            ("serve", "--from a --conn 1", "--log a --connection 1"),
            ("replay a.jsonl", "--conn 1", "--connection 1"),
            ("plot a.jsonl --out a.png", "--conn 1", "--connection 1"),
            ("bench a.jsonl", "--conn 1", "--connection 1"),
            ("bench", "--for 5s", "--duration 5s"),
            ("watch", "--for 5s --once", "--duration 5s --no-reconnect"),
        ] {
            let [old, new] = [old, new].map(|options| parsed(&format!("{command} {options}")));
            assert_eq!(old, new, "{command}");
        }
        for old in ["--for", "--once", "--conn ", "--event ", "--event-id"] {
            let help = Cli::command().render_long_help().to_string();
            assert!(!help.contains(old), "{old}");
        }
    }
}
