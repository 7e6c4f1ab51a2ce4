//! Prints the best bid and ask of JayX's BTCUSDT at each change of either: the smallest use there is.
//!
//! Ends after ten lines.

use std::error::Error;
use std::ops::ControlFlow;

use ticklot::jayx::JayX;
use ticklot::{Books, Event, Feed};
use ticklot_sim::Venue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let venues = ticklot_examples::venues()?;
    let url = venues.url(Venue::Jayx).ok_or("JayX is served")?;
    let mut shown = None;
    let mut lines = 0;
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        let Event::Book(update) = event else {
            return ControlFlow::Continue(());
        };
        // Only a book that can be traded on; and only when its best prices differ from what was shown.
        let Some(book) = books.live(update.book) else {
            return ControlFlow::Continue(());
        };
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else {
            return ControlFlow::Continue(());
        };
        if shown.replace((bid, ask)) == Some((bid, ask)) {
            return ControlFlow::Continue(());
        }
        let scale = book.scale();
        println!(
            "{} {} x {} | {} x {}",
            books.name(update.book),
            scale.quantity(bid.lots),
            scale.price(bid.ticks),
            scale.price(ask.ticks),
            scale.quantity(ask.lots),
        );
        lines += 1;
        if lines == 10 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    feed.add(JayX::new("BTCUSDT").url(&url).build()?);
    feed.run().await;
    Ok(())
}
