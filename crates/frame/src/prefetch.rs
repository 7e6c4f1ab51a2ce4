//! Prefetches memory into the cache.
//!
//! Between two messages, other work may evict the caches. Each 64-byte line that a decoder touches is then a cache
//! miss, and most misses are serial, because instructions are fetched in order. A decoder therefore first prefetches
//! the data and the code that it is known to need.

/// Prefetches the cache lines of some bytes. Any address is allowed: invalid ones are ignored.
#[inline(always)]
pub(crate) fn bytes(start: *const u8, len: usize) {
    for at in (0..len).step_by(64) {
        let line = start.wrapping_add(at);
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: a prefetch affects only the caches, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

/// Prefetches the items of a slice.
#[inline(always)]
pub(crate) fn slice<T>(items: &[T]) {
    bytes(items.as_ptr().cast(), size_of_val(items));
}
