//! Books as lines of text.

use std::fmt::{self, Write};

use ticklot::events::LastTrade;
use ticklot::{BookId, BookRef, Books, Level, Nanos, Scale};

use crate::book_stats::BookStats;

/// One line about a book and its statistics.
pub(crate) fn line(
    out: &mut String,
    books: &Books,
    id: BookId,
    stats: &BookStats,
    now: Nanos,
) -> fmt::Result {
    let Some(book) = books.last_known(id) else {
        return Ok(());
    };
    let scale = book.scale();
    write!(out, "{:>6.1}s ", seconds(now))?;
    best_prices(out, books, id, book)?;
    match book.spread() {
        Some(spread) => write!(out, " | spread {}", scale.price(spread))?,
        None => out.push_str(" | spread -"),
    }
    let (last, age) = (Last(stats.last_trade, scale), Age(book, now));
    write!(out, " | last {last} | age {age} | {:.0} msg/s", stats.rate)?;
    let [p50, p99] = [0.5, 0.99].map(|quantile| Micros(stats.latency(quantile)));
    writeln!(out, " | p50 {p50} p99 {p99}")
}

/// The title, the state and the best prices of a book.
pub(crate) fn best_prices(
    out: &mut String,
    books: &Books,
    id: BookId,
    book: BookRef<'_>,
) -> fmt::Result {
    let (title, state) = (title(books, id), book.state());
    let [bid, ask] = [book.best_bid(), book.best_ask()].map(|level| Best(level, book.scale()));
    write!(out, "{title} {state} bid {bid} | ask {ask}")
}

/// The name of a book for users: a JayX symbol, or a Bayse market and its outcome.
pub(crate) fn title(books: &Books, id: BookId) -> String {
    Printable(full_name(books, id)).to_string()
}

/// A book's name, with the name of its market where the two differ.
pub(crate) fn full_name(books: &Books, id: BookId) -> String {
    match (books.market(id), books.name(id)) {
        (market, name) if market == name => name.to_owned(),
        (market, name) => format!("{market}/{name}"),
    }
}

/// The maximum number of characters of a server's text that are printed.
const MAX_PRINTED: usize = 2_048;

/// Displays a server's text with hidden characters escaped, so that it can neither move the cursor nor start a line nor
/// change the direction of the text around it. Text longer than [`MAX_PRINTED`] is truncated and ends in three dots.
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Escaping {
            out: f,
            left: MAX_PRINTED,
        };
        match write!(out, "{}", self.0) {
            // The limit is reached; the rest is not formatted.
            Err(_) if out.left == 0 => f.write_str("..."),
            written => written,
        }
    }
}

/// Escapes the text that is written through it.
struct Escaping<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
        if is_hidden(c) {
            write!(self.out, "{}", c.escape_debug())
        } else {
            self.out.write_char(c)
        }
    }
}

/// Whether a character is invisible and acts on its surroundings: a control character, or one that changes the
/// direction of text (Unicode UAX #9, section 2).
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// For display only, so a float is precise enough.
#[allow(clippy::cast_precision_loss)]
fn seconds(time: Nanos) -> f64 {
    time.0 as f64 / 1e9
}

/// `price x quantity`, or a dash for a side without levels.
struct Best(Option<Level>, Scale);

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Some(level), scale) = self else {
            return f.write_str("-");
        };
        let (price, quantity) = (scale.price(level.ticks), scale.quantity(level.lots));
        write!(f, "{price} x {quantity}")
    }
}

/// The side, if known, and the price of the last trade; a dash if there is none.
struct Last(Option<LastTrade>, Scale);

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Some(last), scale) = self else {
            return f.write_str("-");
        };
        if let Some(side) = last.side {
            write!(f, "{} ", side.as_str())?;
        }
        write!(f, "{}", scale.price(last.ticks))
    }
}

/// The age of a book in milliseconds; a dash before its first message.
struct Age<'a>(BookRef<'a>, Nanos);

impl fmt::Display for Age<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(book, now) = self;
        if book.updates() == 0 {
            return f.write_str("-");
        }
        write!(f, "{}ms", book.age(*now).as_millis())
    }
}

/// Nanoseconds, displayed in microseconds.
pub(crate) struct Micros(pub(crate) Option<u64>);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ns) => write!(f, "{}.{}us", ns / 1000, ns % 1000 / 100),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_limited() {
        let text = |length: usize| Printable("é".repeat(length)).to_string();
        assert_eq!(text(MAX_PRINTED), "é".repeat(MAX_PRINTED));
        assert_eq!(text(1 << 20), "é".repeat(MAX_PRINTED) + "...");
        let parts = Printable(format_args!("{}/{}", "a".repeat(3_000), "b"));
        assert_eq!(parts.to_string().len(), MAX_PRINTED + 3);
        assert_eq!(Printable("a\u{1b}b").to_string(), "a\\u{1b}b");
    }
}
