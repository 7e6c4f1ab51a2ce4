//! The occupied slots of a window: a bitmap with a summary level. One summary word marks the nonzero words
//! among 64.

/// Bits per word.
const WORD: usize = 64;
/// Bits per summary word.
pub(super) const BLOCK: usize = WORD * WORD;

/// A set of numbers below `BLOCKS * 4096`. Finds the next and the last member in a few instructions: a
/// trailing-zero count in a word, in the summary and in a word again.
#[derive(Clone)]
pub(super) struct Bits<const BLOCKS: usize> {
    words: [[u64; WORD]; BLOCKS],
    summary: [u64; BLOCKS],
}

impl<const BLOCKS: usize> Bits<BLOCKS> {
    /// The number of possible members, also used as the value for "none".
    pub(super) const LEN: usize = BLOCKS * BLOCK;

    pub(super) const fn new() -> Self {
        Self {
            words: [[0; WORD]; BLOCKS],
            summary: [0; BLOCKS],
        }
    }

    /// Inserts or removes `at`, which is below [`Self::LEN`]. Branchless, because insertions and removals
    /// cannot be predicted.
    #[inline(always)]
    pub(super) fn put(&mut self, at: usize, is_set: bool) {
        let word = at / WORD;
        let bits = &mut self.words.as_flattened_mut()[word];
        *bits = *bits & !(1 << (at % WORD)) | u64::from(is_set) << (at % WORD);
        let any = u64::from(*bits != 0);
        let summary = &mut self.summary[at / BLOCK];
        *summary = *summary & !(1 << (word % WORD)) | any << (word % WORD);
    }

    /// The smallest member that is not below `from`; [`Self::LEN`] if there is none.
    #[inline]
    pub(super) fn next(&self, from: usize) -> usize {
        if from >= Self::LEN {
            return Self::LEN;
        }
        let bits = self.word(from / WORD) & u64::MAX << (from % WORD);
        if bits != 0 {
            return from / WORD * WORD + bits.trailing_zeros() as usize;
        }
        let word = self.next_word(from / WORD + 1);
        if word < BLOCKS * WORD {
            word * WORD + self.word(word).trailing_zeros() as usize
        } else {
            Self::LEN
        }
    }

    /// The largest member; [`Self::LEN`] if there is none.
    pub(super) fn last(&self) -> usize {
        let Some(block) = self.summary.iter().rposition(|bits| *bits != 0) else {
            return Self::LEN;
        };
        let word = block * WORD + self.summary[block].ilog2() as usize;
        word * WORD + self.word(word).ilog2() as usize
    }

    /// The index of the first nonzero word from `from` on; `BLOCKS * 64` if there is none.
    #[inline]
    pub(super) fn next_word(&self, from: usize) -> usize {
        let mut block = from / WORD;
        let mut mask = u64::MAX << (from % WORD);
        while block < BLOCKS {
            let bits = self.summary[block] & mask;
            if bits != 0 {
                return block * WORD + bits.trailing_zeros() as usize;
            }
            block += 1;
            mask = u64::MAX;
        }
        BLOCKS * WORD
    }

    /// The word at an index below `BLOCKS * 64`.
    #[inline]
    pub(super) fn word(&self, word: usize) -> u64 {
        self.words.as_flattened()[word]
    }

    /// Moves every member by `words * 64`, up or down. Drops members that leave the range.
    pub(super) fn shift(&mut self, words: isize) {
        shift(self.words.as_flattened_mut(), words, 0);
        for (summary, words) in self.summary.iter_mut().zip(&self.words) {
            *summary = words
                .iter()
                .rev()
                .fold(0, |bits, word| bits << 1 | u64::from(*word != 0));
        }
    }
}

/// Moves the content of `values` by `by` slots, up or down, and fills the free slots with `empty`.
pub(super) fn shift<T: Copy>(values: &mut [T], by: isize, empty: T) {
    let distance = by.unsigned_abs().min(values.len());
    let kept = values.len() - distance;
    if by >= 0 {
        values.copy_within(..kept, distance);
        values[..distance].fill(empty);
    } else {
        values.copy_within(distance.., 0);
        values[kept..].fill(empty);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A seeded random number (Marsaglia's xorshift64).
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state >> 16).unwrap()
    }

    fn check<const BLOCKS: usize>(bits: &Bits<BLOCKS>, set: &BTreeSet<usize>, from: usize) {
        let len = Bits::<BLOCKS>::LEN;
        let next = set.range(from..).next().copied();
        assert_eq!(bits.next(from), next.unwrap_or(len), "next from {from}");
        assert_eq!(bits.last(), set.last().copied().unwrap_or(len));
    }

    fn agrees_with_a_set<const BLOCKS: usize>(members: usize) {
        let len = Bits::<BLOCKS>::LEN;
        let (mut bits, mut set, mut state) = (Bits::<BLOCKS>::new(), BTreeSet::new(), 1);
        for step in 0..20_000 {
            let at = random(&mut state) % len;
            let is_set = set.len() < members && random(&mut state).is_multiple_of(2);
            bits.put(at, is_set);
            if is_set {
                set.insert(at);
            } else {
                set.remove(&at);
            }
            if step % 500 == 0 {
                let words = random(&mut state) % (3 * len / WORD);
                let by = isize::try_from(words).unwrap() - isize::try_from(len / WORD).unwrap();
                bits.shift(by);
                let move_by = |at: &usize| at.checked_add_signed(by * 64);
                set = set.iter().filter_map(move_by).collect();
                set.retain(|at| *at < len);
            }
            check(&bits, &set, at);
            check(&bits, &set, random(&mut state) % len);
        }
    }

    #[test]
    fn agrees_at_any_density() {
        agrees_with_a_set::<1>(4);
        agrees_with_a_set::<1>(3000);
        agrees_with_a_set::<3>(40);
    }

    #[test]
    fn finds_first_and_last_bits() {
        let mut bits = Bits::<2>::new();
        assert_eq!((bits.next(0), bits.last()), (8192, 8192));
        bits.put(8191, true);
        assert_eq!(
            (bits.next(0), bits.next(8191), bits.next(8192)),
            (8191, 8191, 8192)
        );
        bits.put(0, true);
        assert_eq!((bits.next(0), bits.next(1), bits.last()), (0, 8191, 8191));
    }
}
