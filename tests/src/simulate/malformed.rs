//! Malformed frames and invalid books.

use super::plan::{BAYSE, DELTA};

/// Lines that any venue might send by mistake.
const EITHER: [&str; 10] = [
    "",
    "\n\n\n",
    "nonsense",
    "{",
    "}{",
    "null",
    "[]",
    "\u{feff}{}",
    r#"{"orderBook":7}"#,
    r#"{"type":"no_such_kind","timestamp":1}"#,
];

/// Invalid books: off the grid, a repeated price, a negative quantity, a number that is too large, not a number, no quantity.
const BAYSE_BOOKS: [&str; 6] = [
    r#"[{"price":0.605,"quantity":5}]"#,
    r#"[{"price":0.60,"quantity":5},{"price":0.60,"quantity":6}]"#,
    r#"[{"price":0.60,"quantity":-5}]"#,
    r#"[{"price":1e400,"quantity":5}]"#,
    r#"[{"price":"0.6o","quantity":5}]"#,
    r#"[{"price":0.60}]"#,
];

/// Unrequested replies of Bayse Markets.
const BAYSE_ANSWERS: [&str; 5] = [
    r#"{"type":"subscribed"}"#,
    r#"{"type":"unsubscribed","room":"prices:evt_nobody"}"#,
    r#"{"type":"pong","timestamp":1}"#,
    r#"{"type":"orderbook_update","data":{}}"#,
    r#"{"type":"connected"}"#,
];

const JAYX_BOOKS: [&str; 4] = [
    r#"[{"ticks":1,"lots":-5,"count":1}]"#,
    r#"[{"ticks":1,"lots":5,"count":1},{"ticks":1,"lots":5,"count":1}]"#,
    r#"[{"ticks":1.5,"lots":5,"count":1}]"#,
    r#"[{"ticks":99999999999999999999999,"lots":5,"count":1}]"#,
];

const JAYX_PACKETS: [&str; 6] = ["42", "42[]", "9", "40/admin,", "43", "42[\"news\",{}]"];

/// Messages of the delta venue that are unreadable, invalid for a book, or for an unknown book.
const DELTAS: [&str; 8] = [
    r#"{"e":"depthUpdate","s":"SOLUSD","U":7,"u":7,"c":1,"b":[["1","-5"]],"a":[]}"#,
    r#"{"e":"depthUpdate","s":"XRPUSD","U":7,"u":7,"c":1,"b":[["1"]],"a":[]}"#,
    r#"{"e":"snapshot","s":"SOLUSD","lastUpdateId":7,"c":1,"bids":[["1","5"],["1","6"]],"asks":[]}"#,
    r#"{"e":"snapshot","s":"XRPUSD","lastUpdateId":7,"c":1,"bids":[],"asks":[["9","-1"]]}"#,
    r#"{"e":"snapshot","s":"SOLUSD","lastUpdateId":7,"c":1,"bids":[["1","99999999999999999999"]],"asks":[]}"#,
    r#"{"e":"depthUpdate","s":"NOPE","U":7,"u":7,"c":1,"b":[["1","5"]],"a":[]}"#,
    r#"{"e":"depthUpdate","s":"SOLUSD"}"#,
    r#"{"e":"subscribed","s":"XRPUSD""#,
];

/// A frame, and the number of times to send it.
pub(super) fn frame(host: usize, rng: &mut fastrand::Rng) -> (Vec<u8>, u32) {
    let mut one = |of: &[&str]| of[rng.usize(0..of.len())].to_owned();
    let (either, answer, packet) = (one(&EITHER), one(&BAYSE_ANSWERS), one(&JAYX_PACKETS));
    let delta = one(&DELTAS);
    let book = match host {
        BAYSE => bayse_book(&one(&BAYSE_BOOKS)),
        DELTA => delta.clone(),
        _ => jayx_book(&one(&JAYX_BOOKS), rng.bool()),
    };
    match rng.u32(0..12) {
        0 => (b"\xff\xfe{}".to_vec(), 1),
        1 => (b"[".repeat(5_000), 1),
        2..5 => (either.into_bytes(), 1),
        5..8 => (book.into_bytes(), 1),
        // Many confirmations of an unrequested room.
        8 if host == BAYSE => (stray(rng).into_bytes(), rng.u32(1..100)),
        _ if host == DELTA => (delta.into_bytes(), 1),
        _ if host == BAYSE => (answer.into_bytes(), rng.u32(1..3)),
        _ => (packet.into_bytes(), rng.u32(1..3)),
    }
}

