//! The config file: what does not fit on a line.

mod file;
mod setup;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Subcommand};
use ticklot::bayse::{Currency, Topic};
use ticklot::{Reconnect, Scale, jayx};

pub(crate) use self::file::TransportTable;
use self::file::{BayseTable, EnvelopeWord, JayxTable, KrakenTable, Source};
pub(crate) use self::setup::Setup;
use self::setup::{Surroundings, bayse_topics, jayx_topics};
use crate::args::FollowArgs;
use crate::{Failure, Output, follow};

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
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
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
    match &args.what {
        None => {
            return Err(Failure::Usage(
                "config takes a command: `ticklot config check FILE` or `ticklot config example`"
                    .to_owned(),
            ));
        }
        Some(What::Example) => output.out.write_all(EXAMPLE.as_bytes())?,
        Some(What::Check { file }) => {
            let setup = Setup::new(Source::read(file)?, HashSet::new());
            let text = check(&setup)?;
            output.out.write_all(text.as_bytes())?;
        }
    }
    output.out.flush()?;
    Ok(())
}

/// The file of `--config`, and which options the command line has beside it.
pub(crate) fn load(path: &Path, matches: &ArgMatches) -> Result<Setup, Failure> {
    Ok(Setup::new(Source::read(path)?, given(matches)))
}

/// The options that the command line itself has, and not their defaults.
pub(crate) fn given(matches: &ArgMatches) -> HashSet<String> {
    let own = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    matches.ids().filter(own).map(ToString::to_string).collect()
}

/// What a file means, in a few lines.
fn check(setup: &Setup) -> Result<String, Failure> {
    let args = FollowArgs::default();
    let around = Surroundings {
        embedded: &|_| "ws://127.0.0.1:9".to_owned(),
        // Whether they are set is told, and is no mistake of the file's.
        variable: &|_| Some("set".to_owned()),
    };
    let connections = setup.plan(&args, &around)?.len();
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = describe(&mut out, setup, &args, connections);
    Ok(out)
}

fn describe(
    out: &mut String,
    setup: &Setup,
    args: &FollowArgs,
    connections: usize,
) -> std::fmt::Result {
    let file = &setup.source.file;
    let s = if connections == 1 { "" } else { "s" };
    writeln!(out, "{}: {connections} connection{s}", setup.source.name())?;
    for table in &file.jayx {
        describe_jayx(out, table.as_ref(), args)?;
    }
    for table in &file.bayse {
        describe_bayse(out, table.as_ref(), args)?;
    }
    for table in &file.kraken {
        describe_kraken(out, table.as_ref())?;
    }
    let options = setup.options();
    let time = |time| humantime::format_duration(time).to_string();
    let stale = options.stale_after.map_or_else(
        || "never".to_owned(),
        |limit| format!("after {}", time(limit)),
    );
    writeln!(
        out,
        "stale: {stale}; frames of at most {} bytes",
        options.max_frame
    )?;
    let rules = options.reconnect;
    let attempts = rules
        .attempts
        .map_or_else(|| "for ever".to_owned(), |n| format!("{n} times in a row"));
    writeln!(
        out,
        "reconnect: after at most {}, doubling up to {}, {attempts}",
        time(rules.base.max(Reconnect::MIN_WAIT)),
        time(rules.cap.max(Reconnect::MIN_WAIT))
    )
}

