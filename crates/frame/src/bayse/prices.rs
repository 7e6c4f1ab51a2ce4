//! Prices: `price_update` and `asset_price`.

use super::channel::Symbol;
use crate::error::{DecodeFailure, ErrorKind};
use crate::json::{FieldSlot, Value, read_fields};
use crate::pull::{PullParser, put};
use crate::record::{Field, Record, record};
use crate::string_arena::{Range, StringArena, StringList};
use crate::units::{Decimal, UnixMillis};

/// The maximum number of markets of one event in a message.
pub const MAX_EVENT_MARKETS: usize = 4_096;

/// The maximum number of outcomes, and of prices, of one market in a message.
pub const MAX_OUTCOMES: usize = 256;

/// The prices of an event's markets (`price_update`).
///
/// The only source of this format is the code of clients, so only the ids are required.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PriceUpdate<'a> {
    /// The event.
    pub event_id: &'a str,
    /// Its name in web addresses.
    pub slug: Option<&'a str>,
    /// Its title.
    pub title: Option<&'a str>,
    /// The status, such as `open`.
    pub status: Option<&'a str>,
    /// The field `type`, such as `SINGLE_MARKET`.
    pub kind: Option<&'a str>,
    /// Its markets.
    pub markets: PricedMarkets<'a>,
    /// The time when the message was sent.
    pub sent: Option<UnixMillis>,
}

/// The markets of a [`PriceUpdate`], in the order of the message.
#[derive(Clone, Copy)]
pub struct PricedMarkets<'a> {
    strings: StringList<'a>,
    markets: &'a [MarketStrings],
}

impl<'a> PricedMarkets<'a> {
    /// No markets.
    pub(super) const NONE: Self = Self {
        strings: StringList::NONE,
        markets: &[],
    };

    /// The number of markets.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.markets.len()
    }

    /// The markets.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PricedMarket<'a>> + use<'a> {
        let Self { strings, markets } = *self;
        markets.iter().map(move |market| PricedMarket {
            id: strings.get(market.id),
            question: market.question.map(|at| strings.get(at)),
            engine: market.engine.map(|at| strings.get(at)),
            outcomes: Outcomes(strings.slice(market.outcomes)),
            prices: market.prices.map(|range| Prices(strings.slice(range))),
        })
    }
}

/// A market of a [`PriceUpdate`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PricedMarket<'a> {
    /// The market.
    pub id: &'a str,
    /// The question of the market.
    pub question: Option<&'a str>,
    /// `CLOB` or `AMM`.
    pub engine: Option<&'a str>,
    /// The outcomes in the market's own words; empty if the message has no list of them.
    pub outcomes: Outcomes<'a>,
    /// The prices, if the message has any.
    pub prices: Option<Prices<'a>>,
}

/// The outcomes of a market, such as `Yes` and `No`, in the order of the message.
#[derive(Clone, Copy)]
pub struct Outcomes<'a>(StringList<'a>);

impl<'a> Outcomes<'a> {
    /// The number of outcomes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The outcomes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        self.0.iter()
    }
}

/// The prices of a market by label, such as `YES`, in the order of the message. The labels may differ from
/// [`PricedMarket::outcomes`].
#[derive(Clone, Copy)]
pub struct Prices<'a>(StringList<'a>);

impl<'a> Prices<'a> {
    /// The number of prices.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// Whether there are no prices.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels and prices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, Decimal<'a>)> + use<'a> {
        self.0.pairs().map(|(label, price)| (label, Decimal(price)))
    }

    /// The price with this label.
    #[must_use]
    pub fn get(&self, label: &str) -> Option<Decimal<'a>> {
        self.iter()
            .find(|&(name, _)| name == label)
            .map(|(_, price)| price)
    }
}

/// The price of an asset outside the venue (`asset_price`), about once per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AssetPrice<'a> {
    /// The asset as text, because the server may support more assets than this version.
    pub symbol: &'a str,
    /// The price.
    pub price: Decimal<'a>,
    /// The time of the price at its source.
    pub source_time: UnixMillis,
    /// The time when the message was sent.
    pub sent: Option<UnixMillis>,
}

impl AssetPrice<'_> {
    /// The asset, if this version supports it.
    #[must_use]
    pub fn known_symbol(&self) -> Option<Symbol> {
        self.symbol.parse().ok()
    }
}

