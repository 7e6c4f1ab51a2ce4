//! Order books: channel `book`.
//!
//! A message may contain several books, although the venue sends one. Their levels share one buffer, in which a book is
//! two adjacent ranges: its bids and its asks.

use ticklot_book::{BookError, Level, Lots, Scale, Ticks};

use crate::error::{DecodeError, DecodeFailure, VenueName};
use crate::iso_time::IsoTime;
use crate::json::{FieldSlot, Value, read_fields};
use crate::levels::{Levels, push_levels};
use crate::string_arena::{StringArena, StringList};
use crate::units::{Scales, UnixMillis};

/// The maximum number of books in one message.
pub const MAX_BOOKS: usize = 4_096;

/// A snapshot or an update of one instrument's order book.
///
/// Levels are in the order of the message. In an update, a quantity of zero removes the level, and the last one of
/// several levels with the same price is valid. After an update, the book must be truncated to the subscribed
/// [`Depth`](super::Depth), because the venue sends no removals for levels beyond it.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    /// Whether the message replaces the book, rather than updating it.
    pub is_snapshot: bool,
    /// The instrument, such as `BTC/USD`.
    pub symbol: &'a str,
    /// The bids.
    pub bids: &'a [Level],
    /// The asks.
    pub asks: &'a [Level],
    /// The venue's checksum of the book after this message: compare it with [`checksum`](super::checksum).
    pub checksum: Option<u32>,
    /// The venue's time of the update, rounded down to milliseconds.
    pub sent: Option<UnixMillis>,
    levels: Levels<'a>,
}

impl Book<'_> {
    /// Converts an error of the book for this message to a decoding error with the byte offset of the level.
    #[must_use]
    pub fn refusal(&self, error: BookError) -> DecodeError {
        self.levels.refusal(VenueName::KRAKEN, error)
    }
}

/// The books of one message, in its order.
#[derive(Clone, Copy)]
pub struct Books<'a> {
    /// Whether the message is a snapshot, rather than an update.
    pub is_snapshot: bool,
    entries: &'a [Entry],
    symbols: StringList<'a>,
    levels: &'a [Level],
    offsets: &'a [u32],
}

impl<'a> Books<'a> {
    /// The number of books.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The books.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Book<'a>> + use<'a> {
        let books = *self;
        self.entries.iter().map(move |entry| books.book(entry))
    }

    fn book(&self, entry: &Entry) -> Book<'a> {
        let [bids, asks] = entry.split(self.levels);
        Book {
            is_snapshot: self.is_snapshot,
            symbol: self.symbols.get(entry.symbol),
            bids,
            asks,
            checksum: entry.checksum,
            sent: entry.sent,
            levels: Levels::listed([bids, asks], entry.split(self.offsets)),
        }
    }
}

/// The books of the last message.
#[derive(Default)]
pub(super) struct BookBuffer {
    entries: Vec<Entry>,
    symbols: StringArena,
    levels: Vec<Level>,
    /// The first byte of each level in the frame.
    offsets: Vec<u32>,
}

/// A book: its bids are the levels from `start` to `middle`, its asks those from `middle` to `end`.
struct Entry {
    symbol: u32,
    start: usize,
    middle: usize,
    end: usize,
    checksum: Option<u32>,
    sent: Option<UnixMillis>,
}

impl Entry {
    fn split<'a, T>(&self, all: &'a [T]) -> [&'a [T]; 2] {
        let range = |from, to| all.get(from..to).unwrap_or_default();
        [range(self.start, self.middle), range(self.middle, self.end)]
    }
}

pub(super) fn read<'a>(
    data: Value<'_, 'a>,
    is_snapshot: bool,
    buffers: &'a mut BookBuffer,
    scales: &(impl Scales + ?Sized),
) -> Result<Books<'a>, DecodeFailure> {
    buffers.clear();
    for item in data.items("data")? {
        item.check_count(buffers.entries.len(), MAX_BOOKS, "data")?;
        buffers.push_book(item, is_snapshot, scales)?;
    }
    Ok(buffers.view(is_snapshot))
}

impl BookBuffer {
    fn clear(&mut self) {
        self.entries.clear();
        self.symbols.clear();
        self.levels.clear();
        self.offsets.clear();
    }

    fn view(&self, is_snapshot: bool) -> Books<'_> {
        Books {
            is_snapshot,
            entries: &self.entries,
            symbols: self.symbols.view(),
            levels: &self.levels,
            offsets: &self.offsets,
        }
    }

    fn push_book(
        &mut self,
        book: Value<'_, '_>,
        is_snapshot: bool,
        scales: &(impl Scales + ?Sized),
    ) -> Result<(), DecodeFailure> {
        read_fields!(book, "book", {
            "symbol" => symbol,
            "bids" => bids,
            "asks" => asks,
            "checksum" => checksum,
        }, extra { "timestamp" => timestamp });
        if is_snapshot {
            // Both sides are required, because a side that is missing by mistake would be read as an empty one.
            bids.require(&book)?;
            asks.require(&book)?;
        }
        let symbol = symbol.str(&book)?;
        let scale = scales.scale(symbol);
        let start = self.levels.len();
        self.push_side("bids", &bids, scale)?;
        let middle = self.levels.len();
        self.push_side("asks", &asks, scale)?;
        self.entries.push(Entry {
            symbol: self.symbols.push(symbol),
            start,
            middle,
            end: self.levels.len(),
            checksum: checksum.optional(Value::count)?,
            sent: timestamp.read(Value::str).and_then(millis),
        });
        Ok(())
    }

    /// Reads the levels of a side, which is empty if it is absent.
    fn push_side(
        &mut self,
        field: &'static str,
        side: &FieldSlot<'_, '_>,
        scale: Scale,
    ) -> Result<(), DecodeFailure> {
        let Some(side) = side.get() else {
            return Ok(());
        };
        let (levels, offsets) = (&mut self.levels, &mut self.offsets);
        push_levels(field, side, levels, offsets, |item| level(item, scale))
    }
}

fn level(item: Value<'_, '_>, scale: Scale) -> Result<Level, DecodeFailure> {
    read_fields!(item, "level", { "price" => price, "qty" => qty });
    Ok(Level::new(
        ticks(&price, &item, scale)?,
        lots(&qty, &item, scale)?,
    ))
}

/// The field `price` of an object.
pub(super) fn ticks<'a>(
    price: &FieldSlot<'_, 'a>,
    of: &Value<'_, 'a>,
    scale: Scale,
) -> Result<Ticks, DecodeFailure> {
    let price = price.require(of)?;
    price.steps("price", scale.price_decimals()).map(Ticks)
}

/// The field `qty` of an object.
pub(super) fn lots<'a>(
    qty: &FieldSlot<'_, 'a>,
    of: &Value<'_, 'a>,
    scale: Scale,
) -> Result<Lots, DecodeFailure> {
    let qty = qty.require(of)?;
    qty.steps("qty", scale.quantity_decimals()).map(Lots)
}

/// A time in milliseconds; `None` for text in another format.
pub(super) fn millis(text: &str) -> Option<UnixMillis> {
    IsoTime(text).unix_millis().ok()
}
