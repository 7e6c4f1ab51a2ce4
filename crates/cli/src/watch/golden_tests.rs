//! The formats of `--json` and of plain lines, compared with the golden files in `crates/cli/tests/golden`.
//!
//! `TICKLOT_BLESS=1 cargo test -p ticklot-cli golden` writes the files. `crates/cli/tests/json.rs` compares those of
//! `--json` with `docs/json.md`.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ticklot::bayse::Bayse;
use ticklot::capture::{FrameLog, Record, Replay};
use ticklot::events::{
    Cause, DecodeError, ErrorKind, RequestFailure, Resync, ResyncStep, StateChange, StatusUpdate,
    TradingStatus,
};
use ticklot::jayx::{ApiKey, JayX, Topic};
use ticklot::kraken::Kraken;
use ticklot::venue::{BookConfig, VenueName};
use ticklot::{
    BookId, BookState, Books, ConnectionId, Disconnect, Event, Gap, Handler, Instrument, Nanos,
    Scale,
};

use super::json::Json;
use super::lines::Lines;
use super::output_mode::{OutputMode, Watcher};
use crate::output::Output;
use crate::venues::VenueHandler;

/// A writer that keeps its bytes.
#[derive(Clone, Default)]
struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares what `print` writes to standard output and standard error with a golden file, or writes the file.
fn assert_golden(file: &str, print: impl FnOnce(&mut Output)) {
    let captured = Captured::default();
    print(&mut Output {
        out: Box::new(captured.clone()),
        err: Box::new(captured.clone()),
        terminal: false,
    });
    let printed = String::from_utf8(captured.0.take()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = path.join(file);
    if std::env::var_os("TICKLOT_BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (at, (line, expected)) in printed.lines().zip(golden.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of {}", at + 1, path.display());
    }
    let counts = [&printed, &golden].map(|it| it.lines().count());
    assert_eq!(counts[0], counts[1], "lines of {}", path.display());
}

/// The output mode `--json`, for connections of this venue.
fn json(output: &mut Output, venue: VenueName, unix_offset: u64) -> Json<'_> {
    let mut json = Json::new(&mut output.out, NonZeroUsize::new(3));
    json.venues = vec![venue; 3];
    json.unix_offset = unix_offset;
    json
}

/// A watcher, and its clock in nanoseconds.
fn watcher<S: OutputMode>(mode: S) -> (Watcher<S>, Rc<Cell<u64>>) {
    let clock = Rc::new(Cell::new(0));
    let now = Rc::clone(&clock);
    let watcher = Watcher::with_clock(mode, Box::new(move || Nanos(now.get())));
    (watcher, clock)
}

/// Replays the log of this name through a session per connection. Each message is handled 25 us after its receipt.
fn replay<S: OutputMode>(mode: S, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let log = FrameLog::open(path.join(format!("{name}.jsonl"))).unwrap();
    let mut log = log.everything();
    let (mut watcher, clock) = watcher(mode);
    let mut replay = Replay::new();
    while let Some(record) = log.next_record() {
        let record = record.unwrap();
        clock.set(record.recv_ns + 25_000);
        if !replay.knows(record) {
            add_session(&mut replay, record, name);
        }
        let _ = replay.apply(record, &mut watcher);
    }
    watcher.end(replay.books()).unwrap();
}

fn add_session<H: VenueHandler>(replay: &mut Replay<H>, record: &Record, venue: &str) {
    let symbol = "BTCUSDT";
    let jayx = JayX::new(symbol)
        .key(ApiKey::new("key"))
        .follow(Topic::kline(symbol, "1"))
        .follow(Topic::Positions)
        .follow(Topic::open_orders(symbol));
    let added = match venue {
        "jayx" => replay.add(record, jayx.build().unwrap()),
        "bayse" => replay.add(record, Bayse::any().build().unwrap()),
        _ => replay.add(record, Kraken::any().build().unwrap()),
    };
    added.unwrap();
}

#[test]
fn golden_logs() {
    for venue in [VenueName::JAYX, VenueName::BAYSE, VenueName::KRAKEN] {
        let name = venue.0;
        assert_golden(&format!("{name}.jsonl"), |output| {
            replay(json(output, venue, 0), name);
        });
        assert_golden(&format!("{name}.txt"), |output| {
            replay(Lines::new(output), name);
        });
    }
}

const RAIN: Instrument<'static> = Instrument {
    venue: VenueName("test"),
    scope: None,
    market: "rain",
    name: "yes",
};

/// The events that the recorded logs do not contain.
fn other_events(mut see: impl FnMut(Event<'_>)) {
    let (connection, book) = (ConnectionId(0), BookId(0));
    let topic = "orderbook:rain";
    let (message, attempts, time) = ("no\u{202e}", 2, Duration::from_millis(1));
    let retry_in = Some(Duration::from_millis(500));
    see(Event::Unsubscribed { connection, topic });
    see(Event::Unconfirmed {
        connection,
        topic,
        attempts,
    });
    for topic in [Some(topic), None] {
        see(Event::Refused {
            connection,
            message,
            topic,
        });
    }
    see(Event::RoundTrip { connection, time });
    see(Event::BadLine {
        connection,
        frame: 7,
        error: DecodeError {
            venue: RAIN.venue,
            line: 1,
            offset: 30,
            kind: ErrorKind::Missing { field: "price" },
        },
        bytes: b"",
    });
    let (kind, bytes) = ("liquidation", b"{}");
    see(Event::Unknown {
        connection,
        kind,
        bytes,
    });
    let (old, new) = (BookState::Live, BookState::Gap(Gap::Resync));
    see(Event::State(StateChange {
        book,
        instrument: RAIN,
        old,
        new,
        cause: Cause::Resync,
    }));
    let error = &RequestFailure::Transport("no route".to_owned());
    let retry = Duration::from_millis(500);
    for step in [
        ResyncStep::Requested,
        ResyncStep::TimedOut,
        ResyncStep::Failed {
            error,
            retry_in: retry,
        },
        ResyncStep::Unsupported,
    ] {
        let attempt = 1;
        see(Event::Resync(Resync {
            book,
            attempt,
            step,
        }));
    }
    for instrument in [Some(RAIN), None] {
        see(Event::Status(StatusUpdate {
            connection,
            instrument,
            book: None,
            status: TradingStatus::Halted,
            text: "closed",
        }));
    }
    let (old, new) = (Scale::UNIT, Scale::new(2, 6).unwrap());
    see(Event::Scale { book, old, new });
    let reason = &Disconnect::IdleTimeout;
    for retry_in in [retry_in, None] {
        see(Event::Disconnected {
            connection,
            reason,
            retry_in,
        });
    }
    see(Event::Timer { now: Nanos(0) });
}

#[test]
fn golden_other_events() {
    const ZERO: u64 = 1_700_000_000_000_000_000;
    assert_golden("other_events.jsonl", |output| {
        watch_other_events(json(output, RAIN.venue, ZERO));
    });
    assert_golden("other_events.txt", |output| {
        watch_other_events(Lines::new(output));
    });
}

fn watch_other_events<S: OutputMode>(mode: S) {
    let (mut watcher, clock) = watcher(mode);
    clock.set(5_000_000_007);
    let mut books = Books::new();
    books.add(ConnectionId(0), &RAIN, BookConfig::snapshots(Scale::UNIT));
    other_events(|event| {
        let flow = watcher.on_event(event, &books);
        assert_eq!(flow, ControlFlow::Continue(()));
    });
    watcher.end(&books).unwrap();
}
