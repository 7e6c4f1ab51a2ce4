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

/// The answer to a request for books; none when it asks for something else.
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
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match decoded(name).as_str() {
                "outcomeId[]" | "outcomeId" => read.outcomes.push(value),
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

/// A part of a query without its percent signs. What is no code stays; what is not UTF-8 names
/// nothing that there is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| code(after)).flatten();
        bytes.push(code.unwrap_or(*first));
        rest = &after[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that two hexadecimal digits name.
fn code(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// The books of the known outcomes, in the order of the request.
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

    #[test]
    fn keeps_invalid_percent_codes() {
        for text in ["%", "%4", "%zz", "a%", "%é"] {
            assert_eq!(decoded(text), text);
        }
        assert_eq!(decoded("%25%41"), "%A");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
