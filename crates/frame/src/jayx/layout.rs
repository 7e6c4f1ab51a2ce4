//! Where JayX puts what in an order book: see [`crate::fast`].

use ticklot_book::Side;

use crate::fast::{Layout, Role, Templates};
use crate::thread_local::ThreadLocal;

thread_local! {
    /// Of packets, and of plain frames: a packet's JSON is none of the latter.
    pub(crate) static PACKETS: ThreadLocal<Templates> = const { ThreadLocal::new() };
    pub(crate) static FRAMES: ThreadLocal<Templates> = const { ThreadLocal::new() };
}

pub(crate) struct OrderBookLayout;

impl Layout for OrderBookLayout {
    const LEVEL: [&'static str; 3] = ["ticks", "lots", "count"];

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
