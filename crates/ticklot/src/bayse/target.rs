//! Order books on their way to where they belong.

use std::collections::HashMap;
use std::ops::ControlFlow;

use ticklot_book::Scale;
use ticklot_frame::bayse::OrderBook;
use ticklot_frame::{DecodeError, ErrorKind, VenueName};

use super::MAX_BOOKS;
use super::desired::Desired;
use crate::books::{BookId, Books};
use crate::event::{Handler, LastTrade, Source};
use crate::venue::{Context, Snapshot};

/// The books of each outcome id: one for each market that has an outcome of that id.
pub(super) type Outcomes = HashMap<Box<str>, Vec<BookId>>;

/// Where an order book goes.
pub(super) struct Target<'a> {
    pub(super) outcomes: &'a mut Outcomes,
    pub(super) desired: &'a Desired,
    pub(super) any: bool,
    pub(super) source: Source,
}

impl Target<'_> {
    /// Applies a snapshot, if it is desired.
    pub(super) fn apply<H: Handler + ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        line: u32,
        scale: Scale,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if !self.any && !self.desired.wants_book(update.market_id) {
            context.stats.unrequested += 1;
            return ControlFlow::Continue(());
        }
        let Some(id) = self.book(update, scale, context) else {
            return context.bad_line(too_many_books(line));
        };
        let streamed = context
            .books
            .untrusted(id)
            .is_some_and(|book| book.updates() > 0);
        if self.source == Source::Request && streamed {
            // What the stream brought is newer.
            return ControlFlow::Continue(());
        }
        // A last trade off the book's grid (an AMM fill, say) is no fault of the book.
        let last = update.last_price.and_then(|price| price.ticks(scale).ok());
        let snapshot = Snapshot {
            line,
            bids: update.bids,
            asks: update.asks,
            trades: &[],
            last_trade: last.map(|ticks| LastTrade {
                ticks,
                side: update.last_side,
            }),
            sent: update.sent,
            source: self.source,
        };
        context.snapshot(id, &snapshot, |error| update.refusal(error))
    }

    /// The book of an outcome, made when it is first heard of.
    fn book<H: ?Sized>(
        &mut self,
        update: &OrderBook<'_>,
        scale: Scale,
        context: &mut Context<'_, H>,
    ) -> Option<BookId> {
        if let Some(id) = known_book(
            self.outcomes,
            update.market_id,
            update.outcome_id,
            context.books,
        ) {
            return Some(id);
        }
        let Context {
            books,
            connection,
            epoch,
            ..
        } = context;
        if books.len() >= MAX_BOOKS {
            return None;
        }
        let id = books.add(*connection, update.market_id, update.outcome_id, scale);
        if let Some(book) = books.book_mut(id) {
            book.begin(*epoch);
        }
        self.outcomes
            .entry(update.outcome_id.into())
            .or_default()
            .push(id);
        Some(id)
    }
}

/// The book of an outcome. Outcome ids may repeat from market to market.
pub(super) fn known_book(
    outcomes: &Outcomes,
    market: &str,
    outcome: &str,
    books: &Books,
) -> Option<BookId> {
    let ids = outcomes.get(outcome)?;
    ids.iter().copied().find(|id| books.market(*id) == market)
}

fn too_many_books(line: u32) -> DecodeError {
    DecodeError {
        venue: VenueName::BAYSE,
        line,
        offset: 0,
        kind: ErrorKind::TooManyBooks { limit: MAX_BOOKS },
    }
}
