//! Trades: channel `trade`.

use ticklot_book::{Lots, Ticks};

use super::books::{lots, millis, ticks};
use crate::error::{DecodeFailure, Skipped, SkippedItems, VenueName};
use crate::iso_time::IsoTime;
use crate::json::{Value, read_fields};
use crate::string_arena::{StringArena, StringList};
use crate::units::{Scales, TradeSide, UnixMillis};

/// The maximum number of trades in one message.
pub const MAX_TRADES: usize = 16_384;

/// A trade. Only its optional fields may be missing or invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade<'a> {
    /// The instrument, such as `BTC/USD`.
    pub symbol: &'a str,
    /// The side of the taker.
    pub side: TradeSide,
    /// The price.
    pub ticks: Ticks,
    /// The quantity.
    pub lots: Lots,
    /// The type of the taker's order: `limit` or `market`.
    pub ord_type: Option<&'a str>,
    /// The number of the trade, in sequence within its instrument.
    pub trade_id: Option<u64>,
    /// The time of the trade, as the venue sent it, with a higher resolution than milliseconds.
    pub timestamp: Option<IsoTime<'a>>,
    /// [`Trade::timestamp`], rounded down to milliseconds. `None` if its text is not a time in UTC.
    pub created: Option<UnixMillis>,
}

/// The trades of one message, in its order.
#[derive(Clone, Copy)]
pub struct Trades<'a> {
    /// Whether these are the recent trades after a subscription, rather than new ones.
    pub is_snapshot: bool,
    /// The skipped trades, which are invalid.
    pub skipped: Option<&'a Skipped>,
    entries: &'a [Entry],
    strings: StringList<'a>,
}

impl<'a> Trades<'a> {
    /// The number of trades.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The trades.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Trade<'a>> + use<'a> {
        let strings = self.strings;
        self.entries.iter().map(move |entry| Trade {
            symbol: strings.get(entry.symbol),
            side: entry.side,
            ticks: entry.ticks,
            lots: entry.lots,
            ord_type: entry.ord_type.map(|at| strings.get(at)),
            trade_id: entry.trade_id,
            timestamp: entry.timestamp.map(|at| IsoTime(strings.get(at))),
            created: entry.created,
        })
    }
}

/// The trades of the last message.
#[derive(Default)]
pub(super) struct TradeBuffer {
    entries: Vec<Entry>,
    strings: StringArena,
    skipped: Option<Skipped>,
}

/// A trade whose strings are indices into a [`StringArena`].
struct Entry {
    symbol: u32,
    side: TradeSide,
    ticks: Ticks,
    lots: Lots,
    ord_type: Option<u32>,
    trade_id: Option<u64>,
    timestamp: Option<u32>,
    created: Option<UnixMillis>,
}

pub(super) fn read<'a>(
    data: Value<'_, 'a>,
    is_snapshot: bool,
    buffers: &'a mut TradeBuffer,
    scales: &(impl Scales + ?Sized),
) -> Result<Trades<'a>, DecodeFailure> {
    let TradeBuffer {
        entries,
        strings,
        skipped: reported,
    } = buffers;
    entries.clear();
    strings.clear();
    let mut skipped = SkippedItems::default();
    for (count, item) in data.items("data")?.enumerate() {
        item.check_count(count, MAX_TRADES, "data")?;
        entries.extend(skipped.keep(trade(item, strings, scales)));
    }
    *reported = skipped.report(VenueName::KRAKEN, 0);
    Ok(Trades {
        is_snapshot,
        skipped: reported.as_ref(),
        entries,
        strings: strings.view(),
    })
}

fn trade(
    trade: Value<'_, '_>,
    strings: &mut StringArena,
    scales: &(impl Scales + ?Sized),
) -> Result<Entry, DecodeFailure> {
    read_fields!(trade, "trade", {
        "symbol" => symbol,
        "side" => side,
        "price" => price,
        "qty" => qty,
    }, extra {
        "ord_type" => ord_type,
        "trade_id" => trade_id,
        "timestamp" => timestamp,
    });
    let symbol = symbol.str(&trade)?;
    let scale = scales.scale(symbol);
    let timestamp = timestamp.read(Value::str);
    Ok(Entry {
        side: side.require(&trade)?.trade_side("side")?,
        ticks: ticks(&price, &trade, scale)?,
        lots: lots(&qty, &trade, scale)?,
        symbol: strings.push(symbol),
        ord_type: ord_type.read(Value::str).map(|text| strings.push(text)),
        trade_id: trade_id.read(Value::unsigned),
        timestamp: timestamp.map(|text| strings.push(text)),
        created: timestamp.and_then(millis),
    })
}
