//! Tests of the program as a process: output, signals, pipes and servers.

#![cfg(unix)] // signals are sent by `kill`
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use common::{Folder, Running, assert_contains, listen, printed, program, run_to};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use ticklot_transport::rustls::crypto::ring;
use ticklot_transport::rustls::pki_types::PrivateKeyDer;
use ticklot_transport::rustls::{ServerConfig, ServerConnection, StreamOwned};

// Over a second each: the program prints a line per book and second, and the lines are read until the books are live.

#[test]
fn bare_program_shows_both_venues() {
    let mut running = Running::start(&[]);
    for book in ["BTCUSDT", "out_us-rate-cut-yes", "out_us-rate-cut-no"] {
        let line = running.line_with(&format!("{book} live bid "));
        assert_contains(&line, &[" x ", "| ask ", "| spread ", "| last "]);
        assert_contains(&line, &["| age ", " msg/s | p50 ", " p99 "]);
    }
    let rest = running.interrupt();
    assert!(rest.contains("BTCUSDT: "), "a summary: {rest}");
}

#[test]
fn watch_follows_separate_server() {
    for (venue, options) in [
        ("jayx", &["--envelope=socketio"][..]),
        ("jayx", &["--envelope=plain"]),
        ("bayse", &["--market=mkt_us-rate-cut"]),
    ] {
        let (server, url) = Running::serve(&["--venue", venue, "--seed", "7"]);
        let args = [&["watch", "--venue", venue, "--url", &url], options].concat();
        let mut watching = Running::start(&args);
        watching.line_with(" live bid ");
        watching.interrupt();
        server.interrupt();
    }
}

#[test]
fn sigterm_ends_with_status_0() {
    let folder = Folder::new("sigterm");
    let (server, url) = Running::serve(&["--venue=jayx"]);
    let mut watching = Running::start(&["watch", "--venue", "jayx", "--url", &url]);
    watching.line_with(" live bid ");
    watching.end_by("-TERM");
    let book = r#"{"orderBook":{"asks":[{"ticks":11,"lots":1}],"bids":[{"ticks":10,"lots":1}]}}"#;
    let frame = serde_json::json!(format!("42[\"orderbook\",{book}]"));
    // An hour between the two records.
    let lines = [1_700_000_000, 1_700_003_600]
        .map(|second| format!("{{\"recv_ns\":{second}000000000,\"frame\":{frame}}}\n"));
    let log = folder.write("log.jsonl", &lines.concat());
    let mut replaying = Running::start(&["replay", "--venue=jayx", "--speed=1x", &log]);
    replaying.line_with(" live bid ");
    replaying.end_by("-TERM");
    server.end_by("-TERM");
}

#[test]
fn serve_lists_its_market() {
    let jayx = ["symbol BTCUSDT", "account, API key ak_demo_ticklot"];
    let bayse = [
        "event evt_us-rate-cut: Will the Fed cut rates in 2026?",
        "market mkt_us-rate-cut: outcomes out_us-rate-cut-yes out_us-rate-cut-no",
        "asset BTCUSDT",
        "user usr_demo, API key pk_demo_ticklot, access token demo-header.demo-claims.demo-signature",
    ];
    for (venue, lines) in [("jayx", &jayx[..]), ("bayse", &bayse)] {
        let (server, _) = Running::serve(&["--venue", venue]);
        let rest = server.interrupt();
        let printed: Vec<&str> = rest.lines().collect();
        for line in lines {
            assert!(printed.contains(line), "{line:?} in {rest}");
        }
    }
}

#[test]
fn watch_survives_injected_faults() {
    let faults = "drop=60,garbage=0.3,slow=1ms,seed=7";
    let (server, url) = Running::serve(&["--venue", "jayx", "--faults", faults]);
    let mut watching = Running::start(&["watch", "--venue", "jayx", "--url", &url]);
    watching.line_with(" live bid ");
    watching.line_with("disconnected");
    watching.line_with(" live bid ");
    watching.interrupt();
    server.interrupt();
}

