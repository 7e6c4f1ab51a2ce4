//! Listings: events, their markets, and the outcomes of the markets.

use ticklot_book::Ticks;

/// The currency of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Currency {
    /// US dollars.
    Usd,
    /// Nigerian naira.
    Ngn,
}

impl Currency {
    pub(super) const ALL: [Self; 2] = [Self::Usd, Self::Ngn];

    pub(super) fn read(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    /// `USD` or `NGN`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Ngn => "NGN",
        }
    }
}

/// A market with two outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The market's id.
    pub market_id: String,
    /// The id of its outcome YES.
    pub yes_id: String,
    /// The id of its outcome NO.
    pub no_id: String,
    /// The initial fair value of YES: 1 to 99 ticks of 0.01.
    pub fair: Ticks,
    /// The title of the market.
    pub title: String,
    /// The question of the market.
    pub question: String,
    /// The labels of YES and NO.
    pub labels: [String; 2],
}

impl Listing {
    /// A market with ids derived from its name: `mkt_<name>`, `out_<name>-yes` and `out_<name>-no`.
    #[must_use]
    pub fn new(name: &str, fair: Ticks) -> Self {
        Self {
            market_id: format!("mkt_{name}"),
            yes_id: format!("out_{name}-yes"),
            no_id: format!("out_{name}-no"),
            fair,
            title: "Yes or No".to_owned(),
            question: "Yes or No?".to_owned(),
            labels: ["Yes", "No"].map(str::to_owned),
        }
    }

    /// `mkt_us-rate-cut`, which starts at 0.62 with two full books.
    #[must_use]
    pub fn rate_cut() -> Self {
        Self::new("us-rate-cut", Ticks(62))
    }

    /// `mkt_btc-above-1m`, which starts at 0.02. Its books are sometimes one-sided, because the price is near the end
    /// of the range.
    #[must_use]
    pub fn long_shot() -> Self {
        Self::new("btc-above-1m", Ticks(2))
    }

    /// The ids of YES and NO.
    pub(super) fn outcomes(&self) -> [&str; 2] {
        [&self.yes_id, &self.no_id]
    }
}

/// An event, which groups markets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's id.
    pub id: String,
    /// Its name in URLs.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its status, such as `open`.
    pub status: String,
    /// Its type, such as `SINGLE_MARKET`.
    pub kind: String,
    /// When it was created, in milliseconds since the epoch.
    pub created_ms: u64,
    /// The ids of its markets. Unknown ids are ignored. A market belongs to the first event that lists it.
    pub markets: Vec<String>,
}

impl Event {
    /// An open event `evt_<name>` with one market, `mkt_<name>`. Every market without an event gets this one.
    #[must_use]
    pub fn of(listing: &Listing) -> Self {
        let id = listing.market_id.as_str();
        let name = id.strip_prefix("mkt_").unwrap_or(id);
        Self {
            id: format!("evt_{name}"),
            slug: name.to_owned(),
            title: name.to_owned(),
            status: "open".to_owned(),
            kind: "SINGLE_MARKET".to_owned(),
            // 2026-01-10T09:00:00Z, as in the venue's example.
            created_ms: 1_768_035_600_000,
            markets: vec![listing.market_id.clone()],
        }
    }

    /// `evt_us-rate-cut`, the event of [`Listing::rate_cut`].
    #[must_use]
    pub fn rate_cut() -> Self {
        Self {
            slug: "us-fed-rate-cut-2026".to_owned(),
            title: "Will the Fed cut rates in 2026?".to_owned(),
            ..Self::of(&Listing::rate_cut())
        }
    }

    /// `evt_btc-above-1m`, the event of [`Listing::long_shot`].
    #[must_use]
    pub fn long_shot() -> Self {
        Self {
            slug: "btc-above-1m-2026".to_owned(),
            title: "Will BTC be above 1,000,000 USD in 2026?".to_owned(),
            ..Self::of(&Listing::long_shot())
        }
    }
}
