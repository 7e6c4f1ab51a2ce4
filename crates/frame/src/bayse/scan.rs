//! Bayse messages in the shape that the venue sends: see [`crate::scan`].

mod messages;

use ticklot_book::{Level, Lots, MAX_DECIMALS, Scale, Ticks, parse_decimal};

use crate::iso_time::IsoTime;
use crate::levels::{ListPlaces, SideSpace};
use crate::scan::fields::{nullable, optional, trade_side};
use crate::scan::{
    Cursor, Form, Formed, Isa, Known, Lanes, MAX_RUN, NO_POINT, Numbers, Part, Recipe, Scanner,
    Shape, Three, is_at,
};
use crate::units::{Decimal, Scales, TradeSide, UnixMillis};

pub(super) use messages::{message, price_update};

/// An order book but for its levels.
#[derive(Clone, Copy)]
pub(super) struct ScannedBook<'a> {
    pub(super) market_id: &'a str,
    pub(super) outcome_id: &'a str,
    pub(super) timestamp: Option<IsoTime<'a>>,
    pub(super) last_price: Option<Decimal<'a>>,
    pub(super) last_side: Option<TradeSide>,
    pub(super) sent: Option<UnixMillis>,
    pub(super) places: ListPlaces,
}

/// Reads an `orderbook_update`. None when the text is anything else, or written otherwise; what the
/// sides then hold means nothing.
pub(super) fn order_book<'a>(
    text: &'a [u8],
    scanner: &mut Scanner,
    scales: &(impl Scales + ?Sized),
    sides: [&mut SideSpace; 2],
) -> Option<ScannedBook<'a>> {
    let mut cursor = Cursor::new(text, 0);
    cursor.expect(b"{\"type\":\"orderbook_update\",\"data\":{\"orderbook\":{\"marketId\":\"")?;
    let market_id = cursor.string()?;
    cursor.expect(b",\"outcomeId\":\"")?;
    let outcome_id = cursor.string()?;
    let timestamp = optional(&mut cursor, b",\"timestamp\":\"", Cursor::string)?;
    let shape = LevelShape::new(scales.scale(market_id))?;

    cursor.expect(b",\"bids\":[")?;
    let [bids_space, asks_space] = sides;
    let bids = cursor.at();
    let (asks, end) = scanner.read(Numbers::Decimal, text, bids, |mut scanned| {
        let mut cursor = cursor;
        scanned.levels(shape, &mut cursor, bids_space.levels_mut())?;
        cursor.expect(b"],\"asks\":[")?;
        let asks = cursor.at();
        scanned.levels(shape, &mut cursor, asks_space.levels_mut())?;
        cursor.expect(b"]")?;
        Some((asks, cursor.at()))
    })?;
    cursor.seek(end);

    let last_price = optional(&mut cursor, b",\"lastTradedPrice\":", |cursor| {
        nullable(cursor, Cursor::number)
    })?;
    let last_side = optional(&mut cursor, b",\"lastTradedSide\":", |cursor| {
        nullable(cursor, trade_side)
    })?;
    cursor.expect(b"}}")?;
    let sent = optional(&mut cursor, b",\"timestamp\":", Cursor::integer)?;
    cursor.expect(b"}")?;
    cursor.end()?;
    Some(ScannedBook {
        market_id,
        outcome_id,
        timestamp: timestamp.map(IsoTime),
        last_price: last_price.flatten().map(Decimal),
        last_side: last_side.flatten(),
        sent: sent.map(UnixMillis),
        places: ListPlaces { bids, asks },
    })
}

/// `{"price":0.60,"quantity":500,"total":300.0}`
#[derive(Clone, Copy)]
struct LevelShape {
    scale: Scale,
    price: &'static Multipliers,
    quantity: &'static Multipliers,
}

impl LevelShape {
    fn new(scale: Scale) -> Option<Self> {
        Some(Self {
            scale,
            price: multipliers(scale.price_decimals())?,
            quantity: multipliers(scale.quantity_decimals())?,
        })
    }
}

/// The longest total that is stepped over here, in bytes. (Whole numbers so long are numbers to the general path too,
/// since simd-json has its feature `big-int-as-float`.)
const MAX_TOTAL: usize = 32;

impl Shape for LevelShape {
    type Item = Level;
    const HEAD: &'static [u8] = b"{\"price\":";
    const WIDE: bool = false;

