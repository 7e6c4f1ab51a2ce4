//! Windows of a text: a fixed number of bytes at any offset, also at the end of the text.

/// A fixed-length part of a text.
pub(super) type Window = [u8; WINDOW];

/// The length of a window in bytes.
pub(super) const WINDOW: usize = 144;

/// The largest offset in a window that [`word`] and [`sixteen`] accept.
pub(super) const LAST: usize = 127;

/// Bytes with a window at each offset below `end`. [`Windows::new`] is the only constructor and ensures that `end` is
/// zero, or `end + WINDOW` is `bytes.len() + 1`.
#[derive(Clone, Copy)]
pub(super) struct Windows<'t> {
    bytes: &'t [u8],
    end: usize,
}

impl<'t> Windows<'t> {
    fn new(bytes: &'t [u8]) -> Self {
        let end = (bytes.len() + 1).saturating_sub(WINDOW);
        Self { bytes, end }
    }

    #[inline(always)]
    pub(super) fn at(self, at: usize) -> Option<&'t Window> {
        if at >= self.end {
            return None;
        }
        // SAFETY: `at < end`, so `end > 0`, and then `end + WINDOW == bytes.len() + 1` by `new`. Hence `at + WINDOW <=
        // bytes.len()`: the window is inside `bytes`. An array of bytes needs no alignment.
        #[allow(unsafe_code)]
        Some(unsafe { &*self.bytes.as_ptr().add(at).cast() })
    }
}

/// A text, and a copy of its last bytes that is padded with zeros.
pub(super) struct PaddedInput<'t> {
    windows: Windows<'t>,
    /// The last `WINDOW` bytes, or all bytes of a shorter text, followed by zeros.
    tail: [u8; 2 * WINDOW],
}

impl<'t> PaddedInput<'t> {
    /// Inlined, because the value is large to move.
    #[inline(always)]
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let mut text = Self {
            windows: Windows::new(bytes),
            tail: [0; 2 * WINDOW],
        };
        let last = &bytes[text.tail_at()..];
        text.tail[..last.len()].copy_from_slice(last);
        text
    }

    /// The offset of the tail: that of the last complete window, or 0.
    fn tail_at(&self) -> usize {
        self.windows.end.saturating_sub(1)
    }

    pub(super) fn bytes(&self) -> &'t [u8] {
        self.windows.bytes
    }

    /// The windows that contain offset `at`, and their offset: those of the text, or of its tail.
    pub(super) fn part(&self, at: usize) -> (Windows<'_>, usize) {
        if at < self.windows.end {
            (self.windows, 0)
        } else {
            self.tail()
        }
    }

    /// The windows of the tail, and their offset.
    pub(super) fn tail(&self) -> (Windows<'_>, usize) {
        (Windows::new(&self.tail), self.tail_at())
    }

    /// The bytes from `at` on, padded with zeros after the end of the text.
    #[inline(always)]
    pub(super) fn window(&self, at: usize) -> &Window {
        match self.windows.at(at) {
            Some(window) => window,
            None => self.last_window(at),
        }
    }

    #[cold]
    #[inline(never)]
    fn last_window(&self, at: usize) -> &Window {
        const ZEROS: &Window = &[0; WINDOW];
        let (windows, from) = self.tail();
        windows.at(at - from).unwrap_or(ZEROS)
    }
}

/// The eight bytes at an offset up to [`LAST`]; other bytes for a larger offset.
#[inline(always)]
pub(super) fn word(window: &Window, at: usize) -> u64 {
    // The mask avoids a bounds check.
    let at = at & LAST;
    let bytes = window[at..at + 8].first_chunk();
    u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
}

/// The sixteen bytes at an offset up to [`LAST`]; other bytes for a larger offset.
#[inline(always)]
pub(super) fn sixteen(window: &Window, at: usize) -> &[u8; 16] {
    let at = at & LAST;
    window[at..at + 16].first_chunk().unwrap_or(&[0; 16])
}

/// The first and the second 32 bytes from an offset below 32.
#[inline(always)]
pub(super) fn halves(window: &Window, at: usize) -> (&[u8; 32], &[u8; 32]) {
    let at = at & 31;
    let half = |at: usize| window[at..at + 32].first_chunk().unwrap_or(&[0; 32]);
    (half(at), half(at + 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_equal_padded_text() {
        for len in [0, 1, 73, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW] {
            let bytes: Vec<u8> = (1..=255).cycle().take(len).collect();
            let padded = [bytes.as_slice(), &[0; 2 * WINDOW]].concat();
            let text = PaddedInput::new(&bytes);
            for at in 0..=len {
                let expected = &padded[at..at + WINDOW];
                assert_eq!(text.window(at), expected, "{at} of {len}");
                let (windows, from) = text.part(at);
                let window = windows.at(at - from).map(<[u8; WINDOW]>::as_slice);
                assert_eq!(window, Some(expected), "{at} of {len}");
            }
        }
    }
}
