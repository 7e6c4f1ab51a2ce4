//! Checks that `ticklot-book` needs no std: a static library that defines a panic handler. If it linked std, there would be
//! two panic handlers, and it would not build.

#![no_std]

extern crate alloc;

use core::panic::PanicInfo;

use linked_list_allocator::LockedHeap;
use ticklot_book::{
    Book, BookView, Delta, DeltaBook, Flat, Ids, Ladder, Level, Lots, Nanos, Scale, Sequence, Side,
    Snapshot, Storage, Ticks,
};

#[global_allocator]
static ALLOCATOR: LockedHeap = LockedHeap::empty();

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Applies a feed with either storage and reads the book, so that the whole engine is compiled.
pub extern "C" fn ticklot_no_std(price: i64) -> i64 {
    apply::<Flat>(price) + apply::<Ladder>(price)
}

fn apply<S: Storage>(price: i64) -> i64 {
    let mut book = DeltaBook::new(Book::<S>::with_storage(Scale::UNIT), Sequence::Range);
    let bids = [Level::new(Ticks(price), Lots(1))];
    let snapshot = Snapshot {
        bids: &bids,
        id: Some(1),
        ..Snapshot::default()
    };
    let delta = Delta {
        asks: &bids,
        ids: Some(Ids::one(2)),
        ..Delta::default()
    };
    let _ = book.apply_snapshot(&snapshot, Nanos(1));
    let _ = book.apply_delta(&delta, Nanos(2));
    let live = book.live();
    live.map_or(0, |book| {
        i64::from(book.crc32()) + book.fill(Side::Ask, Lots(1)).lots.0
    })
}
