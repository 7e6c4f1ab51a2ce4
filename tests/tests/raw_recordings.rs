//! Recorded books of Crypto.com and Polymarket: flat books and ladders equal each other and the data after every snapshot.
//! Binance's recordings are in `binance_flow.rs`, Kraken's in `crates/ticklot/tests/kraken`.

#![allow(clippy::unwrap_used, clippy::panic)]

use ticklot_book::{
    Book, BookView, Change, Coverage, DeltaBook, Flat, Ladder, Level, Nanos, Outcome, Scale,
    Sequence, Side, Snapshot, Storage, Ticks,
};
use ticklot_tests::raw_recordings::{self as raw, Sides, reached};

const NOW: Nanos = Nanos(1);
/// The same book with both storages, and a mirror that is built from its changes alone.
struct Pair {
    flat: DeltaBook<Flat>,
    ladder: DeltaBook<Ladder>,
    mirror: Book<Ladder>,
}

impl Pair {
    fn new(scale: Scale, coverage: Coverage) -> Self {
        let mut mirror = Book::with_storage(scale);
        mirror.apply_snapshot(&[], &[], NOW).unwrap();
        Self {
            flat: follow(scale, coverage),
            ladder: follow(scale, coverage),
            mirror,
        }
    }

    /// Applies a snapshot to both.
    fn snapshot(&mut self, sides: &Sides) {
        let snapshot = Snapshot {
            bids: &sides.bids,
            asks: &sides.asks,
            ..Snapshot::default()
        };
        let flat = self.flat.apply_snapshot(&snapshot, NOW);
        let ladder = self.ladder.apply_snapshot(&snapshot, NOW);
        assert_eq!([flat, ladder], [Ok(Outcome::Applied); 2]);
        assert_eq!(self.flat.state(), self.ladder.state());
        assert_eq!(self.flat.changes(), self.ladder.changes());
        for change in self.flat.changes() {
            let old = self.mirror.set(change.side, level(&change), NOW);
            assert_eq!(old, Ok(change.old_lots));
        }
        let checksum = self.flat.last_known().crc32();
        assert_eq!(self.ladder.last_known().crc32(), checksum);
        for side in [Side::Bid, Side::Ask] {
            let held = self.flat.last_known().levels(side);
            assert!(self.mirror.levels(side).eq(held), "mirrored by its changes");
        }
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

fn follow<S: Storage>(scale: Scale, coverage: Coverage) -> DeltaBook<S> {
    let book = Book::with_storage(scale).with_coverage(coverage);
    DeltaBook::new(book, Sequence::None)
}

// Takes over a second in a debug build: 1,525 books of 300 levels, with a checksum of each.
#[test]
fn raw_crypto_com() {
    let Some(path) = raw::path("CRYPTO.COM.jsonl.zst", "raw_crypto_com") else {
        return;
    };
    let (messages, scales) = raw::crypto_com(&path);
    let pair = |scale: &Scale| Pair::new(*scale, Coverage::SnapshotLimit(150));
    let mut pairs: Vec<Pair> = scales.iter().map(pair).collect();
    for message in &messages {
        let pair = &mut pairs[message.instrument];
        let sides = &message.sides;
        pair.snapshot(sides);
        let book = pair.live().expect("never crossed");
        assert!(book.levels(Side::Bid).eq(sides.bids.iter().copied()));
        assert!(book.levels(Side::Ask).eq(sides.asks.iter().copied()));
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
        let mut pair = Pair::new(scale, Coverage::Full);
        let (bids, asks) = (&given.sides.bids, &given.sides.asks);
        pair.snapshot(&given.sides);
        let book = pair.live().expect("never crossed");
        // The recorded levels are worst first.
        assert!(book.levels(Side::Bid).eq(bids.iter().rev().copied()));
        assert!(book.levels(Side::Ask).eq(asks.iter().rev().copied()));
        assert_eq!(book.best_bid(), bids.last().copied());
        assert_eq!(book.best_ask(), asks.last().copied());
        let lots = book.depth(Side::Bid, bids.len()).lots;
        assert_eq!(lots, i128::from(given.bid_lots.0));
        empty_sides += usize::from(bids.is_empty()) + usize::from(asks.is_empty());
        if bids.is_empty() || asks.is_empty() {
            let derived = (book.spread(), book.mid(), book.microprice());
            assert_eq!(derived, (None, None, None));
        }
        // All prices are on the market's grid, so grouping by its tick changes nothing.
        let grouped = book.grouped(given.tick);
        assert!(grouped.levels(Side::Bid).eq(book.levels(Side::Bid)));
        // The complement for the other outcome is a valid book too.
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
