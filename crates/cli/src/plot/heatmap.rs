//! The heatmap of a book: its quantities, best prices and trades over time.

use ticklot::events::TradeSide;
use ticklot::{Scale, Ticks};

use super::axis::{Axis, TimeFormat, multiples, part, round, time_step, whole};
use super::color::{ASK, BEYOND, BID, Color, GRID, INK, NOT_LIVE, PAPER, STEPS, heat};
use super::font::Font;
use super::plot_layout::{
    Key, LABEL, Label, PlotLayout, case, diamond, price, price_axis, price_labels, quantity,
    triangle,
};
use super::scene::{Anchor, Area, Image, Point, Scene, Shape};
use super::time_weighted_grid::{Grid, PriceBar};
use super::trades::Mark;

/// The quantile of all non-empty cells that is the end of the colour scale.
const FULL: f64 = 0.98;

/// The width to the right of the area, in pixels of a picture of the default size.
const RIGHT: f64 = 128.0;

/// The size of the cells in which trades are merged into one mark, in pixels.
pub(crate) const MARK: f64 = 6.0;

/// The text of the picture.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    /// The counts that follow the times.
    pub(crate) counts: &'a str,
    pub(crate) scale: Scale,
    /// The width to the left of the area, as computed by [`left`].
    pub(crate) left: f64,
}

/// The width to the left of the area for prices of this range, in pixels of a picture of the default size.
pub(crate) fn left(font: &Font, scale: Scale, (low, high): (Ticks, Ticks), unit: i64) -> f64 {
    let widths = [low, high].map(|it| font.width(&price(scale, it.0.into(), unit), LABEL));
    PlotLayout::left_of(widths[0].max(widths[1]))
}

/// The area of the values in a picture of this size, in pixels.
pub(crate) fn area(size: (u32, u32), font: &Font, left: f64) -> Area {
    PlotLayout::new(size, font, ("", ""), (left, RIGHT)).area
}

/// Draws the heatmap.
pub(crate) fn draw(size: (u32, u32), font: &Font, grid: &Grid, labels: &Labels<'_>) -> Scene {
    let frame = grid.frame;
    let (from, until) = (seconds(frame.from), seconds(frame.until));
    let until = match from[..10] == until[..10] {
        true => &until[11..],
        false => &until,
    };
    let below = format!("{from} to {until} UTC | {}", labels.counts);
    let layout = PlotLayout::new(size, font, (labels.title, &below), (labels.left, RIGHT));
    let area = layout.area;
    let low = i128::from(frame.low);
    let high = low + i128::from(frame.step) * frame.rows as i128 - i128::from(frame.unit);
    let chart = HeatmapChart {
        prices: price_axis((low, high), frame.unit, (area.bottom(), area.top)),
        times: Axis {
            from: i128::from(frame.from),
            to: i128::from(frame.until),
            start: area.left,
            end: area.right(),
        },
        shade: Shade::of(grid),
        scale: labels.scale,
        layout,
        grid,
    };
    chart.finish()
}

/// A time to the second.
fn seconds(ns: u64) -> String {
    crate::units::utc(ns)[..19].replace('T', " ")
}

struct HeatmapChart<'a> {
    layout: PlotLayout<'a>,
    grid: &'a Grid,
    prices: Axis,
    times: Axis,
    shade: Shade,
    scale: Scale,
}

