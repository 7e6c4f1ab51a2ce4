//! Writes the state of a book after each message as a CSV row.

use std::io::{self, Write};

use ticklot_book::Side;

use crate::books::Books;
use crate::event::BookUpdate;

/// Writes a row of comma-separated values for each applied snapshot or delta.
///
/// | column | contents |
/// |---|---|
/// | `frame`, `line` | [`BookUpdate::frame`], [`BookUpdate::line`] |
/// | `book` | local name of the instrument |
/// | `bid`, `bid_lots`, `ask`, `ask_lots` | best levels in ticks and lots; empty for an empty side |
/// | `bids`, `asks` | number of levels of each side |
/// | `crc32` | [`Book::crc32`](ticklot_book::Book::crc32) |
/// | `scope` | scope of the instrument; empty if the venue has none, `?` if unknown |
/// | `market` | market of the instrument |
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
            "frame,line,book,bid,bid_lots,ask,ask_lots,bids,asks,crc32,scope,market"
        )?;
        Ok(Self { out })
    }

    /// Writes the row of `update`. A name with a comma, a quote or a line break is quoted (RFC 4180).
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&mut self, update: &BookUpdate<'_>, books: &Books) -> io::Result<()> {
        let (Some(book), Some(instrument)) =
            (books.last_known(update.book), books.instrument(update.book))
        else {
            return Ok(());
        };
        write!(self.out, "{},{},", update.frame, update.line)?;
        self.text(instrument.name)?;
        for best in [book.best_bid(), book.best_ask()] {
            match best {
                Some(level) => write!(self.out, ",{},{}", level.ticks, level.lots)?,
                None => write!(self.out, ",,")?,
            }
        }
        let [bids, asks] = [Side::Bid, Side::Ask].map(|side| book.depth_levels(side));
        write!(self.out, ",{bids},{asks},{},", book.crc32())?;
        self.text(instrument.scope.unwrap_or("?"))?;
        write!(self.out, ",")?;
        self.text(instrument.market)?;
        writeln!(self.out)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if text.contains([',', '"', '\n', '\r']) {
            write!(self.out, "\"{}\"", text.replace('"', "\"\""))
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    /// Flushes the writer.
    ///
    /// # Errors
    /// Writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
