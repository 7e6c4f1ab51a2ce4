//! Books as text, a line each.

use std::fmt::{self, Write};

use ticklot::events::LastTrade;
use ticklot::{BookId, BookRef, Books, Level, Nanos, Scale};

use crate::book_stats::BookStats;

/// One line about one book.
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
    write!(
        out,
        "{:>6.1}s {} {} ",
        seconds(now),
        title(books, id),
        book.state()
    )?;
    write!(
        out,
        "bid {} | ask {} | ",
        Best(book.best_bid(), scale),
        Best(book.best_ask(), scale)
    )?;
    facts(out, book, stats, now)?;
    out.push('\n');
    Ok(())
}

/// The figures of a book besides its best prices.
fn facts(out: &mut String, book: BookRef<'_>, stats: &BookStats, now: Nanos) -> fmt::Result {
    let scale = book.scale();
    match book.spread() {
        Some(spread) => write!(out, "spread {} | ", scale.price(spread))?,
        None => out.push_str("spread - | "),
    }
    write!(
        out,
        "last {} | age {} | ",
        Last(stats.last_trade, scale),
        Age(book, now)
    )?;
    let (p50, p99) = (stats.latency(0.5), stats.latency(0.99));
    write!(
        out,
        "{:.0} msg/s | p50 {} p99 {}",
        stats.rate,
        Micros(p50),
        Micros(p99)
    )
}

/// A JayX symbol, or a Bayse market and its outcome.
pub(crate) fn title(books: &Books, id: BookId) -> String {
    Printable(full_name(books, id)).to_string()
}

/// A book's name with its market's, where that is another.
pub(crate) fn full_name(books: &Books, id: BookId) -> String {
    match (books.market(id), books.name(id)) {
        (market, name) if market == name => name.to_owned(),
        (market, name) => format!("{market}/{name}"),
    }
}

/// The most characters of a text from outside that are printed.
const MAX_PRINTED: usize = 2_048;

/// What a server sent, shown: what would not show is escaped, so that it can neither move the cursor
/// nor begin a line nor turn the text around it. A longer text than [`MAX_PRINTED`] is cut, with three dots.
pub(crate) struct Printable<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Escaping {
            out: f,
            left: MAX_PRINTED,
        };
        match write!(out, "{}", self.0) {
            // Nothing more fits: the rest is not even formatted.
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

/// Whether a character does something instead of being shown: a control character, or one that changes the
/// direction of the text around it (Unicode UAX #9, section 2).
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// For show only: a float is fine.
#[allow(clippy::cast_precision_loss)]
fn seconds(time: Nanos) -> f64 {
    time.0 as f64 / 1e9
}

/// `price x quantity`, or a dash for a side without levels.
pub(crate) struct Best(pub(crate) Option<Level>, pub(crate) Scale);

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(level), scale) => {
                write!(
                    f,
                    "{} x {}",
                    scale.price(level.ticks),
                    scale.quantity(level.lots)
                )
            }
            Self(None, _) => f.write_str("-"),
        }
    }
}

struct Last(Option<LastTrade>, Scale);

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(
                Some(LastTrade {
                    ticks,
                    side: Some(side),
                }),
                scale,
            ) => {
                write!(f, "{} {}", side.as_str(), scale.price(*ticks))
            }
            Self(Some(LastTrade { ticks, .. }), scale) => write!(f, "{}", scale.price(*ticks)),
            Self(None, _) => f.write_str("-"),
        }
    }
}

/// How old a book is; a dash before its first message.
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

/// Nanoseconds, shown as microseconds.
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
