//! Order books in the shape of the messages before them, whatever that is.
//!
//! A venue writes all its order books alike: the same keys in the same order, with the same spacing. A message that the
//! general path has read is therefore a [`Template`] for the following ones: the texts between its values, and the role of
//! each value. A message that fits is read in one pass. The general path reads any other one, which may become the next
//! template. The scanner expects the order of keys and the spacing of the venue's documentation; a message that differs
//! from it takes a tenth to a fifth of the general path's time by a template.
//!
//! # How it works
//! Take a list of levels in the form of Python's `json.dumps`, and the first level of the next message:
//!
//! ```text
//! [{"lots": 5, "ticks": 10}, {"lots": 7, "ticks": 9}]
//! [{"lots": 1004817, "ticks": 6684363}, ...
//! ```
//!
//! The first message gives the [row](rows::Row): the text before each number (`{"lots": `, `, "ticks": `), from the last
//! number to the next object's first (`}, {"lots": `), and to the closing brace (`}`); and that the second member is the
//! price. Of the level `{"lots": 1004817, "ticks": 6684363}` the reader then
//!
//! 1. compares `{"lots": ` as two words of eight bytes, under a mask for its nine bytes;
//! 2. loads `1004817,`, takes `'0'` from each byte, finds with one addition that byte 7 is the first that is no digit,
//!    shifts the seven digits to the top of the word, and joins them to pairs, fours and eight with three
//!    multiplications: 1,004,817;
//! 3. compares `, "ticks": ` and reads 6,684,363 in the same way;
//! 4. compares `}, {"lots": `, and goes on behind it; where it does not stand, `}` must, and the list is over.
//!
//! A number with decimals is found by a bit mask of the digits and points of 64 bytes, and its point is closed up by two
//! masks before its digits are joined. A number of more than eight bytes takes longer. Nothing is loaded beyond a
//! [window](window::Text::window) of the text, whose end is padded.
//!
//! # Messages that do not fit
//! The general path reads a message in which anything but the values of strings and numbers differs from the template. It
//! also reads messages with a sign, an exponent, a superfluous zero or an escape; with levels of more than four members or
//! with members that are strings or objects; and with more than sixteen bytes of text between two members of a level. Like
//! the scanner, a template makes no error.

mod cursor;
mod digits;
pub(crate) mod fields;
mod lanes;
mod learn;
mod literal;
mod number;
mod repeats;
mod rows;
mod string;
#[cfg(test)]
mod tests;
mod window;

use std::cell::Cell;

use ticklot_book::{Level, Scale, Side};

pub(crate) use self::cursor::Cursor;
use self::number::passed;
pub(crate) use self::repeats::Repeats;
pub(crate) use self::rows::Way;
use self::rows::{Decimals, Kind, Plan, Row, TradeRow, Whole, read_trades};
use self::window::{Text, sixteen};
use crate::json::Value;
use crate::levels::{LevelSpace, ListPlaces, SideSpace};
use crate::units::Trade;

/// Which way a decoder reads messages. The messages and the errors are the same whichever it is; this is for measuring,
/// and for tests that hold the ways to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scan {
    /// The fastest that this processor can run: with AVX2 or without.
    #[default]
    Best,
    /// The fast path without instructions that not every processor has.
    Portable,
    /// No fast path: every line takes the general one.
    Off,
}

impl Scan {
    /// What this choice comes to on this processor: `AVX2`, `portable` or `off`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match Way::new(self) {
            None => "off",
            Some(Way::Portable) => "portable",
            #[cfg(target_arch = "x86_64")]
            Some(Way::Avx2(_)) => "AVX2",
        }
    }
}

/// The path of a decoder that read an order book. The book is the same whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodePath {
    /// The message has the shape of an earlier one, from which it was learnt.
    Fast,
    /// The slower one, for any JSON.
    General,
}

/// The most messages that the general path reads between two that are learnt.
const MAX_PAUSE: u32 = 1_000;

/// How many members of a message are kept at most, apart from its lists.
pub(crate) const MEMBERS: usize = 6;

