//! Files, and files with options, to connections and to text.

use super::describe::describe;
use super::file::parse;
use super::plan::Environment;
use super::{EXAMPLE, MergedConfig};
use crate::failure::Failure;
use crate::feed_args::FeedArgs;
use crate::venues::VenueArg;

fn merged(text: &str, args: &FeedArgs) -> Result<MergedConfig, Failure> {
    let config = parse("t.toml".to_owned(), text.to_owned())?;
    MergedConfig::new(Some(config), args, Some(1))
}

fn checked(text: &str) -> Result<String, String> {
    parse("t.toml".to_owned(), text.to_owned())
        .and_then(describe)
        .map_err(|error| error.to_string())
}

#[test]
fn example_has_the_defaults() {
    let config = merged(EXAMPLE, &FeedArgs::default()).unwrap();
    let mut usual = ticklot::Options::default();
    usual.reconnect.first_attempts = Some(1);
    assert_eq!(config.options(), usual, "the example has the defaults");
    let text = checked(EXAMPLE).unwrap();
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
fn describes_minimum_reconnect_wait() {
    let text = "[reconnect]\nbase = \"0s\"\ncap = \"0s\"\n[[jayx]]\nbalances = true\n";
    let text = checked(text).unwrap();
    assert!(
        text.contains("after at most 100ms, doubling up to 100ms"),
        "{text}"
    );
}

/// The commented lines of the example are valid too.
#[test]
fn accepts_uncommented_example() {
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
    assert!(whole.contains("\nurl = \"wss://stream") && whole.contains("\n[bayse.first_books]"));
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
fn errors_have_a_position() {
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

fn planned(text: &str, change: impl FnOnce(&mut FeedArgs)) -> Vec<String> {
    let mut args = FeedArgs::default();
    change(&mut args);
    let config = merged(text, &args).unwrap();
    let planned = config.plan(&Environment {
        embedded: &|_| "ws://embedded".to_owned(),
        variable: &|name| Some(format!("value of {name}")),
    });
    let planned = planned.unwrap();
    planned.iter().map(|it| format!("{it:?}")).collect()
}

#[test]
fn check_refuses_unusable_values() {
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
            format!("\n[transport]\nca = \"/nowhere/ca.pem\"\n[[jayx]]\nurl = \"ws://x\"\n{jayx}"),
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
fn embedded_servers_ignore_proxies() {
    let text = "[transport]\nproxy = \"http://me:hush@proxy:3128\"\n\
        [transport.headers]\nx-all = \"hush\"\nX-Both = \"hush\"\n\
        [[jayx]]\nurl = \"ws://j\"\nheaders = { x-both = \"hush\", x-env = { env = \"SECRET\" } }\n\
        [[jayx.instrument]]\nsymbol = \"A\"\n\
        [[bayse]]\n[[bayse.market]]\nid = \"m\"\n\
        [[kraken]]\nsymbols = [\"A/B\"]\n";
    let all = planned(text, |_| {});
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
    let mine = |args: &mut FeedArgs| args.proxy = Some("mine:1".to_owned());
    let all = planned(text, mine);
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
fn plans_connections_of_file() {
    let all = planned(TWO, |_| {});
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
fn options_override_the_file() {
    let one = planned(TWO, |args| args.venue = Some(VenueArg::Jayx));
    assert_eq!(one.len(), 1);
    let change = |args: &mut FeedArgs| {
        args.venue = Some(VenueArg::Jayx);
        args.url = Some("ws://other".to_owned());
        args.book.symbol = vec!["SOLUSDT".to_owned()];
        args.book.price_decimals = Some(5);
        args.no_reconnect = true;
    };
    let one = planned(TWO, change);
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
    let all = planned(TWO, |args| args.book.price_decimals = Some(4));
    assert!(
        all[0].contains("ETHUSDT") && all[0].contains("price_decimals: 4"),
        "{}",
        all[0]
    );
}

#[test]
fn reads_named_credential_variables() {
    let text = "[[jayx]]\nurl = \"ws://j\"\nbalances = true\napi_key_env = \"MY_KEY\"\n";
    let config = merged(text, &FeedArgs::default()).unwrap();
    let asked = std::cell::RefCell::new(Vec::new());
    let environment = Environment {
        embedded: &|_| String::new(),
        variable: &|name| {
            asked.borrow_mut().push(name.to_owned());
            None
        },
    };
    let error = config.plan(&environment).unwrap_err();
    assert_eq!(*asked.borrow(), ["MY_KEY"]);
    let expected = "t.toml:1:1: balances and orders need MY_KEY to be set in the environment";
    assert_eq!(error.to_string(), expected);
    let shown = planned(text, |_| {});
    assert!(!shown[0].contains("value of"), "{}", shown[0]);
}
