//! Events besides books, as lines of text.

use std::fmt::{self, Write};

use ticklot::events::{
    BalanceUpdate, CandleUpdate, Cause, EndReason, OrderUpdate, ReferencePrice, Resync, ResyncStep,
    StateChange, StatusUpdate, TradeSide, Trades,
};
use ticklot::{BookState, Books, Disconnect, Event, Instrument};

/// Whether an event reports something that went wrong, or that the user must know of: [`notice`]
/// writes it.
pub(crate) fn is_notice(event: &Event<'_>, books: &Books) -> bool {
    match event {
        Event::BadLine { .. }
        | Event::Refused { .. }
        | Event::Unconfirmed { .. }
        | Event::Status(_)
        | Event::Disconnected {
            retry_in: Some(_), ..
        } => true,
        // The server's last words at a regular end; any other end is the program's error.
        Event::Disconnected {
            reason:
                Disconnect::Closed {
                    code: 1000 | 1001 | 1005,
                    reason,
                },
            ..
        } => !reason.is_empty(),
        // The first scale of a book is no change to a user.
        Event::Scale { book, .. } => books.state(*book) != BookState::Empty,
        Event::State(change) => is_loss(change),
        Event::Resync(resync) => matches!(
            resync.step,
            ResyncStep::Failed { .. } | ResyncStep::TimedOut
        ),
        _ => false,
    }
}

/// Whether a book can no longer be traded on. The notice of a connection's end covers all of its
/// books, and the user requested the end of a subscription.
fn is_loss(change: &StateChange<'_>) -> bool {
    let is_end = matches!(change.cause, Cause::Disconnected | Cause::Unsubscribed);
    !change.new.is_live() && !is_end
}

