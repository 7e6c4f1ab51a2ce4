//! Reads and writes without a check of their own. All unsafe code of the crate is in this module.
//!
//! A level is read in a dozen places, none of them further than 25 bytes before its first number
//! and none behind the end of its last. So three comparisons a level, in [`Edges::three`], stand
//! for all of them. Where levels are read by patterns, the bounds are those of [`patterns::Ends`].

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
mod fill;
#[cfg(target_arch = "x86_64")]
pub(super) mod patterns;
mod text;

pub(crate) use fill::Fill;
pub(crate) use text::plain_string;

use super::same;

/// How far before a number [`Three`] reads at most, in bytes: the longest text that stands before one,
/// `,"side":"SELL","created":`. (The first number of a bare JayX payload is at byte 31.)
pub(crate) const REACH: usize = 25;

/// How many bytes a window of edges takes, from the byte that its first edge is in.
pub(super) const WINDOW: usize = 9;

/// A bit for each byte of a text, from byte `from` on.
///
/// Invariant, which [`Bits::new`] checks and nothing changes: `bits` goes on for [`WINDOW`] bytes
/// behind the bit of the text's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'t> {
    text: &'t [u8],
    /// The byte of the first bit.
    from: usize,
    /// The lowest bit of the first byte first.
    bits: &'t [u8],
}

impl<'t> Bits<'t> {
    /// None when the bits begin behind the text's end, or are too few.
    pub(super) fn new(text: &'t [u8], from: usize, bits: &'t [u8]) -> Option<Self> {
        let bytes = text.len().checked_sub(from)? / 8 + WINDOW;
        (bits.len() >= bytes).then_some(Self { text, from, bits })
    }

    /// The bits from byte `at` of the text on, 57 of them at least; 64, if `WIDE`. None when `at` is
    /// before the first bit or behind the text's end.
    #[inline(always)]
    fn window<const WIDE: bool>(&self, at: usize) -> Option<u64> {
        let bit = at.checked_sub(self.from)?;
        if at > self.text.len() {
            return None;
        }
        // SAFETY: `bit` is at most the length of the text less `from`, and so many bits are there,
        // and nine bytes behind them: the type's invariant.
        let bytes: &[u8; WINDOW] = unsafe { &*self.bits.as_ptr().add(bit / 8).cast() };
        let (low, high) = (bytes.first_chunk::<8>(), bytes[8]);
        let low = low.map_or(0, |low| u64::from_le_bytes(*low)) >> (bit % 8);
        if !WIDE {
            return Some(low);
        }
        // In two steps, since a shift by all 64 bits is none.
        Some(low | u64::from(high) << 1 << (63 - bit % 8))
    }
}

/// A text and the edges of its numbers: a bit for each byte, set where a number begins or has just
/// ended. The first is at least [`REACH`] bytes from the start of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges<'t>(Bits<'t>);

impl<'t> Edges<'t> {
    /// None when the edges begin too near the start of the text, or behind its end, or are too few.
    pub(super) fn new(text: &'t [u8], from: usize, bits: &'t [u8]) -> Option<Self> {
        let bits = Bits::new(text, from, bits)?;
        (from >= REACH).then_some(Self(bits))
    }

    /// The text.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'t [u8] {
        self.0.text
    }

    /// The number that begins at `start`, and the two after it. None when no number begins there,
    /// or no three are left.
    ///
    /// Quick where the last of them ends within 57 bytes; within 64, if `WIDE`.
    #[inline(always)]
    pub(super) fn three<const WIDE: bool>(&self, start: usize) -> Option<Three<'t>> {
        let Self(bits) = self;
        let mut edges = bits.window::<WIDE>(start)?;
        if edges & 1 == 0 {
            return None;
        }
        let mut next = || {
            edges &= edges.wrapping_sub(1);
            edges.trailing_zeros() as usize
        };
        let found = [0, next(), next(), next(), next(), next()];
        if (edges == 0) | (found[5] > bits.text.len() - start) {
            return self.three_far(start);
        }
        // Each step cleared the lowest bit, so that the next one was higher: they ascend. `start` is
        // at least `from`, and that is at least `REACH`; it is not behind the text's end.
        Some(Three {
            text: bits.text,
            start,
            edges: found,
        })
    }

    /// The same wherever the numbers end.
    #[cold]
    #[inline(never)]
    fn three_far(&self, start: usize) -> Option<Three<'t>> {
        let Self(Bits { text, from, bits }) = *self;
        let is_edge = |at: &usize| {
            let at = at.wrapping_sub(from);
            bits.get(at / 8)
                .is_some_and(|bits| bits >> (at % 8) & 1 == 1)
        };
        let mut edges = (start..=text.len()).filter(is_edge);
        let mut next = || edges.next().map(|edge| edge - start);
        let edges = [next()?, next()?, next()?, next()?, next()?, next()?];
        Three::new(text, start, edges)
    }
}

