//! The codec of a custom venue: decodes frames to borrowed messages and encodes requests. It has no socket and no clock,
//! and does not allocate once its buffers have grown.
//!
//! The venue, "Pipe", is fictional. A frame is one message, whose fields are separated by `|`:
//!
//! | to the client | |
//! |---|---|
//! | `B\|BTC-USD\|61800.30x2.5,61800.20x1\|61800.40x3` | a snapshot: the bids, the asks |
//! | `H\|17` | a heartbeat, which the client sends back unchanged |
//! | `E\|no such symbol` | a refusal of the request |
//!
//! | to the server | |
//! |---|---|
//! | `S\|BTC-USD` | subscribe |

use ticklot::book::BookError;
use ticklot::events::{DecodeError, ErrorKind};
use ticklot::venue::VenueName;
use ticklot::{Level, Lots, Scale, Ticks};

/// The name of the venue in errors.
pub(crate) const NAME: VenueName = VenueName("pipe");

/// A message, which borrows from the frame and the decoder's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// A snapshot.
    Book(Book<'a>),
    /// The whole frame of a heartbeat, which the client sends back unchanged.
    Heartbeat(&'a [u8]),
    /// The reason of a refusal.
    Refused(&'a str),
}

/// A snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Book<'a> {
    pub(crate) symbol: &'a str,
    /// The bids in the order of the message.
    pub(crate) bids: &'a [Level],
    /// The asks in the order of the message.
    pub(crate) asks: &'a [Level],
}

/// Decodes messages, and reuses its buffers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Decoder {
    /// Decodes a frame. Prices and quantities become ticks and lots exactly.
    ///
    /// # Errors
    /// The frame is not a valid message; the error contains the byte offset.
    pub(crate) fn decode<'a>(
        &'a mut self,
        frame: &'a [u8],
        scale: Scale,
    ) -> Result<Message<'a>, DecodeError> {
        let text =
            str::from_utf8(frame).map_err(|error| wrong(error.valid_up_to(), ErrorKind::Utf8))?;
        let mut fields = Fields { text, at: 0 };
        match fields.next("kind")?.1 {
            "H" => {
                fields.next("number")?;
                Ok(Message::Heartbeat(frame))
            }
            "E" => Ok(Message::Refused(fields.next("message")?.1)),
            "B" => {
                let (_, symbol) = fields.next("symbol")?;
                levels(fields.next("bids")?, "bids", scale, &mut self.bids)?;
                levels(fields.next("asks")?, "asks", scale, &mut self.asks)?;
                Ok(Message::Book(Book {
                    symbol,
                    bids: &self.bids,
                    asks: &self.asks,
                }))
            }
            _ => Err(wrong(0, ErrorKind::Value { field: "kind" })),
        }
    }
}

/// Appends a subscription request for a symbol.
pub(crate) fn subscribe(out: &mut Vec<u8>, symbol: &str) {
    out.extend_from_slice(b"S|");
    out.extend_from_slice(symbol.as_bytes());
}

/// The error of a message whose levels the book rejects.
pub(crate) fn refusal(error: BookError) -> DecodeError {
    wrong(0, ErrorKind::Book(error.kind))
}

fn wrong(offset: usize, kind: ErrorKind) -> DecodeError {
    DecodeError {
        venue: NAME,
        line: 0,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        kind,
    }
}

/// Iterates over the fields of a message.
struct Fields<'a> {
    text: &'a str,
    /// The offset of the next field; beyond the text if there is none.
    at: usize,
}

impl<'a> Fields<'a> {
    /// The next field and its offset.
    fn next(&mut self, field: &'static str) -> Result<(usize, &'a str), DecodeError> {
        let start = self.at;
        let rest = self.text.get(start..);
        let rest = rest.ok_or_else(|| wrong(start, ErrorKind::Missing { field }))?;
        let found = rest.split('|').next().unwrap_or(rest);
        self.at = start + found.len() + 1;
        Ok((start, found))
    }
}

/// Decodes levels such as `61800.30x2.5,61800.20x1` into `out`. An empty text is an empty side.
fn levels(
    (mut at, text): (usize, &str),
    field: &'static str,
    scale: Scale,
    out: &mut Vec<Level>,
) -> Result<(), DecodeError> {
    out.clear();
    if text.is_empty() {
        return Ok(());
    }
    for level in text.split(',') {
        let numbers = level.split_once('x');
        let (price, quantity) = numbers.ok_or_else(|| wrong(at, ErrorKind::Missing { field }))?;
        let number = |offset, error| wrong(offset, ErrorKind::Number { field, error });
        let ticks = scale.ticks(price.as_bytes());
        let ticks = ticks.map_err(|error| number(at, error))?;
        let lots = scale.lots(quantity.as_bytes());
        let lots = lots.map_err(|error| number(at + price.len() + 1, error))?;
        if ticks < Ticks(0) || lots < Lots(0) {
            return Err(wrong(at, ErrorKind::Negative { field }));
        }
        out.push(Level::new(ticks, lots));
        at += level.len() + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Scale {
        Scale::new(2, 3).unwrap()
    }

    #[test]
    fn a_book_is_read_exactly() {
        let mut decoder = Decoder::default();
        let frame = b"B|BTC-USD|61800.30x2.5,61800.20x1|";
        let Ok(Message::Book(book)) = decoder.decode(frame, scale()) else {
            panic!("a book");
        };
        assert_eq!(book.symbol, "BTC-USD");
        let bids = [
            Level::new(Ticks(6_180_030), Lots(2_500)),
            Level::new(Ticks(6_180_020), Lots(1_000)),
        ];
        assert_eq!((book.bids, book.asks), (&bids[..], &[][..]));
    }

    #[test]
    fn errors_have_byte_offsets() {
        let table = [
            ("", 0, "kind: unknown value"),
            ("H", 2, "number: missing"),
            ("B|BTC-USD|1x1", 14, "asks: missing"),
            ("B|X|1|", 4, "bids: missing"),
            ("B|X|1x1,1.005x1|", 8, "bids: more than 2 decimal places"),
            ("B|X||7x0.0001", 7, "asks: more than 3 decimal places"),
            ("B|X||-7x1", 5, "asks: negative"),
        ];
        for (frame, offset, what) in table {
            let error = Decoder::default()
                .decode(frame.as_bytes(), scale())
                .unwrap_err();
            assert_eq!(
                (error.offset, error.kind.to_string().as_str()),
                (offset, what),
                "{frame}"
            );
        }
        let error = Decoder::default().decode(b"H|\xff", scale()).unwrap_err();
        assert_eq!((error.offset, error.kind), (2, ErrorKind::Utf8));
    }
}
