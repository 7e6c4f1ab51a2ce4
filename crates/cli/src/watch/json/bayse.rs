//! Messages of Bayse Markets. Decimals and times are the venue's own texts where it sends texts.

use serde::{Serialize, Serializer};
use ticklot::bayse::{Message, PriceUpdate};
use ticklot_frame::bayse as wire;

use super::object::{Object, Of};

/// The object of a message; none for one that is told otherwise.
pub(super) fn object<'a>(of: Of, message: &Message<'a>) -> Option<Object<'a>> {
    Some(match message {
        Message::PriceUpdate(update) => Object::Prices(Prices::new(of, update)),
        Message::Activity(fill) => Object::Fill(Fill::new(of, fill)),
        Message::AssetPrice(price) => Object::AssetPrice(AssetPrice {
            of,
            symbol: price.symbol,
            price: price.price.0,
            source_ms: price.source_time.0,
            sent_ms: price.sent.map(|at| at.0),
        }),
        Message::OrderUpdated(update) => Object::Order(OrderUpdated::new(of, update)),
        _ => return None,
    })
}

/// The prices of an event's markets.
#[derive(Serialize)]
pub(crate) struct Prices<'a> {
    #[serde(flatten)]
    of: Of,
    event_id: &'a str,
    slug: Option<&'a str>,
    title: Option<&'a str>,
    status: Option<&'a str>,
    kind: Option<&'a str>,
    sent_ms: Option<i64>,
    markets: Vec<Market<'a>>,
}

#[derive(Serialize)]
struct Market<'a> {
    id: &'a str,
    question: Option<&'a str>,
    engine: Option<&'a str>,
    outcomes: Vec<&'a str>,
    prices: Option<Labelled<'a>>,
}

impl<'a> Prices<'a> {
    fn new(of: Of, update: &PriceUpdate<'a>) -> Self {
        let market = |market: wire::PricedMarket<'a>| Market {
            id: market.id,
            question: market.question,
            engine: market.engine,
            outcomes: market.outcomes.iter().collect(),
            prices: market.prices.map(Labelled),
        };
        Self {
            of,
            event_id: update.event_id,
            slug: update.slug,
            title: update.title,
            status: update.status,
            kind: update.kind,
            sent_ms: update.sent.map(|at| at.0),
            markets: update.markets.iter().map(market).collect(),
        }
    }
}

/// Prices by label.
struct Labelled<'a>(wire::Prices<'a>);

impl Serialize for Labelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, price)| (label, price.0)))
    }
}

/// Somebody's order was matched.
#[derive(Serialize)]
pub(crate) struct Fill<'a> {
    #[serde(flatten)]
    of: Of,
    side: &'static str,
    price: &'a str,
    quantity: &'a str,
    amount: &'a str,
    currency: &'a str,
    outcome: &'a str,
    outcome_label: &'a str,
    status: &'a str,
    kind: &'a str,
    engine: Option<&'a str>,
    order_type: Option<&'a str>,
    order_id: &'a str,
    market_id: &'a str,
    market_title: &'a str,
    event_id: &'a str,
    event_title: &'a str,
    user_id: &'a str,
    user_tag: Option<&'a str>,
    created_at: &'a str,
    updated_at: &'a str,
    sent_ms: Option<i64>,
}

impl<'a> Fill<'a> {
    fn new(of: Of, fill: &wire::Activity<'a>) -> Self {
        let order = &fill.order;
        Self {
            of,
            side: fill.side.as_str(),
            price: order.price.0,
            quantity: order.quantity.0,
            amount: order.amount.0,
            currency: order.currency,
            outcome: order.outcome,
            outcome_label: order.outcome_label,
            status: order.status,
            kind: order.kind,
            engine: order.engine,
            order_type: order.order_type,
            order_id: order.id,
            market_id: fill.market.id,
            market_title: fill.market.title,
            event_id: fill.event.id,
            event_title: fill.event.title,
            user_id: fill.user.id,
            user_tag: fill.user.tag,
            created_at: order.created_at.0,
            updated_at: order.updated_at.0,
            sent_ms: fill.sent.map(|at| at.0),
        }
    }
}

/// The price of an asset outside the venue.
#[derive(Serialize)]
pub(crate) struct AssetPrice<'a> {
    #[serde(flatten)]
    of: Of,
    symbol: &'a str,
    price: &'a str,
    source_ms: i64,
    sent_ms: Option<i64>,
}

/// One's own order was filled.
#[derive(Serialize)]
pub(crate) struct OrderUpdated<'a> {
    #[serde(flatten)]
    of: Of,
    order_id: &'a str,
    event_id: Option<&'a str>,
    market_id: &'a str,
    outcome_id: Option<&'a str>,
    outcome_label: Option<&'a str>,
    user_id: Option<&'a str>,
    side: &'static str,
    price: Option<&'a str>,
    quantity: &'a str,
    filled_quantity: &'a str,
    remaining_quantity: &'a str,
    avg_fill_price: Option<&'a str>,
    status: &'a str,
    time_in_force: Option<&'a str>,
    created_s: Option<i64>,
    changed_s: Option<i64>,
    filled_s: Option<i64>,
    sent_ms: Option<i64>,
}

impl<'a> OrderUpdated<'a> {
    fn new(of: Of, update: &wire::OrderUpdated<'a>) -> Self {
        let order = &update.order;
        Self {
            of,
            order_id: update.order_id,
            event_id: update.event_id,
            market_id: update.market_id,
            outcome_id: order.outcome_id,
            outcome_label: order.outcome_label,
            user_id: order.user_id,
            side: order.side.as_str(),
            price: order.price.map(|it| it.0),
            quantity: order.quantity.0,
            filled_quantity: order.filled_quantity.0,
            remaining_quantity: order.remaining_quantity.0,
            avg_fill_price: order.avg_fill_price.map(|it| it.0),
            status: order.status,
            time_in_force: order.time_in_force,
            created_s: order.created_at.map(|at| at.0),
            changed_s: order.updated_at.map(|at| at.0),
            filled_s: update.updated.map(|at| at.0),
            sent_ms: update.sent.map(|at| at.0),
        }
    }
}
