//! Parses messages of JayX with any key order and spacing: see [`crate::pull`].

use ticklot_book::{Level, Lots, Ticks};

use super::account::{AccountBuffer, Balance, MAX_ITEMS, Order, Row};
use super::kline::{Candle, Kline};
use crate::fast::ListCache;
use crate::levels::LevelBuffer;
use crate::pull::{PullParser, put};
use crate::record::Field;
use crate::string_arena::StringArena;
use crate::units::Trade;

// The names of events.
pub(super) const ORDER_BOOK: &str = "orderbook";
pub(super) const KLINE: &str = "kline";
pub(super) const POSITIONS: &str = "positions";
pub(super) const OPEN_ORDERS: &str = "openorders";

/// The wrapping of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The JSON of a Socket.IO event: `["kline",payload]`.
    Event,
    /// A frame of the plain envelope: a bare payload, or one wrapped with its event's name.
    Plain,
}

/// A parsed message. Its lists are in the buffers.
#[derive(Clone, Copy, Debug)]
pub(super) enum ParsedMessage<'a> {
    OrderBook,
    Kline(Kline<'a>),
    Positions,
    OpenOrders,
}

/// Reads a message. `None` if it must be read from a tape; the contents of the buffers are then undefined.
pub(super) fn message<'a>(
    text: &'a [u8],
    wrap: Framing,
    levels: &mut LevelBuffer,
    trades: &mut ListCache<Trade>,
    account: &mut AccountBuffer,
) -> Option<ParsedMessage<'a>> {
    account.clear();
    let mut json = PullParser::new(text);
    let mut payload = Payload {
        levels,
        trades,
        account,
        event: None,
        has_trades: None,
        add: None,
        modify: None,
        has_cancelled: None,
        has_modified: None,
    };
    let named = match wrap {
        Framing::Event => Some(payload.event(&mut json)?),
        Framing::Plain => payload.plain(&mut json)?,
    };
    json.end()?;
    let event = payload.event?;
    named.is_none_or(|name| name == event).then_some(())?;
    Some(match event {
        ORDER_BOOK => {
            if payload.has_trades.is_none() {
                payload.trades.uncached();
            }
            ParsedMessage::OrderBook
        }
        KLINE => ParsedMessage::Kline(Kline {
            add: payload.add.flatten(),
            modify: payload.modify.flatten(),
        }),
        POSITIONS => ParsedMessage::Positions,
        _ => ParsedMessage::OpenOrders,
    })
}

/// The fields of all payloads. Their keys identify the event.
struct Payload<'a, 's> {
    levels: &'s mut LevelBuffer,
    trades: &'s mut ListCache<Trade>,
    account: &'s mut AccountBuffer,
    event: Option<&'static str>,
    has_trades: Option<()>,
    add: Option<Option<Candle<'a>>>,
    modify: Option<Option<Candle<'a>>>,
    has_cancelled: Option<()>,
    has_modified: Option<()>,
}

