//! The simulated servers, as what they are without sockets: state machines over bytes and times.

mod bayse;
mod jayx;
mod reading;
mod steps;

use std::time::Duration;

use serde_json::Value;
use ticklot_book::Nanos;
use ticklot_sim::{Moment, Outgoing, Session};

/// The first byte says what is fuzzed: `b`ayse or `j`ayx by a script of lines (see [`steps`]), `B` or
/// `J` by steps that are made of the bytes, or else how a server `r`eads a client's frames.
///
/// What a server sends is compared, message by message, with what a model of the contract expects: each
/// request has its documented answer, each wrong one a documented text; the books are those of the
/// market; what happens is told to each client once; and clients that behave are told the same as if
/// the others were not there.
pub fn servers(data: &[u8]) {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    if crate::json::is_ambiguous(data) {
        return;
    }
    match which {
        b'b' => bayse::run(&steps::script(data)),
        b'B' => bayse::run(&steps::made(data, bayse::asks::text)),
        b'j' => jayx::run(&steps::script(data)),
        b'J' => jayx::run(&steps::made(data, jayx::asks::text)),
        _ => reading::run(data),
    }
}

/// The time of a run.
#[derive(Clone, Copy)]
struct Clock(Moment);

impl Clock {
    fn start() -> Self {
        Self(Moment {
            at: Nanos(0),
            wall_ms: 1_771_324_800_000,
        })
    }

    fn pass(&mut self, ms: u64) {
        self.0.at = self.0.at.after(Duration::from_millis(ms));
        self.0.wall_ms = self.0.wall_ms.saturating_add(ms);
    }

    fn set_wall(&mut self, by: i64) {
        self.0.wall_ms = self.0.wall_ms.saturating_add_signed(by);
    }

    fn now(self) -> Moment {
        self.0
    }

    fn after(self, length: Duration) -> Nanos {
        self.0.at.after(length)
    }
}

/// All that a session has to send now.
fn taken(session: &mut dyn Session) -> Vec<Outgoing> {
    std::iter::from_fn(|| session.outgoing()).collect()
}

/// What was sent, a line each; a close and a ping as what they are.
#[derive(Debug)]
enum Sent {
    Line(String, Value),
    Ping,
    /// The code, and the last of it.
    Close(u16),
}

/// Takes frames apart; each line is JSON behind `digits`' worth of packet, if it is one.
fn lines(outgoing: &[Outgoing], read: impl Fn(&str) -> Value) -> Vec<Sent> {
    let mut sent = Vec::new();
    for it in outgoing {
        assert!(
            !matches!(sent.last(), Some(Sent::Close(_))),
            "something behind a close"
        );
        match it {
            Outgoing::Text(text) => {
                assert!(!text.is_empty(), "an empty frame");
                let lines = text.split('\n');
                sent.extend(lines.map(|line| Sent::Line(line.to_owned(), read(line))));
            }
            Outgoing::Ping => sent.push(Sent::Ping),
            Outgoing::Close(close) => sent.push(Sent::Close(close.code())),
        }
    }
    sent
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The text of a field.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// A number of a message in steps of 10^-`decimals`, exactly.
fn steps_of(value: &Value, decimals: u8) -> i64 {
    let Value::Number(number) = value else {
        panic!("{value} is no number");
    };
    crate::decimal::exact(number.to_string().as_bytes(), decimals).expect("on the grid")
}

/// One of a table, or now and then something that is none of it.
fn pick(byte: u8, table: &[&str]) -> Value {
    const ODD: [&str; 8] = ["", "x", "usr_demo", "BTCUSDT", "USD", "é\"\\", "evt_", "60"];
    match byte {
        0..208 => table[usize::from(byte) % table.len()].into(),
        208..240 => ODD[usize::from(byte) % ODD.len()].into(),
        240..244 => Value::Null,
        244..248 => 7.into(),
        248..252 => Value::Array(vec!["x".into()]),
        _ => serde_json::json!({"a": 1}),
    }
}
