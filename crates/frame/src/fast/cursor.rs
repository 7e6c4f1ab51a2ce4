//! Reading text that is expected to be just so.

use crate::digits::sixteen_digits;
use crate::plain;

/// A place in a line. Every method that finds something else than it expects returns none, and the
/// line then goes to the general path: the place does not matter any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next sixteen bytes, the first the lowest, with zeros behind the text's end: from what stands
    /// before, if that is as much.
    #[inline]
    fn sixteen(&self) -> Option<[u8; 16]> {
        let rest = self.rest();
        if let Some(bytes) = rest.first_chunk() {
            return Some(*bytes);
        }
        let last = u128::from_le_bytes(*self.text.last_chunk()?);
        let before = u32::try_from(8 * (16 - rest.len())).ok()?;
        last.checked_shr(before).map(u128::to_le_bytes)
    }

    /// Steps over `literal`, if it stands here.
    #[inline(always)]
    pub(crate) fn skip<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        let found = is_at(self.text, self.at, literal);
        self.at += if found { N } else { 0 };
        found
    }

    /// Steps over `literal`, which must stand here.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.skip(literal).then_some(())
    }

    /// The end of the line must be here.
    pub(crate) fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// The inside of a string without escapes, whose opening quote was stepped over; steps over its
    /// closing one. The one place of the fast path where UTF-8 can be wrong, and where it is checked.
    #[inline]
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let string = plain::string(rest)?;
        self.at += string.len() + 1;
        Some(string)
    }

    /// A number, whole or with decimals, without sign or exponent, and short enough for any reader
    /// of JSON to hold it.
    #[inline]
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let len = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))?;
        let number = &rest[..len];
        is_number(number).then(|| self.at += len)?;
        std::str::from_utf8(number).ok()
    }

    /// A whole number of at most eighteen digits, without sign.
    #[inline]
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let short = self.sixteen().and_then(short_integer);
        let (len, value) = short.or_else(|| any_integer(rest))?;
        let leading_zero = len > 1 && rest[0] == b'0';
        if leading_zero {
            return None;
        }
        self.at += len;
        Some(value)
    }
}

/// The number that sixteen bytes begin with, and its length, if it ends among them.
#[inline]
fn short_integer(bytes: [u8; 16]) -> Option<(usize, i64)> {
    let (value, len) = sixteen_digits(&bytes);
    matches!(len, 1..16).then(|| (len, value.cast_signed()))
}

/// The number that a text begins with and does not end with, and its length.
#[cold]
fn any_integer(text: &[u8]) -> Option<(usize, i64)> {
    let len = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = text.get(..len).filter(|_| matches!(len, 1..=MAX_WHOLE))?;
    let digits = digits.iter().map(|byte| i64::from(byte - b'0'));
    Some((len, digits.fold(0, |value, digit| value * 10 + digit)))
}

/// The longest whole number, in digits, that every reader of JSON takes for one.
const MAX_WHOLE: usize = 18;

/// The longest number with decimals that is stepped over here, in bytes. A float printed in full
/// has at most 17 digits and a few zeros.
const MAX_NUMBER: usize = 32;

/// Whether a run of digits and points is a number of JSON, and no longer than the limits above.
fn is_number(run: &[u8]) -> bool {
    let mut points = run.iter().enumerate().filter(|(_, byte)| **byte == b'.');
    let (point, second) = (points.next(), points.next());
    let (whole, limit) = match point {
        Some((at, _)) => (at, MAX_NUMBER),
        None => (run.len(), MAX_WHOLE),
    };
    let leading_zero = whole > 1 && run[0] == b'0';
    let ends_well = point.is_none_or(|(at, _)| at + 1 < run.len());
    whole > 0 && run.len() <= limit && !leading_zero && ends_well && second.is_none()
}

/// Whether `literal` stands at `at`.
#[inline(always)]
fn is_at<const N: usize>(text: &[u8], at: usize, literal: &[u8; N]) -> bool {
    let found = text.get(at..).and_then(<[u8]>::first_chunk);
    found.is_some_and(|found| same(found, literal))
}

/// Whether two arrays are the same. For 8 to 24 bytes it is two or three words, the last of them
/// overlapping: fewer instructions than the compiler makes of odd lengths.
#[inline(always)]
fn same<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    if N < 8 || N > 24 {
        return a == b;
    }
    let word =
        |of: &[u8; N], at: usize| of[at..].first_chunk().map_or(0, |w| u64::from_le_bytes(*w));
    let differ = |at: usize| word(a, at) ^ word(b, at);
    let middle = if N > 16 { differ(8) } else { 0 };
    differ(0) | differ(N - 8) | middle == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_table() {
        let good = [
            "0",
            "7",
            "10",
            "0.5",
            "0.50",
            "123456789012345678",
            "3270.58305",
            "0.30000000000000004",
        ];
        let bad = [
            "",
            ".",
            ".5",
            "5.",
            "00",
            "007",
            "00.5",
            "1.2.3",
            "1..2",
            "1234567890123456789",
            "0.3000000000000000000000000000000004",
        ];
        for text in good {
            assert!(is_number(text.as_bytes()), "{text}");
        }
        for text in bad {
            assert!(!is_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn integers_by_table() {
        let read = |text: &str| Cursor::new(text.as_bytes(), 0).integer();
        assert_eq!(read("0,"), Some(0));
        assert_eq!(read("1700000000000}"), Some(1_700_000_000_000));
        assert_eq!(read("999999999999999999}"), Some(999_999_999_999_999_999));
        for text in ["", "1", "-1,", "01,", "1000000000000000000,", ",", "x"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            read("1.5,"),
            Some(1),
            "what follows is the caller's to check"
        );
    }

    #[test]
    fn strings_by_table() {
        let read = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes(), 0);
            cursor.string().map(|string| (string.to_owned(), cursor.at))
        };
        let found = |string: &str, at| Some((string.to_owned(), at));
        assert_eq!(read("abc\""), found("abc", 4));
        assert_eq!(read("\""), found("", 1));
        assert_eq!(read("abcdefghijk\",\"x\":1"), found("abcdefghijk", 12));
        assert_eq!(
            read("h\u{e9}llo, w\u{f6}rld\" and more"),
            found("h\u{e9}llo, w\u{f6}rld", 15)
        );
        for text in ["", "abc", "a\\\"b\"", "a\nb\"", "abcdefgh\u{7}ijk\""] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Cursor::new(b"abc\xffdefghij\" and more", 0).string(), None);
    }
}
