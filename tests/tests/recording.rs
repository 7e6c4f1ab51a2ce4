//! A recording contains all messages, and its replay equals the live session.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::path::{Path, PathBuf};
use std::time::Duration;

use ticklot::capture::{FrameLog, LogError, Record, RecordOptions, Recorded, Recorder, Replay};
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::{RecordKind, Tap, WireEvent, WireRecord};
use ticklot::venue::VenueName;
use ticklot::{ConnectionId, Disconnect, Nanos};
use ticklot_sim::{FaultConfig, Simulator, Venue};
use ticklot_tests::data::{assert_same_rows, columns};
use ticklot_tests::handler::ignore;
use ticklot_tests::program::{TempFile, TempFolder, ticklot, ticklot_on_a_terminal};

const SECOND: u64 = 1_000_000_000;
/// The Unix time of the sessions' clock at zero.
const ZERO: u64 = 1_700_000_000 * SECOND;

/// Records with these options, and compares the replay's rows with the live ones. Returns the output of the replay.
fn live_and_replayed(options: &[String], log: &str) -> String {
    let (live, replayed) = (TempFile::new("live.csv"), TempFile::new("replayed.csv"));
    let mut args = vec!["record".to_owned(), format!("--out={log}")];
    args.extend_from_slice(options);
    args.push(format!("--books={}", live.path()));
    let ran = ticklot(&args);
    ran.assert_status(0);
    let rows = live.text();
    assert!(rows.lines().count() > 8, "too few books: {rows}{}", ran.out);

    let rows_option = format!("--books={}", replayed.path());
    let again = ticklot(["replay", log, &rows_option]);
    again.assert_status(0);
    // A log does not name the currency of a book, so a replay does not know its scope.
    let known = |text: &str| columns(text, |name| name != "scope");
    assert_same_rows(&known(&replayed.text()), &known(&rows), log);
    again.out + &again.err
}

/// Takes over a second: the books of the embedded servers arrive in real time.
fn check_embedded_servers(options: &[&str]) {
    let log = TempFile::new("log.jsonl.zst");
    let mut options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    options.push("--duration=1s".to_owned());
    let output = live_and_replayed(&options, log.path());
    assert!(!output.contains(" invalidations, "), "{output}");
}

#[test]
fn replay_equals_live_jayx_packets() {
    check_embedded_servers(&["--venue=jayx", "--envelope=socketio"]);
}

#[test]
fn replay_equals_live_jayx_plain() {
    check_embedded_servers(&["--venue=jayx", "--envelope=plain"]);
}

#[test]
fn replay_equals_live_bayse() {
    check_embedded_servers(&["--venue=bayse"]);
}

#[test]
fn replay_equals_live_both_venues() {
    check_embedded_servers(&[
        "--jayx-stream=kline,orderbook,positions,openorders",
        "--channel=orderbook,prices,activity",
    ]);
}

#[test]
fn replay_equals_live_spinning_feed() {
    check_embedded_servers(&["--spin", "--keep-warm=50us"]);
}

/// An empty recording would block the next attempt.
#[test]
fn unwritable_books_leave_no_file() {
    let folder = TempFolder::new("no-books");
    let log = folder.file("log.jsonl.zst");
    let out = format!("--out={log}");
    let books = format!("--books={}", folder.file("nowhere/books.csv"));
    let refused = ticklot(["record", &out, &books, "--duration=1s"]);
    refused.assert_status(1);
    refused.assert_err("cannot write");
    assert!(!Path::new(&log).exists());
    // `--books` must not overwrite the log. That error leaves no file either.
    let both = ticklot(["record", &out, &format!("--books={log}"), "--duration=1s"]);
    both.assert_status(2);
    assert!(!Path::new(&log).exists());
}

