//! Applies an order book message to its book.

use std::collections::HashMap;
use std::ops::ControlFlow;

use ticklot_book::Scale;
use ticklot_frame::bayse::{Currency, OrderBook};
use ticklot_frame::{DecodeError, ErrorKind, Line, VenueName};

use super::MAX_BOOKS;
use super::subscription_filter::SubscriptionFilter;
use crate::books::{BookConfig, BookId, Books, Instrument};
use crate::event::{Handler, LastTrade, Source};
use crate::venue::{Context, ErrorScope, Snapshot};

/// The books by outcome and by market. Outcome ids may repeat in several markets.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    by_outcome: HashMap<Box<str>, Vec<BookId>>,
    by_market: HashMap<Box<str>, Vec<BookId>>,
}

impl Outcomes {
    /// The book of an outcome, if there is one.
    #[inline]
    pub(super) fn get(&self, market: &str, outcome: &str, books: &Books) -> Option<BookId> {
        let ids = self.by_outcome.get(outcome)?;
        ids.iter().copied().find(|id| books.market(*id) == market)
    }

    /// The books of a market.
    pub(super) fn of_market(&self, market: &str) -> &[BookId] {
        self.by_market.get(market).map_or(&[], Vec::as_slice)
    }

    fn insert(&mut self, market: &str, outcome: &str, id: BookId) {
        for (map, key) in [
            (&mut self.by_outcome, outcome),
            (&mut self.by_market, market),
        ] {
            map.entry(key.into()).or_default().push(id);
        }
    }
}

/// Finds or adds the book of a message, and applies the message.
#[derive(Debug, Default)]
pub(super) struct BookRouter {
    pub(super) outcomes: Outcomes,
    pub(super) desired: SubscriptionFilter,
    /// Whether to accept messages without a subscription.
    pub(super) any: bool,
}

impl BookRouter {
    /// Applies a snapshot, if it is desired. `scope` is the currency of the book, if it is known.
    pub(super) fn apply<H: Handler + ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        line: Line<'_>,
        (scope, scale, source): (Option<Currency>, Scale, Source),
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if !self.any && !self.desired.wants_book(update.market_id) {
            context.count_unrequested();
            return ControlFlow::Continue(());
        }
        let Some(id) = self.book(update, (scope, scale), context) else {
            return match context.books().len() {
                MAX_BOOKS.. => {
                    let error = too_many_books(line.number);
                    context.unreadable(ErrorScope::None, error, line.bytes)
                }
                _ => context.over_budget(line.number, line.bytes),
            };
        };
        let book = context.books().last_known(id);
        let is_streamed = book.is_some_and(|book| book.updates() > 0);
        if source == Source::Request && is_streamed {
            // The book from the stream is newer.
            return ControlFlow::Continue(());
        }
        // A last trade that is off the book's grid, such as an AMM fill, does not invalidate the book.
        let last = update.last_price.and_then(|price| price.ticks(scale).ok());
        let snapshot = Snapshot {
            line: line.number,
            bytes: line.bytes,
            bids: update.bids,
            asks: update.asks,
            last_trade: last.map(|ticks| LastTrade {
                ticks,
                side: update.last_side,
            }),
            sent: update.sent,
            source,
            ..Snapshot::default()
        };
        context.apply_snapshot(id, &snapshot, |error| update.refusal(error))
    }

    /// The book of an outcome, added for its first message. None if there is no room for it.
    fn book<H: Handler + ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        (scope, scale): (Option<Currency>, Scale),
        context: &mut Context<'_, H>,
    ) -> Option<BookId> {
        let (market, outcome) = (update.market_id, update.outcome_id);
        let known = self.outcomes.get(market, outcome, context.books());
        if known.is_some() {
            return known;
        }
        if context.books().len() >= MAX_BOOKS {
            return None;
        }
        let instrument = Instrument {
            venue: VenueName::BAYSE,
            scope: scope.map(Currency::as_str),
            market,
            name: outcome,
        };
        if !context.fits_budget(&instrument) {
            return None;
        }
        let id = context.add_book(&instrument, BookConfig::snapshots(scale));
        self.outcomes.insert(market, outcome, id);
        Some(id)
    }
}

fn too_many_books(line: u32) -> DecodeError {
    DecodeError {
        venue: VenueName::BAYSE,
        line,
        offset: 0,
        kind: ErrorKind::TooManyBooks { limit: MAX_BOOKS },
    }
}
