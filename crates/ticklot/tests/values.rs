//! Plain values with serde.
#![allow(clippy::unwrap_used)]

use arbitrary::{Arbitrary, Unstructured};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ticklot::events::{Cause, LastTrade, Source, TradingStatus, UpdateKind};
use ticklot::stores::{Balance, Candle, OrderId};
use ticklot::venue::Stats;
use ticklot::{BookId, ConnectionId};

/// Generates a value, serializes it and deserializes the text again. Returns the text.
fn round_trip<T>(seed: u8) -> String
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
        round_trip::<(BookId, ConnectionId, Source)>(seed);
        round_trip::<LastTrade>(seed);
        round_trip::<Candle>(seed);
        round_trip::<Balance>(seed);
        round_trip::<OrderId>(seed);
        round_trip::<(Cause, TradingStatus, UpdateKind)>(seed);
        round_trip::<Stats>(seed);
    }
    assert_eq!(serde_json::to_string(&BookId(7)).unwrap(), "7");
    assert_eq!(
        serde_json::to_string(&Source::Request).unwrap(),
        r#""request""#
    );
}

/// An older text without some counts can be deserialized.
#[test]
fn missing_counts_are_none() {
    let stats: Stats = serde_json::from_str(r#"{"frames":3}"#).unwrap();
    assert_eq!((stats.frames, stats.messages), (3, 0));
}
