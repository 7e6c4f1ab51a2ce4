//! JayX messages in the shape that the venue sends: see [`crate::scan`].

mod messages;

use ticklot_book::{Level, Lots, Ticks};

use crate::levels::{ListPlaces, SideSpace};
use crate::scan::{
    Cursor, Form, Formed, Isa, Known, Lanes, Numbers, Part, Recipe, Repeats, Scanner, Shape, Three,
    eight, is_at,
};
use crate::units::{Trade, TradeSide, UnixMillis};

pub(super) use messages::{Other, message};

/// What stands around a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// The JSON of a Socket.IO event: `["orderbook",payload]`.
    Event,
    /// A frame of the plain envelope: a bare payload, or one wrapped with its event's name.
    Plain,
}

/// Reads an order book and its trades. None when the text is anything else, or written otherwise;
/// what the lists then hold means nothing.
pub(super) fn order_book(
    text: &[u8],
    wrap: Wrap,
    scanner: &mut Scanner,
    sides: [&mut SideSpace; 2],
    trades: &mut Repeats<Trade>,
) -> Option<ListPlaces> {
    let mut cursor = Cursor::new(text, 0);
    let close = open(
        &mut cursor,
        wrap,
        b"[\"orderbook\",",
        b"{\"event\":\"orderbook\",",
    )?;
    cursor.expect(b"{\"orderBook\":{\"asks\":[")?;
    let [bids_space, asks_space] = sides;
    let asks = cursor.at();
    // No number is nearer, whatever the lists hold.
    let numbers = asks + LevelShape::HEAD.len();
    let (bids, end) = scanner.read(Numbers::Whole, text, numbers, |mut scanned| {
        let mut cursor = cursor;
        scanned.levels(LevelShape, &mut cursor, asks_space.levels_mut())?;
        cursor.expect(b"],\"bids\":[")?;
        let bids = cursor.at();
        scanned.levels(LevelShape, &mut cursor, bids_space.levels_mut())?;
        cursor.expect(b"]}")?;
        if cursor.skip(b",\"trades\":[") {
            // Behind the list there are a bracket, a brace, and what was opened around the payload.
            let behind = 2 + usize::from(close.is_some());
            let end = text.len().checked_sub(behind)?;
            scanned.repeats(TradeShape, &mut cursor, end, trades)?;
            cursor.expect(b"]")?;
        } else {
            trades.otherwise();
        }
        Some((bids, cursor.at()))
    })?;
    cursor.seek(end);
    cursor.expect(b"}")?;
    close_with(&mut cursor, close)?;
    Some(ListPlaces { bids, asks })
}

/// Steps over what stands before a payload, `event` or `wrapped` and a key, and tells what will stand
/// behind it.
fn open<const N: usize, const M: usize>(
    cursor: &mut Cursor<'_>,
    wrap: Wrap,
    event: &[u8; N],
    wrapped: &[u8; M],
) -> Option<Option<u8>> {
    if wrap == Wrap::Event {
        cursor.expect(event)?;
        return Some(Some(b']'));
    }
    if !cursor.skip(wrapped) {
        return Some(None);
    }
    if !cursor.skip(b"\"message\":") {
        cursor.expect(b"\"data\":")?;
    }
    Some(Some(b'}'))
}

/// Steps over what stands behind a payload, to the end.
fn close_with(cursor: &mut Cursor<'_>, close: Option<u8>) -> Option<()> {
    if let Some(close) = close {
        cursor.expect(&[close])?;
    }
    cursor.end()
}

/// `{"ticks":6684363,"lots":1004817,"count":1}`
#[derive(Clone, Copy)]
struct LevelShape;

/// The longest `count`, in digits, that is read here: any such number fits.
const MAX_COUNT: usize = 8;

impl Shape for LevelShape {
    type Item = Level;
    const HEAD: &'static [u8] = b"{\"ticks\":";
    const WIDE: bool = false;

    #[inline(always)]
    fn goes_on(text: &[u8], end: usize) -> bool {
        is_at(text, end, b"},{\"ticks\":")
    }

    #[inline(always)]
    fn measured<I: Isa>(self, isa: I, numbers: Three<'_>) -> Option<Level> {
        if !(numbers.follows(1, b",\"lots\":") & numbers.follows(2, b",\"count\":")) {
            return None;
        }
        let [ticks, lots] = isa.two_integers(&numbers, [0, 1])?;
        Some(Level {
            ticks: Ticks(ticks.cast_signed()),
            lots: Lots(lots.cast_signed()),
            count: count(&numbers)?,
        })
    }
}

impl Known for LevelShape {
    const TABLE: usize = 0;
    const SHORTEST: usize = b"1,\"lots\":1,\"count\":1".len();

    #[inline(always)]
    fn tag(self) -> u16 {
        0
    }

    fn recipe(self, key: u64) -> Option<Recipe> {
        let [parts @ .., _] = self.parts();
        Recipe::new(key, &parts)
    }

