//! The frame side of a venue of one's own: bytes to borrowed messages, requests to bytes. No socket, no
//! clock, and no allocation once its buffers have grown.
//!
//! The venue, "Pipe", is made up. A frame is one message, its fields apart by `|`:
//!
//! | to the client | |
//! |---|---|
//! | `B\|BTC-USD\|61800.30x2.5,61800.20x1\|61800.40x3` | a whole book: its bids, its asks |
//! | `H\|17` | a heartbeat, to be sent back as it is |
//! | `E\|no such symbol` | what was asked for is refused |
//!
//! | to the server | |
//! |---|---|
//! | `S\|BTC-USD` | subscribe |

use ticklot::book::BookError;
use ticklot::events::{DecodeError, ErrorKind};
use ticklot::venue::VenueName;
use ticklot::{Level, Lots, Scale, Ticks};

/// The name that the venue's errors carry.
pub(crate) const NAME: VenueName = VenueName("pipe");

/// A message, with everything borrowed: from the frame, and from the decoder's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// A whole book.
    Book(Book<'a>),
    /// To be sent back as it is.
    Heartbeat(&'a [u8]),
    /// The venue's words for why it refuses.
    Refused(&'a str),
}

/// A snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Book<'a> {
    /// Of what.
    pub(crate) symbol: &'a str,
    /// The buyers, in the order of the message.
    pub(crate) bids: &'a [Level],
    /// The sellers, in the order of the message.
    pub(crate) asks: &'a [Level],
}

/// Reads messages. It keeps its buffers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Decoder {
    /// Reads a frame. Prices and quantities become ticks and lots exactly.
    ///
    /// # Errors
    /// It is no message of the venue's; the error tells the byte.
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

/// Appends the subscription to a symbol.
pub(crate) fn subscribe(out: &mut Vec<u8>, symbol: &str) {
    out.extend_from_slice(b"S|");
    out.extend_from_slice(symbol.as_bytes());
}

/// What a book refused, as an error of its message.
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

/// The fields of a message, one after the other.
struct Fields<'a> {
    text: &'a str,
    /// Where the next begins; beyond the text when there is none.
    at: usize,
}

impl<'a> Fields<'a> {
    /// The next field and where it begins.
    fn next(&mut self, field: &'static str) -> Result<(usize, &'a str), DecodeError> {
        let start = self.at;
        let rest = self.text.get(start..);
        let rest = rest.ok_or_else(|| wrong(start, ErrorKind::Missing { field }))?;
        let found = rest.split('|').next().unwrap_or(rest);
        self.at = start + found.len() + 1;
        Ok((start, found))
    }
}

/// Reads `61800.30x2.5,61800.20x1` into `out`; an empty side is empty.
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
        let (price, quantity) = level
            .split_once('x')
            .ok_or_else(|| wrong(at, ErrorKind::Missing { field }))?;
        let number = |offset, error| wrong(offset, ErrorKind::Number { field, error });
        let ticks = scale
            .ticks(price.as_bytes())
            .map_err(|error| number(at, error))?;
        let behind = at + price.len() + 1;
        let lots = scale
            .lots(quantity.as_bytes())
            .map_err(|error| number(behind, error))?;
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
    fn errors_tell_the_byte() {
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
