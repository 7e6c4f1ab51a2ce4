//! Books that follow feeds of deltas: sequences, buffers, checksums and gaps.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod oracle;

use std::time::Duration;

use oracle::{Naive, Random, level};
use ticklot_book::{
    Book, BookErrorKind, BookState, Changes, Delta, DeltaBook, Epoch, Flat, Gap, Ids, Ladder,
    Level, Lots, MAX_BUFFERED_DELTAS, MAX_BUFFERED_LEVELS, Nanos, Outcome, Scale, Sequence, Side,
    Snapshot, Storage, Ticks,
};

const NOW: Nanos = Nanos(1);

fn follow<S: Storage>(sequence: Sequence) -> DeltaBook<S> {
    DeltaBook::new(Book::with_storage(Scale::UNIT), sequence)
}

/// A delta whose one bid identifies it.
fn delta(ids: Ids) -> (Ids, [Level; 1]) {
    let lots = i64::try_from(ids.last).unwrap_or(i64::MAX).max(1);
    (ids, [level(100, lots)])
}

fn apply<S: Storage>(book: &mut DeltaBook<S>, ids: Ids) -> Outcome {
    let (ids, bids) = delta(ids);
    let delta = Delta {
        bids: &bids,
        ids: Some(ids),
        ..Delta::default()
    };
    book.apply_delta(&delta, NOW).unwrap()
}

fn snapshot<S: Storage>(book: &mut DeltaBook<S>, id: u64) -> Outcome {
    let bids = [level(100, 1), level(99, 7)];
    let snapshot = Snapshot {
        bids: &bids,
        id: Some(id),
        ..Snapshot::default()
    };
    book.apply_snapshot(&snapshot, NOW).unwrap()
}

fn gap(expected: u64, got: u64) -> Outcome {
    Outcome::Gap(Gap::Sequence { expected, got })
}

/// The outcomes of deltas after a snapshot at 10, by sequence rule.
#[test]
fn each_rule_by_table() {
    use Outcome::{Applied, Old};
    let after = Ids::after;
    let (one, range) = (Ids::one, Ids::range);
    let table: &[(Sequence, &[(Ids, Outcome)])] = &[
        (
            Sequence::Contiguous,
            &[
                (one(11), Applied),
                (one(12), Applied),
                (one(14), gap(13, 14)),
            ],
        ),
        (
            Sequence::Contiguous,
            &[
                (one(10), Old),
                (one(9), Old),
                (one(11), Applied),
                (one(11), gap(12, 11)),
            ],
        ),
        (Sequence::Contiguous, &[(one(12), gap(11, 12))]),
        // Only the first number is used if each message has one number.
        (
            Sequence::Contiguous,
            &[(range(11, 99), Applied), (one(12), Applied)],
        ),
        // Binance's spot books: the first delta may overlap the snapshot.
        (
            Sequence::Range,
            &[
                (range(5, 10), Old),
                (range(8, 12), Applied),
                (range(13, 13), Applied),
                (range(14, 20), Applied),
            ],
        ),
        (
            Sequence::Range,
            &[(range(11, 12), Applied), (range(14, 15), gap(13, 14))],
        ),
        (Sequence::Range, &[(range(12, 15), gap(11, 12))]),
        (
            Sequence::Range,
            &[(range(8, 12), Applied), (range(12, 14), gap(13, 12))],
        ),
        (Sequence::Range, &[(range(15, 11), gap(11, 15))]),
        // Binance's futures: numbers in between belong to other markets.
        (
            Sequence::Range,
            &[
                (after(2, 5, 9), Old),
                (after(9, 10, 30), Applied),
                (after(30, 44, 50), Applied),
                (after(51, 52, 53), gap(50, 51)),
            ],
        ),
        (Sequence::Range, &[(after(10, 15, 30), Applied)]),
        (Sequence::Range, &[(after(11, 15, 30), gap(10, 11))]),
        (
            Sequence::Range,
            &[
                (range(0, u64::MAX), Applied),
                (range(0, 5), gap(u64::MAX, 0)),
            ],
        ),
    ];
    for (sequence, deltas) in table {
        rule::<Flat>(*sequence, deltas);
        rule::<Ladder>(*sequence, deltas);
    }
}

