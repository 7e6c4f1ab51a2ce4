//! The program as a user has it: processes, signals, pipes.

#![cfg(unix)] // signals are sent by `kill`
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticklot"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running program; killed if the test does not end it.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = program(args).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads lines until one has `part`. A program that never prints it is ended by the harness.
    fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the program ended without {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends an interrupt, as Ctrl-C does, and returns the status and the rest of the output.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

// Over a second each: the program prints a line a second for each book, and they are read until all
// that should be live is.

#[test]
fn the_bare_program_shows_both_venues_and_ends_on_an_interrupt() {
    let mut running = Running::start(&[]);
    for book in ["BTCUSDT", "out_us-rate-cut-yes", "out_us-rate-cut-no"] {
        let line = running.line_with(&format!("{book} live bid "));
        for part in [
            " x ",
            "| ask ",
            "| spread ",
            "| last ",
            "| age ",
            " msg/s | p50 ",
            " p99 ",
        ] {
            assert!(line.contains(part), "{part:?} in {line}");
        }
    }
    let (status, rest) = running.interrupt();
    assert_eq!(status, Some(0), "{rest}");
    assert!(rest.contains("BTCUSDT: "), "a summary: {rest}");
}

#[test]
fn watch_follows_a_server_of_another_process() {
    for (venue, options) in [
        ("jayx", &["--envelope=socketio"][..]),
        ("jayx", &["--envelope=plain"]),
        ("bayse", &["--market=mkt_us-rate-cut"]),
    ] {
        let mut server = Running::start(&["serve", "--venue", venue, "--seed", "7"]);
        let url = server.line();
        assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
        let args = [&["watch", "--venue", venue, "--url", &url], options].concat();
        let mut watching = Running::start(&args);
        watching.line_with(" live bid ");
        assert_eq!(watching.interrupt().0, Some(0));
        assert_eq!(server.interrupt().0, Some(0));
    }
}

#[test]
fn serve_prints_what_its_market_serves() {
    let jayx = [("symbol BTCUSDT", "account, API key ak_demo_ticklot")];
    let bayse = [
        (
            "event evt_us-rate-cut: Will the Fed cut rates in 2026?",
            "market mkt_us-rate-cut: outcomes out_us-rate-cut-yes out_us-rate-cut-no",
        ),
        (
            "asset BTCUSDT",
            "user usr_demo, API key pk_demo_ticklot, access token demo-header.demo-claims.demo-signature",
        ),
    ];
    for (venue, lines) in [("jayx", &jayx[..]), ("bayse", &bayse)] {
        let mut server = Running::start(&["serve", "--venue", venue]);
        assert!(server.line().starts_with("ws://127.0.0.1:"));
        let (status, rest) = server.interrupt();
        assert_eq!(status, Some(0), "{rest}");
        let printed: Vec<&str> = rest.lines().collect();
        for line in lines.iter().flat_map(|(one, other)| [one, other]) {
            assert!(printed.contains(line), "{line:?} in {rest}");
        }
    }
}

#[test]
fn watch_comes_back_to_a_server_that_misbehaves() {
    let faults = "drop=60,garbage=0.3,slow=1ms,seed=7";
    let mut server = Running::start(&["serve", "--venue", "jayx", "--faults", faults]);
    let url = server.line();
    let mut watching = Running::start(&["watch", "--venue", "jayx", "--url", &url]);
    watching.line_with(" live bid ");
    watching.line_with("disconnected");
    watching.line_with(" live bid ");
    assert_eq!(watching.interrupt().0, Some(0));
    assert_eq!(server.interrupt().0, Some(0));
}

#[test]
fn faults_that_cannot_be_are_told_in_one_line() {
    for (faults, why) in [
        ("cut=2", "cut is a chance from 0 to 1"),
        ("explode=1", "there is no fault \"explode\""),
    ] {
        let output = program(&["serve", "--venue=jayx", "--faults", faults])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output);
        assert!(told.contains(why) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn every_event_of_jayx_is_shown_in_both_envelopes() {
    for envelope in ["--envelope=socketio", "--envelope=plain"] {
        for (event, line) in [
            ("kline", "candle "),
            ("positions", "balance BTC "),
            ("openorders", "order "),
        ] {
            let event = format!("--event={event}");
            let mut running = Running::start(&["watch", "--venue=jayx", envelope, &event]);
            running.line_with(line);
            assert_eq!(running.interrupt().0, Some(0));
        }
    }
}

#[test]
fn every_channel_of_bayse_is_shown() {
    for (channel, line) in [
        ("orderbook", " live bid "),
        ("prices", "price mkt_us-rate-cut YES "),
        ("activity", "BUY mkt_us-rate-cut "),
        ("asset_prices", "price BTCUSDT "),
        ("user_trades", " mkt_us-rate-cut "),
        ("orders", "order ord_"),
    ] {
        let channel = format!("--channel={channel}");
        let mut running = Running::start(&["watch", "--venue=bayse", &channel]);
        running.line_with(line);
        assert_eq!(running.interrupt().0, Some(0));
    }
}

#[test]
fn a_time_limit_ends_it_with_a_summary() {
    let ended = program(&["--for", "300ms"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended));
    assert!(text(&ended).contains("BTCUSDT: "), "{}", text(&ended));
}

#[test]
fn a_log_is_not_overwritten_by_its_own_books() {
    let path = std::env::temp_dir().join(format!("ticklot-log-{}.jsonl", std::process::id()));
    std::fs::write(&path, "{}\n").unwrap();
    let log = path.to_str().unwrap();
    let ran = program(&["replay", log, "--venue=jayx", "--books", log])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2), "{}", text(&ran));
    let args = ["replay", "/nowhere", "--venue=jayx", "--books", log];
    assert_eq!(program(&args).output().unwrap().status.code(), Some(1));
    let args = ["watch", "--venue=jayx", "--symbol=", "--books", log];
    assert_eq!(program(&args).output().unwrap().status.code(), Some(2));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "{}\n",
        "untouched by all of them"
    );
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn once_ends_with_the_server() {
    let folder = std::env::temp_dir().join(format!("ticklot-program-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (log, rows) = (folder.join("log.jsonl"), folder.join("rows.csv"));
    let frame = r#"{\"orderBook\":{\"asks\":[],\"bids\":[{\"ticks\":7,\"lots\":3}]}}"#;
    let line = format!("{{\"recv_ns\":0,\"venue\":\"jayx\",\"frame\":\"{frame}\"}}\n");
    std::fs::write(&log, line.repeat(3)).unwrap();
    let (log, rows) = (log.to_str().unwrap(), rows.to_str().unwrap());

    // The log names its venue.
    let mut server = Running::start(&["serve", "--from", log, "--speed=10x"]);
    let url = server.line();
    let watched = program(&[
        "watch",
        "--venue=jayx",
        "--envelope=plain",
        "--url",
        &url,
        "--once",
        "--books",
        rows,
    ])
    .output()
    .unwrap();
    assert_eq!(watched.status.code(), Some(0), "{}", text(&watched));
    let written = std::fs::read_to_string(rows).unwrap();
    let mut lines = written.lines();
    assert_eq!(
        lines.next(),
        Some("frame,line,book,bid,bid_lots,ask,ask_lots,bids,asks,crc32,scope,market")
    );
    assert_eq!(
        lines.next(),
        Some("0,0,BTCUSDT,7,3,,,1,0,3365676901,,BTCUSDT")
    );
    assert_eq!(lines.count(), 2);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A log of Kraken: a snapshot, a delta and a trade of one book.
const KRAKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kraken.jsonl");

/// The best prices and quantities after each message of [`KRAKEN`].
const KRAKEN_ROWS: [&str; 2] = [
    "BTC/USD,600001,150000000,600002,25000000,1,1,",
    "BTC/USD,600001,200000000,600002,25000000,1,1,",
];

#[test]
fn a_log_of_kraken_is_served_watched_and_replayed() {
    let folder = std::env::temp_dir().join(format!("ticklot-kraken-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let rows = folder.join("rows.csv");
    let rows = rows.to_str().unwrap();
    let mut server = Running::start(&["serve", "--from", KRAKEN]);
    let url = server.line();
    for args in [
        &[
            "watch",
            "--venue=kraken",
            "--symbol=any",
            "--url",
            &url,
            "--once",
        ][..],
        &[
            "watch",
            "--venue=kraken",
            "--symbol=BTC/USD",
            "--url",
            &url,
            "--once",
        ],
        &["replay", KRAKEN],
    ] {
        let args = [args, &["--books", rows]].concat();
        let output = program(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let written = std::fs::read_to_string(rows).unwrap();
        let lines: Vec<&str> = written.lines().skip(1).collect();
        assert_eq!(lines.len(), KRAKEN_ROWS.len(), "{written}");
        for (line, wanted) in lines.iter().zip(KRAKEN_ROWS) {
            assert!(line.contains(wanted), "{line}");
            assert!(line.ends_with(",,BTC/USD"), "{line}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn options_of_another_venue_are_mistakes() {
    for args in [
        &["serve", "--venue=kraken"][..],
        &["watch", "--venue=kraken", "--price-decimals=2"],
        &["watch", "--venue=kraken", "--book-depth=11"],
        &["watch", "--venue=kraken", "--symbol=any"],
        &["watch", "--venue=jayx", "--book-depth=10"],
        &["watch", "--venue=jayx", "--symbol=BTCUSDT,ETHUSDT"],
        &["replay", "/nowhere", "--venue=kraken", "--symbol=BTC/USD"],
    ] {
        let output = program(args).output().unwrap();
        let said = text(&output);
        // The log of the last one is missing, which is found first.
        let status = if args[0] == "replay" { 1 } else { 2 };
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut running = Running::start(&["--for", "5s"]);
    running.line();
    let Running { child, out } = &mut running;
    // The next lines go nowhere, as into `head -1`.
    drop(std::mem::replace(out, BufReader::new(empty_stdout())));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The output of a process that says nothing.
fn empty_stdout() -> ChildStdout {
    let mut child = program(&["--version"]).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    child.wait().unwrap();
    out
}
