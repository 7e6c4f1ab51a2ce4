//! The messages besides order books, as types of serde that borrow their text and allocate no lists.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use smallvec::SmallVec;
use ticklot_frame::TradeSide;

use crate::field::{Field, Fields};

/// Buy or sell.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum WireSide {
    #[default]
    Buy,
    Sell,
}

impl From<WireSide> for TradeSide {
    fn from(side: WireSide) -> Self {
        match side {
            WireSide::Buy => Self::Buy,
            WireSide::Sell => Self::Sell,
        }
    }
}

/// A message that can be compared.
pub(crate) trait Tell {
    fn fields(&self) -> Fields;
}

/// A kind of message, for whatever its text lives as long as.
pub(crate) trait Kind {
    type Message<'a>: Deserialize<'a> + Tell;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $message:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) enum $kind {}

        impl Kind for $kind {
            type Message<'a> = $message<'a>;
        }
    )*};
}

kinds! {
    /// Candles of JayX.
    Klines => Kline;
    /// Balances of JayX.
    PositionLists => Positions;
    /// One's own orders at JayX.
    OpenOrderLists => OpenOrders;
    /// The prices of an event.
    PriceUpdates => PriceUpdate;
    /// The price of an asset.
    AssetPrices => AssetPrice;
    /// Fills.
    Fills => Fill;
    /// Fills of one's own orders.
    OrderUpdates => OrderUpdated;
    /// Answers to pings.
    Pongs => Pong;
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Kline<'a> {
    #[serde(borrow)]
    pub(crate) add: Option<Candle<'a>>,
    pub(crate) modify: Option<Candle<'a>>,
}

#[derive(Debug, Default, Deserialize)]
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

impl Tell for Kline<'_> {
    fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        for candle in [&self.add, &self.modify] {
            let Some(candle) = candle else {
                fields.push(Field::Nothing);
                continue;
            };
            fields.push(candle.id.into());
            let Candle {
                created,
                o,
                h,
                l,
                c,
                v,
                m,
                ..
            } = *candle;
            fields.extend([created, o, h, l, c, v, m].map(Field::Int));
            fields.push(candle.symbol.into());
        }
        fields
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Positions<'a> {
    #[serde(borrow)]
    pub(crate) spot: SmallVec<[Balance<'a>; 6]>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Balance<'a> {
    pub(crate) asset: &'a str,
    pub(crate) balance: &'a str,
    pub(crate) available: &'a str,
}

impl Tell for Positions<'_> {
    fn fields(&self) -> Fields {
        let balances = self.spot.iter();
        let words = balances.flat_map(|it| [it.asset, it.balance, it.available]);
        words.map(Field::from).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OpenOrders<'a> {
    #[serde(borrow, default)]
    pub(crate) cancel: OwnOrders<'a>,
    #[serde(borrow, default)]
    pub(crate) modify: OwnOrders<'a>,
}

/// A list of one's own orders: the pool's have three at most.
pub(crate) type OwnOrders<'a> = SmallVec<[OwnOrder<'a>; 3]>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnOrder<'a> {
    pub(crate) id: i64,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) state: &'a str,
    pub(crate) side: WireSide,
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

impl Tell for OpenOrders<'_> {
    fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        for (list, orders) in [("cancel", &self.cancel), ("modify", &self.modify)] {
            fields.push(list.into());
            for order in orders {
                let OwnOrder {
                    id,
                    resd,
                    exec,
                    cost,
                    created,
                    modified,
                    ..
                } = *order;
                fields.extend([id, resd, exec, cost, created, modified].map(Field::Int));
                fields.extend([order.last_lots, order.last_ticks].map(Field::from));
                fields.push(TradeSide::from(order.side).into());
                let words = [order.kind, order.state, order.symbol];
                fields.extend(words.map(Field::from));
                fields.extend([order.price, order.quantity].map(Field::from));
            }
        }
        fields
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PriceUpdate<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    #[serde(borrow)]
    pub(crate) data: PricedEvent<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PricedEvent<'a> {
    pub(crate) id: &'a str,
    pub(crate) slug: Option<&'a str>,
    pub(crate) title: Option<&'a str>,
    pub(crate) status: Option<&'a str>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) markets: SmallVec<[PricedMarket<'a>; 4]>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PricedMarket<'a> {
    pub(crate) id: &'a str,
    pub(crate) question: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) outcomes: SmallVec<[&'a str; 4]>,
    pub(crate) engine: Option<&'a str>,
    #[serde(borrow, default, deserialize_with = "pairs")]
    pub(crate) prices: Pairs<'a>,
}

/// Labels and prices.
pub(crate) type Pairs<'a> = SmallVec<[(&'a str, f64); 4]>;

/// An object as a list: there are two prices, so a hash map would be the slower.
fn pairs<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Pairs<'a>, D::Error> {
    struct Read<'a>(PhantomData<&'a str>);

    impl<'de: 'a, 'a> Visitor<'de> for Read<'a> {
        type Value = Pairs<'a>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

