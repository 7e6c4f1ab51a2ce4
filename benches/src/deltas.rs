//! A snapshot and deltas of Kraken, decoded and as frames.

use std::collections::BTreeMap;

use ticklot_book::{
    self as book, Book, DeltaBook, Level, Lots, Nanos, Scale, Sequence, Side, Storage, Ticks,
};
use ticklot_frame::kraken;

use crate::walk;

/// A snapshot and deltas of one level each, with the venue's checksum after each.
#[derive(Clone, Debug)]
pub struct Deltas {
    first: [Vec<Level>; 2],
    deltas: Vec<(Side, [Level; 1], u32)>,
}

/// A snapshot of about 1,100 levels a side and `count` deltas. `seed` determines all of them.
#[must_use]
pub fn deltas(seed: u64, count: usize) -> Deltas {
    let (first, steps) = walk(seed, count);
    let of = |side| {
        let all = first.iter().filter(move |step| step.side == side);
        // A level may be set several times; the last one counts.
        let levels: BTreeMap<i64, i64> = all
            .map(|step| (step.level.ticks.0, step.level.lots.0))
            .collect();
        let levels = levels.into_iter().filter(|(_, lots)| *lots > 0);
        levels
            .map(|(ticks, lots)| Level::new(Ticks(ticks), Lots(lots)))
            .collect()
    };
    let first: [Vec<Level>; 2] = [of(Side::Bid), of(Side::Ask)];
    let mut model = Book::new(Scale::UNIT);
    let snapshot = model.apply_snapshot(&first[0], &first[1], Nanos(1));
    assert!(snapshot.is_ok());
    let deltas = steps.iter().map(|step| {
        let set = model.set(step.side, step.level, Nanos(1));
        assert!(set.is_ok());
        (step.side, [step.level], checksum(&model))
    });
    Deltas {
        deltas: deltas.collect(),
        first,
    }
}

/// Kraken's checksum of the best ten levels a side.
fn checksum<S: Storage>(book: &Book<S>) -> u32 {
    kraken::checksum(book.levels(Side::Ask), book.levels(Side::Bid))
}

impl Deltas {
    /// The number of deltas.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deltas.len()
    }

    /// Whether there are no deltas.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    fn sides(&self, at: usize) -> Option<([&[Level]; 2], u32)> {
        let (side, level, checksum) = self.deltas.get(at)?;
        let sides: [&[Level]; 2] = match side {
            Side::Bid => [level, &[]],
            Side::Ask => [&[], level],
        };
        Some((sides, *checksum))
    }

    /// A book with the snapshot.
    #[must_use]
    pub fn book<S: Storage>(&self) -> DeltaBook<S> {
        let book = Book::<S>::with_storage(Scale::UNIT);
        let mut book = DeltaBook::new(book, Sequence::None).with_checksum(checksum::<S>);
        self.reset(&mut book);
        book
    }

    /// Resets a book to the snapshot.
    pub fn reset<S: Storage>(&self, book: &mut DeltaBook<S>) {
        let snapshot = book::Snapshot {
            bids: &self.first[0],
            asks: &self.first[1],
            ..book::Snapshot::default()
        };
        assert!(book.apply_snapshot(&snapshot, Nanos(1)).is_ok());
    }

    /// Applies all deltas to a book at the snapshot, and calls `each` after every one.
    pub fn apply<S: Storage>(&self, book: &mut DeltaBook<S>, mut each: impl FnMut(&Book<S>)) {
        for at in 0..self.len() {
            let Some(([bids, asks], checksum)) = self.sides(at) else {
                return;
            };
            let delta = book::Delta {
                bids,
                asks,
                checksum: Some(checksum),
                ..book::Delta::default()
            };
            let outcome = book.apply_delta(&delta, Nanos(1));
            assert_eq!(outcome, Ok(book::Outcome::Applied));
            each(book.last_known());
        }
    }

    /// The frames of the snapshot and of the deltas.
    #[must_use]
    pub fn frames(&self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let [bids, asks] = &self.first;
        let snapshot = frame("snapshot", [bids, asks], None);
        let deltas = (0..self.len()).filter_map(|at| self.sides(at));
        let deltas = deltas.map(|(sides, checksum)| frame("update", sides, Some(checksum)));
        (snapshot, deltas.collect())
    }
}

/// A message of the channel `book` for the symbol `X`.
fn frame(kind: &str, sides: [&[Level]; 2], checksum: Option<u32>) -> Vec<u8> {
    let [bids, asks] = sides.map(|side| {
        let level = |it: &Level| format!(r#"{{"price":{},"qty":{}}}"#, it.ticks.0, it.lots.0);
        side.iter().map(level).collect::<Vec<_>>().join(",")
    });
    let checksum = checksum.map_or_else(String::new, |sum| format!(r#","checksum":{sum}"#));
    let book = format!(r#"{{"symbol":"X","bids":[{bids}],"asks":[{asks}]{checksum}}}"#);
    format!(r#"{{"channel":"book","type":"{kind}","data":[{book}]}}"#).into_bytes()
}
