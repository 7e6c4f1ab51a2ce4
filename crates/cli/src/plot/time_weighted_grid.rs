//! The time-weighted quantities of a book in a grid of pixels. The memory depends on the size of the picture, not of the
//! log.

use ticklot::{BookRef, Ticks};

use super::axis::{part, round, whole};
use super::trades::Trades;

/// The range of times and prices that a grid covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GridBounds {
    /// The start in nanoseconds since 1970.
    pub(crate) from: u64,
    /// The end, which is after `from`.
    pub(crate) until: u64,
    /// The lowest price of the lowest row, in ticks.
    pub(crate) low: i64,
    /// The ticks per row.
    pub(crate) step: i64,
    /// The common divisor of all prices, in ticks.
    pub(crate) unit: i64,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl GridBounds {
    /// Bounds of at least `low..=high`, with at most `height` rows of a round number of price units.
    pub(crate) fn new(
        (from, until): (u64, u64),
        (low, high): (Ticks, Ticks),
        unit: i64,
        (columns, height): (usize, usize),
    ) -> Self {
        let (low, high) = (i128::from(low.0), i128::from(high.0));
        // Prices on both sides of 0 need at least two rows.
        let (unit, height) = (i128::from(unit.max(1)), height.max(2) as i128);
        let rows_of = |step: i128| (high.div_euclid(step) - low.div_euclid(step) + 1).max(1);
        let mut step = unit * round((high - low) / (unit * height));
        while rows_of(step) > height {
            step = unit * round(step / unit + 1);
        }
        let narrow = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
        Self {
            from,
            until: until.max(from.saturating_add(1)),
            low: narrow(low.div_euclid(step) * step),
            step: narrow(step),
            unit: narrow(unit),
            columns: columns.max(1),
            rows: usize::try_from(rows_of(step)).unwrap_or(1),
        }
    }

    /// The row of a price; none outside of the bounds.
    pub(crate) fn row(&self, ticks: Ticks) -> Option<usize> {
        let row = usize::try_from(self.row_number(ticks.0)).ok()?;
        Some(row).filter(|row| *row < self.rows)
    }

    /// The number of a price's row, which may be outside of the bounds.
    fn row_number(&self, ticks: i64) -> i128 {
        let above = i128::from(ticks) - i128::from(self.low);
        above.div_euclid(i128::from(self.step))
    }

    /// The column of a time; the last column for later times.
    pub(crate) fn column(&self, at: u64) -> usize {
        let (since, span) = (at.saturating_sub(self.from), self.until - self.from);
        let column = u128::from(since) * self.columns as u128 / u128::from(span);
        usize::try_from(column)
            .unwrap_or(usize::MAX)
            .min(self.columns - 1)
    }

    /// The end of a column: the first time after it.
    fn end(&self, column: usize) -> u64 {
        self.start(column + 1)
    }

    /// The first time of a column.
    fn start(&self, column: usize) -> u64 {
        let span = u128::from(self.until - self.from);
        let since = (span * column as u128).div_ceil(self.columns as u128);
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.from.saturating_add(since)
    }

    /// A time in a column as a fraction of the column's width.
    fn fraction(&self, column: usize, time: u64) -> f32 {
        let width = self.end(column).saturating_sub(self.start(column));
        ratio(time, width)
    }
}

/// The prices of a line in a column: an OHLC bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceBar {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl PriceBar {
    fn new(ticks: i64) -> Self {
        Self {
            first: ticks,
            last: ticks,
            low: ticks,
            high: ticks,
        }
    }

    fn add(&mut self, ticks: i64) {
        self.last = ticks;
        self.low = self.low.min(ticks);
        self.high = self.high.max(ticks);
    }
}

/// The grid, and the current state of the book while the log is read.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) frame: GridBounds,
    /// Lots times the fraction of the column's time, column by column, from the lowest row up.
    heat: Vec<f32>,
    /// The time that the book was live in each column, in nanoseconds.
    live: Vec<u64>,
    /// The best bid and the best ask in each column.
    touch: [Vec<Option<PriceBar>>; 2],
    /// The range from the outermost bid to the outermost ask in each column, in ticks.
    reach: Vec<Option<PriceBar>>,
    pub(crate) trades: Trades,
    /// The number of levels per side to draw.
    depth: usize,
    /// The time without a message after which the book is stale.
    stale_after_ns: u64,
    now: u64,
    book: VisibleBook,
}

/// The part of a book that is within the bounds.
#[derive(Debug, Default)]
struct VisibleBook {
    is_live: bool,
    /// When the book becomes stale.
    until: u64,
    /// Rows with their lots.
    rows: Vec<(usize, f32)>,
    best: [Option<i64>; 2],
    /// The lowest and the highest price of a level.
    ends: Option<(i64, i64)>,
}

