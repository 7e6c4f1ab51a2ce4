//! Where JayX puts what in an order book: see [`crate::fast`].

use ticklot_book::Side;

use crate::fast::{Layout, Role};

pub(super) struct OrderBookLayout;

impl Layout for OrderBookLayout {
    const LEVEL: [&'static str; 3] = ["ticks", "lots", "count"];
    const TRADE: [&'static str; 4] = ["ticks", "lots", "created", "side"];

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
