//! The parsers that serde drives: sonic-rs and `serde_json`.
//!
//! Seeds write the levels directly into reused lists, so nothing is allocated. The parsers receive validated UTF-8 and do not
//! validate it again; our decoders do.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use ticklot_book::{Level, Scale};
use ticklot_frame::Trade;

use super::{Factors, Head, Lists, ParseBook, Text};

/// A parser.
pub(crate) trait Json: Default {
    fn parse<'a, S: DeserializeSeed<'a>>(
        &'a mut self,
        text: &'a str,
        seed: S,
    ) -> anyhow::Result<S::Value>;
}

macro_rules! parser {
    ($name:ident, $library:ident) => {
        #[doc = concat!("`", stringify!($library), "`.")]
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Json for $name {
            fn parse<'a, S: DeserializeSeed<'a>>(
                &'a mut self,
                text: &'a str,
                seed: S,
            ) -> anyhow::Result<S::Value> {
                let mut json = $library::Deserializer::from_str(text);
                let value = seed.deserialize(&mut json)?;
                json.end()?;
                Ok(value)
            }
        }
    };
}

parser!(Sonic, sonic_rs);
parser!(SerdeJson, serde_json);

/// Order books of either venue.
#[derive(Debug)]
pub(crate) struct Books<J> {
    json: J,
    /// The scale of Bayse Markets; JayX needs none.
    factors: Option<Factors>,
}

impl<J: Json> Books<J> {
    pub(crate) fn new(decimals: Option<Scale>) -> Self {
        Self {
            json: J::default(),
            factors: decimals.map(Factors::new),
        }
    }
}

impl<J: Json> ParseBook for Books<J> {
    fn parse<'a>(&'a mut self, text: Text<'a>, lists: &mut Lists) -> anyhow::Result<Head<'a>> {
        lists.clear();
        let Some(factors) = self.factors else {
            self.json.parse(text.json(), JayxPayload(lists))?;
            return Ok(Head::default());
        };
        self.json
            .parse(text.json(), BayseMessage { lists, factors })
    }
}

/// Reads an object by its keys.
macro_rules! object {
    ($seed:ident $(<$s:lifetime>)?, $key:ident -> $value:ty, $self:ident, $map:ident, $read:block) => {
        impl<'de> DeserializeSeed<'de> for $seed $(<$s>)? {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<$value, D::Error> {
                from.deserialize_map(self)
            }
        }

        impl<'de> Visitor<'de> for $seed $(<$s>)? {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($seed))
            }

            fn visit_map<A: MapAccess<'de>>($self, mut $map: A) -> Result<$value, A::Error> $read
        }
    };
}

struct JayxPayload<'s>(&'s mut Lists);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum PayloadKey {
    OrderBook,
    Trades,
    #[serde(other)]
    Other,
}

object!(JayxPayload<'_>, PayloadKey -> (), self, map, {
    while let Some(key) = map.next_key()? {
        match key {
            PayloadKey::OrderBook => map.next_value_seed(JayxSides(self.0))?,
            PayloadKey::Trades => map.next_value_seed(List::new(&mut self.0.trades, |trade: Trade| trade))?,
            PayloadKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(())
});

struct JayxSides<'s>(&'s mut Lists);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum SideKey {
    Bids,
    Asks,
    #[serde(other)]
    Other,
}

object!(JayxSides<'_>, SideKey -> (), self, map, {
    while let Some(key) = map.next_key()? {
        let levels = match key {
            SideKey::Bids => &mut self.0.bids,
            SideKey::Asks => &mut self.0.asks,
            SideKey::Other => {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
        };
        map.next_value_seed(List::new(levels, |level: Level| level))?;
    }
    Ok(())
});

struct BayseMessage<'s> {
    lists: &'s mut Lists,
    factors: Factors,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum MessageKey {
    Type,
    Data,
    Timestamp,
    #[serde(other)]
    Other,
}

object!(BayseMessage<'_>, MessageKey -> Head<'de>, self, map, {
    let Self { lists, factors } = self;
    let (mut head, mut sent, mut is_book) = (Head::default(), None, false);
    while let Some(key) = map.next_key()? {
        match key {
            MessageKey::Type => is_book = map.next_value::<&str>()? == "orderbook_update",
            MessageKey::Data => head = map.next_value_seed(BayseData { lists: &mut *lists, factors })?,
            MessageKey::Timestamp => sent = Some(map.next_value()?),
            MessageKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    if is_book {
        Ok(Head { sent, ..head })
    } else {
        Err(A::Error::custom("no order book"))
    }
});

struct BayseData<'s> {
    lists: &'s mut Lists,
    factors: Factors,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum DataKey {
    Orderbook,
    #[serde(other)]
    Other,
}

object!(BayseData<'_>, DataKey -> Head<'de>, self, map, {
    let Self { lists, factors } = self;
    let mut head = Head::default();
    while let Some(key) = map.next_key()? {
        match key {
            DataKey::Orderbook => head = map.next_value_seed(BayseBook { lists: &mut *lists, factors })?,
            DataKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(head)
});

struct BayseBook<'s> {
    lists: &'s mut Lists,
    factors: Factors,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum BookKey {
    MarketId,
    OutcomeId,
    Timestamp,
    Bids,
    Asks,
    LastTradedPrice,
    LastTradedSide,
    #[serde(other)]
    Other,
}

object!(BayseBook<'_>, BookKey -> Head<'de>, self, map, {
    let Self { lists, factors } = self;
    let into = |level: BayseLevel| factors.level(level.price, level.quantity);
    let mut head = Head::default();
    while let Some(key) = map.next_key()? {
        match key {
            BookKey::MarketId => head.market = map.next_value()?,
            BookKey::OutcomeId => head.outcome = map.next_value()?,
            BookKey::Timestamp => head.time = map.next_value()?,
            BookKey::Bids => map.next_value_seed(List::new(&mut lists.bids, into))?,
            BookKey::Asks => map.next_value_seed(List::new(&mut lists.asks, into))?,
            BookKey::LastTradedPrice => head.last_price = map.next_value()?,
            BookKey::LastTradedSide => head.last_side = map.next_value()?,
            BookKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(head)
});

/// The total is skipped.
#[derive(Deserialize)]
struct BayseLevel {
    price: f64,
    quantity: f64,
}

/// An array of `W`, each converted to an item of the list.
struct List<'s, W, T, F> {
    list: &'s mut Vec<T>,
    into: F,
    wire: PhantomData<W>,
}

impl<'s, W, T, F> List<'s, W, T, F> {
    fn new(list: &'s mut Vec<T>, into: F) -> Self {
        Self {
            list,
            into,
            wire: PhantomData,
        }
    }
}

impl<'de, W: Deserialize<'de>, T, F: Fn(W) -> T> DeserializeSeed<'de> for List<'_, W, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, W: Deserialize<'de>, T, F: Fn(W) -> T> Visitor<'de> for List<'_, W, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element()? {
            self.list.push((self.into)(item));
        }
        Ok(())
    }
}
