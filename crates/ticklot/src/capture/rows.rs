//! What a book holds after each message, a row each.

use std::io::{self, Write};

use crate::books::Books;
use crate::event::BookUpdate;

/// Writes one row for each snapshot applied, as comma-separated values: `frame`, `line`, `book`,
/// `bid`, `bid_lots`, `ask`, `ask_lots` (whole ticks and lots; empty when the side is empty), `bids`,
/// `asks` (levels a side) and `crc32` ([`Book::crc32`](ticklot_book::Book::crc32)).
#[derive(Debug)]
pub struct BookRows<W> {
    out: W,
}

impl<W: Write> BookRows<W> {
    /// Writes the column names.
    ///
    /// # Errors
    /// Writing fails.
    pub fn new(mut out: W) -> io::Result<Self> {
        writeln!(
            out,
            "frame,line,book,bid,bid_lots,ask,ask_lots,bids,asks,crc32"
        )?;
        Ok(Self { out })
    }

    /// Writes the row of `update`. A name with a comma, a quote or a line's end is quoted (RFC 4180).
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&mut self, update: &BookUpdate<'_>, books: &Books) -> io::Result<()> {
        let Some(book) = books.untrusted(update.book) else {
            return Ok(());
        };
        write!(self.out, "{},{},", update.frame, update.line)?;
        let name = books.name(update.book);
        if name.contains([',', '"', '\n', '\r']) {
            write!(self.out, "\"{}\"", name.replace('"', "\"\""))?;
        } else {
            self.out.write_all(name.as_bytes())?;
        }
        for best in [book.best_bid(), book.best_ask()] {
            match best {
                Some(level) => write!(self.out, ",{},{}", level.ticks, level.lots)?,
                None => write!(self.out, ",,")?,
            }
        }
        writeln!(
            self.out,
            ",{},{},{}",
            book.bids().len(),
            book.asks().len(),
            book.crc32()
        )
    }

    /// Hands over what was buffered.
    ///
    /// # Errors
    /// Writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