    #[inline(always)]
    fn item(_: u8, numbers: impl Lanes) -> Level {
        Level {
            ticks: Ticks(numbers.first().cast_signed()),
            lots: Lots(numbers.second().cast_signed()),
            count: numbers.short_third(),
        }
    }
}

impl Formed for LevelShape {
    const FORM: &'static Form = &Form::new(3, [LOTS, COUNT, END], NEXT, false);

    // Of the ten or so patterns of a market any bits will do, and these are the quickest to be had.
    const HASHED_FROM: u32 = 0;

    fn parts(self) -> [Part<'static>; 7] {
        [
            Part::Whole,
            Part::Text(LOTS),
            Part::Whole,
            Part::Text(COUNT),
            Part::Short(MAX_COUNT),
            Part::Text(END),
            Part::Text(NEXT),
        ]
    }
}

const LOTS: &[u8] = b",\"lots\":";
const COUNT: &[u8] = b",\"count\":";
const END: &[u8] = b"}";
const NEXT: &[u8] = b",{\"ticks\":";

/// The last number, of at most [`MAX_COUNT`] digits.
#[inline(always)]
fn count(numbers: &Three<'_>) -> Option<u32> {
    let foreign = MAX_COUNT.checked_sub(numbers.len(2))? * 8;
    let digits = u64::from_le_bytes(*numbers.ending(2)) ^ u64::from_le_bytes([b'0'; 8]);
    u32::try_from(eight(digits >> foreign << foreign)).ok()
}

/// `{"lots":3779,"ticks":6667418,"side":"BUY","created":1716136436758}`
#[derive(Clone, Copy)]
struct TradeShape;

impl Shape for TradeShape {
    type Item = Trade;
    const HEAD: &'static [u8] = b"{\"lots\":";
    const WIDE: bool = true;

    #[inline(always)]
    fn goes_on(text: &[u8], end: usize) -> bool {
        is_at(text, end, b"},{\"lots\":")
    }

    #[inline(always)]
    fn measured<I: Isa>(self, isa: I, numbers: Three<'_>) -> Option<Trade> {
        // Both are looked for: buyers and sellers come in no order that a branch could learn.
        let is_buy = numbers.follows(2, b",\"side\":\"BUY\",\"created\":");
        let is_sell = numbers.follows(2, b",\"side\":\"SELL\",\"created\":");
        if !((is_buy | is_sell) & numbers.follows(1, b",\"ticks\":")) {
            return None;
        }
        let [lots, ticks] = isa.two_integers(&numbers, [0, 1])?;
        let [created, _] = isa.two_integers(&numbers, [2, 2])?;
        Some(Trade {
            ticks: Ticks(ticks.cast_signed()),
            lots: Lots(lots.cast_signed()),
            side: if is_buy {
                TradeSide::Buy
            } else {
                TradeSide::Sell
            },
            created: UnixMillis(created.cast_signed()),
        })
    }
}

impl Known for TradeShape {
    const TABLE: usize = 1;
    const SHORTEST: usize = b"1,\"ticks\":1,\"side\":\"BUY\",\"created\":1".len();

    #[inline(always)]
    fn tag(self) -> u16 {
        0
    }

    fn recipe(self, key: u64) -> Option<Recipe> {
        let buy = b",\"side\":\"BUY\",\"created\":".as_slice();
        let sell = b",\"side\":\"SELL\",\"created\":".as_slice();
        // The two words differ in length, so that the pattern tells which of them is meant.
        let (choice, words) = match second_gap(key)? {
            24 => (BUY, buy),
            25 => (SELL, sell),
            _ => return None,
        };
        let parts = [
            Part::Whole,
            Part::Text(b",\"ticks\":"),
            Part::Whole,
            Part::Text(words),
            Part::Whole,
            Part::Text(b"}"),
        ];
        let mut recipe = Recipe::new(key, &parts)?;
        recipe.choice = choice;
        Some(recipe)
    }

    #[inline(always)]
    fn item(choice: u8, numbers: impl Lanes) -> Trade {
        Trade {
            ticks: Ticks(numbers.second().cast_signed()),
            lots: Lots(numbers.first().cast_signed()),
            side: if choice == BUY {
                TradeSide::Buy
            } else {
                TradeSide::Sell
            },
            created: UnixMillis(numbers.third().cast_signed()),
        }
    }
}

/// [`Recipe::choice`] of a trade.
const BUY: u8 = 0;
const SELL: u8 = 1;

/// How many bytes stand between the second and the third number of a pattern.
fn second_gap(key: u64) -> Option<u32> {
    let after = |key: u64, digits: bool| {
        let run = if digits { !key } else { key }.trailing_zeros();
        key.checked_shr(run)
    };
    let second = after(after(key, true)?, false)?;
    Some(after(second, true)?.trailing_zeros())
}

#[cfg(test)]
mod tests;
