//! A pull parser: JSON with any order of keys and any spacing, read in one pass.
//!
//! The general path reads order books with it, and the other messages that carry market or account data. The parser of
//! [`json`](crate::json) finds all structural characters of a text and makes a tape of them, from which the levels are read:
//! it touches each byte three times. This one is driven by its caller, who knows what to expect: an
//! [object](PullParser::object) offers each field to a closure, which asks for the [keys](PullParser::key) that it knows,
//! reads their values, and [skips](PullParser::skip_field) the others. [`record`](crate::record) writes such closures.
//!
//! # Example
//! Take the level `{"lots": 7,"x":[],"ticks":6684363}`. The closure asks for `"ticks":`, which is one comparison of
//! eight bytes, and then for `"lots":`, which is there. A space follows and is stepped over. The next eight bytes are
//! `7,"x":[]`: minus `'0'`, one addition marks the bytes that are no digits, and the first mark is at byte 1, so the
//! digit is shifted to the top of the word and three multiplications join it with the zeros below: 7. A comma follows, and
//! the closure is called again. `"x":` is none of its keys, so the string, the colon and the array are skipped.
//!
//! # What it refuses
//! Every method returns none for text that is not as expected, and the parser's position means nothing then: the text is
//! parsed again by [`json`](crate::json), which makes all errors. So it may refuse what is rare: escapes, space before a
//! colon, and prices, quantities and times with a sign, an exponent, or more than fifteen digits on either side of
//! the point. What it takes is JSON: it checks strings for UTF-8 and control characters, and compares all other text with
//! ASCII characters.
//!
//! # Speed
//! Numbers and spaces are read eight bytes at a time, as a word in a general register, and strings sixteen bytes at a time
//! ([`string`]). Rare cases are out of line: such a function takes the rest of the text
//! and returns the text behind, so that the parser itself has no address and its position stays in registers. (With a
//! reference to it, pretty-printed books took 1.7 times as long.)

use ticklot_book::parse_decimal;

use crate::digits::{POWERS, each, leading_digits, not_digits, value};
use crate::json_number::{is_json_number, leading_number};
use crate::string;
use crate::units::{Decimal, TradeSide};

/// The deepest nesting of a value that is skipped.
const SKIPPED_DEPTH: u32 = 8;

/// A text, and how much of it is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullParser<'a> {
    rest: &'a [u8],
    len: usize,
}

/// A number without sign and exponent.
struct Plain {
    /// Its digits.
    mantissa: u64,
    /// How many of them are behind the point.
    decimals: usize,
}

