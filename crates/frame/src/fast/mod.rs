//! The fast path: decodes order books that have the shape of an earlier message.
//!
//! A venue writes all its order books alike: the same keys in the same order, with the same spacing. A message that the
//! general path has parsed therefore becomes a [`Template`] for later ones: the texts between its values, and the role
//! of each value. A message that matches is decoded in one pass. The general path parses any other message, which may
//! then become another template. Because fields may be optional, a thread keeps [`MAX_TEMPLATES`] templates per venue.
//!
//! The path touches little memory besides the message: a template takes some hundred bytes, the numbers need two small
//! tables, and no table grows with the numbers seen. It is therefore fast with cold caches, too.
//!
//! # How a level is read
//! This example uses JayX's levels in the format of Python's `json.dumps`. The [format](levels::LevelFormat) is learnt
//! from two levels of an earlier message, whose texts have at most sixteen bytes:
//!
//! ```text
//! {"ticks": 6684363, "lots": 1004817, "count": 1}, {"ticks": 6751207, "lots": 2993562, "count": 1}, ...
//! before   `{"ticks": `   `, "lots": `   `, "count": `
//! next     `}, {"ticks": `
//! end      `}`
//! ```
//!
//! The reader is at the first number of a level: `6751207, "lots": 2993562, "count": 1}, {"ticks": ...`.
//!
//! 1. *The price* is expected to have as many digits as the previous one: seven. The offset of the next text, byte 7,
//!    is therefore known before any load.
//! 2. *The texts* between the numbers, and from the last number to the first one of the next level, are compared with
//!    sixteen bytes each, under a mask for their length: `, "lots": ` at byte 7. The differences are combined, and
//!    tested later.
//! 3. *The quantity*, at byte 17, may have any length. Eight bytes are loaded: `2993562,`. After `'0'` is subtracted
//!    from each, an addition carries into the top bit of every byte that is not a digit. The lowest such bit gives the
//!    length: seven digits.
//! 4. *The count*, at byte 35, is expected to be as long as the last one: one digit. The next level therefore starts at
//!    byte 49, an offset that depends only on the length of the quantity.
//! 5. *The values*: a shuffle aligns the digits of each number to the end of eight bytes, with zeros before them. A
//!    table contains the shuffle masks. Pairs, fours and eights of digits are then combined for all numbers at once:
//!    6751207, 2993562 and 1.
//! 6. *The checks*: the differences must be zero. A byte other than a digit in a number is a difference, too, and after
//!    a number with more digits than expected the text differs. A leading zero is detected by the value: a number of
//!    seven digits is at least a million.
//!
//! A check fails in three cases. At the end of the list, `}` follows instead of the next level. If a price or a count
//! has another length, the lengths are measured and the level is read again. If a number is longer than eight bytes,
//! the level is parsed number by number.
//!
//! # How a level of decimals is read
//! The reader is at `0.499,"quantity":4306.29,"total":2148.83871},{"price":...`.
//!
//! 1. *The price* is expected to have the shape of the previous one, including its point: `0.499`. The quantity
//!    therefore starts at byte 17.
//! 2. *The marks*: the 32 bytes from there on are loaded: `4306.29,"total":2148.83871},{"pr`. Four masks with one bit
//!    per byte mark the digits, zeros, points and closing braces. The brace is at bit 26, so the next level starts
//!    eleven bytes later, whatever the numbers are. (Without a brace, the next 32 bytes are marked, too.)
//! 3. *The lengths*: the quantity ends at the first byte that is neither a digit nor a point, at bit 7, and its point
//!    is at bit 4. The total starts at bit 16, after `,"total":`.
//! 4. *The texts and values*, as above. The table has a shuffle mask for each length and position of the point. A power
//!    of ten converts the digits of the quantity, 430629, to steps.
//! 5. *The checks* of all numbers use the masks. A number must not have a leading zero, and a point must have digits on
//!    both sides. The sum of the digits' mask and the shifted points' mask has a bit after each fraction, where no
//!    second point may be. The total is not converted, but validated like the others.
//!
//! # Instructions
//! With AVX2, 32 bytes are marked at once, and one shuffle moves the digits of all numbers of a level. The portable
//! backend marks bytes with vectors of sixteen bytes, if the processor has them, and shifts each number in a general
//! register. No load reaches beyond the text, because its last bytes are copied and padded with zeros
//! ([`window::PaddedInput`]).
//!
//! # Messages that do not match
//! A message takes the general path if anything but the values of strings and numbers differs from the templates. The
//! same holds for a message with
//!
//! - a sign, an exponent, a leading zero or an escape;
//! - levels of more than four members, or members that are strings or objects;
//! - more than sixteen bytes of text between two members of a level.
//!
//! The fast path reports no errors. The general path rejects all invalid messages.
//!
//! # UTF-8
//! The general path validates the whole text. Here each byte is a digit, or is compared with validated text. The
//! contents of strings are validated by [`string`](crate::string).
//!
//! # Other messages
//! Candles, balances and fills consist of keys and texts more than of numbers, and have no templates. The general path
//! parses them in one pass, with any key order and spacing ([`pull`](crate::pull), [`record`](crate::record)).

