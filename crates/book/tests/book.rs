//! Snapshots, states and memory of a book, by table and against a naive book.

#![allow(clippy::unwrap_used)] // a helper of a test fails like a test

mod oracle;

use std::time::Duration;

use oracle::{Naive, counted, level, naive_crc32};
use proptest::prelude::*;
use ticklot_book::{
    Book, BookErrorKind, BookState, Change, Epoch, Gap, Level, Lots, MAX_LEVELS, Nanos, Scale,
    Side, Ticks,
};

fn book() -> Book {
    let mut book = Book::new(Scale::UNIT);
    book.start_epoch(Epoch(1));
    book
}

fn change(side: Side, ticks: i64, old: i64, new: i64) -> Change {
    Change {
        side,
        ticks: Ticks(ticks),
        old_lots: Lots(old),
        new_lots: Lots(new),
        count: 0,
    }
}

#[test]
fn snapshot_reports_its_changes() {
    let mut book = book();
    let bids = [level(99, 5), level(98, 6)];
    let asks = [level(101, 7)];
    let changes = book
        .apply_snapshot(&bids, &asks, Nanos(1))
        .unwrap()
        .to_vec();
    use Side::{Ask, Bid};
    assert_eq!(
        changes,
        [
            change(Bid, 99, 0, 5),
            change(Bid, 98, 0, 6),
            change(Ask, 101, 0, 7)
        ]
    );

    assert_eq!(
        book.apply_snapshot(&bids, &asks, Nanos(2)).unwrap(),
        [],
        "nothing changed"
    );
    assert_eq!(book.updated(), Nanos(2), "an equal snapshot is an update");

    let changes = book
        .apply_snapshot(&[level(100, 1), level(98, 4)], &[], Nanos(3))
        .unwrap()
        .to_vec();
    let expected = [
        change(Bid, 100, 0, 1),
        change(Bid, 99, 5, 0),
        change(Bid, 98, 6, 4),
        change(Ask, 101, 7, 0),
    ];
    assert_eq!(changes, expected);
    assert_eq!(book.changes(), expected);
}

#[test]
fn equal_snapshot_has_no_changes() {
    let (one, other) = ([level(99, 5)], [level(99, 6)]);
    let none: [Level; 0] = [];
    let mut book = book();
    for (bids, asks, is_empty) in [
        (&one[..], &none[..], false),
        (&one, &none, true),
        (&other, &none, false),
        (&none, &none, false),
        (&none, &none, true),
        (&none, &one, false),
        (&none, &one, true),
    ] {
        let changes = book.apply_snapshot(bids, asks, Nanos(1)).unwrap();
        assert_eq!(changes.is_empty(), is_empty, "{changes:?}");
        assert_eq!(changes.len(), usize::from(!is_empty), "{changes:?}");
    }
    let (mut book, mut same, mut different) = (self::book(), self::book(), self::book());
    let changes = book.apply_snapshot(&one, &none, Nanos(1)).unwrap();
    assert_eq!(changes, same.apply_snapshot(&one, &none, Nanos(2)).unwrap());
    assert_ne!(
        changes,
        different.apply_snapshot(&other, &none, Nanos(1)).unwrap()
    );
    book.apply_snapshot(&none, &none, Nanos(1)).unwrap();
    let changes = book.apply_snapshot(&none, &one, Nanos(1)).unwrap();
    assert_eq!(format!("{changes:?}"), format!("{:?}", changes.to_vec()));
    assert_eq!(changes.len(), 1);
    book.apply_snapshot(&none, &none, Nanos(1)).unwrap();
    // A delta records its changes in another form.
    let changes = book.apply_delta(&one, &[], Nanos(1)).unwrap();
    assert!(!changes.is_empty() && changes.len() == 1);
    let changes = book.apply_delta(&one, &[], Nanos(1)).unwrap();
    assert_eq!((changes.is_empty(), changes.len()), (true, 0));
}

/// Also if two fields change by the same bits.
#[test]
fn every_level_field_is_compared() {
    let mut book = book();
    for (asks, changes) in [
        (counted(10, 10, 10), 1),
        (counted(11, 11, 10), 2),
        (counted(11, 10, 11), 1),
        (counted(11, 10, 10), 1),
        (counted(10, 10, 11), 2),
        (counted(10, 10, 11), 0),
    ] {
        let changed = book.apply_snapshot(&[], &[asks], Nanos(1)).unwrap();
        assert_eq!(changed.len(), changes, "{changed:?}");
    }
}

