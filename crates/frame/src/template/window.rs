//! Windows on a text: a fixed number of bytes from any place, also at the end of the text.

/// How many bytes a window holds.
pub(super) const WINDOW: usize = 144;

/// The largest offset in a window that [`word`] and [`two_words`] read at.
pub(super) const LAST: usize = 127;

/// A text, and its last bytes with zeros behind them.
pub(super) struct Text<'t> {
    bytes: &'t [u8],
    /// The last `WINDOW` bytes, or all of a shorter text, then zeros.
    tail: [u8; 2 * WINDOW],
    tail_at: usize,
}

impl<'t> Text<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let tail_at = bytes.len().saturating_sub(WINDOW);
        let mut tail = [0; 2 * WINDOW];
        let last = &bytes[tail_at..];
        tail[..last.len()].copy_from_slice(last);
        Self {
            bytes,
            tail,
            tail_at,
        }
    }

    /// The bytes from `at` on; zeros behind the end of the text.
    #[inline(always)]
    pub(super) fn window(&self, at: usize) -> &[u8; WINDOW] {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(window) => window,
            None => self.last_window(at),
        }
    }

    #[cold]
    #[inline(never)]
    fn last_window(&self, at: usize) -> &[u8; WINDOW] {
        const ZEROS: &[u8; WINDOW] = &[0; WINDOW];
        let tail = self.tail.get(at.wrapping_sub(self.tail_at)..);
        tail.and_then(<[u8]>::first_chunk).unwrap_or(ZEROS)
    }
}

/// The eight bytes at an offset up to [`LAST`]; at a larger one, eight other bytes.
#[inline(always)]
pub(super) fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    // The mask spares the check of the bounds.
    let at = at & LAST;
    let bytes = window[at..at + 8].first_chunk();
    u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
}

/// The sixteen bytes at an offset up to [`LAST`], as above.
#[inline(always)]
pub(super) fn two_words(window: &[u8; WINDOW], at: usize) -> [u64; 2] {
    let at = at & LAST;
    [word(window, at), {
        let bytes = window[at + 8..at + 16].first_chunk();
        u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
    }]
}