mod backend;
mod compiled_reader;
mod lanes;
mod learn;
mod levels;
mod list_cache;
mod literal;
mod number_check;
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
use self::number_check::{LONGEST, number_len};
use self::window::PaddedInput;
use crate::json::{Parser, Value};
use crate::levels::{LevelBuffer, ListOffsets, SideBuffer};
use crate::prefetch;
use crate::pull::PullParser;
use crate::string;
use crate::thread_local::ThreadLocal;
use crate::units::Trade;
use crate::{bayse, jayx};

/// The path that decoded an order book. Both paths return the same book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodePath {
    /// The fast path: the message matched the template of an earlier one.
    Fast,
    /// The general path, for any JSON.
    General,
}

/// The maximum number of messages that the general path parses between two that become templates.
const MAX_PAUSE: u32 = 1_000;

/// The maximum number of members of a message that are stored, apart from its lists.
pub(crate) const MEMBERS: usize = 6;

/// The role of a value in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The same in all order books: part of the constant text.
    Constant,
    /// A member that is stored at this index.
    Member(usize),
    /// The levels of a side.
    Levels(Side),
    /// The trades.
    Trades,
    /// Skipped, if it is a string, a number or null.
    Other,
}

/// The meaning of the values in a venue's order books.
pub(crate) trait Schema {
    /// The keys of a level: price, quantity, and count or an empty string.
    const LEVEL_KEYS: [&'static str; 3];

    /// The role of a value by the path of keys to it. An item of an array has an empty key.
    fn role(path: &[&str]) -> Role;
}

/// The number of levels of a side that are prefetched. The hardware prefetcher covers the following ones.
const FEW_LEVELS: usize = 20;

/// The maximum number of templates of a venue on a thread. Several are needed, because fields may be optional.
const MAX_TEMPLATES: usize = 4;

/// The templates of a venue's order books, and the state that decides when to learn another one. All decoders of a
/// thread share them.
#[derive(Debug)]
pub(crate) struct Templates {
    templates: [Template; MAX_TEMPLATES],
    /// The index of the template that matched last.
    last: usize,
    /// The index of the template to replace next.
    oldest: usize,
    /// The template being learnt.
    next: Template,
    /// The number of messages that the general path parses before another one is learnt.
    pause: u32,
    /// The initial value of the last pause.
    last_pause: u32,
    /// The expected shapes of the next level.
    expected: ExpectedShapes,
    /// The scale of the last message: a guess for a message that names its market after its levels.
    scale: Scale,
    /// Whether learning is disabled: see [`without_learning`].
    is_frozen: bool,
}

/// The templates that the decoders of a thread share.
pub(crate) type Shared = &'static LocalKey<ThreadLocal<Templates>>;

/// Runs `work` without learning templates. Its messages do not affect later ones: the decoders of this thread learn
/// none of their shapes, learn the next shape at the same time, and try the same template first.
///
/// Its messages take the fast path if their shape is known. Use this to decode messages again that keep the code and
/// the templates in the caches. Allocates on a thread that has not decoded a message yet.
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

/// Disables learning on this thread until it is dropped, also by a panic.
struct Frozen([LearningState; ALL.len()]);

/// The state that a message changes when it matches a template.
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

/// The constant parts of a venue's order books.
#[derive(Debug, Default)]
struct Template {
    /// Empty until a message was learnt.
    segments: Vec<Segment>,
    /// The text of all segments, in order.
    text: Vec<u8>,
    levels: Option<LevelFormat>,
}

/// A part of a message after a constant text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    /// The length of the constant text before it.
    text: usize,
    kind: SegmentKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentKind {
    /// A string, a number or null, and the index at which it is stored.
    Value(Option<usize>),
    /// The levels of a side, up to the closing bracket.
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

/// The stored members; `None` for a member that is null or absent.
pub(crate) type Members<'t> = [Option<Scalar<'t>>; MEMBERS];

/// No templates.
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
    /// Disables learning, and returns the state to restore.
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