impl<'a> PullParser<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            len: text.len(),
        }
    }

    /// How many bytes are read.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// The text must end here.
    pub(crate) fn end(mut self) -> Option<()> {
        self.skip_space();
        self.rest.is_empty().then_some(())
    }

    /// An object. `field` reads each field, key and value.
    #[inline(always)]
    pub(crate) fn object(&mut self, field: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(*b"{}", field)
    }

    /// An array. `item` reads each item.
    #[inline(always)]
    pub(crate) fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(*b"[]", item)
    }

    #[inline(always)]
    fn list(
        &mut self,
        [open, close]: [u8; 2],
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        // A copy stays in registers.
        let mut json = *self;
        let mut has_next = json.open([open, close])?;
        while has_next {
            item(&mut json)?;
            has_next = json.has_next(close)?;
        }
        *self = json;
        Some(())
    }

    /// Steps over the opening bracket of a list. False for an empty list, which it steps over.
    #[inline(always)]
    pub(crate) fn open(&mut self, [open, close]: [u8; 2]) -> Option<bool> {
        self.expect(&[open])?;
        self.skip_space();
        Some(!self.skip(&[close]))
    }

    /// Steps over the comma behind an item. False at the end of the list, which it steps over.
    #[inline(always)]
    pub(crate) fn has_next(&mut self, close: u8) -> Option<bool> {
        self.skip_space();
        if self.skip(b",") {
            self.skip_space();
            return Some(true);
        }
        self.expect(&[close])?;
        Some(false)
    }

    /// Steps over a key, if it is this one, to its value. `key` has its quotes and the colon.
    #[inline(always)]
    pub(crate) fn key(&mut self, key: &str) -> bool {
        let rest = self.rest.strip_prefix(key.as_bytes());
        if let Some(rest) = rest {
            self.rest = rest;
            if self.is_at_space() {
                self.skip(b" ");
                self.skip_space();
            }
        }
        rest.is_some()
    }

    /// A key of any name.
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        let name = self.str()?;
        self.expect(b":")?;
        self.skip_space();
        Some(name)
    }

    /// Steps over a field of any key and value.
    #[inline(always)]
    pub(crate) fn skip_field(&mut self) -> Option<()> {
        self.rest = behind_field(self.rest, SKIPPED_DEPTH)?;
        Some(())
    }

    /// Steps over a value of any kind.
    pub(crate) fn skip_value(&mut self) -> Option<()> {
        self.rest = behind_value(self.rest, SKIPPED_DEPTH)?;
        Some(())
    }

    /// Steps over so many bytes.
    pub(crate) fn skip_bytes(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// What is left to be read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A string without escapes.
    #[inline]
    pub(crate) fn str(&mut self) -> Option<&'a str> {
        self.expect(b"\"")?;
        let string = string::string(self.rest)?;
        self.rest = &self.rest[string.len() + 1..];
        Some(string)
    }

    /// `BUY` or `SELL`.
    #[inline(always)]
    pub(crate) fn trade_side(&mut self) -> Option<TradeSide> {
        if self.skip(b"\"BUY\"") {
            Some(TradeSide::Buy)
        } else {
            self.expect(b"\"SELL\"")?;
            Some(TradeSide::Sell)
        }
    }

    /// What `read` reads with a copy of this parser: so that this one needs no address.
    #[inline(always)]
    pub(crate) fn with<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut json = *self;
        let value = read(&mut json);
        *self = json;
        value
    }

    /// A value that `read` reads, or null.
    #[inline(always)]
    pub(crate) fn nullable<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.skip(b"null") {
            return Some(None);
        }
        read(self).map(Some)
    }

    /// A whole number of at most fifteen digits, not below zero.
    #[inline(always)]
    pub(crate) fn whole(&mut self) -> Option<i64> {
        let is_zero = self.rest.first() == Some(&b'0');
        let (value, digits) = self.digits()?;
        if is_zero && digits > 1 {
            return None;
        }
        i64::try_from(value).ok()
    }

    /// A number as a whole number of steps of 10^-`decimals`, not below zero.
    #[inline(always)]
    pub(crate) fn steps(&mut self, decimals: u8) -> Option<i64> {
        let text = self.rest;
        let number = match Plain::short(word(self.rest)) {
            Some((number, len)) => {
                self.rest = self.rest.get(len..)?;
                number
            }
            None => {
                let (number, rest) = long_number(self.rest)?;
                self.rest = rest;
                number
            }
        };
        match usize::from(decimals).checked_sub(number.decimals) {
            Some(more) => i64::try_from(number.mantissa.checked_mul(*POWERS.get(more)?)?).ok(),
            // Finer than a step, unless the last digits are zeros.
            None => parse_decimal(self.since(text), decimals).ok(),
        }
    }

    /// Whether this byte stands here.
    pub(crate) fn is_at(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Whether a number goes on with an exponent.
    pub(crate) fn is_at_exponent(&self) -> bool {
        matches!(self.rest, [b'e' | b'E', ..])
    }

    /// The text of a number.
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let text = self.rest;
        self.skip_number()?;
        string::ascii(self.since(text))
    }

    /// A number, in quotes or not.
    pub(crate) fn decimal(&mut self) -> Option<Decimal<'a>> {
        let is_quoted = self.skip(b"\"");
        let number = self.number()?;
        if is_quoted {
            self.expect(b"\"")?;
        }
        Some(Decimal(number))
    }

    /// Steps over a number.
    #[inline(always)]
    pub(crate) fn skip_number(&mut self) -> Option<()> {
        let behind = Plain::short(word(self.rest)).and_then(|(_, len)| self.rest.get(len..));
        self.rest = match behind {
            None | Some([b'e' | b'E', ..]) => behind_number(self.rest)?,
            Some(behind) => behind,
        };
        Some(())
    }

    fn jump(&mut self, behind: Option<&'a [u8]>) -> Option<()> {
        self.rest = behind?;
        Some(())
    }

    /// What was read of `text`.
    fn since(&self, text: &'a [u8]) -> &'a [u8] {
        &text[..text.len() - self.rest.len()]
    }

    /// One to fifteen digits, and how many they are.
    #[inline(always)]
    fn digits(&mut self) -> Option<(u64, usize)> {
        let (mut value, mut count) = leading_digits(word(self.rest));
        self.rest = self.rest.get(count..)?;
        if count == 8 {
            let (next, len) = leading_digits(word(self.rest));
            self.rest = self.rest.get(len..)?;
            value = value * POWERS[len] + next;
            count += len;
        }
        matches!(count, 1..=15).then_some((value, count))
    }

    /// Steps over a text, which must stand here.
    pub(crate) fn expect_text(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Steps over `literal`, which must stand here.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.skip(literal).then_some(())
    }

    /// Steps over `literal`, if it stands here.
    #[inline(always)]
    pub(crate) fn skip<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        let Some((found, rest)) = self.rest.split_first_chunk() else {
            return false;
        };
        if found == literal {
            self.rest = rest;
        }
        found == literal
    }

    /// Steps over space. A control character that is no space stays.
    #[inline(always)]
    fn skip_space(&mut self) {
        if self.is_at_space() {
            self.rest = behind_space(self.rest);
        }
    }

    #[inline(always)]
    fn is_at_space(&self) -> bool {
        matches!(self.rest.first(), Some(..=b' '))
    }
}