impl Grid {
    pub(crate) fn new(frame: GridBounds, depth: usize, stale_after_ns: u64) -> Self {
        Self {
            frame,
            heat: vec![0.0; frame.columns * frame.rows],
            live: vec![0; frame.columns],
            touch: [vec![None; frame.columns], vec![None; frame.columns]],
            reach: vec![None; frame.columns],
            trades: Trades::default(),
            depth,
            stale_after_ns,
            now: frame.from,
            book: VisibleBook::default(),
        }
    }

    /// Adds the current state of the book up to `at`.
    pub(crate) fn advance(&mut self, at: u64) {
        let at = at.min(self.frame.until);
        let until = self.book.until.min(at);
        while self.book.is_live && self.now < until {
            let column = self.frame.column(self.now);
            let end = self.frame.end(column).min(until);
            self.add(column, end - self.now);
            self.now = end;
        }
        self.now = self.now.max(at);
    }

    fn add(&mut self, column: usize, time: u64) {
        let fraction = self.frame.fraction(column, time);
        let start = column * self.frame.rows;
        for (row, lots) in &self.book.rows {
            self.heat[start + row] += lots * fraction;
        }
        self.live[column] += time;
        self.touch_at(column);
    }

    fn touch_at(&mut self, column: usize) {
        for (line, best) in self.touch.iter_mut().zip(self.book.best) {
            if let Some(ticks) = best {
                line[column].get_or_insert(PriceBar::new(ticks)).add(ticks);
            }
        }
        if let Some((low, high)) = self.book.ends {
            let reach = self.reach[column].get_or_insert(PriceBar::new(low));
            reach.add(low);
            reach.add(high);
        }
    }

    /// Marks the book as not live from now on.
    pub(crate) fn lose(&mut self) {
        self.book.is_live = false;
    }

    /// Sets the state of the book from `at` on.
    pub(crate) fn set(&mut self, book: BookRef<'_>, at: u64) {
        let frame = self.frame;
        let (bids, asks) = (book.bids(), book.asks());
        let all = bids.take(self.depth).chain(asks.take(self.depth));
        let rows = all
            .clone()
            .filter_map(|it| Some((frame.row(it.ticks)?, amount(it.lots.0))));
        self.book.rows.clear();
        self.book.rows.extend(rows);
        let prices = || all.clone().map(|it| it.ticks.0);
        self.book.ends = prices().min().zip(prices().max());
        self.book.best = [book.best_bid(), book.best_ask()].map(|best| Some(best?.ticks.0));
        self.book.is_live = true;
        self.book.until = at.saturating_add(self.stale_after_ns);
        // A state that lasts no time counts for the lines, too.
        if (frame.from..=frame.until).contains(&at) {
            self.touch_at(frame.column(at));
        }
    }

    /// The average lots in a row of a column while the book was live; none if it never was.
    pub(crate) fn lots(&self, column: usize, row: usize) -> Option<f32> {
        let live = self.live[column];
        let heat = self.heat[column * self.frame.rows + row];
        (live > 0).then(|| heat / self.frame.fraction(column, live))
    }

    /// The lines of the best bid and the best ask.
    pub(crate) fn touch(&self) -> [&[Option<PriceBar>]; 2] {
        [&self.touch[0], &self.touch[1]]
    }

    /// The first and the last row between the outermost levels in a column; none if they are out of view.
    pub(crate) fn reach(&self, column: usize) -> Option<(usize, usize)> {
        let reach = self.reach[column]?;
        let [low, high] = [reach.low, reach.high].map(|ticks| self.frame.row_number(ticks));
        let (low, high) = (low.max(0), high.min(self.frame.rows as i128 - 1));
        let rows = (usize::try_from(low).ok()?, usize::try_from(high).ok()?);
        Some(rows).filter(|(low, high)| low <= high)
    }

    /// Whether some column has no live book.
    pub(crate) fn has_holes(&self) -> bool {
        self.live.contains(&0)
    }

    /// A quantile (0 to 1) of the lots of all non-empty cells; none if all are empty.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f32> {
        let cells = (0..self.frame.columns)
            .flat_map(|column| (0..self.frame.rows).map(move |row| (column, row)));
        let lots = cells.filter_map(|(column, row)| self.lots(column, row));
        let mut lots: Vec<f32> = lots.filter(|lots| *lots > 0.0).collect();
        let last = lots.len().checked_sub(1)?;
        let index = whole(part(last as i128, 1) * quantile).min(last);
        Some(*lots.select_nth_unstable_by(index, f32::total_cmp).1)
    }
}

/// For drawing only, so a float is precise enough.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[allow(clippy::cast_precision_loss)] // as above
fn amount(lots: i64) -> f32 {
    lots as f32
}

#[cfg(test)]
mod tests {
    use ticklot::book::Book;
    use ticklot::{Level, Lots, Nanos, Scale};

    use super::*;

    fn level(ticks: i64, lots: i64) -> Level {
        Level::new(Ticks(ticks), Lots(lots))
    }

    fn book(bids: &[Level], asks: &[Level]) -> Book {
        let mut book = Book::new(Scale::UNIT);
        book.apply_snapshot(bids, asks, Nanos(0)).unwrap();
        book
    }

