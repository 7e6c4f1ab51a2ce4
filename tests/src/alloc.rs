//! Counts allocations and allocated bytes by thread.
//!
//! A test binary installs the allocator with
//! `#[global_allocator] static ALLOCATOR: CountingAllocator = CountingAllocator;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts the calls of each thread.
#[derive(Debug)]
pub struct CountingAllocator;

thread_local! {
    // Without a destructor and without lazy setup, so that using it does not allocate.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The number of times that this thread has allocated or resized an allocation.
#[must_use]
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The bytes that this thread has allocated minus those that it has freed. Negative if it frees allocations of other
/// threads.
#[must_use]
pub fn allocated_bytes() -> i64 {
    BYTES.get()
}

#[allow(clippy::cast_possible_wrap)] // an allocation is at most `isize::MAX` bytes
fn count(calls: u64, allocated: usize, freed: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + calls);
    let change = (allocated as i64).wrapping_sub(freed as i64);
    BYTES.set(BYTES.get().wrapping_add(change));
}

#[allow(unsafe_code)]
// SAFETY: every method passes its arguments unchanged to the same method of `System`, which implements the contract.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller upholds `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller upholds `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size, layout.size());
        // SAFETY: the caller upholds `realloc`'s contract.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: the caller upholds `dealloc`'s contract.
        unsafe { System.dealloc(ptr, layout) }
    }
}
