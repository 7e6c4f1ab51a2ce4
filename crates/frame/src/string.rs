//! Parsing of strings without escapes. Most are ASCII and need no UTF-8 validation.

use wide::i8x16;

/// The string at the start of a text, which begins after the opening quote. `None` if the string has an escape or a
/// control character, or is not UTF-8.
#[inline]
pub(crate) fn string(text: &[u8]) -> Option<&str> {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let bytes = i8x16::new(chunk.map(u8::cast_signed));
        let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte.cast_signed()));
        // Control characters, and bytes other than ASCII, which are negative.
        let is_low = bytes.simd_lt(i8x16::splat(0x20));
        let others = (is(b'"') | is(b'\\') | is_low).to_bitmask();
        if others == 0 {
            at += 16;
            continue;
        }
        let (string, rest) = text.split_at_checked(at + others.trailing_zeros() as usize)?;
        if rest.first() == Some(&b'"') {
            // SAFETY: `others` marks the first byte that is not ASCII, so all bytes of `string` are ASCII, which is
            // valid UTF-8.
            #[allow(unsafe_code)]
            return Some(unsafe { str::from_utf8_unchecked(string) });
        }
        break;
    }
    any_string(text)
}

/// A text, if it is ASCII.
#[inline]
pub(crate) fn ascii(text: &[u8]) -> Option<&str> {
    // SAFETY: `text` is ASCII, which is valid UTF-8.
    #[allow(unsafe_code)]
    text.is_ascii()
        .then(|| unsafe { str::from_utf8_unchecked(text) })
}

#[cold]
fn any_string(text: &[u8]) -> Option<&str> {
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let end = text
        .iter()
        .position(is_end)
        .filter(|end| text[*end] == b'"')?;
    str::from_utf8(&text[..end]).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn string_ends_equal_naive_search(
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
