//! Damaged and concatenated logs, and logs with wrong times.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::capture::{FrameLog, LogError, Record, RecordOptions, Recorder, Replay, TimeUnit};
use ticklot::events::Cause;
use ticklot::jayx::{Envelope, JayX};
use ticklot::observe::{Tap, WireEvent, WireRecord};
use ticklot::venue::{Venue, VenueName};
use ticklot::{BookState, Books, ConnectionId, Event, Gap, Handler, Nanos, OnMessage};
use ticklot_tests::messages::bayse_book;
use ticklot_tests::program::{Ran, TempFile, TempFolder, ticklot};

const SECOND: u64 = 1_000_000_000;
/// 2023-11-14T22:13:20Z.
const ZERO: u64 = 1_700_000_000 * SECOND;

fn text(n: u64) -> String {
    format!(
        r#"{{"n":{n},"text":"{}"}}"#,
        "x".repeat((n * 7919 % 50) as usize)
    )
}

/// The bytes of a recording of these frames, with a flush after half of them.
fn recorded(name: &str, frames: std::ops::Range<u64>) -> Vec<u8> {
    let folder = TempFolder::new("recorded");
    let path = folder.file(name);
    let mut recorder = Recorder::create(&path, ZERO, RecordOptions::default()).unwrap();
    let middle = (frames.start + frames.end) / 2;
    let first = frames.start;
    for n in frames {
        let text = text(n);
        recorder.record(&WireRecord {
            connection: ConnectionId(0),
            venue: VenueName::BAYSE,
            at: Nanos(n * SECOND),
            event: WireEvent::Received(text.as_bytes()),
        });
        while n == middle && recorder.recorded().frames <= middle - first {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    recorder.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn read(bytes: Vec<u8>) -> (Vec<Record>, Vec<LogError>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    for record in FrameLog::from_reader(Cursor::new(bytes)).unwrap() {
        match record {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error),
        }
    }
    (records, errors)
}

/// Concatenates a file that was truncated by a crash and a second one.
#[test]
fn records_after_truncation_are_read() {
    for name in ["log.jsonl.zst", "log.jsonl.gz"] {
        let (first, second) = (recorded(name, 0..20), recorded(name, 20..30));
        let mut cuts = 0;
        for length in 0..=first.len() {
            let all = [&first[..length], &second, &first[..length], &second].concat();
            let (records, errors) = read(all);
            // Twice, since a recorder may crash more than once.
            let half = records.len() / 2;
            assert_eq!(records.len(), 2 * half, "{name} {length}");
            for part in [&records[..half], &records[half..]] {
                let before = half - 10;
                let frames = (0..before as u64).chain(20..30);
                for (record, n) in part.iter().zip(frames) {
                    assert_eq!(record.frame, text(n).as_bytes(), "{name} {length}");
                }
            }
            if length == 0 || length == first.len() {
                assert!(errors.is_empty(), "{name} {length}: {errors:?}");
                continue;
            }
            assert_eq!(errors.len(), 2, "{name} {length}: {errors:?}");
            for error in &errors {
                let resumes = matches!(error, LogError::Truncated { resumes: true, .. });
                let is_truncated = error.is_truncated() && !error.is_fatal();
                assert!(resumes && is_truncated, "{name} {length}: {error}");
            }
            // Line numbers are unique.
            let is_sorted = records.is_sorted_by(|a, b| a.line < b.line);
            assert!(is_sorted, "{name} {length}");
            let cut = errors[0].line().unwrap();
            assert_eq!(cut, half as u64 - 10, "{name} {length}");
            cuts += 1;
        }
        assert!(cuts > 200, "{name}: {cuts}");
    }
}

/// A damaged member does not affect the next one.
#[test]
fn records_after_damage_are_read() {
    for name in ["log.jsonl.zst", "log.jsonl.gz"] {
        let (mut first, second) = (recorded(name, 0..20), recorded(name, 20..30));
        let middle = first.len() / 2;
        first[middle] ^= 0x10;
        let (records, errors) = read([first, second].concat());
        let [error] = errors.as_slice() else {
            panic!("{name}: {errors:?}");
        };
        assert!(
            !error.is_fatal() && !error.is_truncated(),
            "{name}: {error}"
        );
        let behind = records.iter().rev().take(10).rev();
        for (record, n) in behind.zip(20..) {
            assert_eq!(record.frame, text(n).as_bytes(), "{name}");
        }
    }
}

/// In files of pigz, pzstd and bgzip, compressed members begin in the middle of a line.
#[test]
fn members_may_split_lines() {
    let line = |n: u64| format!("{{\"recv_ns\":{n},\"frame\":\"{n}\"}}\n");
    let all: String = (1..500).map(line).collect();
    let zstd = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
    let gzip = |text: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    };
    // pzstd writes the length of each frame before it.
    let skippable = |frame: &[u8]| {
        let length = (frame.len() as u32).to_le_bytes();
        [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0], &length[..]].concat()
    };
    let chunks = || all.as_bytes().chunks(97);
    let plain: Vec<u8> = chunks().flat_map(zstd).collect();
    let pzstd: Vec<u8> = chunks()
        .flat_map(|chunk| [skippable(&zstd(chunk)), zstd(chunk)].concat())
        .collect();
    let last = [pzstd.as_slice(), &skippable(&pzstd)].concat();
    let pigz: Vec<u8> = chunks().flat_map(gzip).collect();
    for packed in [plain, pzstd, last, pigz] {
        let (records, errors) = read(packed);
        assert!(errors.is_empty(), "{errors:?}");
        let times: Vec<u64> = records.iter().map(|record| record.recv_ns).collect();
        assert_eq!(times, (1..500).collect::<Vec<_>>());
    }
}

