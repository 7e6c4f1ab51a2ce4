//! Recorded books of Kraken, Crypto.com and Polymarket through the book engine: flat books and ladders are equal after
//! every event, and equal to what the data itself says. Binance's are in `binance_flow.rs`.

#![allow(clippy::unwrap_used, clippy::panic)]

use ticklot_book::{
    Book, BookView, Change, Coverage, Delta, DeltaBook, Flat, Gap, Ladder, Level, Nanos, Outcome,
    Scale, Sequence, Side, Snapshot, Storage, Ticks,
};
use ticklot_tests::raw::{self, Sides, kraken_checksum, reached};

const NOW: Nanos = Nanos(1);
/// The same book twice, and a mirror of it that knows only its changes.
struct Pair {
    flat: DeltaBook<Flat>,
    ladder: DeltaBook<Ladder>,
    mirror: Book<Ladder>,
}

impl Pair {
    fn new(scale: Scale, sequence: Sequence, coverage: Coverage) -> Self {
        let mut mirror = Book::with_storage(scale);
        mirror.replace(&[], &[], NOW).unwrap();
        Self {
            flat: follow(scale, sequence, coverage),
            ladder: follow(scale, sequence, coverage),
            mirror,
        }
    }

    /// Applies a message to both.
    fn both(
        &mut self,
        flat: impl Fn(&mut DeltaBook<Flat>) -> Outcome,
        ladder: impl Fn(&mut DeltaBook<Ladder>) -> Outcome,
    ) -> Outcome {
        let outcome = flat(&mut self.flat);
        assert_eq!(ladder(&mut self.ladder), outcome);
        assert_eq!(self.flat.state(), self.ladder.state());
        assert_eq!(self.flat.changes(), self.ladder.changes());
        for change in self.flat.changes() {
            let old = self.mirror.set(change.side, level(&change), NOW);
            assert_eq!(old, Ok(change.old_lots));
        }
        let digest = self.flat.untrusted().crc32();
        assert_eq!(self.ladder.untrusted().crc32(), digest);
        for side in [Side::Bid, Side::Ask] {
            let held = self.flat.untrusted().levels(side);
            assert!(self.mirror.levels(side).eq(held), "mirrored by its changes");
        }
        outcome
    }

    fn delta(&mut self, delta: &Delta<'_>) -> Outcome {
        self.both(
            |book| book.apply(delta, NOW).unwrap(),
            |book| book.apply(delta, NOW).unwrap(),
        )
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Outcome {
        self.both(
            |book| book.snapshot(snapshot, NOW).unwrap(),
            |book| book.snapshot(snapshot, NOW).unwrap(),
        )
    }

    fn live(&self) -> Option<&Book<Ladder>> {
        assert_eq!(self.flat.live().is_some(), self.ladder.live().is_some());
        self.ladder.live()
    }
}

fn level(change: &Change) -> Level {
    Level {
        ticks: change.ticks,
        lots: change.new_lots,
        count: change.count,
    }
}

fn follow<S: Storage>(scale: Scale, sequence: Sequence, coverage: Coverage) -> DeltaBook<S> {
    DeltaBook::new(Book::with_storage(scale).with_coverage(coverage), sequence)
}

fn snapshot(sides: &Sides) -> Snapshot<'_> {
    Snapshot {
        bids: &sides.bids,
        asks: &sides.asks,
        ..Snapshot::default()
    }
}

