//! Order books of Bayse Markets with any order of keys and any spacing: see [`crate::pull`].

use memchr::memmem;
use ticklot_book::{Level, Lots, Scale, Ticks};

use super::book::Head;
use crate::iso_time::IsoTime;
use crate::levels::LevelSpace;
use crate::pull::{PullParser, put};
use crate::units::{Decimal, Scales, TradeSide, UnixMillis};

/// Reads an `orderbook_update`. None when the general path has to read the text; what the sides then hold means nothing.
pub(super) fn order_book<'a>(
    text: &'a [u8],
    space: &mut LevelSpace,
    scales: &(impl Scales + ?Sized),
) -> Option<Head<'a>> {
    let mut book = Book {
        text,
        space,
        scales,
        scale: None,
        market_id: None,
        outcome_id: None,
        bids: None,
        asks: None,
        timestamp: None,
        last_price: None,
        last_side: None,
    };
    let mut json = PullParser::new(text);
    let (mut kind, mut data, mut sent) = (None, None, None);
    json.object(|json| {
        if json.key(b"\"type\":") {
            put(&mut kind, ())?;
            json.expect(b"\"orderbook_update\"")
        } else if json.key(b"\"data\":") {
            put(&mut data, ())?;
            book.data(json)
        } else if json.key(b"\"timestamp\":") {
            put(&mut sent, json.nullable(PullParser::whole)?)
        } else {
            json.skip_field()
        }
    })?;
    json.end()?;
    kind.and(data)?;
    book.bids.and(book.asks)?;
    let (market_id, (scaled_id, _)) = (book.market_id?, book.scale?);
    (market_id == scaled_id).then_some(())?;
    Some(Head {
        market_id,
        outcome_id: book.outcome_id?,
        timestamp: book.timestamp.flatten().map(IsoTime),
        last_price: book.last_price.flatten().map(Decimal),
        last_side: book.last_side.flatten(),
        sent: sent.flatten().map(UnixMillis),
    })
}

/// The fields of a book, as far as they are read.
struct Book<'a, 's, S: ?Sized> {
    text: &'a [u8],
    space: &'s mut LevelSpace,
    scales: &'s S,
    /// The scale of the levels, and whose it is.
    scale: Option<(&'a str, Scale)>,
    market_id: Option<&'a str>,
    outcome_id: Option<&'a str>,
    bids: Option<()>,
    asks: Option<()>,
    timestamp: Option<Option<&'a str>>,
    last_price: Option<Option<&'a str>>,
    last_side: Option<Option<TradeSide>>,
}

impl<'a, S: Scales + ?Sized> Book<'a, '_, S> {
    /// The book, or an object that holds it.
    fn data(&mut self, json: &mut PullParser<'a>) -> Option<()> {
        let (mut nested, mut is_book) = (None, false);
        json.object(|json| {
            if json.key(b"\"orderbook\":") {
                put(&mut nested, ())?;
                json.object(|json| match self.field(json)? {
                    true => Some(()),
                    false => json.skip_field(),
                })
            } else if self.field(json)? {
                is_book = true;
                Some(())
            } else {
                json.skip_field()
            }
        })?;
        (nested.is_some() != is_book).then_some(())
    }

    /// A field of a book. False for another one, which is not read.
    fn field(&mut self, json: &mut PullParser<'a>) -> Option<bool> {
        if json.key(b"\"bids\":") {
            put(&mut self.bids, ())?;
            self.levels(json, 0)?;
        } else if json.key(b"\"asks\":") {
            put(&mut self.asks, ())?;
            self.levels(json, 1)?;
        } else if json.key(b"\"marketId\":") {
            put(&mut self.market_id, json.str()?)?;
        } else if json.key(b"\"outcomeId\":") {
            put(&mut self.outcome_id, json.str()?)?;
        } else if json.key(b"\"timestamp\":") {
            put(&mut self.timestamp, json.nullable(PullParser::str)?)?;
        } else if json.key(b"\"lastTradedPrice\":") {
            put(&mut self.last_price, json.nullable(PullParser::number)?)?;
        } else if json.key(b"\"lastTradedSide\":") {
            put(&mut self.last_side, json.nullable(PullParser::trade_side)?)?;
        } else {
            return Some(false);
        }
        Some(true)
    }

    /// The levels of a side. Where they stand before the market that has their scale, it is the first that the text names.
    fn levels(&mut self, json: &mut PullParser<'a>, side: usize) -> Option<()> {
        if self.scale.is_none() {
            let market_id = self.market_id.or_else(|| first_market(self.text))?;
            self.scale = Some((market_id, self.scales.scale(market_id)));
        }
        let (_, scale) = self.scale?;
        self.space.sides()[side].pull(json, |json| level(json, scale))
    }
}

#[inline(always)]
fn level(json: &mut PullParser<'_>, scale: Scale) -> Option<Level> {
    let (mut price, mut quantity) = (None, None);
    json.object(|json| {
        if json.key(b"\"price\":") {
            put(&mut price, json.steps(scale.price_decimals())?)
        } else if json.key(b"\"quantity\":") {
            put(&mut quantity, json.steps(scale.quantity_decimals())?)
        } else if json.key(b"\"total\":") {
            json.skip_number()
        } else {
            json.skip_field()
        }
    })?;
    Some(Level::new(Ticks(price?), Lots(quantity?)))
}

