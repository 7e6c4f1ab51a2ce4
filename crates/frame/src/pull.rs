//! A pull parser: reads JSON with any key order and spacing in one pass.
//!
//! The general path reads order books with it, and the other messages with market or account data. The parser of
//! [`json`](crate::json) finds all structural characters of a text and creates a tape, from which the levels are read,
//! so it touches each byte three times. The pull parser is driven by its caller, which knows the expected fields. An
//! [object](PullParser::object) calls a closure for each field. The closure matches the known [keys](PullParser::key),
//! reads their values, and [skips](PullParser::skip_field) other fields. [`record`](crate::record) generates such
//! closures.
//!
//! # Example
//! The level `{"lots": 7,"x":[],"ticks":6684363}` is parsed as follows. The closure compares the key with `"ticks":`,
//! in one comparison of eight bytes, and then with `"lots":`, which matches. The space is skipped. The next eight bytes
//! are `7,"x":[]`. After `'0'` is subtracted from each, one addition marks the bytes that are not digits. The first
//! mark is at byte 1, so the digit is shifted to the top of the word, and three multiplications combine it with the
//! zeros below: 7. A comma follows, and the closure is called again. `"x":` is an unknown key, so the string, the colon
//! and the array are skipped.
//!
//! # Rejected input
//! Every method returns `None` for unexpected text, and the parser's position is then undefined. The text is parsed
//! again by [`json`](crate::json), which reports all errors. The pull parser may therefore reject rare input: escapes,
//! space before a colon, and prices, quantities and times with a sign, an exponent, or more than fifteen digits on
//! either side of the point. Accepted text is valid JSON: strings are checked for UTF-8 and control characters, and all
//! other text is compared with ASCII characters.
//!
//! # Speed
//! Numbers and spaces are read eight bytes at a time, as a word in a general register, and strings sixteen bytes at a
//! time ([`string`]). Rare cases are out of line. Such a function takes the remaining text and returns the text after
//! the parsed part, so the address of the parser is not taken and its position stays in registers. (With a reference to
//! the parser, pretty-printed books took 1.7 times as long.)

use ticklot_book::parse_decimal;

use crate::digits::{POWERS, each, leading_digits, not_digits, value};
use crate::json_number::{is_json_number, leading_number};
use crate::string;
use crate::units::{Decimal, TradeSide};

/// The maximum nesting depth of a skipped value.
const SKIPPED_DEPTH: u32 = 8;

/// A text, and its unread rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullParser<'a> {
    rest: &'a [u8],
    len: usize,
}

/// A number without sign and exponent.
struct Plain {
    /// The digits.
    mantissa: u64,
    /// The number of digits after the point.
    decimals: usize,
}

