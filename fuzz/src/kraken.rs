//! The decoder and the requests of Kraken against a naive reader.

mod read;
mod requests;

use ticklot_book::Scale;
use ticklot_frame::kraken::{Book, Decoder, Message, checksum};

use self::read::{identity, read, read_level};
use crate::json::{check_syntax, is_ambiguous, normalized};
use crate::naive::naive_crc32;
use crate::oracle::{
    Decoded, LevelOffset, check_backends, check_offsets, compare, level_offsets, refused,
};

/// `data` is frames, separated by the byte 0x1E, which no JSON contains. The frames are also the symbols of a
/// request.
pub fn kraken(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    let frames = || data.split(|&byte| byte == 0x1e);
    let (mut used, all) = check_backends(frames(), || vec![Decoder::new()], decode, check);
    for (frame, decoded) in &all {
        check(&mut used[0], frame, decoded);
    }
    let symbols: Vec<_> = frames().map(String::from_utf8_lossy).collect();
    let symbols: Vec<&str> = symbols.iter().map(|symbol| &**symbol).collect();
    requests::check_requests(data.len(), &symbols);
}

fn decode(decoder: &mut Decoder, frame: &[u8]) -> Decoded<Vec<String>> {
    let message = decoder.decode(frame, &scale_of)?;
    let levels = match &message {
        Message::Books(books) => books.iter().flat_map(|book| check_book(&book)).collect(),
        _ => Vec::new(),
    };
    Ok((shown(&message), levels))
}

fn check(decoder: &mut Decoder, frame: &[u8], decoded: &Decoded<Vec<String>>) {
    let json = check_syntax(frame, refused(frame, decoded));
    compare(decoded, json.as_ref().map(read));
    if let Ok((_, levels)) = decoded {
        check_offsets(frame, levels, read_level);
    }
    let found = decoder.identify(frame);
    let found = found.map(|it| (it.channel.map(String::from), it.symbol.map(String::from)));
    assert_eq!(found, json.as_ref().map(identity));
}

/// The scale of an instrument, by the length of its symbol.
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
                let increments = increments.map(|it| it.map(|it| normalized(it.0)));
                let precision = (it.price_precision, it.qty_precision);
                let texts = [it.base, it.quote, it.status_text];
                format!("{:?}", (it.symbol, precision, texts, increments))
            }));
        }
        other => lines.push(format!("{other:?}")),
    }
    lines
}

/// The levels of a book. Checks its checksum.
fn check_book(book: &Book<'_>) -> Vec<LevelOffset> {
    let levels = book.asks.iter().take(10).chain(book.bids.iter().take(10));
    let digits: String = levels
        .flat_map(|level| [level.ticks.0, level.lots.0])
        .filter(|&number| number > 0)
        .map(|number| number.to_string())
        .collect();
    let got = checksum(book.asks.iter().copied(), book.bids.iter().copied());
    assert_eq!(got, naive_crc32(digits.as_bytes()));
    let scale = scale_of(book.symbol);
    level_offsets([book.bids, book.asks], scale, |error| book.refusal(error))
}
