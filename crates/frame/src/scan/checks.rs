//! What must stand in an item, byte for byte.

use super::parts::WINDOW;

/// What is taken from each byte of an item's window, and which bits of what is left must be zero.
///
/// Where text stands, nothing may be left; of the first digit of several, no more than eight; of a digit that is finer
/// than a step, nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Checks {
    /// What is taken from each byte: of the first digit of several `'1'`, of another digit `'0'`.
    pub(crate) words: [u8; WINDOW],
    /// Which bits of what is left must be zero: none behind what was laid out.
    pub(crate) mask: [u8; WINDOW],
}

impl Checks {
    /// Of nothing.
    pub(crate) const NONE: Self = Self {
        words: [0; WINDOW],
        mask: [0; WINDOW],
    };

    /// `words` stand from byte `at` on. None when that is not in the window; so for the others.
    pub(super) fn text(&mut self, at: usize, words: &[u8]) -> Option<()> {
        let end = at + words.len();
        self.words.get_mut(at..end)?.copy_from_slice(words);
        self.mask.get_mut(at..end)?.fill(0xff);
        Some(())
    }

    /// There are `count` digits from byte `at` on.
    pub(super) fn digits(&mut self, at: usize, count: usize) -> Option<()> {
        self.words.get_mut(at..at + count)?.fill(b'0');
        Some(())
    }

    /// The same, and the first of several must not be a zero.
    pub(super) fn whole(&mut self, at: usize, count: usize) -> Option<()> {
        self.digits(at, count)?;
        if count > 1 {
            self.words[at] = b'1';
            self.mask[at] = 0xf0;
        }
        Some(())
    }

    /// The `count` digits from byte `at` on must be zeros.
    pub(super) fn zeros(&mut self, at: usize, count: usize) -> Option<()> {
        self.digits(at, count)?;
        self.mask.get_mut(at..at + count)?.fill(0xff);
        Some(())
    }
}
