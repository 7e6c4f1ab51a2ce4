//! The fast path: order books in the shape of the messages before them, whatever that is.
//!
//! A venue writes all its order books alike: the same keys in the same order, with the same spacing. A message that the
//! general path has read is therefore a [`Template`] for the following ones: the texts between its values, and the role of
//! each value. A message that fits is read in one pass. Any other one is read by the general path, and may become another
//! template: a thread knows [`MAX_TEMPLATES`] of them for a venue, since fields may be there or not.
//!
//! The path reads the message and little else: a template takes some hundred bytes, the numbers need two small tables, and
//! nothing is looked up that grows with the numbers that were seen. So it is fast when caches are cold, too.
//!
//! # How a level is read
//! Take JayX's levels as Python's `json.dumps` writes them. Two objects of an earlier message gave the [row](levels::LevelFormat),
//! all texts of at most sixteen bytes:
//!
//! ```text
//! {"ticks": 6684363, "lots": 1004817, "count": 1}, {"ticks": 6751207, "lots": 2993562, "count": 1}, ...
//! before   `{"ticks": `   `, "lots": `   `, "count": `
//! next     `}, {"ticks": `
//! end      `}`
//! ```
//!
//! The reader stands at the first number of a level: `6751207, "lots": 2993562, "count": 1}, {"ticks": ...`.
//!
//! 1. *The price* is expected to have as many digits as the one before, seven. So the offset of the next text, byte 7, is
//!    known before anything is loaded.
//! 2. *The texts* between the numbers, and from the last number to the first one of the next level, are compared with
//!    sixteen bytes each, under a mask for their length: `, "lots": ` at byte 7. The differences are joined, and not
//!    looked at yet.
//! 3. *The quantity*, at byte 17, may have any length: eight bytes are loaded, `2993562,`. `'0'` is taken from each, and an
//!    addition carries into the top bit of every byte that is no digit; the lowest such bit says that it has seven digits.
//! 4. *The count*, at byte 35, is expected to be as long as the last one: one digit. So the next level begins at byte 49:
//!    only the length of the quantity had to be waited for.
//! 5. *The values*: the eight bytes from the start of each number are moved, so that its last digit is the last of eight
//!    bytes and zeros stand before it; a table says from where each byte comes. Pairs, fours and eights of digits are then
//!    joined for all numbers at once: 6751207, 2993562 and 1.
//! 6. *The checks*: the differences must be zero. What is no digit where a digit is expected is a difference, too, and
//!    behind a number with more digits than expected the text differs. A superfluous zero shows in the value: a number of
//!    seven digits is not below a million.
//!
//! Where a check fails, the list may be over: then `}` stands there. Or a price or count has another length: the lengths are
//! measured, and the level is read again. Or a number is longer than eight bytes: that level is read number by number.
//!
//! # How a level of decimals is read
//! The reader stands at `0.499,"quantity":4306.29,"total":2148.83871},{"price":...`.
//!
//! 1. *The price* is expected to look like the one before, its point included: `0.499`. So the quantity begins at byte 17.
//! 2. *The marks*: 32 bytes from there on are loaded, `4306.29,"total":2148.83871},{"pr`. Four masks with a bit for each byte
//!    tell which bytes are digits, zeros, points and closing braces. The brace is at bit 26, so the next level begins
//!    eleven bytes from it, whatever the numbers are. (Without a brace, the next 32 bytes are marked, too.)
//! 3. *The lengths*: the quantity ends where there is neither a digit nor a point, at bit 7, and its point is at bit 4. The
//!    total begins at bit 16, behind `,"total":`.
//! 4. *The texts and values*, as above; the table says for each length and position of the point from where each digit comes.
//!    The digits of the quantity, 430629, become steps by a power of ten.
//! 5. *The checks* of all numbers are made with the masks. A zero must not begin a number that goes on with a digit; a point
//!    must have digits on both sides; and the sum of the digits' mask and the points', moved by one, has a bit behind
//!    each fraction, where no second point may be. The total is not read, but it is checked with the others.
//!
//! # Instructions
//! With AVX2, 32 bytes are marked at once, and the digits of all numbers of a level are moved by one shuffle. Without, they
//! are marked by vectors of sixteen bytes, where a processor has them, and each number is shifted in a general register.
//! Nothing is loaded from beyond the text: its last bytes are copied, with zeros behind them ([`window::Text`]).
//!
//! # Messages that do not fit
//! The general path reads a message in which anything but the values of strings and numbers differs from the templates. It
//! also reads messages with a sign, an exponent, a superfluous zero or an escape; with levels of more than four members or
//! with members that are strings or objects; and with more than sixteen bytes of text between two members of a level. The
//! fast path makes no error: the general path refuses what is refused.
//!
//! # UTF-8
//! The general path checks all of a text. Here every byte is compared with text that was checked, or is a digit, but for the
//! insides of strings, which [`string`](crate::string) checks.
//!
//! # Other messages
//! Candles, balances, fills and the like are keys and texts more than numbers. They have no templates: the general path
//! reads them in one pass, in any order of keys and any spacing ([`pull`](crate::pull), [`record`](crate::record)).

