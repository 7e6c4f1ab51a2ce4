//! The fast path against the general path, with every shape of messages and with mutated messages.

use ticklot_book::Scale;

use super::{Templates, without_learning};
use crate::samples::{BAYSE_SCALE, FrameFormat, order_books};
use crate::thread_local::ThreadLocal;
use crate::{DecodeBackend, DecodePath, bayse, jayx};

/// Inserts the spaces of Python's `json.dumps`.
fn spaced(text: &str) -> String {
    let text = text.replace(",\"", ", \"").replace("\":", "\": ");
    text.replace("},{", "}, {")
}

/// Inserts spaces inside braces, too.
fn wide(text: &str) -> String {
    spaced(text).replace('{', "{ ").replace('}', " }")
}

/// Reverses the members of each object of numbers.
fn reversed(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive('}') {
        let (before, object) = part.split_at(part.rfind('{').unwrap_or(0));
        let inside = object.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        out.push_str(before);
        match inside.filter(|it| it.contains("\":") && !it.contains('[')) {
            Some(inside) => {
                let members: Vec<&str> = inside.rsplit(',').collect();
                out.push_str(&format!("{{{}}}", members.join(",")));
            }
            None => out.push_str(object),
        }
    }
    out
}

/// Adds unknown members, in levels and around them.
fn extended(text: &str) -> String {
    let text = text.replace("{\"ticks\"", "{\"seq\":17,\"ticks\"");
    let text = text.replace("{\"price\"", "{\"seq\":1.5,\"price\"");
    let text = text.replace(
        "\"asks\"",
        "\"venue\":\"x\u{fc}\",\"depth\":20,\"open\":true,\"asks\"",
    );
    text.replace("\"bids\"", "\"note\":null,\"bids\"")
}

/// Moves the levels before the market.
fn levels_first(text: &str) -> String {
    let (head, rest) = text.split_once("\"marketId\"").unwrap_or((text, ""));
    let (ids, lists) = rest.split_once("\"bids\"").unwrap_or((rest, ""));
    let (lists, tail) = lists.split_at(lists.rfind(']').map_or(0, |at| at + 1));
    format!(
        "{head}\"bids\"{lists},\"marketId\"{}{tail}",
        ids.trim_end_matches(',')
    )
}

fn texts(format: FrameFormat, write: impl Fn(&str) -> String) -> Vec<String> {
    order_books(format).iter().map(|text| write(text)).collect()
}

/// A decoder of either venue.
trait Decode {
    /// The result for a line as text, and the path that decoded an order book.
    fn shown(&mut self, line: &[u8]) -> (String, Option<DecodePath>);
}

impl Decode for jayx::Decoder {
    fn shown(&mut self, line: &[u8]) -> (String, Option<DecodePath>) {
        match self.decode(line) {
            Ok(jayx::Message::OrderBook(book)) => {
                let shown = format!("{:?} {:?} {:?}", book.bids, book.asks, book.trades);
                (shown, Some(book.path))
            }
            other => (format!("{other:?}"), None),
        }
    }
}

impl Decode for bayse::Decoder {
    fn shown(&mut self, line: &[u8]) -> (String, Option<DecodePath>) {
        match self.decode(line, &scale) {
            Ok(bayse::Message::OrderBook(book)) => {
                let ids = (book.market_id, book.outcome_id);
                let last = (book.last_price, book.last_side);
                let times = (book.timestamp, book.sent);
                let (bids, asks) = (book.bids, book.asks);
                let shown = format!("{ids:?} {last:?} {times:?} {bids:?} {asks:?}");
                (shown, Some(book.path))
            }
            other => (format!("{other:?}"), None),
        }
    }
}

/// The templates of a thread.
type Known = [Option<Box<Templates>>; 3];

fn exchange([packets, frames, lines]: &mut Known) {
    ThreadLocal::exchange(&jayx::schema::PACKETS, packets);
    ThreadLocal::exchange(&jayx::schema::FRAMES, frames);
    ThreadLocal::exchange(&bayse::schema::TEMPLATES, lines);
}

