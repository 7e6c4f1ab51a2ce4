//! A message's text to a book, and its best prices read.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Range;

use anyhow::bail;
use bayse::{OrderbookLevel, WsEvent};
use ticklot_benches::Wire;
use ticklot_book::{Level, Lots, Ticks};

use super::{Plan, SLICES, Show};
use crate::field::{Fields, add_levels};
use crate::input::{Input, Wrapping};
use crate::measure::{Case, Clock, Contender, Named};
use crate::ours::Apply;
use crate::parse::serde::{Bayse, Jayx, SerdeJson, Sonic};
use crate::parse::{Factors, ReadBook, Sink, client, jiter, simdjson};

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    for (name, shape) in super::shapes() {
        if plan.wants(name) {
            let input = Input::pool(name, shape, plan)?;
            show(case(&input).measure(plan.rounds)?)?;
        }
    }
    for input in super::recorded(plan)? {
        show(case(&input).measure(plan.rounds)?)?;
    }
    Ok(())
}

pub(super) fn case(input: &Input) -> Case<'_> {
    Case {
        table: "apply",
        name: input.name.clone(),
        frames: input.frames.len(),
        messages_per_frame: input.lines,
        bytes: input.message_bytes(),
        slices: SLICES,
        clock: Clock::Thread,
        contenders: match input.wire {
            Wire::JayxSocketIo | Wire::JayxBare => jayx(input),
            Wire::Bayse => bayse(input),
        },
    }
}

fn jayx(input: &Input) -> Vec<Named<'_>> {
    vec![
        ("ticklot", Box::new(Apply::new(input, input.scan))),
        ("sonic-rs+flat", Box::new(Flat::new(input, Jayx(Sonic)))),
        (
            "simdjson+flat",
            Box::new(Flat::new(input, simdjson::Books::jayx(false))),
        ),
        (
            "simdjson-levels+flat",
            Box::new(Flat::new(input, simdjson::Books::jayx(true))),
        ),
        ("jiter+flat", Box::new(Flat::new(input, jiter::JayxBooks))),
        (
            "serde_json+flat",
            Box::new(Flat::new(input, Jayx(SerdeJson))),
        ),
        (
            "serde_json+btreemap",
            Box::new(Maps::new(input, Jayx(SerdeJson))),
        ),
    ]
}

fn bayse(input: &Input) -> Vec<Named<'_>> {
    let factors = Factors::new(input.scale);
    let sonic = Bayse {
        json: Sonic,
        factors,
    };
    let serde_json = || Bayse {
        json: SerdeJson,
        factors,
    };
    vec![
        ("ticklot", Box::new(Apply::new(input, input.scan))),
        ("sonic-rs+flat", Box::new(Flat::new(input, sonic))),
        (
            "simdjson+flat",
            Box::new(Flat::new(input, simdjson::Books::bayse(input.scale, false))),
        ),
        (
            "simdjson-levels+flat",
            Box::new(Flat::new(input, simdjson::Books::bayse(input.scale, true))),
        ),
        (
            "jiter+flat",
            Box::new(Flat::new(input, jiter::BayseBooks(factors))),
        ),
        (
            "jiter-digits+flat",
            Box::new(Flat::new(input, jiter::BayseBooks(input.scale))),
        ),
        ("serde_json+flat", Box::new(Flat::new(input, serde_json()))),
        (
            "serde_json+btreemap",
            Box::new(Maps::new(input, serde_json())),
        ),
        (
            "rs_bayse+btreemap",
            Box::new(ClientMaps::new(input, factors)),
        ),
    ]
}

/// A parser that writes straight into the two vectors that are the book. They find no changes and know
/// no trust; all that is checked is that the levels come in order.
struct Flat<'p, R> {
    input: &'p Input,
    wrapping: Wrapping,
    reader: R,
    books: Vec<Sink>,
}

impl<'p, R: ReadBook> Flat<'p, R> {
    fn new(input: &'p Input, reader: R) -> Self {
        Self {
            input,
            wrapping: input.wrapping(),
            reader,
            books: (0..input.lines).map(|_| Sink::default()).collect(),
        }
    }

    fn apply(&mut self, frame: usize) -> anyhow::Result<()> {
        let Self {
            input,
            wrapping,
            reader,
            books,
        } = self;
        input.each_line(frame, |place, line| {
            let book = &mut books[place];
            let text = input.frames[frame].text(wrapping.cut(line)?);
            black_box(reader.read(text, book)?);
            book.put_in_order();
            black_box((book.bids.first(), book.asks.first()));
            Ok(())
        })
    }
}

