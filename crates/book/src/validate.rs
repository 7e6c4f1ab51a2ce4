//! What comes in for one side of a book: checked, and put in order.

use alloc::vec::Vec;
use core::cmp::Reverse;

use thiserror::Error;

use crate::units::{Level, Lots, Side, Ticks, flip};

/// The most levels that a side of a book may have. Real books are far below; the limit keeps
/// a broken or hostile venue from growing a book without bound.
pub const MAX_LEVELS: usize = 65_536;

/// A snapshot or a delta that no book can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{side} level {index} at {ticks} ticks: {kind}")]
pub struct BookError {
    /// What is wrong.
    pub kind: BookErrorKind,
    /// The side that the level is on.
    pub side: Side,
    /// The index of the offending level in the input, from 0. For a duplicate price, the later
    /// of the two.
    pub index: usize,
    /// The price of the offending level.
    pub ticks: Ticks,
}

/// What is wrong with a snapshot or a delta.
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
    /// A delta for a book that has no snapshot to apply it to, or lost its trust since.
    #[error("a delta without a snapshot before it")]
    NoSnapshot,
}

/// Whether `input` can stand as a side as it is: best first, no duplicate, no empty level.
///
/// This is what a venue sends nearly always, so that no copy is made of it.
///
/// # Errors
/// A negative quantity or too many levels: wrong in any order.
fn is_sorted(side: Side, input: &[Level]) -> Result<bool, BookError> {
    if let Some(level) = input.get(MAX_LEVELS) {
        return Err(error(BookErrorKind::TooManyLevels, side, MAX_LEVELS, level));
    }
    let flip = flip(side);
    let mut last = None;
    // Two branches a level, which nearly never go the other way.
    let is_next = |level: &Level| {
        let key = level.ticks.0 ^ flip;
        let in_order = last.is_none_or(|last| last < key);
        last = Some(key);
        in_order && level.lots.0.is_positive()
    };
    if input.iter().all(is_next) {
        return Ok(true);
    }
    match input.iter().position(|level| level.lots.0.is_negative()) {
        Some(index) => Err(error(
            BookErrorKind::NegativeLots,
            side,
            index,
            &input[index],
        )),
        None => Ok(false),
    }
}

/// Puts `input` in order in `sorted`: best first, levels without quantity left out.
///
/// # Errors
/// Two levels at one price. A level without quantity counts: it says that nothing rests at a
/// price where the other says that something does.
fn sort(side: Side, input: &[Level], sorted: &mut Vec<Level>) -> Result<(), BookError> {
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
        let mut same_price = input
            .iter()
            .enumerate()
            .filter(|(_, l)| l.ticks == level.ticks);
        let index = same_price.nth(1).map_or(0, |(index, _)| index);
        return Err(error(BookErrorKind::DuplicatePrice, side, index, &level));
    }
    sorted.retain(|level| level.lots != Lots(0));
    Ok(())
}

/// The input as a side in order: itself, or sorted in `space`.
#[inline]
pub(crate) fn ordered<'a>(
    side: Side,
    input: &'a [Level],
    space: &'a mut Vec<Level>,
) -> Result<&'a [Level], BookError> {
    if is_sorted(side, input)? {
        return Ok(input);
    }
    sort(side, input, space)?;
    Ok(space)
}

#[cold]
pub(crate) fn error(kind: BookErrorKind, side: Side, index: usize, level: &Level) -> BookError {
    BookError {
        kind,
        side,
        index,
        ticks: level.ticks,
    }
}
