//! Parses messages of Bayse Markets with any key order and spacing: see [`crate::pull`].

use memchr::memmem;
use ticklot_book::{Level, Lots, Scale, Ticks};

use super::book::BookFields;
use super::message::{Message, MessageBuffers};
use super::prices;
use crate::levels::LevelBuffer;
use crate::pull::{PullParser, put};
use crate::record::{Field, Record};
use crate::units::Scales;

/// A parsed message. Its lists are in the buffers.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // matched immediately by the caller
pub(super) enum ParsedMessage<'a> {
    OrderBook(BookFields<'a>),
    Other(Message<'a>),
}

/// Reads a message. `None` if it must be read from a tape; the contents of `buffers` are then undefined.
pub(super) fn message<'a>(
    text: &'a [u8],
    buffers: &mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Option<ParsedMessage<'a>> {
    let mut json = PullParser::new(text);
    let (mut kind, mut data_kind, mut sent) = (None, None, None);
    let mut found = ParsedMessage::Other(Message::Pong { sent: None });
    json.object(|json| {
        if json.key("\"type\":") {
            put(&mut kind, json.str()?)
        } else if json.key("\"data\":") {
            // If the data precedes the type, the type is the last one in the text.
            let kind = kind.or_else(|| string_after(TYPE, text, memmem::rfind))?;
            put(&mut data_kind, kind)?;
            found = data(kind, json, text, buffers, scales)?;
            Some(())
        } else if json.key("\"timestamp\":") {
            put(&mut sent, json.nullable(Field::pull)?)
        } else {
            json.skip_field()
        }
    })?;
    json.end()?;
    (kind? == data_kind.unwrap_or("pong")).then_some(())?;
    match &mut found {
        ParsedMessage::OrderBook(head) => head.sent = sent.flatten(),
        ParsedMessage::Other(message) => message.set_sent(sent.flatten()),
    }
    Some(found)
}

/// Reads the data of a message of this type.
fn data<'a>(
    kind: &str,
    json: &mut PullParser<'a>,
    text: &'a [u8],
    buffers: &mut MessageBuffers,
    scales: &(impl Scales + ?Sized),
) -> Option<ParsedMessage<'a>> {
    Some(ParsedMessage::Other(match kind {
        "orderbook_update" => return order_book(json, text, &mut buffers.levels, scales),
        "price_update" => Message::PriceUpdate(prices::pull(json, &mut buffers.prices)?),
        "buy_order" | "sell_order" => Message::fill(kind, Field::pull(json)?),
        "asset_price" => Message::AssetPrice(Field::pull(json)?),
        "order_updated" => Message::OrderUpdated(Field::pull(json)?),
        _ => return None,
    }))
}

/// Reads the book, or an object that contains it.
fn order_book<'a>(
    json: &mut PullParser<'a>,
    text: &'a [u8],
    buffers: &mut LevelBuffer,
    scales: &(impl Scales + ?Sized),
) -> Option<ParsedMessage<'a>> {
    // If the levels precede their market, the market is the first one in the text.
    let market_id = string_after(MARKET, text, memmem::find)?;
    let scale = scales.scale(market_id);
    let (start, mut head) = (*json, None);
    json.object(|json| match json.key("\"orderbook\":") {
        true => put(&mut head, book(json, buffers, scale)?),
        false => json.skip_field(),
    })?;
    if head.is_none() {
        *json = start;
        head = Some(book(json, buffers, scale)?);
    }
    head.filter(|head| head.market_id == market_id)
        .map(ParsedMessage::OrderBook)
}

fn book<'a>(
    json: &mut PullParser<'a>,
    buffers: &mut LevelBuffer,
    scale: Scale,
) -> Option<BookFields<'a>> {
    let mut has_sides = [None; 2];
    let head = BookFields::pull_with(json, |json| {
        let side = if json.key("\"bids\":") {
            0
        } else if json.key("\"asks\":") {
            1
        } else {
            return json.skip_field();
        };
        put(&mut has_sides[side], ())?;
        buffers.sides()[side].pull(json, |json| level(json, scale))
    })?;
    has_sides[0].and(has_sides[1])?;
    Some(head)
}

#[inline(always)]
fn level(json: &mut PullParser<'_>, scale: Scale) -> Option<Level> {
    let (mut price, mut quantity) = (None, None);
    json.object(|json| {
        if json.key("\"price\":") {
            put(&mut price, json.steps(scale.price_decimals())?)
        } else if json.key("\"quantity\":") {
            put(&mut quantity, json.steps(scale.quantity_decimals())?)
        } else if json.key("\"total\":") {
            json.skip_number()
        } else {
            json.skip_field()
        }
    })?;
    Some(Level::new(Ticks(price?), Lots(quantity?)))
}

const TYPE: &str = "\"type\":";
const MARKET: &str = "\"marketId\":";

/// The string after a key, which `find` locates.
fn string_after<'a>(
    key: &str,
    text: &'a [u8],
    find: impl Fn(&[u8], &[u8]) -> Option<usize>,
) -> Option<&'a str> {
    let mut json = PullParser::new(text.get(find(text, key.as_bytes())?..)?);
    json.key(key).then(|| json.str())?
}

