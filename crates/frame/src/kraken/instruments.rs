//! Instruments and their precision: channel `instrument`.

use ticklot_book::{DecimalError, Scale, ScaleError};

use crate::error::{DecodeFailure, ErrorKind};
use crate::json::{Extra, FieldSlot, Value, read_fields};
use crate::string_arena::{StringArena, StringList};
use crate::units::Decimal;

/// The maximum number of instruments in one message. The venue lists about 1,500.
pub const MAX_PAIRS: usize = 16_384;

/// An instrument and its precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The instrument, such as `BTC/USD`.
    pub symbol: &'a str,
    /// The asset that is bought and sold, such as `BTC`.
    pub base: Option<&'a str>,
    /// The asset of its price, such as `USD`.
    pub quote: Option<&'a str>,
    /// Whether it can be traded.
    pub status: PairStatus,
    /// The text of the status, if it is a string.
    pub status_text: Option<&'a str>,
    /// The number of decimals of a price.
    pub price_precision: u8,
    /// The number of decimals of a quantity.
    pub qty_precision: u8,
    /// The smallest step of a price. It may be larger than [`Pair::price_precision`] allows.
    pub price_increment: Option<Decimal<'a>>,
    /// The smallest step of a quantity.
    pub qty_increment: Option<Decimal<'a>>,
}

impl Pair<'_> {
    /// The scale of the instrument's precision, which [`checksum`](super::checksum) requires.
    ///
    /// # Errors
    /// The precision exceeds that of a [`Scale`].
    pub const fn scale(&self) -> Result<Scale, ScaleError> {
        Scale::new(self.price_precision, self.qty_precision)
    }
}

/// The trading status of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PairStatus {
    /// `online`: accepts all orders.
    Online,
    /// `cancel_only`: accepts cancellations, but no orders.
    CancelOnly,
    /// `delisted`: no longer traded.
    Delisted,
    /// `limit_only`: accepts only limit orders.
    LimitOnly,
    /// `maintenance`: accepts neither orders nor cancellations.
    Maintenance,
    /// `post_only`: accepts only orders that add liquidity.
    PostOnly,
    /// `reduce_only`: accepts only orders that reduce a position.
    ReduceOnly,
    /// `work_in_progress`: not yet traded.
    WorkInProgress,
    /// Another text, or none.
    Other,
}

impl PairStatus {
    fn from_text(text: &str) -> Self {
        match text {
            "online" => Self::Online,
            "cancel_only" => Self::CancelOnly,
            "delisted" => Self::Delisted,
            "limit_only" => Self::LimitOnly,
            "maintenance" => Self::Maintenance,
            "post_only" => Self::PostOnly,
            "reduce_only" => Self::ReduceOnly,
            "work_in_progress" => Self::WorkInProgress,
            _ => Self::Other,
        }
    }
}

/// The instruments of one message, in its order.
#[derive(Clone, Copy)]
pub struct Instruments<'a> {
    /// Whether the message lists all instruments, rather than those that changed.
    pub is_snapshot: bool,
    /// The number of skipped items, whose symbol or precision is invalid. The other items are not affected.
    pub skipped: usize,
    entries: &'a [Entry],
    strings: StringList<'a>,
}

impl<'a> Instruments<'a> {
    /// The number of instruments.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The instruments.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Pair<'a>> + use<'a> {
        let strings = self.strings;
        self.entries.iter().map(move |entry| {
            let text = |at: Option<u32>| at.map(|at| strings.get(at));
            Pair {
                symbol: strings.get(entry.symbol),
                base: text(entry.base),
                quote: text(entry.quote),
                status: text(entry.status).map_or(PairStatus::Other, PairStatus::from_text),
                status_text: text(entry.status),
                price_precision: entry.price_precision,
                qty_precision: entry.qty_precision,
                price_increment: text(entry.price_increment).map(Decimal),
                qty_increment: text(entry.qty_increment).map(Decimal),
            }
        })
    }
}

/// The instruments of the last message.
#[derive(Default)]
pub(super) struct PairBuffer {
    entries: Vec<Entry>,
    strings: StringArena,
}

/// An instrument whose texts are indices into a [`StringArena`].
struct Entry {
    symbol: u32,
    base: Option<u32>,
    quote: Option<u32>,
    status: Option<u32>,
    price_precision: u8,
    qty_precision: u8,
    price_increment: Option<u32>,
    qty_increment: Option<u32>,
}

pub(super) fn read<'a>(
    data: Value<'_, 'a>,
    is_snapshot: bool,
    buffers: &'a mut PairBuffer,
) -> Result<Instruments<'a>, DecodeFailure> {
    read_fields!(data, "data", { "pairs" => pairs });
    let skipped = read_pairs(&pairs, buffers)?;
    Ok(Instruments {
        is_snapshot,
        skipped,
        entries: &buffers.entries,
        strings: buffers.strings.view(),
    })
}

/// Returns the number of skipped items.
fn read_pairs(pairs: &FieldSlot<'_, '_>, buffers: &mut PairBuffer) -> Result<usize, DecodeFailure> {
    let PairBuffer { entries, strings } = buffers;
    entries.clear();
    strings.clear();
    let Some(pairs) = pairs.get() else {
        return Ok(0);
    };
    let items = pairs.items("pairs")?;
    let total = items.len();
    for (count, item) in items.enumerate() {
        item.check_count(count, MAX_PAIRS, "pairs")?;
        entries.extend(pair(item, strings).ok());
    }
    Ok(total - entries.len())
}

fn pair(pair: Value<'_, '_>, strings: &mut StringArena) -> Result<Entry, DecodeFailure> {
    read_fields!(pair, "pair", {
        "symbol" => symbol,
        "price_precision" => price_precision,
        "qty_precision" => qty_precision,
    }, extra {
        "base" => base,
        "quote" => quote,
        "status" => status,
        "price_increment" => price_increment,
        "qty_increment" => qty_increment,
    });
    let mut text = |extra: &Extra<'_, '_>| extra.read(Value::str).map(|text| strings.push(text));
    let [base, quote, status] = [&base, &quote, &status].map(&mut text);
    let mut number =
        |extra: &Extra<'_, '_>| extra.read(Value::decimal).map(|text| strings.push(text.0));
    let [price_increment, qty_increment] = [&price_increment, &qty_increment].map(&mut number);
    Ok(Entry {
        symbol: strings.push(symbol.str(&pair)?),
        base,
        quote,
        status,
        price_precision: precision(price_precision.require(&pair)?, "price_precision")?,
        qty_precision: precision(qty_precision.require(&pair)?, "qty_precision")?,
        price_increment,
        qty_increment,
    })
}

fn precision(value: Value<'_, '_>, field: &'static str) -> Result<u8, DecodeFailure> {
    let error = DecimalError::Overflow;
    u8::try_from(value.count(field)?).map_err(|_| value.error(ErrorKind::Number { field, error }))
}
