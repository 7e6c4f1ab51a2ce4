//! The levels of an order book message, decoded into buffers that live on.

use ticklot_book::{BookError, Level, MAX_LEVELS, Side};

use crate::error::{DecodeError, ErrorKind, Fault, VenueName};
use crate::json::Value;

/// Space for the levels of one message.
#[derive(Debug, Default)]
pub(crate) struct LevelSpace {
    bids: SideSpace,
    asks: SideSpace,
    /// Where the JSON starts in the line.
    base: usize,
}

#[derive(Debug, Default)]
struct SideSpace {
    levels: Vec<Level>,
    /// Where each level starts in the line.
    offsets: Vec<u32>,
}

impl LevelSpace {
    /// Says where the JSON starts in the line: after the head of a packet.
    pub(crate) fn starts_at(&mut self, base: usize) {
        self.base = base;
    }

    /// Reads both sides, each level by `read`. A side that is `None` (null) is empty.
    pub(crate) fn fill<'a>(
        &mut self,
        bids: Option<Value<'_, 'a>>,
        asks: Option<Value<'_, 'a>>,
        read: impl Fn(Value<'_, 'a>) -> Result<Level, Fault>,
    ) -> Result<(), Fault> {
        self.bids.fill("bids", bids, &read)?;
        self.asks.fill("asks", asks, &read)
    }

    pub(crate) fn view(&self) -> Levels<'_> {
        Levels {
            bids: &self.bids.levels,
            asks: &self.asks.levels,
            bid_offsets: &self.bids.offsets,
            ask_offsets: &self.asks.offsets,
            base: self.base,
        }
    }
}

impl SideSpace {
    fn fill<'a>(
        &mut self,
        field: &'static str,
        side: Option<Value<'_, 'a>>,
        read: &impl Fn(Value<'_, 'a>) -> Result<Level, Fault>,
    ) -> Result<(), Fault> {
        self.levels.clear();
        self.offsets.clear();
        let Some(side) = side else { return Ok(()) };
        for item in side.items(field)? {
            if self.levels.len() == MAX_LEVELS {
                let limit = MAX_LEVELS;
                return Err(item.fault(ErrorKind::TooManyLevels { field, limit }));
            }
            self.levels.push(read(item)?);
            self.offsets
                .push(u32::try_from(item.offset()).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

/// The decoded levels, and where they stood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels<'a> {
    pub(crate) bids: &'a [Level],
    pub(crate) asks: &'a [Level],
    bid_offsets: &'a [u32],
    ask_offsets: &'a [u32],
    base: usize,
}

impl Levels<'_> {
    /// What the book refused, as an error of the line that it came from.
    pub(crate) fn refusal(&self, venue: VenueName, error: BookError) -> DecodeError {
        let offsets = match error.side {
            Side::Bid => self.bid_offsets,
            Side::Ask => self.ask_offsets,
        };
        let offset = offsets
            .get(error.index)
            .map_or(0, |&at| self.base + at as usize);
        DecodeError::new(venue, Fault::at(offset, ErrorKind::Book(error.kind)))
    }
}
