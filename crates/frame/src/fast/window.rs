//! Windows on a text: a fixed number of bytes from any place, also at the end of the text.

/// A fixed number of bytes of a text.
pub(super) type Window = [u8; WINDOW];

/// How many bytes a window holds.
pub(super) const WINDOW: usize = 144;

/// The largest offset in a window that [`word`] and [`sixteen`] read at.
pub(super) const LAST: usize = 127;

/// A text, and its last bytes with zeros behind them.
pub(super) struct Text<'t> {
    bytes: &'t [u8],
    /// The last `WINDOW` bytes, or all of a shorter text, then zeros.
    tail: [u8; 2 * WINDOW],
    /// The end of the places that a whole window of the text itself begins at.
    whole: usize,
}

impl<'t> Text<'t> {
    /// Must be inlined: it is large to be moved.
    #[inline(always)]
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let mut text = Self {
            bytes,
            tail: [0; 2 * WINDOW],
            whole: (bytes.len() + 1).saturating_sub(WINDOW),
        };
        let last = &bytes[text.tail_at()..];
        text.tail[..last.len()].copy_from_slice(last);
        text
    }

    /// Where the tail begins: with the last whole window, or with the text.
    fn tail_at(&self) -> usize {
        self.whole.saturating_sub(1)
    }

    pub(super) fn bytes(&self) -> &'t [u8] {
        self.bytes
    }

    /// The bytes from `at` on; zeros behind the end of the text.
    #[inline(always)]
    pub(super) fn window(&self, at: usize) -> &Window {
        if at >= self.whole {
            return self.last_window(at);
        }
        // SAFETY: `at + WINDOW < whole + WINDOW`, which is the text's length and one.
        #[allow(unsafe_code)]
        unsafe {
            &*self.bytes.as_ptr().add(at).cast()
        }
    }

    #[cold]
    #[inline(never)]
    fn last_window(&self, at: usize) -> &Window {
        const ZEROS: &Window = &[0; WINDOW];
        let tail = self.tail.get(at.wrapping_sub(self.tail_at())..);
        tail.and_then(<[u8]>::first_chunk).unwrap_or(ZEROS)
    }
}

/// The eight bytes at an offset up to [`LAST`]; at a larger one, eight other bytes.
#[inline(always)]
pub(super) fn word(window: &Window, at: usize) -> u64 {
    // The mask spares the check of the bounds.
    let at = at & LAST;
    let bytes = window[at..at + 8].first_chunk();
    u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
}

/// The sixteen bytes at an offset up to [`LAST`], as above.
#[inline(always)]
pub(super) fn sixteen(window: &Window, at: usize) -> &[u8; 16] {
    let at = at & LAST;
    window[at..at + 16].first_chunk().unwrap_or(&[0; 16])
}