#[test]
fn invalid_faults_are_one_line() {
    for (faults, why) in [
        ("cut=2", "cut must be a probability from 0 to 1"),
        ("explode=1", "unknown fault \"explode\""),
    ] {
        let text = run_to(2, &["serve", "--venue=jayx", "--faults", faults]);
        assert!(text.contains(why) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn shows_jayx_in_both_envelopes() {
    for envelope in ["--envelope=socketio", "--envelope=plain"] {
        for (event, line) in [
            ("kline", "candle "),
            ("positions", "balance BTC "),
            ("openorders", "order "),
        ] {
            let event = format!("--jayx-stream={event}");
            let mut running = Running::start(&["watch", "--venue=jayx", envelope, &event]);
            running.line_with(line);
            running.interrupt();
        }
    }
}

#[test]
fn shows_every_bayse_channel() {
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
        running.interrupt();
    }
}

#[test]
fn duration_ends_with_summary() {
    let text = run_to(0, &["--duration", "300ms"]);
    assert!(text.contains("BTCUSDT: "), "{text}");
}

#[test]
fn spinning_feed_ends_normally() {
    let spin = ["--spin", "--keep-warm=100us"];
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(&spin);
        running.line_with("out_us-rate-cut-no live bid ");
        let rest = running.end_by(signal);
        assert!(rest.contains("BTCUSDT: "), "a summary: {rest}");
    }
    let text = run_to(0, &[&spin[..], &["--duration", "300ms"]].concat());
    assert!(text.contains("BTCUSDT: "), "{text}");
}

/// The processors that each thread of a process may use, with the thread's name.
#[cfg(target_os = "linux")]
fn processors(process: u32) -> impl Iterator<Item = (String, String)> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |thread: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let field = |name| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap().trim().to_owned()
        };
        (field("Name:"), field("Cpus_allowed_list:"))
    };
    threads.map(of)
}

#[cfg(target_os = "linux")]
#[test]
fn only_spinning_thread_is_bound() {
    // Only the first thread of this process, because the threads of other tests may end.
    let (_, all) = processors(std::process::id()).next().unwrap();
    let last = all.rsplit([',', '-']).next().unwrap().to_owned();
    let mut running = Running::start(&["watch", "--venue=jayx", "--spin", "--cpu", &last]);
    running.line_with(" live bid ");
    let threads: Vec<_> = processors(running.child.id()).collect();
    assert!(threads.len() >= 4, "{threads:?}");
    for (name, processors) in threads {
        let expected = if name == "ticklot" { &last } else { &all };
        assert_eq!(&processors, expected, "{name}");
    }
    running.interrupt();
}

#[test]
fn missing_processor_is_refused_early() {
    let folder = Folder::new("cpu");
    let (log, rows) = (folder.file("log.jsonl"), folder.write("rows.csv", "kept"));
    // Beyond the largest affinity mask.
    let spin = ["--spin", "--cpu=1000000", "--books", &rows];
    for command in [&["watch"][..], &["record", "--out", &log]] {
        let text = run_to(2, &[command, &spin].concat());
        let why = "ticklot: --cpu 1000000: the thread cannot be bound to this processor: ";
        assert!(text.starts_with(why) && text.lines().count() == 1, "{text}");
    }
    assert_eq!(std::fs::read_to_string(&rows).unwrap(), "kept");
    assert!(!Path::new(&log).exists());
}

#[test]
fn books_never_overwrite_logs() {
    let folder = Folder::new("log");
    let log = &folder.write("log.jsonl", "{}\n");
    run_to(2, &["replay", log, "--venue=jayx", "--books", log]);
    run_to(1, &["replay", "/nowhere", "--venue=jayx", "--books", log]);
    run_to(2, &["watch", "--venue=jayx", "--symbol=", "--books", log]);
    let text = std::fs::read_to_string(log).unwrap();
    assert_eq!(text, "{}\n", "the log is unchanged");
}

#[test]
fn no_reconnect_ends_with_server() {
    let folder = Folder::new("program");
    let frame = r#"{\"orderBook\":{\"asks\":[],\"bids\":[{\"ticks\":7,\"lots\":3}]}}"#;
    let line = format!("{{\"recv_ns\":0,\"venue\":\"jayx\",\"frame\":\"{frame}\"}}\n");
    let log = folder.write("log.jsonl", &line.repeat(3));
    let rows = folder.file("rows.csv");
    // The log names its venue.
    let (_server, url) = Running::serve(&["--log", &log, "--speed=10x"]);
    let watch = ["watch", "--no-reconnect", "--url", &url, "--books", &rows];
    run_to(0, &[&watch[..], &PLAIN].concat());
    let written = std::fs::read_to_string(rows).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    let columns = "frame,line,book,bid,bid_lots,ask,ask_lots,bids,asks,crc32,scope,market";
    let first = "0,0,BTCUSDT,7,3,,,1,0,3365676901,,BTCUSDT";
    assert_eq!((lines.len(), &lines[..2]), (4, &[columns, first][..]));
}

