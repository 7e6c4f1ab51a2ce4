//! The skeleton of a market maker. It quotes around a live book, and cancels its quotes in the call in which the book
//! stops being live: stale, a gap, crossed or disconnected. It sends no orders, but passes its intents to a function,
//! which here prints them.
//!
//! The feed spins: the main thread reads the socket in a busy loop, which occupies a processor. A program that shares its
//! processors calls `Feed::run` on a runtime instead. Nothing else changes.
//!
//! The simulated server sometimes freezes, sends garbage and drops the connection. The program ends when it has cancelled
//! for each of these reasons.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::events::StateChange;
use ticklot::jayx::JayX;
use ticklot::{
    BookId, BookState, Books, Event, Feed, Handler, OnMessage, Options, SpinOptions, Ticks,
};
use ticklot_sim::{Simulator, Venue, bayse, jayx};

/// An intended change of the orders in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    /// Replace all orders with these.
    Quote { bid: Ticks, ask: Ticks },
    /// Cancel all orders.
    Cancel { because: BookState },
}

/// The distance of the quotes from the best prices.
const DISTANCE: Ticks = Ticks(1);

/// Quotes every book of the feed.
struct Maker<F> {
    /// The current quotes, by book.
    quotes: BTreeMap<BookId, (Ticks, Ticks)>,
    act: F,
}

impl<F: FnMut(&str, Intent) -> ControlFlow<()>> Maker<F> {
    fn new(act: F) -> Self {
        Self {
            quotes: BTreeMap::new(),
            act,
        }
    }

    /// Cancels the quotes of a book that stopped being live.
    fn cancel(&mut self, change: &StateChange<'_>) -> ControlFlow<()> {
        if change.new.is_live() || self.quotes.remove(&change.book).is_none() {
            return ControlFlow::Continue(());
        }
        let because = change.new;
        (self.act)(change.instrument.name, Intent::Cancel { because })
    }

    /// Quotes a book, if its quotes change.
    fn quote(&mut self, id: BookId, books: &Books) -> ControlFlow<()> {
        let Some(book) = books.live(id) else {
            return ControlFlow::Continue(());
        };
        let (Some(best_bid), Some(best_ask)) = (book.best_bid(), book.best_ask()) else {
            return ControlFlow::Continue(());
        };
        let (bid, ask) = (best_bid.ticks - DISTANCE, best_ask.ticks + DISTANCE);
        if self.quotes.insert(id, (bid, ask)) == Some((bid, ask)) {
            return ControlFlow::Continue(());
        }
        (self.act)(books.name(id), Intent::Quote { bid, ask })
    }
}

impl<F: FnMut(&str, Intent) -> ControlFlow<()>> Handler for Maker<F> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            // Emitted in the call that made the book invalid, before its update.
            Event::State(change) => self.cancel(&change),
            Event::Book(update) => self.quote(update.book, books),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// It needs no messages of venues.
impl<F: FnMut(&str, Intent) -> ControlFlow<()>, V: ticklot::venue::Venue> OnMessage<V>
    for Maker<F>
{
}

/// A server with injected faults, and a feed that follows it.
fn against<H: OnMessage<JayX>>(
    faults: &str,
    maker: H,
) -> Result<(Simulator, Feed<H>), Box<dyn Error>> {
    let jayx = jayx::Config {
        update_every: Duration::from_millis(5),
        faults: faults.parse()?,
        ..jayx::Config::default()
    };
    let venues = Simulator::spawn(jayx, bayse::Config::default())?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let mut options = Options::default();
    options.stale_after = Some(Duration::from_millis(200));
    options.reconnect.base = Duration::from_millis(50);
    let mut feed = Feed::new(maker);
    feed.add_with(
        JayX::new("BTCUSDT").url(&url).build()?,
        options,
        ticklot_transport::Config::default(),
    );
    Ok((venues, feed))
}

