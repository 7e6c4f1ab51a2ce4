//! The proof that `ticklot-book` needs no std: a static library with a panic handler of its own. If
//! anything that it links had std in it there would be two, and it would not build.

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

/// Follows a feed with either storage, and reads the book: all of the engine is compiled for it.
pub extern "C" fn ticklot_no_std(price: i64) -> i64 {
    ask::<Flat>(price) + ask::<Ladder>(price)
}

fn ask<S: Storage>(price: i64) -> i64 {
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
