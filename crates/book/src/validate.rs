//! Validates and sorts the input for one side of a book.

use alloc::vec::Vec;
use core::cmp::Reverse;

use thiserror::Error;

use crate::units::{Level, Lots, Side, Ticks, flip};

/// The maximum number of levels of a side of a book. Real books have far fewer. The limit bounds the memory
/// that a faulty or hostile venue can use.
pub const MAX_LEVELS: usize = 65_536;

/// The error of an invalid snapshot or delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{side} level {index} at {ticks} ticks: {kind}")]
pub struct BookError {
    /// The cause of the error.
    pub kind: BookErrorKind,
    /// The side of the offending level.
    pub side: Side,
    /// The index of the offending level in the input, from 0. For a duplicate price, that of the second
    /// level.
    pub index: usize,
    /// The price of the offending level.
    pub ticks: Ticks,
}

/// The cause of a [`BookError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum BookErrorKind {
    /// Two levels of one side have the same price.
    #[error("duplicate price")]
    DuplicatePrice,
    /// A quantity below zero.
    #[error("negative quantity")]
    NegativeLots,
    /// A side has more than [`MAX_LEVELS`] levels.
    #[error("more than {MAX_LEVELS} levels on a side")]
    TooManyLevels,
    /// A delta for a book that needs a snapshot, because it has none or became invalid since.
    #[error("delta without a valid snapshot")]
    NoSnapshot,
}

/// Whether `input` is sorted, best first, without duplicate prices and empty levels.
///
/// Nearly all messages are sorted, and are not copied.
///
/// # Errors
/// A negative quantity, or too many levels.
fn is_sorted(side: Side, input: &[Level]) -> Result<bool, BookError> {
    if let Some(level) = input.get(MAX_LEVELS) {
        return Err(error(BookErrorKind::TooManyLevels, side, MAX_LEVELS, level));
    }
    let flip = flip(side);
    let mut last = None;
    // Two well-predicted branches per level.
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

/// Sorts `input` into `sorted`, best first, without levels of zero lots.
///
/// # Errors
/// Two levels at one price. Levels of zero lots count, because they contradict another level at their price.
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

/// The sorted levels of a side: `input` itself, or a sorted copy in `space`.
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
