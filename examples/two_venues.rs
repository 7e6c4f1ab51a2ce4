//! Two venues with one handler. It is called on one thread with the books of both venues, so it compares them without
//! locks or queues.
//!
//! The program computes whether YES and NO of a Bayse market together cost less than the one dollar that one of them will
//! pay, and how the price of JayX has moved meanwhile. It ends after 200 updates of each venue.

use std::error::Error;
use std::ops::ControlFlow;

use ticklot::bayse::Bayse;
use ticklot::book::HalfTicks;
use ticklot::jayx::JayX;
use ticklot::venue::VenueName;
use ticklot::{BookView, Books, Event, Feed, Handler, Instrument, OnMessage, Ticks};
use ticklot_sim::Venue;
use ticklot_sim::bayse::Listing;

/// One dollar, in ticks of a cent.
const ONE: Ticks = Ticks(100);

#[derive(Debug, Default)]
struct Watcher {
    /// The number of updates of JayX and of Bayse.
    seen: [u32; 2],
    first_mid: Option<HalfTicks>,
    last_mid: Option<HalfTicks>,
    /// The lowest price of both outcomes together.
    cheapest: Option<Ticks>,
}

impl Watcher {
    /// The price of both outcomes together; none unless both books are live.
    fn cost_of_both(books: &Books) -> Option<Ticks> {
        let listing = Listing::rate_cut();
        let best_ask = |outcome: &str| {
            let instrument = Instrument {
                venue: VenueName::BAYSE,
                scope: Some("USD"),
                market: &listing.market_id,
                name: outcome,
            };
            books.live(books.find(&instrument)?)?.best_ask()
        };
        let (yes, no) = (best_ask(&listing.yes_id)?, best_ask(&listing.no_id)?);
        Some(yes.ticks + no.ticks)
    }
}

impl Handler for Watcher {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let Event::Book(update) = event else {
            return ControlFlow::Continue(());
        };
        let is_jayx = books.name(update.book) == "BTCUSDT";
        self.seen[usize::from(!is_jayx)] += 1;
        if is_jayx {
            let mid = books.live(update.book).and_then(|book| book.mid());
            self.first_mid = self.first_mid.or(mid);
            self.last_mid = mid.or(self.last_mid);
        } else if let Some(cost) = Self::cost_of_both(books) {
            self.cheapest = Some(self.cheapest.map_or(cost, |least| least.min(cost)));
        }
        if self.seen.iter().all(|seen| *seen >= 200) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl<V: ticklot::venue::Venue> OnMessage<V> for Watcher {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = |venue| venues.url(venue).ok_or("both are served");
    let mut feed = Feed::new(Watcher::default());
    feed.add(JayX::new("BTCUSDT").url(&url(Venue::Jayx)?).build()?);
    let market = Listing::rate_cut().market_id;
    feed.add(Bayse::new([market]).url(&url(Venue::Bayse)?).build()?);
    feed.run().await;

    let (_, watcher) = feed.into_parts();
    let mids = watcher.first_mid.zip(watcher.last_mid);
    let (first, last) = mids.ok_or("no mid")?;
    let cheapest = watcher.cheapest.ok_or("never two live books")?;
    println!("BTCUSDT: mid moved by {} half ticks", last.0 - first.0);
    let note = if cheapest < ONE {
        ", less than they pay"
    } else {
        ""
    };
    let market = Listing::rate_cut().market_id;
    println!("{market}: YES and NO together cost {cheapest} cents at least{note}");
    let [jayx, bayse] = watcher.seen;
    println!("updates: JayX {jayx}, Bayse {bayse}");
    Ok(())
}
