//! The schema of JayX's order books, for [the fast path](crate::fast).

use ticklot_book::Side;

use crate::fast::{Role, Schema, Templates};
use crate::thread_local::ThreadLocal;

thread_local! {
    /// The templates of packets. A packet's JSON differs from a plain frame.
    pub(crate) static PACKETS: ThreadLocal<Templates> = const { ThreadLocal::new() };
    /// The templates of plain frames.
    pub(crate) static FRAMES: ThreadLocal<Templates> = const { ThreadLocal::new() };
}

pub(crate) struct OrderBookSchema;

impl Schema for OrderBookSchema {
    const LEVEL_KEYS: [&'static str; 3] = ["ticks", "lots", "count"];

    fn role(path: &[&str]) -> Role {
        match path {
            // The event's name, in either envelope.
            ["event" | ""] => Role::Constant,
            [.., "orderBook", "bids"] => Role::Levels(Side::Bid),
            [.., "orderBook", "asks"] => Role::Levels(Side::Ask),
            ["trades"] | ["" | "message" | "data", "trades"] => Role::Trades,
            _ => Role::Other,
        }
    }
}
