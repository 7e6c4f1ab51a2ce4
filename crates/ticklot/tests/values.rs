//! The plain values written and read with serde.
#![allow(clippy::unwrap_used)]

use arbitrary::{Arbitrary, Unstructured};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ticklot::events::{Cause, LastTrade, Source, TradingStatus, UpdateKind};
use ticklot::stores::{Balance, Candle, OrderId};
use ticklot::venue::Stats;
use ticklot::{BookId, ConnectionId};

/// Draws one from bytes, writes it and reads it again; returns the text.
fn there_and_back<T>(seed: u8) -> String
where
    T: for<'a> Arbitrary<'a> + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes: Vec<u8> = (0..=255_u8).map(|n| n.wrapping_mul(31) ^ seed).collect();
    let value = T::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    text
}

#[test]
fn values_survive_serde() {
    for seed in 0..=255 {
        there_and_back::<(BookId, ConnectionId, Source)>(seed);
        there_and_back::<LastTrade>(seed);
        there_and_back::<Candle>(seed);
        there_and_back::<Balance>(seed);
        there_and_back::<OrderId>(seed);
        there_and_back::<(Cause, TradingStatus, UpdateKind)>(seed);
        there_and_back::<Stats>(seed);
    }
    assert_eq!(serde_json::to_string(&BookId(7)).unwrap(), "7");
    assert_eq!(
        serde_json::to_string(&Source::Request).unwrap(),
        r#""request""#
    );
}

/// Counts may be added: an older text of them still reads.
#[test]
fn missing_counts_are_none() {
    let stats: Stats = serde_json::from_str(r#"{"frames":3}"#).unwrap();
    assert_eq!((stats.frames, stats.messages), (3, 0));
}
