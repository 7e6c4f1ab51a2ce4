//! Loads memory into the cache before it is needed.
//!
//! Between two messages other work may have taken the caches. Then each line of 64 bytes that a decoder touches is a miss, and
//! most of them wait for each other: an instruction is fetched when the one before it has been. What is known to be needed
//! is therefore asked for at once, code included.

/// Asks for the cache lines of some bytes. Anything may be asked for: what cannot be loaded is not.
#[inline(always)]
pub(crate) fn bytes(start: *const u8, len: usize) {
    for at in (0..len).step_by(64) {
        let line = start.wrapping_add(at);
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: a prefetch has no effect but on the caches, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

/// Asks for the items of a slice.
#[inline(always)]
pub(crate) fn slice<T>(items: &[T]) {
    bytes(items.as_ptr().cast(), size_of_val(items));
}