fn describe_jayx(out: &mut String, table: &JayxTable, args: &FollowArgs) -> std::fmt::Result {
    let envelope = match table.envelope {
        EnvelopeWord::Auto => "Socket.IO or plain JSON",
        EnvelopeWord::Socketio => "Socket.IO",
        EnvelopeWord::Plain => "plain JSON",
    };
    writeln!(out, "JayX, {}, {envelope}", server(table.url.as_deref()))?;
    let mut key = false;
    // Checked before.
    for (topic, scale) in jayx_topics(table, args).unwrap_or_default() {
        match topic {
            jayx::Topic::OrderBook { symbol, precise } => {
                writeln!(
                    out,
                    "  order book of {symbol}, precise {precise}, {}",
                    Decimals(scale)
                )?;
            }
            jayx::Topic::Kline { symbol, interval } => {
                writeln!(out, "  candles of {symbol}, {interval}")?;
            }
            jayx::Topic::OpenOrders { symbol } => {
                key = true;
                writeln!(out, "  own orders in {symbol}")?;
            }
            jayx::Topic::Positions => {
                key = true;
                writeln!(out, "  balances")?;
            }
            _ => {}
        }
    }
    if key {
        let name = table.api_key_env.as_deref().unwrap_or("TICKLOT_API_KEY");
        writeln!(
            out,
            "  the key from {}{}",
            Variable(name),
            or_own(table.url.as_deref())
        )?;
    }
    Ok(())
}

fn describe_bayse(out: &mut String, table: &BayseTable, args: &FollowArgs) -> std::fmt::Result {
    writeln!(out, "Bayse Markets, {}", server(table.url.as_deref()))?;
    let mut key = false;
    for (currency, topic) in bayse_topics(table).unwrap_or_default() {
        match topic {
            Topic::OrderBook(id) => {
                let scale = setup::market_scale(table, &id, args).unwrap_or(Scale::UNIT);
                let currency = if currency == Currency::Ngn {
                    "NGN"
                } else {
                    "USD"
                };
                writeln!(
                    out,
                    "  order books of {id} in {currency}, {}",
                    Decimals(scale)
                )?;
            }
            Topic::Orders(id) => {
                key = true;
                writeln!(out, "  own orders in {id}")?;
            }
            Topic::Prices(id) => writeln!(out, "  prices of {id}")?,
            Topic::Activity { event, .. } => writeln!(out, "  fills of {event}")?,
            Topic::UserTrades(id) => writeln!(out, "  fills of the user {id}")?,
            Topic::AssetPrice(symbol) => writeln!(out, "  prices of the asset {symbol}")?,
            _ => {}
        }
    }
    if key {
        let names = [&table.api_key_env, &table.access_token_env];
        let named: Vec<&str> = names
            .into_iter()
            .filter_map(|name| name.as_deref())
            .collect();
        let named = if named.is_empty() {
            vec!["TICKLOT_API_KEY", "TICKLOT_ACCESS_TOKEN"]
        } else {
            named
        };
        let all: Vec<String> = named
            .into_iter()
            .map(|name| Variable(name).to_string())
            .collect();
        let or_own = or_own(table.url.as_deref());
        writeln!(out, "  credentials from {}{or_own}", all.join(" or "))?;
    }
    Ok(())
}

fn describe_kraken(out: &mut String, table: &KrakenTable) -> std::fmt::Result {
    let server = table.url.as_deref().unwrap_or("the venue's own server");
    writeln!(out, "Kraken, {server}")?;
    let depth = table.depth.unwrap_or(10);
    let trades = if table.trades { " and trades" } else { "" };
    let symbols = table.symbols.join(", ");
    writeln!(
        out,
        "  order books{trades} of {symbols}, {depth} levels a side"
    )
}

fn server(url: Option<&str>) -> &str {
    url.unwrap_or("an embedded server")
}

/// An embedded server has credentials of its own.
fn or_own(url: Option<&str>) -> &str {
    url.map_or(", else the embedded server's own", |_| "")
}

/// How finely a book is read and shown.
struct Decimals(Scale);

impl std::fmt::Display for Decimals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (price, quantity) = (self.0.price_decimals(), self.0.quantity_decimals());
        write!(
            f,
            "prices with {price} decimals, quantities with {quantity}"
        )
    }
}

/// The name of an environment variable, and whether it is set. Never what is in it.
struct Variable<'a>(&'a str);

