//! A decoded message, written in the venue's format, is decoded to the same.

use ticklot_book::{Fixed, Level, Scale};
use ticklot_frame::bayse::Decoder;

use super::{ASSET, Body, FILL, ORDER, Owned, OwnedBook, OwnedMarket, PRICES, owned, scale_of};
use crate::fields::{Field, array, find, number, string, write_fields};

pub(super) fn check(message: &Owned) {
    let line = line(message);
    let mut decoder = Decoder::new();
    let again = decoder.decode(line.as_bytes(), &scale_of);
    let again = again.unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(owned(&again), *message, "{line}");
}

fn line((body, sent): &Owned) -> String {
    let enclose = |kind: &str, data: &str| {
        let sent = sent.map_or(String::new(), |sent| format!(r#","timestamp":{sent}"#));
        format!(r#"{{"type":{}{data}{sent}}}"#, string(kind))
    };
    let with_data = |kind: &str, data: &str| enclose(kind, &format!(r#","data":{data}"#));
    match body {
        Body::OrderBook(book) => {
            let data = format!(r#"{{"orderbook":{}}}"#, order_book(book));
            with_data("orderbook_update", &data)
        }
        Body::PriceUpdate(fields, markets) => {
            let data = write_fields(fields, PRICES);
            let rest = data.strip_prefix('{').expect("an object");
            let data = format!(r#"{{"markets":{},{rest}"#, array(markets, market));
            with_data("price_update", &data)
        }
        Body::Fields(kind, fields) => {
            let data = |table| with_data(kind, &write_fields(fields, table));
            match kind.as_str() {
                "buy_order" | "sell_order" => data(FILL),
                "asset_price" => data(ASSET),
                "order_updated" => data(ORDER),
                "error" => {
                    let message = string(find(fields, "message").expect("a text"));
                    with_data(kind, &format!(r#"{{"message":{message}}}"#))
                }
                _ => enclose(kind, &texts(fields)),
            }
        }
        Body::Unknown(kind) => enclose(kind, ""),
    }
}

fn texts(fields: &[Field]) -> String {
    let present = fields
        .iter()
        .filter_map(|(name, text)| Some((name, text.as_ref()?)));
    let texts = present.map(|(name, text)| format!(",{}:{}", string(name), string(text)));
    texts.collect()
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
