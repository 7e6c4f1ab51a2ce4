//! The levels of an order book message, in reused buffers.

use std::fmt;

use ticklot_book::{BookError, Level, MAX_LEVELS, Side};

use crate::error::{DecodeError, DecodeFailure, ErrorKind, VenueName};
use crate::json::Value;
use crate::pull::PullParser;

/// The buffers for the levels of one message.
#[derive(Debug, Default)]
pub(crate) struct LevelBuffer {
    bids: SideBuffer,
    asks: SideBuffer,
    /// The offset of the JSON in the line.
    base: usize,
}

#[derive(Debug, Default)]
pub(crate) struct SideBuffer {
    levels: Vec<Level>,
    /// The offset of each level. The fast path does not fill it: see [`ListOffsets`].
    offsets: Vec<u32>,
}

/// The offsets of the lists of levels in a text that the fast path has read. The offset of a level is computed on
/// demand: in all shapes that the fast path accepts, a level is one pair of braces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListOffsets {
    pub(crate) bids: usize,
    pub(crate) asks: usize,
}

impl LevelBuffer {
    /// Sets the offset of the JSON in the line, which follows the prefix of a packet.
    pub(crate) fn starts_at(&mut self, base: usize) {
        self.base = base;
    }

    /// The offset of the JSON in the line.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Parses both sides, each level with `read`. A side that is `None` (null) is empty.
    pub(crate) fn fill<'a>(
        &mut self,
        bids: Option<Value<'_, 'a>>,
        asks: Option<Value<'_, 'a>>,
        read: impl Fn(Value<'_, 'a>) -> Result<Level, DecodeFailure>,
    ) -> Result<(), DecodeFailure> {
        self.bids.fill("bids", bids, &read)?;
        self.asks.fill("asks", asks, &read)
    }

    /// The buffers of bids and asks.
    pub(crate) fn sides(&mut self) -> [&mut SideBuffer; 2] {
        [&mut self.bids, &mut self.asks]
    }

    /// The levels that [`LevelBuffer::fill`] has read.
    pub(crate) fn view(&self) -> Levels<'_> {
        self.levels(LevelOffsets::Listed {
            bids: &self.bids.offsets,
            asks: &self.asks.offsets,
        })
    }

    /// The levels that the fast path has read from `text`.
    pub(crate) fn found<'a>(&'a self, text: &'a [u8], lists: ListOffsets) -> Levels<'a> {
        self.levels(LevelOffsets::ParsedMessage(text, lists))
    }

    fn levels<'a>(&'a self, offsets: LevelOffsets<'a>) -> Levels<'a> {
        Levels {
            bids: &self.bids.levels,
            asks: &self.asks.levels,
            offsets,
            base: self.base,
        }
    }
}

impl SideBuffer {
    pub(crate) fn levels_mut(&mut self) -> &mut Vec<Level> {
        &mut self.levels
    }

    /// Parses a list of levels, each with `level`.
    pub(crate) fn pull(
        &mut self,
        json: &mut PullParser<'_>,
        level: impl Fn(&mut PullParser<'_>) -> Option<Level>,
    ) -> Option<()> {
        let Self { levels, offsets } = self;
        levels.clear();
        offsets.clear();
        json.array(|json| {
            offsets.push(u32::try_from(json.at()).ok()?);
            levels.push(level(json)?);
            (levels.len() <= MAX_LEVELS).then_some(())
        })
    }

    fn fill<'a>(
        &mut self,
        field: &'static str,
        side: Option<Value<'_, 'a>>,
        read: &impl Fn(Value<'_, 'a>) -> Result<Level, DecodeFailure>,
    ) -> Result<(), DecodeFailure> {
        self.levels.clear();
        self.offsets.clear();
        let Some(side) = side else { return Ok(()) };
        push_levels(field, side, &mut self.levels, &mut self.offsets, read)
    }
}

/// Appends the levels of a side, each parsed with `read`, and their offsets.
pub(crate) fn push_levels<'a>(
    field: &'static str,
    side: Value<'_, 'a>,
    levels: &mut Vec<Level>,
    offsets: &mut Vec<u32>,
    read: impl Fn(Value<'_, 'a>) -> Result<Level, DecodeFailure>,
) -> Result<(), DecodeFailure> {
    for (count, item) in side.items(field)?.enumerate() {
        if count == MAX_LEVELS {
            let limit = MAX_LEVELS;
            return Err(item.error(ErrorKind::TooManyLevels { field, limit }));
        }
        levels.push(read(item)?);
        offsets.push(u32::try_from(item.offset()).unwrap_or(u32::MAX));
    }
    Ok(())
}

/// The decoded levels, and their offsets.
#[derive(Clone, Copy)]
pub(crate) struct Levels<'a> {
    pub(crate) bids: &'a [Level],
    pub(crate) asks: &'a [Level],
    offsets: LevelOffsets<'a>,
    base: usize,
}

#[derive(Clone, Copy)]
enum LevelOffsets<'a> {
    Listed { bids: &'a [u32], asks: &'a [u32] },
    ParsedMessage(&'a [u8], ListOffsets),
}

impl LevelOffsets<'_> {
    fn of(&self, side: Side, index: usize) -> Option<usize> {
        match *self {
            Self::Listed { bids, asks } => {
                let offsets = match side {
                    Side::Bid => bids,
                    Side::Ask => asks,
                };
                offsets.get(index).map(|at| *at as usize)
            }
            Self::ParsedMessage(text, lists) => {
                let list = match side {
                    Side::Bid => lists.bids,
                    Side::Ask => lists.asks,
                };
                let mut levels = memchr::memchr_iter(b'{', text.get(list..)?);
                levels.nth(index).map(|at| list + at)
            }
        }
    }
}

impl fmt::Debug for Levels<'_> {
    /// Omits the levels, which are also fields of their message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").finish_non_exhaustive()
    }
}

impl<'a> Levels<'a> {
    /// Bids and asks with their offsets, for a text that starts with the line.
    pub(crate) fn listed([bids, asks]: [&'a [Level]; 2], offsets: [&'a [u32]; 2]) -> Self {
        let offsets = LevelOffsets::Listed {
            bids: offsets[0],
            asks: offsets[1],
        };
        Self {
            bids,
            asks,
            offsets,
            base: 0,
        }
    }

    /// Converts an error of the book to a decoding error with the byte offset of the level.
    pub(crate) fn refusal(&self, venue: VenueName, error: BookError) -> DecodeError {
        let at = self.offsets.of(error.side, error.index);
        let offset = at.map_or(0, |at| self.base + at);
        DecodeError::new(
            venue,
            DecodeFailure::at(offset, ErrorKind::Book(error.kind)),
        )
    }
}
