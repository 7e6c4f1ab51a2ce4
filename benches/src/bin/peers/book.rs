//! The common form of all contenders' order books, and the peers' books.

use std::collections::BTreeMap;
use std::hint::black_box;

use serde::{Serialize, Serializer};
use ticklot_book::{Level, Lots, Ticks};
use ticklot_frame::Trade;

use crate::parse::{Head, Lists, ParseBook, Text};
use crate::process::Process;

/// The best bid and ask, in ticks.
pub(crate) type Best = [Option<i64>; 2];

/// A message with an order book.
#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) bids: &'a [Level],
    pub(crate) asks: &'a [Level],
    pub(crate) trades: &'a [Trade],
}

/// The sides of a book, best price first. Its JSON has prices and quantities only.
pub(crate) struct Levels<'a> {
    pub(crate) bids: &'a [Level],
    pub(crate) asks: &'a [Level],
}

impl Levels<'_> {
    pub(crate) fn best(&self) -> Best {
        [self.bids, self.asks].map(|side| side.first().map(|level| level.ticks.0))
    }
}

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let level = |level: &Level| (level.ticks, level.lots);
        let sides = [self.bids, self.asks].map(|side| side.iter().map(level).collect::<Vec<_>>());
        sides.serialize(serializer)
    }
}

/// Parses order books.
pub(crate) struct Parse<P> {
    parser: P,
    lists: Lists,
}

impl<P> Parse<P> {
    pub(crate) fn new(parser: P) -> Self {
        Self {
            parser,
            lists: Lists::default(),
        }
    }
}

impl<P: ParseBook> Process for Parse<P> {
    type Output<'a>
        = Message<'a>
    where
        P: 'a;

    fn message<'a>(&'a mut self, _line: usize, text: Text<'a>) -> anyhow::Result<Message<'a>> {
        let head = self.parser.parse(text, &mut self.lists)?;
        let Lists { bids, asks, trades } = &self.lists;
        Ok(Message {
            head,
            bids,
            asks,
            trades,
        })
    }
}

/// A parser, and two vectors for each book. They report no changes and have no state. Only the order of the levels is
/// checked.
pub(crate) struct Flat<P> {
    parser: P,
    books: Vec<Lists>,
}

impl<P> Flat<P> {
    pub(crate) fn new(parser: P, books: usize) -> Self {
        Self {
            parser,
            books: (0..books).map(|_| Lists::default()).collect(),
        }
    }
}

impl<P: ParseBook> Process for Flat<P> {
    type Output<'a>
        = Levels<'a>
    where
        P: 'a;

    fn message<'a>(&'a mut self, line: usize, text: Text<'a>) -> anyhow::Result<Levels<'a>> {
        let book = &mut self.books[line];
        black_box(self.parser.parse(text, book)?);
        book.sort();
        let levels = Levels {
            bids: &book.bids,
            asks: &book.asks,
        };
        black_box(levels.best());
        Ok(levels)
    }
}

/// A parser, and two maps that are rebuilt from each message.
pub(crate) struct Maps<P> {
    parser: P,
    lists: Lists,
    books: Vec<MapBook>,
}

impl<P> Maps<P> {
    pub(crate) fn new(parser: P, books: usize) -> Self {
        Self {
            parser,
            lists: Lists::default(),
            books: (0..books).map(|_| MapBook::default()).collect(),
        }
    }
}

impl<P: ParseBook> Process for Maps<P> {
    type Output<'a>
        = &'a MapBook
    where
        P: 'a;

    fn message<'a>(&'a mut self, line: usize, text: Text<'a>) -> anyhow::Result<&'a MapBook> {
        black_box(self.parser.parse(text, &mut self.lists)?);
        let book = &mut self.books[line];
        book.replace(&self.lists);
        Ok(book)
    }
}

/// Two maps from prices to quantities.
#[derive(Default)]
pub(crate) struct MapBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl MapBook {
    fn replace(&mut self, lists: &Lists) {
        self.bids.clear();
        self.asks.clear();
        // One by one, because building a map from an iterator would collect and sort the items first.
        for level in &lists.bids {
            self.bids.insert(level.ticks.0, level.lots.0);
        }
        for level in &lists.asks {
            self.asks.insert(level.ticks.0, level.lots.0);
        }
        black_box(self.best());
    }

    pub(crate) fn best(&self) -> Best {
        [
            self.bids.last_key_value().map(|(ticks, _)| *ticks),
            self.asks.first_key_value().map(|(ticks, _)| *ticks),
        ]
    }
}

impl Serialize for MapBook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let level = |(ticks, lots): (&i64, &i64)| Level::new(Ticks(*ticks), Lots(*lots));
        let bids: Vec<Level> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<Level> = self.asks.iter().map(level).collect();
        let (bids, asks) = (&bids, &asks);
        Levels { bids, asks }.serialize(serializer)
    }
}
