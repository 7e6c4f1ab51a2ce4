//! The constant text between two values.

use wide::u8x16;

use super::lanes::{Lanes, Portable};
use super::window::{LAST, Window, sixteen};

/// Up to sixteen bytes of text that are compared at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    text: [u8; 16],
    mask: [u8; 16],
    len: usize,
}

impl Literal {
    /// `None` for a longer text, and for one with a digit or a point, which could be part of a number.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        if text.iter().any(is_number) {
            return None;
        }
        let mut literal = Self::default();
        literal.text.get_mut(..text.len())?.copy_from_slice(text);
        literal.mask[..text.len()].fill(0xff);
        literal.len = text.len();
        Some(literal)
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds the difference between this text and that at an offset of a window to `so_far`.
    #[inline(always)]
    pub(super) fn differs(&self, so_far: u8x16, window: &Window, at: usize) -> u8x16 {
        let [found, text, mask] = [*sixteen(window, at), self.text, self.mask].map(u8x16::new);
        so_far | (found ^ text) & mask
    }

    /// Whether the text is at an offset of a window, which is at most [`LAST`].
    #[inline(always)]
    pub(super) fn is_at(&self, window: &Window, at: usize) -> bool {
        Portable.is_zero(self.differs(u8x16::ZERO, window, at)) & (at <= LAST)
    }
}
