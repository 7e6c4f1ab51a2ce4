//! Config files, alone and with options, as connections and as text.

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

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

fn checked(text: &str) -> Result<String, String> {
    parse("t.toml".to_owned(), text.to_owned())
        .and_then(describe)
        .map_err(|error| error.to_string())
}

#[test]
fn example_has_the_defaults() {
    let config = merged(EXAMPLE, &FeedArgs::default()).unwrap();
    let mut defaults = ticklot::Options::default();
    defaults.reconnect.first_attempts = Some(1);
    assert_eq!(config.options(), defaults);
    let text = checked(EXAMPLE).unwrap();
    let parts = [
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
    ];
    assert_contains(&text, &parts);
}

#[test]
fn describes_minimum_reconnect_wait() {
    let text = "[reconnect]\nbase = \"0s\"\ncap = \"0s\"\n[[jayx]]\nbalances = true\n";
    let text = checked(text).unwrap();
    assert_contains(&text, &["after at most 100ms, doubling up to 100ms"]);
}

/// The commented lines of the example are valid too.
#[test]
fn accepts_uncommented_example() {
    let setting = |line: &'static str| {
        let rest = line.strip_prefix("# ")?;
        let (key, _) = rest.split_once(" = ").unwrap_or(("?", ""));
        let is_one = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        (is_one || rest.starts_with('[')).then_some(rest)
    };
    let lines = EXAMPLE.lines().map(|line| setting(line).unwrap_or(line));
    let whole: Vec<&str> = lines.collect();
    // The file does not exist.
    let whole = whole.join("\n").replace("ca = \"company.pem\"\n", "");
    assert!(whole.contains("\nurl = \"wss://stream") && whole.contains("\n[bayse.first_books]"));
    let parts = [
        "JayX, wss://stream.jayxstaging.com:8443, Socket.IO",
        "20 times in a row",
        "  order books and trades of BTC/USD, 10 levels a side\n",
    ];
    assert_contains(&checked(&whole).unwrap(), &parts);
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
            "t.toml:2:15: \"soon\" is not a duration, such as \"30s\"",
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
            "t.toml:2:1: a [[kraken]] table needs symbols",
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
            "t.toml:1:1: invalid URL: the scheme is neither ws nor wss",
        ),
        (
            format!("\n[[bayse]]\nurl = \"ws://x:0\"\n{bayse}"),
            "t.toml:2:1: invalid URL: the port",
        ),
        (
            format!("[[bayse]]\n{bayse}{first}url = \"ws://x\"\n"),
            "t.toml:1:1: invalid URL: the scheme is neither http nor https",
        ),
        (
            "[[kraken]]\nsymbols = [\"A/B\"]\nurl = \"ws://u@x\"\n".to_owned(),
            "t.toml:1:1: invalid URL: a user name is not allowed",
        ),
        (
            format!("\n[transport]\nca = \"/nowhere/ca.pem\"\n[[jayx]]\nurl = \"ws://x\"\n{jayx}"),
            "t.toml:2:1: cannot use the certificates of /nowhere/ca.pem: ",
        ),
        (
            format!("\n[transport]\nproxy = \"ftp://x\"\n[[jayx]]\nurl = \"ws://x\"\n{jayx}"),
            "t.toml:2:1: the proxy is not an http or https URL",
        ),
        (
            format!("[[jayx]]\nurl = \"ws://x\"\nheaders = {{ Host = \"y\" }}\n{jayx}"),
            "t.toml:1:1: the header Host: ",
        ),
        (
            format!("[[jayx]]\nheaders = {{ a = 1 }}\n{jayx}"),
            "t.toml:2:17: a header value is a string, or { env = \"NAME\" }",
        ),
    ] {
        let error = checked(&text).unwrap_err();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    // The depth is optional.
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
    let all = planned(text, |args| args.proxy = Some("mine:1".to_owned()));
    assert_contains(&all[0], &["mine:1"]);
    assert!(!all[0].contains("3128"), "{}", all[0]);
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
    assert_contains(
        &all[0],
        &["ETHUSDT", "url: \"ws://j\"", "price_decimals: 3"],
    );
    assert_contains(&all[0], &["stale_after: None", "close_timeout: 9s"]);
    assert_contains(&all[1], &["m1", "ws://embedded", "quantity_decimals: 1"]);
    assert_contains(&all[1], &["stale_after: Some(7s)", "Usd"]);
    assert_contains(&all[2], &["Ngn"]);
}

#[test]
fn options_override_the_file() {
    let one = planned(TWO, |args| args.venue = Some(VenueArg::Jayx));
    assert_eq!(one.len(), 1);
    let one = planned(TWO, |args| {
        args.venue = Some(VenueArg::Jayx);
        args.url = Some("ws://other".to_owned());
        args.book.symbol = vec!["SOLUSDT".to_owned()];
        args.book.price_decimals = Some(5);
        args.no_reconnect = true;
    });
    assert_contains(&one[0], &["SOLUSDT", "ws://other", "price_decimals: 5"]);
    assert_contains(&one[0], &["after_close: false"]);
    assert!(!one[0].contains("ETHUSDT"));
    // The decimals do not change the subscriptions.
    let all = planned(TWO, |args| args.book.price_decimals = Some(4));
    assert_contains(&all[0], &["ETHUSDT", "price_decimals: 4"]);
}

#[test]
fn reads_named_credential_variables() {
    let text = "[[jayx]]\nurl = \"ws://j\"\nbalances = true\napi_key_env = \"MY_KEY\"\n";
    let config = merged(text, &FeedArgs::default()).unwrap();
    let read = std::cell::RefCell::new(Vec::new());
    let environment = Environment {
        embedded: &|_| String::new(),
        variable: &|name| {
            read.borrow_mut().push(name.to_owned());
            None
        },
    };
    let error = config.plan(&environment).unwrap_err();
    assert_eq!(*read.borrow(), ["MY_KEY"]);
    let expected = "t.toml:1:1: balances and orders need MY_KEY to be set in the environment";
    assert_eq!(error.to_string(), expected);
    let shown = planned(text, |_| {});
    assert!(!shown[0].contains("value of"), "{}", shown[0]);
}
