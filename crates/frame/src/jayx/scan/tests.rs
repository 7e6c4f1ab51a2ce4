//! What the scanner takes. A line that it leaves is decoded all the same, so nothing but these tests
//! would tell.

use ticklot_sim::wire::jayx::{PlainForm, order_book as write, plain};

use super::*;
use crate::levels::LevelSpace;
use crate::scan::samples::{recorded, scanners, spot, views};

/// The levels and trades that one way reads.
type Found = (Vec<Level>, Vec<Level>, Vec<Trade>);

fn read(scanner: &mut Scanner, text: &[u8], wrap: Wrap) -> Option<Found> {
    let (mut space, mut trades) = (LevelSpace::default(), Repeats::default());
    order_book(text, wrap, scanner, space.sides(), &mut trades)?;
    let [bids, asks] = space.sides().map(|side| side.levels_mut().clone());
    Some((bids, asks, trades.items().to_vec()))
}

/// Every text must be taken in every way; and by patterns, where there are any.
fn check_taken(texts: &[(Vec<u8>, Wrap)]) {
    for scanner in &mut scanners() {
        for (text, wrap) in texts {
            let found = read(scanner, text, *wrap);
            assert!(found.is_some(), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(scanner.known, scanner.all_by_patterns(texts.len()));
    }
}

fn is_taken(text: &str, wrap: Wrap) -> bool {
    let found = scanners().map(|mut scanner| read(&mut scanner, text.as_bytes(), wrap));
    assert!(found[0] == found[1] && found[1] == found[2], "{text}");
    found[0].is_some()
}

#[test]
fn every_book_of_the_simulator() {
    let mut texts = Vec::new();
    for depth in [0, 1, 2, 3, 20, 100] {
        for view in views(spot(depth), depth as u64, 60) {
            let mut payload = String::new();
            write(&mut payload, &view);
            texts.push((
                format!("[\"orderbook\",{payload}]").into_bytes(),
                Wrap::Event,
            ));
            for form in [PlainForm::Bare, PlainForm::Message, PlainForm::Data] {
                let mut text = String::new();
                plain(&mut text, form, "orderbook", &payload);
                texts.push((text.into_bytes(), Wrap::Plain));
            }
        }
    }
    check_taken(&texts);
}

#[test]
fn every_recorded_book() {
    let logs = [
        (
            "jayx-btcusdt-top20",
            "42",
            "[\"orderbook\",",
            Wrap::Event,
            6176,
        ),
        (
            "jayx-btcusdt-top100",
            "",
            "{\"orderBook\":",
            Wrap::Plain,
            3386,
        ),
    ];
    for (name, head, start, wrap, books) in logs {
        let Some(frames) = recorded(name) else {
            continue;
        };
        let texts = frames.iter().filter_map(|frame| {
            let text = frame.strip_prefix(head.as_bytes())?;
            text.starts_with(start.as_bytes())
                .then(|| (text.to_vec(), wrap))
        });
        let texts: Vec<_> = texts.collect();
        assert_eq!(texts.len(), books);
        check_taken(&texts);
    }
}

fn bare(asks: &str, bids: &str, behind: &str) -> String {
    format!("{{\"orderBook\":{{\"asks\":[{asks}],\"bids\":[{bids}]}}{behind}}}")
}

fn level(ticks: &str, lots: &str, count: &str) -> String {
    format!("{{\"ticks\":{ticks},\"lots\":{lots},\"count\":{count}}}")
}

#[test]
fn lists_of_every_kind() {
    let one = level("1", "2", "3");
    let two = format!("{one},{}", level("66843", "1004817", "12"));
    let trade = "{\"lots\":1,\"ticks\":2,\"side\":\"SELL\",\"created\":3}";
    let trades = [
        String::new(),
        ",\"trades\":[]".to_owned(),
        format!(",\"trades\":[{trade}]"),
        format!(",\"trades\":[{trade},{trade}]"),
    ];
    for asks in ["", &one, &two] {
        for bids in ["", &one, &two] {
            for trades in &trades {
                let text = bare(asks, bids, trades);
                assert!(is_taken(&text, Wrap::Plain), "{text}");
                assert!(is_taken(&format!("[\"orderbook\",{text}]"), Wrap::Event));
                assert!(!is_taken(&text, Wrap::Event));
            }
        }
    }
}

#[test]
fn numbers_of_every_length() {
    let nines = |len: usize| "9".repeat(len);
    for len in 1..=20 {
        for (ticks, lots, most) in [(len, 1, 16), (1, len, 16), (len, len, 16)] {
            let text = bare(&level(&nines(ticks), &nines(lots), "1"), "", "");
            assert_eq!(is_taken(&text, Wrap::Plain), len <= most, "{text}");
        }
        let trade = format!(
            ",\"trades\":[{{\"lots\":1,\"ticks\":2,\"side\":\"BUY\",\"created\":{}}}]",
            nines(len)
        );
        assert_eq!(is_taken(&bare("", "", &trade), Wrap::Plain), len <= 16);
    }
    for (count, taken) in [("0", true), ("99999999", true), ("4294967296", false)] {
        assert_eq!(
            is_taken(&bare(&level("1", "1", count), "", ""), Wrap::Plain),
            taken
        );
    }
}

/// How far a level reaches changes from each to the next, as far as a venue's numbers can.
#[test]
fn lists_of_levels_of_any_length() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut scanners = scanners();
    for most in (1..=16).cycle().take(3_200) {
        let mut number = |most: usize| {
            let digits = random.usize(1..=most);
            random.u64(..10_u64.pow(digits.try_into().unwrap()))
        };
        let mut side = || -> Vec<Level> {
            let count = number(2) % 12;
            let levels = (0..count).map(|_| Level {
                ticks: Ticks(number(most).cast_signed()),
                lots: Lots(number(most).cast_signed()),
                count: number(most.min(8)).try_into().unwrap(),
            });
            levels.collect()
        };
        let [bids, asks] = [side(), side()];
        let text = |levels: &[Level]| {
            let text = levels.iter().map(|Level { ticks, lots, count }| {
                level(
                    &ticks.0.to_string(),
                    &lots.0.to_string(),
                    &count.to_string(),
                )
            });
            text.collect::<Vec<_>>().join(",")
        };
        let text = bare(&text(&asks), &text(&bids), "");
        let expected = Some((bids, asks, Vec::new()));
        for scanner in &mut scanners {
            let found = read(scanner, text.as_bytes(), Wrap::Plain);
            assert_eq!(found, expected, "{text}");
        }
    }
    for scanner in &scanners {
        let known = scanner.known;
        assert!(known >= scanner.all_by_patterns(2_501), "{known}");
    }
}

#[test]
fn everything_else_is_left_alone() {
    let good = bare(
        &level("10", "20", "30"),
        &level("9", "8", "7"),
        ",\"trades\":[{\"lots\":1,\"ticks\":2,\"side\":\"BUY\",\"created\":3}]",
    );
    assert!(is_taken(&good, Wrap::Plain));
    // At each byte something that must not be there: cut off, a space or a letter put in, another
    // number, a byte that is no UTF-8.
    for at in 0..good.len() {
        let (before, after) = good.split_at(at);
        assert!(!is_taken(before, Wrap::Plain), "{before}");
        for foreign in [" ", "x", "-", "\"", "}", "{", ","] {
            let text = format!("{before}{foreign}{after}");
            assert!(!is_taken(&text, Wrap::Plain), "{text}");
        }
    }
    for number in ["00", "01", "-1", "1.0", "1e2", "", "null", "\"1\""] {
        for place in 0..3 {
            let mut numbers = ["1"; 3];
            numbers[place] = number;
            let [ticks, lots, count] = numbers;
            let text = bare(&level(ticks, lots, count), "", "");
            assert!(!is_taken(&text, Wrap::Plain), "{text}");
        }
    }
}

/// A text without digits has a pattern too, that of no digits: nothing may be found for it.
#[test]
fn objects_without_a_digit_are_left_alone() {
    for filler in ["x", " ", ",", ":", "\""] {
        let object = |head: &str, len| format!("{{\"{head}\":{}}}", filler.repeat(len));
        for len in 0..70 {
            let levels = [object("ticks", len), level("1", "2", "3")];
            let trades = format!(",\"trades\":[{}]", [object("lots", len)].join(","));
            for odd in [
                bare(&[levels[0].as_str(); 5].join(","), "", ""),
                bare("", &levels.join(","), ""),
                bare("", &levels[0], ""),
                bare("", "", &trades),
            ] {
                assert!(!is_taken(&odd, Wrap::Plain), "{odd}");
            }
        }
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

/// Reads messages with these trades one after the other, in every way, and holds each list to what a
/// scanner reads that has seen nothing before. Tells how many trades the ways have read in all.
fn read_in_a_row(texts: &[String]) -> [usize; 3] {
    scanners().map(|mut scanner| {
        let (mut space, mut trades) = (LevelSpace::default(), Repeats::default());
        let mut fresh = 0;
        for text in texts {
            let text = text.as_bytes();
            let sides = space.sides();
            let places = order_book(text, Wrap::Plain, &mut scanner, sides, &mut trades);
            let alone = read(&mut scanner, text, Wrap::Plain);
            assert_eq!(places.is_some(), alone.is_some());
            if let Some((_, _, expected)) = alone {
                assert_eq!(
                    trades.items(),
                    expected,
                    "{}",
                    String::from_utf8_lossy(text)
                );
                fresh += trades.fresh_len();
            }
        }
        fresh
    })
}

#[test]
fn trades_that_are_repeated_are_not_read_again() {
    let all: Vec<_> = (0..400)
        .map(|n| (n * n % 977, 66_000 + n % 7, n % 3 == 0, 1_000 + n / 3))
        .collect();
    for (window, step) in [
        (1, 1),
        (2, 1),
        (20, 1),
        (20, 3),
        (20, 0),
        (20, 20),
        (100, 7),
    ] {
        let ends = std::iter::successors(Some(window), |end| Some(end + step));
        let texts: Vec<String> = ends
            .take_while(|end| *end <= all.len())
            .take(90)
            .map(|end| {
                let shown: Vec<_> = all[end - window..end].iter().rev().copied().collect();
                bare("", "", &trade_list(&shown))
            })
            .collect();
        let new = window + (texts.len() - 1) * step;
        assert_eq!(read_in_a_row(&texts), [new; 3], "{window} {step}");
    }
}

#[test]
fn lists_of_trades_that_are_nearly_the_last_one() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..300 {
        let (mut shown, mut texts) = (Vec::new(), Vec::new());
        let most = random.usize(1..12);
        for time in 0..30 {
            for _ in 0..random.usize(0..4) {
                // Equal ones are likely.
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
            let mut text = bare("", "", &trade_list(&shown));
            match random.u8(0..9) {
                0 => text = bare("", "", ""),
                1 => {
                    // A byte is another one.
                    let at = random.usize(0..text.len());
                    text.replace_range(at..=at, random.choice(["}", "1", ",", "0", "]"]).unwrap());
                }
                _ => {}
            }
            texts.push(text);
        }
        read_in_a_row(&texts);
    }
}

#[test]
fn a_list_that_is_too_long_to_keep_is_read_all_the_same() {
    let long: Vec<_> = (0..3000).map(|n| (n, n, true, n)).collect();
    let short = &long[2990..];
    let texts = [&long[..], &long, short, short, &long].map(|list| bare("", "", &trade_list(list)));
    assert_eq!(read_in_a_row(&texts), [9010; 3]);
}

#[test]
fn the_longest_list_and_one_level_more() {
    for (levels, taken) in [
        (ticklot_book::MAX_LEVELS, true),
        (ticklot_book::MAX_LEVELS + 1, false),
    ] {
        let list = vec![level("1", "2", "3"); levels].join(",");
        let text = bare("", &list, "");
        for scanner in &mut scanners() {
            assert_eq!(read(scanner, text.as_bytes(), Wrap::Plain).is_some(), taken);
        }
    }
}