/// While the thread is idle, it decodes the last order book again, which keeps code and data in the caches. The thread is
/// not bound to a processor; `pinned_thread.rs` shows that.
fn spin_options() -> SpinOptions {
    let mut options = SpinOptions::default();
    options.keep_warm = Some(Duration::from_micros(100));
    options
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut reasons = BTreeMap::new();
    let mut quotes = 0;
    let maker = Maker::new(|name, intent| {
        match intent {
            Intent::Quote { .. } => quotes += 1,
            Intent::Cancel { because } => {
                println!("{name}: cancel, the book is {because}; {quotes} quotes before");
                reasons.insert(because.as_str(), ());
            }
        }
        if reasons.len() == 3 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let (_venues, mut feed) = against("freeze=400ms:0.01,garbage=0.01,drop=150,seed=3", maker)?;
    feed.spin(&spin_options())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::time::Instant;

    use ticklot::jayx::Envelope;
    use ticklot::{ConnectionId, Disconnect, Gap, Nanos, Session};

    /// Takes a third of a second: the server freezes before one of its first hundred messages, and the book is stale
    /// 200 ms later.
    #[test]
    fn frozen_server_cancels_quotes() {
        let mut intents = Vec::new();
        let maker = Maker::new(|_: &str, intent| {
            intents.push(intent);
            match intent {
                Intent::Quote { .. } => ControlFlow::Continue(()),
                Intent::Cancel { .. } => ControlFlow::Break(()),
            }
        });
        let (_venues, mut feed) = against("freeze=1h:0.05", maker).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut spinning = feed.spinning(&spin_options()).unwrap();
        while spinning.turn() {
            assert!(Instant::now() < deadline, "the quotes were not cancelled");
        }
        drop(spinning);
        drop(feed);
        let because = BookState::Stale;
        assert_eq!(intents.pop(), Some(Intent::Cancel { because }));
        assert!(!intents.is_empty(), "no quotes before");
        assert!(intents.iter().all(|it| matches!(it, Intent::Quote { .. })));
    }

    const BOOK: &[u8] =
        br#"{"orderBook":{"bids":[{"ticks":10,"lots":1}],"asks":[{"ticks":12,"lots":1}]}}"#;

    /// Like [`BOOK`], with a bid above the ask.
    const CROSSED: &[u8] =
        br#"{"orderBook":{"bids":[{"ticks":13,"lots":1}],"asks":[{"ticks":12,"lots":1}]}}"#;

    /// Drives a session in virtual time: the quotes are cancelled in the call that makes the book invalid.
    #[test]
    fn cancels_in_the_same_call() {
        let intents = RefCell::new(Vec::new());
        let mut maker = Maker::new(|_: &str, intent| {
            intents.borrow_mut().push(intent);
            ControlFlow::Continue(())
        });
        let mut books = Books::new();
        let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
        let venue = venue.build().unwrap();
        let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
        let second = |n| Nanos::from_secs(n);
        let new = || intents.borrow_mut().split_off(0);
        let quote = [Intent::Quote {
            bid: Ticks(9),
            ask: Ticks(13),
        }];
        let cancel = |because| [Intent::Cancel { because }];
        let _ = session.opened(second(0), &mut books, &mut maker);
        let _ = session.frame(BOOK, second(1), &mut books, &mut maker);
        assert_eq!(new(), quote);
        let _ = session.frame(b"{", second(2), &mut books, &mut maker);
        assert_eq!(new(), cancel(BookState::Gap(Gap::Refused)));
        let _ = session.frame(BOOK, second(3), &mut books, &mut maker);
        assert_eq!(new(), quote);
        let _ = session.frame(CROSSED, second(4), &mut books, &mut maker);
        assert_eq!(new(), cancel(BookState::Crossed));
        let _ = session.frame(BOOK, second(5), &mut books, &mut maker);
        assert_eq!(new(), quote);
        // Silence for longer than the staleness limit of 30 s.
        let _ = session.timeout(second(36), &mut books, &mut maker);
        assert_eq!(new(), cancel(BookState::Stale));
        let _ = session.frame(BOOK, second(37), &mut books, &mut maker);
        assert_eq!(new(), quote);
        let _ = session.disconnected(second(38), &Disconnect::IdleTimeout, &mut books, &mut maker);
        assert_eq!(new(), cancel(BookState::Disconnected));
    }
}