impl<'a> Payload<'a, '_> {
    /// Records a field of this event's payload. `None` after a field of another event.
    fn is(&mut self, event: &'static str) -> Option<()> {
        (*self.event.get_or_insert(event) == event).then_some(())
    }

    /// `["<event>", <payload>]`
    fn event(&mut self, json: &mut PullParser<'a>) -> Option<&'a str> {
        let (mut event, mut payload) = (None, None);
        json.array(|json| {
            if event.is_none() {
                event = Some(json.str()?);
                return Some(());
            }
            put(&mut payload, self.object(json)?)
        })?;
        payload.and(event)
    }

    /// Reads a bare payload, or one wrapped with its event's name.
    fn plain(&mut self, json: &mut PullParser<'a>) -> Option<Option<&'a str>> {
        let (mut is_bare, mut event, mut message) = (false, None, None);
        json.object(|json| {
            if json.key("\"event\":") {
                put(&mut event, json.str()?)
            } else if json.key("\"message\":") || json.key("\"data\":") {
                put(&mut message, self.object(json)?)
            } else if self.field(json)? {
                is_bare = true;
                Some(())
            } else {
                json.skip_field()
            }
        })?;
        let is_wrapped = event.is_some();
        (message.is_some() == is_wrapped && is_bare != is_wrapped).then_some(event)
    }

    fn object(&mut self, json: &mut PullParser<'a>) -> Option<()> {
        json.object(|json| match self.field(json)? {
            true => Some(()),
            false => json.skip_field(),
        })
    }

    /// Reads a field of a payload. False for an unknown field, which is not read.
    fn field(&mut self, json: &mut PullParser<'a>) -> Option<bool> {
        if json.key("\"orderBook\":") {
            put(&mut self.event, ORDER_BOOK)?;
            self.sides(json)?;
        } else if json.key("\"trades\":") {
            put(&mut self.has_trades, ())?;
            self.trades.pull(json)?;
        } else if json.key("\"add\":") {
            self.is(KLINE)?;
            put(&mut self.add, json.nullable(Field::pull)?)?;
        } else if json.key("\"modify\":") {
            if json.is_at(b'[') {
                self.is(OPEN_ORDERS)?;
                put(&mut self.has_modified, ())?;
                orders(json, &mut self.account.strings, &mut self.account.modified)?;
            } else {
                self.is(KLINE)?;
                put(&mut self.modify, json.nullable(Field::pull)?)?;
            }
        } else if json.key("\"spot\":") {
            put(&mut self.event, POSITIONS)?;
            self.balances(json)?;
        } else if json.key("\"cancel\":") {
            self.is(OPEN_ORDERS)?;
            put(&mut self.has_cancelled, ())?;
            orders(json, &mut self.account.strings, &mut self.account.cancelled)?;
        } else if json.key("\"error\":") {
            return None;
        } else {
            return Some(false);
        }
        Some(true)
    }

    fn sides(&mut self, json: &mut PullParser<'a>) -> Option<()> {
        let (mut has_bids, mut has_asks) = (None, None);
        let [bids, asks] = self.levels.sides();
        json.object(|json| {
            if json.key("\"bids\":") {
                put(&mut has_bids, ())?;
                bids.pull(json, level)
            } else if json.key("\"asks\":") {
                put(&mut has_asks, ())?;
                asks.pull(json, level)
            } else {
                json.skip_field()
            }
        })?;
        has_bids.and(has_asks)
    }

    fn balances(&mut self, json: &mut PullParser<'a>) -> Option<()> {
        json.array(|json| {
            self.account.push(&Balance::pull(json)?);
            (self.account.positions().len() <= MAX_ITEMS).then_some(())
        })
    }
}

fn orders(json: &mut PullParser<'_>, strings: &mut StringArena, rows: &mut Vec<Row>) -> Option<()> {
    json.array(|json| {
        rows.push(Row::new(&Order::pull(json)?, strings));
        (rows.len() <= MAX_ITEMS).then_some(())
    })
}

#[inline(always)]
fn level(json: &mut PullParser<'_>) -> Option<Level> {
    let (mut ticks, mut lots, mut count) = (None, None, None);
    json.object(|json| {
        if json.key("\"ticks\":") {
            put(&mut ticks, json.whole()?)
        } else if json.key("\"lots\":") {
            put(&mut lots, json.whole()?)
        } else if json.key("\"count\":") {
            put(&mut count, u32::try_from(json.whole()?).ok()?)
        } else {
            json.skip_field()
        }
    })?;
    Some(Level {
        ticks: Ticks(ticks?),
        lots: Lots(lots?),
        count: count.unwrap_or(0),
    })
}

#[cfg(test)]
mod other_messages;

#[cfg(test)]
mod tests {
    use ticklot_book::MAX_LEVELS;

    use super::*;
    use crate::DecodeBackend;
    use crate::jayx::{Decoder, Envelope, Message};
    use crate::samples::{FrameFormat, order_books, reordered};

    type Book = (Vec<Level>, Vec<Level>, Vec<Trade>);

    /// An order book of the plain envelope.
    fn pulled(text: &str) -> Option<Book> {
        let (mut levels, mut trades) = (LevelBuffer::default(), ListCache::default());
        let account = &mut AccountBuffer::default();
        let text = text.as_bytes();
        let found = message(text, Framing::Plain, &mut levels, &mut trades, account)?;
        assert!(matches!(found, ParsedMessage::OrderBook));
        let levels = levels.view();
        Some((
            levels.bids.to_vec(),
            levels.asks.to_vec(),
            trades.items().to_vec(),
        ))
    }

    fn by_tape(text: &str) -> Option<Book> {
        let mut decoder = Decoder::with_backend(Envelope::Plain, DecodeBackend::Off);
        match decoder.decode(text.as_bytes()) {
            Ok(Message::OrderBook(book)) => {
                Some((book.bids.to_vec(), book.asks.to_vec(), book.trades.to_vec()))
            }
            _ => None,
        }
    }

    #[test]
    fn any_order_and_spacing() {
        let orders = (0..).zip((0..4).cycle());
        for (book, (seed, indent)) in order_books(FrameFormat::JayxBare).iter().zip(orders) {
            let text = reordered(book, seed, indent);
            let wrapped = format!("{{\"data\": {text} ,\r\n\t\"event\": \"orderbook\"}}\n");
            for text in [text, wrapped] {
                let book = pulled(&text).expect(&text);
                assert_eq!((book.0.len(), book.1.len()), (20, 20));
                assert_eq!(Some(book), by_tape(&text), "{text}");
            }
        }
    }

    const LEVEL: &str = r#"{"ticks":7,"lots":8}"#;

    /// An order book with these texts at the end of its payload, its sides, its first level and its trade.
    fn book([payload, sides, level, trade]: [&str; 4]) -> String {
        let level = format!(r#"{{"lots":2,"count":3,"ticks":1{level}}}"#);
        let trade = format!(r#"{{"lots":2,"created":5,"side":"SELL","ticks":1{trade}}}"#);
        format!(
            r#"{{"trades":[{trade}],"orderBook":{{"asks":[],"bids":[{level},{LEVEL}]{sides}}}{payload}}}"#
        )
    }

    /// Whether the pull parser accepts a text. If so, its result must equal that of the general path.
    fn check(text: &str) -> bool {
        let found = pulled(text);
        assert!(found.is_none() || found == by_tape(text), "{text:.500}");
        found.is_some()
    }

    #[test]
    fn fields_by_table() {
        let taken = [
            "",
            r#","x":1"#,
            r#","x":"ü","y":[1.5e-3,{"z":[]},-7,true,false,null]"#,
            r#","total":123456789012345678901234567890"#,
            " ",
        ];
        let left = [
            ",",
            r#","x""#,
            r#","x":"#,
            r#","x":01"#,
            r#","x":1."#,
            r#","x":"\n""#,
            r#","\u0078":1"#,
            ",\"x\":\"\u{1}\"",
            r#","x":nul"#,
            r#","x":[[[[[[[[[]]]]]]]]]"#,
            "]",
            "x",
        ];
        let twice = [
            r#","orderBook":{}"#,
            r#","bids":[]"#,
            r#","lots":2"#,
            r#","created":6"#,
        ];
        for index in 0..4 {
            let check = |text: &'static str| {
                let mut texts = [""; 4];
                texts[index] = text;
                check(&book(texts))
            };
            for text in taken {
                assert!(check(text), "{index} {text}");
            }
            for text in left.into_iter().chain([twice[index]]) {
                assert!(!check(text), "{index} {text}");
            }
        }
    }

    #[test]
    fn levels_and_trades_by_table() {
        let bad = [
            "",
            "-1",
            "1.5",
            "1e3",
            "\"1\"",
            "null",
            "01",
            "1234567890123456",
            "99999999999999999999",
        ];
        for number in ["0", "9", "12345678", "123456789012345"] {
            assert!(check(
                &book(["", "", "", ""]).replace(":2", &format!(":{number}"))
            ));
        }
        for number in bad {
            for field in ["ticks\":1", "lots\":2", "count\":3", "created\":5"] {
                let (name, _) = field.split_once(':').unwrap();
                let text = book(["", "", "", ""]).replace(field, &format!("{name}:{number}"));
                assert!(!check(&text), "{text}");
            }
        }
        for (from, to) in [
            ("\"count\":3", "\"count\":4294967296"),
            ("SELL", "sell"),
            ("[]", "null"),
            ("\"created\":5,", ""),
            ("\"orderBook\"", "\"orderbook\""),
            ("\"asks\":[],", ""),
            ("{\"trades\"", "{\"add\":1,\"trades\""),
            ("{\"trades\"", "{\"event\":\"orderbook\",\"trades\""),
            ("{\"trades\"", "{\"event\":null,\"trades\""),
        ] {
            assert!(!check(&book(["", "", "", ""]).replace(from, to)), "{to}");
        }
    }

    #[test]
    fn lists_up_to_the_limit() {
        let book = |levels: usize, trades: usize| {
            let levels = vec![LEVEL; levels].join(",");
            let trade = r#"{"lots":2,"created":5,"side":"BUY","ticks":1}"#;
            let trades = vec![trade; trades].join(",");
            format!(r#"{{"orderBook":{{"bids":[{levels}],"asks":[]}},"trades":[{trades}]}}"#)
        };
        assert!(check(&book(MAX_LEVELS, 0)) && check(&book(0, MAX_LEVELS)));
        assert!(!check(&book(MAX_LEVELS + 1, 0)) && !check(&book(0, MAX_LEVELS + 1)));
    }
}