impl<R: ReadBook> Contender for Flat<'_, R> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.apply(frame)?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        self.apply(frame)?;
        let flat = |levels: &[Level]| -> Vec<Level> {
            let levels = levels.iter();
            levels
                .map(|level| Level::new(level.ticks, level.lots))
                .collect()
        };
        let mut fields = Fields::new();
        for book in &self.books {
            add_levels(&mut fields, &flat(&book.bids));
            add_levels(&mut fields, &flat(&book.asks));
        }
        Ok(fields)
    }
}

/// A book of two maps from prices to quantities: built anew by each message.
#[derive(Debug, Default)]
pub(crate) struct MapBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl MapBook {
    pub(crate) fn replace(
        &mut self,
        bids: impl Iterator<Item = Level>,
        asks: impl Iterator<Item = Level>,
    ) {
        self.bids.clear();
        self.asks.clear();
        // One by one: from an iterator the whole would be collected and sorted first.
        for level in bids {
            self.bids.insert(level.ticks.0, level.lots.0);
        }
        for level in asks {
            self.asks.insert(level.ticks.0, level.lots.0);
        }
        black_box(self.best());
    }

    /// The prices of the best bid and ask, in ticks.
    pub(crate) fn best(&self) -> [Option<i64>; 2] {
        [
            self.bids.last_key_value().map(|(ticks, _)| *ticks),
            self.asks.first_key_value().map(|(ticks, _)| *ticks),
        ]
    }

    fn add_to(&self, fields: &mut Fields) {
        let level = |(ticks, lots): (&i64, &i64)| Level::new(Ticks(*ticks), Lots(*lots));
        let bids: Vec<Level> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<Level> = self.asks.iter().map(level).collect();
        add_levels(fields, &bids);
        add_levels(fields, &asks);
    }
}

struct Maps<'p, R> {
    input: &'p Input,
    wrapping: Wrapping,
    reader: R,
    sink: Sink,
    books: Vec<MapBook>,
}

impl<'p, R: ReadBook> Maps<'p, R> {
    fn new(input: &'p Input, reader: R) -> Self {
        Self {
            input,
            wrapping: input.wrapping(),
            reader,
            sink: Sink::default(),
            books: (0..input.lines).map(|_| MapBook::default()).collect(),
        }
    }

    fn apply(&mut self, frame: usize) -> anyhow::Result<()> {
        let Self {
            input,
            wrapping,
            reader,
            sink,
            books,
        } = self;
        input.each_line(frame, |place, line| {
            let text = input.frames[frame].text(wrapping.cut(line)?);
            black_box(reader.read(text, sink)?);
            books[place].replace(sink.bids.iter().copied(), sink.asks.iter().copied());
            Ok(())
        })
    }
}

impl<R: ReadBook> Contender for Maps<'_, R> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.apply(frame)?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        self.apply(frame)?;
        let mut fields = Fields::new();
        self.books.iter().for_each(|book| book.add_to(&mut fields));
        Ok(fields)
    }
}

/// `rs_bayse`, whose floats become whole numbers: they have no order of their own to key a map by.
struct ClientMaps<'p> {
    input: &'p Input,
    factors: Factors,
    books: Vec<MapBook>,
}

impl<'p> ClientMaps<'p> {
    fn new(input: &'p Input, factors: Factors) -> Self {
        Self {
            input,
            factors,
            books: (0..input.lines).map(|_| MapBook::default()).collect(),
        }
    }

    fn apply(&mut self, frame: usize) -> anyhow::Result<()> {
        let Self {
            input,
            factors,
            books,
        } = self;
        let level = |level: &OrderbookLevel| factors.level(level.price, level.quantity);
        input.each_line(frame, |place, line| {
            let WsEvent::OrderbookUpdate(update) = client::read(line)? else {
                bail!("no order book");
            };
            let book = &update.data.orderbook;
            books[place].replace(book.bids.iter().map(level), book.asks.iter().map(level));
            Ok(())
        })
    }
}

impl Contender for ClientMaps<'_> {
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        for frame in frames {
            self.apply(frame)?;
        }
        Ok(())
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        self.apply(frame)?;
        let mut fields = Fields::new();
        self.books.iter().for_each(|book| book.add_to(&mut fields));
        Ok(fields)
    }
}
