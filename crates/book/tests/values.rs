//! Serialization of the plain values with serde, and their generation with `arbitrary`.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ticklot_book::{
    BookState, Change, Coverage, Epoch, Gap, HalfTicks, Ids, Level, Lots, MAX_DECIMALS, Nanos,
    Scale, Sequence, Side, Ticks,
};

/// Checks the serialized text of a value, and that it deserializes to the same value.
fn as_json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, text: &str) {
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), value);
}

#[test]
fn values_serialize_by_table() {
    as_json(Ticks(-5), "-5");
    as_json(Lots(i64::MAX), "9223372036854775807");
    as_json(Nanos(u64::MAX), "18446744073709551615");
    as_json(Epoch(3), "3");
    as_json(HalfTicks(7), "7");
    as_json(Side::Bid, r#""bid""#);
    as_json(BookState::Live, r#""live""#);
    as_json(
        BookState::Gap(Gap::Sequence {
            expected: 1,
            got: 3,
        }),
        r#"{"gap":{"sequence":{"expected":1,"got":3}}}"#,
    );
    as_json(BookState::Gap(Gap::Refused), r#"{"gap":"refused"}"#);
    as_json(Coverage::Top(10), r#"{"top":10}"#);
    as_json(Sequence::Contiguous, r#""contiguous""#);
    as_json(Ids::after(1, 2, 4), r#"{"first":2,"last":4,"previous":1}"#);
    as_json(
        Level::new(Ticks(1), Lots(2)),
        r#"{"ticks":1,"lots":2,"count":0}"#,
    );
    as_json(
        Change {
            side: Side::Ask,
            ticks: Ticks(1),
            old_lots: Lots(0),
            new_lots: Lots(2),
            count: 3,
        },
        r#"{"side":"ask","ticks":1,"old_lots":0,"new_lots":2,"count":3}"#,
    );
    as_json(
        Scale::new(2, 6).unwrap(),
        r#"{"price_decimals":2,"quantity_decimals":6}"#,
    );
}

#[test]
fn level_count_is_optional() {
    let level: Level = serde_json::from_str(r#"{"ticks":1,"lots":2}"#).unwrap();
    assert_eq!(level, Level::new(Ticks(1), Lots(2)));
}

#[test]
fn invalid_scale_is_rejected() {
    for text in [
        r#"{"price_decimals":19,"quantity_decimals":0}"#,
        r#"{"price_decimals":0,"quantity_decimals":255}"#,
        r#"{"price_decimals":-1,"quantity_decimals":0}"#,
        r#"{"price_decimals":2}"#,
    ] {
        assert!(serde_json::from_str::<Scale>(text).is_err(), "{text}");
    }
    let text = r#"{"price_decimals":19,"quantity_decimals":0}"#;
    let error = serde_json::from_str::<Scale>(text).unwrap_err();
    assert!(error.to_string().contains("19 decimals"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_values_survive_serde(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Unstructured::new(&bytes);
        let scale = Scale::arbitrary(&mut bytes).unwrap();
        prop_assert!(scale.price_decimals() <= MAX_DECIMALS);
        prop_assert!(scale.quantity_decimals() <= MAX_DECIMALS);
        if let Ok((level, state, change)) = <(Level, BookState, Change)>::arbitrary(&mut bytes) {
            let text = serde_json::to_string(&(level, state, change, scale)).unwrap();
            let read = serde_json::from_str(&text).unwrap();
            prop_assert_eq!((level, state, change, scale), read);
        }
    }
}

#[test]
fn every_scale_can_be_generated() {
    let mut drawn = std::collections::BTreeSet::new();
    for (price, quantity) in (0..=255).flat_map(|a: u8| (0..=255).map(move |b: u8| (a, b))) {
        let bytes = [price, quantity];
        let scale = Scale::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        drawn.insert((scale.price_decimals(), scale.quantity_decimals()));
    }
    assert_eq!(drawn.len(), 19 * 19);
    assert_eq!(Scale::size_hint(0), (2, Some(2)));
}
