//! Where the numbers of a line begin and end, and whether they are numbers.

use super::isa::{Classes, Isa};
use super::raw::{Edges, WINDOW};
use super::{Job, Way};

/// Which bytes belong to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Digits.
    Whole,
    /// Digits and points.
    Decimal,
}

/// The edges of a line's numbers, in a buffer that lives on.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    bits: Vec<u8>,
}

impl Runs {
    /// Finds the edges in `text` from byte `from` on. None when a run of number bytes there is no
    /// number by the grammar of JSON, or when there is to be no scanner.
    pub(crate) fn find<'t>(
        &'t mut self,
        way: Way,
        numbers: Numbers,
        text: &'t [u8],
        from: usize,
    ) -> Option<Edges<'t>> {
        let sound = way.run(Find {
            bits: &mut self.bits,
            numbers,
            text: text.get(from..)?,
        })?;
        if !sound {
            return None;
        }
        Edges::new(text, from, &self.bits)
    }
}

struct Find<'r> {
    bits: &'r mut Vec<u8>,
    numbers: Numbers,
    text: &'r [u8],
}

impl Job for Find<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let Self { bits, text, .. } = self;
        match self.numbers {
            Numbers::Whole => find(bits, text, |block| isa.classes::<false>(block)),
            Numbers::Decimal => find(bits, text, |block| isa.classes::<true>(block)),
        }
    }
}

/// Finds the edges, and tells whether all numbers are sound.
#[inline(always)]
fn find(bits: &mut Vec<u8>, text: &[u8], classes: impl Fn(&[u8; 64]) -> Classes) -> bool {
    let (blocks, rest) = text.as_chunks::<64>();
    let len = (blocks.len() + 2) * 8 + WINDOW;
    if bits.len() < len {
        bits.resize(len, 0);
    }
    let (words, _) = bits.as_chunks_mut::<8>();
    let mut grammar = Grammar::default();
    for (word, block) in words.iter_mut().zip(blocks) {
        *word = grammar.edges(classes(block)).to_le_bytes();
    }
    // The last bytes are read from a copy, which owns what is behind them. The edge behind them may
    // be in a word of its own.
    let mut last = [0; 64];
    last[..rest.len()].copy_from_slice(rest);
    for (word, classes) in words
        .iter_mut()
        .skip(blocks.len())
        .zip([classes(&last), Classes::default()])
    {
        *word = grammar.edges(classes).to_le_bytes();
    }
    grammar.bad == 0
}

/// Finds edges, and holds the numbers to the grammar of JSON on the way, 64 bytes at a time: no zero
/// before another digit, digits on both sides of a point, one point. (Signs and exponents belong to
/// no number here: what has one is left with a text beside it that is not expected.)
///
/// Each bit is a byte, the lowest the first; what the last block says of the next byte is carried
/// over in bit 0.
#[derive(Default)]
struct Grammar {
    bad: u64,
    /// Whether the last byte was of a number, a zero that began one, a point.
    inside: u64,
    zero: u64,
    point: u64,
    /// Whether the digits behind a point reached the end of the block.
    fraction: bool,
}

impl Grammar {
    #[inline(always)]
    fn edges(&mut self, classes: Classes) -> u64 {
        let Classes {
            digits,
            points,
            zeros,
        } = classes;
        let inside = digits | points;
        let edges = inside ^ (inside << 1 | self.inside);
        let starts = inside & edges;
        let after_zero = (starts & zeros) << 1 | self.zero;
        let after_point = points << 1 | self.point;
        // Adding one to the first digit behind a point carries through all digits to the byte
        // behind them, which must not be another point.
        let (sum, over) = digits.overflowing_add(after_point & digits);
        let (sum, over_again) = sum.overflowing_add(u64::from(self.fraction));
        let after_fraction = sum & !digits;

        self.bad |= digits & after_zero;
        self.bad |= points & (starts | after_fraction);
        self.bad |= after_point & !digits;
        self.inside = inside >> 63;
        self.zero = (starts & zeros) >> 63;
        self.point = points >> 63;
        self.fraction = over | over_again;
        edges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scan::Scan;

    fn is_inside(byte: u8, numbers: Numbers) -> bool {
        byte.is_ascii_digit() || (numbers == Numbers::Decimal && byte == b'.')
    }

    fn naive_edges(text: &[u8], numbers: Numbers) -> Vec<usize> {
        let inside = |at: usize| text.get(at).is_some_and(|byte| is_inside(*byte, numbers));
        let before = |at: usize| at > 0 && inside(at - 1);
        (0..=text.len())
            .filter(|&at| inside(at) != before(at))
            .collect()
    }

    fn is_sound(text: &[u8], numbers: Numbers) -> bool {
        let runs = text.split(|byte| !is_inside(*byte, numbers));
        runs.filter(|run| !run.is_empty()).all(|run| {
            let mut parts = run.split(|byte| *byte == b'.');
            let whole = parts.next().unwrap_or_default();
            let leading_zero = whole.len() > 1 && whole[0] == b'0';
            let fraction = parts.next().is_none_or(|digits| !digits.is_empty());
            !whole.is_empty() && !leading_zero && fraction && parts.next().is_none()
        })
    }

    fn places(bits: &[u8], text: &[u8]) -> Vec<usize> {
        let set = |at: &usize| bits[at / 8] >> (at % 8) & 1 == 1;
        (0..=text.len()).filter(set).collect()
    }

    fn check(text: &[u8]) -> Result<(), TestCaseError> {
        for scan in [Scan::Best, Scan::Avx2, Scan::Portable] {
            for numbers in [Numbers::Whole, Numbers::Decimal] {
                // What an earlier text has left must not matter.
                let mut bits = vec![0xff; 40];
                let find = Find {
                    bits: &mut bits,
                    numbers,
                    text,
                };
                prop_assert_eq!(Way::new(scan).run(find), Some(is_sound(text, numbers)));
                prop_assert_eq!(places(&bits, text), naive_edges(text, numbers));
            }
        }
        Ok(())
    }

    /// Numbers that are mostly sound, and long enough to cross blocks.
    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            20 => "[1-9][0-9]{0,9}",
            20 => "(0|[1-9][0-9]{0,9})[.][0-9]{1,9}",
            4 => "[1-9][0-9]{0,90}[.][0-9]{1,90}",
            1 => "[0-9.]{1,8}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn edges_and_grammar_are_what_the_naive_search_says(
            pieces in proptest::collection::vec((number(), "[:/ x-]{1,70}"), 0..8),
        ) {
            let text: String = pieces.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect();
            check(text.as_bytes())?;
        }

        #[test]
        fn any_bytes(
            text in proptest::collection::vec(prop_oneof![
                3 => b'1'..=b'9', 1 => Just(b'.'), 1 => Just(b'0'), 4 => any::<u8>(), 1 => Just(b'/'),
            ], 0..200),
        ) {
            check(&text)?;
        }
    }
}
