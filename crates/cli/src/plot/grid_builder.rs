//! The second pass over a log: fills the grid with one book.

use std::ops::ControlFlow;

use ticklot::events::{LastTrade, TradeSide, Trades};
use ticklot::venue::Venue;
use ticklot::{BookId, BookUpdate, Books, Event, Handler, OnMessage, Ticks};

use super::axis::{part, whole};
use super::log_observer::LogObserver;
use super::time_weighted_grid::Grid;
use crate::format_event::is_in_unit;

/// Fills the grid with the states and trades of a book.
#[derive(Debug)]
pub(crate) struct GridBuilder {
    id: BookId,
    pub(crate) grid: Grid,
    /// The size of the cells in which trades are merged into one mark, in pixels.
    mark: f64,
    /// The height of a row, in pixels.
    row: f64,
    /// Whether trades are reported. Then the last price of a message adds nothing.
    has_trades: bool,
    last: Option<LastTrade>,
    now: u64,
}

impl GridBuilder {
    /// `mark` is the size of the cells in which trades are merged, and `row` the height of a row, both in pixels. The
    /// width of a column is one pixel.
    pub(crate) fn new(id: BookId, grid: Grid, mark: f64, row: f64) -> Self {
        Self {
            id,
            grid,
            mark,
            row,
            has_trades: false,
            last: None,
            now: 0,
        }
    }

    fn update(&mut self, update: &BookUpdate<'_>, books: &Books) {
        match books.live(self.id) {
            Some(book) => self.grid.set(book, self.now),
            None => self.grid.lose(),
        }
        // Without reported trades, a new last price counts as a trade.
        if !self.has_trades
            && let (Some(last), Some(new)) = (self.last, update.last_trade)
            && last != new
        {
            self.trade(new.ticks, 0, new.side);
        }
        self.last = update.last_trade.or(self.last);
    }

    fn trades(&mut self, trades: &Trades<'_>) {
        self.has_trades = true;
        for trade in trades.trades {
            self.trade(trade.ticks, trade.lots.0, Some(trade.side));
        }
    }

    fn trade(&mut self, ticks: Ticks, lots: i64, side: Option<TradeSide>) {
        let frame = self.grid.frame;
        let Some(row) = frame.row(ticks) else { return };
        if self.now < frame.from || self.now > frame.until {
            return;
        }
        let column = part(frame.column(self.now) as i128, 1);
        let row = part(row as i128, 1) * self.row;
        let cell = (whole(column / self.mark), whole(row / self.mark));
        self.grid.trades.add(cell, self.now, (ticks, lots), side);
    }
}

impl LogObserver for GridBuilder {
    fn until(&mut self, at: u64, books: &Books) -> ControlFlow<()> {
        if books.live(self.id).is_none() {
            self.grid.lose();
        }
        self.grid.advance(at);
        self.now = at;
        if at > self.grid.frame.until {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Handler for GridBuilder {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match event {
            Event::Book(update) if update.book == self.id => self.update(&update, books),
            Event::Trades(trades) if trades.book == Some(self.id) && is_in_unit(&trades, books) => {
                self.trades(&trades);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for GridBuilder {}