impl HeatmapChart<'_> {
    fn finish(mut self) -> Scene {
        let image = self.image();
        let has_beyond = image.pixels.iter().any(|it| usize::from(*it) > STEPS);
        self.layout.scene.layer("heat", vec![Shape::Image(image)]);
        let (unit, grid) = (48.0 * self.layout.unit, self.grid);
        let prices = price_labels(self.prices, self.scale, grid.frame.unit, unit);
        let times = self.time_labels();
        self.layout.left_axis(&prices, "price", GRID);
        self.layout.lower_axis(&times.0, &times.1, GRID);
        let marks = grid.trades.marks();
        let shapes = self.trades(&marks);
        self.layout.scene.layer("trades", shapes);
        self.lines();
        self.layout.frame();
        self.color_bar();
        self.layout.legend(&self.legend(&marks, has_beyond));
        self.layout.scene
    }

    /// The image of the quantities. Each pixel is the mean over the rows that it covers.
    fn image(&self) -> Image {
        let (area, frame) = (self.layout.area, self.grid.frame);
        let mut palette: Vec<Color> = (0..STEPS).map(heat).collect();
        palette.extend([NOT_LIVE, BEYOND]);
        let (width, height) = (frame.columns, whole(area.height));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let top = frame.rows as f64 * part((height - y) as i128, height as i128);
            let bottom = frame.rows as f64 * part((height - y - 1) as i128, height as i128);
            pixels.extend((0..width).map(|column| self.pixel(column, bottom, top)));
        }
        let narrow = |pixels: usize| pixels.try_into().unwrap_or(0);
        Image {
            at: (narrow(whole(area.left)), narrow(whole(area.top))),
            size: (narrow(width), narrow(height)),
            palette,
            pixels,
        }
    }

    /// The palette index of a column between two heights, which are in rows.
    fn pixel(&self, column: usize, bottom: f64, top: f64) -> u8 {
        let index = |step: usize| u8::try_from(step).unwrap_or(u8::MAX);
        let first = whole(bottom.floor());
        let end = whole(top.ceil()).min(self.grid.frame.rows);
        let reach = self.grid.reach(column);
        let is_known = reach.is_some_and(|(low, high)| first <= high && end > low);
        let mut sum = 0.0;
        for row in first..end {
            let Some(lots) = self.grid.lots(column, row) else {
                return index(STEPS);
            };
            let overlap = top.min(row as f64 + 1.0) - bottom.max(row as f64);
            sum += f64::from(lots) * overlap;
        }
        match is_known {
            true => index(self.shade.step(sum / (top - bottom))),
            false => index(STEPS + 1),
        }
    }

    fn price(&self, ticks: i128) -> String {
        price(self.scale, ticks, self.grid.frame.unit)
    }

    /// The labels of the time axis, and its caption.
    fn time_labels(&self) -> (Vec<Label>, String) {
        let (axis, frame) = (self.times, self.grid.frame);
        let step = time_step(axis.to - axis.from, axis.labels(110.0 * self.layout.unit));
        let clock = TimeFormat::new(frame.from, frame.until, step);
        let label = |at: i128| (axis.at(at), clock.label(u64::try_from(at).unwrap_or(0)));
        let labels = multiples(axis.from, axis.to, step).map(label).collect();
        let caption = match &clock.day {
            Some(day) => format!("time on {day}, UTC"),
            None => "time, UTC".to_owned(),
        };
        (labels, caption)
    }

    /// Draws both best prices over time. Each line is moved outwards by half its width, so that both are visible if
    /// they are less than a pixel apart.
    fn lines(&mut self) {
        let width = 1.4 * self.layout.unit;
        let [bid, ask] = self.grid.touch();
        let lines = [
            ("bid", self.line(bid, width / 2.0), BID),
            ("ask", self.line(ask, -width / 2.0), ASK),
        ];
        let cases = lines.iter().flat_map(|(_, pieces, _)| pieces);
        let cases = cases.map(|points| case(points.clone(), width)).collect();
        self.layout.scene.layer("cases", cases);
        for (name, pieces, color) in lines {
            let line = |points| Shape::Line {
                points,
                width,
                color,
            };
            let shapes = pieces.into_iter().map(line).collect();
            self.layout.scene.layer(name, shapes);
        }
    }

    /// The points of a best price over time, moved down by `down` pixels, in pieces between the gaps.
    fn line(&self, bars: &[Option<PriceBar>], down: f64) -> Vec<Vec<Point>> {
        let mut pieces = Vec::new();
        let mut points: Vec<Point> = Vec::new();
        for (column, bar) in bars.iter().chain([&None]).enumerate() {
            match bar {
                Some(bar) => self.add_bar(&mut points, (column, down), *bar),
                None if points.is_empty() => {}
                None => pieces.push(std::mem::take(&mut points)),
            }
        }
        pieces
    }

    /// Adds the points of a column: its first price, its extremes and its last price.
    fn add_bar(&self, points: &mut Vec<Point>, (column, down): (usize, f64), bar: PriceBar) {
        let x = self.layout.area.left + column as f64 + 0.5;
        let y = |ticks: i64| self.prices.at(2 * i128::from(ticks)) + down;
        if points.is_empty() {
            // Makes a book visible that was live for less than a column.
            points.push((x - 0.5, y(bar.first)));
        }
        let (one, other) = match bar.last > bar.first {
            true => (bar.low, bar.high),
            false => (bar.high, bar.low),
        };
        for ticks in [bar.first, one, other, bar.last] {
            let point = (x, y(ticks));
            if points.last() == Some(&point) {
                continue;
            }
            // A horizontal line needs only its ends.
            if let [.., a, b] = points.as_slice()
                && a.1 == b.1
                && b.1 == point.1
            {
                points.pop();
            }
            points.push(point);
        }
    }

    /// The marks of the trades. The area of a mark is proportional to its quantity.
    fn trades(&self, marks: &[Mark]) -> Vec<Shape> {
        // Marks are sorted by descending quantity, and a few may be far larger than the others.
        let usual = marks.get(marks.len() / 50).map_or(0, |mark| mark.lots);
        let signs = marks.iter().flat_map(|mark| {
            let x = self.times.at(i128::try_from(mark.time()).unwrap_or(0));
            let at = (x, self.prices.at(mark.double_ticks()));
            let size = match usual {
                0 => 5.0,
                usual => (7.0 * part(mark.lots, usual).sqrt()).clamp(1.2, 10.0),
            };
            sign(mark, at, size * self.layout.unit)
        });
        signs.collect()
    }

    /// Draws the colour scale with its quantities.
    fn color_bar(&mut self) {
        let (area, unit) = (self.layout.area, self.layout.unit);
        let (left, width) = (area.right() + 18.0 * unit, 14.0 * unit);
        let y = |level: f64| area.bottom() - level * area.height;
        let steps = (0..STEPS).rev().map(|step| {
            let top = y(part(step as i128 + 1, STEPS as i128));
            // Extends to the bottom, to avoid gaps between steps.
            let height = area.bottom() - top;
            let area = Area {
                left,
                top,
                width,
                height,
            };
            let color = heat(step);
            Shape::Rect { area, color }
        });
        let mut shapes: Vec<Shape> = steps.collect();
        for lots in self.shade.marks() {
            let at = y(self.shade.level(part(lots, 1)));
            let (from, to) = (left + width, left + width + 4.0 * unit);
            shapes.push(Shape::stroke((from, at), (to, at), unit, INK));
            let sign = if lots == self.shade.full { "≥ " } else { "" };
            let text = format!("{sign}{}", quantity(self.scale, lots));
            let at = (left + width + 8.0 * unit, at + 4.5 * unit);
            shapes.push(self.layout.label(at, &text, Anchor::Start));
        }
        let step = self.price(i128::from(self.grid.frame.step));
        let caption = format!("quantity resting per {step} of price");
        let x = f64::from(self.layout.scene.size.0) - 10.0 * unit;
        let at = (x, area.top + area.height / 2.0);
        shapes.push(self.layout.caption(at, &caption));
        self.layout.scene.layer("colours", shapes);
    }

    fn legend(&self, marks: &[Mark], has_beyond: bool) -> Vec<(Key, String)> {
        let has = |side| marks.iter().any(|mark| mark.side == side);
        let (bought, sold) = (has(Some(TradeSide::Buy)), has(Some(TradeSide::Sell)));
        let has_quantities = marks.iter().any(|mark| mark.lots > 0);
        let note = if has_quantities {
            ""
        } else {
            " (a new last price)"
        };
        let entries = [
            (true, Key::Line(ASK), "best ask", ""),
            (true, Key::Line(BID), "best bid", ""),
            (bought, Key::Up(ASK), "bought", note),
            (sold, Key::Down(BID), "sold", note),
            (has(None), Key::Dot(PAPER), "traded", note),
            (
                self.grid.has_holes(),
                Key::Box(NOT_LIVE),
                "no live book",
                "",
            ),
            (has_beyond, Key::Box(BEYOND), "beyond its levels", ""),
        ];
        let shown = entries.into_iter().filter(|it| it.0);
        shown
            .map(|(_, key, text, note)| (key, format!("{text}{note}")))
            .collect()
    }
}