mod backend;
mod dispatch;
mod lanes;
mod learn;
mod levels;
mod list_cache;
mod literal;
mod number;
mod number_shape;
#[cfg(test)]
mod tests;
mod window;

use std::cell::Cell;
use std::thread::LocalKey;

use ticklot_book::{Level, Scale, Side};

pub use self::backend::DecodeBackend;
pub(crate) use self::backend::SimdBackend;
use self::levels::{Decimals, ExpectedShapes, Integers, LevelFormat, NumberFormat, read_levels};
pub(crate) use self::list_cache::ListCache;
use self::number::{LONGEST, number_len};
use self::window::Text;
use crate::json::{Parser, Value};
use crate::levels::{LevelBuffer, ListOffsets, SideBuffer};
use crate::prefetch;
use crate::pull::PullParser;
use crate::string;
use crate::thread_local::ThreadLocal;
use crate::units::Trade;
use crate::{bayse, jayx};

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

/// The meaning of the values in a venue's order books.
pub(crate) trait Schema {
    /// The keys of a level: price, quantity and, if there is one, count.
    const LEVEL_KEYS: [&'static str; 3];

    /// The role of a value by the keys that lead to it. An item of an array has an empty key.
    fn role(path: &[&str]) -> Role;
}

/// How many levels of a side are asked for ahead. More of them come in order, as the processor expects.
const FEW_LEVELS: usize = 20;

/// The most templates of a venue's order books on a thread. There are several, since fields may be there or not.
const MAX_TEMPLATES: usize = 4;

/// The templates of a venue's order books, and when to learn another one. A thread has them once, for all its decoders.
#[derive(Debug)]
pub(crate) struct Templates {
    templates: [Template; MAX_TEMPLATES],
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
    /// What the next level is expected to look like.
    expected: ExpectedShapes,
    /// The scale of the last message: a guess for one that names its market behind its levels.
    scale: Scale,
    /// Whether nothing is learnt: see [`without_learning`].
    is_frozen: bool,
}

/// The templates that the decoders of a thread share.
pub(crate) type Shared = &'static LocalKey<ThreadLocal<Templates>>;

/// Runs `work`. After it, the decoders of this thread take the same path for each message as if it had decoded none: the
/// shapes that it decodes are not learnt, and do not change when the next one is learnt or which one is tried first.
///
/// Its messages take the fast path if their shape is known. For messages that are decoded again to keep the code and the
/// templates in the caches. Allocates on a thread that has decoded nothing yet.
///
/// ```
/// use ticklot_frame::jayx::{Decoder, Envelope, Message};
/// use ticklot_frame::{DecodePath, without_learning};
///
/// let frame = br#"{"orderBook":{"asks":[],"bids":[{"ticks":2,"lots":5},{"ticks":1,"lots":5}]}}"#;
/// let path = |decoder: &mut Decoder| match decoder.decode(frame) {
///     Ok(Message::OrderBook(book)) => Some(book.path),
///     _ => None,
/// };
/// let mut decoder = Decoder::new(Envelope::Plain);
/// for _ in 0..3 {
///     let path = without_learning(|| path(&mut decoder));
///     assert_eq!(path, Some(DecodePath::General));
/// }
/// assert_eq!(path(&mut decoder), Some(DecodePath::General), "learnt now");
/// assert_eq!(path(&mut decoder), Some(DecodePath::Fast));
/// ```
pub fn without_learning<R>(work: impl FnOnce() -> R) -> R {
    let _frozen = Frozen::new();
    work()
}

/// The templates of each venue and envelope.
const ALL: [Shared; 3] = [
    &jayx::schema::PACKETS,
    &jayx::schema::FRAMES,
    &bayse::schema::TEMPLATES,
];

/// Ends the freeze of this thread's templates when it is dropped, also by a panic.
struct Frozen([LearningState; ALL.len()]);

/// What a message that fits a template changes.
#[derive(Clone, Copy)]
struct LearningState {
    last: usize,
    pause: u32,
    last_pause: u32,
    expected: ExpectedShapes,
    scale: Scale,
    is_frozen: bool,
}

impl Frozen {
    fn new() -> Self {
        Self(ALL.map(|shared| ThreadLocal::lend(shared, Templates::freeze)))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for (shared, state) in ALL.into_iter().zip(self.0) {
            ThreadLocal::lend(shared, |templates| templates.restore(state));
        }
    }
}

/// What a venue's order books look like.
#[derive(Debug, Default)]
struct Template {
    /// Empty before anything is learnt.
    steps: Vec<Segment>,
    /// The text of all steps, in order.
    text: Vec<u8>,
    levels: Option<LevelFormat>,
}

/// A part of a message, behind text that is the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    /// How many bytes of the template's text stand before it.
    text: usize,
    part: SegmentKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentKind {
    /// A string, a number or null, and under which number it is kept.
    Value(Option<usize>),
    /// The levels of a side, to before the closing bracket.
    Levels(Side),
    /// The trades, with their brackets.
    Trades,
    /// The end of the message.
    End,
}

/// A string without its quotes, or the text of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'t> {
    String(&'t str),
    Number(&'t [u8]),
}

/// The members that are kept; none where one is null or absent.
pub(crate) type Members<'t> = [Option<Scalar<'t>>; MEMBERS];

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
            expected: ExpectedShapes::NOTHING,
            scale: Scale::UNIT,
            is_frozen: false,
        }
    }
}