/// A log of Kraken with a snapshot, a delta and a trade of one book.
const KRAKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kraken.jsonl");

/// The best prices and quantities after each message of [`KRAKEN`].
const KRAKEN_ROWS: [&str; 2] = [
    "BTC/USD,600001,150000000,600002,25000000,1,1,",
    "BTC/USD,600001,200000000,600002,25000000,1,1,",
];

#[test]
fn serves_and_replays_kraken_log() {
    let folder = Folder::new("kraken");
    let rows = folder.file("rows.csv");
    let (_server, url) = Running::serve(&["--log", KRAKEN]);
    let watch = ["watch", "--venue=kraken", "--url", &url, "--no-reconnect"];
    for args in [
        &[&watch[..], &["--accept-any"]].concat()[..],
        &[&watch[..], &["--symbol=BTC/USD", "--book-depth=100"]].concat(),
        &["replay", KRAKEN],
    ] {
        run_to(0, &[args, &["--books", &rows]].concat());
        let written = std::fs::read_to_string(&rows).unwrap();
        let lines: Vec<&str> = written.lines().skip(1).collect();
        assert_eq!(lines.len(), KRAKEN_ROWS.len(), "{written}");
        for (line, wanted) in lines.iter().zip(KRAKEN_ROWS) {
            assert!(line.contains(wanted), "{line}");
            assert!(line.ends_with(",,BTC/USD"), "{line}");
        }
    }
}

#[test]
fn other_venues_options_are_refused() {
    for args in [
        &["serve", "--venue=kraken"][..],
        &["watch", "--venue=kraken", "--price-decimals=2"],
        &["watch", "--venue=kraken", "--book-depth=11"],
        &["watch", "--venue=kraken", "--symbol=any"],
        &["watch", "--venue=jayx", "--book-depth=10"],
        &["watch", "--venue=jayx", "--symbol=BTCUSDT,ETHUSDT"],
        &["bench", "--symbol=BTCUSDT"],
        &["bench", "--venue=jayx", "--price-decimals=2"],
    ] {
        let text = run_to(2, args);
        assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
    }
}

/// `replay`, `plot` and `bench` reject book options that have no effect for the venue.
#[test]
fn ineffective_log_options_are_refused() {
    let folder = Folder::new("empty");
    let log = &folder.write("log.jsonl", "");
    let out = format!("--out={log}.png");
    // The option, and the venues whose logs it applies to.
    let table = [
        ("--envelope=plain", &["jayx"][..]),
        ("--symbol=BTCUSDT", &["jayx"]),
        ("--price-decimals=2", &["jayx", "bayse"]),
        ("--quantity-decimals=2", &["jayx", "bayse"]),
        ("--currency=NGN", &["bayse"]),
    ];
    for command in [&["replay"][..], &["plot", &out], &["bench"]] {
        for (option, of) in table {
            for venue in ["jayx", "bayse", "kraken"] {
                let venue_option = format!("--venue={venue}");
                let args = [command, &[log, &venue_option, option]].concat();
                // With an accepted option, the empty log is the error.
                let status = if of.contains(&venue) { 1 } else { 2 };
                let text = run_to(status, &args);
                let name = option.split('=').next().unwrap();
                assert!(status == 1 || text.contains(name), "{args:?}: {text}");
            }
        }
    }
}