#[cfg(test)]
mod other_messages;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DecodeBackend;
    use crate::bayse::{Decoder, Message, OrderBook};
    use crate::samples::{BAYSE_SCALE, FrameFormat, order_books, reordered};

    /// Markets whose names end with `x` have more decimals.
    fn scale(market: &str) -> Scale {
        match market.ends_with('x') {
            true => Scale::new(5, 4).unwrap(),
            false => BAYSE_SCALE,
        }
    }

    fn shown(book: &OrderBook<'_>) -> String {
        let ids = (book.market_id, book.outcome_id);
        let last = (book.last_price, book.last_side);
        let times = (book.timestamp, book.sent);
        format!("{ids:?} {last:?} {times:?} {:?} {:?}", book.bids, book.asks)
    }

    /// Whether the pull parser accepts a text. If so, its result must equal that of the general path.
    fn check(text: &str) -> bool {
        let mut buffers = MessageBuffers::default();
        let found = message(text.as_bytes(), &mut buffers, &scale);
        let found = found.map(|found| match found {
            ParsedMessage::OrderBook(head) => shown(&OrderBook::general(&head, &buffers.levels)),
            ParsedMessage::Other(other) => panic!("{other:?}"),
        });
        let mut decoder = Decoder::with_backend(DecodeBackend::Off);
        let by_tape = match decoder.decode(text.as_bytes(), &scale) {
            Ok(Message::OrderBook(book)) => Some(shown(&book)),
            _ => None,
        };
        assert!(found.is_none() || found == by_tape, "{found:?} {text}");
        found.is_some()
    }

    #[test]
    fn any_order_and_spacing() {
        let orders = (0..).zip((0..4).cycle());
        for (book, (seed, indent)) in order_books(FrameFormat::Bayse).iter().zip(orders) {
            let text = reordered(book, seed, indent);
            let finer = text.replace("440000\"", "44000x\"");
            let without = text
                .replace("\"total\":", "\"sum\":")
                .replace("timestamp", "ts");
            for text in [&text, &finer, &without] {
                assert!(check(text), "{text}");
            }
        }
    }

    /// A book with these texts after the other fields of the message, of its data and of the book.
    fn update([root, data, book]: [&str; 3]) -> String {
        format!(
            r#"{{"timestamp":5,"data":{{"orderbook":{{"asks":[{{"quantity":5,"price":0.5}}],"marketId":"m","lastTradedSide":null,"bids":[],"lastTradedPrice":0.25,"outcomeId":"o","timestamp":"t"{book}}}{data}}},"type":"orderbook_update"{root}}}"#
        )
    }

    #[test]
    fn fields_by_table() {
        let unknown = r#","x":{"y":["ü",1e-3,null]}"#;
        assert!(check(&update([""; 3])));
        let twice = [
            [
                r#","type":"orderbook_update""#,
                r#","data":{}"#,
                r#","timestamp":1"#,
            ],
            [
                r#","orderbook":{}"#,
                r#","orderbook":null"#,
                r#","orderbook":1"#,
            ],
            [
                r#","marketId":"m""#,
                r#","bids":[]"#,
                r#","lastTradedPrice":1"#,
            ],
        ];
        for index in 0..3 {
            let check = |text| {
                let mut texts = [""; 3];
                texts[index] = text;
                check(&update(texts))
            };
            assert!(check(unknown));
            for text in twice[index].into_iter().chain([",", r#","x":}"#, "x"]) {
                assert!(!check(text), "{index} {text}");
            }
        }
        let left = [
            ("\"type\":\"orderbook_update\"", "\"type\":\"pong\""),
            ("\"marketId\":\"m\",", ""),
            ("\"marketId\":\"m\"", "\"marketId\" :\"m\""),
            ("\"outcomeId\":\"o\",", ""),
            ("\"bids\":[]", "\"bids\":null"),
            ("\"bids\":[],", ""),
            ("\"t\"", "5"),
            ("\"o\"", "\"\\u006f\""),
            ("null", "\"buy\""),
            ("\"timestamp\":5", "\"timestamp\":\"5\""),
        ];
        for (from, to) in left {
            assert!(!check(&update([""; 3]).replacen(from, to, 1)), "{to}");
        }
        let taken = [
            ("null", "\"SELL\""),
            ("\"timestamp\":5,", ""),
            ("0.25", "null"),
            ("0.25", "-1.5e7"),
            ("\"o\"", "\"ü\u{7f}\""),
        ];
        for (from, to) in taken {
            assert!(check(&update([""; 3]).replacen(from, to, 1)), "{to}");
        }
    }

    /// The book may be the data itself.
    #[test]
    fn data_that_is_the_book() {
        let text = update([""; 3]).replace("\"orderbook\":{", "");
        let text = text.replacen("}}", "}", 1);
        assert!(check(&text), "{text}");
    }

    #[test]
    fn decimals_by_table() {
        let taken = "0 7 0.5 0.50 0.500 0.5000 0.50000000 12345678 123456789012 1234.567 12345.678 \
                     123456789012.345 0.000";
        let left = [
            "",
            "-0.5",
            "5e-1",
            ".5",
            "5.",
            "00.5",
            "01",
            "1.2.3",
            "0.555555",
            "\"0.5\"",
            "1234567890123456",
            "0.5x",
            "null",
        ];
        let taken = taken.split(' ').map(|number| (number, true));
        let left = left.into_iter().map(|number| (number, false));
        for (number, is_taken) in taken.chain(left) {
            let finer = update([""; 3]).replace("\"m\"", "\"mx\"");
            let price = finer.replace("0.5", number);
            let quantity = finer.replace(":5,\"price", &format!(":{number},\"price"));
            assert_eq!(check(&price), is_taken, "{price}");
            assert_eq!(check(&quantity), is_taken, "{quantity}");
        }
    }
}