    #[inline(always)]
    fn goes_on(text: &[u8], end: usize) -> bool {
        is_at(text, end, b"},{\"price\":")
    }

    #[inline(always)]
    fn measured<I: Isa>(self, isa: I, numbers: Three<'_>) -> Option<Level> {
        let words = numbers.follows(1, b",\"quantity\":") & numbers.follows(2, b",\"total\":");
        // A total is not read, but it must be a number that every reader of JSON can hold.
        if !words | (numbers.len(2) > MAX_TOTAL) {
            return None;
        }
        let [price, quantity] = isa.two_decimals(&numbers)?;
        let [by_price, by_quantity] = [self.price[price.point], self.quantity[quantity.point]];
        if (by_price == 0) | (by_quantity == 0) {
            return finer(self.scale, [numbers.text(0), numbers.text(1)]);
        }
        let [ticks, lots] = [price, quantity].map(|number| number.digits.cast_signed());
        let (ticks, too_high) = ticks.overflowing_mul(by_price);
        let (lots, too_many) = lots.overflowing_mul(by_quantity);
        (!(too_high | too_many)).then_some(Level::new(Ticks(ticks), Lots(lots)))
    }
}

impl Known for LevelShape {
    const TABLE: usize = 0;
    const SHORTEST: usize = b"1,\"quantity\":1,\"total\":1".len();

    #[inline(always)]
    fn tag(self) -> u16 {
        u16::from_le_bytes([self.scale.price_decimals(), self.scale.quantity_decimals()])
    }

    fn recipe(self, key: u64) -> Option<Recipe> {
        let [parts @ .., _] = self.parts();
        Recipe::new(key, &parts)
    }

    #[inline(always)]
    fn item(_: u8, numbers: impl Lanes) -> Level {
        let (ticks, lots) = (numbers.first(), numbers.second());
        Level::new(Ticks(ticks.cast_signed()), Lots(lots.cast_signed()))
    }
}

impl Formed for LevelShape {
    const FORM: &'static Form = &Form::new(2, [QUANTITY, TOTAL, END], NEXT, true);

    // Found by trial over the recorded log and over what the simulator sends: with these bits the patterns of 9 levels of
    // a hundred, and of 1 of a thousand, are not in the first of their places; with others of up to 19, and of up to 83.
    const HASHED_FROM: u32 = 11;

    fn parts(self) -> [Part<'static>; 7] {
        [
            Part::Steps(self.scale.price_decimals()),
            Part::Text(QUANTITY),
            Part::Steps(self.scale.quantity_decimals()),
            Part::Text(TOTAL),
            // Not read, but it must be a number.
            Part::Passed(MAX_TOTAL),
            Part::Text(END),
            Part::Text(NEXT),
        ]
    }
}

const QUANTITY: &[u8] = b",\"quantity\":";
const TOTAL: &[u8] = b",\"total\":";
const END: &[u8] = b"}";
const NEXT: &[u8] = b",{\"price\":";

/// A level with a number of more decimals than a step, which is on the grid only if they are zeros. (Numbers by
/// reference would be kept in memory for it.)
#[cold]
#[inline(never)]
fn finer(scale: Scale, [price, quantity]: [&[u8]; 2]) -> Option<Level> {
    let ticks = parse_decimal(price, scale.price_decimals()).ok()?;
    let lots = parse_decimal(quantity, scale.quantity_decimals()).ok()?;
    Some(Level::new(Ticks(ticks), Lots(lots)))
}

/// What a number without its point has to be multiplied by, by the place of the point; 0 where it
/// has more decimals than a step.
type Multipliers = [i64; MAX_RUN];

/// With `decimals` decimals a step, a point at place `p` leaves 15 - p decimals and asks for
/// 10^(decimals - 15 + p): the multipliers of each scale are those of the last, one further on.
fn multipliers(decimals: u8) -> Option<&'static Multipliers> {
    const SCALES: usize = MAX_DECIMALS as usize + 1;
    static POWERS: [i64; SCALES + NO_POINT] = {
        let mut powers = [0; SCALES + NO_POINT];
        powers[NO_POINT] = 1;
        let mut place = NO_POINT + 1;
        while place < powers.len() {
            powers[place] = powers[place - 1] * 10;
            place += 1;
        }
        powers
    };
    POWERS.get(usize::from(decimals)..)?.first_chunk()
}

#[cfg(test)]
mod tests;
