//! The text between two values.

use super::window::{LAST, WINDOW, two_words};

/// Up to sixteen bytes of text, to be compared as two words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    words: [u64; 2],
    masks: [u64; 2],
    len: usize,
}

impl Literal {
    /// None for a longer text.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        let (mut bytes, mut mask) = ([0; 16], [0; 16]);
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        mask[..text.len()].fill(0xff);
        let words = |of: [u8; 16]| {
            let (words, _) = of.as_chunks::<8>();
            [words[0], words[1]].map(u64::from_le_bytes)
        };
        Some(Self {
            words: words(bytes),
            masks: words(mask),
            len: text.len(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Zero if the text stands at an offset of a window.
    #[inline(always)]
    pub(super) fn difference(&self, window: &[u8; WINDOW], at: usize) -> u64 {
        let [first, second] = two_words(window, at);
        (first ^ self.words[0]) & self.masks[0] | (second ^ self.words[1]) & self.masks[1]
    }

    /// Whether the text stands at an offset up to [`LAST`] of a window.
    #[inline(always)]
    pub(super) fn is_at(&self, window: &[u8; WINDOW], at: usize) -> bool {
        (self.difference(window, at) == 0) & (at <= LAST)
    }
}
