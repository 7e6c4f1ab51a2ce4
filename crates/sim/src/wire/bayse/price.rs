//! `price_update` and `asset_price`.

use ticklot_book::{Scale, Ticks};

use super::{EventInfo, timestamp};
use crate::wire::text::{decimal, number, string};

/// A market of an event, with what its outcomes cost.
#[derive(Clone, Copy, Debug)]
pub struct MarketPrices<'a> {
    /// The market.
    pub id: &'a str,
    /// What is asked.
    pub question: &'a str,
    /// What YES and NO are called.
    pub outcomes: [&'a str; 2],
    /// What YES and NO cost.
    pub prices: [Ticks; 2],
}

/// Appends a `price_update`: an event and the prices of all its markets.
pub fn price_update(
    out: &mut String,
    event: &EventInfo<'_>,
    markets: &[MarketPrices<'_>],
    scale: Scale,
    sent_ms: u64,
) {
    out.push_str("{\"type\":\"price_update\",\"data\":{\"id\":");
    string(out, event.id);
    let fields = [
        ("slug", event.slug),
        ("title", event.title),
        ("status", event.status),
        ("type", event.kind),
    ];
    super::fields(out, &fields);
    out.push_str(",\"markets\":[");
    for (place, it) in markets.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        market(out, it, scale.price_decimals());
    }
    out.push_str("]}");
    timestamp(out, sent_ms);
}

fn market(out: &mut String, market: &MarketPrices<'_>, decimals: u8) {
    let ([yes, no], [yes_price, no_price]) = (market.outcomes, market.prices);
    out.push_str("{\"id\":");
    string(out, market.id);
    super::fields(out, &[("question", market.question)]);
    out.push_str(",\"outcomes\":[");
    string(out, yes);
    out.push(',');
    string(out, no);
    out.push_str("],\"engine\":\"CLOB\",\"prices\":{\"YES\":");
    decimal(out, yes_price.0.into(), decimals, decimals);
    out.push_str(",\"NO\":");
    decimal(out, no_price.0.into(), decimals, decimals);
    out.push_str("}}");
}

/// The price of an asset outside of the venue.
#[derive(Clone, Copy, Debug)]
pub struct AssetPrice<'a> {
    /// Which asset.
    pub symbol: &'a str,
    /// Its price, in ticks of 10^-`decimals`.
    pub ticks: Ticks,
    /// The decimals of a tick.
    pub decimals: u8,
    /// When the source had it, in milliseconds since the epoch.
    pub source_ms: u64,
    /// When the message goes out, in milliseconds since the epoch.
    pub sent_ms: u64,
}

/// Appends an `asset_price`.
pub fn asset_price(out: &mut String, price: &AssetPrice<'_>) {
    out.push_str("{\"type\":\"asset_price\",\"data\":{\"symbol\":");
    string(out, price.symbol);
    out.push_str(",\"price\":");
    decimal(out, price.ticks.0.into(), price.decimals, 1);
    out.push_str(",\"timestamp\":");
    number(out, price.source_ms);
    out.push('}');
    timestamp(out, price.sent_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_the_venue_writes_it() {
        let event = EventInfo {
            id: "evt_123",
            slug: "us-fed-rate-cut-2026",
            title: "Will the Fed cut rates in 2026?",
            status: "open",
            kind: "SINGLE_MARKET",
            created_ms: 0,
        };
        let market = MarketPrices {
            id: "mkt_456",
            question: "Yes or No?",
            outcomes: ["Yes", "No"],
            prices: [Ticks(65), Ticks(35)],
        };
        let mut out = String::new();
        let scale = Scale::new(2, 2).unwrap();
        price_update(&mut out, &event, &[market], scale, 1_700_000_000_000);
        assert_eq!(
            out,
            concat!(
                r#"{"type":"price_update","data":{"id":"evt_123","slug":"us-fed-rate-cut-2026","#,
                r#""title":"Will the Fed cut rates in 2026?","status":"open","type":"SINGLE_MARKET","#,
                r#""markets":[{"id":"mkt_456","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","#,
                r#""prices":{"YES":0.65,"NO":0.35}}]},"timestamp":1700000000000}"#,
            )
        );
    }

    #[test]
    fn an_asset_is_written_as_the_venue_writes_it() {
        let price = AssetPrice {
            symbol: "BTCUSDT",
            ticks: Ticks(6_743_215),
            decimals: 2,
            source_ms: 1_700_000_000_000,
            sent_ms: 1_700_000_000_001,
        };
        let mut out = String::new();
        asset_price(&mut out, &price);
        assert_eq!(
            out,
            r#"{"type":"asset_price","data":{"symbol":"BTCUSDT","price":67432.15,"timestamp":1700000000000},"timestamp":1700000000001}"#
        );
    }
}