/// Three numbers of a text.
///
/// Invariant, which [`Edges::three`] and [`Three::new`] see to and nothing changes: `start` is at
/// least [`REACH`], the edges ascend, and the last is in the text or at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Three<'t> {
    text: &'t [u8],
    /// Where the first number begins.
    start: usize,
    /// Where each number begins and ends, in order, from `start` on.
    edges: [usize; 6],
}

impl<'t> Three<'t> {
    /// The numbers with these edges from `start` on. None when they are too near the start of the
    /// text, or beyond its end, or do not ascend.
    pub(super) fn new(text: &'t [u8], start: usize, edges: [usize; 6]) -> Option<Self> {
        let end = start.checked_add(edges[5])?;
        let ascend = edges.is_sorted_by(|a, b| a < b);
        let good = start >= REACH && ascend && end <= text.len();
        good.then_some(Self { text, start, edges })
    }

    /// Where number `number`, 0 to 2, begins in the text.
    #[inline(always)]
    pub(crate) fn start(&self, number: usize) -> usize {
        self.start + self.edges[2 * number]
    }

    /// Where it ends.
    #[inline(always)]
    pub(crate) fn end(&self, number: usize) -> usize {
        self.start + self.edges[2 * number + 1]
    }

    /// How many bytes it has.
    #[inline(always)]
    pub(crate) fn len(&self, number: usize) -> usize {
        self.edges[2 * number + 1].wrapping_sub(self.edges[2 * number])
    }

    /// Its text.
    pub(crate) fn text(&self, number: usize) -> &'t [u8] {
        let run = self.start(number)..self.end(number);
        self.text.get(run).unwrap_or_default()
    }

    /// The `N` bytes up to its end, which it need not fill.
    #[inline(always)]
    pub(crate) fn ending<const N: usize>(&self, number: usize) -> &'t [u8; N] {
        self.before(2 * number + 1)
    }

    /// Whether `words` is all that stands between the number before it and number `number`, 1 or 2.
    #[inline(always)]
    pub(crate) fn follows<const N: usize>(&self, number: usize, words: &[u8; N]) -> bool {
        let gap = self.edges[2 * number].wrapping_sub(self.edges[2 * number - 1]);
        (gap == N) & same(self.before(2 * number), words)
    }

    #[inline(always)]
    fn before<const N: usize>(&self, edge: usize) -> &'t [u8; N] {
        const { assert!(N <= REACH) };
        let edge = self.edges[edge];
        // SAFETY: `start` is at least `REACH`, so at least `N`; and `start + edge` is at most the
        // text's length, since no edge is behind the last one. The `N` bytes before it are in the
        // text, and an array of bytes needs no alignment.
        unsafe { &*self.text.as_ptr().add(self.start).add(edge).sub(N).cast() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The edges of numbers `7` of a text of sevens and spaces.
    fn bits(text: &[u8], from: usize) -> Vec<u8> {
        let inside = |at: usize| text.get(at) == Some(&b'7');
        let mut bits = vec![0; (text.len() - from) / 8 + WINDOW];
        for at in from..=text.len() {
            if inside(at) != (at > from && inside(at - 1)) {
                bits[(at - from) / 8] |= 1 << ((at - from) % 8);
            }
        }
        bits
    }

    #[test]
    fn three_numbers_near_and_far() {
        for seed in 0..2000_usize {
            let lead = REACH + seed % 70;
            let from = REACH + seed % (lead - REACH + 1);
            let gaps: [usize; 5] =
                std::array::from_fn(|n| 1 + (seed * (n + 3) * 7919) % (seed % 60 + 1));
            let mut text = vec![b' '; lead];
            let mut expected = Vec::new();
            for (place, gap) in gaps.iter().enumerate() {
                expected.push(text.len());
                text.extend(std::iter::repeat_n(
                    if place % 2 == 0 { b'7' } else { b' ' },
                    *gap,
                ));
            }
            expected.push(text.len());
            text.extend(std::iter::repeat_n(b' ', seed % 3));
            let bits = bits(&text, from);
            let edges = Edges::new(&text, from, &bits).unwrap();
            let found = |three: Option<Three<'_>>| {
                let three = three.unwrap();
                let runs = (0..3).flat_map(|n| [three.start(n), three.end(n)]);
                runs.collect::<Vec<_>>()
            };
            assert_eq!(found(edges.three::<false>(lead)), expected);
            assert_eq!(found(edges.three::<true>(lead)), expected);
            for none in [
                from - 1,
                lead + gaps[0] + gaps[1],
                text.len(),
                text.len() + 1,
                usize::MAX,
            ] {
                assert!(edges.three::<false>(none).is_none());
            }
        }
    }

    #[test]
    fn edges_too_near_the_start_or_too_few_are_none() {
        const NEEDED: usize = (100 - REACH) / 8 + WINDOW;
        let text = [b' '; 100];
        assert!(Edges::new(&text, REACH - 1, &[0; 40]).is_none());
        assert!(Edges::new(&text, REACH, &[0; NEEDED - 1]).is_none());
        assert!(Edges::new(&text, 101, &[0; 40]).is_none());
        assert!(Edges::new(&text, REACH, &[0; NEEDED]).is_some());
    }
}