/// With broken connections and garbage lines: new epochs and gaps, and continuous frame numbers.
#[test]
fn replay_equals_live_under_faults() {
    let faults: FaultConfig = "drop=40,garbage=0.2,seed=5".parse().unwrap();
    let jayx = ticklot_sim::jayx::Config {
        update_every: Duration::from_millis(2),
        faults,
        ..Default::default()
    };
    let bayse = ticklot_sim::bayse::Config {
        faults,
        ..Default::default()
    };
    let simulator = Simulator::spawn(jayx, bayse).unwrap();
    let url = simulator.url(Venue::Jayx).unwrap();
    let folder = TempFolder::new("misbehaving");
    let log = folder.file("log.jsonl");
    let options = ["--venue=jayx", "--duration=3s", "--url", &url];
    let output = live_and_replayed(&options.map(str::to_owned), &log);
    assert!(output.contains("BTCUSDT is gap"), "{output}");
    let is_summary = |line: &str| line.ends_with(", 0 of them not as recorded");
    assert!(output.lines().any(is_summary), "{output}");
    let text = std::fs::read_to_string(&log).unwrap();
    let openings = text.matches(r#""dir":"open""#).count();
    assert!(openings > 1, "{openings} connections");
}

#[test]
fn keys_are_not_recorded() {
    let log = TempFile::new("log.jsonl");
    let out = format!("--out={}", log.path());
    let args = ["record", &out, "--duration=300ms"];
    let ran = ticklot(
        args.iter()
            .chain(&["--jayx-stream=positions", "--channel=orders"]),
    );
    ran.assert_status(0);
    let text = log.text();
    let keys = [
        ticklot_sim::jayx::Account::demo().api_key,
        ticklot_sim::bayse::User::demo().api_key.unwrap(),
    ];
    for key in keys {
        assert!(!text.contains(&key), "{key}");
    }
    let hidden = text.matches(r#"\"apiKey\":\"hidden\""#).count();
    assert!(hidden >= 2, "{hidden} messages with a key");
    assert!(text.contains(r#""dir":"out""#));
}

/// The tap record of a received frame.
fn frame(n: u64, text: &str) -> WireRecord<'_> {
    WireRecord {
        connection: ConnectionId(0),
        venue: VenueName::BAYSE,
        at: Nanos(n),
        event: WireEvent::Received(text.as_bytes()),
    }
}

fn text(n: u64) -> String {
    format!(
        r#"{{"n":{n},"text":"é\"\\ {}"}}"#,
        "x".repeat((n * 7919 % 200) as usize)
    )
}

fn all(log: FrameLog) -> (Vec<Record>, Option<LogError>) {
    let (mut records, mut error) = (Vec::new(), None);
    for record in log {
        match record {
            Ok(record) if error.is_none() => records.push(record),
            Ok(record) => panic!("{record:?} after {error:?}"),
            Err(_) if error.is_some() => panic!("two errors"),
            Err(e) => error = Some(e),
        }
    }
    (records, error)
}

/// Waits until the recorder's thread has reached a state.
fn wait_until(recorder: &Recorder, is_reached: impl Fn(&Recorded) -> bool) {
    while !is_reached(&recorder.recorded()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn record(path: &str, options: RecordOptions, frames: std::ops::Range<u64>) -> Recorder {
    let mut recorder = Recorder::create(path, ZERO, options).unwrap();
    for n in frames {
        recorder.record(&frame(n * SECOND, &text(n)));
    }
    recorder
}

#[test]
fn log_truncated_anywhere_is_read() {
    let folder = TempFolder::new("cut");
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let path = folder.file(name);
        let recorder = record(&path, RecordOptions::default(), 0..40);
        // Writes and flushes twice.
        wait_until(&recorder, |recorded| recorded.frames >= 40);
        let flushed = std::fs::metadata(&path).unwrap().len();
        let mut again = recorder.clone();
        (40..80).for_each(|n| again.record(&frame(n * SECOND, &text(n))));
        assert_eq!(recorder.finish().unwrap().frames, 80);

        let whole = std::fs::read(&path).unwrap();
        let mut cuts = 0;
        for length in 0..=whole.len() {
            let bytes = std::io::Cursor::new(whole[..length].to_vec());
            let (records, error) = all(FrameLog::from_reader(bytes).unwrap());
            for (n, record) in records.iter().enumerate() {
                assert_eq!(record.frame, text(n as u64).as_bytes(), "{name} {length}");
                assert_eq!(record.recv_ns, ZERO + n as u64 * SECOND);
            }
            let is_complete = records.len() >= 40 || (length as u64) < flushed;
            assert!(is_complete, "{name} {length}: flushed records are missing");
            match error {
                None if length == whole.len() => assert_eq!(records.len(), 80),
                // An empty file, or a plain one that ends with a whole line.
                None => assert!(length == 0 || name == "log.jsonl", "{name} {length}"),
                Some(error) => {
                    let is_truncated = error.is_truncated() && error.is_fatal();
                    assert!(is_truncated, "{name} {length}: {error}");
                    cuts += 1;
                }
            }
        }
        assert!(cuts > whole.len() / 2, "{name}");
    }
}

#[test]
fn files_rotate_by_time() {
    let folder = TempFolder::new("time");
    let mut options = RecordOptions::default();
    options.rotation.every = Some(Duration::from_secs(10));
    let path = folder.file("log.jsonl.zst");
    let recorded = record(&path, options, 0..25).finish().unwrap();
    assert_eq!((recorded.files, recorded.frames), (3, 25));
    // A new recording continues after the last file, even if earlier ones were removed.
    std::fs::remove_file(folder.file("log.0001.jsonl.zst")).unwrap();
    record(&path, options, 25..30).finish().unwrap();
    let mut joined = Vec::new();
    for (number, frames) in [(2, 10..20), (3, 20..25), (4, 25..30)] {
        let file = folder.file(&format!("log.{number:04}.jsonl.zst"));
        let (records, error) = all(FrameLog::open(&file).unwrap());
        assert!(error.is_none());
        let texts: Vec<_> = records.into_iter().map(|record| record.frame).collect();
        let expected: Vec<_> = frames.map(|n| text(n).into_bytes()).collect();
        assert_eq!(texts, expected, "{number}");
        joined.extend(std::fs::read(&file).unwrap());
    }
    assert_eq!(folder.names().len(), 3);
    let (records, error) = all(FrameLog::from_reader(std::io::Cursor::new(joined)).unwrap());
    assert!(records.len() == 20 && error.is_none(), "concatenated");
}

#[test]
fn files_rotate_by_size() {
    for name in ["log.jsonl", "log.jsonl.gz", "log.jsonl.zst"] {
        let folder = TempFolder::new("size");
        let mut options = RecordOptions::default();
        options.rotation.size = Some(20_000);
        // Incompressible, and more than the compressor buffers.
        let mut random = 1_u64;
        let mut noise = || {
            let draw = |_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                char::from(33 + (random >> 33) as u8 % 90)
            };
            (0..20_000).map(draw).collect::<String>()
        };
        let texts: Vec<String> = (0..60).map(|_| noise()).collect();
        let mut recorder = Recorder::create(folder.file(name), ZERO, options).unwrap();
        for (n, text) in texts.iter().enumerate() {
            recorder.record(&frame(n as u64, text));
        }
        let recorded = recorder.finish().unwrap();
        let files = folder.names();
        assert_eq!(recorded.files as usize, files.len());
        assert!(files.len() > 4, "{files:?}");
        let mut got = Vec::new();
        let mut bytes = 0;
        for file in &files {
            let size = std::fs::metadata(folder.file(file)).unwrap().len();
            assert!(size < 20_000 + (128 << 10) + 25_000, "{file} {size}");
            bytes += size;
            let (records, error) = all(FrameLog::open(folder.file(file)).unwrap());
            assert!(error.is_none());
            got.extend(records.into_iter().map(|record| record.frame));
        }
        assert_eq!(bytes, recorded.bytes);
        assert!(got.iter().eq(texts.iter().map(String::as_bytes)));
    }
}

/// The program's report of the envelope that it detects.
const ENVELOPE: &str = "ticklot: the server speaks Socket.IO\n";

#[test]
fn recording_overwrites_no_file() {
    let folder = TempFolder::new("place");
    let path = folder.file("log.jsonl");
    std::fs::write(&path, "mine").unwrap();
    // A recorder continues with the next file, as after a restart.
    for number in 1..=2 {
        let recorder = record(&path, RecordOptions::default(), 0..number);
        let recorded = recorder.finish().unwrap();
        let next = folder.file(&format!("log.{number:04}.jsonl"));
        assert_eq!(recorded.path, Path::new(&next));
        assert_eq!(all(FrameLog::open(&next).unwrap()).0.len() as u64, number);
    }
    let ran = ticklot(["record", "--venue=jayx", "--out", &path, "--duration=300ms"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ENVELOPE));
    assert!(ran.out.ends_with("log.0003.jsonl\n"), "{}", ran.out);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(folder.names().len(), 4);
}

#[test]
fn file_exists_from_first_message() {
    let folder = TempFolder::new("first");
    let path = folder.file("log.jsonl");
    let mut recorder = Recorder::create(&path, ZERO, RecordOptions::default()).unwrap();
    let silent = recorder.clone();
    let mut pass = |connection, event| {
        recorder.record(&WireRecord {
            connection: ConnectionId(connection),
            event,
            ..frame(1, "")
        });
    };
    let gone = Disconnect::IdleTimeout;
    // Failed attempts, and a connection that sends and receives nothing.
    for _ in 0..3 {
        pass(0, WireEvent::Closed(&gone));
    }
    pass(1, WireEvent::Opened);
    pass(1, WireEvent::Sent(b"one"));
    pass(1, WireEvent::Closed(&gone));
    pass(0, WireEvent::Opened);
    pass(0, WireEvent::Sent(b"two"));
    // The recorder empties its queue four times a second.
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(folder.names(), [""; 0]);
    assert_eq!(silent.recorded().files, 0);
    pass(0, WireEvent::Received(b"three"));
    assert_eq!(silent.finish().unwrap().lines, 3);
    let (records, error) = all(FrameLog::open(&path).unwrap().everything());
    assert!(error.is_none());
    let kinds: Vec<&str> = records.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["open", "out", "in"], "in order");

    let path = folder.file("none.jsonl");
    let recorder = Recorder::create(&path, ZERO, RecordOptions::default()).unwrap();
    assert_eq!(recorder.finish().unwrap().files, 0);
    assert_eq!(folder.names(), ["log.jsonl"]);
}

/// A file system of 128 KiB with 20 KiB left. `None` if this user cannot mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(TempFolder);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = TempFolder::new("disk");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=128k", "none", folder.path()]);
        let mounted = mount.output().ok()?;
        if !mounted.status.success() {
            println!("skipped: this user cannot mount a small disk");
            return None;
        }
        std::fs::write(folder.file("filler"), vec![1; 108 << 10]).unwrap();
        Some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
    }
}