/// A decoder for each backend of the fast path, each with its own templates, and one without a fast path.
struct Pair<D> {
    fast: [(D, Known); 2],
    plain: D,
    /// The number of messages that took the fast path.
    fitted: usize,
}

fn jayx(envelope: jayx::Envelope) -> Pair<jayx::Decoder> {
    Pair::new(|backend| jayx::Decoder::with_backend(envelope, backend))
}

fn bayse() -> Pair<bayse::Decoder> {
    Pair::new(bayse::Decoder::with_backend)
}

impl<D: Decode> Pair<D> {
    fn new(decoder: impl Fn(DecodeBackend) -> D) -> Self {
        Self {
            fast: [DecodeBackend::Best, DecodeBackend::Portable]
                .map(|backend| (decoder(backend), Known::default())),
            plain: decoder(DecodeBackend::Off),
            fitted: 0,
        }
    }

    /// Decodes a line with all decoders, which must agree. Returns the result as text.
    fn check(&mut self, line: impl AsRef<[u8]>) -> String {
        let line = line.as_ref();
        let (expected, plain_path) = self.plain.shown(line);
        assert!(matches!(plain_path, None | Some(DecodePath::General)));
        let [path, portable] = self.fast.each_mut().map(|(fast, known)| {
            exchange(known);
            let (shown, path) = fast.shown(line);
            exchange(known);
            assert_eq!(shown, expected, "{}", String::from_utf8_lossy(line));
            path
        });
        assert_eq!(path, portable);
        self.fitted += usize::from(path == Some(DecodePath::Fast));
        expected
    }

    /// Checks order books of one shape. The first one is learnt, and another one after the first trade.
    fn check_shape(&mut self, texts: &[String]) {
        for text in texts {
            let shown = self.check(text);
            assert!(shown.contains("Ticks"), "{shown}");
        }
        let (fitted, all) = (self.fitted, texts.len());
        assert!(fitted + 4 >= all, "{fitted} of {all}: {}", texts[0]);
    }
}

/// Markets whose names end with `x` have more decimals, and those with `z` the most.
fn scale(market: &str) -> Scale {
    match market.as_bytes().last() {
        Some(b'x') => Scale::new(5, 4).unwrap(),
        Some(b'z') => Scale::new(12, 14).unwrap(),
        _ => BAYSE_SCALE,
    }
}

type Write = fn(&str) -> String;

#[test]
fn jayx_by_any_constant_shape() {
    for format in [FrameFormat::JayxSocketIo, FrameFormat::JayxBare] {
        let writes: [Write; 5] = [spaced, wide, reversed, extended, |it| {
            spaced(&reversed(&extended(it)))
        }];
        for write in writes {
            jayx(jayx::Envelope::Auto).check_shape(&texts(format, write));
        }
    }
}

#[test]
fn bayse_by_any_constant_shape() {
    let finer: Write = |it| spaced(it).replace("440000\"", "44000x\"");
    // Levels of more than 64 bytes.
    let loose: Write = |it| spaced(it).replace("\": ", "\":   ").replace("0}", "0000}");
    let finest: Write = |it| spaced(it).replace("440000\"", "44000z\"");
    let writes: [Write; 9] = [
        finest,
        loose,
        spaced,
        wide,
        reversed,
        extended,
        levels_first,
        finer,
        |it| wide(&levels_first(&extended(it))),
    ];
    for write in writes {
        bayse().check_shape(&texts(FrameFormat::Bayse, write));
    }
}

/// Markets of different scales that are named after their levels, or between the two sides.
#[test]
fn each_market_keeps_its_scale() {
    let between = |text: &str| {
        let text = levels_first(text);
        let (bids, asks) = text.split_once(",\"asks\":").unwrap();
        let (asks, ids) = asks.split_once(",\"marketId\"").unwrap();
        let (ids, tail) = ids.split_once("}}").unwrap();
        format!("{bids},\"marketId\"{ids},\"asks\":{asks}}}}}{tail}")
    };
    check_scales(&texts(FrameFormat::Bayse, levels_first));
    check_scales(&texts(FrameFormat::Bayse, between));
}

