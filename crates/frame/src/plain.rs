//! Strings without escapes, and other texts, most of which are ASCII and need no check for UTF-8.

use wide::u8x16;

/// The string that a text begins with, behind its opening quote, up to before its closing one. None if it has an escape or
/// a control character, or is no UTF-8.
#[inline]
pub(crate) fn string(text: &[u8]) -> Option<&str> {
    let end = plain_len(text);
    let string = text.get(..end)?;
    if text.get(end) == Some(&b'"') {
        // SAFETY: all bytes before `end` are ASCII.
        #[allow(unsafe_code)]
        return Some(unsafe { str::from_utf8_unchecked(string) });
    }
    unicode_string(text)
}

/// A text, if it is ASCII.
#[inline]
pub(crate) fn ascii(text: &[u8]) -> Option<&str> {
    // SAFETY: ASCII is UTF-8.
    #[allow(unsafe_code)]
    text.is_ascii()
        .then(|| unsafe { str::from_utf8_unchecked(text) })
}

#[cold]
fn unicode_string(text: &[u8]) -> Option<&str> {
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let end = text
        .iter()
        .position(is_end)
        .filter(|end| text[*end] == b'"')?;
    str::from_utf8(&text[..end]).ok()
}

/// How many bytes stand before the first that is a quote, a backslash, a control character or not ASCII.
#[inline]
fn plain_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let bytes = u8x16::new(*chunk);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        let is_control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        // The top bits of the bytes that are not ASCII are set, too.
        let others = (is(b'"') | is(b'\\') | is_control | bytes).to_bitmask();
        if others != 0 {
            return at + others.trailing_zeros() as usize;
        }
        at += 16;
    }
    let is_plain = |byte: &&u8| matches!(byte, b' '..=0x7f) && !matches!(byte, b'"' | b'\\');
    at + text[at..].iter().take_while(is_plain).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_end_where_the_naive_search_says(
            text in proptest::collection::vec(prop_oneof![
                1 => any::<u8>(), 1 => Just(b'"'), 40 => b' '..=b'~',
            ], 0..60),
        ) {
            let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let end = text.iter().position(is_end);
            let naive = end.filter(|end| text[*end] == b'"').map(|end| &text[..end]);
            prop_assert_eq!(string(&text), naive.and_then(|naive| str::from_utf8(naive).ok()));
        }
    }
}
