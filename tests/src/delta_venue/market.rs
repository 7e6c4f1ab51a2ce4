//! An independent model of a market: two maps, without the book engine.

use std::collections::BTreeMap;
use std::fmt::Write;

use ticklot::book::Ids;
use ticklot::{Level, Lots, Scale, Side, Ticks};

use super::LIMIT;
use crate::raw_recordings::Sides;

/// All levels of a snapshot and the deltas after it.
#[derive(Clone, Debug)]
pub struct Market {
    /// Decimals of price and quantity.
    decimals: (usize, usize),
    /// For each side, the lots by price.
    sides: [BTreeMap<i64, i64>; 2],
    last: u64,
}

impl Market {
    /// The market after a snapshot.
    #[must_use]
    pub fn new(scale: Scale, id: u64, sides: &Sides) -> Self {
        let decimals = (scale.price_decimals(), scale.quantity_decimals());
        let mut market = Self {
            decimals: (usize::from(decimals.0), usize::from(decimals.1)),
            sides: [BTreeMap::new(), BTreeMap::new()],
            last: id,
        };
        market.set(sides);
        market
    }

    /// Applies a delta unless it is older than the market.
    pub fn apply(&mut self, ids: Ids, sides: &Sides) {
        if ids.last > self.last {
            self.last = ids.last;
            self.set(sides);
        }
    }

    fn set(&mut self, sides: &Sides) {
        for (map, levels) in self.sides.iter_mut().zip([&sides.bids, &sides.asks]) {
            for level in levels {
                match level.lots.0 {
                    0 => map.remove(&level.ticks.0),
                    lots => map.insert(level.ticks.0, lots),
                };
            }
        }
    }

    /// The id of the last update.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        let level = |(ticks, lots): (&i64, &i64)| Level::new(Ticks(*ticks), Lots(*lots));
        let [bids, asks] = &self.sides;
        let (bids, asks) = match side {
            Side::Bid => (Some(bids), None),
            Side::Ask => (None, Some(asks)),
        };
        let bids = bids.into_iter().flat_map(|map| map.iter().rev());
        let asks = asks.into_iter().flat_map(|map| map.iter());
        bids.chain(asks).map(level)
    }

    /// The body of a snapshot of the best [`LIMIT`] levels.
    #[must_use]
    pub fn body(&self) -> String {
        let [bids, asks] = [Side::Bid, Side::Ask].map(|side| self.list(side));
        let last = self.last;
        format!(r#"{{"lastUpdateId":{last},"bids":[{bids}],"asks":[{asks}]}}"#)
    }

    fn list(&self, side: Side) -> String {
        let mut text = String::new();
        for level in self.levels(side).take(LIMIT) {
            let price = decimal(level.ticks.0, self.decimals.0);
            let lots = decimal(level.lots.0, self.decimals.1);
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(text, r#"{comma}["{price}","{lots}"]"#);
        }
        text
    }
}

/// Units of the last decimal in the venue's notation.
fn decimal(units: i64, decimals: usize) -> String {
    let mut digits = format!("{units:0width$}", width = decimals + 1);
    if decimals > 0 {
        digits.insert(digits.len() - decimals, '.');
    }
    digits
}
