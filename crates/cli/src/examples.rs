//! Examples of commands, for their help.

/// Of the program itself.
pub(crate) const TICKLOT: &str = "\
Examples:
  ticklot
  ticklot watch --venue jayx --symbol BTCUSDT --for 1m
  ticklot --config ticklot.toml watch

Exit status: 0, also after Ctrl-C and when the reader of a pipe goes away; 1 when the work failed; 2 when the
arguments or the config file are wrong. An error is one line on standard error.";

/// Of `watch`.
pub(crate) const WATCH: &str = "\
Examples:
  ticklot watch
  ticklot watch --venue jayx --url wss://stream.jayxstaging.com:8443 --symbol BTCUSDT
  ticklot watch --venue bayse --channel prices --for 10s
  ticklot watch --venue jayx --event orderbook,kline --for 1m
  ticklot watch --venue bayse --json --for 10s
  ticklot watch --venue kraken --symbol BTC/USD,ETH/USD --book-depth 100
  ticklot watch --venue jayx --spin --cpu 1 --keep-warm 100us --latency --for 10s

Exit status: 0, also after Ctrl-C; 1 when a connection cannot be made or kept; 2 when the arguments are wrong.";

/// Of `serve`.
pub(crate) const SERVE: &str = "\
Examples:
  ticklot serve --venue jayx --listen 127.0.0.1:9001
  ticklot serve --venue bayse --faults drop=200,garbage=0.05,seed=7
  ticklot serve --venue jayx --from btc.jsonl.zst --speed 10x
  ticklot serve --from kraken.jsonl.zst

Exit status: 0 after Ctrl-C; 1 when it cannot listen or read the log; 2 when the arguments are wrong.";

/// Of `plot`.
pub(crate) const PLOT: &str = "\
Examples:
  ticklot plot btc.jsonl.zst --out book.png
  ticklot plot old.jsonl --venue jayx --out book.svg --from 1m --until 2m --price-range 61700:61900
  ticklot plot btc.jsonl.zst --out depth.png --at 2024-08-08T23:54:30Z

Exit status: 0 when the picture is there; 1 when the log cannot be read or shows no live book; 2 when the arguments
are wrong.";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::args::Cli;

    /// The examples of a help text: its lines that begin with the program, as far as they are its own.
    fn examples(command: &Command) -> Vec<String> {
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

    fn check(command: &Command, path: &str) {
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
    fn every_help_has_examples_that_are_right_and_says_how_it_ends() {
        check(&Cli::command(), "ticklot");
    }

    #[test]
    fn the_exit_statuses_are_told() {
        let help = Cli::command().render_long_help().to_string();
        for status in ["Exit status: 0,", "1 when", "2 when"] {
            assert!(help.contains(status), "{status}");
        }
    }
}
