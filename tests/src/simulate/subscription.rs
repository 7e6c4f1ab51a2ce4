//! The subscriptions of the simulated user and their names at the venue.

use ticklot::bayse::{Currency, Topic};
use ticklot_book::Ticks;
use ticklot_sim::bayse::{Listing, User};

/// A market that the server does not have.
const GHOST: &str = "ghost";

/// The names of the markets that the server has.
const MARKETS: [(&str, i64); 3] = [("alpha", 62), ("beta", 35), ("gamma", 3)];

/// The names of the traders.
const USERS: [&str; 5] = ["ada", "ben", "chi", "dee", "eze"];

/// A subscription at Bayse Markets. Each one has its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subscription {
    /// The books of a market.
    Books(&'static str),
    /// The prices of a market's event.
    Prices(&'static str),
    /// The fills of a market's event.
    Event(&'static str),
    /// The fills of a market.
    Market(&'static str),
    /// The fills of a user.
    User(&'static str),
}

impl Subscription {
    /// Every subscription; those that the server does not have are last.
    pub(super) fn all() -> Vec<Self> {
        let names = || MARKETS.iter().map(|(name, _)| *name);
        let books = names().map(Self::Books);
        let others = names().flat_map(|name| [Self::Prices(name), Self::Event(name)]);
        let fills = names().map(Self::Market);
        let users = USERS.iter().copied().map(Self::User);
        let all = books.chain(others).chain(fills).chain(users);
        all.chain([Self::Books(GHOST), Self::Prices(GHOST)])
            .collect()
    }

    /// Whether the server has it.
    pub(super) fn is_served(self) -> bool {
        !matches!(self, Self::Books(GHOST) | Self::Prices(GHOST))
    }

    /// Its name at the server, by the contract.
    pub(super) fn room(self, currency: Currency) -> String {
        match (self, currency) {
            (Self::Books(name), Currency::Usd) => format!("orderbook:mkt_{name}"),
            (Self::Books(name), _) => format!("orderbook:mkt_{name}:NGN"),
            (Self::Prices(name), _) => format!("prices:evt_{name}"),
            (Self::Event(name), _) => format!("activity:evt_{name}"),
            (Self::Market(name), _) => format!("activity:evt_{name}:mkt_{name}"),
            (Self::User(name), _) => format!("user_trades:usr_{name}"),
        }
    }

    /// The topic of the client under test.
    pub(super) fn topic(self) -> Topic {
        match self {
            Self::Books(name) => Topic::order_book(format!("mkt_{name}")),
            Self::Prices(name) => Topic::prices(format!("evt_{name}")),
            Self::Event(name) => Topic::activity(format!("evt_{name}")),
            Self::Market(name) => Topic::activity_of(format!("evt_{name}"), format!("mkt_{name}")),
            Self::User(name) => Topic::user_trades(format!("usr_{name}")),
        }
    }

    /// The outcomes of its books, if the server has it.
    pub(super) fn outcomes(self) -> Vec<String> {
        match self {
            Self::Books(name) if self.is_served() => {
                ["yes", "no"].map(|it| format!("out_{name}-{it}")).to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// The markets of the server.
pub(super) fn listings() -> Vec<Listing> {
    let listing = |(name, fair): &(&str, i64)| Listing::new(name, Ticks(*fair));
    MARKETS.iter().map(listing).collect()
}

/// The traders of the server.
pub(super) fn users() -> Vec<User> {
    USERS.iter().map(|name| User::trader(name, None)).collect()
}
