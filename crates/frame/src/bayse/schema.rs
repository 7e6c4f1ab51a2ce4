//! The schema of Bayse Markets' order books, for [the fast path](crate::fast).

use ticklot_book::Side;

use super::book::BookFields;
use crate::fast::{Members, Role, Scalar, Schema, Templates};
use crate::iso_time::IsoTime;
use crate::string;
use crate::thread_local::ThreadLocal;
use crate::units::{Decimal, TradeSide, UnixMillis};

thread_local! {
    pub(crate) static TEMPLATES: ThreadLocal<Templates> = const { ThreadLocal::new() };
}

pub(super) struct OrderBookSchema;

const MARKET: usize = 0;
const OUTCOME: usize = 1;
const TIMESTAMP: usize = 2;
const LAST_PRICE: usize = 3;
const LAST_SIDE: usize = 4;
const SENT: usize = 5;

impl Schema for OrderBookSchema {
    const LEVEL_KEYS: [&'static str; 3] = ["price", "quantity", ""];

    fn role(path: &[&str]) -> Role {
        match path {
            ["type"] => Role::Constant,
            ["timestamp"] => Role::Member(SENT),
            ["data", "orderbook", key] | ["data", key] => match *key {
                "marketId" => Role::Member(MARKET),
                "outcomeId" => Role::Member(OUTCOME),
                "timestamp" => Role::Member(TIMESTAMP),
                "lastTradedPrice" => Role::Member(LAST_PRICE),
                "lastTradedSide" => Role::Member(LAST_SIDE),
                "bids" => Role::Levels(Side::Bid),
                "asks" => Role::Levels(Side::Ask),
                _ => Role::Other,
            },
            _ => Role::Other,
        }
    }
}

/// The market of a message.
pub(super) fn market<'a>(members: &Members<'a>) -> Option<&'a str> {
    string(members, MARKET)
}

fn string<'a>(members: &Members<'a>, member: usize) -> Option<&'a str> {
    match members[member] {
        Some(Scalar::String(text)) => Some(text),
        _ => None,
    }
}

/// The order book of a message. `None` if only the general path can read it.
pub(super) fn order_book<'a>(members: &Members<'a>) -> Option<BookFields<'a>> {
    let last_price = match members[LAST_PRICE] {
        Some(Scalar::Number(text)) => Some(Decimal(string::ascii(text)?)),
        Some(Scalar::String(_)) => return None,
        None => None,
    };
    let last_side = match members[LAST_SIDE] {
        Some(Scalar::String("BUY")) => Some(TradeSide::Buy),
        Some(Scalar::String("SELL")) => Some(TradeSide::Sell),
        Some(_) => return None,
        None => None,
    };
    let sent = match members[SENT] {
        Some(Scalar::Number(text)) => Some(UnixMillis(whole(text)?)),
        Some(Scalar::String(_)) => return None,
        None => None,
    };
    Some(BookFields {
        market_id: string(members, MARKET)?,
        outcome_id: string(members, OUTCOME)?,
        timestamp: string(members, TIMESTAMP).map(IsoTime),
        last_price,
        last_side,
        sent,
    })
}

/// An integer of up to eighteen digits.
fn whole(text: &[u8]) -> Option<i64> {
    let digit = |value: i64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    };
    (text.len() <= 18).then(|| text.iter().try_fold(0, digit))?
}