impl<'a> PullParser<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            rest: text,
            len: text.len(),
        }
    }

    /// The number of bytes that were read.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Succeeds at the end of the text.
    pub(crate) fn end(mut self) -> Option<()> {
        self.skip_space();
        self.rest.is_empty().then_some(())
    }

    /// Parses an object. `field` reads the key and the value of each field.
    #[inline(always)]
    pub(crate) fn object(&mut self, field: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(*b"{}", field)
    }

    /// Parses an array. `item` reads each item.
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

    /// Skips the opening bracket of a list. Returns false for an empty list, which it skips.
    #[inline(always)]
    pub(crate) fn open(&mut self, [open, close]: [u8; 2]) -> Option<bool> {
        self.expect(&[open])?;
        self.skip_space();
        Some(!self.skip(&[close]))
    }

    /// Skips the comma after an item. Returns false at the end of the list, which it skips.
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

    /// Skips to the value if the next key is `key`, which includes the quotes and the colon.
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

    /// Reads any key.
    pub(crate) fn name(&mut self) -> Option<&'a str> {
        let name = self.str()?;
        self.expect(b":")?;
        self.skip_space();
        Some(name)
    }

    /// Skips a field with any key and value.
    #[inline(always)]
    pub(crate) fn skip_field(&mut self) -> Option<()> {
        self.rest = skip_field(self.rest, SKIPPED_DEPTH)?;
        Some(())
    }

    /// Skips a value of any type.
    pub(crate) fn skip_value(&mut self) -> Option<()> {
        self.rest = skip_value(self.rest, SKIPPED_DEPTH)?;
        Some(())
    }

    /// Skips `count` bytes.
    pub(crate) fn skip_bytes(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// The unread rest of the text.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads a string without escapes.
    #[inline]
    pub(crate) fn str(&mut self) -> Option<&'a str> {
        self.expect(b"\"")?;
        let string = string::string(self.rest)?;
        self.rest = &self.rest[string.len() + 1..];
        Some(string)
    }

    /// Reads `"BUY"` or `"SELL"`.
    #[inline(always)]
    pub(crate) fn trade_side(&mut self) -> Option<TradeSide> {
        if self.skip(b"\"BUY\"") {
            Some(TradeSide::Buy)
        } else {
            self.expect(b"\"SELL\"")?;
            Some(TradeSide::Sell)
        }
    }

    /// Calls `read` with a copy of the parser, so that the address of the parser itself is not taken.
    #[inline(always)]
    pub(crate) fn with<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut json = *self;
        let value = read(&mut json);
        *self = json;
        value
    }

    /// Reads null, or a value with `read`.
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

    /// Reads a nonnegative integer of at most fifteen digits.
    #[inline(always)]
    pub(crate) fn whole(&mut self) -> Option<i64> {
        let is_zero = self.rest.first() == Some(&b'0');
        let (value, digits) = self.digits()?;
        if is_zero && digits > 1 {
            return None;
        }
        i64::try_from(value).ok()
    }

    /// Reads a nonnegative number as a multiple of 10^-`decimals`.
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
            // More decimal places than allowed, unless the last digits are zeros.
            None => parse_decimal(self.since(text), decimals).ok(),
        }
    }

    /// Whether `byte` is next.
    pub(crate) fn is_at(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// Whether the exponent of a number is next.
    pub(crate) fn is_at_exponent(&self) -> bool {
        matches!(self.rest, [b'e' | b'E', ..])
    }

    /// Reads the text of a number.
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let text = self.rest;
        self.skip_number()?;
        string::ascii(self.since(text))
    }

    /// Reads a number, with or without quotes.
    pub(crate) fn decimal(&mut self) -> Option<Decimal<'a>> {
        let is_quoted = self.skip(b"\"");
        let number = self.number()?;
        if is_quoted {
            self.expect(b"\"")?;
        }
        Some(Decimal(number))
    }

    /// Skips a number.
    #[inline(always)]
    pub(crate) fn skip_number(&mut self) -> Option<()> {
        let rest = Plain::short(word(self.rest)).and_then(|(_, len)| self.rest.get(len..));
        self.rest = match rest {
            None | Some([b'e' | b'E', ..]) => skip_number(self.rest)?,
            Some(rest) => rest,
        };
        Some(())
    }

    fn jump(&mut self, rest: Option<&'a [u8]>) -> Option<()> {
        self.rest = rest?;
        Some(())
    }

    /// The part of `text` that was read.
    fn since(&self, text: &'a [u8]) -> &'a [u8] {
        &text[..text.len() - self.rest.len()]
    }

    /// Reads one to fifteen digits, and returns their value and number.
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

    /// Skips `text`, which must be next.
    pub(crate) fn expect_text(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Skips `literal`, which must be next.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.skip(literal).then_some(())
    }

    /// Skips `literal`, if it is next.
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

    /// Skips white space. Other control characters stay.
    #[inline(always)]
    fn skip_space(&mut self) {
        if self.is_at_space() {
            self.rest = skip_whitespace(self.rest);
        }
    }

    #[inline(always)]
    fn is_at_space(&self) -> bool {
        matches!(self.rest.first(), Some(..=b' '))
    }
}

