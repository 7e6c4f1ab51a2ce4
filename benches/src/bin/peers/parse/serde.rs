//! The parsers that serde drives: sonic-rs, `serde_json`, and simd-json over a tape that is used again.
//!
//! Levels go straight into a sink through seeds, so no list is allocated. All are given text that is known
//! to be UTF-8 and do not check it again, which ours does.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use simd_json::{Buffers, INPUT_PADDING, Tape};
use ticklot_book::{Level, Lots, Ticks};
use ticklot_frame::{Trade, UnixMillis};

use super::wire::WireSide;
use super::{Factors, Head, ReadBook, Sink, Text};

/// A parser.
pub(crate) trait Json: Default {
    fn read<'a, S: DeserializeSeed<'a>>(
        &'a mut self,
        text: &'a str,
        seed: S,
    ) -> anyhow::Result<S::Value>;
}

/// sonic-rs.
#[derive(Debug, Default)]
pub(crate) struct Sonic;

impl Json for Sonic {
    fn read<'a, S: DeserializeSeed<'a>>(
        &'a mut self,
        text: &'a str,
        seed: S,
    ) -> anyhow::Result<S::Value> {
        let mut json = sonic_rs::Deserializer::from_str(text);
        let value = seed.deserialize(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

/// `serde_json`.
#[derive(Debug, Default)]
pub(crate) struct SerdeJson;

impl Json for SerdeJson {
    fn read<'a, S: DeserializeSeed<'a>>(
        &'a mut self,
        text: &'a str,
        seed: S,
    ) -> anyhow::Result<S::Value> {
        let mut json = serde_json::Deserializer::from_str(text);
        let value = seed.deserialize(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

/// simd-json. It works in place, so the text is copied first.
pub(crate) struct SimdJson {
    work: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Default for SimdJson {
    fn default() -> Self {
        Self {
            work: Vec::new(),
            buffers: Buffers::new(0),
            tape: Tape(Vec::new()),
        }
    }
}

impl Json for SimdJson {
    fn read<'a, S: DeserializeSeed<'a>>(
        &'a mut self,
        text: &'a str,
        seed: S,
    ) -> anyhow::Result<S::Value> {
        let Self {
            work,
            buffers,
            tape,
        } = self;
        work.clear();
        work.extend_from_slice(text.as_bytes());
        work.resize(text.len() + INPUT_PADDING, b' ');
        let mut lent = std::mem::replace(tape, Tape(Vec::new())).reset();
        simd_json::fill_tape_padded(work, text.len(), buffers, &mut lent)?;
        let mut json = simd_json::Deserializer::from_tape(lent);
        let value = seed.deserialize(&mut json)?;
        *tape = json.into_tape().reset();
        Ok(value)
    }
}

/// Order books of JayX.
#[derive(Debug, Default)]
pub(crate) struct Jayx<J>(pub(crate) J);

impl<J: Json> ReadBook for Jayx<J> {
    fn read<'a>(&'a mut self, text: Text<'a>, sink: &mut Sink) -> anyhow::Result<Head<'a>> {
        sink.clear();
        self.0.read(text.json(), JayxPayload(sink))?;
        Ok(Head::default())
    }
}

/// Order books of Bayse Markets.
#[derive(Debug)]
pub(crate) struct Bayse<J> {
    pub(crate) json: J,
    pub(crate) factors: Factors,
}

impl<J: Json> ReadBook for Bayse<J> {
    fn read<'a>(&'a mut self, text: Text<'a>, sink: &mut Sink) -> anyhow::Result<Head<'a>> {
        sink.clear();
        let factors = self.factors;
        self.json.read(text.json(), BayseMessage { sink, factors })
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

struct JayxPayload<'s>(&'s mut Sink);

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
            PayloadKey::Trades => map.next_value_seed(List::new(&mut self.0.trades, |trade: WireTrade| trade.into()))?,
            PayloadKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(())
});

struct JayxSides<'s>(&'s mut Sink);

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
        map.next_value_seed(List::new(levels, |level: JayxLevel| level.into()))?;
    }
    Ok(())
});

#[derive(Deserialize)]
struct JayxLevel {
    ticks: i64,
    lots: i64,
    #[serde(default)]
    count: u32,
}

impl From<JayxLevel> for Level {
    fn from(level: JayxLevel) -> Self {
        Self {
            ticks: Ticks(level.ticks),
            lots: Lots(level.lots),
            count: level.count,
        }
    }
}

#[derive(Deserialize)]
struct WireTrade {
    lots: i64,
    ticks: i64,
    side: WireSide,
    created: i64,
}

impl From<WireTrade> for Trade {
    fn from(trade: WireTrade) -> Self {
        Self {
            ticks: Ticks(trade.ticks),
            lots: Lots(trade.lots),
            side: trade.side.into(),
            created: UnixMillis(trade.created),
        }
    }
}

struct BayseMessage<'s> {
    sink: &'s mut Sink,
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
    let Self { sink, factors } = self;
    let (mut head, mut sent, mut is_book) = (Head::default(), None, false);
    while let Some(key) = map.next_key()? {
        match key {
            MessageKey::Type => is_book = map.next_value::<&str>()? == "orderbook_update",
            MessageKey::Data => head = map.next_value_seed(BayseData { sink: &mut *sink, factors })?,
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
    sink: &'s mut Sink,
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
    let Self { sink, factors } = self;
    let mut head = Head::default();
    while let Some(key) = map.next_key()? {
        match key {
            DataKey::Orderbook => head = map.next_value_seed(BayseBook { sink: &mut *sink, factors })?,
            DataKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(head)
});

struct BayseBook<'s> {
    sink: &'s mut Sink,
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
    let Self { sink, factors } = self;
    let into = |level: BayseLevel| factors.level(level.price, level.quantity);
    let mut head = Head::default();
    while let Some(key) = map.next_key()? {
        match key {
            BookKey::MarketId => head.market = map.next_value()?,
            BookKey::OutcomeId => head.outcome = map.next_value()?,
            BookKey::Timestamp => head.time = map.next_value()?,
            BookKey::Bids => map.next_value_seed(List::new(&mut sink.bids, into))?,
            BookKey::Asks => map.next_value_seed(List::new(&mut sink.asks, into))?,
            BookKey::LastTradedPrice => head.last_price = map.next_value()?,
            BookKey::LastTradedSide => {
                head.last_side = map.next_value::<Option<WireSide>>()?.map(Into::into);
            }
            BookKey::Other => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(head)
});

/// The total is passed over.
#[derive(Deserialize)]
struct BayseLevel {
    price: f64,
    quantity: f64,
}

/// An array of `W`, each turned into what the list holds.
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
