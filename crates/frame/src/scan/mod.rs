//! The scanner: messages in the very shape that the venue sends, several times faster than JSON.
//!
//! # What it reads
//! Order books of both venues, which the next part is about. And messages that are keys and texts more than
//! numbers: JayX's candles, balances and open orders (`kline`,
//! `positions`, `openorders`), and of Bayse Markets the fills (`buy_order`, `sell_order`),
//! `price_update`, `asset_price`, `order_updated` and `pong`. Those need no instructions of their own: a
//! [`Cursor`] expects each key where the venue puts it and takes each text up to its quote ([`fields`]). Of
//! Bayse Markets the greeting, errors and the answers to subscriptions are always left to the general path.
//!
//! # How it reads order books
//! An order-book message is nearly all levels, and all levels of a venue are alike: the same texts
//! around numbers of changing length, such as `{"ticks":6180030,"lots":1135000,"count":1}`. So
//! nothing has to be tokenized, only three questions answered a level: where are its numbers, is the text between them
//! what it should be, and what are they worth?
//!
//! *With AVX-512 or AVX2* the three are one. The pattern of a level's digits, a bit for each byte, is looked up in a
//! table, which says of each byte what it is for. So nothing is measured, and no branch depends on a length. AVX-512
//! has a permutation that puts all bytes that matter in an order that is the same for all levels ([`form`]): a
//! subtraction and a mask then check all of the text at once, with constants. With AVX2 each number is loaded from
//! where it begins and a shuffle puts it in its lane, and the text is compared where it stands ([`shuffles`]).
//! Numbers that are too long for that, and trades, take a little longer, by [recipes](recipe).
//!
//! *Without either*, and for what the patterns do not take, one pass over the text tells of every byte whether it
//! belongs to a number, 64 bytes at a time, and keeps the [edges](runs): one bit for each byte where a number begins
//! or ends. The five edges after the start of a level are then five steps of "clear the lowest bit" on one word, and
//! the next level begins a constant further on. That chain, from level to level, is all that has to be waited for;
//! everything else of a level hangs off it sideways, and the processor does several levels at once. The texts between
//! are two or three comparisons of constants.
//!
//! *What the numbers are worth* is found by adding neighbours, digits to pairs, pairs to fours, fours to eights, for
//! all numbers of a level at a time. There is no loop over digits and no branch on their number. No level is taken on
//! trust.
//!
//! A list that mostly repeats the one of the message before is read only as far as it is new: see
//! [`repeat`].
//!
//! Either way begins with one pass over all of the text, whose steps do not wait for each other: so it
//! also brings the text near as fast as that goes, and nothing is gained by asking for it before.
//!
//! # What it leaves alone
//! Whole messages only. At the first byte that is not as expected (another order of keys, a space,
//! an escape, a field more, an exponent, a sign, a number of more than sixteen digits; outside order books of
//! more than eighteen digits, or 32 bytes with a point) the scanner gives the line back, as if it had not seen it,
//! and a [template](crate::template) or the general path decodes it from its start. So no error is ever made here: the
//! general path refuses a line that is refused.
//!
//! # UTF-8
//! is checked once on either path: by simd-json on the general one; here every byte is compared
//! with ASCII text or belongs to a number, but for the insides of strings, which
//! [`Cursor::string`](cursor::Cursor::string) checks.

mod checks;
mod cursor;
pub(crate) mod fields;
mod form;
mod isa;
mod parts;
mod raw;
mod recipe;
mod repeat;
mod runs;
#[cfg(test)]
pub(crate) mod samples;
mod shuffles;
mod side;
mod table;

pub(crate) use cursor::{Cursor, is_at};
pub(crate) use form::Form;
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(crate) use isa::Classes;
pub(crate) use isa::{Isa, MAX_RUN, NO_POINT, Portable, eight, leading_digits};
pub(crate) use parts::Part;
pub(crate) use raw::Three;
pub(crate) use recipe::Recipe;
pub(crate) use repeat::Repeats;
pub(crate) use runs::Numbers;
pub(crate) use side::{Formed, Known, Lanes, Shape};

#[cfg(target_arch = "x86_64")]
use raw::{avx2::Avx2, avx512::Avx512, patterns::Patterns};
use runs::Runs;
use side::Scanned;
use table::Tables;

/// Which way a decoder reads messages in the venue's own shape. The messages and the refusals are the same whichever it
/// is; this is for measuring, and for tests that hold the ways to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scan {
    /// The fastest that this processor can run: AVX-512, AVX2, or neither.
    #[default]
    Best,
    /// The scanner with AVX2, or without if this processor has none.
    Avx2,
    /// The scanner without instructions that not every processor has.
    Portable,
    /// None: every line is read from a tape of all its JSON, order books too. The other ways are held to it.
    Off,
}