/// A flipped bit causes an error, or the records are the same.
#[test]
fn every_flipped_bit_is_found() {
    for name in ["log.jsonl.zst", "log.jsonl.gz"] {
        let whole = recorded(name, 0..8);
        let (expected, errors) = read(whole.clone());
        assert!(errors.is_empty() && expected.len() == 8);
        let mut found = 0;
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (records, errors) = read(bytes);
            let is_ok = records == expected || !errors.is_empty();
            assert!(is_ok, "{name}, bit {bit}");
            found += usize::from(!errors.is_empty());
        }
        // A few bits have no effect, such as those of gzip's timestamp.
        assert!(found > whole.len() * 7, "{name}: {found}");
    }
}

fn line(recv_ns: u64, more: &str, frame: &str) -> String {
    let frame = frame.replace('"', "\\\"");
    format!("{{\"recv_ns\":{recv_ns}{more},\"frame\":\"{frame}\"}}\n")
}

/// A book of JayX with a bid at `ticks`, `after` seconds after the start.
fn book(after: u64, more: &str, ticks: u64) -> String {
    let frame = format!(r#"{{"orderBook":{{"asks":[],"bids":[{{"ticks":{ticks},"lots":3}}]}}}}"#);
    line(ZERO + after * SECOND, more, &frame)
}

fn dropped(after: u64, more: &str) -> String {
    let more = format!(r#"{more},"dir":"dropped""#);
    line(ZERO + after * SECOND, &more, "500")
}

fn file(name: &str, text: &str) -> TempFile {
    let file = TempFile::new(name);
    std::fs::write(file.path(), text).unwrap();
    file
}

fn replay(log: &TempFile, more: &[&str]) -> Ran {
    ticklot(["replay", log.path(), "--venue=jayx"].iter().chain(more))
}

#[test]
fn missing_checksum_is_reported() {
    let text = book(0, "", 10) + &book(1, "", 11);
    let packed = |has_checksum: bool| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(has_checksum).unwrap();
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let warning = "its Zstandard data has no checksum";
    for (bytes, unverified) in [
        (packed(true), 0),
        (packed(false), 1),
        ([packed(true), packed(false), packed(false)].concat(), 2),
        (text.clone().into_bytes(), 0),
    ] {
        let mut log = FrameLog::from_reader(Cursor::new(bytes.clone())).unwrap();
        while log.next_record().is_some() {}
        assert_eq!(log.unverified(), unverified);
        let file = TempFile::new("unverified.jsonl");
        std::fs::write(file.path(), bytes).unwrap();
        let ran = replay(&file, &[]);
        ran.assert_status(0);
        assert_eq!(ran.err.contains(warning), unverified > 0, "{}", ran.err);
    }
}

/// A change of a book's state: the line, the connection, the new state and the cause.
type StateRecord = (usize, u32, BookState, Cause);

const fn live(line: usize, connection: u32) -> StateRecord {
    (line, connection, BookState::Live, Cause::Snapshot)
}

const fn gap(line: usize, connection: u32) -> StateRecord {
    let (state, cause) = (BookState::Gap(Gap::Dropped), Cause::RecordsDropped);
    (line, connection, state, cause)
}

#[derive(Default)]
struct Changes {
    line: usize,
    all: Vec<StateRecord>,
}

impl Handler for Changes {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::State(change) = event {
            assert_eq!(books.state(change.book), change.new);
            let connection = books.connection(change.book).unwrap().0;
            let changed = (self.line, connection, change.new, change.cause);
            self.all.push(changed);
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for Changes {}

fn add(replay: &mut Replay<Changes>, record: &Record) {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).build();
    replay.add(record, venue.unwrap()).unwrap();
}

/// The state changes that the replay of each line of a log reports.
fn changes(log: impl Into<Vec<u8>>) -> Vec<StateRecord> {
    let log = Cursor::new(log.into());
    let mut log = FrameLog::from_reader(log).unwrap().everything();
    let (mut replay, mut handler) = (Replay::new(), Changes::default());
    while let Some(record) = log.next_record() {
        match record {
            Ok(record) => {
                if !replay.knows(record) {
                    add(&mut replay, record);
                }
                let _ = replay.apply(record, &mut handler);
            }
            Err(error) => replay.skip_line(&error, &mut handler),
        }
        handler.line += 1;
    }
    handler.all
}

#[test]
fn missing_records_are_a_gap() {
    let (one, two) = (r#","conn":1"#, r#","conn":2"#);
    let all = [
        book(0, one, 7),
        book(0, two, 7),
        dropped(1, ""),
        book(2, one, 8),
        book(2, two, 8),
        dropped(3, two),
        book(4, two, 9),
        // An invalid line may have been a message of any book.
        "{\"recv_ns\":1,\"frame\":7}\n".to_owned(),
        book(5, one, 9),
    ];
    assert_eq!(
        changes(all.concat()),
        [
            live(0, 1),
            live(1, 2),
            gap(2, 1),
            gap(2, 2),
            live(3, 1),
            live(4, 2),
            gap(5, 2),
            live(6, 2),
            gap(7, 1),
            gap(7, 2),
            live(8, 1),
        ]
    );
    // A truncation at the end of a log causes no gap.
    let cut = book(0, "", 7) + "{\"recv_ns\":1,";
    assert_eq!(changes(cut), [live(0, 0)]);
    // The missing records may include the opening of the connection.
    let event = |after: u64, dir: &str| {
        let more = format!(r#","conn":1,"dir":"{dir}""#);
        line(ZERO + after * SECOND, &more, "")
    };
    let lost = [
        event(0, "open"),
        book(0, one, 7),
        event(1, "close"),
        dropped(2, ""),
        book(3, one, 8),
    ];
    let states: Vec<BookState> = changes(lost.concat()).iter().map(|it| it.2).collect();
    let live = BookState::Live;
    assert_eq!(states, [live, BookState::Disconnected, live]);
}

/// The output of a compressor that was flushed but not finished.
fn cut(text: &str) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

/// The lost records may belong to any connection.
#[test]
fn truncation_gaps_every_book() {
    let (one, two) = (r#","conn":1"#, r#","conn":2"#);
    let first = cut(&(book(0, one, 7) + &book(0, two, 7)));
    let second = zstd::encode_all(book(1, one, 8).as_bytes(), 3).unwrap();
    let expected = [live(0, 1), live(1, 2), gap(2, 1), gap(2, 2), live(3, 1)];
    assert_eq!(changes([first, second].concat()), expected);
}

/// Counts books that the memory limit refuses.
#[derive(Default)]
struct RefusedBooks(usize);

impl Handler for RefusedBooks {
    fn on_event(&mut self, event: Event<'_>, _: &Books) -> ControlFlow<()> {
        if let Event::BadLine { error, .. } = event {
            assert!(error.to_string().contains("no room in the "), "{error}");
            self.0 += 1;
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for RefusedBooks {}

/// A small log may have many connections with large books.
#[test]
fn connections_share_one_budget() {
    const BUDGET: usize = 256 << 20;
    let level = |ticks| format!(r#"{{"ticks":{ticks},"lots":1}}"#);
    let levels: Vec<String> = (0..65_536).rev().map(level).collect();
    let levels = levels.join(",");
    let mut record = Record::default();
    record.frame = format!(r#"{{"orderBook":{{"asks":[],"bids":[{levels}]}}}}"#).into_bytes();
    let (mut replay, mut handler) = (Replay::new(), RefusedBooks::default());
    let connections = 60;
    for connection in 0..connections {
        record.line = u64::from(connection);
        record.connection = Some(ConnectionId(connection));
        let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain).build();
        replay.add(&record, venue.unwrap()).unwrap();
        let _ = replay.apply(&record, &mut handler);
        let memory = replay.books().memory();
        assert!(memory <= BUDGET, "{memory} bytes at {connection}");
    }
    let books = replay.books();
    assert!(books.memory() > BUDGET / 2, "{} bytes", books.memory());
    let live = books.ids().filter(|id| books.live(*id).is_some()).count();
    assert!(live > 0 && handler.0 > 0, "{live} live");
    assert_eq!(live + handler.0, connections as usize);
}

#[test]
fn replay_reports_missing_records() {
    for more in ["", r#","conn":1"#] {
        let log = file("hole.jsonl", &(book(0, more, 7) + &dropped(1, "")));
        let options: &[&str] = match more {
            "" => &[],
            _ => &["--connection=1"],
        };
        let ran = replay(&log, options);
        ran.assert_status(0);
        ran.assert_out("500 records are missing from the log\n");
        ran.assert_out("Z BTCUSDT gap bid 0.07");
        ran.assert_err(
            "ticklot: log line 1: 500 records are missing: the recorder could not write them\n",
        );
        ran.assert_err("ticklot: log line 1, 2023-11-14T22:13:21.000000000Z: BTCUSDT is gap");
    }
}

#[test]
fn replay_continues_after_truncation() {
    let first = cut(&book(0, "", 1));
    let second = zstd::encode_all(book(1, "", 2).as_bytes(), 3).unwrap();
    let log = TempFile::new("all.jsonl.zst");
    std::fs::write(log.path(), [first, second].concat()).unwrap();
    let ran = replay(&log, &[]);
    ran.assert_status(1);
    ran.assert_out("2 frames, 2 messages, 1 books, 0 errors, ");
    ran.assert_out("1 parts of the log are cut off\n");
    ran.assert_out(" BTCUSDT live bid 0.02");
    ran.assert_err_ends("cut off in 1 places; the lines before and after them were replayed\n");
    assert!(!ran.err.contains("cannot be read"), "{}", ran.err);
}

#[test]
fn empty_log_is_an_error() {
    for text in ["", "\n\n"] {
        let log = file("empty.jsonl", text);
        for ran in [replay(&log, &[]), ticklot(["replay", log.path()])] {
            ran.assert_status(1);
            ran.assert_err_ends(": the log has no records\n");
        }
    }
}

#[test]
fn wrong_time_unit_is_reported() {
    let times = |text: &str| {
        let mut log = FrameLog::from_reader(Cursor::new(text.to_owned())).unwrap();
        while log.next_record().is_some() {}
        log.times()
    };
    let at = |ns: u64| line(ns, "", "");
    for (ns, unit) in [
        (ZERO, TimeUnit::Nanoseconds),
        (ZERO / 1_000, TimeUnit::Microseconds),
        (ZERO / 1_000_000, TimeUnit::Milliseconds),
        (7, TimeUnit::Nanoseconds),
        (SECOND, TimeUnit::Nanoseconds),
    ] {
        // The first line may have no time.
        assert_eq!(times(&(at(0) + &at(ns) + &at(ns + 1))).unit, unit, "{ns}");
    }
    for (factor, unit) in [(1_000, "microseconds"), (1_000_000, "milliseconds")] {
        let text = book(0, "", 7).replace(&ZERO.to_string(), &(ZERO / factor).to_string());
        let log = file("unit.jsonl", &text);
        let ran = replay(&log, &[]);
        let warning = format!(
            "ticklot: {}: recv_ns seems to be in {unit}, and is read as nanoseconds: multiply it by {factor}\n",
            log.path()
        );
        assert_eq!((ran.status, ran.err), (0, warning));
    }
}

/// One wrong time does not affect later records.
#[test]
fn outlying_time_is_not_used() {
    let year = 365 * 24 * 60 * 60 * SECOND;
    for wrong in [1 << 63, u64::MAX, ZERO + year] {
        for at in 0..4 {
            let lines = (0..5).map(|n| {
                let (book, time) = (book(n, "", n + 1), (ZERO + n * SECOND).to_string());
                if n == at {
                    book.replace(&time, &wrong.to_string())
                } else {
                    book
                }
            });
            let log = file("wrong.jsonl", &lines.collect::<String>());
            let ran = replay(&log, &[]);
            assert_eq!(ran.status, 0);
            let last = "2023-11-14T22:13:24.000000000Z BTCUSDT live bid 0.05 x 0.000003 | ask -\n";
            assert!(ran.out.ends_with(last), "{wrong} {at}: {}", ran.out);
            ran.assert_err(": 1 times (recv_ns) are far later than ");
        }
    }
    // A pause of a year is not an outlier.
    let later = |n: u64| line(ZERO + year + n, "", "{}");
    let paused = book(0, "", 7) + &later(0) + &later(1);
    let mut log = FrameLog::from_reader(Cursor::new(paused)).unwrap();
    let times: Vec<u64> = log.by_ref().map(|it| it.unwrap().recv_ns).collect();
    assert_eq!(times, [ZERO, ZERO + year, ZERO + year + 1]);
    assert_eq!(log.times().outliers, 0);
}

#[test]
fn replay_expires_silent_book() {
    let log = book(0, "", 7);
    let mut log = FrameLog::from_reader(Cursor::new(log)).unwrap();
    let record = log.next_record().unwrap().unwrap();
    let mut replay = Replay::new();
    replay.set_stale_after(Some(Duration::from_secs(30)));
    add(&mut replay, record);
    let mut handler = Changes::default();
    let _ = replay.apply(record, &mut handler);
    for after in [29, 30, 31, 7] {
        handler.line = after;
        replay.advance(ZERO + after as u64 * SECOND, &mut handler);
    }
    let stale = (30, 0, BookState::Stale, Cause::Timeout);
    assert_eq!(handler.all, [live(0, 0), stale]);
    assert_eq!(replay.next_invalidation().unwrap().at, ZERO + 30 * SECOND);
}

/// Takes 2.5 s: 40 s of a log at 16 times its speed, with a line of output each second of real time.
#[test]
fn paced_replay_follows_time() {
    let log = file("pace.jsonl", &(book(15, "", 7) + &book(55, "", 8)));
    let ran = replay(&log, &["--speed=16x"]);
    ran.assert_status(0);
    let rows = ran.out.lines().filter(|row| row.contains(" BTCUSDT "));
    let rows: Vec<&str> = rows.collect();
    let (last, waiting) = rows.split_last().unwrap();
    let expected = "2023-11-14T22:14:15.000000000Z BTCUSDT live bid 0.08";
    assert!(last.starts_with(expected), "{last}");
    assert!(waiting.len() >= 2, "{rows:?}");
    for row in waiting {
        // The book is live until :05, and stale until :15.
        let expected = match &row[..16] {
            "2023-11-14T22:13" => "live",
            _ if &row[17..19] < "05" => "live",
            _ => "stale",
        };
        let expected = format!("Z BTCUSDT {expected} bid 0.07");
        assert!(row.contains(&expected), "{row}");
    }
    ran.assert_err("BTCUSDT is stale\n");
    // The option changes the limit.
    let ran = replay(&log, &["--stale-after=1h"]);
    assert_eq!(ran.err, "");
}

#[test]
fn reversed_range_is_an_error() {
    let books: String = (0..9).map(|n| book(n, "", n + 1)).collect();
    let log = file("part.jsonl", &books);
    for (from, until) in [
        ("+4s", "+2s"),
        ("frame:4", "frame:2"),
        ("2023-11-14T22:13:24Z", "2023-11-14T22:13:22Z"),
        ("+4s", "2023-11-14T22:13:22Z"),
        ("frame:4", "+2s"),
        ("+4s", "frame:2"),
    ] {
        let (from, until) = (format!("--from={from}"), format!("--until={until}"));
        replay(&log, &[&from, &until]).assert_failed(2, "ticklot: --from is after --until\n");
    }
    let ran = replay(&log, &["--from=+2s", "--until=+2s"]);
    ran.assert_status(0);
    assert!(ran.out.starts_with("1 frames, "), "{}", ran.out);
    for wrong in ["2026-11-28T15:06:60Z", "2026-11-28T15:06:13.Z"] {
        let ran = replay(&log, &["--from", wrong]);
        ran.assert_failed(2, "");
    }
}

#[cfg(unix)]
#[test]
fn rows_do_not_overwrite_log() {
    let log = file("mine.jsonl", &book(0, "", 7));
    let text = log.text();
    let (hard, soft) = (TempFile::new("hard.csv"), TempFile::new("soft.csv"));
    std::fs::hard_link(log.path(), hard.path()).unwrap();
    std::os::unix::fs::symlink(log.path(), soft.path()).unwrap();
    for rows in [hard.path(), soft.path(), log.path()] {
        let ran = replay(&log, &["--books", rows]);
        ran.assert_status(2);
        ran.assert_err("--books would overwrite the log");
        assert_eq!(log.text(), text);
    }
}

#[test]
fn long_name_is_truncated() {
    let long = "x".repeat(1 << 20);
    let frame = bayse_book(&long, "");
    let logs = [
        line(ZERO, &format!(r#","venue":"{long}""#), ""),
        format!("{{\"recv_ns\":\"{long}\",\"frame\":\"\"}}\n"),
        line(ZERO, r#","venue":"bayse""#, &frame),
    ];
    for text in logs {
        let log = file("long.jsonl", &text);
        let ran = ticklot(["replay", log.path()]);
        let printed = ran.out.len() + ran.err.len();
        assert!((100..8_000).contains(&printed), "{printed}");
        let is_truncated = ran.out.contains("...") || ran.err.contains("...");
        assert!(is_truncated, "{}", &ran.err[..200]);
    }
}
