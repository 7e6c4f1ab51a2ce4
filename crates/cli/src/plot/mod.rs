//! `ticklot plot`: draws a recorded log.
//!
//! A heatmap reads the log twice: once to find the range of prices and times, and once to sum up one book in a grid of
//! the picture's pixels. Memory use is therefore independent of the log's length.

mod axis;
mod color;
mod depth;
mod font;
mod grid_builder;
mod heatmap;
mod log_observer;
mod options;
mod plot_layout;
mod range_scan;
mod raster;
mod scene;
mod svg;
mod time_weighted_grid;
mod trades;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use ticklot::venue::Venue;
use ticklot::{BookId, BookRef, Books, Event, Handler, Nanos, OnMessage, Scale, Side, Ticks};

pub(crate) use self::options::PlotArgs;

use self::font::Font;
use self::grid_builder::GridBuilder;
use self::log_observer::{LogObserver, choose, read};
use self::options::Format;
use self::range_scan::{BookRange, RangeScan};
use self::scene::Scene;
use self::time_weighted_grid::{Grid, GridBounds};
use crate::csv_rows::is_same_file;
use crate::failure::{Failure, usage, work};
use crate::format::{self, Printable};
use crate::log_position::{TimeSpec, backward};
use crate::log_source::{LogErrors, LogReplay};
use crate::output::Output;
use crate::units::{nanos, utc};
use crate::venues::{VenueArg, VenueHandler};

pub(crate) fn run(args: &PlotArgs, output: &mut Output) -> Result<(), Failure> {
    let format = args.format()?;
    check(args)?;
    let font = Font::load().ok_or_else(|| work!("the embedded font cannot be read"))?;
    let (scene, errors) = match args.at {
        Some(at) => depth_chart(args, at, &font)?,
        None => heatmap(args, &font)?,
    };
    let file = match format {
        Format::Png => raster::png(&scene, &font)?,
        Format::Svg => svg::write(&scene)?.into_bytes(),
    };
    let out = args.out.display();
    write(&args.out, &file).map_err(|error| work!("cannot write {out}: {error}"))?;
    writeln!(output.out, "{out}: {}", scene.title)?;
    errors.report(&args.source.log, output);
    Ok(())
}

