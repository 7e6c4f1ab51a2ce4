//! What is told of fills, and to whom.

use super::SCALE;
use super::catalog::Catalog;
use super::listing::Currency;
use crate::market::{Fill, Order, Pair};
use crate::wire::bayse::{Activity, OrderUpdated, activity, order_updated};

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
        let mut text = String::with_capacity(640);
        if is_public {
            self.public(&mut text, place, user, fill, order);
        } else {
            self.own(&mut text, place, user, fill, order);
        }
        Notice {
            is_public,
            event: self.catalog.event_of(place.market),
            market: place.market,
            user,
            text,
        }
    }

    fn public(&self, out: &mut String, place: Place, user: usize, fill: &Fill, order: &Order) {
        let listing = self.catalog.market(place.market);
        let user = self.catalog.user(user);
        let message = Activity {
            user_id: &user.id,
            user_tag: user.tag.as_deref(),
            order_id: &order_id(place, order),
            side: order.side,
            ticks: fill.ticks,
            lots: fill.lots,
            scale: SCALE,
            is_filled: order.left().0 == 0,
            is_limit: order.limit.is_some(),
            outcome: ["YES", "NO"][place.outcome],
            outcome_label: &listing.labels[place.outcome],
            currency: Currency::ALL[place.currency].code(),
            created_ms: order.created_ms.max(self.opened_ms),
            updated_ms: self.now_ms,
            event: self.catalog.event(self.catalog.event_of(place.market)),
            market_id: &listing.market_id,
            market_title: &listing.title,
            sent_ms: self.now_ms,
        };
        activity(out, &message);
    }

    fn own(&self, out: &mut String, place: Place, user: usize, fill: &Fill, order: &Order) {
        let listing = self.catalog.market(place.market);
        let message = OrderUpdated {
            order_id: &order_id(place, order),
            user_id: &self.catalog.user(user).id,
            event_id: self.catalog.event(self.catalog.event_of(place.market)).id,
            market_id: &listing.market_id,
            outcome_id: listing.outcomes()[place.outcome],
            outcome_label: &listing.labels[place.outcome],
            order,
            fill_price: fill.ticks,
            scale: SCALE,
            created_ms: order.created_ms.max(self.opened_ms),
            updated_ms: self.now_ms,
            sent_ms: self.now_ms,
        };
        order_updated(out, &message);
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
