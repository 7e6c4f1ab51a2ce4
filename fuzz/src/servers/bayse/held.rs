//! What is sent, held to what is expected and to the market.

use serde_json::{Value, json};
use ticklot_book::{Level, Side};
use ticklot_sim::bayse::Currency;

use super::asks::{EVENTS, MARKETS};
use super::{Expected, Run};
use crate::servers::{Sent, json as parsed, steps_of, text};

impl Run {
    pub(super) fn hold(&self, sent: &Sent, expected: &Expected) {
        let wall = self.clock.now().wall_ms;
        match (sent, expected) {
            (Sent::Ping, Expected::Ping) => {}
            (Sent::Close(code), Expected::Close(expected)) => assert_eq!(code, expected),
            (Sent::Line(_, value), Expected::Line(expected)) => assert_eq!(value, expected),
            (Sent::Line(line, _), Expected::Notice(expected)) => assert_eq!(line, expected),
            (Sent::Line(_, value), Expected::Error(texts)) => {
                let message = value["data"]["message"].as_str().expect("a text");
                assert!(
                    texts.iter().any(|text| text == message),
                    "{message}: {texts:?}"
                );
                let whole =
                    json!({"type": "error", "data": {"message": message}, "timestamp": wall});
                assert_eq!(*value, whole);
            }
            (Sent::Line(_, value), Expected::Book(market, outcome, currency)) => {
                assert_eq!(text(value, "type"), Some("orderbook_update"));
                assert_eq!(value["timestamp"], wall);
                let book = &value["data"]["orderbook"];
                assert_eq!(text(book, "marketId"), Some(*market));
                let id = format!("out_{}-{}", &market[4..], ["yes", "no"][*outcome]);
                assert_eq!(text(book, "outcomeId"), Some(id.as_str()));
                self.book(book, &id, currency, usize::MAX);
            }
            (Sent::Line(_, value), Expected::Prices(event)) => {
                assert_eq!(text(value, "type"), Some("price_update"));
                assert_eq!(value["timestamp"], wall);
                self.prices(&value["data"], event);
            }
            (Sent::Line(_, value), Expected::Asset(symbol)) => {
                let mut last = self.log.assets[*symbol].clone();
                last["timestamp"] = wall.into();
                assert_eq!(*value, last);
            }
            (sent, _) => panic!("{sent:?} is not what was to come"),
        }
    }

    /// A book is that of the market, level by level.
    fn book(&self, book: &Value, id: &str, currency: &str, depth: usize) {
        let currency = match currency {
            "USD" => Currency::Usd,
            _ => Currency::Ngn,
        };
        let view = self
            .exchange
            .truth()
            .book(id, currency)
            .expect("an outcome");
        for (name, levels) in [("bids", &view.bids), ("asks", &view.asks)] {
            let told = book[name].as_array().expect("a list");
            assert_eq!(told.len(), levels.len().min(depth), "{name}");
            for (told, level) in told.iter().zip(levels) {
                level_is(told, level);
            }
        }
        assert_eq!(text(book, "timestamp").map(str::len), Some(20));
        let last = view.trades.first();
        let price = book.get("lastTradedPrice").map(|price| steps_of(price, 2));
        assert_eq!(price, last.map(|trade| trade.ticks.0));
        let side = last.map(|trade| match trade.taker {
            Side::Bid => "BUY",
            Side::Ask => "SELL",
        });
        assert_eq!(text(book, "lastTradedSide"), side);
    }

    /// Prices are those of the last trades in dollars, where there were any.
    fn prices(&self, data: &Value, event: &str) {
        assert_eq!(text(data, "id"), Some(event));
        let place = EVENTS.iter().position(|it| *it == event).expect("known");
        let markets = data["markets"].as_array().expect("a list");
        assert_eq!(markets.len(), 1);
        assert_eq!(text(&markets[0], "id"), Some(MARKETS[place]));
        for (name, outcome) in [("YES", "yes"), ("NO", "no")] {
            let ticks = steps_of(&markets[0]["prices"][name], 2);
            let id = format!("out_{}-{outcome}", &event[4..]);
            let view = self
                .exchange
                .truth()
                .book(&id, Currency::Usd)
                .expect("known");
            let last = view.trades.first().map(|trade| trade.ticks.0);
            assert!(last.is_none_or(|last| last == ticks) && (0..=100).contains(&ticks));
        }
    }

    /// A document of books is what a naive reading of the query asks for.
    pub(super) fn get(&self, target: &str) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let page = self.exchange.get(target);
        let Some((status, page)) = page else {
            return assert_ne!(path, "/v1/pm/books");
        };
        assert_eq!(path, "/v1/pm/books");
        let page = parsed(&page);
        let pairs = || query.split('&').filter_map(|pair| pair.split_once('='));
        if status == 400 {
            let texts = [
                "Invalid depth",
                "Unsupported currency. Supported currencies are USD and NGN",
            ];
            return assert!(texts.contains(&text(&page, "message").expect("a text")));
        }
        assert_eq!(status, 200);
        let books = page.as_array().expect("a list");
        if query.contains('%') {
            return;
        }
        let last = |name| pairs().filter(|(known, _)| *known == name).next_back();
        let depth = last("depth").map_or(10, |(_, it)| it.parse().expect("a depth"));
        let currency = last("currency").map_or("USD", |(_, it)| it);
        let is_id = |name: &str| matches!(name, "outcomeId" | "outcomeId[]");
        let ids = pairs().filter(|(name, _)| is_id(name)).map(|(_, id)| id);
        let truth = self.exchange.truth();
        let ids: Vec<_> = ids
            .filter(|id| truth.book(id, Currency::Usd).is_some())
            .collect();
        assert_eq!(books.len(), ids.len());
        for (book, id) in books.iter().zip(ids) {
            self.book(book, id, currency, depth);
        }
    }
}

/// Price, quantity and their product, exactly.
fn level_is(told: &Value, level: &Level) {
    let (ticks, lots) = (level.ticks.0, level.lots.0);
    assert_eq!(steps_of(&told["price"], 2), ticks);
    assert_eq!(steps_of(&told["quantity"], 2), lots);
    assert_eq!(steps_of(&told["total"], 4), ticks * lots);
}
