//! One side of a book: a flat array of levels, best first.

use core::cmp::Reverse;

use smallvec::SmallVec;
use thiserror::Error;

use crate::book::{Change, MAX_LEVELS};
use crate::units::{Level, Lots, Side, Ticks};

/// How many levels a side holds before it moves to the heap: JayX and most venues send twenty.
pub(crate) const INLINE_LEVELS: usize = 32;

pub(crate) type Levels = SmallVec<[Level; INLINE_LEVELS]>;

/// A snapshot that no book can hold. The book is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{side} level {index} at {ticks} ticks: {kind}")]
pub struct BookError {
    /// What is wrong.
    pub kind: BookErrorKind,
    /// The side that the level is on.
    pub side: Side,
    /// The place of the offending level in the input, from 0. For a duplicate price, the later
    /// of the two.
    pub index: usize,
    /// The price of the offending level.
    pub ticks: Ticks,
}

/// What is wrong with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BookErrorKind {
    /// Two levels of one side have the same price: which one is right cannot be known.
    #[error("a second level at this price")]
    DuplicatePrice,
    /// A quantity below zero.
    #[error("negative quantity")]
    NegativeLots,
    /// More levels on a side than [`MAX_LEVELS`].
    #[error("more than {MAX_LEVELS} levels on a side")]
    TooManyLevels,
}

/// Whether `input` can stand as a side as it is: best first, no duplicate, no empty level.
///
/// This is what a venue sends nearly always, so that no copy is made of it.
///
/// # Errors
/// A negative quantity or too many levels: wrong in any order.
pub(crate) fn is_in_order(side: Side, input: &[Level]) -> Result<bool, BookError> {
    if let Some(level) = input.get(MAX_LEVELS) {
        return Err(error(BookErrorKind::TooManyLevels, side, MAX_LEVELS, level));
    }
    let mut in_order = true;
    let mut last: Option<Ticks> = None;
    for (index, level) in input.iter().enumerate() {
        if level.lots <= Lots(0) {
            if level.lots < Lots(0) {
                return Err(error(BookErrorKind::NegativeLots, side, index, level));
            }
            in_order = false;
        }
        in_order &= last.is_none_or(|last| side.is_better(last, level.ticks));
        last = Some(level.ticks);
    }
    Ok(in_order)
}

/// Puts `input` in order in `sorted`: best first, levels without quantity left out.
///
/// # Errors
/// Two levels at one price. A level without quantity counts: it says that nothing rests at a
/// price where the other says that something does.
pub(crate) fn put_in_order(
    side: Side,
    input: &[Level],
    sorted: &mut Levels,
) -> Result<(), BookError> {
    sorted.clear();
    sorted.extend_from_slice(input);
    match side {
        Side::Bid => sorted.sort_unstable_by_key(|level| Reverse(level.ticks)),
        Side::Ask => sorted.sort_unstable_by_key(|level| level.ticks),
    }
    let twin = sorted
        .windows(2)
        .find(|pair| pair[0].ticks == pair[1].ticks);
    if let Some(&[level, _]) = twin {
        let mut places = input
            .iter()
            .enumerate()
            .filter(|(_, l)| l.ticks == level.ticks);
        let index = places.nth(1).map_or(0, |(index, _)| index);
        return Err(error(BookErrorKind::DuplicatePrice, side, index, &level));
    }
    sorted.retain(|level| level.lots != Lots(0));
    Ok(())
}

/// Replaces `old` by `new`, both in order, and tells every level that differs.
///
/// One walk over both: at each step the better of the two prices is settled. Equal levels, the
/// common case by far, cost one comparison.
pub(crate) fn merge(side: Side, old: &mut Levels, new: &[Level], changed: &mut impl FnMut(Change)) {
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(was), Some(is)) if was.ticks == is.ticks => {
                if was != is {
                    changed(Change::between(side, Some(was), Some(is)));
                }
                i += 1;
                j += 1;
            }
            (Some(was), is) if is.is_none_or(|is| side.is_better(was.ticks, is.ticks)) => {
                changed(Change::between(side, Some(was), None));
                i += 1;
            }
            (_, Some(is)) => {
                changed(Change::between(side, None, Some(is)));
                j += 1;
            }
            (_, None) => break,
        }
    }
    old.clear();
    old.extend_from_slice(new);
}

fn error(kind: BookErrorKind, side: Side, index: usize, level: &Level) -> BookError {
    BookError {
        kind,
        side,
        index,
        ticks: level.ticks,
    }
}
