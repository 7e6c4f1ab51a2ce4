mod read;
mod requests;

use ticklot_book::{BookError, BookErrorKind, Scale, Side};
use ticklot_frame::DecodeError;
use ticklot_frame::kraken::{Book, Decoder, Message, checksum};

use self::read::{level, read, subject};
use crate::json::{Json, Refused, is_ambiguous, judge, kept};

/// `data` is frames with the byte 0x1E between them, which no JSON contains. Each is decoded by one
/// decoder for all and by a new one. The frames are also the symbols of a request.
pub fn kraken(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    let frames = || data.split(|&byte| byte == 0x1e);
    let mut used = Decoder::new();
    for frame in frames() {
        let mut fresh = Decoder::new();
        let message = fresh.decode(frame, &scale_of);
        let shown = message.as_ref().map(shown).map_err(|error| *error);
        check(frame, &message);
        assert_eq!(
            used.decode(frame, &scale_of)
                .as_ref()
                .map(self::shown)
                .map_err(|e| *e),
            shown
        );
        let json = judge(frame, shown.as_ref().err().map(|error| error.kind));
        let found = used.subject(frame);
        let found = found.map(|it| (it.channel.map(String::from), it.symbol.map(String::from)));
        assert_eq!(found, json.as_ref().map(subject));
        match (shown, json.as_ref().map(read)) {
            (shown, Some(expected)) => assert_eq!(shown.map_err(|_| Refused), expected),
            (shown, None) => assert!(shown.is_err()),
        }
    }
    let symbols: Vec<_> = frames().map(String::from_utf8_lossy).collect();
    let symbols: Vec<&str> = symbols.iter().map(|symbol| &**symbol).collect();
    requests::check_requests(data.len(), &symbols);
}

/// Another scale for each length of the symbol.
fn scale_of(symbol: &str) -> Scale {
    let (price, quantity) = [(2, 4), (0, 0), (18, 18), (1, 8), (5, 8)][symbol.len() % 5];
    Scale::new(price, quantity).expect("at most 18 decimals")
}

/// A message as lines of text, one for each item of its list.
fn shown(message: &Message<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match message {
        Message::Books(books) => {
            lines.push(format!("books {}", books.is_snapshot));
            lines.extend(
                books
                    .iter()
                    .map(|it| format!("{:?}", (it.symbol, it.bids, it.asks, it.checksum, it.sent))),
            );
        }
        Message::Trades(trades) => {
            let skipped = trades.skipped.map_or(0, |it| it.count);
            lines.push(format!("trades {} {skipped}", trades.is_snapshot));
            lines.extend(trades.iter().map(|it| {
                let optional = (
                    it.ord_type,
                    it.trade_id,
                    it.timestamp.map(|it| it.0),
                    it.created,
                );
                format!(
                    "{:?}",
                    (it.symbol, it.side, it.ticks.0, it.lots.0, optional)
                )
            }));
        }
        Message::Instruments(pairs) => {
            lines.push(format!("pairs {} {}", pairs.is_snapshot, pairs.skipped));
            lines.extend(pairs.iter().map(|it| {
                let increments = [it.price_increment, it.qty_increment];
                let increments = increments.map(|it| it.map(|it| kept(it.0)));
                let precision = (it.price_precision, it.qty_precision);
                let texts = [it.base, it.quote, it.status_text];
                format!("{:?}", (it.symbol, precision, texts, increments))
            }));
        }
        other => lines.push(format!("{other:?}")),
    }
    lines
}

/// Checks the bytes that errors name, and the checksum of the levels.
fn check(frame: &[u8], message: &Result<Message<'_>, DecodeError>) {
    match message {
        Ok(Message::Books(books)) => books.iter().for_each(|book| check_book(frame, &book)),
        Ok(_) => {}
        Err(error) => assert!(error.offset as usize <= frame.len(), "{error}"),
    }
}

fn check_book(frame: &[u8], book: &Book<'_>) {
    for (side, levels) in [(Side::Bid, book.bids), (Side::Ask, book.asks)] {
        for (index, &found) in levels.iter().enumerate() {
            let (kind, ticks) = (BookErrorKind::DuplicatePrice, found.ticks);
            let error = book.refusal(BookError {
                kind,
                side,
                index,
                ticks,
            });
            let rest = &frame[error.offset as usize..];
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Json>();
            let there = values.next().expect("a value").expect("JSON");
            assert_eq!(level(&there, scale_of(book.symbol)), Ok(found));
        }
    }
    let levels = book.asks.iter().take(10).chain(book.bids.iter().take(10));
    let digits: String = levels
        .flat_map(|level| [level.ticks.0, level.lots.0])
        .filter(|&number| number > 0)
        .map(|number| number.to_string())
        .collect();
    let got = checksum(book.asks.iter().copied(), book.bids.iter().copied());
    assert_eq!(got, crc32(digits.as_bytes()));
}

fn crc32(text: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    let byte = |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit);
    !text.iter().fold(u32::MAX, byte)
}