/// The path of a decoder that read an order book. The book is the same whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodePath {
    /// The fastest: the message has the order of keys and the spacing of the venue's documentation.
    Scanner,
    /// The message has the shape of an earlier one, from which it was learnt.
    Template,
    /// The slowest, for any JSON.
    General,
}

impl Scan {
    /// What this choice comes to on this processor: `AVX-512`, `AVX2`, `portable` or `off`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match Way::new(self) {
            #[cfg(target_arch = "x86_64")]
            Way::Patterns(Patterns::Avx512(_)) => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Way::Patterns(Patterns::Avx2(_)) => "AVX2",
            Way::Portable => "portable",
            Way::Off => "off",
        }
    }
}

/// Work that is compiled once for each instruction set.
pub(crate) trait Job {
    type Output;

    /// Must be `#[inline(always)]`, so that it is compiled for the instructions of its caller.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// The instruction set in use.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    #[cfg(target_arch = "x86_64")]
    Patterns(Patterns),
    Portable,
    Off,
}

/// How many tables of recipes a venue has.
pub(crate) const TABLES: usize = 2;

/// The scanner: the instruction set in use, and buffers that live on.
pub(crate) struct Scanner {
    way: Way,
    runs: Runs,
    /// Closing braces, and what is known of patterns.
    ends: Vec<u8>,
    tables: Tables,
    /// How many texts were read by their patterns.
    #[cfg(test)]
    pub(crate) known: u64,
}

impl Scanner {
    pub(crate) fn new(scan: Scan) -> Self {
        let way = Way::new(scan);
        Self {
            way,
            runs: Runs::default(),
            ends: Vec::new(),
            tables: Tables::default(),
            #[cfg(test)]
            known: 0,
        }
    }

    /// Whether there is a scanner at all.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.way, Way::Off)
    }

    /// Tries to read a text, in the quickest way first: `read` gets the numbers of it from byte
    /// `from` on. None when no way succeeds, or there is to be no scanner.
    pub(crate) fn read<R>(
        &mut self,
        numbers: Numbers,
        text: &[u8],
        from: usize,
        mut read: impl FnMut(Scanned<'_>) -> Option<R>,
    ) -> Option<R> {
        if let Some(found) = self.by_patterns(text).and_then(&mut read) {
            #[cfg(test)]
            {
                self.known += 1;
            }
            return Some(found);
        }
        let way = self.way;
        let edges = self.runs.find(way, numbers, text, from)?;
        read(Scanned::Edges { way, edges })
    }

    #[cfg(target_arch = "x86_64")]
    fn by_patterns<'t>(&'t mut self, text: &'t [u8]) -> Option<Scanned<'t>> {
        let Way::Patterns(isa) = self.way else {
            return None;
        };
        Some(Scanned::Patterns {
            isa,
            ends: isa.ends(text, &mut self.ends),
            tables: &mut self.tables,
        })
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn by_patterns<'t>(&'t mut self, _: &'t [u8]) -> Option<Scanned<'t>> {
        None
    }
}

impl Way {
    fn new(scan: Scan) -> Self {
        match scan {
            Scan::Off => Self::Off,
            Scan::Portable => Self::Portable,
            Scan::Avx2 => Self::avx2(),
            Scan::Best => Self::best(),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        Avx512::detect().map_or_else(Self::avx2, |isa| Self::Patterns(Patterns::Avx512(isa)))
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2() -> Self {
        Avx2::detect().map_or(Self::Portable, |isa| Self::Patterns(Patterns::Avx2(isa)))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Self {
        Self::Portable
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn avx2() -> Self {
        Self::Portable
    }

    #[cfg(test)]
    fn has_patterns(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self, Self::Patterns(_));
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Does the job with the instructions of this way; none when there is to be no scanner.
    fn run<J: Job>(self, job: J) -> Option<J::Output> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Patterns(isa) => Some(isa.run(job)),
            Self::Portable => Some(job.run(Portable)),
            Self::Off => None,
        }
    }
}

/// Whether two arrays are the same. For 8 to 24 bytes it is two or three words, the last of them
/// overlapping: fewer instructions than the compiler makes of odd lengths.
#[inline(always)]
pub(crate) fn same<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    if N < 8 || N > 24 {
        return a == b;
    }
    let word =
        |of: &[u8; N], at: usize| of[at..].first_chunk().map_or(0, |w| u64::from_le_bytes(*w));
    let differ = |at: usize| word(a, at) ^ word(b, at);
    let middle = if N > 16 { differ(8) } else { 0 };
    differ(0) | differ(N - 8) | middle == 0
}