fn rule<S: Storage>(sequence: Sequence, deltas: &[(Ids, Outcome)]) {
    // The deltas follow the snapshot.
    let mut book = follow::<S>(sequence);
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    for (ids, expected) in deltas {
        let before = book.last_known().crc32();
        assert_eq!(apply(&mut book, *ids), *expected, "{sequence:?} {ids:?}");
        match expected {
            Outcome::Applied => {
                assert!(book.live().is_some());
                assert_ne!(book.changes(), []);
            }
            Outcome::Gap(gap) => {
                assert_eq!((book.state(), book.last_id()), (BookState::Gap(*gap), None));
                assert_eq!(
                    (book.changes(), book.last_known().crc32()),
                    (Changes::default(), before)
                );
            }
            _ => assert_eq!(book.changes(), []),
        }
    }
    // The deltas precede the snapshot: the outcome is that of the last one, or the first gap.
    let mut waited = follow::<S>(sequence);
    for (ids, _) in deltas {
        assert_eq!(apply(&mut waited, *ids), Outcome::Buffered);
        assert_eq!(waited.state(), BookState::Empty);
    }
    let last = deltas.last().unwrap().1;
    let last = if last == Outcome::Old {
        Outcome::Applied
    } else {
        last
    };
    assert_eq!(snapshot(&mut waited, 10), last, "{sequence:?} {deltas:?}");
    assert_eq!(waited.state(), book.state());
    assert_eq!(waited.last_known().crc32(), book.last_known().crc32());
    let gaps = deltas
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Gap(_)));
    assert_eq!(waited.buffered(), usize::from(gaps));
}

#[test]
fn snapshot_repairs_gap() {
    let mut book = follow::<Ladder>(Sequence::Range);
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    assert_eq!(apply(&mut book, Ids::range(12, 13)), gap(11, 12));
    let broken = book.state();
    assert_eq!(apply(&mut book, Ids::range(14, 15)), Outcome::Buffered);
    assert_eq!(apply(&mut book, Ids::range(16, 17)), Outcome::Buffered);
    assert_eq!((book.state(), book.live().is_none()), (broken, true));
    assert!(!book.expire(Nanos(u64::MAX), Duration::from_nanos(1)));
    // An older snapshot: the buffered deltas do not follow it, and stay buffered.
    assert_eq!(snapshot(&mut book, 10), gap(11, 12));
    assert_eq!(book.buffered(), 3);
    // A snapshot in the middle of the buffered deltas.
    assert_eq!(snapshot(&mut book, 15), Outcome::Applied);
    assert_eq!((book.state(), book.last_id()), (BookState::Live, Some(17)));
    assert_eq!(book.buffered(), 0);
    assert_eq!(book.live().unwrap().best_bid(), Some(level(100, 17)));
    assert_eq!(apply(&mut book, Ids::range(18, 18)), Outcome::Applied);
}

#[test]
fn older_snapshot_changes_nothing() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    assert_eq!(snapshot(&mut book, 9), Outcome::Old);
    assert_eq!(apply(&mut book, Ids::one(11)), Outcome::Applied);
    assert_eq!(snapshot(&mut book, 10), Outcome::Old);
    assert_eq!(book.live().unwrap().best_bid(), Some(level(100, 11)));
    assert_eq!(snapshot(&mut book, 11), Outcome::Applied);
    assert_eq!(book.live().unwrap().best_bid(), Some(level(100, 1)));
}

