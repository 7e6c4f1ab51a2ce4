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

mod learn;
mod literal;
mod masks;
mod number;
mod rows;
#[cfg(test)]
mod tests;
mod window;

use std::cell::Cell;

use ticklot_book::{Level, Scale, Side};

use self::rows::{Decimals, ReadLevel, Row, TradeRow, Whole, read_levels, read_trades};
use self::window::Text;
use crate::json::Value;
use crate::levels::{LevelSpace, ListPlaces, SideSpace};
use crate::scan::{Cursor, Repeats};
use crate::units::Trade;

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

/// The template of a venue's order books, and when to learn another one.
#[derive(Debug)]
pub(crate) struct Templates {
    template: Template,
    /// The one to be learnt.
    next: Template,
    /// How many more messages the general path reads before another one is learnt.
    pause: u32,
    /// The last such number.
    last_pause: u32,
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
    Number(&'t str),
}

/// The members that are kept; none where one is null or absent.
pub(crate) type Members<'t> = [Option<Scalar<'t>>; MEMBERS];

/// A message that fits.
#[derive(Debug)]
pub(crate) struct Found<'t> {
    pub(crate) members: Members<'t>,
    pub(crate) places: ListPlaces,
}

impl Templates {
    /// None is known yet.
    pub(crate) fn new() -> Self {
        Self {
            template: Template::default(),
            next: Template::default(),
            pause: 0,
            last_pause: 0,
            scale: Scale::UNIT,
        }
    }

    /// Reads a message whose levels and trades are whole numbers.
    pub(crate) fn read_whole<'t>(
        &mut self,
        text: &'t [u8],
        space: &mut LevelSpace,
        trades: &mut Repeats<Trade>,
    ) -> Option<Found<'t>> {
        let template = self.template.known()?;
        let found = template.read(text, |_| Whole, space, trades.otherwise())?;
        self.fitted();
        Some(found)
    }

    /// Reads a message whose levels are decimals. `scale` is that of the market which the members name, as far as they
    /// are read; `message` makes the message of all of them, if it can.
    pub(crate) fn read_decimals<'t, M>(
        &mut self,
        text: &'t [u8],
        space: &mut LevelSpace,
        scale: impl Fn(&Members<'_>) -> Option<Scale>,
        message: impl FnOnce(&Found<'t>) -> Option<M>,
    ) -> Option<M> {
        let template = self.template.known()?;
        let guess = self.scale;
        let is_guess = Cell::new(false);
        let levels = |members: &Members<'_>| {
            let known = scale(members);
            // The other side may follow the market's name.
            is_guess.set(is_guess.get() | known.is_none());
            Decimals(known.unwrap_or(guess))
        };
        let mut found = template.read(text, levels, space, &mut Vec::new());
        if let (true, Some(read)) = (is_guess.get(), &found) {
            let own = scale(&read.members)?;
            self.scale = own;
            if own != guess {
                found = template.read(text, |_| Decimals(own), space, &mut Vec::new());
            }
        }
        let message = message(&found?)?;
        self.fitted();
        Some(message)
    }

    fn fitted(&mut self) {
        (self.pause, self.last_pause) = (0, 0);
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
            std::mem::swap(&mut self.template, &mut self.next);
        }
        self.last_pause = (2 * self.last_pause + 1).min(MAX_PAUSE);
        self.pause = self.last_pause;
    }
}

impl Template {
    /// It, unless nothing was learnt yet.
    fn known(&self) -> Option<&Self> {
        (!self.steps.is_empty()).then_some(self)
    }

    /// Reads a message into `space` and `trades`, which are empty. `levels` is asked for each side how its levels are read, with the
    /// members before it.
    fn read<'t, R: ReadLevel>(
        &self,
        bytes: &'t [u8],
        levels: impl Fn(&Members<'t>) -> R,
        space: &mut LevelSpace,
        trades: &mut Vec<Trade>,
    ) -> Option<Found<'t>> {
        let text = Text::new(bytes);
        let sides: [&mut Vec<Level>; 2] = space.sides().map(SideSpace::levels_mut);
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
                    let (value, end) = scalar(bytes, at)?;
                    if let Some(member) = member {
                        members[member] = value;
                    }
                    at = end;
                }
                Step::Levels(side) => {
                    starts[side as usize] = at;
                    let (row, side) = (self.levels.as_ref()?, &mut *sides[side as usize]);
                    at = read_levels(&levels(&members), &text, at, row, side)?;
                }
                Step::Trades => {
                    if let Some(row) = &self.trades {
                        at = read_trades(&text, at, row, trades)?;
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
fn scalar(text: &[u8], at: usize) -> Option<(Option<Scalar<'_>>, usize)> {
    let mut cursor = Cursor::new(text, at);
    let value = if cursor.skip(b"\"") {
        Some(Scalar::String(cursor.string()?))
    } else if cursor.skip(b"null") {
        None
    } else {
        Some(Scalar::Number(cursor.number()?))
    };
    Some((value, cursor.at()))
}
