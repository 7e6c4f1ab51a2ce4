//! Events other than order-book messages, as lines of text.

use std::fmt::{self, Write};

use ticklot::events::{
    BalanceUpdate, CandleUpdate, Cause, EndReason, OrderUpdate, ReferencePrice, Resync, ResyncStep,
    StateChange, StatusUpdate, TradeSide, Trades,
};
use ticklot::{BookState, Books, Disconnect, Event, Instrument};

/// Whether an event is a notice: an error or something else that the user must know. [`notice`] writes it.
pub(crate) fn is_notice(event: &Event<'_>, books: &Books) -> bool {
    match event {
        Event::BadLine { .. }
        | Event::Refused { .. }
        | Event::Unconfirmed { .. }
        | Event::Status(_)
        | Event::Disconnected {
            retry_in: Some(_), ..
        } => true,
        // The close reason of a normal close. Any other final close is an error of the program.
        Event::Disconnected {
            reason:
                Disconnect::Closed {
                    code: 1000 | 1001 | 1005,
                    reason,
                },
            ..
        } => !reason.is_empty(),
        // The first scale of a book is not a change.
        Event::Scale { book, .. } => books.state(*book) != BookState::Empty,
        Event::State(change) => is_loss(change),
        Event::Resync(resync) => matches!(
            resync.step,
            ResyncStep::Failed { .. } | ResyncStep::TimedOut
        ),
        _ => false,
    }
}

/// Whether a book has become invalid for a reason that has no other notice. The notice of a disconnect covers all books
/// of the connection, and the user requested the end of a subscription.
fn is_loss(change: &StateChange<'_>) -> bool {
    let is_end = matches!(change.cause, Cause::Disconnected | Cause::Unsubscribed);
    !change.new.is_live() && !is_end
}

/// Writes the line of a notice; nothing for other events.
pub(crate) fn notice(out: &mut impl Write, event: &Event<'_>, books: &Books) -> fmt::Result {
    match event {
        Event::BadLine { frame, error, .. } => write!(out, "frame {frame}: {error}"),
        Event::Refused { message, .. } => write!(out, "the venue refused: {message}"),
        Event::Unconfirmed {
            topic, attempts, ..
        } => write!(
            out,
            "{topic}: subscription request {attempts} is not confirmed; sending it again"
        ),
        Event::State(change) => state(out, change),
        Event::Resync(it) => resync(out, it, books),
        Event::Status(it) => status(out, it),
        Event::Scale { book, old, new } => write!(
            out,
            "{} now has {} price and {} quantity decimals, not {} and {}",
            books.name(*book),
            new.price_decimals(),
            new.quantity_decimals(),
            old.price_decimals(),
            old.quantity_decimals()
        ),
        Event::Disconnected {
            reason,
            retry_in: Some(wait),
            ..
        } => {
            let ms = wait.as_millis();
            write!(
                out,
                "{reason}{}; connecting again in {ms} ms",
                advice(reason)
            )
        }
        Event::Disconnected { reason, .. } => write!(out, "{reason}"),
        _ => Ok(()),
    }
}

/// A hint for the user about the end of a connection.
pub(crate) fn advice(reason: &Disconnect) -> &'static str {
    match reason {
        Disconnect::Ended(EndReason::HandshakeTimeout) => {
            " (for JayX: does the server use the envelope of --envelope?)"
        }
        _ => "",
    }
}

/// Whether an event has a [`line`]. The trades of a book are shown with the book if they have its scale.
pub(crate) fn has_line(event: &Event<'_>, books: &Books) -> bool {
    match event {
        Event::Candle(_)
        | Event::Balance(_)
        | Event::Order(_)
        | Event::ReferencePrice(_)
        | Event::Protocol { .. } => true,
        Event::State(change) => change.new.is_live() && change.old != BookState::Empty,
        Event::Trades(trades) => !is_in_unit(trades, books),
        _ => false,
    }
}

/// Whether the trades have the scale of their book.
pub(crate) fn is_in_unit(trades: &Trades<'_>, books: &Books) -> bool {
    let book = trades.book.and_then(|id| books.last_known(id));
    book.is_some_and(|book| book.scale() == trades.scale)
}