#[test]
fn broken_pipe_is_no_failure() {
    let mut running = Running::start(&["--duration", "5s"]);
    running.line();
    // The pipe is closed, as by `head -1`.
    drop(running.out.take());
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

/// Reads the head of a request.
fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A response, in which `{accept}` is replaced by the value for the upgrade's key, and bytes that follow it.
type Response<'a> = (&'a str, &'a [u8]);

/// Responds to one connection after the other, and returns the heads of their requests.
fn respond_each(listener: &TcpListener, responses: &[Response<'_>]) -> Vec<String> {
    let each = responses.iter().map(|(response, rest)| {
        let (mut stream, _) = listener.accept().unwrap();
        let head = read_head(&mut stream);
        let mut lines = head.lines();
        let key = lines.find_map(|line| line.strip_prefix("sec-websocket-key: "));
        let accept = ticklot_transport::accept_key(key.unwrap_or_default());
        let response = response.replace("{accept}", &accept);
        let response = [response.as_bytes(), rest].concat();
        stream.write_all(&response).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // The client has read everything when it closes the connection.
        let _ = stream.read_to_end(&mut Vec::new());
        head
    });
    each.collect()
}

/// Runs `watch` on a server with these responses. Returns its output and the heads of its requests.
fn watched(path: &str, options: &[&str], responses: &[Response<'_>]) -> (Output, Vec<String>) {
    let (listener, url) = listen();
    let url = url + path;
    std::thread::scope(|scope| {
        let heads = scope.spawn(|| respond_each(&listener, responses));
        let args = [&["watch", "--no-reconnect", "--url", &url], options].concat();
        let output = program(&args).output().unwrap();
        (output, heads.join().unwrap())
    })
}

const PLAIN: [&str; 2] = ["--venue=jayx", "--envelope=plain"];
const SWITCHING: &str = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Accept: {accept}\r\n\r\n";

/// Over a second: the server requests a wait of one second, and the client waits for up to one more.
#[test]
fn retry_after_is_honoured() {
    let busy = "HTTP/1.1 429 Too Many\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 4\r\n\r\nlate";
    let goodbye = b"\x88\x09\x03\xe9see you";
    let responses: [Response<'_>; 2] = [(busy, b""), (SWITCHING, goodbye)];
    let (output, heads) = watched("/path?k=v", &PLAIN, &responses);
    let shown = printed(0, &output);
    let parts = [
        "/path?k=... was refused with status 429 Too Many Requests: late; connecting again in ",
        "ticklot: closed by the server with code 1001: see you\n",
    ];
    assert_contains(&shown, &parts);
    assert!(
        heads[1].starts_with("GET /path?k=v HTTP/1.1\r\n"),
        "{}",
        heads[1]
    );
    // The server's second and a random wait of 100 ms to 1 s.
    let after = |shown: &str, key: &str| {
        let rest = shown.split(key).nth(1).unwrap();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
        rest[..end].parse::<u64>().unwrap()
    };
    let wait = after(&shown, "connecting again in ");
    assert!((1_100..=2_000).contains(&wait), "{shown}");
    let (output, _) = watched("", &[&PLAIN[..], &["--json"]].concat(), &responses);
    let shown = printed(0, &output);
    let wait = after(&shown, r#"late","retry_in_ns":"#);
    assert!((1_100_000_000..=2_000_000_000).contains(&wait), "{shown}");
    let parts = [
        r#"was refused with status 429 Too Many Requests: late","retry_in_ns":"#,
        r#""reason":"closed by the server with code 1001: see you","retry_in_ns":null}"#,
    ];
    assert_contains(&shown, &parts);
}

#[test]
fn refused_upgrades_are_one_line() {
    let refused = "HTTP/1.1 302 Found\r\nLocation: wss://other.example/ws\r\nContent-Length: 9\r\n\r\ngo\n\x1b[2Jto";
    let (output, _) = watched("/x", &PLAIN, &[(refused, b"")]);
    let shown = printed(1, &output);
    let part =
        "/x was refused with status 302 Found, a redirect to wss://other.example/ws: go [2Jto\n";
    assert_contains(&shown, &[part]);
    // A close reason cannot control the terminal either.
    let goodbye = b"\x88\x06\x03\xf4\x1b[2J";
    let (output, _) = watched("/x", &PLAIN, &[(SWITCHING, goodbye)]);
    let shown = printed(1, &output);
    assert_contains(&shown, &["with code 1012: \\u{1b}[2J\n"]);
    assert!(!shown.contains('\x1b'), "{shown}");
}

#[test]
fn venue_path_is_not_doubled() {
    let gone = "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n";
    let (bayse, socket_io) = ("/ws/v1/markets", "/socket.io/?EIO=4&transport=websocket");
    let jayx = ["--venue=jayx", "--envelope=socketio"];
    for (given, options, requested) in [
        (bayse, &["--venue=bayse", "--market=m"][..], bayse),
        ("", &["--venue=bayse", "--market=m"], bayse),
        (socket_io, &jayx, socket_io),
        ("/socket.io", &jayx, socket_io),
        ("/v2/", &["--venue=kraken"], "/v2"),
        ("", &["--venue=kraken"], "/v2"),
    ] {
        let (_, heads) = watched(given, options, &[(gone, b"")]);
        let line = format!("GET {requested} HTTP/1.1\r\n");
        assert!(heads[0].starts_with(&line), "{given}: {}", heads[0]);
        let agent = concat!("user-agent: ticklot/", env!("CARGO_PKG_VERSION"), "\r\n");
        assert_contains(&heads[0], &[agent]);
    }
}

#[test]
fn environment_proxy_and_certificates_apply() {
    let (proxy, url) = listen();
    let url = url.replace("ws://", "http://me:hush@");
    let who = "HTTP/1.1 407 Who\r\nContent-Length: 3\r\n\r\nwho";
    let venue = ["watch", "--venue=kraken", "--url=wss://venue.invalid/v2"];
    let from_env = |name: &str, value: &str| {
        let mut command = program(&venue);
        command
            .env("NO_PROXY", "elsewhere.invalid")
            .env(name, value);
        command
    };
    let mut by_option = program(&venue);
    by_option.args(["--proxy", &url]).env_remove("NO_PROXY");
    for mut command in [from_env("HTTPS_PROXY", &url), by_option] {
        let (output, heads) = std::thread::scope(|scope| {
            let heads = scope.spawn(|| respond_each(&proxy, &[(who, b"")]));
            (command.output().unwrap(), heads.join().unwrap())
        });
        let shown = printed(1, &output);
        let part = "CONNECT venue.invalid:443 was refused with status 407 Proxy Authentication Required: who";
        assert!(shown.contains(part) && !shown.contains("hush"), "{shown}");
        assert!(heads[0].starts_with("CONNECT venue.invalid:443 HTTP/1.1\r\n"));
        assert!(heads[0].contains("proxy-authorization: Basic bWU6aHVzaA==\r\n"));
    }
    // An embedded server is reached directly. The proxy is closed and would cause an error.
    drop(proxy);
    let mut embedded = program(&["watch", "--venue=jayx", "--duration=1ms"]);
    printed(0, &embedded.env("HTTPS_PROXY", &url).output().unwrap());
    let failed = |name, value| printed(2, &from_env(name, value).output().unwrap());
    let text = failed("SSL_CERT_FILE", "/nowhere/ca.pem");
    assert_contains(&text, &["certificates of /nowhere/ca.pem"]);
    let text = failed("HTTPS_PROXY", "socks5://127.0.0.1:1");
    assert_contains(&text, &["HTTPS_PROXY or ALL_PROXY "]);
}

/// A TLS server's identity for `localhost`. Writes its certificate to a file.
fn identity(file: &str) -> Arc<ServerConfig> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file, cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key);
    Arc::new(config.unwrap())
}

/// Refuses the next connection in HTTP, if the client accepts the server's certificate.
fn refuse_over_tls(listener: &TcpListener, identity: &Arc<ServerConfig>) {
    let (mut tcp, _) = listener.accept().unwrap();
    let mut tls = ServerConnection::new(Arc::clone(identity)).unwrap();
    if tls.complete_io(&mut tcp).is_err() {
        return;
    }
    let mut stream = StreamOwned::new(tls, tcp);
    read_head(&mut stream);
    let refusal = b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(refusal).unwrap();
    // The client has read everything when it closes the connection.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn the_named_authorities_are_trusted() {
    let folder = Folder::new("ca");
    let (own, other) = (&*folder.file("own.pem"), &*folder.file("other.pem"));
    let server = identity(own);
    identity(other);
    let (listener, _) = listen();
    let url = format!("wss://localhost:{}", listener.local_addr().unwrap().port());
    let (own, other) = (Some(own), Some(other));
    // The option takes precedence over the config file, and the config file over the environment.
    for (by, is_trusted) in [
        ([None, None, None], false),
        ([own, None, None], true),
        ([None, own, None], true),
        ([None, None, own], true),
        ([own, other, other], true),
        ([None, own, other], true),
        ([other, own, own], false),
        ([None, other, own], false),
    ] {
        let [option, key, variable] = by;
        let mut command = program(&["watch", "--no-reconnect", "--url", &url]);
        command.args(PLAIN).env("NO_PROXY", "localhost");
        command.env_remove("SSL_CERT_FILE");
        if let Some(file) = option {
            command.args(["--ca", file]);
        }
        if let Some(file) = key {
            let jayx = "[[jayx]]\n[[jayx.instrument]]\nsymbol = \"BTCUSDT\"";
            let text = format!("[transport]\nca = {file:?}\n{jayx}\n");
            command.args(["--config", &folder.write("ticklot.toml", &text)]);
        }
        if let Some(file) = variable {
            command.env("SSL_CERT_FILE", file);
        }
        let output = std::thread::scope(|scope| {
            scope.spawn(|| refuse_over_tls(&listener, &server));
            command.output().unwrap()
        });
        let shown = printed(1, &output);
        let part = match is_trusted {
            true => " was refused with status 404 Not Found",
            false => "invalid peer certificate: ",
        };
        assert!(shown.contains(part), "{by:?}: {shown}");
    }
}