/// The line of a notice; nothing for another event.
pub(crate) fn notice(out: &mut impl Write, event: &Event<'_>, books: &Books) -> fmt::Result {
    match event {
        Event::BadLine { frame, error, .. } => write!(out, "frame {frame}: {error}"),
        Event::Refused { message, .. } => write!(out, "the venue refused: {message}"),
        Event::Unconfirmed { room, attempts, .. } => write!(
            out,
            "{room}: subscription request {attempts} is not confirmed; sending it again"
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

/// What the user can do about the end of a connection.
pub(crate) fn advice(reason: &Disconnect) -> &'static str {
    match reason {
        Disconnect::Ended(EndReason::HandshakeTimeout) => {
            " (of JayX: does the server speak the envelope of --envelope?)"
        }
        _ => "",
    }
}

/// Whether an event has a [`line`]. The trades of a book are shown with the book, unless they are in
/// another unit.
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

/// Whether the trades are in the ticks and lots of their book.
pub(crate) fn is_in_unit(trades: &Trades<'_>, books: &Books) -> bool {
    let book = trades.book.and_then(|id| books.last_known(id));
    book.is_some_and(|book| book.scale() == trades.scale)
}

/// The line of an event that [`has_line`]; nothing for another one. Several trades have a line
/// each, separated by ` | `.
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
    let (scale, candle) = (update.scale, &update.candle);
    let price = |ticks| scale.price(ticks);
    write!(out, "candle {} ", Subject(&update.instrument))?;
    write!(out, "{} {}", update.interval, candle.opened.0)?;
    write!(out, " open {}", price(candle.open))?;
    write!(
        out,
        " high {} low {}",
        price(candle.high),
        price(candle.low)
    )?;
    write!(out, " close {}", price(candle.close))?;
    write!(out, " volume {}", scale.quantity(candle.volume))
}

fn balance(out: &mut impl Write, update: &BalanceUpdate<'_>) -> fmt::Result {
    write!(
        out,
        "balance {} {} available {}",
        update.asset, update.balance.0, update.available.0
    )
}

fn order(out: &mut impl Write, update: &OrderUpdate<'_>) -> fmt::Result {
    write!(out, "order {} {}", update.id, Subject(&update.instrument))?;
    write!(out, " {} {}", update.side.as_str(), update.status)?;
    if let Some(price) = update.price {
        write!(out, " {}", price.0)?;
    }
    write!(out, " x {}", update.quantity.0)?;
    if let Some(filled) = update.filled {
        write!(out, " filled {filled}")?;
    }
    // Raw, since the venue documents no unit.
    for (name, number) in [("reserved", update.reserved), ("cost", update.cost)] {
        if let Some(number) = number {
            write!(out, " {name} {number}")?;
        }
    }
    Ok(())
}

fn reference_price(out: &mut impl Write, price: &ReferencePrice<'_>) -> fmt::Result {
    write!(
        out,
        "price {} {}",
        Subject(&price.instrument),
        price.price.0
    )
}

/// Trades that no book's line shows.
fn fills(out: &mut impl Write, trades: &Trades<'_>) -> fmt::Result {
    let scale = trades.scale;
    for (at, trade) in trades.trades.iter().enumerate() {
        if at > 0 {
            out.write_str(" | ")?;
        }
        let side = TradeSide::as_str(trade.side);
        let (price, quantity) = (scale.price(trade.ticks), scale.quantity(trade.lots));
        write!(out, "{side} {} ", Subject(&trades.instrument))?;
        write!(out, "{price} x {quantity}")?;
        match trades.instrument.scope {
            None | Some("") => {}
            Some(scope) => write!(out, " {scope}")?,
        }
    }
    Ok(())
}

/// An instrument by its market and its name, or by one of them where both are the same or there is no
/// name.
struct Subject<'a>(&'a Instrument<'a>);

impl fmt::Display for Subject<'_> {
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
    use ticklot::events::{
        Decimal, OrderRef, RequestFailure, Trade, TradingStatus, UnixMillis, UnixSeconds,
    };
    use ticklot::stores::Candle;
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

    /// What a user sees of an event: a notice, a line, or nothing.
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
        let gap = BookState::Gap(Gap::Resync);
        for (old, new, cause, want) in [
            (
                BookState::Live,
                BookState::Stale,
                Cause::Timeout,
                "! yes is stale: timeout",
            ),
            (
                BookState::Live,
                gap,
                Cause::ChecksumMismatch,
                "! yes is gap: checksum_mismatch",
            ),
            (
                BookState::Live,
                BookState::Disconnected,
                Cause::Disconnected,
                "",
            ),
            (
                BookState::Live,
                BookState::Disconnected,
                Cause::Unsubscribed,
                "",
            ),
            (
                BookState::Stale,
                BookState::Live,
                Cause::Alive,
                "yes is live: alive",
            ),
            (BookState::Empty, BookState::Live, Cause::Snapshot, ""),
        ] {
            assert_eq!(shown(&change(old, new, cause)), want);
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
        assert!(
            text.contains("--envelope") && text.ends_with("again in 7 ms"),
            "{text}"
        );
    }

    #[test]
    fn unconfirmed_subscriptions_are_notices() {
        let (connection, room, attempts) = (ConnectionId(0), "orderbook:m1", 2);
        let event = Event::Unconfirmed {
            connection,
            room,
            attempts,
        };
        assert_eq!(
            shown(&event),
            "! orderbook:m1: subscription request 2 is not confirmed; sending it again"
        );
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
    fn failures_and_changes_are_notices() {
        let error = RequestFailure::Transport("no route".to_owned());
        let retry_in = Duration::from_millis(1_500);
        let resync = |step| {
            shown(&Event::Resync(Resync {
                book: BookId(0),
                attempt: 2,
                step,
            }))
        };
        let failed = ResyncStep::Failed {
            error: &error,
            retry_in,
        };
        assert_eq!(
            resync(failed),
            "! yes: snapshot request 2 failed: no route; again in 1500 ms"
        );
        assert_eq!(
            resync(ResyncStep::TimedOut),
            "! yes: snapshot request 2 timed out"
        );
        assert_eq!(resync(ResyncStep::Requested), "");
        let status = |instrument, text| {
            shown(&Event::Status(StatusUpdate {
                connection: ConnectionId(0),
                instrument,
                book: None,
                status: TradingStatus::CancelOnly,
                text,
            }))
        };
        assert_eq!(status(None, "cancel_only"), "! the venue is cancel_only");
        assert_eq!(
            status(Some(YES), "limited"),
            "! yes is cancel_only (limited)"
        );
        let (book, old, new) = (BookId(0), scale(), Scale::UNIT);
        assert_eq!(
            shown(&Event::Scale { book, old, new }),
            "! yes now has 0 price and 0 quantity decimals, not 2 and 3"
        );
    }

    #[test]
    fn account_and_candles_are_lines() {
        let (connection, received, sent) = (ConnectionId(0), Nanos(1), None);
        let candle = Candle {
            opened: UnixSeconds(60),
            open: Ticks(100),
            high: Ticks(250),
            low: Ticks(99),
            close: Ticks(200),
            volume: Lots(1_500),
            modified: UnixSeconds(61),
        };
        let candle = Event::Candle(CandleUpdate {
            connection,
            instrument: YES,
            interval: "1m",
            scale: scale(),
            candle,
            received,
        });
        assert_eq!(
            shown(&candle),
            "candle rain yes 1m 60 open 1.00 high 2.50 low 0.99 close 2.00 volume 1.500"
        );
        let balance = Event::Balance(BalanceUpdate {
            connection,
            asset: "BTC",
            balance: Decimal("2"),
            available: Decimal("1.5"),
            sent,
            received,
        });
        assert_eq!(shown(&balance), "balance BTC 2 available 1.5");
        let order = Event::Order(OrderUpdate {
            connection,
            instrument: YES,
            id: OrderRef::Number(7),
            is_open: true,
            kind: Some("LIMIT"),
            status: "NEW",
            side: TradeSide::Buy,
            price: Some(Decimal("0.62")),
            quantity: Decimal("10"),
            filled: Some(scale().price(Ticks(150))),
            reserved: Some(620),
            cost: Some(93),
            created: None,
            modified: None,
            sent,
            received,
        });
        assert_eq!(
            shown(&order),
            "order 7 rain yes BUY NEW 0.62 x 10 filled 1.50 reserved 620 cost 93"
        );
        let price = Event::ReferencePrice(ReferencePrice {
            connection,
            instrument: Instrument::of_symbol(VenueName("test"), "GOLD"),
            price: Decimal("4100.5"),
            sent,
            received,
        });
        assert_eq!(shown(&price), "price GOLD 4100.5");
    }

    #[test]
    fn trades_without_book_are_lines() {
        let fill = |ticks| Trade {
            ticks: Ticks(ticks),
            lots: Lots(2_000),
            side: TradeSide::Sell,
            created: UnixMillis(1),
        };
        let trades = |book, scale, trades: &[Trade]| {
            shown(&Event::Trades(Trades {
                connection: ConnectionId(0),
                instrument: YES,
                book,
                scale,
                trades,
                sent: None,
                received: Nanos(1),
            }))
        };
        let two = [fill(61), fill(62)];
        assert_eq!(trades(Some(BookId(0)), scale(), &two), "");
        assert_eq!(
            trades(None, scale(), &two),
            "SELL rain yes 0.61 x 2.000 USD | SELL rain yes 0.62 x 2.000 USD"
        );
        let fine = Scale::new(4, 3).unwrap();
        assert_eq!(
            trades(Some(BookId(0)), fine, &two[..1]),
            "SELL rain yes 0.0061 x 2.000 USD"
        );
    }
}