/// The first market that the text names.
fn first_market(text: &[u8]) -> Option<&str> {
    const KEY: &[u8; 11] = b"\"marketId\":";
    let at = memmem::find(text, KEY)?;
    let mut json = PullParser::new(text.get(at..)?);
    json.key(KEY).then(|| json.str())?
}

#[cfg(test)]
mod tests {
    use ticklot_sim::pool::{BAYSE_SCALE, Pool, Shape, Wire, reordered};

    use super::*;
    use crate::Scan;
    use crate::bayse::{Decoder, Message, OrderBook};

    /// Markets whose names end with an `x` have finer steps.
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

    /// Reads a text that it may leave to the general path.
    fn check(text: &str) -> bool {
        let mut space = LevelSpace::default();
        let found = order_book(text.as_bytes(), &mut space, &scale);
        let found = found.map(|head| shown(&OrderBook::general(&head, &space)));
        let mut decoder = Decoder::with_scan(Scan::Off);
        let by_tape = match decoder.decode(text.as_bytes(), &scale) {
            Ok(Message::OrderBook(book)) => Some(shown(&book)),
            _ => None,
        };
        assert!(found.is_none() || found == by_tape, "{found:?} {text}");
        found.is_some()
    }

    #[test]
    fn any_order_and_spacing() {
        let pool = Pool::build(Shape::single(Wire::Bayse, 20), 1, 100_000);
        let orders = (0..).zip((0..4).cycle());
        for (frame, (seed, indent)) in pool.frames().iter().zip(orders) {
            let text = String::from_utf8(reordered(frame, seed, indent)).unwrap();
            let finer = text.replace("440000\"", "44000x\"");
            let without = text
                .replace("\"total\":", "\"sum\":")
                .replace("timestamp", "ts");
            for text in [&text, &finer, &without] {
                assert!(check(text), "{text}");
            }
        }
    }

    /// A book with these texts behind the other fields of the message, of its data and of the book.
    fn message([root, data, book]: [&str; 3]) -> String {
        format!(
            r#"{{"timestamp":5,"data":{{"orderbook":{{"asks":[{{"quantity":5,"price":0.5}}],"marketId":"m","lastTradedSide":null,"bids":[],"lastTradedPrice":0.25,"outcomeId":"o","timestamp":"t"{book}}}{data}}},"type":"orderbook_update"{root}}}"#
        )
    }

    #[test]
    fn fields_by_table() {
        let unknown = r#","x":{"y":["ü",1e-3,null]}"#;
        assert!(check(&message([""; 3])));
        let twice = [
            [
                r#","type":"orderbook_update""#,
                r#","data":{}"#,
                r#","timestamp":1"#,
            ],
            [
                r#","orderbook":{}"#,
                r#","orderbook":null"#,
                r#","marketId":"m""#,
            ],
            [
                r#","marketId":"m""#,
                r#","bids":[]"#,
                r#","lastTradedPrice":1"#,
            ],
        ];
        for place in 0..3 {
            let check = |text| {
                let mut texts = [""; 3];
                texts[place] = text;
                check(&message(texts))
            };
            assert!(check(unknown));
            for text in twice[place].into_iter().chain([",", r#","x":}"#, "x"]) {
                assert!(!check(text), "{place} {text}");
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
            assert!(!check(&message([""; 3]).replacen(from, to, 1)), "{to}");
        }
        let taken = [
            ("null", "\"SELL\""),
            ("\"timestamp\":5,", ""),
            ("0.25", "null"),
            ("0.25", "-1.5e7"),
            ("\"o\"", "\"ü\u{7f}\""),
        ];
        for (from, to) in taken {
            assert!(check(&message([""; 3]).replacen(from, to, 1)), "{to}");
        }
    }

    /// The book may be the data itself.
    #[test]
    fn data_that_is_the_book() {
        let text = message([""; 3]).replace("\"orderbook\":{", "");
        let text = text.replacen("}}", "}", 1);
        assert!(check(&text), "{text}");
    }

    #[test]
    fn decimals_by_table() {
        let taken = [
            "0",
            "7",
            "0.5",
            "0.50",
            "0.500",
            "0.5000",
            "0.50000000",
            "12345678",
            "123456789012",
            "1234.567",
            "12345.678",
            "123456789012.345",
            "0.000",
        ];
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
        for (numbers, is_taken) in [(&taken[..], true), (&left, false)] {
            for number in numbers {
                let finer = message([""; 3]).replace("\"m\"", "\"mx\"");
                let price = finer.replace("0.5", number);
                let quantity = finer.replace(":5,\"price", &format!(":{number},\"price"));
                assert_eq!(check(&price), is_taken, "{price}");
                assert_eq!(check(&quantity), is_taken, "{quantity}");
            }
        }
    }
}
