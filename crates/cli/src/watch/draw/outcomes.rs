//! The price of both outcomes of a market together.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ticklot::Side;

use super::Scene;
use super::numbers;
use super::text::Row;

/// Draws the sums of the best prices. One contract of each outcome pays 1 in total, so the sums show the profit or loss.
pub(crate) fn draw(buffer: &mut Buffer, scene: &Scene<'_>, area: Rect, books: [usize; 2]) {
    let mut row = Row::new(buffer, area, 0);
    for (what, side) in [("one of each: asks ", Side::Ask), ("  bids ", Side::Bid)] {
        row.put_whole(what, scene.theme.quiet());
        row.put_whole(&sum(scene, books, side), scene.theme.strong());
    }
}

/// The sum of both best prices; a dash if one of the books was not live.
fn sum(scene: &Scene<'_>, books: [usize; 2], side: Side) -> String {
    let [first, second] = books.map(|at| &scene.model.books[at]);
    let both_live = [first, second].iter().all(|book| scene.was_live(book));
    let both = first.best(side).zip(second.best(side));
    match both.filter(|_| both_live && first.scale == second.scale) {
        Some((a, b)) => numbers::price(first.scale, i128::from(a.ticks.0) + i128::from(b.ticks.0)),
        None => "-".to_owned(),
    }
}