impl Tell for PriceUpdate<'_> {
    fn fields(&self) -> Fields {
        let Self {
            tag,
            data,
            timestamp,
        } = self;
        let mut fields = vec![Field::from(*tag), data.id.into()];
        fields.extend([data.slug, data.title, data.status, data.kind].map(Field::from));
        for market in &data.markets {
            fields.extend([
                market.id.into(),
                market.question.into(),
                market.engine.into(),
            ]);
            fields.extend(market.outcomes.iter().map(|&outcome| Field::from(outcome)));
            add_prices(&mut fields, market.prices.iter().copied());
        }
        fields.push((*timestamp).into());
        fields
    }
}

/// Adds prices in the order of their labels: a hash map has none of its own.
pub(crate) fn add_prices<'a>(fields: &mut Fields, prices: impl Iterator<Item = (&'a str, f64)>) {
    let mut prices: Vec<_> = prices.collect();
    prices.sort_unstable_by_key(|&(label, _)| label);
    for (label, price) in prices {
        fields.extend([label.into(), price.into()]);
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct AssetPrice<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    #[serde(borrow)]
    pub(crate) data: Asset<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asset<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) price: f64,
    pub(crate) timestamp: i64,
}

impl Tell for AssetPrice<'_> {
    fn fields(&self) -> Fields {
        let Self {
            tag,
            data,
            timestamp,
        } = self;
        let Asset {
            symbol,
            price,
            timestamp: source,
        } = *data;
        vec![
            (*tag).into(),
            symbol.into(),
            price.into(),
            source.into(),
            (*timestamp).into(),
        ]
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Fill<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    #[serde(borrow)]
    pub(crate) data: FillData<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct FillData<'a> {
    #[serde(borrow)]
    pub(crate) user: User<'a>,
    #[serde(borrow)]
    pub(crate) order: FilledOrder<'a>,
    #[serde(borrow)]
    pub(crate) event: Event<'a>,
    #[serde(borrow)]
    pub(crate) market: Market<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User<'a> {
    pub(crate) id: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) image_url: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
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

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) title: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) created_at: &'a str,
    pub(crate) image_url: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Market<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) image_url: Option<&'a str>,
}

impl Tell for Fill<'_> {
    fn fields(&self) -> Fields {
        let FillData {
            user,
            order,
            event,
            market,
        } = &self.data;
        let mut fields = vec![Field::from(self.tag), user.id.into()];
        fields.extend([user.tag, user.image_url].map(Field::from));
        fields.extend([order.amount, order.quantity, order.price].map(Field::from));
        let words = [
            order.id,
            order.status,
            order.kind,
            order.outcome,
            order.outcome_label,
            order.currency,
            order.created_at,
            order.updated_at,
        ];
        fields.extend(words.map(Field::from));
        fields.extend([order.engine, order.order_type].map(Field::from));
        let words = [
            event.id,
            event.slug,
            event.title,
            event.kind,
            event.created_at,
        ];
        fields.extend(words.map(Field::from));
        fields.extend([market.id, market.title].map(Field::from));
        fields.extend([event.image_url, market.image_url].map(Field::from));
        fields.push(self.timestamp.into());
        fields
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OrderUpdated<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    #[serde(borrow)]
    pub(crate) data: UpdateData<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateData<'a> {
    pub(crate) order_id: &'a str,
    pub(crate) event_id: Option<&'a str>,
    pub(crate) market_id: &'a str,
    #[serde(borrow)]
    pub(crate) order: UpdatedOrder<'a>,
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatedOrder<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) market_id: Option<&'a str>,
    pub(crate) outcome_id: Option<&'a str>,
    pub(crate) outcome_label: Option<&'a str>,
    pub(crate) side: WireSide,
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

impl Tell for OrderUpdated<'_> {
    fn fields(&self) -> Fields {
        let data = &self.data;
        let order = &data.order;
        let mut fields = vec![Field::from(self.tag), data.order_id.into()];
        fields.extend([data.event_id.into(), data.market_id.into()]);
        let words = [
            order.id,
            order.user_id,
            order.market_id,
            order.outcome_id,
            order.outcome_label,
            order.time_in_force,
        ];
        fields.extend(words.map(Field::from));
        fields.extend([TradeSide::from(order.side).into(), order.status.into()]);
        let quantities = [
            order.quantity,
            order.filled_quantity,
            order.remaining_quantity,
        ];
        fields.extend(quantities.map(Field::from));
        fields.extend([order.price, order.avg_fill_price].map(Field::from));
        let times = [
            order.created_at,
            order.updated_at,
            data.timestamp,
            self.timestamp,
        ];
        fields.extend(times.map(Field::from));
        fields
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Pong<'a> {
    #[serde(rename = "type")]
    pub(crate) tag: &'a str,
    pub(crate) timestamp: Option<i64>,
}

impl Tell for Pong<'_> {
    fn fields(&self) -> Fields {
        vec![self.tag.into(), self.timestamp.into()]
    }
}