/// Writes the picture. Removes the file if this fails.
fn write(path: &Path, picture: &[u8]) -> std::io::Result<()> {
    let written = std::fs::write(path, picture);
    // Pipes and devices are not removed.
    if written.is_err() && path.is_file() {
        // The error of the write is reported instead.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Checks the arguments and the files before the log is read.
fn check(args: &PlotArgs) -> Result<(), Failure> {
    if let (Some(from), Some(until)) = (args.from, args.until)
        && from.is_after(until, None)
    {
        return Err(backward());
    }
    let (log, out) = (&args.source.log, args.out.display());
    if is_same_file(log, &args.out) {
        return Err(usage!("--out would overwrite the log {out}"));
    }
    let path = log.display();
    let file = std::fs::metadata(log);
    let file = file.map_err(|error| work!("{path}: cannot open the log: {error}"))?;
    match file.is_file() {
        true => Ok(()),
        false => Err(usage!(
            "{path} is not a regular file, which is needed because the log is read twice"
        )),
    }
}

/// Draws the heatmap of a book.
fn heatmap(args: &PlotArgs, font: &Font) -> Result<(Scene, LogErrors), Failure> {
    let depth = args.depth();
    let mut range_scan = RangeScan::new(args.from, args.until, depth);
    let (source, _) = read(args, &mut range_scan)?;
    let books = source.replay.books();
    let (from, until) = span(&range_scan)?;
    let id = choose(books, &range_scan.live(), args.name.as_deref())?;
    let scale = scale_of(books, id);
    let seen = range_scan
        .seen(id)
        .ok_or_else(|| Failure::work("the book was never live"))?;
    let range = match &args.price_range {
        Some(range) => range.ticks(scale)?,
        None => in_view(&seen),
    };
    let size = args.size;
    let left = heatmap::left(font, scale, range, seen.unit());
    let area = heatmap::area(size, font, left);
    let pixels = (axis::whole(area.width), axis::whole(area.height));
    let frame = GridBounds::new((from, until), range, seen.unit(), pixels);
    let grid = Grid::new(frame, depth, args.stale_after_ns());
    let row = axis::part(pixels.1 as i128, frame.rows as i128);
    let mut grid_builder = GridBuilder::new(id, grid, heatmap::MARK, row);
    let (source, errors) = read(args, &mut grid_builder)?;
    let mut grid = grid_builder.grid;
    if source.replay.books().live(id).is_none() {
        grid.lose();
    }
    grid.advance(until);
    let counts = counts(&seen, &grid);
    let title = title(&source, id);
    let labels = heatmap::Labels {
        title: &title,
        counts: &counts,
        scale,
        left,
    };
    Ok((heatmap::draw(size, font, &grid, &labels), errors))
}

/// The range of times to draw. Fails if the log has no times in it.
fn span(range_scan: &RangeScan) -> Result<(u64, u64), Failure> {
    let Some((times, span)) = range_scan.times.zip(range_scan.span()) else {
        return Err(work!(
            "this log has no times (recv_ns), which a heatmap needs; `ticklot replay` needs none"
        ));
    };
    let ((first, last), (from, until)) = (times, span);
    let [first_utc, last_utc, from_utc, until_utc] = [first, last, from, until].map(utc);
    // In this case the rest of the log was not read, so its end is unknown.
    if until < first {
        return Err(usage!(
            "empty time range: the log begins at {first_utc}, and --until is before it"
        ));
    }
    if first == last && until <= last {
        return Err(work!(
            "all records of the log have the time {first_utc}: --at 0s draws it"
        ));
    }
    if from >= until {
        return Err(usage!(
            "empty time range from {from_utc} to {until_utc}: --from must be before --until and the end of the log"
        ));
    }
    if from > last {
        return Err(usage!(
            "empty time range: the log is from {first_utc} to {last_utc}, and --from is after it"
        ));
    }
    Ok(span)
}

/// The default range of prices: the best prices of the log, extended so that most levels are in view, but not so far
/// that the moves of the best prices become invisible.
fn in_view(seen: &BookRange) -> (Ticks, Ticks) {
    let moved = seen.high.0.saturating_sub(seen.low.0);
    let ten = seen.unit().saturating_mul(10);
    let most = moved.saturating_add(moved / 2).max(ten);
    extended(seen, seen.reach().min(most))
}

/// The range of the best prices, extended by `reach` ticks, but at least by two price units.
fn extended(seen: &BookRange, reach: i64) -> (Ticks, Ticks) {
    let reach = reach.max(seen.unit().saturating_mul(2));
    let (low, high) = (
        seen.low.0.saturating_sub(reach),
        seen.high.0.saturating_add(reach),
    );
    (Ticks(low), Ticks(high))
}

fn scale_of(books: &Books, id: BookId) -> Scale {
    books.last_known(id).map_or(Scale::UNIT, BookRef::scale)
}

fn title<H: VenueHandler>(source: &LogReplay<'_, H>, id: BookId) -> String {
    let venue = source.venue(id).map_or("", VenueArg::title);
    let name = format::full_name(source.replay.books(), id);
    Printable(format_args!("{name}, {venue}")).to_string()
}

fn counts(seen: &BookRange, grid: &Grid) -> String {
    let mut text = format!("{} order books", grouped(seen.count));
    match grid.trades.count() {
        0 => {}
        1 => text.push_str(", 1 trade"),
        trades => text.push_str(&format!(", {} trades", grouped(trades))),
    }
    text
}

/// A count with thousands separators.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Stops reading after a time.
struct TimeObserver {
    at: TimeSpec,
    first: Option<u64>,
}

impl TimeObserver {
    /// The time in nanoseconds since 1970, once the log's first time is known.
    fn resolved(&self) -> Option<u64> {
        self.first.map(|first| self.at.of(first))
    }
}

impl LogObserver for TimeObserver {
    fn until(&mut self, at: u64, _: &Books) -> ControlFlow<()> {
        if at > 0 {
            self.first.get_or_insert(at);
        }
        match self.resolved() {
            Some(end) if at > end => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Handler for TimeObserver {
    fn on_event(&mut self, _: Event<'_>, _: &Books) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for TimeObserver {}

/// Draws the depth chart of a book at a time.
fn depth_chart(args: &PlotArgs, at: TimeSpec, font: &Font) -> Result<(Scene, LogErrors), Failure> {
    let mut until = TimeObserver { at, first: None };
    let (source, errors) = read(args, &mut until)?;
    let books = source.replay.books();
    let now = until.resolved().ok_or_else(|| {
        work!("this log has no times (recv_ns), which --at needs; `ticklot replay` needs none")
    })?;
    let fresh = |id: &BookId| {
        let book = books.live(*id)?;
        (nanos(book.age(Nanos(now))) <= args.stale_after_ns()).then_some(book)
    };
    let live: Vec<BookId> = books.ids().filter(|id| fresh(id).is_some()).collect();
    if live.is_empty() {
        return Err(work!(
            "no book is live at {}: try another --at, or a longer --stale-after",
            utc(now)
        ));
    }
    let id = choose(books, &live, args.name.as_deref())?;
    let empty = || work!("the book is empty at this time: try another --at");
    let book = fresh(&id).ok_or_else(empty)?;
    let seen = BookRange::new(book, args.depth()).ok_or_else(empty)?;
    let range = match &args.price_range {
        Some(range) => range.ticks(book.scale())?,
        None => extended(&seen, widest(book, args.depth())),
    };
    let (title, time) = (title(&source, id), utc(now)[..23].replace('T', " "));
    let title = format!("{title}: depth at {time} UTC");
    let chart = depth::DepthChart {
        title: &title,
        book,
        depth: args.depth(),
        range,
        unit: seen.unit(),
    };
    Ok((depth::draw(args.size, font, &chart), errors))
}

/// The larger of the two sides' [`range_scan::reach`], in ticks.
fn widest(book: BookRef<'_>, depth: usize) -> i64 {
    let reach = |side| range_scan::reach(book, side, depth);
    i64::try_from(reach(Side::Bid).max(reach(Side::Ask))).unwrap_or(i64::MAX)
}