#[test]
fn older_snapshot_repairs_no_gap() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    assert_eq!(apply(&mut book, Ids::one(11)), Outcome::Applied);
    book.mark_gap(Gap::Refused);
    assert_eq!(snapshot(&mut book, 10), Outcome::Old);
    assert_eq!(book.state(), BookState::Gap(Gap::Refused));
    assert_eq!(book.last_known().best_bid(), Some(level(100, 11)));
    assert_eq!(snapshot(&mut book, 11), Outcome::Applied);
    assert_eq!(book.live().unwrap().best_bid(), Some(level(100, 1)));
    // After a feed restarts its numbers, the buffered deltas decide.
    book.mark_gap(Gap::Refused);
    assert_eq!(apply(&mut book, Ids::one(2)), Outcome::Buffered);
    assert_eq!(snapshot(&mut book, 1), Outcome::Applied);
    assert_eq!(book.last_id(), Some(2));
    // A new connection starts without a position.
    book.start_epoch(Epoch(2));
    assert_eq!(snapshot(&mut book, 1), Outcome::Applied);
}

#[test]
fn unnumbered_deltas_follow_snapshot() {
    let mut book = follow::<Ladder>(Sequence::None);
    let bids = [level(100, 3)];
    let delta = Delta {
        bids: &bids,
        ..Delta::default()
    };
    assert_eq!(
        book.apply_delta(&delta, NOW),
        Ok(Outcome::Gap(Gap::NoSnapshot))
    );
    assert_eq!(book.state(), BookState::Gap(Gap::NoSnapshot));
    assert_eq!(book.apply_delta(&delta, NOW), Ok(Outcome::Waiting));
    assert_eq!(book.buffered(), 0);
    assert_eq!(
        book.apply_snapshot(&Snapshot::default(), NOW),
        Ok(Outcome::Applied)
    );
    assert_eq!(book.apply_delta(&delta, NOW), Ok(Outcome::Applied));
    assert_eq!(book.live().unwrap().best_bid(), Some(bids[0]));
    // A new connection needs a snapshot again.
    book.start_epoch(Epoch(2));
    assert_eq!(book.apply_delta(&delta, NOW), Ok(Outcome::Waiting));
    assert_eq!(book.state(), BookState::Disconnected);
}

#[test]
fn missing_number_is_a_gap() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    let unnumbered = Delta::default();
    let lost = Outcome::Gap(Gap::Unnumbered { expected: 0 });
    assert_eq!(book.apply_delta(&unnumbered, NOW), Ok(lost));
    assert_eq!(book.apply_snapshot(&Snapshot::default(), NOW), Ok(lost));
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    let lost = Gap::Unnumbered { expected: 11 };
    assert_eq!(book.apply_delta(&unnumbered, NOW), Ok(Outcome::Gap(lost)));
    assert_eq!(book.state(), BookState::Gap(lost));
    assert_eq!(book.buffered(), 0, "its position is unknown");
    assert_eq!(snapshot(&mut book, 20), Outcome::Applied);
}

#[test]
fn buffered_deltas_are_bounded() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    for id in 0..MAX_BUFFERED_DELTAS as u64 {
        assert_eq!(apply(&mut book, Ids::one(id)), Outcome::Buffered);
    }
    let over = Gap::Overflow {
        limit: MAX_BUFFERED_LEVELS,
    };
    let next = MAX_BUFFERED_DELTAS as u64;
    assert_eq!(apply(&mut book, Ids::one(next)), Outcome::Gap(over));
    assert_eq!((book.state(), book.buffered()), (BookState::Gap(over), 1));
    // The delta after the overflow may suffice.
    assert_eq!(snapshot(&mut book, next - 1), Outcome::Applied);
    assert_eq!(book.last_id(), Some(next));

    // Many levels also fill the buffer, and one delta may exceed it.
    let mut book = follow::<Flat>(Sequence::Contiguous);
    let many = vec![level(1, 1); MAX_BUFFERED_LEVELS / 2];
    let ids = |id| Some(Ids::one(id));
    for (id, expected) in [
        (1, Outcome::Buffered),
        (2, Outcome::Buffered),
        (3, Outcome::Gap(over)),
    ] {
        let delta = Delta {
            asks: &many,
            ids: ids(id),
            ..Delta::default()
        };
        assert_eq!(book.apply_delta(&delta, NOW), Ok(expected));
    }
    let too_many = vec![level(1, 1); MAX_BUFFERED_LEVELS + 1];
    let delta = Delta {
        bids: &too_many,
        ids: ids(4),
        ..Delta::default()
    };
    assert_eq!(book.apply_delta(&delta, NOW), Ok(Outcome::Gap(over)));
    assert_eq!(book.buffered(), 0);
    let most = MAX_BUFFERED_LEVELS * size_of::<Level>() * 2;
    assert!(book.memory() < most, "{} bytes", book.memory());
}