fn sign(mark: &Mark, at: Point, size: f64) -> Vec<Shape> {
    match mark.side {
        Some(TradeSide::Buy) => triangle(at, size, true, ASK),
        Some(TradeSide::Sell) => triangle(at, size, false, BID),
        None => diamond(at, size, PAPER),
    }
}

/// Maps quantities to the steps of the colour scale, by their square root, so that small quantities differ visibly.
struct Shade {
    /// The quantity at the end of the scale.
    full: i128,
}

impl Shade {
    fn of(grid: &Grid) -> Self {
        let full = grid.quantile(FULL).unwrap_or(1.0).max(1.0);
        // Lots are 64 bits.
        #[allow(clippy::cast_possible_truncation)]
        let full = two_digits(full.ceil() as i128);
        Self { full }
    }

    /// The position of a quantity on the scale, 0 to 1.
    fn level(&self, lots: f64) -> f64 {
        (lots / part(self.full, 1)).clamp(0.0, 1.0).sqrt()
    }

    /// The step of a quantity. Step 0 is only for a quantity of zero.
    fn step(&self, lots: f64) -> usize {
        let step = whole((self.level(lots) * (STEPS - 1) as f64).round());
        if lots > 0.0 { step.max(1) } else { 0 }
    }

    /// The quantities to label on the scale, in descending order and with room between them.
    fn marks(&self) -> Vec<i128> {
        let mut marks = vec![self.full];
        let mut last = 1.0;
        let mut power = two_digits(self.full);
        while power > 0 && marks.len() < 12 {
            let round = round_down(power);
            let level = self.level(part(round, 1));
            if last - level >= 0.08 {
                marks.push(round);
                last = level;
            }
            if level < 0.1 {
                break;
            }
            power = round - 1;
        }
        marks.push(0);
        marks
    }
}