    /// Reads a message whose levels and trades are integers. Returns the offsets of its levels.
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
        let text = PaddedInput::new(text);
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

    /// Reads a message whose levels are decimals. `scale` returns the scale of the market that the members name, if it
    /// was read already. `message` builds the message from all members, if they are valid.
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
        let text = PaddedInput::new(text);
        let members = &mut Members::default();
        self.try_each(|template, expected, guess| {
            let is_guess = Cell::new(false);
            let levels = |members: &Members<'_>| {
                let known = scale(members);
                // The market's name may be between the two sides.
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

    /// Prefetches the code and the data of the template that matched last.
    fn prefetch<K: NumberFormat>(&self, backend: SimdBackend, buffers: &mut LevelBuffer) {
        let template = &self.templates[self.last];
        prefetch::slice(&template.segments);
        prefetch::slice(&template.text);
        if let Some(format) = &template.levels {
            levels::prefetch::<K>(backend, format);
        }
        for side in buffers.sides() {
            let levels = &side.levels_mut()[..];
            prefetch::slice(&levels[..levels.len().min(FEW_LEVELS)]);
        }
    }

    /// Whether a message starts like one of the templates, which messages other than order books do not.
    fn may_fit(&self, text: &[u8]) -> bool {
        self.templates.iter().any(|template| {
            let first = template.segments.first();
            first.is_some_and(|first| starts_with(text, &template.text[..first.text]))
        })
    }

    /// Tries the template that matched last, then the others.
    #[inline(always)]
    fn try_each<R>(
        &mut self,
        mut read: impl FnMut(&Template, &mut ExpectedShapes, &mut Scale) -> Option<R>,
    ) -> Option<R> {
        for more in 0..MAX_TEMPLATES {
            let at = (self.last + more) % MAX_TEMPLATES;
            let template = &self.templates[at];
            if template.segments.is_empty() {
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

    /// Learns the shape of an order book that the general path parsed to a tape, if learning is due.
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

    /// Learns the shape of an order book that the general path parsed without a tape, if learning is due.
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

    /// Whether to learn the shape of an order book that took the general path. The pauses between learning grow while
    /// no template matches.
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
            // Keeps the template that matched last.
            if self.oldest == self.last && !self.templates[self.last].segments.is_empty() {
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
    /// Reads a message into `buffers`, `trades` and `members`. `levels` returns the number format of a side from the
    /// members before it.
    #[allow(clippy::too_many_arguments)]
    fn read<'t, K: NumberFormat>(
        &self,
        backend: SimdBackend,
        expected: &mut ExpectedShapes,
        text: &PaddedInput<'t>,
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
        for segment in &self.segments {
            let literal = literals.split_off(..segment.text)?;
            let is_there = starts_with(text.bytes().get(at..)?, literal);
            at += is_there.then_some(segment.text)?;
            match segment.kind {
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

/// Whether a text starts with a shorter one. It usually does, and most shorter texts have eight to sixteen bytes, which
/// are compared as two words that may overlap.
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

/// Stores the string or the number at `at` in `value`, which stays unchanged for null. Returns the end offset.
fn scalar<'t>(text: &PaddedInput<'t>, at: usize, value: &mut Option<Scalar<'t>>) -> Option<usize> {
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
