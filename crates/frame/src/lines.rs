//! [`Lines`]: splits a frame into lines.

use std::iter::FusedIterator;

/// One line of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The index of the line in the frame, from 0. Blank lines count.
    pub number: u32,
    /// The byte offset of the line in the frame.
    pub offset: usize,
    /// The line without its line ending (`\n` or `\r\n`).
    pub bytes: &'a [u8],
}

/// An iterator over the nonblank lines of a frame, without a copy.
///
/// Bayse Markets sends several JSON objects in one frame, separated by `\n` (contract, section 1), and JayX's plain
/// envelope may. A line of only spaces, tabs and carriage returns is blank.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    frame: &'a [u8],
    offset: usize,
    number: u32,
}

impl<'a> Lines<'a> {
    /// The lines of `frame`.
    #[must_use]
    pub fn new(frame: &'a [u8]) -> Self {
        Self {
            frame,
            offset: 0,
            number: 0,
        }
    }

    /// The next line, blank or not.
    fn next_raw(&mut self) -> Option<Line<'a>> {
        let rest = self
            .frame
            .get(self.offset..)
            .filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let bytes = &rest[..end];
        let line = Line {
            number: self.number,
            offset: self.offset,
            bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes),
        };
        self.offset += end + 1;
        self.number = self.number.saturating_add(1);
        Some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.next_raw()?;
            if !line.bytes.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
                return Some(line);
            }
        }
    }
}

impl FusedIterator for Lines<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(frame: &[u8]) -> Vec<(u32, usize, &[u8])> {
        Lines::new(frame)
            .map(|l| (l.number, l.offset, l.bytes))
            .collect()
    }

    #[test]
    fn splits_by_table() {
        assert_eq!(split(b""), []);
        assert_eq!(split(b"\n\r\n \t\n"), []);
        assert_eq!(split(b"a"), [(0, 0, &b"a"[..])]);
        assert_eq!(split(b"a\n"), [(0, 0, &b"a"[..])]);
        assert_eq!(split(b"a\r\nb\r\n"), [(0, 0, &b"a"[..]), (1, 3, &b"b"[..])]);
        assert_eq!(
            split(b"\n\na\n\n b"),
            [(2, 2, &b"a"[..]), (4, 5, &b" b"[..])]
        );
        assert_eq!(split(b"a\rb\n"), [(0, 0, &b"a\rb"[..])]);
        assert_eq!(
            split(b"\xff\n\xfe"),
            [(0, 0, &b"\xff"[..]), (1, 2, &b"\xfe"[..])]
        );
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_split(frame in proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'x'), any::<u8>()], 0..80,
        )) {
            let mut offset = 0;
            let mut naive = Vec::new();
            for (number, piece) in frame.split(|&b| b == b'\n').enumerate() {
                let text = if piece.ends_with(b"\r") { &piece[..piece.len() - 1] } else { piece };
                if !text.iter().all(|b| b" \t\r".contains(b)) {
                    naive.push((u32::try_from(number).unwrap(), offset, text));
                }
                offset += piece.len() + 1;
            }
            prop_assert_eq!(split(&frame), naive);
        }
    }
}
