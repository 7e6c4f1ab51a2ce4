//! Prints the best bid and ask of JayX's BTCUSDT whenever one of them changes: a minimal program.
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
        // Only if the book is live and its best prices have changed.
        let Some(book) = books.live(update.book) else {
            return ControlFlow::Continue(());
        };
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else {
            return ControlFlow::Continue(());
        };
        if shown.replace((bid, ask)) == Some((bid, ask)) {
            return ControlFlow::Continue(());
        }
        let (name, scale) = (books.name(update.book), book.scale());
        let [bid, ask] = [bid, ask].map(|it| (scale.price(it.ticks), scale.quantity(it.lots)));
        println!("{name} {} x {} | {} x {}", bid.1, bid.0, ask.0, ask.1);
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
