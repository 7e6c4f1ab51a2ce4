//! Deltas that are decoded already, as a venue hands them to the session: what the session and the book cost
//! without a decoder.

use std::time::Duration;

use ticklot::venue::{
    BookConfig, CallOutcome, Context, Delta, NoCommand, Snapshot, Venue, VenueName,
};
use ticklot::{BookId, Books, ConnectionId, Instrument, OnMessage};
use ticklot_book::{
    self as book, Book, DeltaBook, Flat, Ladder, Level, Lots, Nanos, Scale, Sequence, Side,
    Storage, Ticks,
};
use ticklot_frame::kraken;

use crate::walk;

/// A snapshot and deltas of one level each, with the venue's checksum after each.
#[derive(Clone, Debug)]
pub struct Deltas {
    first: [Vec<Level>; 2],
    deltas: Vec<(Side, [Level; 1], u32)>,
}

/// A snapshot of about 1,100 levels a side and this many deltas, all decided by `seed`.
#[must_use]
pub fn deltas(seed: u64, count: usize) -> Deltas {
    let (first, steps) = walk(seed, count);
    let of = |side| {
        let all = first.iter().filter(move |step| step.side == side);
        // A level may be set several times, and the last one counts.
        let levels: std::collections::BTreeMap<i64, i64> = all
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

/// The venue's checksum: of Kraken, over ten levels a side.
fn checksum<S: Storage>(book: &Book<S>) -> u32 {
    kraken::checksum(book.levels(Side::Ask), book.levels(Side::Bid))
}

impl Deltas {
    /// How many deltas there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deltas.len()
    }

    /// Whether there is none.
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

    /// A book that has the snapshot.
    #[must_use]
    pub fn book<S: Storage>(&self) -> DeltaBook<S> {
        let book = Book::<S>::with_storage(Scale::UNIT);
        let mut book = DeltaBook::new(book, Sequence::None).with_checksum(checksum::<S>);
        self.reset(&mut book);
        book
    }

    /// Brings a book back to the snapshot.
    pub fn reset<S: Storage>(&self, book: &mut DeltaBook<S>) {
        let snapshot = book::Snapshot {
            bids: &self.first[0],
            asks: &self.first[1],
            ..book::Snapshot::default()
        };
        assert!(book.apply_snapshot(&snapshot, Nanos(1)).is_ok());
    }

    /// Applies all deltas to a book at the snapshot.
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

    /// The frames that make a [`DeltaVenue`] apply the deltas: numbers.
    #[must_use]
    pub fn frames(&self) -> Vec<Vec<u8>> {
        (0..self.len())
            .map(|at| at.to_le_bytes().to_vec())
            .collect()
    }
}

/// A venue whose frames are numbers of prepared deltas; any other frame is its snapshot.
#[derive(Debug)]
pub struct DeltaVenue {
    deltas: Deltas,
    config: BookConfig,
    book: Option<BookId>,
}

impl DeltaVenue {
    /// A venue of these deltas, with a flat or a ladder book.
    #[must_use]
    pub fn new(deltas: Deltas, is_ladder: bool) -> Self {
        let config = BookConfig::deltas(Scale::UNIT, Sequence::None)
            .checksum(checksum::<Flat>, checksum::<Ladder>);
        Self {
            deltas,
            config: if is_ladder { config.ladder() } else { config },
            book: None,
        }
    }
}

impl Venue for DeltaVenue {
    type Command = NoCommand;
    type Message<'a> = ();

    fn name(&self) -> VenueName {
        VenueName("deltas")
    }

    fn url(&self) -> &'static str {
        ""
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let instrument = Instrument::of_symbol(self.name(), "X");
        self.book = Some(books.add(connection, &instrument, self.config));
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, _context: &mut Context<'_, H>) {}

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let Some(id) = self.book else {
            return CallOutcome::Data;
        };
        // The levels are right, so nothing is refused.
        let refusal = |_| unreachable!("a delta of the walk");
        let number = <[u8; 8]>::try_from(frame).map(usize::from_le_bytes);
        let sides = number.ok().and_then(|at| self.deltas.sides(at));
        CallOutcome::from(match sides {
            Some(([bids, asks], checksum)) => {
                let delta = Delta {
                    bids,
                    asks,
                    checksum: Some(checksum),
                    ..Delta::default()
                };
                context.apply_delta(id, &delta, refusal)
            }
            None => {
                let snapshot = Snapshot {
                    bids: &self.deltas.first[0],
                    asks: &self.deltas.first[1],
                    ..Snapshot::default()
                };
                context.apply_snapshot(id, &snapshot, refusal)
            }
        })
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {}
    }

    fn has_message(&self, _now: Nanos) -> bool {
        false
    }

    fn silence_limit(&self) -> Option<Duration> {
        None
    }
}