impl Templates {
    /// Learns nothing from now on. Returns the state to restore.
    fn freeze(&mut self) -> LearningState {
        LearningState {
            last: self.last,
            pause: self.pause,
            last_pause: self.last_pause,
            expected: self.expected,
            scale: self.scale,
            is_frozen: std::mem::replace(&mut self.is_frozen, true),
        }
    }

    fn restore(&mut self, state: LearningState) {
        let LearningState {
            last,
            pause,
            last_pause,
            expected,
            scale,
            is_frozen,
        } = state;
        (self.last, self.pause, self.last_pause) = (last, pause, last_pause);
        (self.expected, self.scale) = (expected, scale);
        self.is_frozen = is_frozen;
    }

    /// Reads a message whose levels and trades are whole numbers. Returns where its levels are.
    pub(crate) fn read_whole(
        &mut self,
        backend: SimdBackend,
        text: &[u8],
        buffers: &mut LevelBuffer,
        trades: &mut ListCache<Trade>,
    ) -> Option<ListOffsets> {
        if !self.may_fit(text) {
            return None;
        }
        self.prefetch::<Integers>(backend, buffers);
        let text = Text::new(text);
        let members = &mut Members::default();
        self.try_each(|template, expected, _| {
            template.read(
                backend,
                expected,
                &text,
                |_| Integers,
                buffers,
                trades,
                members,
            )
        })
    }