fn check_scales(texts: &[String]) {
    let finer = |(at, text): (usize, &String)| match at % 3 {
        0 => text.replace("440000\"", "44000x\""),
        _ => text.clone(),
    };
    let texts: Vec<String> = texts.iter().enumerate().map(finer).collect();
    bayse().check_shape(&texts);
}

/// Messages with random changes: the fast path and the general path return the same result.
#[test]
fn mutated_messages_decode_alike() {
    const BYTES: &[u8] = b"0123456789.,:{}[]\"-eE nult\\\x00\x7f\xc3";
    let mut random = fastrand::Rng::with_seed(3);
    let (mut jayx, mut bayse) = (jayx(jayx::Envelope::Auto), bayse());
    let jayx_texts = texts(FrameFormat::JayxSocketIo, spaced);
    let bayse_texts = texts(FrameFormat::Bayse, |it| spaced(&levels_first(it)));
    for round in 0..4_000 {
        let mut mutate = |texts: &[String]| {
            let mut text = texts[round % texts.len()].clone().into_bytes();
            for _ in 0..random.usize(0..3) {
                let at = random.usize(0..text.len());
                let byte = BYTES[random.usize(0..BYTES.len())];
                match random.u8(0..4) {
                    0 => text.insert(at, byte),
                    1 => drop(text.remove(at)),
                    2 => text.truncate(at.max(1)),
                    _ => text[at] = byte,
                }
            }
            text
        };
        jayx.check(mutate(&jayx_texts));
        bayse.check(mutate(&bayse_texts));
    }
    assert!(jayx.fitted > 500 && bayse.fitted > 500);
}

