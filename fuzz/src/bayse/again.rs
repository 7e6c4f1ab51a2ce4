//! What was decoded, written in the venue's own words, is decoded to the same.

use ticklot_book::{Fixed, Level, Scale};
use ticklot_frame::bayse::Decoder;

use super::{ASSET, FILL, ORDER, Owned, OwnedBook, OwnedMarket, PRICES, owned, scale_of};
use crate::facts::{Fact, Field, array, number, string, write_facts};

pub(super) fn check(message: &Owned) {
    let line = line(message);
    let mut decoder = Decoder::new();
    let again = decoder.decode(line.as_bytes(), &scale_of);
    let again = again.unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(owned(&again), *message, "{line}");
}

fn line(message: &Owned) -> String {
    match message {
        Owned::OrderBook(book) => {
            let sent = book.sent.map(|sent| sent.to_string());
            let data = format!(r#"{{"orderbook":{}}}"#, order_book(book));
            enclose("orderbook_update", &data, sent.as_deref())
        }
        Owned::PriceUpdate(facts, markets) => {
            let data = write_facts(facts, &PRICES);
            let rest = data.strip_prefix('{').expect("an object");
            let data = format!(r#"{{"markets":{},{rest}"#, array(markets, market));
            enclose("price_update", &data, find(facts, "sent"))
        }
        Owned::Facts(kind, facts) => others(kind, facts),
        Owned::Unknown(kind) => format!(r#"{{"type":{}}}"#, string(kind)),
    }
}

fn others(kind: &str, facts: &[Fact]) -> String {
    let sent = find(facts, "sent");
    let data = |fields: &[Field]| enclose(kind, &write_facts(facts, fields), sent);
    match kind {
        "buy_order" | "sell_order" => data(&FILL),
        "asset_price" => data(&ASSET),
        "order_updated" => data(&ORDER),
        "error" => {
            let message = string(find(facts, "message").expect("a text"));
            enclose(kind, &format!(r#"{{"message":{message}}}"#), sent)
        }
        _ => {
            let texts = facts.iter().filter(|(name, _)| *name != "sent");
            let texts = texts.filter_map(|(name, text)| Some((name, text.as_ref()?)));
            let texts = texts.map(|(name, text)| format!(",{}:{}", string(name), string(text)));
            let texts: String = texts.collect();
            format!(r#"{{"type":{}{texts}{}}}"#, string(kind), timestamp(sent))
        }
    }
}

fn enclose(kind: &str, data: &str, sent: Option<&str>) -> String {
    let kind = string(kind);
    format!(r#"{{"type":{kind},"data":{data}{}}}"#, timestamp(sent))
}

fn timestamp(sent: Option<&str>) -> String {
    sent.map_or(String::new(), |sent| format!(r#","timestamp":{sent}"#))
}

fn find<'a>(facts: &'a [Fact], name: &str) -> Option<&'a str> {
    let fact = facts.iter().find(|(known, _)| *known == name);
    fact.and_then(|(_, text)| text.as_deref())
}

fn order_book(book: &OwnedBook) -> String {
    let scale = scale_of(&book.market_id);
    let level = |it: &Level| level(it, scale);
    let mut out = format!(
        r#"{{"marketId":{},"outcomeId":{},"bids":{},"asks":{}"#,
        string(&book.market_id),
        string(&book.outcome_id),
        array(&book.bids, level),
        array(&book.asks, level),
    );
    if let Some(time) = &book.timestamp {
        out += &format!(r#","timestamp":{}"#, string(time));
    }
    if let Some(price) = &book.last_price {
        out += &format!(r#","lastTradedPrice":{}"#, number(price));
    }
    if let Some(side) = book.last_side {
        out += &format!(r#","lastTradedSide":{}"#, string(side.as_str()));
    }
    out + "}"
}

/// A level; its total is of no account.
fn level(level: &Level, scale: Scale) -> String {
    let price = Fixed::new(level.ticks.0, scale.price_decimals());
    let quantity = Fixed::new(level.lots.0, scale.quantity_decimals());
    format!(r#"{{"price":{price},"quantity":{quantity},"total":0.5}}"#)
}

fn market(market: &OwnedMarket) -> String {
    let mut out = format!(r#"{{"id":{}"#, string(&market.id));
    for (name, text) in [("question", &market.question), ("engine", &market.engine)] {
        if let Some(text) = text {
            out += &format!(",{}:{}", string(name), string(text));
        }
    }
    out += &format!(
        r#","outcomes":{}"#,
        array(&market.outcomes, |it| string(it))
    );
    if let Some(prices) = &market.prices {
        let prices: Vec<String> = prices
            .iter()
            .map(|(label, price)| format!("{}:{}", string(label), number(price)))
            .collect();
        out += &format!(r#","prices":{{{}}}"#, prices.join(","));
    }
    out + "}"
}