// Over a second in a debug build: 4,279 messages to three books, each digested whole after every one.
#[test]
fn recorded_kraken_books() {
    let Some(path) = raw::path("KRAKEN.jsonl.zst", "raw_kraken") else {
        return;
    };
    let (messages, scales) = raw::kraken(&path);
    let pair = |scale: &Scale| {
        let mut pair = Pair::new(*scale, Sequence::None, Coverage::Top(1_000));
        pair.flat = pair.flat.with_checksum(kraken_checksum);
        pair.ladder = pair.ladder.with_checksum(kraken_checksum);
        pair
    };
    let mut pairs: Vec<Pair> = scales.iter().map(pair).collect();
    let (mut checked, mut wrong, mut snapshots) = (0, 0, 0);
    for message in &messages {
        let pair = &mut pairs[message.pair];
        if message.snapshot {
            snapshots += 1;
            let outcome = pair.snapshot(&snapshot(&message.sides));
            assert_eq!(outcome, Outcome::Applied);
            continue;
        }
        let mut delta = Delta {
            bids: &message.sides.bids,
            asks: &message.sides.asks,
            ids: None,
            checksum: message.checksum.map(|checksum| checksum ^ 1),
        };
        // With another checksum it is a gap at once.
        let mut other = pair.ladder.clone();
        let outcome = other.apply(&delta, NOW).unwrap();
        wrong += usize::from(matches!(outcome, Outcome::Gap(Gap::Checksum { .. })));
        delta.checksum = message.checksum;
        assert_eq!(pair.delta(&delta), Outcome::Applied, "{message:?}");
        assert!(pair.live().is_some());
        checked += usize::from(message.checksum.is_some());
    }
    reached(&format!(
        "KRAKEN: {checked} of {} checksums right; a wrong one is a gap at once, {wrong} of {wrong}; {} pairs",
        messages.len() - snapshots,
        pairs.len()
    ));
    assert_eq!(
        (checked, wrong, snapshots, pairs.len()),
        (4_269, 4_269, 10, 10)
    );
}

// Over a second in a debug build: 1,525 books of 300 levels, each digested whole.
#[test]
fn raw_crypto_com() {
    let Some(path) = raw::path("CRYPTO.COM.jsonl.zst", "raw_crypto_com") else {
        return;
    };
    let (messages, scales) = raw::crypto_com(&path);
    let pair = |scale: &Scale| Pair::new(*scale, Sequence::None, Coverage::Snapshot(150));
    let mut pairs: Vec<Pair> = scales.iter().map(pair).collect();
    for message in &messages {
        let pair = &mut pairs[message.instrument];
        let sides = &message.sides;
        assert_eq!(pair.snapshot(&snapshot(sides)), Outcome::Applied);
        let book = pair.live().expect("never crossed");
        assert!(
            book.levels(Side::Bid).eq(sides.bids.iter().copied()),
            "as given"
        );
        assert!(
            book.levels(Side::Ask).eq(sides.asks.iter().copied()),
            "as given"
        );
    }
    reached(&format!(
        "CRYPTO.COM: {} books of {} instruments as given, none crossed",
        messages.len(),
        pairs.len()
    ));
    assert_eq!((messages.len(), pairs.len()), (1_525, 10));
}

#[test]
fn recorded_polymarket_books() {
    let Some(path) = raw::path("polymarket_book.jsonl", "raw_polymarket") else {
        return;
    };
    let scale = Scale::new(3, 6).unwrap();
    let one = Ticks(1_000);
    let books = raw::polymarket(&path, scale);
    let mut empty_sides = 0;
    for given in &books {
        let mut pair = Pair::new(scale, Sequence::None, Coverage::Whole);
        let (bids, asks) = (&given.sides.bids, &given.sides.asks);
        assert_eq!(pair.snapshot(&snapshot(&given.sides)), Outcome::Applied);
        let book = pair.live().expect("never crossed");
        // They come worst first.
        assert!(book.levels(Side::Bid).eq(bids.iter().rev().copied()));
        assert!(book.levels(Side::Ask).eq(asks.iter().rev().copied()));
        assert_eq!(book.best_bid(), bids.last().copied());
        assert_eq!(book.best_ask(), asks.last().copied());
        let lots = book.depth(Side::Bid, bids.len()).lots;
        assert_eq!(lots, i128::from(given.bid_lots.0));
        empty_sides += usize::from(bids.is_empty()) + usize::from(asks.is_empty());
        if bids.is_empty() || asks.is_empty() {
            assert_eq!(
                (book.spread(), book.mid(), book.microprice()),
                (None, None, None)
            );
        }
        // Its tick is its grid: nothing moves when levels are put together by it.
        assert!(
            book.grouped(given.tick)
                .levels(Side::Bid)
                .eq(book.levels(Side::Bid))
        );
        // And what the other outcome sees of it is a book too.
        let other = book.complement(one);
        assert_eq!(other.spread(), book.spread());
        assert_eq!(other.complement(one).crc32(), book.crc32());
    }
    reached(&format!(
        "polymarket: {} books as given, none crossed, {empty_sides} with an empty side",
        books.len()
    ));
    assert_eq!((books.len(), empty_sides), (10, 1));
}
