//! The format of `--json`, held by the golden files in `crates/cli/tests/golden`: `TICKLOT_BLESS=1 cargo test -p ticklot-cli golden`
//! writes them. `crates/cli/tests/json.rs` holds them to `docs/json.md`.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use ticklot::bayse::Bayse;
use ticklot::capture::{FrameLog, Record, Replay};
use ticklot::events::{
    Cause, DecodeError, ErrorKind, RequestFailure, Resync, ResyncStep, StateChange, StatusUpdate,
    TradingStatus,
};
use ticklot::jayx::{ApiKey, JayX, Topic};
use ticklot::kraken::Kraken;
use ticklot::venue::BookConfig;
use ticklot::{BookState, Disconnect, Gap, Handler, Scale};

use super::*;
use crate::watch::output_mode::Watcher;

/// Bytes that are kept.
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

type JsonWatcher<'a> = Watcher<Json<'a>>;

/// The lines that `feed` has a watcher print, at the times that it sets.
fn printed(
    venues: &[VenueName],
    unix_zero: u64,
    feed: impl for<'a> FnOnce(JsonWatcher<'a>, &Cell<u64>),
) -> String {
    let (captured, clock) = (Captured::default(), Rc::new(Cell::new(0)));
    let mut out: Box<dyn Write> = Box::new(captured.clone());
    let mut json = Json::new(&mut out, NonZeroUsize::new(3));
    json.venues = venues.to_vec();
    json.unix_zero = unix_zero;
    let now = Rc::clone(&clock);
    let watcher = Watcher::with_clock(json, Box::new(move || Nanos(now.get())));
    feed(watcher.unwrap(), &clock);
    drop(out);
    String::from_utf8(captured.0.take()).unwrap()
}

/// The lines of a recorded log, each connection of it through a session of the venue. A message is handled 25 us after
/// its receipt.
fn replayed(
    name: &str,
    venue: VenueName,
    add: impl for<'a> Fn(&mut Replay<JsonWatcher<'a>>, &Record),
) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let log = FrameLog::open(path.join(format!("{name}.jsonl"))).unwrap();
    let mut log = log.everything();
    printed(&[venue; 3], 0, |mut watcher, clock| {
        let mut replay = Replay::new();
        while let Some(record) = log.next_record() {
            let record = record.unwrap();
            clock.set(record.recv_ns + 25_000);
            if !replay.knows(record) {
                add(&mut replay, record);
            }
            let _ = replay.apply(record, &mut watcher);
        }
        watcher.end(replay.books()).unwrap();
    })
}

/// Compares lines with a golden file, or writes it.
fn assert_golden(name: &str, lines: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = path.join(format!("{name}.jsonl"));
    if std::env::var_os("TICKLOT_BLESS").is_some() {
        std::fs::write(&path, lines).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (at, (line, expected)) in lines.lines().zip(golden.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of {}", at + 1, path.display());
    }
    let counts = [lines, &golden].map(|it| it.lines().count());
    assert_eq!(counts[0], counts[1], "lines of {}", path.display());
}

#[test]
fn golden_jayx_output() {
    let lines = replayed("jayx", VenueName::JAYX, |replay, record| {
        let symbol = "BTCUSDT";
        let venue = JayX::new(symbol)
            .key(ApiKey::new("key"))
            .follow(Topic::kline(symbol, "1"))
            .follow(Topic::Positions)
            .follow(Topic::open_orders(symbol));
        replay.add(record, venue.build().unwrap()).unwrap();
    });
    assert_golden("jayx", &lines);
}

#[test]
fn golden_bayse_output() {
    let lines = replayed("bayse", VenueName::BAYSE, |replay, record| {
        replay.add(record, Bayse::any().build().unwrap()).unwrap();
    });
    assert_golden("bayse", &lines);
}

#[test]
fn golden_kraken_output() {
    let lines = replayed("kraken", VenueName::KRAKEN, |replay, record| {
        replay.add(record, Kraken::any().build().unwrap()).unwrap();
    });
    assert_golden("kraken", &lines);
}

/// The events that the recorded logs do not have.
fn other_events(mut see: impl FnMut(Event<'_>)) {
    let (connection, book) = (ConnectionId(0), BookId(0));
    let rain = Instrument {
        venue: VenueName("test"),
        scope: None,
        market: "rain",
        name: "yes",
    };
    let room = "orderbook:rain";
    let (message, attempts, time) = ("no\u{202e}", 2, Duration::from_millis(1));
    let retry_in = Some(Duration::from_millis(500));
    see(Event::Unsubscribed { connection, room });
    see(Event::Unconfirmed {
        connection,
        room,
        attempts,
    });
    for room in [Some(room), None] {
        see(Event::Refused {
            connection,
            message,
            room,
        });
    }
    see(Event::RoundTrip { connection, time });
    see(Event::BadLine {
        connection,
        frame: 7,
        error: DecodeError {
            venue: rain.venue,
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
        instrument: rain,
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
    for instrument in [Some(rain), None] {
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
    let reason = &Disconnect::Silent;
    for retry_in in [retry_in, None] {
        see(Event::Disconnected {
            connection,
            reason,
            retry_in,
        });
    }
    see(Event::Tick { now: Nanos(0) });
}

#[test]
fn golden_other_events() {
    const ZERO: u64 = 1_700_000_000_000_000_000;
    let lines = printed(&[VenueName("test")], ZERO, |mut watcher, clock| {
        clock.set(5_000_000_007);
        let mut books = Books::new();
        let rain = Instrument {
            venue: VenueName("test"),
            scope: None,
            market: "rain",
            name: "yes",
        };
        books.add(ConnectionId(0), &rain, BookConfig::snapshots(Scale::UNIT));
        other_events(|event| {
            let flow = watcher.on_event(event, &books);
            assert_eq!(flow, ControlFlow::Continue(()));
        });
        watcher.end(&books).unwrap();
    });
    assert_golden("other_events", &lines);
}

#[test]
fn escapes_hidden_characters() {
    let text = "a\u{7f}b\u{9b}31m\u{202e}\n\"é\u{1b}";
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, HiddenEscaped);
    text.serialize(&mut serializer).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out, r#""a\u007fb\u009b31m\u202e\n\"é\u001b""#);
    assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
}