/// Includes the scratch buffers for sorting, and the changes of a delta.
#[test]
fn memory_counts_all_space() {
    let bids: Vec<Level> = (1..=100).map(|n| level(-n, 1)).collect();
    let asks: Vec<Level> = (1..=60).map(|n| level(n, 1)).collect();
    let turned = |levels: &[Level]| levels.iter().rev().copied().collect::<Vec<_>>();
    let sizes = |bids: &[Level], asks: &[Level]| {
        let mut book = book();
        book.apply_snapshot(bids, asks, Nanos(1)).unwrap();
        book.apply_snapshot(bids, asks, Nanos(1)).unwrap();
        let replaced = book.memory();
        let gone: Vec<Level> = (1..=60).map(|n| level(n, 2)).collect();
        book.apply_delta(&[], &gone, Nanos(1)).unwrap();
        (replaced, book.memory())
    };
    let (ordered, changed) = sizes(&bids, &asks);
    let (sorted, _) = sizes(&turned(&bids), &turned(&asks));
    let level_bytes = 160 * size_of::<Level>();
    assert!((level_bytes..2 * level_bytes).contains(&(sorted - ordered)));
    let change_bytes = 60 * size_of::<Change>();
    assert!((change_bytes..2 * change_bytes + 1_000).contains(&(changed - ordered)));
    // A flat side stores its levels and the previous ones.
    assert!((2 * level_bytes..4 * level_bytes).contains(&(ordered - size_of::<Book>())));
}

#[test]
fn new_count_is_a_change() {
    let mut book = book();
    let one = Level {
        count: 1,
        ..level(10, 5)
    };
    let two = Level {
        count: 2,
        ..level(10, 5)
    };
    book.apply_snapshot(&[one], &[], Nanos(1)).unwrap();
    let changes = book.apply_snapshot(&[two], &[], Nanos(2)).unwrap();
    assert_eq!(
        changes,
        [Change {
            count: 2,
            ..change(Side::Bid, 10, 5, 5)
        }]
    );
}

#[test]
fn unordered_input_is_sorted() {
    let mut book = book();
    let bids = [level(97, 1), level(99, 2), level(98, 0), level(96, 4)];
    let asks = [level(103, 1), level(101, 2), level(102, 3)];
    book.apply_snapshot(&bids, &asks, Nanos(1)).unwrap();
    assert_eq!(book.bids(), [level(99, 2), level(97, 1), level(96, 4)]);
    assert_eq!(book.asks(), [level(101, 2), level(102, 3), level(103, 1)]);
    assert_eq!(
        (book.covers(Side::Bid), book.covers(Side::Ask)),
        (Some(Ticks(96)), Some(Ticks(103)))
    );
}

#[test]
fn invalid_levels_change_nothing() {
    use BookErrorKind::{DuplicatePrice, NegativeLots, TooManyLevels};
    let many: Vec<Level> = (0..=MAX_LEVELS)
        .map(|n| level(i64::try_from(n).unwrap(), 1))
        .collect();
    let table: &[(&[Level], BookErrorKind, usize)] = &[
        (&[level(5, 1), level(6, 1), level(5, 2)], DuplicatePrice, 2),
        (&[level(6, 1), level(6, 1)], DuplicatePrice, 1),
        (&[level(6, 0), level(6, 1)], DuplicatePrice, 1),
        (&[level(6, 1), level(7, -1)], NegativeLots, 1),
        (&many, TooManyLevels, MAX_LEVELS),
    ];
    for (levels, kind, index) in table {
        for side in [Side::Bid, Side::Ask] {
            let mut book = book();
            book.apply_snapshot(&[level(1, 1)], &[level(2, 2)], Nanos(1))
                .unwrap();
            let before = book.crc32();
            let (bids, asks): (&[Level], &[Level]) = match side {
                Side::Bid => (levels, &[]),
                Side::Ask => (&[], levels),
            };
            let error = book.apply_snapshot(bids, asks, Nanos(9)).unwrap_err();
            assert_eq!((error.kind, error.side, error.index), (*kind, side, *index));
            assert_eq!(error.ticks, levels[*index].ticks);
            assert_eq!(
                (book.crc32(), book.updated(), book.state()),
                (before, Nanos(1), BookState::Live)
            );
            assert_eq!(book.changes(), []);
        }
    }
    // The limit itself is allowed.
    assert!(book().apply_snapshot(&[], &many[1..], Nanos(1)).is_ok());
}

#[test]
fn crossed_book_is_not_live() {
    let mut book = book();
    book.apply_snapshot(&[level(10, 1)], &[level(10, 1)], Nanos(1))
        .unwrap();
    assert!(book.is_locked() && book.live().is_some());
    book.apply_snapshot(&[level(11, 1)], &[level(10, 1)], Nanos(2))
        .unwrap();
    assert!(book.is_crossed() && book.live().is_none());
    assert!(!book.is_locked());
    assert_eq!(
        (book.state(), book.spread()),
        (BookState::Crossed, Some(Ticks(-1)))
    );
    book.apply_snapshot(&[], &[level(10, 1)], Nanos(3)).unwrap();
    assert_eq!((book.state(), book.spread()), (BookState::Live, None));
}

