//! What is told of fills, and to whom.

use super::SCALE;
use super::catalog::Catalog;
use super::listing::Currency;
use crate::market::{Fill, Order, Pair};
use crate::wire::bayse::{
    Activity, ActivityEvent, ActivityMarket, ActivityOrder, ActivityUser, Decimal, IsoTime,
    Message, OrderNames, OrderUpdated, buy_or_sell, order_status,
};

/// A message about one order's part in a fill, written once for all who hear of it.
pub(super) struct Notice {
    /// Whether everybody may hear it; otherwise the owner alone.
    pub(super) is_public: bool,
    pub(super) event: usize,
    pub(super) market: usize,
    /// Whose order it is.
    pub(super) user: usize,
    pub(super) text: String,
}

/// Where a fill happened.
#[derive(Clone, Copy)]
struct Place {
    market: usize,
    currency: usize,
    outcome: usize,
}

/// Writes the notices of a step.
pub(super) struct Teller<'a> {
    pub(super) catalog: &'a Catalog,
    /// When the markets opened, in milliseconds since the epoch: before, nobody had an order.
    pub(super) opened_ms: u64,
    pub(super) now_ms: u64,
}

impl Teller<'_> {
    /// All that is to be told of the last step: first what everybody may hear, then what the
    /// owners hear. Of each fill the maker comes first, then the taker.
    pub(super) fn tell(&self, markets: &[[Pair; 2]]) -> Vec<Notice> {
        let mut notices = Vec::new();
        for is_public in [true, false] {
            for_each_fill(markets, |place, fill| {
                for order in [&fill.maker, &fill.taker] {
                    notices.push(self.notice(is_public, place, fill, order));
                }
            });
        }
        notices
    }

    fn notice(&self, is_public: bool, place: Place, fill: &Fill, order: &Order) -> Notice {
        let user = usize::try_from(order.owner.0).unwrap_or(0);
        let text = if is_public {
            self.activity(place, user, fill, order)
        } else {
            self.order_updated(place, user, fill, order)
        };
        Notice {
            is_public,
            event: self.catalog.event_of(place.market),
            market: place.market,
            user,
            text,
        }
    }

    fn activity(&self, place: Place, user: usize, fill: &Fill, order: &Order) -> String {
        let listing = self.catalog.market(place.market);
        let user = self.catalog.user(user);
        let event = self.catalog.event(self.catalog.event_of(place.market));
        let data = Activity {
            user: ActivityUser {
                id: &user.id,
                tag: user.tag.as_deref(),
                image_url: (),
            },
            order: ActivityOrder {
                id: &order_id(place, order),
                amount: Decimal::total(fill.ticks, fill.lots, SCALE, 2),
                quantity: Decimal::quantity(fill.lots, SCALE, 1),
                price: Decimal::price(fill.ticks, SCALE),
                status: order_status(order.left().0 == 0),
                side: buy_or_sell(order.side),
                outcome: ["YES", "NO"][place.outcome],
                outcome_label: &listing.labels[place.outcome],
                currency: Currency::ALL[place.currency].code(),
                engine: "CLOB",
                order_type: if order.limit.is_some() {
                    "LIMIT"
                } else {
                    "MARKET"
                },
                created_at: IsoTime(order.created_ms.max(self.opened_ms)),
                updated_at: IsoTime(self.now_ms),
            },
            event: ActivityEvent {
                id: &event.id,
                slug: &event.slug,
                title: &event.title,
                kind: &event.kind,
                created_at: IsoTime(event.created_ms),
                image_url: (),
            },
            market: ActivityMarket {
                id: &listing.market_id,
                title: &listing.title,
                image_url: (),
            },
        };
        Message::activity(order.side, data, self.now_ms).to_json()
    }

    fn order_updated(&self, place: Place, user: usize, fill: &Fill, order: &Order) -> String {
        let listing = self.catalog.market(place.market);
        let names = OrderNames {
            order_id: &order_id(place, order),
            user_id: &self.catalog.user(user).id,
            event_id: &self.catalog.event(self.catalog.event_of(place.market)).id,
            market_id: &listing.market_id,
            outcome_id: listing.outcomes()[place.outcome],
            outcome_label: &listing.labels[place.outcome],
        };
        let times = [order.created_ms.max(self.opened_ms), self.now_ms];
        let data = OrderUpdated::new(names, order, fill.ticks, SCALE, times);
        let timestamp = self.now_ms;
        Message::OrderUpdated { data, timestamp }.to_json()
    }
}

fn for_each_fill(markets: &[[Pair; 2]], mut tell: impl FnMut(Place, &Fill)) {
    for (market, pairs) in markets.iter().enumerate() {
        for (currency, pair) in pairs.iter().enumerate() {
            for (outcome, book) in [pair.yes(), pair.no()].into_iter().enumerate() {
                let place = Place {
                    market,
                    currency,
                    outcome,
                };
                book.fills().iter().for_each(|fill| tell(place, fill));
            }
        }
    }
}

/// A number of an order is its own only within its book: the id names the book too.
fn order_id(place: Place, order: &Order) -> String {
    let book = (place.market * 2 + place.currency) * 2 + place.outcome;
    format!("ord_{book:02x}{:08x}", order.id)
}