/// Checks that the recorded frames and the counts of dropped ones account for all frames, in order.
#[cfg(target_os = "linux")]
fn count_all(folder: &TempFolder, suffix: &str) -> (u64, u64) {
    let (mut next, mut dropped) = (0, 0);
    let names = folder.names();
    // The file of the given name is the first one.
    let (numbered, first): (Vec<_>, Vec<_>) = names
        .iter()
        .filter(|name| name.ends_with(suffix))
        .partition(|name| name.contains(".0"));
    for name in first.into_iter().chain(numbered) {
        let (records, error) = all(FrameLog::open(folder.file(name)).unwrap().everything());
        // A plain file ends with a whole line; a compressed one has no end.
        assert!(error.is_none_or(|error| error.is_truncated()), "{name}");
        for record in records {
            if record.kind == RecordKind::Dropped {
                let count = String::from_utf8(record.frame).unwrap();
                dropped += count.parse::<u64>().unwrap();
                next += count.parse::<u64>().unwrap();
            } else {
                assert_eq!(record.frame, text(next).as_bytes(), "{name}");
                next += 1;
            }
        }
    }
    (next, dropped)
}

#[cfg(target_os = "linux")]
#[test]
fn recording_resumes_after_full_disk() {
    for suffix in [".jsonl", ".jsonl.zst", ".jsonl.gz"] {
        let Some(SmallDisk(folder)) = &SmallDisk::new() else {
            return;
        };
        let path = folder.file(&format!("log{suffix}"));
        let recorder = Recorder::create(&path, ZERO, RecordOptions::default()).unwrap();
        let (mut tap, mut sent) = (recorder.clone(), 0);
        let mut send = |frames| {
            for _ in 0..frames {
                tap.record(&frame(sent * SECOND, &text(sent)));
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
            sent
        };
        // Some frames are written before the disk is full.
        send(20);
        wait_until(&recorder, |recorded| recorded.frames >= 20);
        while !recorder.recorded().waits {
            send(20);
        }
        let error = recorder.take_error().unwrap();
        assert!(error.is_disk_full(), "{error}");
        send(10);
        std::fs::remove_file(folder.file("filler")).unwrap();
        wait_until(&recorder, |recorded| !recorded.waits);
        let sent = send(10);
        let recorded = recorder.finish().unwrap();
        assert_eq!(recorded.files, 2, "{suffix}");
        assert!(recorded.frames > 10 && recorded.dropped > 10);
        assert_eq!(recorded.frames + recorded.dropped, sent);
        assert_eq!(count_all(folder, suffix), (sent, recorded.dropped));
    }
}

#[test]
fn dropped_records_are_counted() {
    let folder = TempFolder::new("fast");
    let path = folder.file("log.jsonl");
    let mut options = RecordOptions::default();
    options.queue = 2_000;
    let mut recorder = Recorder::create(&path, ZERO, options).unwrap();
    let sent = 20_000;
    for n in 0..sent {
        recorder.record(&frame(n, &text(n)));
    }
    let recorded = recorder.finish().unwrap();
    assert!(recorded.dropped > 0 && recorded.frames > 0, "{recorded:?}");
    assert_eq!(recorded.frames + recorded.dropped, sent);

    let (records, error) = all(FrameLog::open(&path).unwrap().everything());
    assert!(error.is_none());
    // The recorded frames and the counts of dropped ones account for all frames, in order.
    let mut next = 0;
    for record in &records {
        match record.kind {
            RecordKind::Received => {
                assert_eq!(record.frame, text(next).as_bytes(), "frame {next}");
                next += 1;
            }
            RecordKind::Dropped => {
                assert_eq!(record.recv_ns, ZERO + next, "time of the first one");
                let count = String::from_utf8_lossy(&record.frame);
                next += count.parse::<u64>().unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, sent);
    let ran = ticklot(["replay", &path, "--venue=bayse"]);
    ran.assert_status(0);
    ran.assert_out(&format!(
        "{} records are missing from the log\n",
        recorded.dropped
    ));
    ran.assert_err(" records are missing: the recorder could not write them");
}

#[test]
fn failing_disk_is_reported() {
    let folder = TempFolder::new("fails");
    let path = folder.file("log.jsonl");
    let mut options = RecordOptions::default();
    options.rotation.size = Some(1);
    let recorder = record(&path, options, 0..1);
    wait_until(&recorder, |recorded| recorded.frames > 0);
    let first = folder.file("log.0001.jsonl");
    let (records, _) = all(FrameLog::open(&first).unwrap());
    assert_eq!(records.len(), 1);
    // The second file has no folder.
    std::fs::remove_dir_all(folder.path()).unwrap();
    let mut again = recorder.clone();
    again.record(&frame(1, &text(1)));
    wait_until(&recorder, |recorded| recorded.failed);
    again.record(&frame(2, &text(2)));
    let dropped = recorder.recorded().dropped;
    assert_eq!(dropped, 2, "the unwritten record and the later one");
    let error = recorder.finish().unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
    assert!(error.to_string().contains("log.0002.jsonl"), "{error}");
}

fn lines(path: &Path, lines: &[&str]) {
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn reader_filters_records() {
    let folder = TempFolder::new("pick");
    let path = PathBuf::from(folder.file("log.jsonl"));
    lines(
        &path,
        &[
            r#"{"recv_ns":1,"frame":"old"}"#,
            r#"{"recv_ns":2,"conn":0,"venue":"jayx","dir":"out","frame":"asked"}"#,
            r#"{"recv_ns":3,"conn":1,"venue":"bayse","dir":"in","frame":"one"}"#,
            r#"{"recv_ns":4,"conn":1,"weather":"fine","venue":"\u0062ayse","frame":"two"}"#,
            r#"{"recv_ns":5,"conn":1,"dir":"sideways","frame":"three"}"#,
        ],
    );
    let summaries = |log: FrameLog| -> Vec<String> {
        let (records, error) = all(log);
        assert!(error.is_none());
        let summary = |record: &Record| {
            let text = String::from_utf8_lossy(&record.frame);
            format!("{} {} {text}", record.line, record.kind.as_str())
        };
        records.iter().map(summary).collect()
    };
    let open = || FrameLog::open(&path).unwrap();
    assert_eq!(summaries(open()), ["0 in old", "2 in one", "3 in two"]);
    assert_eq!(summaries(open().of(ConnectionId(0))), ["0 in old"]);
    let second = open().of(ConnectionId(1)).everything();
    assert_eq!(summaries(second), ["2 in one", "3 in two", "4 other three"]);
    let (records, _) = all(open());
    let source = |record: &Record| (record.connection, record.venue.clone());
    assert_eq!(source(&records[0]), (None, "".into()));
    assert_eq!(source(&records[2]), (Some(ConnectionId(1)), "bayse".into()));
}

const BOOK: &str = r#"{\"orderBook\":{\"asks\":[],\"bids\":[{\"ticks\":7,\"lots\":3}]}}"#;

fn book(n: u64, more: &str) -> String {
    let (frame, at) = (BOOK.replace("7", &n.to_string()), ZERO + n * SECOND);
    format!(r#"{{"recv_ns":{at}{more},"frame":"{frame}"}}"#)
}

fn log_of(folder: &TempFolder, books: std::ops::Range<u64>) -> String {
    let path = folder.file("books.jsonl");
    let text: Vec<String> = books.map(|n| book(n, "")).collect();
    std::fs::write(&path, text.join("\n") + "\n").unwrap();
    path
}

fn replayed(log: &str, options: &[&str]) -> (String, Vec<String>) {
    let rows = TempFile::new("rows.csv");
    let books = format!("--books={}", rows.path());
    let args = [&["replay", log, "--venue=jayx", &books], options].concat();
    let ran = ticklot(&args);
    ran.assert_ok();
    let prices = rows.text();
    let prices = prices.lines().skip(1);
    // `frame:bid` of each row.
    let prices = prices.map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        format!("{}:{}", cells[0], cells[3])
    });
    (ran.out, prices.collect())
}

#[test]
fn range_replay_includes_earlier_state() {
    let folder = TempFolder::new("part");
    let log = log_of(&folder, 1..9);
    for (options, rows) in [
        (&["--from=frame:6"][..], "6:7 7:8"),
        (&["--until=frame:1"], "0:1 1:2"),
        (&["--from=+2s", "--until=+3s"], "2:3 3:4"),
        (
            &["--from=2023-11-14T22:13:23Z", "--until=frame:3"],
            "2:3 3:4",
        ),
        (&["--from=1700000008000000000"], "7:8"),
        (&["--from=+1h"], ""),
    ] {
        let (out, got) = replayed(&log, options);
        assert_eq!(got.join(" "), rows, "{options:?}");
        let shown = got.len();
        let counts = format!("{shown} frames, {shown} messages, 1 books, ");
        assert!(out.starts_with(&counts), "{out}");
    }
    let (out, _) = replayed(&log, &["--from=+2s", "--until=+3s"]);
    assert!(out.contains("2 frames before them were applied\n"), "{out}");
    let last = "2023-11-14T22:13:24.000000000Z BTCUSDT live bid 0.04 x 0.000003 | ask -\n";
    assert!(out.ends_with(last), "{out}");
    for wrong in ["--from=soon", "--until=frame:x", "--speed=fast"] {
        let ran = ticklot(["replay", &log, "--venue=jayx", wrong]);
        ran.assert_failed(2, "");
    }
}

/// One second of the log at ten times its speed takes at least 0.1 s.
#[test]
fn replay_respects_its_speed() {
    let folder = TempFolder::new("speed");
    let log = log_of(&folder, 1..3);
    let start = std::time::Instant::now();
    let (_, rows) = replayed(&log, &["--speed=10x"]);
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(rows.join(" "), "0:1 1:2");
}

#[test]
fn replay_shows_progress_on_terminal() {
    let folder = TempFolder::new("bar");
    let log = log_of(&folder, 1..9);
    let args = ["replay", &log, "--venue=jayx"];
    let (piped, shown) = (ticklot(args), ticklot_on_a_terminal(args));
    assert!(!piped.out.contains(['\r', '\x1b']), "{}", piped.out);
    // The bar is drawn before the first line is read. The replay of such a short log ends before the next update.
    let bar = "\r\x1b[K[------------------------------]   0%  0 frames\r\x1b[K8 frames, ";
    assert!(shown.out.starts_with(bar), "{:?}", shown.out);
    // The lines after the times are equal.
    let rest = |out: &str| {
        let (_, rest) = out.rsplit_once("ns per").unwrap();
        rest.lines().last().map(str::to_owned)
    };
    assert_eq!(rest(&piped.out), rest(&shown.out));
}

#[test]
fn recording_shows_progress_on_terminal() {
    let folder = TempFolder::new("status");
    let out = format!("--out={}", folder.file("log.jsonl"));
    // Takes over a second: the status is printed once a second.
    let ran = ticklot_on_a_terminal(["record", "--venue=jayx", &out, "--duration=1200ms"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ENVELOPE));
    let lines = ran.out.split("\r\x1b[K");
    // The status line is cleared for the report of the envelope.
    let mut lines = lines.filter(|line| !line.is_empty());
    let status = lines.next().unwrap();
    let has_counts = status.contains(" frames, ") && status.contains(" bytes, 0 missing, ");
    assert!(has_counts, "{status}");
    let summary = lines.last().unwrap();
    assert!(
        summary.contains(" bytes in 1 files, the last "),
        "{summary}"
    );
}

#[test]
fn session_count_is_bounded() {
    let folder = TempFolder::new("many");
    let path = folder.file("log.jsonl");
    let line = |conn| format!(r#"{{"conn":{conn},"venue":"bayse","frame":""}}"#);
    let lines: Vec<String> = (0..1025).map(line).collect();
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let ran = ticklot(["replay", &path]);
    ran.assert_failed(1, "ticklot: log line 1024: more than 1024 connections\n");
}

#[test]
fn output_names_its_connection() {
    let folder = TempFolder::new("several");
    let path = folder.file("log.jsonl");
    let jayx = |n, conn| book(n, &format!(r#","conn":{conn},"venue":"jayx""#));
    let bayse = r#"{"recv_ns":9,"conn":2,"venue":"bayse","frame":"{}"}"#.to_owned();
    let text = [jayx(1, 0), jayx(2, 1), bayse, jayx(3, 0)].join("\n");
    std::fs::write(&path, text + "\n").unwrap();
    assert_eq!(replayed(&path, &[]).1.join(" "), "0:1 0:2 1:3");
    assert_eq!(replayed(&path, &["--connection=0"]).1.join(" "), "0:1 1:3");
    let fails = |args: &[&str], status, error: &str| {
        let ran = ticklot(args);
        ran.assert_status(status);
        ran.assert_err(error);
    };
    let error = "no records of connection 7: omit --connection to read all of them\n";
    fails(&["replay", &path, "--connection=7"], 1, error);
    let error =
        "connection 0 has no records of bayse, only of jayx: omit --venue or --connection\n";
    fails(
        &["replay", &path, "--connection=0", "--venue=bayse"],
        1,
        error,
    );
    let serve = ["serve", "--log", &path];
    let of_bayse = [&serve[..], &["--venue=bayse", "--connection=0"]].concat();
    fails(&of_bayse, 1, "contains no frames of bayse");
    let of_jayx = [&serve[..], &["--venue=jayx"]].concat();
    fails(&of_jayx, 2, "choose one with --connection\n");
    std::fs::write(&path, book(1, r#","venue":"nyse""#) + "\n").unwrap();
    fails(&["replay", &path], 1, "unknown venue nyse");
    fails(&["replay", &log_of(&folder, 1..2)], 2, "--venue is needed");
}

/// Logs of other recorders may lack times, or contain times that go back.
#[test]
fn replay_time_is_monotonic() {
    let folder = TempFolder::new("back");
    let path = PathBuf::from(folder.file("log.jsonl"));
    let timeless = format!(r#"{{"frame":"{BOOK}"}}"#);
    lines(
        &path,
        &[&book(5, ""), &timeless, &book(3, ""), &book(6, "")],
    );
    let mut replay = Replay::new();
    let mut ages = Vec::new();
    for record in FrameLog::open(&path).unwrap() {
        let record = record.unwrap();
        if !replay.knows(&record) {
            let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).build();
            replay.add(&record, venue.unwrap()).unwrap();
        }
        assert_eq!(replay.apply(&record, &mut ignore).messages, 1);
        let id = replay.books().find_name("BTCUSDT").unwrap();
        let book = replay.books().live(id).unwrap();
        ages.push(book.age(Nanos(ZERO + 7 * SECOND)).as_secs());
    }
    assert_eq!(ages, [2, 2, 2, 1]);
}

/// Takes half a second, in which the embedded servers send the configured channels.
#[test]
fn config_selects_recorded_connections() {
    let folder = TempFolder::new("config");
    let file = folder.file("ticklot.toml");
    let text = "[limits]\nstale_after = \"1ms\"\n[[jayx]]\nenvelope = \"plain\"\n[[jayx.instrument]]\n\
        symbol = \"BTCUSDT\"\ncandles = [\"5\"]\nprice_decimals = 3\n[[bayse]]\nassets = [\"BTCUSDT\"]\n";
    std::fs::write(&file, text).unwrap();
    let record = |name: &str, options: &[&str]| {
        let log = folder.file(name);
        let args = ["--config", &file, "record", "--out", &log];
        let ran = ticklot(args.iter().chain(&["--duration=500ms"]).chain(options));
        ran.assert_ok();
        all(FrameLog::open(&log).unwrap().everything()).0
    };
    let text = |record: &Record| String::from_utf8_lossy(&record.frame).into_owned();
    let has = |records: &[Record], kind: RecordKind, part: &str| {
        let mut records = records.iter();
        records.any(|record| record.kind == kind && text(record).contains(part))
    };
    let records = record("all.jsonl", &[]);
    assert!(has(&records, RecordKind::Sent, "kline"));
    assert!(has(&records, RecordKind::Sent, "BTCUSDT"));
    let limit = "\"stale_after_ns\":1000000";
    assert!(has(&records, RecordKind::Invalidated, limit));
    let venue = |records: &[Record], name: &str| records.iter().any(|it| it.venue == name);
    assert!(venue(&records, "jayx") && venue(&records, "bayse"));
    // The command line overrides the file.
    let records = record("one.jsonl", &["--venue=jayx", "--jayx-stream=orderbook"]);
    assert!(!venue(&records, "bayse") && !has(&records, RecordKind::Sent, "kline"));
    assert!(has(&records, RecordKind::Received, "orderBook"));
    // `record` has no display options.
    for option in ["--json", "--depth=3", "--latency"] {
        let ran = ticklot(["record", "--out", &folder.file("x.jsonl"), option]);
        let name = option.split('=').next().unwrap();
        ran.assert_failed(2, name);
    }
}

#[test]
fn invalid_recording_options_are_refused() {
    for (option, error) in [
        ("--rotate-size=0", "expected a size above zero"),
        ("--rotate-every=soon", "--rotate-every"),
        ("--market=m", "--market applies only to Bayse"),
    ] {
        let folder = TempFolder::new("wrong");
        let out = format!("--out={}", folder.file("log.jsonl"));
        let ran = ticklot(["record", "--venue=jayx", &out, option]);
        ran.assert_failed(2, error);
        assert_eq!(folder.names(), [""; 0], "no file was created");
    }
    let nowhere = ticklot(["record", "--out=/nowhere/log.jsonl"]);
    nowhere.assert_status(1);
    nowhere.assert_err("ticklot: cannot write /nowhere/log.jsonl: ");
    ticklot(["record"]).assert_status(2);
}