/// The text behind a field.
#[inline(never)]
fn behind_field(text: &[u8], depth: u32) -> Option<&[u8]> {
    let mut json = PullParser::new(text);
    json.name()?;
    behind_value(json.rest, depth)
}

fn behind_value(text: &[u8], depth: u32) -> Option<&[u8]> {
    let mut json = PullParser::new(text);
    match text.first()? {
        b'"' => drop(json.str()?),
        b'{' => {
            let depth = depth.checked_sub(1)?;
            json.object(|json| json.jump(behind_field(json.rest, depth)))?;
        }
        b'[' => {
            let depth = depth.checked_sub(1)?;
            json.array(|json| json.jump(behind_value(json.rest, depth)))?;
        }
        b't' => json.expect(b"true")?,
        b'f' => json.expect(b"false")?,
        b'n' => json.expect(b"null")?,
        _ => json.skip_number()?,
    }
    Some(json.rest)
}

/// The text behind a number.
#[inline(never)]
fn behind_number(text: &[u8]) -> Option<&[u8]> {
    let whole = digits(text);
    let fraction = match text.get(whole..) {
        Some([b'.', fraction @ ..]) => 1 + digits(fraction),
        _ => 0,
    };
    let behind = &text[whole + fraction..];
    let has_leading_zero = whole > 1 && text[0] == b'0';
    if whole > 0 && !has_leading_zero && fraction != 1 && !matches!(behind, [b'e' | b'E', ..]) {
        return Some(behind);
    }
    let number = leading_number(text);
    is_json_number(number).then(|| &text[number.len()..])
}

/// How many digits a text begins with.
fn digits(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        let others = not_digits(word(rest) ^ each(b'0'));
        rest = &rest[others.trailing_zeros() as usize / 8..];
        if others != 0 {
            return text.len() - rest.len();
        }
    }
}

/// A number that does not end among the first eight bytes, and the text behind it.
#[inline(never)]
fn long_number(text: &[u8]) -> Option<(Plain, &[u8])> {
    let mut json = PullParser::new(text);
    let whole = json.whole()?.cast_unsigned();
    let has_point = json.skip(b".");
    let (fraction, decimals) = if has_point { json.digits()? } else { (0, 0) };
    let mantissa = whole.checked_mul(POWERS[decimals])?.checked_add(fraction)?;
    Some((Plain { mantissa, decimals }, json.rest))
}

/// The text behind spaces: a line's end and its indentation, above all.
#[inline(never)]
fn behind_space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', ..] = text {
        let others = (word(text) ^ each(b' ')) & !0xff;
        let spaces = others.trailing_zeros() as usize / 8;
        text = text.get(spaces..).unwrap_or_default();
    }
    text
}

/// The first eight bytes, the first the lowest, with zeros behind the text's end.
#[inline(always)]
fn word(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => last_word(text),
    }
}

