//! `Serialize` for the lists of messages, which are read while they are iterated over.

use serde::ser::{Serialize, Serializer};

use crate::bayse::{Outcomes, PricedMarkets, Prices};
use crate::jayx::{Orders, Positions};

macro_rules! serialize_as_sequence {
    ($($list:ident),*) => {$(
        impl Serialize for $list<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter())
            }
        }
    )*};
}

serialize_as_sequence!(Orders, Outcomes, Positions, PricedMarkets);

/// A map from labels to prices.
impl Serialize for Prices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