#[test]
fn memory_includes_buffered_deltas() {
    let mut delta_book = follow::<Flat>(Sequence::Range);
    let own = size_of_val(&delta_book) - size_of::<Book<Flat>>();
    assert_eq!(delta_book.memory(), own + delta_book.last_known().memory());
    for id in 1..=100 {
        let _ = apply(&mut delta_book, Ids::one(id));
    }
    assert_eq!(delta_book.buffered(), 100);
    let waiting = delta_book.memory() - own - delta_book.last_known().memory();
    let least = 100 * (size_of::<Ids>() + size_of::<Level>());
    assert!((least..4 * least).contains(&waiting), "{waiting} bytes");
    let many = [level(7, 1); 1_000];
    let delta = Delta {
        asks: &many,
        ids: Some(Ids::one(101)),
        ..Delta::default()
    };
    assert_eq!(delta_book.apply_delta(&delta, NOW), Ok(Outcome::Buffered));
    let waiting = delta_book.memory() - own - delta_book.last_known().memory();
    let least = size_of_val(&many);
    assert!((least..4 * least).contains(&waiting), "{waiting} bytes");
    assert_eq!(delta_book.sequence(), Sequence::Range);
    assert_eq!(
        follow::<Flat>(Sequence::Contiguous).sequence(),
        Sequence::Contiguous
    );
}

#[test]
fn a_stale_book_is_refreshed() {
    let limit = Duration::from_secs(1);
    let mut book = follow::<Flat>(Sequence::Contiguous);
    let _ = snapshot(&mut book, 10);
    let soon = NOW.after(limit - Duration::from_nanos(1));
    assert!(!book.expire(soon, limit));
    assert!(!book.refresh(), "not stale");
    assert!(book.expire(NOW.after(limit), limit));
    assert_eq!(book.state(), BookState::Stale);
    assert!(book.refresh());
    assert_eq!((book.state(), book.last_id()), (BookState::Live, Some(10)));
}

#[test]
fn another_scale_needs_a_snapshot() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    assert_eq!(snapshot(&mut book, 1), Outcome::Applied);
    assert!(!book.set_scale(Scale::UNIT), "the same scale");
    assert!(book.live().is_some());
    let scale = Scale::new(2, 3).unwrap();
    assert!(book.set_scale(scale));
    assert_eq!(book.state(), BookState::Gap(Gap::Scale));
    assert_eq!((book.last_known().scale(), book.last_id()), (scale, None));
}

/// The next deltas of another connection that continue a book at 10.
#[test]
fn only_continuing_feed_adopts_book() {
    for (sequence, ids, continues) in [
        (Sequence::Contiguous, Ids::one(11), true),
        (Sequence::Contiguous, Ids::one(12), false),
        (Sequence::Range, Ids::range(9, 14), true),
        (Sequence::Range, Ids::range(11, 14), true),
        (Sequence::Range, Ids::range(12, 14), false),
        (Sequence::Range, Ids::range(11, 10), false),
        (Sequence::Range, Ids::range(2, 3), true),
    ] {
        let mut book = follow::<Flat>(sequence);
        assert!(!book.is_continued_by(ids) && !book.adopt(ids, Epoch(7)));
        let _ = snapshot(&mut book, 10);
        assert_eq!(book.is_continued_by(ids), continues, "{sequence:?} {ids:?}");
        assert_eq!(book.adopt(ids, Epoch(7)), continues, "{sequence:?} {ids:?}");
        let epoch = if continues { Epoch(7) } else { Epoch(0) };
        assert_eq!(book.last_known().epoch(), epoch);
        assert_eq!((book.last_id(), book.live().is_some()), (Some(10), true));
    }
}

