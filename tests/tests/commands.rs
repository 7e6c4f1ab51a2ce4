//! The program's other commands: bench, config, completions and man; and its option errors.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use ticklot_sim::pool;
use ticklot_tests::data::LOGS;
use ticklot_tests::program::{TempFile, ticklot};

#[test]
fn example_config_is_valid() {
    let example = ticklot(["config", "example"]);
    example.assert_ok();
    let file = TempFile::new("ticklot.toml");
    std::fs::write(file.path(), &example.out).unwrap();
    let checked = ticklot(["config", "check", file.path()]);
    checked.assert_ok();
    checked.assert_out("4 connections");

    // Long enough for the embedded servers to send every book.
    let watched = ticklot(["--config", file.path(), "watch", "--duration=1500ms"]);
    watched.assert_ok();
    for part in [
        "BTCUSDT: ",
        "out_us-rate-cut-yes: ",
        "balance BTC ",
        "candle BTCUSDT ",
        "price BTCUSDT ",
        "order ord_",
        " order books decoded on the fast path, ",
    ] {
        watched.assert_out(part);
    }
}

#[test]
fn example_config_keys_are_documented() {
    let docs = include_str!("../../docs/config.md");
    let example = ticklot(["config", "example"]).out;
    let lines = example
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let keys = lines.filter_map(|line| line.split_once(" = "));
    let keys: Vec<&str> = keys.map(|(key, _)| key).filter(|key| is_key(key)).collect();
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        let is_documented = docs.contains(&format!("`{key}`"));
        assert!(is_documented, "{key} is not in docs/config.md");
    }
}

#[test]
fn options_override_config() {
    let file = TempFile::new("ticklot.toml");
    let text =
        "[[jayx]]\n[[jayx.instrument]]\nsymbol = \"ETHUSDT\"\n[[bayse]]\nassets = [\"BTCUSDT\"]\n";
    std::fs::write(file.path(), text).unwrap();
    let args = ["watch", "--config", file.path(), "--venue=jayx"];
    let watched = ticklot(args.iter().chain(&["--symbol=BTCUSDT", "--duration=200ms"]));
    watched.assert_status(0);
    watched.assert_out("BTCUSDT: ");
    assert!(!watched.out.contains("ETHUSDT"), "{}", watched.out);
}

#[test]
fn config_error_names_its_line() {
    let file = TempFile::new("ticklot.toml");
    std::fs::write(file.path(), "[limits]\nstale_afer = \"30s\"\n").unwrap();
    for args in [
        &["config", "check", file.path()][..],
        &["--config", file.path(), "watch"],
        &["--config", file.path()],
    ] {
        let ran = ticklot(args);
        let path = file.path();
        ran.assert_failed(
            2,
            &format!("ticklot: {path}:2:1: unknown field `stale_afer`, expected"),
        );
    }
    std::fs::write(file.path(), "[limits]\nstale_after = \"30s\"\n").unwrap();
    for other in [&["serve", "--venue=jayx"][..], &["bench"], &["man"]] {
        let ran = ticklot(["--config", file.path()].iter().chain(other));
        ran.assert_status(2);
        ran.assert_err("--config is for watch and record");
    }
    let ran = ticklot(["config"]);
    assert_eq!(ran.status, 2);
    ran.assert_err("`ticklot config check FILE`");
    let ran = ticklot(["--duration=1s", "serve", "--venue=jayx"]);
    assert_eq!(ran.status, 2);
    ran.assert_err("put options after the subcommand: ticklot serve ...");
}

/// The arguments, and the whole error.
const OPTION_ERRORS: &str = r"
watch --vnue=jayx | unexpected argument '--vnue' found; a similar argument exists: '--venue' (see `ticklot watch --help`)
rply | unrecognized subcommand 'rply'; a similar subcommand exists: 'replay' (see `ticklot --help`)
replay | the following required arguments were not provided: <LOG> (see `ticklot replay --help`)
config check | the following required arguments were not provided: <FILE> (see `ticklot config check --help`)
watch --duration=soon | invalid value 'soon' for '--duration <D>': expected a duration, such as 500ms, 5s or 1m 30s (see `ticklot watch --help`)
bench --price-decimals=19 | invalid value '19' for '--price-decimals <N>': expected a number from 0 to 18 (see `ticklot bench --help`)
watch --depth=0 | invalid value '0' for '--depth <N>': expected a number of at least 1 (see `ticklot watch --help`)
watch --cpu=0 | the following required arguments were not provided: --spin (see `ticklot watch --help`)
record --out=log.jsonl --keep-warm=1ms | the following required arguments were not provided: --spin (see `ticklot record --help`)
watch --spin --cpu=first | invalid value 'first' for '--cpu <N>': expected a processor number from 0 (see `ticklot watch --help`)
watch --spin --keep-warm=0s | invalid value '0s' for '--keep-warm <INTERVAL>': expected a duration above zero, such as 50us, 100us or 1ms (see `ticklot watch --help`)
watch --spin=yes | unexpected value 'yes' for '--spin' found; no more were expected (see `ticklot watch --help`)
";

