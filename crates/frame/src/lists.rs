//! Shared implementations for the lists of messages, whose items are created by their iterators.

use std::fmt;

#[cfg(feature = "serde")]
use serde::ser::{Serialize, Serializer};

use crate::bayse::{Ids, Outcomes, PricedMarkets, Prices};
use crate::jayx::{Orders, Positions};
use crate::kraken::{Books, Instruments, Trades};

macro_rules! lists {
    ($($list:ident),*) => {$(
        impl $list<'_> {
            /// Whether the list is empty.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        impl fmt::Debug for $list<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }
    )*};
}

lists!(
    Books,
    Ids,
    Instruments,
    Orders,
    Outcomes,
    Positions,
    PricedMarkets,
    Trades
);

#[cfg(feature = "serde")]
macro_rules! serialize_as_sequence {
    ($($list:ident),*) => {$(
        impl Serialize for $list<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter())
            }
        }
    )*};
}

#[cfg(feature = "serde")]
serialize_as_sequence!(Orders, Outcomes, Positions, PricedMarkets);

impl fmt::Debug for Prices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Serializes a map from labels to prices.
#[cfg(feature = "serde")]
impl Serialize for Prices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