/// Numbers of each length, in the middle and at the end of a text.
#[test]
fn numbers_of_each_length() {
    let [mut three, mut two] = [jayx::Envelope::Plain; 2].map(jayx);
    let number = |digits: usize| "1234567890123456789012"[..digits].to_owned();
    let book = |ticks: &str, lots: &str, count: &str| {
        let level = format!(r#"{{"lots": {lots}, "ticks": {ticks}, "count": {count}}}"#);
        format!(r#"{{"orderBook": {{"asks": [], "bids": [{level}, {level}]}}}}"#)
    };
    let mut numbers: Vec<String> = (1..=20).map(number).collect();
    numbers
        .extend(["0", "00", "07", "-1", "1.0", "1e3", "99999999", "100000000"].map(str::to_owned));
    for a in &numbers {
        for b in &numbers {
            for text in [book(a, b, "1"), book(b, "3", a), book("7", a, b)] {
                three.check(text);
            }
            let level = format!(r#"{{"lots": {a}, "ticks": {b}}}"#);
            two.check(format!(
                r#"{{"orderBook": {{"asks": [{level}, {level}], "bids": []}}}}"#
            ));
        }
    }
    // Valid numbers of up to 15 digits take the fast path. The first message is learnt.
    let good = 15 + 3;
    assert_eq!(two.fitted, good * good - 1);
    assert!(three.fitted > 650, "{}", three.fitted);
}

/// Decimals of each format and length.
#[test]
fn decimals_of_each_form() {
    let mut bayse = bayse();
    let numbers = "0 1 10 0.5 0.50 0.500 0.5000 0.12345 12.34 123.456 1234.567 12345.678 1234567 12345678 123456789 \
                   0.1234567 00.5 01 .5 5. 1.2.3 1..2 -0.5 1e2 9999999999999999999 0.00000000000000000000";
    for price in numbers.split(' ') {
        for quantity in numbers.split(' ') {
            for total in [
                "1",
                "0.5",
                "5.",
                "01",
                "00.",
                "123456789.123456789",
                "1e400",
            ] {
                let level =
                    format!(r#"{{"total": {total}, "price": {price}, "quantity": {quantity}}}"#);
                bayse.check(format!(
                    r#"{{"type": "orderbook_update", "data": {{"marketId": "m", "outcomeId": "o", "bids": [], "asks": [{level}, {level}]}}}}"#
                ));
            }
        }
    }
    assert!(bayse.fitted > 500, "{}", bayse.fitted);
}

/// The number of these order books that take the fast path of each venue.
fn alike(texts: &[String]) -> (usize, usize) {
    let (mut jayx, mut bayse) = (jayx(jayx::Envelope::Plain), bayse());
    for text in texts {
        jayx.check(text);
        bayse.check(text);
    }
    (jayx.fitted, bayse.fitted)
}

/// Levels that start with different keys have no common format.
#[test]
fn changing_keys_are_not_learnt() {
    let text = r#"{"orderBook":{"asks":[],"bids":[{"bount":3,"lots":4,"ticks":7},{"count":3,"lots":2,"ticks":6}]}}"#;
    let texts = [text.to_owned(), text.to_owned()];
    assert_eq!(alike(&texts), (0, 0));
}

/// If a field occurs in two positions, the general path decides which one is valid.
#[test]
fn ambiguous_messages_are_not_learnt() {
    let levels = |n: usize, key: &str, size: &str| {
        format!(
            r#"[ {{"{key}": {n}, "{size}": 1}}, {{"{key}": {}, "{size}": 2}} ]"#,
            n + 1
        )
    };
    let jayx = |n| levels(n, "ticks", "lots");
    let trades = |n: usize| {
        let trade = format!(r#"{{"side": "BUY", "ticks": {n}, "lots": 1, "created": 5}}"#);
        format!("[{trade}, {trade}]")
    };
    let bayse = |n| levels(n, "price", "quantity");
    let writes: [&dyn Fn(usize) -> String; 5] = [
        &|n| {
            format!(
                r#"{{"event": "orderbook", "trades": {}, "message": {{"trades": {}, "orderBook": {{"asks": {}, "bids": {}}}}}}}"#,
                trades(n + 9),
                trades(n),
                jayx(n + 5),
                jayx(n)
            )
        },
        &|n| {
            format!(
                r#"{{"event": "orderbook", "data": {{"orderBook": {{"bids": {}}}}}, "message": {{"orderBook": {{"asks": {}, "bids": {}}}}}}}"#,
                jayx(n + 9),
                jayx(n + 5),
                jayx(n)
            )
        },
        &|n| {
            format!(
                r#"{{"event": "orderbook", "data": {{"orderBook": {{"asks": {}}}}}, "message": {{"orderBook": {{"asks": {}, "bids": {}}}}}}}"#,
                jayx(n + 9),
                jayx(n + 5),
                jayx(n)
            )
        },
        &|n| {
            format!(
                r#"{{"type": "orderbook_update", "data": {{"bids": {}, "asks": [], "orderbook": {{"marketId": "m", "outcomeId": "o", "bids": {}, "asks": []}}}}}}"#,
                bayse(n + 9),
                bayse(n)
            )
        },
        &|n| {
            format!(
                r#"{{"type": "orderbook_update", "data": {{"orderbook": {{"marketId": "m", "outcomeId": "o", "bids": {}, "asks": []}}, "marketId": "x{n}"}}}}"#,
                bayse(n)
            )
        },
    ];
    for write in writes {
        let texts: Vec<String> = (10..20).map(write).collect();
        assert_eq!(alike(&texts), (0, 0), "{}", texts[0]);
    }
}

/// A side may be empty, trades may be empty or null, and a string may be first.
#[test]
fn lists_may_be_empty() {
    let level = |n: usize| format!(r#"{{"lots": {n}, "ticks": {n} }}"#);
    let trade =
        |n: usize| format!(r#"{{"side": "SELL", "ticks": {n}, "created": {n}, "lots": 7}}"#);
    let book = |asks: usize, bids: usize, trades: &str| {
        let list = |count: usize| (1..=count).map(level).collect::<Vec<_>>().join(", ");
        format!(
            r#"{{"orderBook": {{"asks": [{}], "bids": [{}]}}, "trades": {trades}}}"#,
            list(asks),
            list(bids)
        )
    };
    let trades = format!("[{}, {}]", trade(3), trade(4));
    let texts = [
        book(0, 2, &trades),
        book(3, 0, "[]"),
        book(0, 0, &trades),
        book(1, 1, &format!("[{}]", trade(9))),
    ];
    assert_eq!(alike(&texts), (3, 0));
    let texts = [book(2, 0, "null"), book(2, 1, "null"), book(1, 2, "null")];
    assert_eq!(alike(&texts), (2, 0));
}

#[test]
fn large_shapes_are_not_learnt() {
    let book = |more: &str| {
        let level = r#"{"lots": 1, "ticks": 2}, {"lots": 1, "ticks": 3}"#;
        format!(r#"{{"orderBook": {{"asks": [{level}], "bids": []}}{more}}}"#)
    };
    let many = |count: usize| {
        let members = (0..count).map(|n| format!(r#", "{n}": 1"#));
        book(&members.collect::<String>())
    };
    let long = |len: usize| book(&format!(r#", "{}": true"#, "k".repeat(len)));
    for (text, fits) in [
        (many(20), 1),
        (many(40), 0),
        (long(900), 1),
        (long(1_100), 0),
    ] {
        assert_eq!(alike(&[text.clone(), text]), (fits, 0));
    }
}

/// The general path rejects a line that is too long, although its shape is known.
#[test]
fn long_lines_are_refused() {
    let book = |levels: usize| {
        let list = |from: usize| {
            let level = |n| format!(r#"{{"lots": 123456, "ticks": {n}, "count": 1234}}"#);
            (from..from + levels)
                .map(level)
                .collect::<Vec<_>>()
                .join(", ")
        };
        format!(
            r#"{{"orderBook": {{"asks": [{}], "bids": [{}]}}}}"#,
            list(1),
            list(100_000)
        )
    };
    let texts = [book(2), book(50_000), book(3)];
    assert!(texts[1].len() > crate::json::MAX_LINE);
    assert_eq!(alike(&texts), (1, 0));
}

/// A total of any length is skipped. Two errors in one level are also detected.
#[test]
fn totals_of_any_length() {
    let book = |total: &str, key: &str| {
        let level = format!(r#"{{"price": 0.5, "quantity": 12345.25, "{key}": {total}}}"#);
        format!(
            r#"{{"type": "orderbook_update", "data": {{"marketId": "m", "outcomeId": "o", "bids": [], "asks": [{level}, {level}]}}}}"#
        )
    };
    for digits in 1..32 {
        let total = "1".repeat(digits);
        let texts = [book("1", "total"), book(&total, "total")];
        assert_eq!(alike(&texts), (0, 1), "{digits}");
        let texts = [book("1", "total"), book(&format!("0{total}"), "total")];
        assert_eq!(alike(&texts), (0, 0), "{digits}");
    }
    let texts = [book("1", "total"), book("01", "totaI"), book("1", "totaI")];
    assert_eq!(alike(&texts), (0, 0));
}

/// A new shape is learnt, and so are a few alternating shapes. With many shapes, fewer and fewer messages are learnt.
#[test]
fn other_shapes_are_learnt() {
    let mut pair = bayse();
    let shapes: [Vec<String>; 5] = [
        texts(FrameFormat::Bayse, spaced),
        texts(FrameFormat::Bayse, reversed),
        texts(FrameFormat::Bayse, extended),
        texts(FrameFormat::Bayse, levels_first),
        texts(FrameFormat::Bayse, wide),
    ];
    for text in shapes.iter().flatten() {
        pair.check(text);
    }
    let all: usize = shapes.iter().map(Vec::len).sum();
    assert!(pair.fitted + 10 >= all, "{} of {all}", pair.fitted);
    for count in 2..=5 {
        let (mut pair, mut all) = (bayse(), 0);
        for at in 0..100 {
            for shape in &shapes[..count] {
                pair.check(&shape[at]);
                all += 1;
            }
        }
        let fitted = pair.fitted;
        if count <= 4 {
            assert!(fitted + 30 > all, "{fitted} of {all}");
        } else {
            assert!(fitted > 50, "{fitted} of {all}");
        }
    }
}

/// Whether `text` takes the fast path after `shape` was learnt.
fn is_taken(mut pair: Pair<impl Decode>, shape: &str, text: &str) -> bool {
    pair.check(shape);
    pair.check(text);
    pair.fitted == 1
}

fn jayx_is_taken(shape: &str, text: &str) -> bool {
    is_taken(jayx(jayx::Envelope::Plain), shape, text)
}

fn bare(asks: &str, bids: &str, behind: &str) -> String {
    format!("{{\"orderBook\":{{\"asks\":[{asks}],\"bids\":[{bids}]}}{behind}}}")
}

fn level(ticks: &str, lots: &str, count: &str) -> String {
    format!("{{\"ticks\":{ticks},\"lots\":{lots},\"count\":{count}}}")
}

fn outcome(level: &str, last: &str, sent: &str) -> String {
    format!(
        "{{\"type\":\"orderbook_update\",\"data\":{{\"orderbook\":{{\"marketId\":\"m\",\"outcomeId\":\"o\",\
         \"bids\":[{level},{level}],\"asks\":[]{last}}}}}{sent}}}"
    )
}

#[test]
fn decimals_that_are_taken() {
    let table = [
        ("0.5", "1", "0.5", true),
        ("0.50", "1.25", "0.625", true),
        ("0.500", "1.250", "0.625", true),
        ("0.5001", "1", "0.501", false),
        ("0", "0", "0", true),
        ("0.0", "0.0000", "0.0", true),
        ("12345678", "1234567.8", "1", true),
        ("123456789012345", "1", "1", true),
        ("0.50000000000000", "1", "1", true),
        ("1", "1", "123456789012345678901234567890.5", true),
        ("1", "1", "1234567890123456789012345678901.5", true),
        ("00.5", "1", "1", false),
        (".5", "1", "1", false),
        ("5.", "1", "1", false),
        ("1.5.1", "1", "1", false),
        ("1", "01", "1", false),
        ("1", "1", "01", false),
        ("1", "1", "1.", false),
        ("1", "1", ".1", false),
        ("1", "1", "1.1.1", false),
        ("-1", "1", "1", false),
        ("1", "1e2", "1", false),
        ("1", "1", "1e2", true),
        ("1", "1", "-1", true),
        ("1", "1", "-01", false),
        ("1", "1", "", false),
        ("", "1", "1", false),
        ("1", "", "1", false),
    ];
    let line = |price: &str, quantity: &str, total: &str| {
        let level = format!("{{\"price\":{price},\"quantity\":{quantity},\"total\":{total}}}");
        outcome(&level, "", "")
    };
    for (price, quantity, total, taken) in table {
        let text = line(price, quantity, total);
        for shape in [line("1", "1", "1"), line("0.5", "10.25", "1.5")] {
            assert_eq!(is_taken(bayse(), &shape, &text), taken, "{text}");
        }
    }
}

#[test]
fn members_that_are_taken() {
    let level = "{\"price\":0.5,\"quantity\":1,\"total\":0.5}";
    let last =
        |price: &str, side: &str| format!(",\"lastTradedPrice\":{price},\"lastTradedSide\":{side}");
    let shape = outcome(level, &last("0.5", "\"BUY\""), ",\"timestamp\":17");
    for (price, side, sent, taken) in [
        ("0.75", "\"SELL\"", "1700000000000", true),
        ("null", "null", "1", true),
        ("1e2", "\"BUY\"", "1", false),
        ("05", "\"BUY\"", "1", false),
        ("0.5", "\"HOLD\"", "1", false),
        ("0.5", "\"BUY\"", "01", false),
        ("0.5", "\"BUY\"", "1.5", false),
    ] {
        let text = outcome(level, &last(price, side), &format!(",\"timestamp\":{sent}"));
        assert_eq!(is_taken(bayse(), &shape, &text), taken, "{text}");
    }
}

/// Truncates a message at each byte, or inserts a byte there.
#[test]
fn other_texts_are_left_alone() {
    let trades = ",\"trades\":[{\"lots\":1,\"ticks\":2,\"side\":\"BUY\",\"created\":3},\
                  {\"lots\":1,\"ticks\":2,\"side\":\"SELL\",\"created\":3}]";
    let levels = [level("10", "20", "30"), level("9", "8", "7")].join(",");
    let good = bare(&levels, &levels, trades);
    assert!(jayx_is_taken(&good, &good));
    for at in 0..good.len() {
        let (before, after) = good.split_at(at);
        assert!(!jayx_is_taken(&good, before), "{before}");
        for foreign in [" ", "x", "-", "\"", "}", "{", ",", "\\", "."] {
            let text = format!("{before}{foreign}{after}");
            // Trades may have any spacing.
            let is_space = foreign == " " && before.contains("\"trades\":");
            assert!(is_space || !jayx_is_taken(&good, &text), "{text}");
        }
    }
    for number in ["00", "01", "-1", "1.0", "1e2", "", "null", "\"1\""] {
        for index in 0..3 {
            let mut numbers = ["1"; 3];
            numbers[index] = number;
            let text = bare(&level(numbers[0], numbers[1], numbers[2]), &levels, trades);
            assert!(!jayx_is_taken(&good, &text), "{text}");
        }
    }
    let level = "{\"price\":0.50,\"quantity\":10.25,\"total\":5.125}";
    let good = outcome(level, "", ",\"timestamp\":17");
    assert!(is_taken(bayse(), &good, &good));
    for at in 1..good.len() {
        let (before, after) = good.split_at(at);
        assert!(!is_taken(bayse(), &good, before), "{before}");
        for foreign in [" ", "-", "\\", "}", "{", ","] {
            // The names may contain any text without escapes.
            let is_name = ["\"marketId\":\"", "\"outcomeId\":\""].iter().any(|key| {
                let start = good.find(key).unwrap() + key.len();
                (start..=start + 1).contains(&at)
            });
            let text = format!("{before}{foreign}{after}");
            // The total may be any number.
            let is_total = text.contains("\"total\":-5");
            let taken = is_total || is_name && foreign != "\\";
            assert_eq!(is_taken(bayse(), &good, &text), taken, "{text}");
        }
    }
}

/// The lengths of levels vary as much as a venue's numbers can.
#[test]
fn levels_of_any_length() {
    let mut random = fastrand::Rng::with_seed(5);
    let one = level("1", "2", "3");
    for price_first in [true, false] {
        let mut pair = jayx(jayx::Envelope::Plain);
        let order = |text: String| if price_first { text } else { reversed(&text) };
        pair.check(order(bare(&format!("{one},{one}"), &one, "")));
        let mut books = 0;
        for most in (1..=15).cycle().take(1_600) {
            let mut number = |most: usize| {
                let digits = random.usize(1..=most);
                random.u64(..10_u64.pow(digits.try_into().unwrap()))
            };
            let mut side = || {
                let count = number(2) % 12;
                let levels = (0..count).map(|_| {
                    let numbers = [number(most), number(most), number(most.min(8))];
                    let [ticks, lots, count] = numbers.map(|number| number.to_string());
                    level(&ticks, &lots, &count)
                });
                levels.collect::<Vec<_>>().join(",")
            };
            pair.check(order(bare(&side(), &side(), "")));
            books += 1;
        }
        assert_eq!(pair.fitted, books);
    }
}

fn trade_list(trades: &[(i64, i64, bool, i64)]) -> String {
    let one = |&(lots, ticks, is_buy, created): &(i64, i64, bool, i64)| {
        let side = if is_buy { "BUY" } else { "SELL" };
        format!("{{\"lots\":{lots},\"ticks\":{ticks},\"side\":\"{side}\",\"created\":{created}}}")
    };
    let list: Vec<String> = trades.iter().map(one).collect();
    format!(",\"trades\":[{}]", list.join(","))
}

/// Messages with trades, after one with their shape.
fn with_trades(behind: impl IntoIterator<Item = String>) -> Vec<String> {
    let levels = [level("10", "20", "30"), level("9", "8", "7")].join(",");
    let shape = trade_list(&[(1, 2, true, 3), (1, 2, true, 3)]);
    let texts = std::iter::once(shape).chain(behind);
    texts.map(|behind| bare(&levels, "", &behind)).collect()
}

#[test]
fn repeated_trades_decode_alike() {
    let all: Vec<_> = (0..400)
        .map(|n| (n * n % 977, 66_000 + n % 7, n % 3 == 0, 1_000 + n / 3))
        .collect();
    for (shown, step) in [
        (1, 1),
        (2, 1),
        (20, 1),
        (20, 3),
        (20, 0),
        (20, 20),
        (100, 7),
    ] {
        let ends = std::iter::successors(Some(shown), |end| Some(end + step));
        let lists = ends
            .take_while(|end| *end <= all.len())
            .take(90)
            .map(|end| {
                let list: Vec<_> = all[end - shown..end].iter().rev().copied().collect();
                trade_list(&list)
            });
        for write in [|text: &str| text.to_owned(), spaced, wide] {
            let texts: Vec<String> = with_trades(lists.clone())
                .iter()
                .map(|it| write(it))
                .collect();
            jayx(jayx::Envelope::Plain).check_shape(&texts);
        }
    }
}

#[test]
fn nearly_repeated_trades_decode_alike() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..150 {
        let (mut shown, mut texts) = (Vec::new(), Vec::new());
        let most = random.usize(1..12);
        for time in 0..30 {
            for _ in 0..random.usize(0..4) {
                // Equal trades are likely.
                let trade = (random.i64(1..3), random.i64(9..11), random.bool(), time / 8);
                shown.insert(0, trade);
            }
            match random.u8(0..12) {
                0 => shown.reverse(),
                1 => shown.clear(),
                2 if !shown.is_empty() => drop(shown.remove(random.usize(0..shown.len()))),
                3 if !shown.is_empty() => shown.push(shown[0]),
                _ => shown.truncate(most),
            }
            let mut text = trade_list(&shown);
            match random.u8(0..9) {
                0 => text.clear(),
                1 => {
                    // One byte is replaced.
                    let at = random.usize(0..text.len());
                    text.replace_range(at..=at, random.choice(["}", "1", ",", "0", "]"]).unwrap());
                }
                _ => {}
            }
            texts.push(text);
        }
        let mut pair = jayx(jayx::Envelope::Plain);
        for text in with_trades(texts) {
            pair.check(text);
        }
        assert!(pair.fitted > 0);
    }
}

#[test]
fn long_lists_decode_alike() {
    let long: Vec<_> = (0..3000).map(|n| (n, n, true, n)).collect();
    let short = &long[2990..];
    let lists = [&long[..], &long, short, short, &long].map(trade_list);
    jayx(jayx::Envelope::Plain).check_shape(&with_trades(lists));

    let one = level("1", "2", "3");
    let shape = bare(&format!("{one},{one}"), "", "");
    for (levels, taken) in [
        (ticklot_book::MAX_LEVELS, true),
        (ticklot_book::MAX_LEVELS + 1, false),
    ] {
        let text = bare("", &vec![one.as_str(); levels].join(","), "");
        assert_eq!(jayx_is_taken(&shape, &text), taken);
    }
}

/// Messages take the same paths when others are decoded again in between: with one shape, with four alternating shapes,
/// and with a different shape for each message.
#[test]
fn repeated_messages_are_not_learnt() {
    let writes: [Write; 4] = [spaced, wide, reversed, extended];
    let shapes = writes.map(|write| texts(FrameFormat::Bayse, write));
    let mut random = fastrand::Rng::with_seed(11);
    let line = |at: usize| match (at / 300) % 3 {
        0 => shapes[0][at % shapes[0].len()].clone(),
        1 => shapes[at % 4][at % 50].clone(),
        _ => shapes[1][at % 50].replacen(':', &format!(":{}", " ".repeat(at)), 1),
    };
    let lines: Vec<String> = (0..2_700).map(line).collect();
    let mut run = |again: fn(usize) -> usize| {
        let mut known = Known::default();
        exchange(&mut known);
        let mut decoders = [bayse::Decoder::new(), bayse::Decoder::new()];
        let mut paths = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            paths.push(decoders[0].shown(line.as_bytes()).1.unwrap());
            for _ in 0..again(at) {
                let earlier = lines[at - random.usize(0..=at.min(9))].as_bytes();
                without_learning(|| decoders[1].shown(earlier));
            }
        }
        exchange(&mut known);
        paths
    };
    let alone = run(|_| 0);
    assert_eq!(run(|at| at % 4), alone);
    let is_fast = |path: &&DecodePath| **path == DecodePath::Fast;
    let fast = alone.iter().filter(is_fast).count();
    assert!(fast > 1_000 && alone.len() - fast > 500, "{fast}");
}