#[test]
fn wrong_checksum_is_a_gap() {
    let checksum: fn(&Book<Ladder>) -> u32 = Book::crc32;
    let mut book = follow::<Ladder>(Sequence::None).with_checksum(checksum);
    let bids = [level(5, 5)];
    let right = oracle::naive_crc32(b"5:5|");
    let first = Snapshot {
        bids: &bids,
        checksum: Some(right),
        ..Snapshot::default()
    };
    assert_eq!(book.apply_snapshot(&first, NOW), Ok(Outcome::Applied));
    let delta = |checksum| Delta {
        checksum,
        ..Delta::default()
    };
    assert_eq!(
        book.apply_delta(&delta(Some(right)), NOW),
        Ok(Outcome::Applied)
    );
    assert_eq!(book.apply_delta(&delta(None), NOW), Ok(Outcome::Applied));
    let wrong = Gap::Checksum {
        expected: right ^ 1,
        got: right,
    };
    assert_eq!(
        book.apply_delta(&delta(Some(right ^ 1)), NOW),
        Ok(Outcome::Gap(wrong))
    );
    assert_eq!(
        (book.state(), book.live().is_none()),
        (BookState::Gap(wrong), true)
    );
    assert_eq!(
        book.apply_delta(&delta(Some(right)), NOW),
        Ok(Outcome::Waiting)
    );
    assert_eq!(book.apply_snapshot(&first, NOW), Ok(Outcome::Applied));
    let numbered = Delta {
        ids: Some(Ids::one(7)),
        ..delta(Some(right ^ 1))
    };
    assert_eq!(book.apply_delta(&numbered, NOW), Ok(Outcome::Gap(wrong)));
    assert_eq!(book.buffered(), 0, "the next snapshot is newer");
    let bad = Snapshot {
        checksum: Some(3),
        ..first
    };
    assert_eq!(
        book.apply_snapshot(&bad, NOW),
        Ok(Outcome::Gap(Gap::Checksum {
            expected: 3,
            got: right
        }))
    );
    assert_eq!(book.apply_snapshot(&first, NOW), Ok(Outcome::Applied));
}

#[test]
fn refused_delta_is_a_gap() {
    let mut book = follow::<Flat>(Sequence::Contiguous);
    let bad = [level(1, -1)];
    let delta = |id| Delta {
        asks: &bad,
        ids: Some(Ids::one(id)),
        ..Delta::default()
    };
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    let error = book.apply_delta(&delta(11), NOW).unwrap_err();
    assert_eq!(error.kind, BookErrorKind::NegativeLots);
    assert_eq!(book.state(), BookState::Gap(Gap::Refused));
    assert_eq!(snapshot(&mut book, 20), Outcome::Applied);
    let twice = [level(1, 1), level(1, 1)];
    let refused = Snapshot {
        bids: &twice,
        id: Some(30),
        ..Snapshot::default()
    };
    assert_eq!(
        book.apply_snapshot(&refused, NOW).unwrap_err().kind,
        BookErrorKind::DuplicatePrice
    );
    assert_eq!(
        (book.state(), book.last_id()),
        (BookState::Gap(Gap::Refused), None)
    );
    // A buffered delta is rejected once, not with each snapshot.
    assert_eq!(book.apply_delta(&delta(31), NOW), Ok(Outcome::Buffered));
    let error = book
        .apply_snapshot(
            &Snapshot {
                id: Some(30),
                ..Snapshot::default()
            },
            NOW,
        )
        .unwrap_err();
    assert_eq!(
        (error.kind, book.buffered()),
        (BookErrorKind::NegativeLots, 0)
    );
    assert_eq!(snapshot(&mut book, 31), Outcome::Applied);
    // An error outside of the book.
    book.mark_gap(Gap::Refused);
    assert_eq!(apply(&mut book, Ids::one(32)), Outcome::Buffered);
    assert_eq!(snapshot(&mut book, 31), Outcome::Applied);
    assert_eq!(book.last_id(), Some(32));
}