/// Writes the line of an event that [`has_line`]; nothing for other events. Several trades are separated by ` | `.
pub(crate) fn line(out: &mut impl Write, event: &Event<'_>) -> fmt::Result {
    match event {
        Event::State(change) => state(out, change),
        Event::Candle(update) => candle(out, update),
        Event::Balance(update) => balance(out, update),
        Event::Order(update) => order(out, update),
        Event::ReferencePrice(price) => reference_price(out, price),
        Event::Protocol { protocol, .. } => write!(out, "the server speaks {protocol}"),
        Event::Trades(trades) => fills(out, trades),
        _ => Ok(()),
    }
}

fn state(out: &mut impl Write, change: &StateChange<'_>) -> fmt::Result {
    let (name, state) = (change.instrument.name, change.new.as_str());
    write!(out, "{name} is {state}: {}", change.cause)
}

fn resync(out: &mut impl Write, resync: &Resync<'_>, books: &Books) -> fmt::Result {
    let (name, attempt) = (books.name(resync.book), resync.attempt);
    write!(out, "{name}: snapshot request {attempt} ")?;
    match resync.step {
        ResyncStep::TimedOut => out.write_str("timed out"),
        ResyncStep::Failed { error, retry_in } => {
            write!(out, "failed: {error}; again in {} ms", retry_in.as_millis())
        }
        _ => Ok(()),
    }
}

fn status(out: &mut impl Write, update: &StatusUpdate<'_>) -> fmt::Result {
    match update.instrument {
        Some(instrument) => write!(out, "{} is ", instrument.name)?,
        None => out.write_str("the venue is ")?,
    }
    let (word, text) = (update.status.as_str(), update.text);
    match text.is_empty() || text == word {
        true => out.write_str(word),
        false => write!(out, "{word} ({text})"),
    }
}

fn candle(out: &mut impl Write, update: &CandleUpdate<'_>) -> fmt::Result {
    let (scale, candle, name) = (update.scale, &update.candle, Label(&update.instrument));
    let prices = [candle.open, candle.high, candle.low, candle.close];
    let [open, high, low, close] = prices.map(|ticks| scale.price(ticks));
    write!(out, "candle {name} {} {}", update.interval, candle.opened.0)?;
    write!(out, " open {open} high {high} low {low} close {close}")?;
    write!(out, " volume {}", scale.quantity(candle.volume))
}

fn balance(out: &mut impl Write, update: &BalanceUpdate<'_>) -> fmt::Result {
    let (asset, balance, available) = (update.asset, update.balance.0, update.available.0);
    write!(out, "balance {asset} {balance} available {available}")
}

fn order(out: &mut impl Write, update: &OrderUpdate<'_>) -> fmt::Result {
    write!(out, "order {} {}", update.id, Label(&update.instrument))?;
    write!(out, " {} {}", update.side.as_str(), update.status)?;
    if let Some(price) = update.price {
        write!(out, " {}", price.0)?;
    }
    write!(out, " x {}", update.quantity.0)?;
    if let Some(filled) = update.filled {
        write!(out, " filled {filled}")?;
    }
    // Unscaled, because the venue documents no unit.
    for (name, number) in [("reserved", update.reserved), ("cost", update.cost)] {
        if let Some(number) = number {
            write!(out, " {name} {number}")?;
        }
    }
    Ok(())
}

fn reference_price(out: &mut impl Write, price: &ReferencePrice<'_>) -> fmt::Result {
    write!(out, "price {} {}", Label(&price.instrument), price.price.0)
}

fn fills(out: &mut impl Write, trades: &Trades<'_>) -> fmt::Result {
    let scale = trades.scale;
    for (at, trade) in trades.trades.iter().enumerate() {
        if at > 0 {
            out.write_str(" | ")?;
        }
        let side = TradeSide::as_str(trade.side);
        let (price, quantity) = (scale.price(trade.ticks), scale.quantity(trade.lots));
        write!(out, "{side} {} ", Label(&trades.instrument))?;
        write!(out, "{price} x {quantity}")?;
        match trades.instrument.scope {
            None | Some("") => {}
            Some(scope) => write!(out, " {scope}")?,
        }
    }
    Ok(())
}