/// What a value of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The same in all order books: a part of the text.
    Constant,
    /// It is kept under this number.
    Member(usize),
    /// The levels of a side.
    Levels(Side),
    /// The trades.
    Trades,
    /// Passed over, if it is a string, a number or null.
    Other,
}

/// Where a venue's order books have what.
pub(crate) trait Layout {
    /// The keys of a level: price, quantity and, if there is one, count.
    const LEVEL: [&'static str; 3];
    /// The keys of a trade: price, quantity, time and side.
    const TRADE: [&'static str; 4];

    /// The role of a value by the keys that lead to it. An item of an array has an empty key.
    fn role(path: &[&str]) -> Role;
}

/// How many shapes of a venue's order books are known at a time: fields may be there or not.
const SHAPES: usize = 4;

/// The templates of a venue's order books, and when to learn another one. A thread has them once, for all its decoders.
#[derive(Debug)]
pub(crate) struct Templates {
    templates: [Template; SHAPES],
    /// The one that fitted last.
    last: usize,
    /// The one to be replaced next.
    oldest: usize,
    /// The one to be learnt.
    next: Template,
    /// How many more messages the general path reads before another one is learnt.
    pause: u32,
    /// The last such number.
    last_pause: u32,
    plan: Plan,
    /// The scale of the last message: a guess for one that names its market behind its levels.
    scale: Scale,
}

/// What a venue's order books look like.
#[derive(Debug, Default)]
struct Template {
    /// Empty before anything is learnt.
    steps: Vec<Step>,
    /// The text of all steps, in order.
    text: Vec<u8>,
    levels: Option<Row>,
    /// None while no list of trades was seen.
    trades: Option<TradeRow>,
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// So many bytes of the template's text.
    Text(usize),
    /// A string, a number or null, and under which number it is kept.
    Value(Option<usize>),
    /// The levels of a side, to before the closing bracket.
    Levels(Side),
    /// The trades, likewise.
    Trades,
}

/// A string without its quotes, or the text of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'t> {
    String(&'t str),
    Number(&'t [u8]),
}

/// The members that are kept; none where one is null or absent.
pub(crate) type Members<'t> = [Option<Scalar<'t>>; MEMBERS];

/// A message that fits.
#[derive(Debug)]
pub(crate) struct Found<'t> {
    pub(crate) members: Members<'t>,
    pub(crate) places: ListPlaces,
}

/// None is known yet.
impl Default for Templates {
    fn default() -> Self {
        Self {
            templates: Default::default(),
            last: 0,
            oldest: 0,
            next: Template::default(),
            pause: 0,
            last_pause: 0,
            plan: Plan::default(),
            scale: Scale::UNIT,
        }
    }
}

impl Templates {
    /// Reads a message whose levels and trades are whole numbers.
    pub(crate) fn read_whole<'t>(
        &mut self,
        way: Way,
        text: &'t [u8],
        space: &mut LevelSpace,
        trades: &mut Repeats<Trade>,
    ) -> Option<Found<'t>> {
        let text = Text::new(text);
        self.try_each(|template, plan, _| template.read(way, plan, &text, |_| Whole, space, trades))
    }

    /// Reads a message whose levels are decimals. `scale` is that of the market which the members name, as far as they
    /// are read; `message` makes the message of all of them, if it can.
    pub(crate) fn read_decimals<'t, M>(
        &mut self,
        way: Way,
        text: &'t [u8],
        space: &mut LevelSpace,
        scale: impl Fn(&Members<'_>) -> Option<Scale>,
        message: impl Fn(&Found<'t>) -> Option<M>,
    ) -> Option<M> {
        let text = Text::new(text);
        self.try_each(|template, plan, guess| {
            let is_guess = Cell::new(false);
            let levels = |members: &Members<'_>| {
                let known = scale(members);
                // The other side may follow the market's name.
                is_guess.set(is_guess.get() | known.is_none());
                Decimals(known.unwrap_or(*guess))
            };
            let none = &mut Repeats::default();
            let mut found = template.read(way, plan, &text, levels, space, none)?;
            if is_guess.get() {
                let own = scale(&found.members)?;
                if own != *guess {
                    *guess = own;
                    found = template.read(way, plan, &text, |_| Decimals(own), space, none)?;
                }
            }
            message(&found)
        })
    }

    /// Tries the template that fitted last, then the others.
    #[inline(always)]
    fn try_each<R>(
        &mut self,
        mut read: impl FnMut(&Template, &mut Plan, &mut Scale) -> Option<R>,
    ) -> Option<R> {
        for more in 0..SHAPES {
            let at = (self.last + more) % SHAPES;
            let template = &self.templates[at];
            if template.steps.is_empty() {
                continue;
            }
            if let Some(found) = read(template, &mut self.plan, &mut self.scale) {
                self.last = at;
                (self.pause, self.last_pause) = (0, 0);
                return Some(found);
            }
        }
        None
    }

    /// The general path has read an order book, of this scale. Returns whether its shape is to be learnt: less and less
    /// often while none fits.
    pub(crate) fn is_due(&mut self, scale: Scale) -> bool {
        self.scale = scale;
        let is_due = self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        is_due
    }

    /// Learns the shape of an order book.
    pub(crate) fn learn<L: Layout>(&mut self, root: &Value<'_, '_>, text: &[u8]) {
        if self.next.learn::<L>(root, text) {
            // The one that fitted last stays.
            if self.oldest == self.last && !self.templates[self.last].steps.is_empty() {
                self.oldest = (self.oldest + 1) % SHAPES;
            }
            std::mem::swap(&mut self.templates[self.oldest], &mut self.next);
            self.oldest = (self.oldest + 1) % SHAPES;
        }
        self.last_pause = (2 * self.last_pause + 1).min(MAX_PAUSE);
        self.pause = self.last_pause;
    }
}

