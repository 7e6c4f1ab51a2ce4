//! The text between two values.

use super::lanes::Sixteen;
use super::window::{LAST, Window, sixteen};

/// Up to sixteen bytes of text, to be compared at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    text: [u8; 16],
    mask: [u8; 16],
    len: usize,
}

impl Literal {
    /// These texts joined. None for a longer text, and for one with a digit or a point, which would look like a number.
    pub(super) fn new(texts: &[&[u8]]) -> Option<Self> {
        let mut literal = Self::default();
        for text in texts {
            let end = literal.len + text.len();
            literal
                .text
                .get_mut(literal.len..end)?
                .copy_from_slice(text);
            literal.len = end;
        }
        literal.mask[..literal.len].fill(0xff);
        let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        (!literal.text().iter().any(is_number)).then_some(literal)
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds to a difference that of the text at an offset of a window.
    #[inline(always)]
    pub(super) fn differs(&self, so_far: Sixteen, window: &Window, at: usize) -> Sixteen {
        let found = Sixteen::load(sixteen(window, at));
        so_far.or_difference(found, Sixteen::load(&self.text), Sixteen::load(&self.mask))
    }

    /// Whether the text stands at an offset up to [`LAST`] of a window.
    #[inline(always)]
    pub(super) fn is_at(&self, window: &Window, at: usize) -> bool {
        self.differs(Sixteen::zero(), window, at).is_zero() & (at <= LAST)
    }
}