/// Displays the market of an instrument, followed by its name if it has another one.
struct Label<'a>(&'a Instrument<'a>);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(instrument) = self;
        f.write_str(instrument.market)?;
        if instrument.name != instrument.market && !instrument.name.is_empty() {
            write!(f, " {}", instrument.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use ticklot::events::{Trade, UnixMillis};
    use ticklot::venue::{BookConfig, VenueName};
    use ticklot::{BookId, ConnectionId, Gap, Lots, Nanos, Scale, Ticks};

    const YES: Instrument<'static> = Instrument {
        venue: VenueName("test"),
        scope: Some("USD"),
        market: "rain",
        name: "yes",
    };

    fn scale() -> Scale {
        Scale::new(2, 3).unwrap()
    }

    fn books() -> Books {
        let mut books = Books::new();
        let id = books.add(ConnectionId(0), &YES, BookConfig::snapshots(scale()));
        let book = books.book_mut(id).unwrap();
        book.apply_snapshot(&[], &[], Nanos(1)).unwrap();
        books
    }

    fn change(old: BookState, new: BookState, cause: Cause) -> Event<'static> {
        Event::State(StateChange {
            book: BookId(0),
            instrument: YES,
            old,
            new,
            cause,
        })
    }

    /// The text for an event: a notice after `! `, a line, or nothing.
    fn shown(event: &Event<'_>) -> String {
        let (books, mut text) = (books(), String::new());
        if is_notice(event, &books) {
            text.push_str("! ");
            notice(&mut text, event, &books).unwrap();
        } else if has_line(event, &books) {
            line(&mut text, event).unwrap();
        }
        text
    }

    #[test]
    fn invalid_books_are_notices() {
        use BookState::{Disconnected, Empty, Live, Stale};
        use Cause::{Alive, ChecksumMismatch, Snapshot, Timeout, Unsubscribed};
        let gap = BookState::Gap(Gap::Resync);
        for (old, new, cause, expected) in [
            (Live, Stale, Timeout, "! yes is stale: timeout"),
            (
                Live,
                gap,
                ChecksumMismatch,
                "! yes is gap: checksum_mismatch",
            ),
            (Live, Disconnected, Cause::Disconnected, ""),
            (Live, Disconnected, Unsubscribed, ""),
            (Stale, Live, Alive, "yes is live: alive"),
            (Empty, Live, Snapshot, ""),
        ] {
            assert_eq!(shown(&change(old, new, cause)), expected);
        }
    }

    #[test]
    fn handshake_timeout_names_the_option() {
        let reason = Disconnect::Ended(EndReason::HandshakeTimeout);
        let event = Event::Disconnected {
            connection: ConnectionId(0),
            reason: &reason,
            retry_in: Some(Duration::from_millis(7)),
        };
        let text = shown(&event);
        assert!(text.contains("--envelope"), "{text}");
        assert!(text.ends_with("again in 7 ms"), "{text}");
    }

    #[test]
    fn close_reason_is_a_notice() {
        let end = |code, reason: &str, retry_in| {
            let reason = reason.to_owned();
            let reason = &Disconnect::Closed { code, reason };
            shown(&Event::Disconnected {
                connection: ConnectionId(0),
                reason,
                retry_in,
            })
        };
        let soon = Some(Duration::from_millis(1_500));
        let again = "! closed by the server with code 1012: restart; connecting again in 1500 ms";
        assert_eq!(end(1012, "restart", soon), again);
        let last = "! closed by the server with code 1001: see you";
        assert_eq!(end(1001, "see you", None), last);
        assert_eq!(end(1000, "", None), "");
        // The program's error.
        assert_eq!(end(1012, "restart", None), "");
    }

    #[test]
    fn scale_changes_are_notices() {
        let (book, old, new) = (BookId(0), scale(), Scale::UNIT);
        let expected = "! yes now has 0 price and 0 quantity decimals, not 2 and 3";
        assert_eq!(shown(&Event::Scale { book, old, new }), expected);
    }

    /// Trades with the scale of their book are shown with the book.
    #[test]
    fn trades_in_another_scale_are_lines() {
        let fill = Trade {
            ticks: Ticks(61),
            lots: Lots(2_000),
            side: TradeSide::Sell,
            created: UnixMillis(1),
        };
        let trades = |scale, trades: &[Trade]| {
            shown(&Event::Trades(Trades {
                connection: ConnectionId(0),
                instrument: YES,
                book: Some(BookId(0)),
                scale,
                trades,
                sent: None,
                received: Nanos(1),
            }))
        };
        assert_eq!(trades(scale(), &[fill]), "");
        let fine = "SELL rain yes 0.0061 x 2.000 USD";
        let scale = Scale::new(4, 3).unwrap();
        assert_eq!(trades(scale, &[fill, fill]), format!("{fine} | {fine}"));
    }
}