/// The buffers for the lists of a `price_update`.
#[derive(Default)]
pub(super) struct PriceBuffer {
    pub(super) strings: StringArena,
    pub(super) markets: Vec<MarketStrings>,
}

/// A market whose texts are indices into a [`StringArena`]. Its prices are alternating labels and numbers.
#[derive(Clone, Copy)]
pub(super) struct MarketStrings {
    pub(super) id: u32,
    pub(super) question: Option<u32>,
    pub(super) engine: Option<u32>,
    pub(super) outcomes: Range,
    pub(super) prices: Option<Range>,
}

impl PriceBuffer {
    /// The markets of the last message.
    pub(super) fn markets(&self) -> PricedMarkets<'_> {
        PricedMarkets {
            strings: self.strings.view(),
            markets: &self.markets,
        }
    }
}

record! { AssetPrice<'a> as "data" {
    "symbol" => symbol,
    "price" => price,
    "timestamp" => source_time,
} given {
    sent: None,
} }

record! { PriceUpdate<'a> as "data" {
    "id" => event_id,
    extra "slug" => slug,
    extra "title" => title,
    extra "status" => status,
    extra "type" => kind,
} given {
    markets: PricedMarkets::NONE,
    sent: None,
} }

/// A market without its lists.
struct Market<'a> {
    id: &'a str,
    question: Option<&'a str>,
    engine: Option<&'a str>,
}

record! { Market<'a> as "market" {
    "id" => id,
    extra "question" => question,
    extra "engine" => engine,
} }

impl MarketStrings {
    fn new(
        market: &Market<'_>,
        outcomes: Range,
        prices: Option<Range>,
        strings: &mut StringArena,
    ) -> Self {
        Self {
            id: strings.push(market.id),
            question: market.question.map(|text| strings.push(text)),
            engine: market.engine.map(|text| strings.push(text)),
            outcomes,
            prices,
        }
    }
}

pub(super) fn update<'a>(
    data: Value<'_, 'a>,
    buffers: &'a mut PriceBuffer,
) -> Result<PriceUpdate<'a>, DecodeFailure> {
    read_fields!(data, "data", { "markets" => markets });
    read_markets(&markets, buffers)?;
    Ok(PriceUpdate {
        markets: buffers.markets(),
        ..Field::parse(&data, "data")?
    })
}

fn read_markets(
    markets: &FieldSlot<'_, '_>,
    buffers: &mut PriceBuffer,
) -> Result<(), DecodeFailure> {
    let PriceBuffer {
        strings,
        markets: list,
    } = buffers;
    strings.clear();
    list.clear();
    let Some(markets) = markets.get() else {
        return Ok(());
    };
    for item in markets.items("markets")? {
        item.check_count(list.len(), MAX_EVENT_MARKETS, "markets")?;
        list.push(read_market(item, strings)?);
    }
    Ok(())
}

fn read_market(
    value: Value<'_, '_>,
    strings: &mut StringArena,
) -> Result<MarketStrings, DecodeFailure> {
    read_fields!(value, "market", { "outcomes" => outcomes, "prices" => prices });
    let market = Field::parse(&value, "market")?;
    let outcomes = read_outcomes(&outcomes, strings)?;
    let prices = prices.get().map(|prices| read_prices(prices, strings));
    let prices = prices.transpose()?;
    Ok(MarketStrings::new(&market, outcomes, prices, strings))
}

fn read_outcomes(
    outcomes: &FieldSlot<'_, '_>,
    strings: &mut StringArena,
) -> Result<Range, DecodeFailure> {
    let start = strings.end();
    if let Some(outcomes) = outcomes.get() {
        for (count, item) in outcomes.items("outcomes")?.enumerate() {
            item.check_count(count, MAX_OUTCOMES, "outcomes")?;
            strings.push(item.str("outcomes")?);
        }
    }
    Ok(strings.since(start))
}

/// Skips a price that is null or invalid.
fn read_prices(prices: Value<'_, '_>, strings: &mut StringArena) -> Result<Range, DecodeFailure> {
    let start = strings.end();
    let mut labels = [("", 0); MAX_OUTCOMES];
    let mut count = 0;
    for (label, value) in prices.fields("prices")? {
        value.check_count(count, MAX_OUTCOMES, "prices")?;
        labels[count] = (label, count);
        count += 1;
        if let Ok(price) = value.decimal("prices") {
            strings.push(label);
            strings.push(price.0);
        }
    }
    if let Some(at) = first_repeated(&mut labels[..count]) {
        let field = prices.fields("prices")?.nth(at);
        let (_, value) = field.unwrap_or(("", prices));
        return Err(value.error(ErrorKind::Duplicate { field: "prices" }));
    }
    Ok(strings.since(start))
}

