//! Messages about fills, and their recipients.

use super::SCALE;
use super::catalog::Catalog;
use super::listing::Currency;
use crate::market::{Fill, Order, OutcomePair};
use crate::wire::bayse::{
    Activity, ActivityEvent, ActivityMarket, ActivityOrder, ActivityUser, Body, Data, Decimal,
    IsoTime, Message, OrderNames, OrderUpdated, buy_or_sell, order_status,
};

/// A message about one side of a fill, serialized once for all recipients.
pub(super) struct FillMessage {
    /// Whether all clients may receive it. Otherwise only the owner may.
    pub(super) is_public: bool,
    pub(super) event: usize,
    pub(super) market: usize,
    /// The owner of the order.
    pub(super) user: usize,
    pub(super) text: String,
}

/// The book of a fill, by indexes.
#[derive(Clone, Copy)]
struct BookRef {
    market: usize,
    currency: usize,
    outcome: usize,
}

/// Writes the messages of a step.
pub(super) struct FillMessageWriter<'a> {
    pub(super) catalog: &'a Catalog,
    /// When the markets opened, in milliseconds since the epoch. It replaces the time 0 of the initial orders.
    pub(super) opened_ms: u64,
    pub(super) now_ms: u64,
}

impl FillMessageWriter<'_> {
    /// The messages of the last step: the public ones, then those for the owners. The maker of a fill precedes the
    /// taker.
    pub(super) fn messages(&self, markets: &[[OutcomePair; 2]]) -> Vec<FillMessage> {
        let mut messages = Vec::new();
        for is_public in [true, false] {
            for_each_fill(markets, |book, fill| {
                for order in [&fill.maker, &fill.taker] {
                    messages.push(self.message(is_public, book, fill, order));
                }
            });
        }
        messages
    }

    fn message(&self, is_public: bool, book: BookRef, fill: &Fill, order: &Order) -> FillMessage {
        let user = usize::try_from(order.owner.0).unwrap_or(0);
        let text = if is_public {
            self.activity(book, user, fill, order)
        } else {
            self.order_updated(book, user, fill, order)
        };
        FillMessage {
            is_public,
            event: self.catalog.event_of(book.market),
            market: book.market,
            user,
            text,
        }
    }

    fn activity(&self, book: BookRef, user: usize, fill: &Fill, order: &Order) -> String {
        let listing = self.catalog.market(book.market);
        let user = self.catalog.user(user);
        let event = self.catalog.event(self.catalog.event_of(book.market));
        let data = Activity {
            user: ActivityUser {
                id: &user.id,
                tag: user.tag.as_deref(),
                image_url: (),
            },
            order: ActivityOrder {
                id: &order_id(book, order),
                amount: Decimal::total(fill.ticks, fill.lots, SCALE, 2),
                quantity: Decimal::quantity(fill.lots, SCALE, 1),
                price: Decimal::price(fill.ticks, SCALE),
                status: order_status(order.left().0 == 0),
                side: buy_or_sell(order.side),
                outcome: ["YES", "NO"][book.outcome],
                outcome_label: &listing.labels[book.outcome],
                currency: Currency::ALL[book.currency].code(),
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

    fn order_updated(&self, book: BookRef, user: usize, fill: &Fill, order: &Order) -> String {
        let listing = self.catalog.market(book.market);
        let names = OrderNames {
            order_id: &order_id(book, order),
            user_id: &self.catalog.user(user).id,
            event_id: &self.catalog.event(self.catalog.event_of(book.market)).id,
            market_id: &listing.market_id,
            outcome_id: listing.outcomes()[book.outcome],
            outcome_label: &listing.labels[book.outcome],
        };
        let times = [order.created_ms.max(self.opened_ms), self.now_ms];
        let data = OrderUpdated::new(names, order, fill.ticks, SCALE, times);
        Message::new(Body::OrderUpdated(Data { data }), self.now_ms).to_json()
    }
}

fn for_each_fill(markets: &[[OutcomePair; 2]], mut visit: impl FnMut(BookRef, &Fill)) {
    for (market, pairs) in markets.iter().enumerate() {
        for (currency, pair) in pairs.iter().enumerate() {
            for (outcome, orders) in [pair.yes(), pair.no()].into_iter().enumerate() {
                let book = BookRef {
                    market,
                    currency,
                    outcome,
                };
                orders.fills().iter().for_each(|fill| visit(book, fill));
            }
        }
    }
}

/// An order's number is unique only within its book, so that the id includes the book.
fn order_id(book: BookRef, order: &Order) -> String {
    let book = (book.market * 2 + book.currency) * 2 + book.outcome;
    format!("ord_{book:02x}{:08x}", order.id)
}