impl Plain {
    /// The number that a word begins with, and its length. None if it does not end in the word.
    #[inline(always)]
    fn short(word: u64) -> Option<(Self, usize)> {
        let digits = word ^ each(b'0');
        let others = not_digits(digits);
        let whole = others.trailing_zeros() & !7;
        let has_leading_zero = digits & 0xff == 0 && whole > 8;
        if whole == 0 || whole == 64 || has_leading_zero {
            return None;
        }
        let is_point = word >> whole & 0xff == u64::from(b'.');
        if !is_point {
            let number = Self {
                mantissa: value(digits, whole),
                decimals: 0,
            };
            return Some((number, whole as usize / 8));
        }
        let end = (others & (others - 1)).trailing_zeros() & !7;
        let decimals = end as usize / 8 - whole as usize / 8 - 1;
        if end == 64 || decimals == 0 {
            return None;
        }
        // The digits behind the point move one byte, onto it.
        let below = (1 << whole) - 1;
        let digits = digits & below | digits >> 8 & !below;
        let mantissa = value(digits, end - 8);
        Some((Self { mantissa, decimals }, end as usize / 8))
    }
}

/// Keeps the value of a field. None if the field occurred before.
#[inline(always)]
pub(crate) fn put<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    let is_first = slot.is_none();
    if is_first {
        *slot = Some(value);
    }
    is_first.then_some(())
}

#[cold]
#[inline(never)]
fn last_word(text: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..text.len()].copy_from_slice(text);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are nearly JSON.
    fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            20 => proptest::sample::select(
                &[
                    "{", "}", "[", "]", ",", ":", "\"", "\"\"", "\"a\":", "\"b\":", " ", "\n    ", "\r\n\t", "\\", "\\n",
                    "0", "1", "-", ".", "e", "E+", "12345678", "0.5", "[]", "{}", "[1,", "{\"k\":", "true", "false", "null",
                    "ü", "\u{1f600}", "abcdefg",
                ][..],
            ).prop_map(|it| it.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// What is skipped is a value of JSON, and all of it.
        #[test]
        fn a_skipped_value_is_json(text in nearly_json()) {
            let text = [b"[".as_slice(), &text, b"]"].concat();
            let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>();
            let first = values.next();
            let behind = behind_value(&text, 4);
            match (first, behind) {
                (Some(Ok(_)), Some(behind)) => {
                    prop_assert_eq!(text.len() - behind.len(), values.byte_offset());
                }
                // No escapes, no space before a colon, and few levels.
                (Some(Ok(value)), None) => {
                    let text = &text[..values.byte_offset()];
                    let is_space_then_colon = |pair: &[u8]| pair[0].is_ascii_whitespace() && pair[1] == b':';
                    let has_space = text.windows(2).any(is_space_then_colon);
                    let depth = text.iter().filter(|byte| b"[{".contains(byte)).count();
                    prop_assert!(text.contains(&b'\\') || has_space || depth > 4, "{value}");
                }
                (Some(Err(error)), Some(_)) => {
                    let error = error.to_string();
                    prop_assert!(error.starts_with("number out of range"), "{error}");
                }
                (_, behind) => prop_assert!(behind.is_none()),
            }
        }

        #[test]
        fn steps_equal_decimal(
            whole in "[0-9]{0,17}",
            fraction in "(\\.[0-9]{0,17})?",
            decimals in 0..=18_u8,
            behind in "[ ,}x]{1,9}",
        ) {
            let number = format!("{whole}{fraction}");
            let text = format!("{number}{behind}");
            let mut json = PullParser::new(text.as_bytes());
            let expected = parse_decimal(number.as_bytes(), decimals).ok();
            if let Some(steps) = json.steps(decimals) {
                prop_assert_eq!(Some(steps), expected);
                prop_assert_eq!(json.at(), number.len());
            } else {
                let has_leading_zero = whole.starts_with('0') && whole.len() > 1;
                prop_assert!(expected.is_none() || number.len() > 15 || has_leading_zero);
            }
            let mut json = PullParser::new(text.as_bytes());
            if json.whole().is_some() {
                prop_assert_eq!(json.at(), whole.len());
            }
        }
    }
}
