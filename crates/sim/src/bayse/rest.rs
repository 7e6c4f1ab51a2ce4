//! The REST endpoint of order books: `GET /v1/pm/books`.

use std::sync::Arc;

use hyper::StatusCode;

use super::listing::Currency;
use super::request::BAD_CURRENCY;
use super::{Bayse, SCALE};
use crate::net::{Page, RequestTarget};
use crate::wire::bayse::{OrderBook, order_books};

const PATH: &str = "/v1/pm/books";
const DEPTH: usize = 10;

/// The response to a request for books. `None` for any other path.
pub(super) fn page(venue: &Bayse, target: RequestTarget<'_>) -> Option<Page> {
    (target.path == PATH).then(|| match BooksQuery::read(target.query) {
        Ok(query) => Page::json(StatusCode::OK, books(venue, &query)),
        Err(why) => {
            let json = serde_json::json!({ "message": why });
            Page::json(StatusCode::BAD_REQUEST, json.to_string())
        }
    })
}

/// The parameters of a request.
#[derive(Debug, PartialEq, Eq)]
struct BooksQuery {
    outcomes: Vec<String>,
    depth: usize,
    currency: Currency,
}

impl BooksQuery {
    fn read(query: &str) -> Result<Self, &'static str> {
        let mut read = Self {
            outcomes: Vec::new(),
            depth: DEPTH,
            currency: Currency::Usd,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "outcomeId[]" | "outcomeId" => read.outcomes.push(value.into_owned()),
                "depth" => read.depth = depth(&value).ok_or("Invalid depth")?,
                "currency" => read.currency = Currency::read(&value).ok_or(BAD_CURRENCY)?,
                _ => {}
            }
        }
        Ok(read)
    }
}

fn depth(value: &str) -> Option<usize> {
    value.parse().ok().filter(|depth| *depth > 0)
}

/// The books of the known outcomes, in request order.
fn books(venue: &Bayse, query: &BooksQuery) -> String {
    let state = Arc::clone(&venue.states.borrow());
    let book = |id| {
        let (market, outcome) = venue.catalog.find_outcome(id)?;
        let ids = [venue.catalog.market(market).market_id.as_str(), id];
        let view = &state.books(market, query.currency)[outcome];
        let mut book = OrderBook::new(ids, view, SCALE, state.at_ms);
        book.bids.truncate(query.depth);
        book.asks.truncate(query.depth);
        Some(book)
    };
    let outcomes = query.outcomes.iter().map(String::as_str);
    let books: Vec<_> = outcomes.filter_map(book).collect();
    order_books(&books)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_percent_encoded_query() {
        let read = BooksQuery::read("outcomeId[]=a&outcomeId%5B%5d=b%2Dc&depth=3&currency=NGN&x=y");
        let expected = BooksQuery {
            outcomes: vec!["a".to_owned(), "b-c".to_owned()],
            depth: 3,
            currency: Currency::Ngn,
        };
        assert_eq!(read, Ok(expected));
        let invalid = BooksQuery::read("outcomeId=a%&outcomeId=%zz%4").unwrap();
        assert_eq!(invalid.outcomes, ["a%", "%zz%4"]);
        let nothing = BooksQuery {
            outcomes: Vec::new(),
            depth: 10,
            currency: Currency::Usd,
        };
        assert_eq!(BooksQuery::read(""), Ok(nothing));
    }

    #[test]
    fn rejects_invalid_query() {
        for query in ["depth=0", "depth=-1", "depth=x", "depth"] {
            assert_eq!(BooksQuery::read(query), Err("Invalid depth"), "{query}");
        }
        assert_eq!(BooksQuery::read("currency=EUR"), Err(BAD_CURRENCY));
    }
}
