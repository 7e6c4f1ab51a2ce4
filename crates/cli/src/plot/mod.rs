//! `ticklot plot`: a recorded log as a picture.
//!
//! The log is read twice: once to learn which prices and times there are, and once to add one book up in a
//! grid of the picture's pixels. So memory does not grow with the log.

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
use crate::failure::Failure;
use crate::format::{self, Printable};
use crate::log_position::TimeSpec;
use crate::log_position::backward;
use crate::log_source::{LogErrors, LogReplay};
use crate::output::Output;
use crate::units::{nanos, utc};
use crate::venues::VenueArg;
use crate::venues::VenueHandler;

pub(crate) fn run(args: &PlotArgs, output: &mut Output) -> Result<(), Failure> {
    let format = args.format()?;
    check(args)?;
    let font =
        Font::load().ok_or_else(|| Failure::work("the program's own font cannot be read"))?;
    let (scene, errors) = match args.at {
        Some(at) => moment(args, at, &font)?,
        None => heatmap(args, &font)?,
    };
    let file = match format {
        Format::Png => raster::png(&scene, &font)?,
        Format::Svg => svg::write(&scene)?.into_bytes(),
    };
    write(&args.out, &file).map_err(|error| {
        Failure::work(format_args!("cannot write {}: {error}", args.out.display()))
    })?;
    writeln!(output.out, "{}: {}", args.out.display(), scene.title)?;
    errors.report(&args.source.log, output);
    Ok(())
}

/// Writes the picture, or leaves none.
fn write(path: &Path, picture: &[u8]) -> std::io::Result<()> {
    let written = std::fs::write(path, picture);
    // A pipe or a device stays.
    if written.is_err() && path.is_file() {
        // The reason of the failure is the one that matters.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// What can be known to be wrong before anything is read.
fn check(args: &PlotArgs) -> Result<(), Failure> {
    if let (Some(from), Some(until)) = (args.from, args.until)
        && from.is_after(until, None)
    {
        return Err(backward());
    }
    let log = &args.source.log;
    if is_same_file(log, &args.out) {
        let path = args.out.display();
        return Err(Failure::Usage(format!(
            "--out would overwrite the log {path}"
        )));
    }
    let file = std::fs::metadata(log).map_err(|error| {
        Failure::work(format_args!(
            "{}: cannot open the log: {error}",
            log.display()
        ))
    })?;
    if !file.is_file() {
        let path = log.display();
        return Err(Failure::Usage(format!(
            "{path} is no file: write the log to one, since it is read twice"
        )));
    }
    Ok(())
}

/// The picture of a book over time.
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
    let size = args.size.pixels();
    let left = heatmap::left(font, scale, range, seen.unit());
    let area = heatmap::area(size, font, left);
    let pixels = (heatmap::whole(area.width), heatmap::whole(area.height));
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
    let words = heatmap::Labels {
        title: &title,
        counts: &counts,
        scale,
        left,
    };
    Ok((heatmap::draw(size, font, &grid, &words), errors))
}

/// The range of times to draw, if the log has any of it.
fn span(range_scan: &RangeScan) -> Result<(u64, u64), Failure> {
    let Some(((first, last), (from, until))) = range_scan.times.zip(range_scan.span()) else {
        return Err(Failure::work(
            "this log has no times (recv_ns): nothing can be drawn over time; `ticklot replay` needs none",
        ));
    };
    // The log was read no further then, so that more is not known of it.
    if until < first {
        return Err(Failure::Usage(format!(
            "nothing is to be seen: the log begins at {}, and --until is before it",
            utc(first)
        )));
    }
    if first == last && until <= last {
        return Err(Failure::Work(format!(
            "the log is of one moment, {}: --at 0s draws it",
            utc(first)
        )));
    }
    if from >= until {
        return Err(Failure::Usage(format!(
            "nothing is between {} and {}: --from comes before --until, and before the end of the log",
            utc(from),
            utc(until)
        )));
    }
    if from > last {
        return Err(Failure::Usage(format!(
            "nothing is to be seen: the log is from {} to {}, which --from leaves out",
            utc(first),
            utc(last)
        )));
    }
    Ok((from, until))
}

/// The best prices that there were, and beyond them as far as most levels are; but no further than lets the
/// best prices be seen to move.
fn in_view(seen: &BookRange) -> (Ticks, Ticks) {
    let moved = seen.high.0.saturating_sub(seen.low.0);
    let most = moved
        .saturating_add(moved / 2)
        .max(seen.unit().saturating_mul(10));
    beyond(seen, seen.reach().min(most))
}

fn beyond(seen: &BookRange, reach: i64) -> (Ticks, Ticks) {
    let (low, high) = (seen.low, seen.high);
    let reach = reach.max(seen.unit().saturating_mul(2));
    (
        Ticks(low.0.saturating_sub(reach)),
        Ticks(high.0.saturating_add(reach)),
    )
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

/// A count with commas between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reads as far as a moment.
struct TimeObserver {
    at: TimeSpec,
    first: Option<u64>,
}

impl TimeObserver {
    /// The moment, in nanoseconds since 1970.
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
            Some(moment) if at > moment => ControlFlow::Break(()),
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

/// The picture of a book at a moment.
fn moment(args: &PlotArgs, at: TimeSpec, font: &Font) -> Result<(Scene, LogErrors), Failure> {
    let mut until = TimeObserver { at, first: None };
    let (source, errors) = read(args, &mut until)?;
    let books = source.replay.books();
    let now = until.resolved().ok_or_else(|| {
        Failure::work(
            "this log has no times (recv_ns): no moment can be found; `ticklot replay` needs none",
        )
    })?;
    let fresh = |id: &BookId| {
        let book = books.live(*id)?;
        (nanos(book.age(Nanos(now))) <= args.stale_after_ns()).then_some(book)
    };
    let live: Vec<BookId> = books.ids().filter(|id| fresh(id).is_some()).collect();
    if live.is_empty() {
        return Err(Failure::work(format_args!(
            "no book is live at {}: name another --at, or a longer --stale-after",
            utc(now)
        )));
    }
    let id = choose(books, &live, args.name.as_deref())?;
    let nothing = || Failure::work("the book is empty at this moment: name another --at");
    let book = fresh(&id).ok_or_else(nothing)?;
    let seen = BookRange::new(book, args.depth()).ok_or_else(nothing)?;
    let range = match &args.price_range {
        Some(range) => range.ticks(book.scale())?,
        None => beyond(&seen, widest(book, args.depth())),
    };
    let title = format!(
        "{}: depth at {} UTC",
        title(&source, id),
        utc(now)[..23].replace('T', " ")
    );
    let cut = depth::DepthChart {
        title: &title,
        book,
        depth: args.depth(),
        range,
        unit: seen.unit(),
    };
    Ok((depth::draw(args.size.pixels(), font, &cut), errors))
}

/// How far most levels of the side that goes further are from its best one, in ticks.
fn widest(book: BookRef<'_>, depth: usize) -> i64 {
    let reach = |side| range_scan::reach(book, side, depth);
    i64::try_from(reach(Side::Bid).max(reach(Side::Ask))).unwrap_or(i64::MAX)
}