/// The error is one line, which suggests a fix and names the help.
#[test]
fn option_errors_suggest_a_fix() {
    for row in OPTION_ERRORS.trim().lines() {
        let (args, error) = row.split_once(" | ").unwrap();
        let ran = ticklot(args.split(' '));
        let expected = format!("ticklot: {error}\n");
        assert_eq!((ran.status, ran.err), (2, expected), "{args:?}");
    }
}

#[test]
fn bench_measures_generated_messages() {
    let ran = ticklot(["bench", "--duration=20ms"]);
    ran.assert_ok();
    for part in [
        "backend: ",
        "JayX, Socket.IO, 20 levels",
        "Bayse, 8 books a frame",
        "decode+apply",
        "p99 ns",
        "MB/s",
        "%",
        " order books decoded on the fast path, 1 on the general path",
    ] {
        ran.assert_out(part);
    }
    let ran = ticklot(["bench", "--duration=20ms", "--venue=bayse", "--json"]);
    let report = ran.json();
    let loads = report["loads"].as_array().unwrap();
    assert_eq!(loads.len(), 2);
    for load in loads {
        assert!(load["bytes"].as_u64().unwrap() >= 6 << 20, "{load}");
        let paths = ["fast_path", "general_path"].map(|path| load[path].as_u64().unwrap());
        assert_eq!(paths.iter().sum::<u64>(), load["messages"], "{load}");
        assert!(paths[1] < 10, "{load}");
        for stage in load["stages"].as_array().unwrap() {
            let number = |name: &str| stage[name].as_u64().unwrap();
            assert!(
                number("messages") >= load["messages"].as_u64().unwrap(),
                "{stage}"
            );
            let ns = [1, number("ns_p50"), number("ns_p99"), number("ns_max")];
            assert!(ns.is_sorted(), "{stage}");
        }
    }
}

#[test]
fn bench_measures_a_log() {
    for log in LOGS {
        let Some(path) = log.path("bench_measures_a_log") else {
            continue;
        };
        let path = path.to_str().unwrap().to_owned();
        let args = ["bench", &path, "--duration=20ms", "--json"].map(ToOwned::to_owned);
        let ran = ticklot(args.into_iter().chain(log.options()));
        ran.assert_ok();
        let report = ran.json();
        let load = &report["loads"][0];
        assert!(load["messages"].as_u64().unwrap() >= log.books, "{load}");
        assert_eq!(load["bad_lines"], 0);
    }
    let ran = ticklot(["bench", "/nowhere/log"]);
    ran.assert_failed(1, "");
}

/// If a venue changes its key order from message to message, a replay reports the slow decoding.
#[test]
fn replay_counts_decode_paths() {
    let log = TempFile::new("log.jsonl");
    let book = br#"{"orderBook":{"asks":[{"ticks":8,"lots":3,"count":1},{"ticks":9,"lots":3,"count":1}],"bids":[{"ticks":7,"lots":3,"count":1}]}}"#;
    let replayed = |orders: u64| {
        let line = |seed| {
            let book = pool::reordered(book, seed % orders, 0);
            let frame = String::from_utf8(book).unwrap();
            format!("{}\n", serde_json::json!({"venue": "jayx", "frame": frame}))
        };
        let lines: String = (0..60).map(line).collect();
        std::fs::write(log.path(), lines).unwrap();
        let ran = ticklot(["replay", log.path()]);
        ran.assert_ok();
        ran
    };
    let one = replayed(1);
    one.assert_out("\n59 order books decoded on the fast path, 1 on the general path\n");
    assert!(!one.out.contains("hint"), "{}", one.out);
    replayed(60).assert_out("\nhint: 1 connections mostly used the general path");
}