impl Template {
    /// Reads a message into `space` and `trades`, which are empty. `levels` is asked for each side how its levels are read, with the
    /// members before it.
    fn read<'t, K: Kind>(
        &self,
        way: Way,
        plan: &mut Plan,
        text: &Text<'t>,
        levels: impl Fn(&Members<'t>) -> K,
        space: &mut LevelSpace,
        trades: &mut Repeats<Trade>,
    ) -> Option<Found<'t>> {
        let bytes = text.bytes();
        let sides: [&mut Vec<Level>; 2] = space.sides().map(SideSpace::levels_mut);
        trades.begin();
        let mut starts = [0; 2];
        let mut members = [None; MEMBERS];
        let (mut at, mut literals) = (0, &*self.text);
        for step in &self.steps {
            match *step {
                Step::Text(len) => {
                    let literal = literals.split_off(..len)?;
                    at = bytes.get(at..)?.starts_with(literal).then_some(at + len)?;
                }
                Step::Value(member) => {
                    let (value, end) = scalar(text, at)?;
                    if let Some(member) = member {
                        members[member] = value;
                    }
                    at = end;
                }
                Step::Levels(side) => {
                    starts[side as usize] = at;
                    let (row, side) = (self.levels.as_ref()?, &mut *sides[side as usize]);
                    at = way.read_levels(levels(&members), text, at, row, plan, side)?;
                }
                Step::Trades => {
                    if let Some(row) = &self.trades {
                        at = read_trades(text, at, row, trades)?;
                    }
                }
            }
        }
        (at == bytes.len()).then_some(Found {
            members,
            places: ListPlaces {
                bids: starts[Side::Bid as usize],
                asks: starts[Side::Ask as usize],
            },
        })
    }
}

/// The string, the number or the null at `at`, and where it ends.
fn scalar<'t>(text: &Text<'t>, at: usize) -> Option<(Option<Scalar<'t>>, usize)> {
    let mut cursor = Cursor::new(text.bytes(), at);
    if cursor.skip(b"\"") {
        let string = cursor.string()?;
        return Some((Some(Scalar::String(string)), cursor.at()));
    }
    if let (len @ 1..16, 0..) = passed(sixteen(text.window(at), 0)) {
        let end = at + len as usize;
        return Some((Some(Scalar::Number(text.bytes().get(at..end)?)), end));
    }
    if cursor.skip(b"null") {
        return Some((None, cursor.at()));
    }
    let number = cursor.number()?.as_bytes();
    Some((Some(Scalar::Number(number)), cursor.at()))
}
