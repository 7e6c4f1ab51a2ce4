//! Invalid input affects nothing else: each case is an error that names the cause and the position, and the feed or replay
//! continues.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use ticklot::bayse::Bayse;
use ticklot::{Books, Disconnect, Event, Feed, Options};
use ticklot_sim::{RecordedFrame, Recording, Simulator, Speed, Venue};
use ticklot_tests::drive::{Drive, runtime};
use ticklot_tests::handler::break_if;
use ticklot_tests::messages::bayse_book as book;
use ticklot_tests::program::{Ran, TempFile, ticklot};

fn good(outcome: &str) -> String {
    book(outcome, r#"{"price":0.6,"quantity":5}"#)
}

/// The report that the book `a` has become a gap at the second line of the log.
const A_IS_GAP: &str = "ticklot: log line 1, 1970-01-01T00:00:00.000000001Z: a is gap\n";

/// A line of a log.
fn record(frame: &str) -> String {
    // Escapes the characters that occur here.
    let escaped = frame
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{{\"recv_ns\":1,\"frame\":\"{escaped}\"}}\n")
}

fn replay(log: &[u8]) -> (Ran, String) {
    let (file, rows) = (TempFile::new("log.jsonl"), TempFile::new("books.csv"));
    std::fs::write(file.path(), log).unwrap();
    let rows_option = format!("--books={}", rows.path());
    let ran = ticklot(["replay", file.path(), "--venue=bayse", &rows_option]);
    let text = rows.text();
    // `frame,line,book` of each row.
    let books = text
        .lines()
        .skip(1)
        .map(|row| row.splitn(4, ',').take(3).collect::<Vec<_>>().join(","));
    let books: Vec<String> = books.collect();
    (ran, books.join(" "))
}

#[test]
fn bad_levels_cost_their_line() {
    let cases = [
        (
            r#"{"price":1e400,"quantity":1}"#,
            "price: out of the range of a 64-bit integer",
        ),
        (
            r#"{"price":"a lot","quantity":1}"#,
            "price: not a decimal number",
        ),
        (r#"{"price":-0.6,"quantity":1}"#, "price: negative"),
        (
            r#"{"price":0.605,"quantity":1}"#,
            "price: more than 2 decimal places",
        ),
        (r#"{"price":0.6,"quantity":-1}"#, "quantity: negative"),
        (
            r#"{"price":0.6,"quantity":1e300}"#,
            "quantity: out of the range of a 64-bit integer",
        ),
    ];
    for (level, cause) in cases {
        // One bad line among good ones, and good frames before and after.
        let frame = [good("a"), book("b", level), good("c")].join("\n");
        let log = record(&good("a")) + &record(&frame) + &record(&good("d"));
        let (ran, rows) = replay(log.as_bytes());
        assert_eq!(rows, "0,0,a 1,0,a 1,2,c 2,0,d", "{level}");
        // The error points at the number.
        let field = if cause.starts_with("quantity") {
            "\"quantity\":"
        } else {
            "\"price\":"
        };
        let byte = book("b", level).find(field).unwrap() + field.len();
        let error = format!("ticklot: frame 1: bayse: line 1, byte {byte}: {cause}\n");
        assert_eq!(ran.err, error, "{level}");
        ran.assert_out(" 1 errors, ");
        assert_eq!(ran.status, 0, "the log itself is whole");
    }
}

#[test]
fn truncated_log_is_read() {
    let whole = record(&good("a")) + &record(&good("b"));
    let (ran, rows) = replay(&whole.as_bytes()[..whole.len() - 30]);
    assert_eq!(rows, "0,0,a");
    ran.assert_err_ends(".jsonl: cut off at line 1; the lines before it were replayed\n");
    assert_eq!((ran.status, ran.err.lines().count()), (1, 1));
    assert!(ran.out.starts_with("1 frames, 1 messages, "), "{}", ran.out);
}

#[test]
fn truncated_compressed_log_is_read() {
    let mut text = String::new();
    for n in 0..2000 {
        text += &record(&good(&format!("outcome-{}", n * 7919 % 1000)));
    }
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let (ran, rows) = replay(&packed[..packed.len() - 10]);
    assert!(
        rows.starts_with("0,0,outcome-0 1,0,outcome-919"),
        "{rows:.60}"
    );
    let lines: Vec<&str> = ran.err.lines().collect();
    let [checksum, cut] = lines[..] else {
        panic!("{}", ran.err)
    };
    assert!(checksum.contains("has no checksum"), "{checksum}");
    assert!(cut.contains(": cut off at line "), "{cut}");
    assert_eq!(ran.status, 1);
}

#[test]
fn corrupt_compressed_log_is_reported() {
    let text = record(&good("a")).repeat(2000);
    let mut packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    // A reserved bit in the frame header must be zero (RFC 8878, 3.1.1.1.1.4).
    packed[4] |= 8;
    let log = TempFile::new("log.jsonl");
    std::fs::write(log.path(), packed).unwrap();
    let ran = ticklot(["replay", log.path(), "--venue=bayse"]);
    ran.assert_err(": cannot read further: ");
    assert_eq!(ran.status, 1);
}

#[test]
fn bad_log_lines_are_skipped() {
    let mut log = Vec::new();
    for line in [
        "",
        "\u{fffd}[]",
        "{\"recv_ns\":1}",
        "{\"recv_ns\":-1,\"frame\":\"\"}",
    ] {
        writeln!(log, "{line}").unwrap();
    }
    log.extend_from_slice(b"{\"frame\":\"\xff\"}\n");
    log.extend_from_slice(record(&good("a")).as_bytes());
    let (ran, rows) = replay(&log);
    assert_eq!(rows, "4,0,a", "a blank line is not counted");
    let errors: Vec<&str> = ran.err.lines().collect();
    let expected = [
        "log line 1, byte 0: not a record: expected value",
        "log line 2, byte 12: not a record: missing field `frame`",
        "log line 3, byte 12: not a record: invalid value",
        "log line 4, byte 10: not a record: not valid UTF-8",
    ];
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{}", ran.err);
    }
    assert!(ran.status == 1 && errors.len() >= expected.len());
}

#[test]
fn oversized_frame_is_skipped() {
    let huge = format!("{}\n{}", good("a"), " ".repeat(5 << 20));
    let log = record(&good("a")) + &record(&huge) + &record(&good("b"));
    let (ran, rows) = replay(log.as_bytes());
    assert_eq!(rows, "0,0,a 2,0,b");
    let error =
        "ticklot: frame 1: bayse: line 0, byte 4194304: longer than the limit of 4194304 bytes\n";
    assert_eq!(ran.err, error.to_owned() + A_IS_GAP);
}

/// Sends frames to a feed until it has reported `until` and then a live book. Returns its events as text.
fn play_live(frames: Vec<Vec<u8>>, until: &str) -> Vec<String> {
    let frames = frames
        .into_iter()
        .map(|frame| RecordedFrame { recv_ns: 0, frame })
        .collect();
    let recording = Arc::new(Recording { frames });
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Simulator::playback(Venue::Bayse, recording, Speed::Max, listen).unwrap();
    let url = server.url(Venue::Bayse).unwrap();
    let mut events: Vec<String> = Vec::new();
    let mut is_over = false;
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if is_over && matches!(event, Event::State(_)) {
            // Stopping the feed disconnects its books.
            return ControlFlow::Continue(());
        }
        events.push(match event {
            Event::State(change) => format!("{}: {}", change.instrument.name, change.new),
            Event::Book(update) => {
                format!("{} {}", books.name(update.book), books.state(update.book))
            }
            Event::Disconnected {
                reason: Disconnect::Failed(error),
                ..
            } => error.to_string(),
            Event::BadLine { error, .. } => error.to_string(),
            other => format!("{other:?}"),
        });
        let seen = events.iter().position(|event| event.contains(until));
        let is_live = |event: &String| event.ends_with(" live") && !event.contains(": ");
        is_over = seen.is_some_and(|at| events[at..].iter().any(is_live));
        break_if(is_over)
    });
    let mut options = Options::default();
    options.reconnect.base = std::time::Duration::from_millis(1);
    let venue = Bayse::any().url(&url).build().unwrap();
    feed.add_with(venue, options, Default::default());
    runtime().block_on(feed.drive());
    drop(feed);
    assert!(events.pop().is_some_and(|last| last.contains("Stopped")));
    events
}

#[test]
fn oversized_live_frame_reconnects() {
    let frames = vec![good("a").into_bytes(), vec![b' '; 5 << 20]];
    let events = play_live(frames, "longer than");
    let is_limit = |event: &String| event.contains("longer than the limit of 2097152");
    let (before, after) = events.split_at(events.iter().position(is_limit).unwrap());
    assert!(before.contains(&"a live".to_owned()), "{events:?}");
    assert!(
        after.iter().any(|it| it.starts_with("Connected")),
        "{events:?}"
    );
    assert_eq!(events.last().unwrap(), "a live");
}

#[test]
fn invalid_live_text_reconnects() {
    let bad = [good("a").into_bytes(), b"\n{\"type\":\"\xff\"}".to_vec()].concat();
    let events = play_live(vec![good("a").into_bytes(), bad], "not UTF-8");
    let error = "a text message or a close reason is not UTF-8".to_owned();
    assert!(events.contains(&error), "{events:?}");
    assert_eq!(events.last().unwrap(), "a live");
}

#[test]
fn bad_live_line_keeps_connection() {
    let frame = [good("a"), "{\"type\":".to_owned(), good("b")]
        .join("\n")
        .into_bytes();
    let events = play_live(vec![frame], "b live");
    assert_eq!(
        events[1..],
        [
            "a: live",
            "a live",
            "a: gap",
            "bayse: line 1, byte 8: not valid JSON",
            "b: live",
            "b live"
        ]
    );
}
