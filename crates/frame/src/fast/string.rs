//! Strings.

/// The text up to the first quote, if every byte of it is ASCII, and none a control character or a
/// backslash. A few bytes at a time; none near the end of the text too.
#[inline]
pub(super) fn plain_string(text: &[u8]) -> Option<&str> {
    let mut at = 0;
    let end = loop {
        let chunk: &[u8; CHUNK] = text.get(at..)?.first_chunk()?;
        if let Some(place) = first_not_plain(chunk) {
            break at + place;
        }
        at += CHUNK;
    };
    if *text.get(end)? != b'"' {
        return None;
    }
    let plain = text.get(..end)?;
    // SAFETY: no byte before `end` was marked, and all that are not ASCII are.
    #[allow(unsafe_code)]
    Some(unsafe { str::from_utf8_unchecked(plain) })
}

/// How many bytes are looked at in one step.
#[cfg(target_arch = "x86_64")]
const CHUNK: usize = 16;
#[cfg(not(target_arch = "x86_64"))]
const CHUNK: usize = 8;

/// The first byte that is a quote, a backslash, a control character or not ASCII.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn first_not_plain(bytes: &[u8; CHUNK]) -> Option<usize> {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: every x86-64 has SSE2, and sixteen bytes are read from an array of sixteen.
    #[allow(unsafe_code)]
    let marks = unsafe {
        let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
        let equals = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        // Signed: what is not ASCII is below zero.
        let low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        let marked = _mm_or_si128(low, _mm_or_si128(equals(b'"'), equals(b'\\')));
        _mm_movemask_epi8(marked)
    };
    (marks != 0).then(|| marks.trailing_zeros() as usize)
}

/// The same.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[cfg_attr(target_arch = "x86_64", allow(dead_code))]
#[inline(always)]
fn first_not_plain_of_eight(bytes: &[u8; 8]) -> Option<usize> {
    let marks = crate::digits::not_plain(u64::from_le_bytes(*bytes));
    (marks != 0).then(|| (marks.trailing_zeros() / 8) as usize)
}

#[cfg(not(target_arch = "x86_64"))]
use first_not_plain_of_eight as first_not_plain;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_strings_end_where_the_naive_search_says(
            text in proptest::collection::vec(prop_oneof![
                1 => any::<u8>(), 1 => Just(b'"'), 40 => b' '..=b'~',
            ], 0..60),
        ) {
            let plain = |byte: &u8| matches!(byte, b' '..=0x7f) && !matches!(byte, b'"' | b'\\');
            let end = text.iter().position(|byte| !plain(byte));
            let naive = end.filter(|end| text[*end] == b'"').map(|end| &text[..end]);
            match plain_string(&text) {
                Some(found) => prop_assert_eq!(Some(found.as_bytes()), naive),
                // Near the end of the text it may give up.
                None => prop_assert!(naive.is_none_or(|naive| naive.len() + CHUNK > text.len())),
            }
            if let Some(bytes) = text.first_chunk() {
                let end = bytes.iter().position(|byte| !plain(byte));
                prop_assert_eq!(first_not_plain_of_eight(bytes), end);
            }
        }
    }
}