/// The smallest number of two digits followed by zeros that is at least `number`.
fn two_digits(number: i128) -> i128 {
    let mut power = 1;
    while number / power >= 100 {
        power *= 10;
    }
    (number + power - 1) / power * power
}

/// The largest of 1, 2, 5, 10, 20, 50, ... that is at most `number`, which must be positive.
fn round_down(number: i128) -> i128 {
    match round(number) {
        round if round == number => round,
        // The predecessor is half of 2 and 10, and two fifths of 5.
        above if above.to_string().starts_with('5') => above * 2 / 5,
        above => above / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_quantities_are_brighter() {
        let shade = Shade { full: 1_000 };
        let steps = [0.0, 1e-9, 1_000.0, 5_000.0].map(|lots| shade.step(lots));
        assert_eq!(steps, [0, 1, STEPS - 1, STEPS - 1]);
        let steps = (0..1_000_u32).map(|lots| shade.step(f64::from(lots)));
        assert!(steps.is_sorted());
        assert_eq!(shade.marks(), [1_000, 500, 200, 100, 50, 20, 0]);
        assert_eq!([1, 99, 101, 1_230].map(two_digits), [1, 99, 110, 1_300]);
        let rounded = [1, 3, 7, 10, 19, 49, 999].map(round_down);
        assert_eq!(rounded, [1, 2, 5, 10, 10, 20, 500]);
    }
}
