//! Frames that say nothing, or what no book can hold.

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

/// Books that cannot be: off the grid, a price twice, less than nothing, too large for a number.
const BAYSE_BOOKS: [&str; 6] = [
    r#"[{"price":0.605,"quantity":5}]"#,
    r#"[{"price":0.60,"quantity":5},{"price":0.60,"quantity":6}]"#,
    r#"[{"price":0.60,"quantity":-5}]"#,
    r#"[{"price":1e400,"quantity":5}]"#,
    r#"[{"price":"0.60","quantity":5}]"#,
    r#"[{"price":0.60}]"#,
];

/// What Bayse Markets might send besides: answers that nobody waits for.
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

/// Messages of the delta venue that cannot be read, that no book can hold, or that are of no book.
const DELTAS: [&str; 8] = [
    "D|SOLUSD|7|1|b:1:-5|a:;",
    "D|XRPUSD|7|1|b:1|a:;",
    "B|SOLUSD|7|1|b:1:5,1:6|a:;",
    "B|XRPUSD|7|1|b:|a:9:-1;",
    "B|SOLUSD|7|1|b:1:99999999999999999999|a:;",
    "D|NOPE|7|1|b:1:5|a:;",
    "D|SOLUSD|;",
    "K|XRPUSD",
];

/// A frame, and how often it comes.
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
        // A storm of confirmations of a room that nobody asked for.
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