fn stray(rng: &mut fastrand::Rng) -> String {
    let n = rng.u32(0..5);
    format!(r#"{{"type":"subscribed","room":"prices:evt_nobody-{n}"}}"#)
}

fn bayse_book(bids: &str) -> String {
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"mkt_alpha","outcomeId":"out_alpha-yes","timestamp":"2026-02-17T10:40:00Z","bids":{bids},"asks":[]}}}},"timestamp":1700000000000}}"#
    )
}

fn jayx_book(asks: &str, is_packet: bool) -> String {
    let book = format!(r#"{{"orderBook":{{"asks":{asks},"bids":[]}},"trades":[]}}"#);
    if is_packet {
        format!(r#"42["orderbook",{book}]"#)
    } else {
        book
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use ticklot::bayse::Currency;
    use ticklot::jayx::Envelope;
    use ticklot::venue::Venue;
    use ticklot::{Books, ConnectionId, Event, Options, Session};
    use ticklot_book::Nanos;

    use super::super::plan::{Plan, SYMBOLS};
    use super::super::subscription::Subscription;
    use super::*;
    use crate::handler::ignore;

    /// The changes and the bad lines that a frame caused.
    #[derive(Debug, Default)]
    struct Effect {
        changes: usize,
        bad_lines: usize,
    }

    /// The effect of each frame on one connection.
    fn effects<V: Venue>(venue: V, frames: &[String]) -> Vec<Effect> {
        let mut books = Books::new();
        let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
        let _ = session.opened(Nanos(1), &mut books, &mut ignore);
        let one = |frame: &String| {
            let mut effect = Effect::default();
            let mut handler = |event: Event<'_>, _: &Books| {
                match event {
                    Event::Book(update) => effect.changes += update.changes.len(),
                    Event::BadLine { .. } => effect.bad_lines += 1,
                    _ => {}
                }
                ControlFlow::Continue(())
            };
            let _ = session.frame(frame.as_bytes(), Nanos(2), &mut books, &mut handler);
            effect
        };
        frames.iter().map(one).collect()
    }

    /// The first frame is a valid book, so the other ones are refused because of their levels.
    fn check_only_first_is_valid<V: Venue>(venue: V, frames: &[String]) {
        for (index, (frame, effect)) in frames.iter().zip(effects(venue, frames)).enumerate() {
            let is_valid = usize::from(index == 0);
            let counts = (effect.changes, effect.bad_lines);
            assert_eq!(counts, (is_valid, 1 - is_valid), "{frame}");
        }
    }

    #[test]
    fn malformed_bayse_books_are_refused() {
        let venue = Plan::new(0).bayse(Currency::Usd, &[Subscription::all()[0]]);
        let good = bayse_book(r#"[{"price":0.60,"quantity":5}]"#);
        let odd = BAYSE_BOOKS.map(bayse_book);
        check_only_first_is_valid(venue, &[&[good][..], &odd].concat());
    }

    #[test]
    fn malformed_jayx_books_are_refused() {
        let venue = Plan::new(0).jayx(SYMBOLS[0], Envelope::Plain);
        let good = jayx_book(r#"[{"ticks":1,"lots":5,"count":1}]"#, false);
        let odd = JAYX_BOOKS.map(|book| jayx_book(book, false));
        check_only_first_is_valid(venue, &[&[good][..], &odd].concat());
    }

    /// Those of the delta venue may also cause gaps, or have an unknown symbol.
    #[test]
    fn nothing_else_changes_a_book() {
        let plan = Plan::new(0);
        let lines = |more: &[&str]| -> Vec<String> {
            let all = EITHER.iter().chain(more);
            all.map(|line| (*line).to_owned()).collect()
        };
        let crc = crc32fast::hash(b"15");
        let good = format!(
            r#"{{"e":"snapshot","s":"SOLUSD","lastUpdateId":6,"c":{crc},"bids":[["1","5"]],"asks":[]}}"#
        );
        for line in lines(&DELTAS) {
            let all = effects(plan.delta(), &[good.clone(), line]);
            assert_eq!([all[0].changes, all[1].changes], [1, 0], "{all:?}");
        }
        let bayse = plan.bayse(Currency::Usd, &[Subscription::all()[0]]);
        let bayse = effects(bayse, &lines(&BAYSE_ANSWERS));
        let jayx = plan.jayx(SYMBOLS[0], Envelope::Plain);
        let jayx = effects(jayx, &lines(&JAYX_PACKETS));
        for effect in bayse.iter().chain(&jayx) {
            assert_eq!(effect.changes, 0);
        }
    }
}
