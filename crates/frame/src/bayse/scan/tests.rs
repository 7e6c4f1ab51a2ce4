//! What the scanner takes. A line that it leaves is decoded all the same, so nothing but these tests
//! would tell.

use ticklot_sim::wire::bayse::{OrderBook, orderbook_update};

use super::*;
use crate::levels::LevelSpace;
use crate::lines::Lines;
use crate::scan::samples::{outcome, recorded, scanners, views};

fn read(scanner: &mut Scanner, text: &[u8], scale: Scale) -> Option<[Vec<Level>; 2]> {
    let mut space = LevelSpace::default();
    order_book(text, scanner, &scale, space.sides())?;
    Some(space.sides().map(|side| side.levels_mut().clone()))
}

/// Every text must be taken in every way; and by patterns, where there are any.
fn check_taken(texts: &[Vec<u8>], scale: Scale) {
    for scanner in &mut scanners() {
        for text in texts {
            let found = read(scanner, text, scale);
            assert!(found.is_some(), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(scanner.known, scanner.all_by_patterns(texts.len()));
    }
}

/// Whether the way that finds edges takes a line. Patterns, which do not count the point, may take one
/// digit more; what any two ways take, they must take alike.
fn is_taken(text: &str, scale: Scale) -> bool {
    let [best, avx2, portable] =
        scanners().map(|mut scanner| read(&mut scanner, text.as_bytes(), scale));
    for (a, b) in [(&best, &avx2), (&best, &portable), (&avx2, &portable)] {
        assert!(a.is_none() || b.is_none() || a == b, "{text}");
    }
    assert!(
        portable.is_none() || (best.is_some() && avx2.is_some()),
        "{text}"
    );
    portable.is_some()
}

#[test]
fn every_book_of_the_simulator() {
    for (price, quantity) in [(3, 2), (2, 4), (6, 6), (0, 0)] {
        let scale = Scale::new(price, quantity).unwrap();
        let mut texts = Vec::new();
        for depth in [0, 1, 2, 3, 20, 100] {
            for view in views(outcome(depth), depth as u64, 60) {
                let mut text = String::new();
                let book = OrderBook {
                    market_id: "550e8400-e29b-41d4-a716-446655440000",
                    outcome_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                    view: &view,
                    scale,
                    book_ms: 1_771_324_800_000,
                    sent_ms: 1_700_000_000_000,
                };
                orderbook_update(&mut text, &book);
                texts.push(text.into_bytes());
            }
        }
        check_taken(&texts, scale);
    }
}

#[test]
fn every_recorded_book() {
    let Some(frames) = recorded("bayse-books150") else {
        return;
    };
    let lines = frames.iter().flat_map(|frame| Lines::new(frame));
    let books = lines.filter(|line| line.bytes.starts_with(b"{\"type\":\"orderbook_update\""));
    let texts: Vec<_> = books.map(|line| line.bytes.to_vec()).collect();
    assert_eq!(texts.len(), 1525);
    check_taken(&texts, Scale::new(6, 6).unwrap());
}

/// A book of one bid, with other fields than usual.
fn line(level: &str, last: &str, sent: &str) -> String {
    format!(
        "{{\"type\":\"orderbook_update\",\"data\":{{\"orderbook\":{{\"marketId\":\"m\",\"outcomeId\":\"o\",\
         \"bids\":[{level}],\"asks\":[]{last}}}}}{sent}}}"
    )
}

fn level(price: &str, quantity: &str, total: &str) -> String {
    format!("{{\"price\":{price},\"quantity\":{quantity},\"total\":{total}}}")
}

fn two_and_four() -> Scale {
    Scale::new(2, 4).unwrap()
}

#[test]
fn decimals_of_every_shape() {
    let table = [
        ("0.5", "1", "0.5", true),
        ("0.50", "1.2500", "0.625", true),
        ("0.500", "1.25000", "0.625", true),
        ("0.501", "1", "0.501", false),
        ("0", "0", "0", true),
        ("0.0", "0.0000", "0.0", true),
        ("12345678901234", "1", "1", true),
        ("12345678901234.5", "1", "1", true),
        ("123456789012345.5", "1", "1", false),
        ("12345678901234.56", "1", "1", false),
        ("1234567890123456", "1", "1", true),
        ("12345678901234567", "1", "1", false),
        ("0.50000000000000", "1", "1", true),
        ("1", "1", "123456789012345678901234567890.5", true),
        ("1", "1", "1234567890123456789012345678901.5", false),
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
        ("1", "1", "1e2", false),
        ("1", "1", "", false),
    ];
    for (price, quantity, total, taken) in table {
        let text = line(&level(price, quantity, total), "", "");
        assert_eq!(is_taken(&text, two_and_four()), taken, "{text}");
    }
}

#[test]
fn what_stands_behind_the_levels() {
    let one = level("0.5", "1", "0.5");
    let lasts = [
        ("", true),
        (",\"lastTradedPrice\":0.5", true),
        (",\"lastTradedPrice\":null,\"lastTradedSide\":null", true),
        (",\"lastTradedPrice\":1e2", false),
        (",\"lastTradedPrice\":05", false),
        (",\"lastTradedSide\":\"BUY\"", true),
        (",\"lastTradedSide\":\"SELL\"", true),
        (",\"lastTradedSide\":\"HOLD\"", false),
        (",\"lastTradedSide\":\"BUY\",\"lastTradedPrice\":1", false),
        (",\"more\":1", false),
    ];
    for (last, taken) in lasts {
        assert_eq!(
            is_taken(&line(&one, last, ""), two_and_four()),
            taken,
            "{last}"
        );
    }
    for (sent, taken) in [
        (",\"timestamp\":1700000000000", true),
        (",\"timestamp\":01", false),
        (",\"timestamp\":1.5", false),
        (",\"timestamp\":null", false),
    ] {
        assert_eq!(
            is_taken(&line(&one, "", sent), two_and_four()),
            taken,
            "{sent}"
        );
    }
}

#[test]
fn everything_else_is_left_alone() {
    let good = line(
        &level("0.50", "10.25", "5.125"),
        ",\"lastTradedPrice\":0.5,\"lastTradedSide\":\"BUY\"",
        ",\"timestamp\":17",
    );
    assert!(is_taken(&good, two_and_four()));

    for at in 1..good.len() {
        let (before, after) = good.split_at(at);
        assert!(!is_taken(before, two_and_four()), "{before}");
        for foreign in [" ", "x", "-", "\\", "}", "{", ","] {
            // The names may hold anything but an escape.
            let taken = is_name(&good, at) && foreign != "\\";
            let text = format!("{before}{foreign}{after}");
            assert_eq!(is_taken(&text, two_and_four()), taken, "{text}");
        }
    }
}

#[test]
fn levels_without_a_digit_are_left_alone() {
    for filler in ["x", " ", ",", ":", "."] {
        for len in 0..70 {
            let odd = format!("{{\"price\":{}}}", filler.repeat(len));
            let two = [odd.as_str(), &level("0.5", "1", "0.5")].join(",");
            for levels in [&odd, &[odd.as_str(); 5].join(","), &two] {
                let text = line(levels, "", "");
                for scanner in &mut scanners() {
                    assert_eq!(
                        read(scanner, text.as_bytes(), two_and_four()),
                        None,
                        "{text}"
                    );
                }
            }
        }
    }
}

/// Whether byte `at` is inside or at the end of the one-letter name of the market or the outcome.
fn is_name(text: &str, at: usize) -> bool {
    ["\"marketId\":\"", "\"outcomeId\":\""].iter().any(|key| {
        let start = text.find(key).unwrap() + key.len();
        (start..=start + 1).contains(&at)
    })
}