#[test]
fn equal_states_ignore_causes() {
    let (refused, scale) = (BookState::Gap(Gap::Refused), BookState::Gap(Gap::Scale));
    let states = [
        BookState::Empty,
        BookState::Live,
        BookState::Stale,
        refused,
        BookState::Crossed,
    ];
    let words = states.map(BookState::as_str);
    assert_eq!(words[..4], ["empty", "live", "stale", "gap"]);
    assert_eq!(words[4], "crossed");
    assert_eq!(states.map(|state| state.to_string()), words);
    assert_eq!(format!("{:>7}", BookState::Disconnected), "disconnected");
    for (at, one) in states.into_iter().enumerate() {
        for (other_at, other) in states.into_iter().enumerate() {
            assert_eq!(one.is_same(other), at == other_at, "{one} {other}");
        }
    }
    assert!(refused.is_same(scale) && refused != scale);
}

#[test]
fn states_of_a_lifetime() {
    let second = Duration::from_secs(1);
    let mut book = Book::new(Scale::UNIT);
    book.disconnect();
    book.mark_gap(Gap::Sequence {
        expected: 1,
        got: 3,
    });
    assert_eq!(
        book.state(),
        BookState::Empty,
        "a book without a snapshot stays empty"
    );
    book.start_epoch(Epoch(1));
    assert!(!book.expire(Nanos::from_secs(99), second));
    assert_eq!(book.state(), BookState::Empty);

    book.apply_snapshot(&[level(1, 1)], &[], Nanos(0)).unwrap();
    assert!(!book.expire(Nanos(999_999_999), second));
    assert!(book.expire(Nanos::from_secs(1), second));
    assert!(!book.expire(Nanos::from_secs(1), second), "reported once");
    assert_eq!(book.state(), BookState::Stale);
    book.apply_snapshot(&[level(1, 1)], &[], Nanos(5)).unwrap();
    assert_eq!(book.state(), BookState::Live);

    let gap = Gap::Checksum {
        expected: 1,
        got: 2,
    };
    book.mark_gap(gap);
    assert_eq!(book.state(), BookState::Gap(gap));
    assert!(
        !book.expire(Nanos::from_secs(99), second),
        "a gap does not become stale"
    );

    book.disconnect();
    assert_eq!(
        (book.state(), book.bids().len(), book.updates()),
        (BookState::Disconnected, 1, 2)
    );
    book.start_epoch(Epoch(2));
    assert_eq!(
        (book.state(), book.epoch(), book.updates()),
        (BookState::Disconnected, Epoch(2), 0)
    );
    let changes = book.apply_snapshot(&[level(2, 2)], &[], Nanos(9)).unwrap();
    assert_eq!(
        changes.len(),
        2,
        "the changes compare with the previous levels"
    );
    assert_eq!(
        (book.state(), book.bids()),
        (BookState::Live, &[level(2, 2)][..])
    );
}

#[test]
fn digest_equals_text_digest() {
    let mut book = book();
    book.apply_snapshot(
        &[level(12, 3), level(-5, 40)],
        &[level(i64::MAX, i64::MAX)],
        Nanos(1),
    )
    .unwrap();
    let text = "12:3,-5:40|9223372036854775807:9223372036854775807";
    assert_eq!(book.crc32(), naive_crc32(text.as_bytes()));
    assert_eq!(
        naive_crc32(b"123456789"),
        0xcbf4_3926,
        "the check value of CRC-32/ISO-HDLC"
    );
    book.apply_snapshot(&[level(i64::MIN, 1)], &[], Nanos(1))
        .unwrap();
    assert_eq!(book.crc32(), naive_crc32(b"-9223372036854775808:1|"));
}

fn levels() -> impl Strategy<Value = Vec<Level>> {
    // Few prices, so that duplicates occur, and sometimes a wide side.
    let one = (-20_i64..60, prop_oneof![9 => 0_i64..6, 1 => -1_i64..3]);
    let pairs = prop_oneof![
        4 => prop::collection::vec(one.clone(), 0..12),
        1 => prop::collection::vec((any::<i32>().prop_map(i64::from), 0_i64..4), 0..120),
    ];
    (pairs, any::<bool>()).prop_map(|(mut pairs, tidy)| {
        if tidy {
            pairs.sort_unstable();
            pairs.dedup_by_key(|pair| pair.0);
        }
        pairs
            .into_iter()
            .map(|(ticks, lots)| level(ticks, lots))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_naive_book(snapshots in prop::collection::vec((levels(), levels()), 1..8)) {
        let mut book = book();
        let mut naive = Naive::default();
        for (bids, asks) in snapshots {
            let expected = Naive::of(&bids, &asks).ok();
            let result = book.apply_snapshot(&bids, &asks, Nanos(1)).map(|changes| changes.to_vec());
            prop_assert_eq!(result.is_ok(), expected.is_some());
            if let (Ok(changes), Some(new)) = (result, expected) {
                prop_assert_eq!(changes, naive.changes_to(&new));
                naive = new;
            }
            prop_assert_eq!(book.bids(), naive.levels(Side::Bid));
            prop_assert_eq!(book.asks(), naive.levels(Side::Ask));
            prop_assert_eq!(book.is_crossed(), naive.is_crossed());
        }
    }
}