    /// Reads a message whose levels are decimals. `scale` is that of the market which the members name, as far as they
    /// are read; `message` makes the message of all of them, if it can.
    pub(crate) fn read_decimals<'t, M>(
        &mut self,
        backend: SimdBackend,
        text: &'t [u8],
        buffers: &mut LevelBuffer,
        scale: impl Fn(&Members<'_>) -> Option<Scale>,
        message: impl Fn(&Members<'t>) -> Option<M>,
    ) -> Option<(M, ListOffsets)> {
        if !self.may_fit(text) {
            return None;
        }
        self.prefetch::<Decimals>(backend, buffers);
        let text = Text::new(text);
        let members = &mut Members::default();
        self.try_each(|template, expected, guess| {
            let is_guess = Cell::new(false);
            let levels = |members: &Members<'_>| {
                let known = scale(members);
                // The other side may follow the market's name.
                is_guess.set(is_guess.get() | known.is_none());
                Decimals(known.unwrap_or(*guess))
            };
            let none = &mut ListCache::default();
            let mut lists =
                template.read(backend, expected, &text, levels, buffers, none, members)?;
            if is_guess.get() {
                let own = scale(members)?;
                if own != *guess {
                    *guess = own;
                    let levels = |_: &Members<'_>| Decimals(own);
                    lists =
                        template.read(backend, expected, &text, levels, buffers, none, members)?;
                }
            }
            Some((message(members)?, lists))
        })
    }

    /// Asks for what the template that fitted last needs.
    fn prefetch<K: NumberFormat>(&self, backend: SimdBackend, buffers: &mut LevelBuffer) {
        let template = &self.templates[self.last];
        prefetch::slice(&template.steps);
        prefetch::slice(&template.text);
        if let Some(format) = &template.levels {
            levels::prefetch::<K>(backend, format);
        }
        for side in buffers.sides() {
            let levels = &side.levels_mut()[..];
            prefetch::slice(&levels[..levels.len().min(FEW_LEVELS)]);
        }
    }

    /// Whether a message begins as one of the templates: other messages do not.
    fn may_fit(&self, text: &[u8]) -> bool {
        self.templates.iter().any(|template| {
            let first = template.steps.first();
            first.is_some_and(|step| starts_with(text, &template.text[..step.text]))
        })
    }

    /// Tries the template that fitted last, then the others.
    #[inline(always)]
    fn try_each<R>(
        &mut self,
        mut read: impl FnMut(&Template, &mut ExpectedShapes, &mut Scale) -> Option<R>,
    ) -> Option<R> {
        for more in 0..MAX_TEMPLATES {
            let at = (self.last + more) % MAX_TEMPLATES;
            let template = &self.templates[at];
            if template.steps.is_empty() {
                continue;
            }
            if let Some(found) = read(template, &mut self.expected, &mut self.scale) {
                self.last = at;
                (self.pause, self.last_pause) = (0, 0);
                return Some(found);
            }
        }
        None
    }

    /// The general path has read an order book of this scale from a tape: its shape is learnt, if that is due.
    pub(crate) fn learn_parsed<S: Schema>(
        shared: Shared,
        root: &Value<'_, '_>,
        text: &[u8],
        scale: Scale,
    ) {
        ThreadLocal::lend(shared, |templates| {
            if templates.is_due(scale) {
                templates.learn::<S>(root, text);
            }
        });
    }

    /// The general path has read an order book of this scale without a tape: the same.
    pub(crate) fn learn_text<S: Schema>(
        shared: Shared,
        parser: &mut Parser,
        text: &[u8],
        scale: Scale,
    ) {
        ThreadLocal::lend(shared, |templates| {
            if templates.is_due(scale) {
                let _ = parser.parse(text, |root| {
                    templates.learn::<S>(&root, text);
                    Ok(())
                });
            }
        });
    }

    /// Whether the shape of an order book of the general path, of this scale, is to be learnt: less and less often while
    /// none fits.
    fn is_due(&mut self, scale: Scale) -> bool {
        if self.is_frozen {
            return false;
        }
        self.scale = scale;
        let is_due = self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        is_due
    }

