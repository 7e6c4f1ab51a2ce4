//! Strings, and bringing text near.

/// Asks for the whole of `text` to be brought near, all of it at once. A line that has been written by
/// the kernel just now is near already, and little is lost; one that comes from a log or a queue is
/// read several times faster than its first bytes would let the processor guess.
#[inline(always)]
pub(crate) fn prefetch(text: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in text.chunks(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint and reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

const ONES: u64 = u64::from_le_bytes([1; 8]);
const TOPS: u64 = ONES << 7;

/// The text up to the first quote, if every byte of it is ASCII, and none a control character or a
/// backslash. Eight bytes at a time.
#[inline]
pub(crate) fn plain_string(text: &[u8]) -> Option<&str> {
    let mut at = 0;
    let end = loop {
        let chunk = text.get(at..)?.first_chunk()?;
        let marks = not_plain(u64::from_le_bytes(*chunk));
        if marks != 0 {
            break at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    };
    if *text.get(end)? != b'"' {
        return None;
    }
    let plain = text.get(..end)?;
    // SAFETY: no byte before `end` was marked, and all that are not ASCII are.
    Some(unsafe { str::from_utf8_unchecked(plain) })
}

/// Sets the top bit of the lowest byte that is a quote, a backslash, a control character or not
/// ASCII, and perhaps of others above it. (A borrow goes upwards only, so that the lowest mark is
/// always right.)
#[inline(always)]
fn not_plain(word: u64) -> u64 {
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (word | below(word, 0x20) | equals(b'"') | equals(b'\\')) & TOPS
}

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
                None => prop_assert!(naive.is_none_or(|naive| naive.len() + 8 > text.len())),
            }
        }
    }
}
