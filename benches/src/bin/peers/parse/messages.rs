//! The messages other than order books: a type with serde's derive for each. They borrow their text and allocate no lists.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use ticklot_frame::TradeSide;

/// A kind of message, for any lifetime of its text.
pub(crate) trait Schema {
    type Message<'a>: Deserialize<'a> + Serialize;
}

macro_rules! schemas {
    ($($schema:ty => $message:ty),* $(,)?) => {
        $(impl Schema for $schema {
            type Message<'a> = $message;
        })*
    };
}

schemas! {
    Kline<'static> => Kline<'a>,
    Positions<'static> => Positions<'a>,
    OpenOrders<'static> => OpenOrders<'a>,
    Event<'static, Prices<'static>> => Event<'a, Prices<'a>>,
    Event<'static, AssetPrice<'static>> => Event<'a, AssetPrice<'a>>,
    Event<'static, Fill<'static>> => Event<'a, Fill<'a>>,
    Event<'static, OrderUpdated<'static>> => Event<'a, OrderUpdated<'a>>,
    Pong<'static> => Pong<'a>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Kline<'a> {
    #[serde(borrow)]
    pub(crate) add: Option<Candle<'a>>,
    pub(crate) modify: Option<Candle<'a>>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Candle<'a> {
    #[serde(rename = "_id")]
    pub(crate) id: &'a str,
    pub(crate) created: i64,
    pub(crate) o: i64,
    pub(crate) h: i64,
    pub(crate) l: i64,
    pub(crate) c: i64,
    pub(crate) v: i64,
    pub(crate) m: i64,
    pub(crate) symbol: &'a str,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Positions<'a> {
    #[serde(borrow)]
    pub(crate) spot: SmallVec<[Balance<'a>; 6]>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Balance<'a> {
    pub(crate) asset: &'a str,
    pub(crate) balance: &'a str,
    pub(crate) available: &'a str,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct OpenOrders<'a> {
    #[serde(borrow, default)]
    pub(crate) cancel: OwnOrders<'a>,
    #[serde(borrow, default)]
    pub(crate) modify: OwnOrders<'a>,
}

/// A list of an account's orders. Those of the pool have at most three.
pub(crate) type OwnOrders<'a> = SmallVec<[OwnOrder<'a>; 3]>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnOrder<'a> {
    pub(crate) id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) state: &'a str,
    pub(crate) side: TradeSide,
    pub(crate) resd: i64,
    pub(crate) exec: i64,
    pub(crate) cost: i64,
    pub(crate) last_lots: Option<i64>,
    pub(crate) last_ticks: Option<i64>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) symbol: &'a str,
    pub(crate) price: &'a str,
    pub(crate) quantity: &'a str,
}

/// A message of Bayse Markets.
#[derive(Deserialize, Serialize)]
pub(crate) struct Event<'a, D> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    pub(crate) data: D,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Prices<'a> {
    pub(crate) id: &'a str,
    pub(crate) slug: Option<&'a str>,
    pub(crate) title: Option<&'a str>,
    pub(crate) status: Option<&'a str>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) markets: SmallVec<[PricedMarket<'a>; 4]>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct PricedMarket<'a> {
    pub(crate) id: &'a str,
    pub(crate) question: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) outcomes: SmallVec<[&'a str; 4]>,
    pub(crate) engine: Option<&'a str>,
    #[serde(borrow, deserialize_with = "pairs")]
    pub(crate) prices: Pairs<'a>,
}

/// Labels and their prices.
pub(crate) type Pairs<'a> = SmallVec<[(&'a str, f64); 4]>;

/// Reads an object into a list. For two entries, a hash map would be slower.
fn pairs<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Pairs<'a>, D::Error> {
    struct Read<'a>(PhantomData<&'a str>);

    impl<'de: 'a, 'a> Visitor<'de> for Read<'a> {
        type Value = Pairs<'a>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("prices by label")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Pairs::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    from.deserialize_map(Read(PhantomData))
}

#[derive(Deserialize, Serialize)]
pub(crate) struct AssetPrice<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) price: f64,
    pub(crate) timestamp: i64,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Fill<'a> {
    #[serde(borrow)]
    pub(crate) user: User<'a>,
    #[serde(borrow)]
    pub(crate) order: FilledOrder<'a>,
    #[serde(borrow)]
    pub(crate) event: EventInfo<'a>,
    #[serde(borrow)]
    pub(crate) market: Market<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    pub(crate) id: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) image_url: Option<&'a str>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FilledOrder<'a> {
    pub(crate) id: &'a str,
    pub(crate) amount: f64,
    pub(crate) quantity: f64,
    pub(crate) price: f64,
    pub(crate) status: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) outcome_label: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) engine: Option<&'a str>,
    pub(crate) order_type: Option<&'a str>,
    pub(crate) created_at: &'a str,
    pub(crate) updated_at: &'a str,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventInfo<'a> {
    pub(crate) id: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) title: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) created_at: &'a str,
    pub(crate) image_url: Option<&'a str>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Market<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) image_url: Option<&'a str>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderUpdated<'a> {
    pub(crate) order_id: &'a str,
    pub(crate) event_id: Option<&'a str>,
    pub(crate) market_id: &'a str,
    #[serde(borrow)]
    pub(crate) order: UpdatedOrder<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatedOrder<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) market_id: Option<&'a str>,
    pub(crate) outcome_id: Option<&'a str>,
    pub(crate) outcome_label: Option<&'a str>,
    pub(crate) side: TradeSide,
    pub(crate) price: Option<f64>,
    pub(crate) quantity: f64,
    pub(crate) filled_quantity: f64,
    pub(crate) remaining_quantity: f64,
    pub(crate) avg_fill_price: Option<f64>,
    pub(crate) status: &'a str,
    pub(crate) time_in_force: Option<&'a str>,
    pub(crate) created_at: Option<i64>,
    pub(crate) updated_at: Option<i64>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Pong<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    pub(crate) timestamp: Option<i64>,
}