    fn learn<S: Schema>(&mut self, root: &Value<'_, '_>, text: &[u8]) {
        if self.next.learn::<S>(root, text) {
            // The one that fitted last stays.
            if self.oldest == self.last && !self.templates[self.last].steps.is_empty() {
                self.oldest = (self.oldest + 1) % MAX_TEMPLATES;
            }
            std::mem::swap(&mut self.templates[self.oldest], &mut self.next);
            self.oldest = (self.oldest + 1) % MAX_TEMPLATES;
        }
        self.last_pause = (2 * self.last_pause + 1).min(MAX_PAUSE);
        self.pause = self.last_pause;
    }
}

impl Template {
    /// Reads a message into `space`, `trades` and `members`. `levels` is asked for each side how its levels are read, with
    /// the members before it.
    #[allow(clippy::too_many_arguments)]
    fn read<'t, K: NumberFormat>(
        &self,
        backend: SimdBackend,
        expected: &mut ExpectedShapes,
        text: &Text<'t>,
        levels: impl Fn(&Members<'t>) -> K,
        buffers: &mut LevelBuffer,
        trades: &mut ListCache<Trade>,
        members: &mut Members<'t>,
    ) -> Option<ListOffsets> {
        let sides: [&mut Vec<Level>; 2] = buffers.sides().map(SideBuffer::levels_mut);
        trades.begin();
        *members = Members::default();
        let mut starts = [0; 2];
        let (mut at, mut literals) = (0, &*self.text);
        for step in &self.steps {
            let literal = literals.split_off(..step.text)?;
            let is_there = starts_with(text.bytes().get(at..)?, literal);
            at += is_there.then_some(step.text)?;
            match step.part {
                SegmentKind::Value(member) => {
                    let mut other = None;
                    let value = match member {
                        Some(member) => &mut members[member],
                        None => &mut other,
                    };
                    at = scalar(text, at, value)?;
                }
                SegmentKind::Levels(side) => {
                    starts[side as usize] = at;
                    let (format, side) = (self.levels.as_ref()?, &mut *sides[side as usize]);
                    at = read_levels(backend, levels(members), text, at, format, expected, side)?;
                }
                SegmentKind::Trades => {
                    let mut json = PullParser::new(text.bytes().get(at..)?);
                    trades.pull(&mut json)?;
                    at += json.at();
                }
                SegmentKind::End => {}
            }
        }
        (at == text.bytes().len()).then_some(ListOffsets {
            bids: starts[Side::Bid as usize],
            asks: starts[Side::Ask as usize],
        })
    }
}

/// Whether a text begins with a shorter one. Mostly it does, and mostly the shorter one has eight to sixteen bytes: those
/// are two words, which may overlap.
#[inline(always)]
fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let Some(found) = text.get(..start.len()) else {
        return false;
    };
    match (
        found.first_chunk::<8>(),
        start.first_chunk(),
        found.last_chunk::<8>(),
        start.last_chunk(),
    ) {
        (Some(a), Some(b), Some(c), Some(d)) if start.len() <= 16 => (a == b) & (c == d),
        _ => found == start,
    }
}

/// Puts the string or the number at `at` into `value`, which stays for null. Returns where it ends.
fn scalar<'t>(text: &Text<'t>, at: usize, value: &mut Option<Scalar<'t>>) -> Option<usize> {
    let rest = text.bytes().get(at..)?;
    match rest.first()? {
        b'"' => {
            let string = string::string(&rest[1..])?;
            *value = Some(Scalar::String(string));
            Some(at + string.len() + 2)
        }
        b'n' => rest.starts_with(b"null").then_some(at + 4),
        _ => {
            let (len @ 1..=LONGEST, _) = number_len(text.window(at)) else {
                return None;
            };
            let len = len as usize;
            *value = Some(Scalar::Number(rest.get(..len)?));
            Some(at + len)
        }
    }
}