/// Reads the same from a text, its markets into `buffers`. `None` if it must be read from a tape.
pub(super) fn pull<'a>(
    json: &mut PullParser<'a>,
    buffers: &mut PriceBuffer,
) -> Option<PriceUpdate<'a>> {
    let PriceBuffer { strings, markets } = buffers;
    strings.clear();
    markets.clear();
    let mut has_markets = None;
    PriceUpdate::pull_with(json, |json| {
        if !json.key("\"markets\":") {
            return json.skip_field();
        }
        put(&mut has_markets, ())?;
        json.array(|json| {
            markets.push(pull_market(json, strings)?);
            (markets.len() <= MAX_EVENT_MARKETS).then_some(())
        })
    })
}

fn pull_market(json: &mut PullParser<'_>, strings: &mut StringArena) -> Option<MarketStrings> {
    let (mut outcomes, mut prices) = (None, None);
    let market = Market::pull_with(json, |json| {
        if json.key("\"outcomes\":") {
            put(&mut outcomes, pull_outcomes(json, strings)?)
        } else if json.key("\"prices\":") {
            put(&mut prices, pull_prices(json, strings)?)
        } else {
            json.skip_field()
        }
    })?;
    let outcomes = outcomes.unwrap_or_else(|| strings.since(strings.end()));
    Some(MarketStrings::new(&market, outcomes, prices, strings))
}

fn pull_outcomes(json: &mut PullParser<'_>, strings: &mut StringArena) -> Option<Range> {
    let (start, mut count) = (strings.end(), 0);
    json.array(|json| {
        strings.push(json.str()?);
        count += 1;
        (count <= MAX_OUTCOMES).then_some(())
    })?;
    Some(strings.since(start))
}

/// The maximum number of prices of a market that are read here, because each label is compared with all earlier ones.
pub(super) const FEW_PRICES: usize = 8;

fn pull_prices(json: &mut PullParser<'_>, strings: &mut StringArena) -> Option<Range> {
    let start = strings.end();
    json.object(|json| {
        let label = json.name()?;
        let before = strings.view().slice(strings.since(start));
        let is_new = before.pairs().all(|(name, _)| name != label);
        (is_new && before.len() < 2 * FEW_PRICES).then_some(())?;
        strings.push(label);
        strings.push(json.decimal()?.0);
        Some(())
    })?;
    Some(strings.since(start))
}

/// The smallest index of an item that equals an earlier one. Sorts the items, which contain their indices, so the check
/// needs O(n log n) comparisons.
fn first_repeated<T: Ord>(items: &mut [(T, usize)]) -> Option<usize> {
    items.sort_unstable();
    let pairs = items.windows(2);
    let repeated = pairs.filter_map(|pair| match pair {
        [(first, _), (second, at)] if first == second => Some(*at),
        _ => None,
    });
    repeated.min()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    #[derive(PartialEq, Eq)]
    struct Counted(u32);

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    /// The check for repeated labels takes O(log n) comparisons per label, whatever the message.
    #[test]
    fn repeated_price_costs_few_comparisons() {
        let mut random = fastrand::Rng::with_seed(7);
        for kinds in [1, 2, 5, 100, 1_000_000] {
            for count in [0, 1, 2, 3, 50, MAX_OUTCOMES] {
                let labels: Vec<u32> = (0..count).map(|_| random.u32(0..kinds)).collect();
                let expected = (0..count).find(|&at| labels[..at].contains(&labels[at]));
                COMPARISONS.set(0);
                let items = labels.iter().map(|label| Counted(*label));
                let mut items: Vec<_> = items.zip(0..).collect();
                assert_eq!(first_repeated(&mut items), expected, "{labels:?}");
                let most = 3 * count * (usize::BITS - count.leading_zeros()) as usize;
                assert!(
                    COMPARISONS.get() <= most,
                    "{} for {count}",
                    COMPARISONS.get()
                );
            }
        }
    }
}