/// The log names the venue of each line, and `bench` reports each venue separately.
#[test]
fn bench_reads_venues_from_log() {
    let log = TempFile::new("log.jsonl");
    let jayx = r#""frame":"{\"orderBook\":{\"asks\":[],\"bids\":[{\"ticks\":7,\"lots\":3}]}}"}"#;
    let bayse = r#""frame":"{\"type\":\"orderbook_update\",\"data\":{\"orderbook\":{\"marketId\":\"m\",\"outcomeId\":\"y\",\"timestamp\":\"2024-01-15T10:30:00Z\",\"bids\":[],\"asks\":[]}},\"timestamp\":1705312200000}"}"#;
    let text = format!(
        "{{\"conn\":0,\"venue\":\"jayx\",{jayx}\n{{\"conn\":1,\"venue\":\"bayse\",{bayse}\n{{\"conn\":2,\"venue\":\"jayx\",{jayx}\n"
    );
    std::fs::write(log.path(), text).unwrap();
    let loads = |options: &[&str]| -> Vec<(String, u64)> {
        let args = ["bench", log.path(), "--duration=1ms", "--json"];
        let ran = ticklot(args.iter().chain(options));
        ran.assert_ok();
        let report = ran.json();
        let loads = report["loads"].as_array().unwrap().iter();
        loads
            .map(|load| {
                let name = load["load"].as_str().unwrap().replace(log.path(), "log");
                (name, load["messages"].as_u64().unwrap())
            })
            .collect()
    };
    let of = |name: &str, messages| (name.to_owned(), messages);
    assert_eq!(
        loads(&[]),
        [of("log, JayX", 2), of("log, Bayse Markets", 1)]
    );
    assert_eq!(loads(&["--venue=jayx"]), [of("log", 2)]);
    assert_eq!(loads(&["--connection=2"]), [of("log", 1)]);

    // Unreadable lines are skipped and reported, as by a replay.
    let line = format!("{{\"venue\":\"jayx\",{jayx}\n");
    std::fs::write(log.path(), format!("{line}no record\n{line}")).unwrap();
    let ran = ticklot(["bench", log.path(), "--duration=1ms", "--json"]);
    ran.assert_status(0);
    ran.assert_err("1 line cannot be read");
    let report = ran.json();
    assert_eq!(report["loads"][0]["messages"], 2);

    std::fs::write(log.path(), format!("{{{jayx}\n")).unwrap();
    let ran = ticklot(["bench", log.path()]);
    ran.assert_failed(2, "--venue is needed");
    let without_log = ticklot(["bench", "--connection=0"]);
    without_log.assert_status(2);
}

/// Concatenated logs may use one number for connections of two venues.
#[test]
fn connection_of_two_venues_fails() {
    let log = TempFile::new("log.jsonl");
    let line = |venue: &str| format!("{{\"conn\":4,\"venue\":\"{venue}\",\"frame\":\"2\"}}\n");
    std::fs::write(log.path(), line("jayx") + &line("bayse")).unwrap();
    let ran = ticklot(["replay", log.path()]);
    ran.assert_status(1);
    let error = "connection 4 has records of jayx and then of bayse: select one with --venue\n";
    ran.assert_err_ends(error);
    assert_eq!(ticklot(["replay", log.path(), "--venue=jayx"]).status, 0);
    let ran = ticklot(["replay", log.path(), "--venue=bayse", "--connection=3"]);
    let error = "no records of connection 3: omit --connection to read all of them\n";
    ran.assert_err_ends(error);
}

#[test]
fn completions_include_all_commands() {
    let help = ticklot(["--help"]).out;
    let (_, commands) = help.split_once("Commands:").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.collect();
    assert!(
        ["watch", "plot"].iter().all(|name| names.contains(name)),
        "{names:?}"
    );
    let man = ticklot(["man"]).out;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ticklot(["completions", shell]).out;
        for name in names.iter().filter(|name| **name != "help") {
            assert!(script.contains(name), "{name} for {shell}");
            assert!(man.contains(name), "{name} in the manual");
        }
    }
}

#[test]
fn documented_options_exist() {
    let completions = ticklot(["completions", "bash"]).out;
    let options: BTreeSet<&str> = completions.split([' ', '"', '\n', '|', ')']).collect();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let mut seen = 0;
    for entry in std::fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for option in text.split("`--").skip(1) {
            let end = option.find(|c: char| !c.is_ascii_lowercase() && c != '-');
            let option = format!("--{}", &option[..end.unwrap()]);
            seen += 1;
            let exists = options.contains(option.as_str());
            assert!(exists, "{}: the program has no {option}", path.display());
        }
    }
    assert!(seen > 30, "{seen}");
}
