//! What the scanner takes. A line that it leaves is decoded all the same, so nothing but these tests
//! would tell.

use ticklot_sim::wire::jayx::{PlainForm, order_book as write, plain};

use super::*;
use crate::levels::LevelSpace;
use crate::scan::samples::{recorded, scanners, spot, views};

/// The levels and trades that one way reads.
type Found = (Vec<Level>, Vec<Level>, Vec<Trade>);

fn read(scanner: &mut Scanner, text: &[u8], wrap: Wrap) -> Option<Found> {
    let (mut space, mut trades) = (LevelSpace::default(), Vec::new());
    order_book(text, wrap, scanner, space.sides(), &mut trades)?;
    let [bids, asks] = space.sides().map(|side| side.levels_mut().clone());
    Some((bids, asks, trades))
}

/// Every text must be taken in every way; and by recipes, where there are any.
fn check_taken(texts: &[(Vec<u8>, Wrap)]) {
    for scanner in &mut scanners() {
        for (text, wrap) in texts {
            let found = read(scanner, text, *wrap);
            assert!(found.is_some(), "{}", String::from_utf8_lossy(text));
        }
        let by_recipes = if scanner.has_recipes() {
            texts.len() as u64
        } else {
            0
        };
        assert_eq!(scanner.known, by_recipes);
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
