//! All decoding backends agree on every line: of the recorded logs, of the simulator, and of over a million mutations. The
//! decoded books also equal those of an independent reader that uses `serde_json`.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::fmt;

use fastrand::Rng;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use ticklot::venue::VenueName;
use ticklot_book::{BookError, BookErrorKind, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::jayx::Envelope;
use ticklot_frame::{DecodeBackend, DecodeError, Lines, Trade, TradeSide, UnixMillis, bayse, jayx};
use ticklot_sim::pool;
use ticklot_tests::books;
use ticklot_tests::data::{LOGS, Log};
use ticklot_tests::messages;
use ticklot_tests::mutate::{Parts, mutate};

/// All backends; the last one is the reference.
const BACKENDS: [DecodeBackend; 3] = [
    DecodeBackend::Best,
    DecodeBackend::Portable,
    DecodeBackend::Off,
];

/// The number of mutations for each source: over a million in all.
const CASES: usize = 200_000;

/// A venue's decoders, one for each backend. A test keeps them for all lines.
trait Backends {
    /// Decodes a line with every backend, and compares the results. A book is also compared with that of `serde_json`.
    fn check(&mut self, line: &[u8]) -> LineKind;
}

/// The kind of a decoded line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Book,
    Other,
    Refused,
}

/// The byte offsets in the errors about the first and the last level of each side.
fn offsets(sides: [&[Level]; 2], refusal: impl Fn(BookError) -> DecodeError) -> Vec<u32> {
    let both = [Side::Bid, Side::Ask].into_iter().zip(sides);
    let ends = both.flat_map(|(side, levels)| {
        let ends = levels.first().map(|level| (0, level)).into_iter();
        let last = levels.last().map(|level| (levels.len() - 1, level));
        ends.chain(last).map(move |(index, level)| BookError {
            kind: BookErrorKind::DuplicatePrice,
            side,
            index,
            ticks: level.ticks,
        })
    });
    ends.map(|error| refusal(error).offset).collect()
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

struct Jayx([jayx::Decoder; 3]);

impl Jayx {
    fn new(envelope: Envelope) -> Self {
        Self(BACKENDS.map(|backend| jayx::Decoder::with_backend(envelope, backend)))
    }
}

impl Backends for Jayx {
    fn check(&mut self, line: &[u8]) -> LineKind {
        let [backends @ .., general] = &mut self.0;
        let expected = general.decode(line);
        for backend in backends {
            let message = backend.decode(line);
            assert!(same_jayx(&message, &expected), "{}", shown(line));
        }
        let book = match expected {
            Ok(jayx::Message::OrderBook(book)) => book,
            Ok(_) => return LineKind::Other,
            Err(_) => return LineKind::Refused,
        };
        let naive = NaiveJayx::read(line);
        assert_eq!(
            (&naive.bids[..], &naive.asks[..], &naive.trades[..]),
            (book.bids, book.asks, book.trades),
            "{}",
            shown(line)
        );
        LineKind::Book
    }
}

type JayxResult<'a> = Result<jayx::Message<'a>, DecodeError>;

fn same_jayx(one: &JayxResult<'_>, other: &JayxResult<'_>) -> bool {
    match (one, other) {
        (Ok(jayx::Message::OrderBook(one)), Ok(jayx::Message::OrderBook(other))) => {
            let [one, other] = [one, other].map(|it| {
                let offsets = offsets([it.bids, it.asks], |error| it.refusal(error));
                (it.bids, it.asks, it.trades, offsets)
            });
            one == other
        }
        (Ok(one), Ok(other)) => format!("{one:?}") == format!("{other:?}"),
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

struct Bayse {
    decoders: [bayse::Decoder; 3],
    scale: Scale,
}

impl Bayse {
    fn new(scale: Scale) -> Self {
        Self {
            decoders: BACKENDS.map(bayse::Decoder::with_backend),
            scale,
        }
    }
}

impl Backends for Bayse {
    fn check(&mut self, line: &[u8]) -> LineKind {
        let [backends @ .., general] = &mut self.decoders;
        let expected = general.decode(line, &self.scale);
        for backend in backends {
            let message = backend.decode(line, &self.scale);
            assert!(same_bayse(&message, &expected), "{}", shown(line));
        }
        let book = match expected {
            Ok(bayse::Message::OrderBook(book)) => book,
            Ok(_) => return LineKind::Other,
            Err(_) => return LineKind::Refused,
        };
        let naive = NaiveBayse::read(line, self.scale);
        assert_eq!(
            (naive.market_id.as_str(), naive.outcome_id.as_str()),
            (book.market_id, book.outcome_id)
        );
        assert_eq!(
            (&naive.bids[..], &naive.asks[..]),
            (book.bids, book.asks),
            "{}",
            shown(line)
        );
        LineKind::Book
    }
}

type BayseResult<'a> = Result<bayse::Message<'a>, DecodeError>;

fn same_bayse(one: &BayseResult<'_>, other: &BayseResult<'_>) -> bool {
    match (one, other) {
        (Ok(bayse::Message::OrderBook(one)), Ok(bayse::Message::OrderBook(other))) => {
            let [one, other] = [one, other].map(|it| {
                let offsets = offsets([it.bids, it.asks], |error| it.refusal(error));
                let ids = (it.market_id, it.outcome_id);
                let times = (it.timestamp.map(|time| time.0), it.sent);
                let last = (it.last_price.map(|price| price.0), it.last_side);
                (it.bids, it.asks, ids, times, last, offsets)
            });
            one == other
        }
        (Ok(one), Ok(other)) => format!("{one:?}") == format!("{other:?}"),
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// A number's text, quoted or not, as whole steps of 10^-`decimals`, by plain arithmetic. `None` if it is not a whole one.
fn steps(number: &RawValue, decimals: u8) -> Option<i64> {
    let text = number.get();
    let text = text
        .strip_prefix('"')
        .map_or(text, |text| text.trim_end_matches('"'));
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() || digits == "-" {
        return Some(0);
    }
    let dropped = (whole.len() + fraction.len() - digits.len()) as i64;
    let exponent: i64 = exponent.parse().ok()?;
    let power = exponent + dropped + i64::from(decimals) - fraction.len() as i64;
    let power = 10_i64.checked_pow(u32::try_from(power).ok()?)?;
    digits.parse::<i64>().ok()?.checked_mul(power)
}

/// The same for a number that must not be negative.
fn amount(number: &RawValue, decimals: u8) -> Option<i64> {
    steps(number, decimals).filter(|steps| *steps >= 0)
}

/// The fields of an object, including repeated ones.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'a> Fields<'a> {
    fn read(object: &'a RawValue) -> Option<Self> {
        serde_json::from_str(object.get()).ok()
    }

    /// A field, unless it is repeated.
    fn one(&self, name: &str) -> Option<&'a RawValue> {
        let mut all = self.0.iter().filter(|(key, _)| key == name);
        let (_, value) = all.next()?;
        all.next().is_none().then_some(*value)
    }

    /// The items of a list; empty for any other value.
    fn items(&self, name: &str) -> Vec<&'a RawValue> {
        let list = self.one(name);
        list.and_then(|list| serde_json::from_str(list.get()).ok())
            .unwrap_or_default()
    }
}

struct NaiveJayx {
    bids: Vec<Level>,
    asks: Vec<Level>,
    trades: Vec<Trade>,
}

impl NaiveJayx {
    /// Reads a packet of the `orderbook` event, or a bare payload.
    fn read(frame: &[u8]) -> Self {
        let payload: Fields<'_> = if frame.first().is_some_and(u8::is_ascii_digit) {
            let start = frame.iter().position(|byte| *byte == b'[').unwrap();
            let items: Vec<&RawValue> = serde_json::from_slice(&frame[start..]).unwrap();
            Fields::read(items[1]).unwrap()
        } else {
            serde_json::from_slice(frame).unwrap()
        };
        let level = |level: &RawValue| {
            let level = Fields::read(level).unwrap();
            let number = |name| amount(level.one(name).unwrap(), 0).unwrap();
            let count = level.one("count").and_then(|count| steps(count, 0));
            let count = count.and_then(|count| u32::try_from(count).ok());
            Level {
                ticks: Ticks(number("ticks")),
                lots: Lots(number("lots")),
                count: count.unwrap_or(0),
            }
        };
        // Unreadable trades are omitted.
        let trade = |trade: &RawValue| {
            let trade = Fields::read(trade)?;
            let side: String = serde_json::from_str(trade.one("side")?.get()).ok()?;
            Some(Trade {
                ticks: Ticks(amount(trade.one("ticks")?, 0)?),
                lots: Lots(amount(trade.one("lots")?, 0)?),
                side: match side.to_ascii_uppercase().as_str() {
                    "BUY" => TradeSide::Buy,
                    "SELL" => TradeSide::Sell,
                    _ => return None,
                },
                created: UnixMillis(steps(trade.one("created")?, 0)?),
            })
        };
        let book = Fields::read(payload.one("orderBook").unwrap()).unwrap();
        let side = |name| book.items(name).into_iter().map(level).collect();
        let trades = payload.items("trades").into_iter();
        Self {
            bids: side("bids"),
            asks: side("asks"),
            trades: trades.filter_map(trade).collect(),
        }
    }
}

struct NaiveBayse {
    market_id: String,
    outcome_id: String,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl NaiveBayse {
    fn read(line: &[u8], scale: Scale) -> Self {
        let message: Fields<'_> = serde_json::from_slice(line).unwrap();
        let data = Fields::read(message.one("data").unwrap()).unwrap();
        let book = Fields::read(data.one("orderbook").unwrap()).unwrap();
        let level = |level: &RawValue| {
            let level = Fields::read(level).unwrap();
            let number = |name, decimals| amount(level.one(name).unwrap(), decimals).unwrap();
            Level::new(
                Ticks(number("price", scale.price_decimals())),
                Lots(number("quantity", scale.quantity_decimals())),
            )
        };
        let side = |name| book.items(name).into_iter().map(level).collect();
        let text = |name| serde_json::from_str(book.one(name).unwrap().get()).unwrap();
        Self {
            market_id: text("marketId"),
            outcome_id: text("outcomeId"),
            bids: side("bids"),
            asks: side("asks"),
        }
    }
}

fn backends(log: &Log) -> Box<dyn Backends> {
    match log.venue {
        VenueName::JAYX => Box::new(Jayx::new(Envelope::Auto)),
        _ => Box::new(Bayse::new(log.scale())),
    }
}

/// The inputs of a venue's decoder in a log: frames, or their lines.
fn lines(log: &Log, test: &str) -> Option<Vec<Vec<u8>>> {
    let frames = log.frames(test)?.into_iter().map(|(_, frame)| frame);
    if log.venue == VenueName::JAYX {
        return Some(frames.collect());
    }
    let lines = |frame: Vec<u8>| -> Vec<Vec<u8>> {
        Lines::new(&frame).map(|line| line.bytes.to_vec()).collect()
    };
    Some(frames.flat_map(lines).collect())
}

// Takes over a second in a debug build: 60 MB, decoded by each backend and by `serde_json`.
#[test]
fn backends_agree_on_recorded_logs() {
    for log in &LOGS {
        let Some(lines) = lines(log, "backends_agree_on_recorded_logs") else {
            continue;
        };
        let mut backends = backends(log);
        let books = lines.iter().map(|line| backends.check(line));
        let books = books.filter(|read| *read == LineKind::Book).count();
        assert_eq!(books as u64, log.books, "{}", log.name);
    }
}

/// Decodes [`CASES`] mutations of books.
fn check_mutations(backends: &mut dyn Backends, lines: &[Vec<u8>], seed: u64) {
    let parts: Vec<Parts> = lines.iter().map(|line| Parts::new(line)).collect();
    check_mutations_to(LineKind::Book, backends, &parts, seed);
}

/// The same with other messages.
fn check_mutations_of_others(backends: &mut dyn Backends, lines: &[Vec<u8>], seed: u64) {
    for line in lines {
        assert_eq!(backends.check(line), LineKind::Other, "{}", shown(line));
    }
    let parts: Vec<Parts> = lines.iter().map(|line| Parts::whole(line)).collect();
    check_mutations_to(LineKind::Other, backends, &parts, seed);
}

/// The lines are of a kind, and many mutations are too.
fn check_mutations_to(kind: LineKind, backends: &mut dyn Backends, parts: &[Parts], seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut line = Vec::new();
    let mut kept = 0;
    for _ in 0..CASES {
        line.clear();
        // Mostly short lists: errors are possible at the start, at the end, and between two levels.
        let keep = [1, 2, 4, 4, 8, 8, 8, 40][random.usize(..8)];
        let chosen = &parts[random.usize(..parts.len())];
        chosen.write(keep, &mut random, &mut line);
        for _ in 0..[1, 1, 1, 2, 3][random.usize(..5)] {
            mutate(&mut line, &mut random);
        }
        kept += usize::from(backends.check(&line) == kind);
    }
    // Most lines with a changed digit or letter are still of their kind; most other mutations are invalid.
    let share = kept * 100 / CASES;
    assert!((5..80).contains(&share), "{share}% are {kind:?}");
}

fn check_mutations_of(log: &Log) {
    let Some(lines) = lines(log, "mutations_of_the_recorded_logs") else {
        return;
    };
    check_mutations(&mut *backends(log), &lines, 1);
}

// Each takes over a second in a debug build: 200,000 lines, each decoded up to four times. They are separate tests so that
// they run in parallel.

#[test]
fn mutations_of_jayx_in_packets() {
    check_mutations_of(&LOGS[0]);
}

#[test]
fn mutations_of_jayx_bare() {
    check_mutations_of(&LOGS[1]);
}

#[test]
fn mutations_of_bayse() {
    check_mutations_of(&LOGS[2]);
}

#[test]
fn mutations_of_the_simulators_jayx() {
    check_mutations(&mut Jayx::new(Envelope::Auto), &books::jayx(20, 1, 400), 2);
}

#[test]
fn mutations_of_the_simulators_bayse() {
    let mut backends = Bayse::new(books::bayse_scale());
    check_mutations(&mut backends, &books::bayse(20, 1, 400), 3);
}

/// The lines with random field orders, every other one indented.
fn reordered(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let orders = (0..).zip([0, 3].into_iter().cycle());
    let lines = lines.iter().zip(orders);
    lines
        .map(|(line, (seed, indent))| pool::reordered(line, seed, indent))
        .collect()
}

#[test]
fn mutated_jayx_in_any_order() {
    let mut backends = Jayx::new(Envelope::Auto);
    check_mutations(&mut backends, &reordered(&books::jayx(3, 2, 400)), 6);
}

#[test]
fn mutated_bayse_in_any_order() {
    let mut backends = Bayse::new(books::bayse_scale());
    check_mutations(&mut backends, &reordered(&books::bayse(3, 2, 400)), 7);
}

#[test]
fn mutations_of_jayxs_other_messages() {
    let mut backends = Jayx::new(Envelope::Auto);
    let mut lines = messages::jayx(100);
    lines.extend(reordered(&lines));
    check_mutations_of_others(&mut backends, &lines, 4);
}

/// Messages of the simulator, and the examples of the contract.
#[test]
fn mutations_of_bayses_other_messages() {
    let mut lines = messages::bayse(60);
    let examples = include_str!("../../fuzz/seeds/bayse/fast-messages");
    lines.extend(examples.lines().map(|line| line.as_bytes().to_vec()));
    lines.extend(reordered(&lines));
    let mut backends = Bayse::new(books::bayse_scale());
    check_mutations_of_others(&mut backends, &lines, 5);
}