impl std::fmt::Display for Variable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is = if follow::variable(self.0).is_some() {
            "is set"
        } else {
            "is not set"
        };
        write!(f, "{} ({is})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(text: &str) -> Result<Setup, Failure> {
        Source::parse("t.toml".to_owned(), text.to_owned())
            .map(|source| Setup::new(source, HashSet::new()))
    }

    fn checked(text: &str) -> Result<String, String> {
        setup(text)
            .and_then(|setup| check(&setup))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_says_what_is_there_anyway() {
        let setup = setup(EXAMPLE).unwrap();
        let mut usual = ticklot::Options::default();
        usual.reconnect.first_attempts = Some(1);
        assert_eq!(setup.options(), usual, "the example has the defaults");
        let text = check(&setup).unwrap();
        for part in [
            "t.toml: 4 connections\n",
            "JayX, an embedded server, Socket.IO or plain JSON\n",
            "  order book of BTCUSDT, precise 1, prices with 2 decimals, quantities with 6\n",
            "  candles of BTCUSDT, 1\n",
            "  own orders in BTCUSDT\n",
            "  balances\n",
            "Bayse Markets, an embedded server\n",
            "  order books of mkt_us-rate-cut in USD, prices with 2 decimals, quantities with 6\n",
            "  prices of the asset BTCUSDT\n",
            "  fills of the user usr_demo\n",
            "stale: after 30s; frames of at most 4194304 bytes\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }

    #[test]
    fn a_wait_below_the_floor_is_shown_as_the_floor() {
        let text = "[reconnect]\nbase = \"0s\"\ncap = \"0s\"\n[[jayx]]\nbalances = true\n";
        let text = checked(text).unwrap();
        assert!(
            text.contains("after at most 100ms, doubling up to 100ms"),
            "{text}"
        );
    }

    /// What is commented out in the example can be put in.
    #[test]
    fn the_whole_example_can_be_used() {
        let setting = |line: &str| {
            let rest = line.strip_prefix("# ")?;
            let is_one = rest
                .split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            (is_one || rest.starts_with('[')).then(|| rest.to_owned())
        };
        let whole: Vec<String> = EXAMPLE
            .lines()
            .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
            .collect();
        // A file that is not there.
        let whole = whole.join("\n").replace("ca = \"company.pem\"\n", "");
        assert!(
            whole.contains("\nurl = \"wss://stream") && whole.contains("\n[bayse.first_books]")
        );
        let text = checked(&whole).unwrap();
        assert!(
            text.contains("JayX, wss://stream.jayxstaging.com:8443, Socket.IO"),
            "{text}"
        );
        assert!(text.contains("20 times in a row"), "{text}");
        assert!(
            text.contains("  order books and trades of BTC/USD, 10 levels a side\n"),
            "{text}"
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, expected) in [
            (
                "[limit]\n",
                "t.toml:1:2: unknown field `limit`, expected one of",
            ),
            (
                "[limits]\n stale = 1\n",
                "t.toml:2:2: unknown field `stale`",
            ),
            (
                "[[jayx]]\n[[jayx.instrument]]\nsymbl = 1\n",
                "t.toml:3:1: unknown field `symbl`",
            ),
            (
                "[limits]\nstale_after = \"soon\"\n",
                "t.toml:2:15: \"soon\" is no time, such as \"30s\"",
            ),
            ("[limits]\nmax_frame = -1\n", "t.toml:2:13: invalid value"),
            ("x", "t.toml:1:2: "),
            ("", "t.toml: nothing to follow"),
            ("[[jayx]]\n", "t.toml: nothing to follow"),
            (
                "\n[[jayx]]\n[[jayx.instrument]]\nsymbol = \"\"\n",
                "t.toml:2:1: ",
            ),
            (
                "\n[[bayse]]\nassets = [\"GOLD\"]\n",
                "t.toml:2:1: assets: GOLD: ",
            ),
            (
                "[[bayse]]\n[[bayse.market]]\nid = \"m\"\nprice_decimals = 19\n",
                "t.toml:1:1: 19 decimals",
            ),
            ("[[kraken]]\n", "t.toml:1:1: missing field `symbols`"),
            (
                "\n[[kraken]]\nsymbols = []\n",
                "t.toml:2:1: a [[kraken]] table takes symbols",
            ),
            (
                "[[kraken]]\nsymbols = [\"BTC/USD\"]\ndepth = 11\n",
                "t.toml:1:1: the depth of a book is one of 10, 25, 100, 500, 1000",
            ),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.starts_with(expected), "{text:?}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    fn planned(text: &str, change: impl FnOnce(&mut FollowArgs), given: &[&str]) -> Vec<String> {
        let source = Source::parse("t.toml".to_owned(), text.to_owned()).unwrap();
        let given = given.iter().map(|it| (*it).to_owned()).collect();
        let setup = Setup::new(source, given);
        let mut args = FollowArgs::default();
        change(&mut args);
        let around = Surroundings {
            embedded: &|_| "ws://embedded".to_owned(),
            variable: &|name| Some(format!("value of {name}")),
        };
        let planned = setup.plan(&args, &around).unwrap();
        planned.iter().map(|it| format!("{it:?}")).collect()
    }

    #[test]
    fn what_watch_would_refuse_is_a_mistake() {
        let jayx = "[[jayx.instrument]]\nsymbol = \"A\"\n";
        let bayse = "[[bayse.market]]\nid = \"m\"\n";
        let first = "[bayse.first_books]\noutcomes = [\"o\"]\n";
        for (text, expected) in [
            (
                format!("[[jayx]]\nurl = \"http://x\"\n{jayx}"),
                "t.toml:1:1: not a usable URL: its scheme is neither ws nor wss",
            ),
            (
                format!("\n[[bayse]]\nurl = \"ws://x:0\"\n{bayse}"),
                "t.toml:2:1: not a usable URL: its port",
            ),
            (
                format!("[[bayse]]\n{bayse}{first}url = \"ws://x\"\n"),
                "t.toml:1:1: not a usable URL: its scheme is neither http nor https",
            ),
            (
                "[[kraken]]\nsymbols = [\"A/B\"]\nurl = \"ws://u@x\"\n".to_owned(),
                "t.toml:1:1: not a usable URL: it carries a user name",
            ),
            (
                format!(
                    "\n[transport]\nca = \"/nowhere/ca.pem\"\n[[jayx]]\nurl = \"ws://x\"\n{jayx}"
                ),
                "t.toml:2:1: cannot use the certificates of /nowhere/ca.pem: ",
            ),
            (
                format!("\n[transport]\nproxy = \"ftp://x\"\n[[jayx]]\nurl = \"ws://x\"\n{jayx}"),
                "t.toml:2:1: the proxy is no URL",
            ),
            (
                format!("[[jayx]]\nurl = \"ws://x\"\nheaders = {{ Host = \"y\" }}\n{jayx}"),
                "t.toml:1:1: the header Host: ",
            ),
            (
                format!("[[jayx]]\nheaders = {{ a = 1 }}\n{jayx}"),
                "t.toml:2:17: a header is a text, or { env = \"NAME\" }",
            ),
        ] {
            let error = checked(&text).unwrap_err();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
        // Ten levels a side when it is left out.
        checked(&format!("[[bayse]]\n{bayse}{first}url = \"http://x\"\n")).unwrap();
    }

    #[test]
    fn headers_and_a_proxy_are_for_servers_that_are_not_embedded() {
        let text = "[transport]\nproxy = \"http://me:hush@proxy:3128\"\n\
            [transport.headers]\nx-all = \"hush\"\nX-Both = \"hush\"\n\
            [[jayx]]\nurl = \"ws://j\"\nheaders = { x-both = \"hush\", x-env = { env = \"SECRET\" } }\n\
            [[jayx.instrument]]\nsymbol = \"A\"\n\
            [[bayse]]\n[[bayse.market]]\nid = \"m\"\n\
            [[kraken]]\nsymbols = [\"A/B\"]\n";
        let all = planned(text, |_| {}, &[]);
        for part in ["\"x-all\"", "\"x-both\"", "\"x-env\"", "proxy:3128"] {
            assert!(all[0].contains(part), "{part} in {}", all[0]);
            let is_common = part == "\"x-all\"" || part == "\"x-both\"" || part == "proxy:3128";
            assert_eq!(all[2].contains(part), is_common, "{part} in {}", all[2]);
            assert!(!all[1].contains(part), "{part} in {}", all[1]);
        }
        assert_eq!(all[0].matches("\"x-both\"").count(), 1, "{}", all[0]);
        assert!(
            all.iter()
                .all(|it| !it.contains("hush") && !it.contains("value of"))
        );
        let mine = |args: &mut FollowArgs| args.proxy = Some("mine:1".to_owned());
        let all = planned(text, mine, &["proxy"]);
        assert!(
            all[0].contains("mine:1") && !all[0].contains("3128"),
            "{}",
            all[0]
        );
    }

    const TWO: &str = "\
        [limits]\nstale_after = \"7s\"\n[transport]\nclose_timeout = \"9s\"\n\
        [[jayx]]\nurl = \"ws://j\"\nenvelope = \"plain\"\nstale_after = \"never\"\n\
        [[jayx.instrument]]\nsymbol = \"ETHUSDT\"\nprice_decimals = 3\n\
        [[bayse]]\n[[bayse.market]]\nid = \"m1\"\ncurrencies = [\"USD\", \"NGN\"]\nquantity_decimals = 1\n";

    #[test]
    fn a_file_becomes_connections() {
        let all = planned(TWO, |_| {}, &[]);
        assert_eq!(all.len(), 3, "{all:#?}");
        for part in [
            "ETHUSDT",
            "url: \"ws://j\"",
            "price_decimals: 3",
            "stale_after: None",
            "close_timeout: 9s",
        ] {
            assert!(all[0].contains(part), "{part} in {}", all[0]);
        }
        for part in [
            "m1",
            "ws://embedded",
            "quantity_decimals: 1",
            "stale_after: Some(7s)",
        ] {
            assert!(all[1].contains(part), "{part} in {}", all[1]);
        }
        assert!(all[1].contains("Usd") && all[2].contains("Ngn"));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let one = planned(
            TWO,
            |args| args.venue = Some(crate::args::VenueArg::Jayx),
            &["venue"],
        );
        assert_eq!(one.len(), 1);
        let change = |args: &mut FollowArgs| {
            args.venue = Some(crate::args::VenueArg::Jayx);
            args.url = Some("ws://other".to_owned());
            args.book.symbol = vec!["SOLUSDT".to_owned()];
            args.book.price_decimals = Some(5);
            args.once = true;
        };
        let one = planned(
            TWO,
            change,
            &["venue", "url", "symbol", "price_decimals", "once"],
        );
        for part in [
            "SOLUSDT",
            "ws://other",
            "price_decimals: 5",
            "after_close: false",
        ] {
            assert!(one[0].contains(part), "{part} in {}", one[0]);
        }
        assert!(!one[0].contains("ETHUSDT"));
        // Decimals alone change no more than decimals.
        let all = planned(
            TWO,
            |args| args.book.price_decimals = Some(4),
            &["price_decimals"],
        );
        assert!(
            all[0].contains("ETHUSDT") && all[0].contains("price_decimals: 4"),
            "{}",
            all[0]
        );
    }

    #[test]
    fn credentials_come_from_the_variables_that_are_named() {
        let text = "[[jayx]]\nurl = \"ws://j\"\nbalances = true\napi_key_env = \"MY_KEY\"\n";
        let setup = setup(text).unwrap();
        let asked = std::cell::RefCell::new(Vec::new());
        let around = Surroundings {
            embedded: &|_| String::new(),
            variable: &|name| {
                asked.borrow_mut().push(name.to_owned());
                None
            },
        };
        let error = setup.plan(&FollowArgs::default(), &around).unwrap_err();
        assert_eq!(*asked.borrow(), ["MY_KEY"]);
        let expected = "t.toml:1:1: balances and orders need MY_KEY to be set in the environment";
        assert_eq!(error.to_string(), expected);
        let shown = planned(text, |_| {}, &[]);
        assert!(!shown[0].contains("value of"), "{}", shown[0]);
    }
}
