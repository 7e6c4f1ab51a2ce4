//! The levels of an order book message, decoded into buffers that live on.

use std::fmt;

use ticklot_book::{BookError, Level, MAX_LEVELS, Side};

use crate::error::{DecodeError, DecodeFailure, ErrorKind, VenueName};
use crate::json::Value;
use crate::pull::PullParser;

/// Space for the levels of one message.
#[derive(Debug, Default)]
pub(crate) struct LevelBuffer {
    bids: SideBuffer,
    asks: SideBuffer,
    /// Where the JSON starts in the line.
    base: usize,
}

#[derive(Debug, Default)]
pub(crate) struct SideBuffer {
    levels: Vec<Level>,
    /// Where each level starts in the line. The fast path does not fill it: see [`ListOffsets`].
    offsets: Vec<u32>,
}

/// Where the lists of levels begin in a text that the fast path has read. A level's own offset is found when it
/// is asked for: in the shapes that it takes, every level is one pair of braces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListOffsets {
    pub(crate) bids: usize,
    pub(crate) asks: usize,
}

impl LevelBuffer {
    /// Says where the JSON starts in the line: after the head of a packet.
    pub(crate) fn starts_at(&mut self, base: usize) {
        self.base = base;
    }

    /// Where the JSON starts in the line.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Reads both sides, each level by `read`. A side that is `None` (null) is empty.
    pub(crate) fn fill<'a>(
        &mut self,
        bids: Option<Value<'_, 'a>>,
        asks: Option<Value<'_, 'a>>,
        read: impl Fn(Value<'_, 'a>) -> Result<Level, DecodeFailure>,
    ) -> Result<(), DecodeFailure> {
        self.bids.fill("bids", bids, &read)?;
        self.asks.fill("asks", asks, &read)
    }

    /// The two sides, for the fast path to fill: bids and asks.
    pub(crate) fn sides(&mut self) -> [&mut SideBuffer; 2] {
        [&mut self.bids, &mut self.asks]
    }

    /// What [`LevelBuffer::fill`] has read.
    pub(crate) fn view(&self) -> Levels<'_> {
        self.levels(LevelOffsets::Listed {
            bids: &self.bids.offsets,
            asks: &self.asks.offsets,
        })
    }

    /// What the fast path has read from `text`.
    pub(crate) fn found<'a>(&'a self, text: &'a [u8], lists: ListOffsets) -> Levels<'a> {
        self.levels(LevelOffsets::Found(text, lists))
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

    /// Reads a list of levels, each by `level`.
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

/// Appends the levels of a side, each read by `read`, and where each starts in the line.
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
            return Err(item.fault(ErrorKind::TooManyLevels { field, limit }));
        }
        levels.push(read(item)?);
        offsets.push(u32::try_from(item.offset()).unwrap_or(u32::MAX));
    }
    Ok(())
}

/// The decoded levels, and where they stood.
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
    Found(&'a [u8], ListOffsets),
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
            Self::Found(text, lists) => {
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
    /// The levels are fields of their message, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").finish_non_exhaustive()
    }
}

impl<'a> Levels<'a> {
    /// Bids and asks of a text that starts with the line, and where each level starts.
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

    /// What the book refused, as an error of the line that it came from.
    pub(crate) fn refusal(&self, venue: VenueName, error: BookError) -> DecodeError {
        let at = self.offsets.of(error.side, error.index);
        let offset = at.map_or(0, |at| self.base + at);
        DecodeError::new(
            venue,
            DecodeFailure::at(offset, ErrorKind::Book(error.kind)),
        )
    }
}