/// The text after a field.
#[inline(never)]
fn skip_field(text: &[u8], depth: u32) -> Option<&[u8]> {
    let mut json = PullParser::new(text);
    json.name()?;
    skip_value(json.rest, depth)
}

fn skip_value(text: &[u8], depth: u32) -> Option<&[u8]> {
    let mut json = PullParser::new(text);
    match text.first()? {
        b'"' => drop(json.str()?),
        b'{' => {
            let depth = depth.checked_sub(1)?;
            json.object(|json| json.jump(skip_field(json.rest, depth)))?;
        }
        b'[' => {
            let depth = depth.checked_sub(1)?;
            json.array(|json| json.jump(skip_value(json.rest, depth)))?;
        }
        b't' => json.expect(b"true")?,
        b'f' => json.expect(b"false")?,
        b'n' => json.expect(b"null")?,
        _ => json.skip_number()?,
    }
    Some(json.rest)
}

/// The text after a number.
#[inline(never)]
fn skip_number(text: &[u8]) -> Option<&[u8]> {
    let whole = digits(text);
    let fraction = match text.get(whole..) {
        Some([b'.', fraction @ ..]) => 1 + digits(fraction),
        _ => 0,
    };
    let rest = &text[whole + fraction..];
    let has_leading_zero = whole > 1 && text[0] == b'0';
    if whole > 0 && !has_leading_zero && fraction != 1 && !matches!(rest, [b'e' | b'E', ..]) {
        return Some(rest);
    }
    let number = leading_number(text);
    is_json_number(number).then(|| &text[number.len()..])
}

/// The number of leading digits of a text.
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

/// A number that does not end in the first eight bytes, and the text after it.
#[inline(never)]
fn long_number(text: &[u8]) -> Option<(Plain, &[u8])> {
    let mut json = PullParser::new(text);
    let whole = json.whole()?.cast_unsigned();
    let has_point = json.skip(b".");
    let (fraction, decimals) = if has_point { json.digits()? } else { (0, 0) };
    let mantissa = whole.checked_mul(POWERS[decimals])?.checked_add(fraction)?;
    Some((Plain { mantissa, decimals }, json.rest))
}

/// The text after white space, which is mostly a line ending and an indentation.
#[inline(never)]
fn skip_whitespace(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', ..] = text {
        let others = (word(text) ^ each(b' ')) & !0xff;
        let spaces = others.trailing_zeros() as usize / 8;
        text = text.get(spaces..).unwrap_or_default();
    }
    text
}

/// The first eight bytes, the first in the lowest byte, padded with zeros after the end of the text.
#[inline(always)]
fn word(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => last_word(text),
    }
}

impl Plain {
    /// The number at the start of a word, and its length. `None` if it does not end in the word.
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
        // Moves the digits after the point by one byte, over the point.
        let below = (1 << whole) - 1;
        let digits = digits & below | digits >> 8 & !below;
        let mantissa = value(digits, end - 8);
        Some((Self { mantissa, decimals }, end as usize / 8))
    }
}

/// Stores the value of a field. `None` if the field occurred before.
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

    /// Random texts that are nearly JSON.
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

        /// A skipped value is one complete JSON value.
        #[test]
        fn a_skipped_value_is_json(text in nearly_json()) {
            let text = [b"[".as_slice(), &text, b"]"].concat();
            let mut values = serde_json::Deserializer::from_slice(&text).into_iter::<serde_json::Value>();
            let first = values.next();
            let rest = skip_value(&text, 4);
            match (first, rest) {
                (Some(Ok(_)), Some(rest)) => {
                    prop_assert_eq!(text.len() - rest.len(), values.byte_offset());
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
                (_, rest) => prop_assert!(rest.is_none()),
            }
        }

        #[test]
        fn steps_equal_decimal(
            whole in "[0-9]{0,17}",
            fraction in "(\\.[0-9]{0,17})?",
            decimals in 0..=18_u8,
            rest in "[ ,}x]{1,9}",
        ) {
            let number = format!("{whole}{fraction}");
            let text = format!("{number}{rest}");
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