    /// Ten columns of ten nanoseconds, ticks 90 to 109 in rows of one.
    fn frame() -> GridBounds {
        GridBounds::new((100, 200), (Ticks(90), Ticks(109)), 1, (10, 20))
    }

    #[test]
    fn rows_are_fitting_round_steps() {
        let rows = |low, high, unit, height| {
            let frame = GridBounds::new((0, 1), (Ticks(low), Ticks(high)), unit, (10, height));
            (frame.low, frame.step, frame.rows)
        };
        assert_eq!(rows(90, 109, 1, 20), (90, 1, 20));
        assert_eq!(rows(90, 109, 1, 500), (90, 1, 20));
        assert_eq!(rows(90, 109, 1, 19), (90, 2, 10));
        assert_eq!(rows(-7, 7, 1, 15), (-7, 1, 15));
        assert_eq!(rows(45_000, 46_000, 1_000, 500), (45_000, 1_000, 2));
        // Never more rows than pixels, and no overflow.
        for height in [2, 7, 500] {
            for (low, high) in [(0, 1_000_003), (i64::MIN, i64::MAX), (5, 5)] {
                let frame = GridBounds::new((0, 1), (Ticks(low), Ticks(high)), 1, (1, height));
                assert!((1..=height).contains(&frame.rows), "{frame:?}");
            }
        }
    }

    #[test]
    fn columns_share_the_time() {
        let frame = frame();
        let columns = [100, 109, 110, 199, 200, 999].map(|at| frame.column(at));
        assert_eq!(columns, [0, 0, 1, 9, 9, 9]);
        assert_eq!((frame.end(0), frame.end(9)), (110, 200));
        let odd = GridBounds {
            columns: 7,
            ..frame
        };
        for at in 100..200 {
            let column = odd.column(at);
            assert!((odd.start(column)..odd.end(column)).contains(&at), "{at}");
        }
    }

    #[test]
    fn heat_is_weighted_by_time() {
        let mut grid = Grid::new(frame(), usize::MAX, 1_000);
        let asks = [level(101, 4), level(105, 2)];
        grid.set((&book(&[level(99, 8)], &asks)).into(), 50);
        grid.advance(115);
        grid.set((&book(&[level(99, 2)], &[level(101, 4)])).into(), 115);
        grid.advance(200);
        let row = |ticks| frame().row(Ticks(ticks)).unwrap();
        let lots = |column, ticks| grid.lots(column, row(ticks)).unwrap();
        let column = |column| [99, 100, 101, 105].map(|ticks| lots(column, ticks));
        assert_eq!(column(0), [8.0, 0.0, 4.0, 2.0]);
        assert_eq!(column(1), [5.0, 0.0, 4.0, 1.0]);
        assert_eq!(column(9), [2.0, 0.0, 4.0, 0.0]);
        assert_eq!(grid.reach(0), Some((row(99), row(105))));
        assert_eq!(grid.reach(2), Some((row(99), row(101))));
        assert!(!grid.has_holes());
        assert_eq!(grid.quantile(1.0), Some(8.0));
    }

    #[test]
    fn lines_keep_ends_and_extremes() {
        let mut grid = Grid::new(frame(), usize::MAX, 1_000);
        for (at, bid) in [(100, 95), (102, 99), (104, 91), (106, 96)] {
            grid.advance(at);
            grid.set((&book(&[level(bid, 1)], &[])).into(), at);
        }
        grid.advance(200);
        let [bids, asks] = grid.touch();
        let expected = PriceBar {
            first: 95,
            last: 96,
            low: 91,
            high: 99,
        };
        assert_eq!(bids[0], Some(expected));
        assert_eq!(bids[9], Some(PriceBar::new(96)));
        assert!(asks.iter().all(Option::is_none));
    }

    #[test]
    fn invalid_books_leave_gaps() {
        let mut grid = Grid::new(frame(), usize::MAX, 25);
        grid.set((&book(&[level(99, 8)], &[])).into(), 100);
        grid.advance(170);
        grid.set((&book(&[level(99, 8)], &[])).into(), 170);
        grid.advance(183);
        grid.lose();
        grid.advance(200);
        let live: Vec<usize> = (0..10).filter(|it| grid.lots(*it, 0).is_some()).collect();
        assert_eq!(live, [0, 1, 2, 7, 8]);
        // The book was live for half of the column, with 8 lots.
        assert_eq!(grid.lots(2, frame().row(Ticks(99)).unwrap()), Some(8.0));
        assert!(grid.has_holes());
        assert_eq!(grid.touch()[0][3], None);
    }

    #[test]
    fn deeper_levels_are_ignored() {
        let mut grid = Grid::new(frame(), 1, 1_000);
        grid.set((&book(&[level(99, 8), level(98, 7)], &[])).into(), 100);
        grid.advance(200);
        assert_eq!(grid.lots(0, frame().row(Ticks(98)).unwrap()), Some(0.0));
    }
}
