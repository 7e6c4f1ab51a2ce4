//! Sample messages and variations of them, for the unit tests. `crates/frame/tests/data/README.md` lists the files.

use serde_json::Value;
use ticklot_book::Scale;

/// Messages of Bayse Markets other than order books, one per line.
pub(crate) const BAYSE_MESSAGES: &str = include_str!("../tests/data/bayse_messages.ndjson");

const BAYSE_ORDER_BOOKS: &str = include_str!("../tests/data/bayse_order_books.ndjson");
const JAYX_ORDER_BOOKS: &str = include_str!("../tests/data/jayx_order_books.ndjson");

/// The scale of the order books of Bayse Markets: prices in tenths of a cent, quantities in hundredths.
pub(crate) const BAYSE_SCALE: Scale = match Scale::new(3, 2) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// The format of an order book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameFormat {
    /// JayX in a Socket.IO packet.
    JayxSocketIo,
    /// JayX, the bare payload.
    JayxBare,
    /// Bayse Markets.
    Bayse,
}

/// Two hundred order books of 20 levels on each side: the samples, followed by variations of them.
pub(crate) fn order_books(format: FrameFormat) -> Vec<String> {
    let samples = match format {
        FrameFormat::Bayse => BAYSE_ORDER_BOOKS,
        FrameFormat::JayxSocketIo | FrameFormat::JayxBare => JAYX_ORDER_BOOKS,
    };
    let mut random = fastrand::Rng::with_seed(7);
    // The first two samples precede the first trade: a feed does not return to their shape.
    let varied = samples
        .lines()
        .skip(2)
        .cycle()
        .map(|sample| with_other_numbers(sample, &mut random));
    let books = samples.lines().map(str::to_owned).chain(varied).take(200);
    match format {
        FrameFormat::JayxSocketIo => books
            .map(|book| format!("42[\"orderbook\",{book}]"))
            .collect(),
        FrameFormat::JayxBare | FrameFormat::Bayse => books.collect(),
    }
}

/// Changes the numbers of a message without escapes. Digits outside of strings become smaller, and some digits between
/// two others are removed. No number grows, so each stays in the range of its scale.
pub(crate) fn with_other_numbers(text: &str, random: &mut fastrand::Rng) -> String {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut out, mut in_string) = (String::with_capacity(text.len()), false);
    for (at, c) in text.char_indices() {
        in_string ^= c == '"';
        if in_string || !is_digit(at) {
            out.push(c);
        } else if !(at > 0 && is_digit(at - 1) && is_digit(at + 1) && random.u8(..16) == 0) {
            out.push(if c == '0' { c } else { random.char('1'..=c) });
        }
    }
    out
}

/// Reorders the members of a message's objects by `seed`. Objects with the same keys have the same order. Unless
/// `indent` is zero, each member and each item starts a line, indented by that many spaces per level.
pub(crate) fn reordered(text: &str, seed: u64, indent: usize) -> String {
    let value = serde_json::from_str(text).unwrap();
    written(&value, seed, indent, 0)
}

fn written(value: &Value, seed: u64, indent: usize, depth: usize) -> String {
    let new_line = |depth: usize| match indent {
        0 => String::new(),
        _ => format!("\n{}", " ".repeat(indent * depth)),
    };
    let item = |key: &str, value: &Value| {
        let value = written(value, seed, indent, depth + 1);
        format!("{}{key}{value}", new_line(depth + 1))
    };
    let ([open, close], items) = match value {
        Value::Object(members) => {
            let space = if indent > 0 { " " } else { "" };
            let member = |(key, value): (&String, _)| item(&format!("\"{key}\":{space}"), value);
            let mut members: Vec<String> = members.iter().map(member).collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut members);
            (["{", "}"], members)
        }
        Value::Array(items) => {
            let items = items.iter().map(|value| item("", value));
            (["[", "]"], items.collect())
        }
        scalar => return scalar.to_string(),
    };
    format!("{open}{}{}{close}", items.join(","), new_line(depth))
}