#[test]
fn disconnect_drops_buffered_deltas() {
    let mut book = follow::<Ladder>(Sequence::Contiguous);
    assert_eq!(apply(&mut book, Ids::one(5)), Outcome::Buffered);
    book.start_epoch(Epoch(3));
    assert_eq!((book.buffered(), book.state()), (0, BookState::Empty));
    assert_eq!(snapshot(&mut book, 10), Outcome::Applied);
    assert_eq!(book.last_known().epoch(), Epoch(3));
    assert!(book.expire(Nanos(99), Duration::from_nanos(5)));
    assert_eq!(apply(&mut book, Ids::one(11)), Outcome::Applied);
    assert_eq!(book.state(), BookState::Live, "updated again without a gap");
    book.disconnect();
    assert_eq!(book.state(), BookState::Disconnected);
    assert_eq!(apply(&mut book, Ids::one(12)), Outcome::Buffered);
    assert_eq!(
        (book.state(), book.live().is_none()),
        (BookState::Disconnected, true)
    );
}

/// In a feed that loses random deltas, a book equals the market or is not live.
#[test]
fn never_live_and_wrong() {
    let mut repaired = 0;
    for seed in 1..400 {
        repaired += usize::from(lossy_feed::<Flat>(seed));
        repaired += usize::from(lossy_feed::<Ladder<1>>(seed));
    }
    assert!(repaired > 100, "{repaired} feeds ended live after a gap");
}

fn lossy_feed<S: Storage>(seed: u64) -> bool {
    let mut random = Random(seed);
    let (mut market, mut mirror) = (Naive::default(), Naive::default());
    let mut book = follow::<S>(Sequence::Range);
    let (mut id, mut gaps) = (0, 0);
    // The pending snapshot: the remaining delay in messages, its number and its levels.
    let mut asked: Option<(u64, u64, Naive)> = None;
    for _ in 0..300 {
        let first = id + 1;
        let mut sides = [Vec::new(), Vec::new()];
        for _ in 0..random.below(4) + 1 {
            id += 1;
            let side = [Side::Bid, Side::Ask][usize::from(random.below(2) == 0)];
            let level = level(random.range(-3_000, 3_000), random.range(0, 3));
            market.set(side, level);
            sides[side as usize].push(level);
        }
        if random.below(20) > 0 {
            let delta = Delta {
                bids: &sides[0],
                asks: &sides[1],
                ids: Some(Ids::range(first, id)),
                checksum: None,
            };
            let outcome = book.apply_delta(&delta, NOW).unwrap();
            gaps += usize::from(matches!(outcome, Outcome::Gap(_)));
            mirror.mirror(book.changes());
        }
        if book.last_id().is_none() && asked.is_none() {
            asked = Some((random.below(6), id, market.clone()));
        }
        if let Some((wait, at, shown)) = asked.take() {
            if wait > 0 {
                asked = Some((wait - 1, at, shown));
            } else {
                let (bids, asks) = (shown.levels(Side::Bid), shown.levels(Side::Ask));
                let snapshot = Snapshot {
                    bids: &bids,
                    asks: &asks,
                    id: Some(at),
                    checksum: None,
                };
                let _ = book.apply_snapshot(&snapshot, NOW).unwrap();
                mirror.mirror(book.changes());
            }
        }
        check(&book, &market, &mirror, id);
    }
    gaps > 0 && book.last_id() == Some(id)
}

/// Checks that a book with the market's last number equals the market, and that the mirror equals the book.
fn check<S: Storage>(book: &DeltaBook<S>, market: &Naive, mirror: &Naive, id: u64) {
    let held = book.last_known();
    for side in [Side::Bid, Side::Ask] {
        assert!(held.levels(side).eq(mirror.levels(side)));
        if book.last_id() == Some(id) {
            assert!(held.levels(side).eq(market.levels(side)));
        }
    }
    match book.state() {
        BookState::Live | BookState::Crossed => assert!(book.last_id().is_some()),
        _ => assert!(book.last_id().is_none() && book.live().is_none()),
    }
    assert_eq!(
        held.level(Side::Bid, Ticks(9_999))
            .map_or(Lots(0), |l| l.lots),
        Lots(0)
    );
}
