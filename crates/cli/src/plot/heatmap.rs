//! A book over time: how much rested where, the best prices, and trades.

use ticklot::events::TradeSide;
use ticklot::{Lots, Scale, Ticks};

use super::axis::{Axis, Clock, multiples, part, round, step, time_step};
use super::color::{ASK, BEYOND, BID, Color, GRID, INK, NOT_LIVE, PAPER, STEPS, heat};
use super::font::Font;
use super::plot_layout::{Key, LABEL, Label, PlotLayout, case, diamond, triangle};
use super::scene::{Anchor, Area, Image, Point, Scene, Shape};
use super::time_weighted_grid::{Grid, PriceBar};
use super::trades::Mark;

/// What a heatmap's quantities are measured by: of all cells with any, this share is not above the scale's end.
const FULL: f64 = 0.98;

/// Usual pixels to the right of the area.
const RIGHT: f64 = 128.0;

/// Trades of so many pixels across and down are one mark.
pub(crate) const MARK: f64 = 6.0;

/// What the picture says besides the grid.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    /// The counts that follow the times.
    pub(crate) counts: &'a str,
    pub(crate) scale: Scale,
    /// Usual pixels to the left of the area, by [`left`].
    pub(crate) left: f64,
}

/// How many usual pixels prices of this range take beside the area.
pub(crate) fn left(font: &Font, scale: Scale, (low, high): (Ticks, Ticks), unit: i64) -> f64 {
    let widths = [low, high].map(|it| font.width(&price(scale, it.0.into(), unit), LABEL));
    PlotLayout::left_of(widths[0].max(widths[1]))
}

/// The area that the values will have in a picture of this size, in pixels.
pub(crate) fn area(size: (u32, u32), font: &Font, left: f64) -> Area {
    PlotLayout::new(size, font, ("", ""), (left, RIGHT)).area
}

/// A price, with the instrument's decimals; of more than two, those that prices have which are multiples of
/// `unit` ticks.
pub(crate) fn price(scale: Scale, ticks: i128, unit: i64) -> String {
    let ticks = Ticks(i64::try_from(ticks).unwrap_or(i64::MAX));
    let spare = usize::from(scale.price_decimals().saturating_sub(2));
    shorter(&scale.price(ticks).to_string(), zeros(unit).min(spare))
}

/// A quantity, without zeros at its end.
pub(crate) fn quantity(scale: Scale, lots: i128) -> String {
    let lots = Lots(i64::try_from(lots).unwrap_or(i64::MAX));
    shorter(&scale.quantity(lots).to_string(), usize::MAX)
}

/// The picture.
pub(crate) fn draw(size: (u32, u32), font: &Font, grid: &Grid, words: &Labels<'_>) -> Scene {
    let frame = grid.frame;
    let (from, until) = (seconds(frame.from), seconds(frame.until));
    let until = if from[..10] == until[..10] {
        &until[11..]
    } else {
        &until
    };
    let below = format!("{from} to {until} UTC | {}", words.counts);
    let sheet = PlotLayout::new(size, font, (words.title, &below), (words.left, RIGHT));
    let area = sheet.area;
    let picture = HeatmapChart {
        prices: Axis {
            from: 2 * i128::from(frame.low) - i128::from(frame.unit),
            to: 2 * (i128::from(frame.low) + i128::from(frame.step) * frame.rows as i128)
                - i128::from(frame.unit),
            start: area.bottom(),
            end: area.top,
        },
        times: Axis {
            from: i128::from(frame.from),
            to: i128::from(frame.until),
            start: area.left,
            end: area.right(),
        },
        shade: Shade::of(grid),
        scale: words.scale,
        sheet,
        grid,
    };
    picture.finish()
}

/// A moment to the second.
fn seconds(ns: u64) -> String {
    crate::units::utc(ns)[..19].replace('T', " ")
}

struct HeatmapChart<'a> {
    sheet: PlotLayout<'a>,
    grid: &'a Grid,
    /// Of twice the ticks, since a row begins half a step of the price below its first one.
    prices: Axis,
    times: Axis,
    shade: Shade,
    scale: Scale,
}

impl HeatmapChart<'_> {
    fn finish(mut self) -> Scene {
        let image = self.image();
        let has_beyond = image.pixels.iter().any(|it| usize::from(*it) > STEPS);
        self.sheet.scene.layer("heat", vec![Shape::Image(image)]);
        let (prices, times) = (self.price_labels(), self.time_labels());
        self.sheet.left_axis(&prices, "price", GRID);
        self.sheet.lower_axis(&times.0, &times.1, GRID);
        let marks = self.grid.trades.marks();
        let shapes = self.trades(&marks);
        self.sheet.scene.layer("trades", shapes);
        self.lines();
        self.sheet.frame();
        self.color_bar();
        self.sheet.legend(&self.legend(&marks, has_beyond));
        self.sheet.scene
    }

    /// The heat, each pixel a mean over the rows that it covers.
    fn image(&self) -> Image {
        let (area, frame) = (self.sheet.area, self.grid.frame);
        let mut palette: Vec<Color> = (0..STEPS).map(heat).collect();
        palette.extend([NOT_LIVE, BEYOND]);
        let (width, height) = (frame.columns, whole(area.height));
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            let top = frame.rows as f64 * part((height - y) as i128, height as i128);
            let bottom = frame.rows as f64 * part((height - y - 1) as i128, height as i128);
            pixels.extend((0..width).map(|column| self.pixel(column, bottom, top)));
        }
        Image {
            at: (
                whole(area.left).try_into().unwrap_or(0),
                whole(area.top).try_into().unwrap_or(0),
            ),
            size: (
                width.try_into().unwrap_or(0),
                height.try_into().unwrap_or(0),
            ),
            palette,
            pixels,
        }
    }

    /// The place in the palette of a column between two heights, in rows.
    fn pixel(&self, column: usize, bottom: f64, top: f64) -> u8 {
        let place = |place: usize| u8::try_from(place).unwrap_or(u8::MAX);
        let (first, end) = (
            whole(bottom.floor()),
            whole(top.ceil()).min(self.grid.frame.rows),
        );
        let reach = self.grid.reach(column);
        let is_known = reach.is_some_and(|(low, high)| first <= high && end > low);
        let mut sum = 0.0;
        for row in first..end {
            let Some(lots) = self.grid.lots(column, row) else {
                return place(STEPS);
            };
            let overlap = top.min(row as f64 + 1.0) - bottom.max(row as f64);
            sum += f64::from(lots) * overlap;
        }
        place(if is_known {
            self.shade.step(sum / (top - bottom))
        } else {
            STEPS + 1
        })
    }

    /// The prices beside the axis.
    fn price_labels(&self) -> Vec<Label> {
        let axis = self.prices;
        let step = step(
            axis.to / 2 - axis.from / 2,
            axis.places(48.0 * self.sheet.unit),
        );
        let ticks = multiples(axis.from.div_euclid(2) + 1, axis.to.div_euclid(2), step);
        let label = |ticks| (axis.at(2 * ticks), self.price(ticks));
        ticks.map(label).collect()
    }

    fn price(&self, ticks: i128) -> String {
        price(self.scale, ticks, self.grid.frame.unit)
    }

    /// The times below the axis, and its caption.
    fn time_labels(&self) -> (Vec<Label>, String) {
        let (axis, frame) = (self.times, self.grid.frame);
        let step = time_step(axis.to - axis.from, axis.places(110.0 * self.sheet.unit));
        let clock = Clock::new(frame.from, frame.until, step);
        let label = |at: i128| (axis.at(at), clock.label(u64::try_from(at).unwrap_or(0)));
        let labels = multiples(axis.from, axis.to, step).map(label).collect();
        let caption = match &clock.day {
            Some(day) => format!("time on {day}, UTC"),
            None => "time, UTC".to_owned(),
        };
        (labels, caption)
    }

    /// Both best prices over time. Each is moved outwards by half its width, so that both are seen where they
    /// are less than a pixel apart.
    fn lines(&mut self) {
        let width = 1.4 * self.sheet.unit;
        let [bid, ask] = self.grid.touch();
        let lines = [
            ("bid", self.line(bid, width / 2.0), BID),
            ("ask", self.line(ask, -width / 2.0), ASK),
        ];
        let cases = lines.iter().flat_map(|(_, pieces, _)| pieces);
        let cases = cases.map(|points| case(points.clone(), width)).collect();
        self.sheet.scene.layer("cases", cases);
        for (name, pieces, color) in lines {
            let line = |points| Shape::Line {
                points,
                width,
                color,
            };
            self.sheet
                .scene
                .layer(name, pieces.into_iter().map(line).collect());
        }
    }

    /// A best price over time, in as many pieces as there are gaps, so far down.
    fn line(&self, line: &[Option<PriceBar>], down: f64) -> Vec<Vec<Point>> {
        let mut pieces = Vec::new();
        let mut points: Vec<Point> = Vec::new();
        for (column, heatmap) in line.iter().chain([&None]).enumerate() {
            match heatmap {
                Some(it) => self.heatmap(&mut points, (column, down), *it),
                None if points.is_empty() => {}
                None => pieces.push(std::mem::take(&mut points)),
            }
        }
        pieces
    }

    /// Goes on through a column: its first price, its extremes, its last.
    fn heatmap(&self, points: &mut Vec<Point>, (column, down): (usize, f64), it: PriceBar) {
        let x = self.sheet.area.left + column as f64 + 0.5;
        let y = |ticks: i64| self.prices.at(2 * i128::from(ticks)) + down;
        if points.is_empty() {
            // A book that was live for less than a column is seen, too.
            points.push((x - 0.5, y(it.first)));
        }
        let (one, other) = if it.last > it.first {
            (it.low, it.high)
        } else {
            (it.high, it.low)
        };
        for ticks in [it.first, one, other, it.last] {
            let point = (x, y(ticks));
            if points.last() == Some(&point) {
                continue;
            }
            // Of a level stretch only both ends are needed.
            if let [.., a, b] = points.as_slice()
                && a.1 == b.1
                && b.1 == point.1
            {
                points.pop();
            }
            points.push(point);
        }
    }

    /// The trades, each marker as large as its quantity.
    fn trades(&self, marks: &[Mark]) -> Vec<Shape> {
        // The largest come first, and a few may be far larger than the others.
        let usual = marks.get(marks.len() / 50).map_or(0, |mark| mark.lots);
        let signs = marks.iter().flat_map(|mark| {
            let at = (
                self.times.at(i128::try_from(mark.time()).unwrap_or(0)),
                self.prices.at(mark.double_ticks()),
            );
            let size = match usual {
                0 => 5.0,
                usual => (7.0 * part(mark.lots, usual).sqrt()).clamp(1.2, 10.0),
            };
            sign(mark, at, size * self.sheet.unit)
        });
        signs.collect()
    }

    /// The scale of colours, with quantities beside it.
    fn color_bar(&mut self) {
        let (area, unit) = (self.sheet.area, self.sheet.unit);
        let (left, width) = (area.right() + 18.0 * unit, 14.0 * unit);
        let y = |level: f64| area.bottom() - level * area.height;
        let mut shapes: Vec<Shape> = (0..STEPS)
            .map(|step| {
                let top = y(part(step as i128 + 1, STEPS as i128));
                // To the bottom: no gap shows between two steps.
                let height = area.bottom() - top;
                Shape::Rect {
                    area: Area {
                        left,
                        top,
                        width,
                        height,
                    },
                    color: heat(step),
                }
            })
            .rev()
            .collect();
        for lots in self.shade.marks() {
            let at = y(self.shade.level(part(lots, 1)));
            let from = (left + width, at);
            shapes.push(Shape::stroke(
                from,
                (left + width + 4.0 * unit, at),
                unit,
                INK,
            ));
            let text = quantity(self.scale, lots);
            let text = if lots == self.shade.full {
                format!("≥ {text}")
            } else {
                text
            };
            let at = (left + width + 8.0 * unit, at + 4.5 * unit);
            shapes.push(self.sheet.label(at, &text, Anchor::Start));
        }
        let caption = format!("quantity resting per {} of price", self.step());
        let at = (
            f64::from(self.sheet.scene.size.0) - 10.0 * unit,
            area.top + area.height / 2.0,
        );
        shapes.push(self.sheet.caption(at, &caption));
        self.sheet.scene.layer("colours", shapes);
    }

    /// How much of the price a row is.
    fn step(&self) -> String {
        self.price(i128::from(self.grid.frame.step))
    }

    fn legend(&self, marks: &[Mark], has_beyond: bool) -> Vec<(Key, String)> {
        let entry = |key, text: &str| (key, text.to_owned());
        let mut entries = vec![
            entry(Key::Line(ASK), "best ask"),
            entry(Key::Line(BID), "best bid"),
        ];
        let has = |side| marks.iter().any(|mark| mark.side == side);
        let told = marks.iter().any(|mark| mark.lots > 0);
        let what = if told { "" } else { " (a new last price)" };
        if has(Some(TradeSide::Buy)) {
            entries.push((Key::Up(ASK), format!("bought{what}")));
        }
        if has(Some(TradeSide::Sell)) {
            entries.push((Key::Down(BID), format!("sold{what}")));
        }
        if has(None) {
            entries.push((Key::Dot(PAPER), format!("traded{what}")));
        }
        if self.grid.has_holes() {
            entries.push(entry(Key::Box(NOT_LIVE), "no live book"));
        }
        if has_beyond {
            entries.push(entry(Key::Box(BEYOND), "beyond its levels"));
        }
        entries
    }
}

fn sign(mark: &Mark, at: Point, size: f64) -> Vec<Shape> {
    match mark.side {
        Some(TradeSide::Buy) => triangle(at, size, true, ASK),
        Some(TradeSide::Sell) => triangle(at, size, false, BID),
        None => diamond(at, size, PAPER),
    }
}

/// A pixel count. Of a picture: small, and not below zero.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn whole(pixels: f64) -> usize {
    pixels.max(0.0) as usize
}

/// How many zeros a number ends in.
fn zeros(number: i64) -> usize {
    let text = number.to_string();
    text.len() - text.trim_end_matches('0').len()
}

/// A decimal without its last zeros, so many of them at most, and without a point that nothing follows.
fn shorter(text: &str, most: usize) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    let least = text.len().saturating_sub(most);
    let kept = text.trim_end_matches('0').len().max(least);
    text[..kept].trim_end_matches('.').to_owned()
}

/// How much light a quantity gets: its root, so that small ones differ visibly.
struct Shade {
    /// The lots that get all of it, and all above.
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

    /// 0 to 1.
    fn level(&self, lots: f64) -> f64 {
        (lots / part(self.full, 1)).clamp(0.0, 1.0).sqrt()
    }

    /// The step of the scale; what is there at all is never as dark as nothing.
    fn step(&self, lots: f64) -> usize {
        let step = whole((self.level(lots) * (STEPS - 1) as f64).round());
        if lots > 0.0 { step.max(1) } else { 0 }
    }

    /// The quantities that are written beside the scale, from its end on, each a good way below the last.
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

/// The least number with two digits and zeros that is not below `number`.
fn two_digits(number: i128) -> i128 {
    let mut power = 1;
    while number / power >= 100 {
        power *= 10;
    }
    (number + power - 1) / power * power
}

/// The largest of 1, 2, 5, 10, 20, 50, ... that is not above `number`, which is above 0.
fn round_down(number: i128) -> i128 {
    match round(number) {
        round if round == number => round,
        // 1 2 5 10: a half of 2 and 10, two fifths of 5.
        above if above.to_string().starts_with('5') => above * 2 / 5,
        above => above / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_lose_zeros_alone() {
        for (text, most, expected) in [
            ("45.334000", 3, "45.334"),
            ("45.330000", 3, "45.330"),
            ("45.000000", 6, "45"),
            ("2.500000", usize::MAX, "2.5"),
            ("100", usize::MAX, "100"),
            ("0.00", 1, "0.0"),
        ] {
            assert_eq!(shorter(text, most), expected);
        }
        assert_eq!((zeros(1), zeros(1_000), zeros(250)), (0, 3, 1));
    }

    #[test]
    fn prices_keep_needed_decimals() {
        let text = |decimals, ticks, unit| price(Scale::new(decimals, 0).unwrap(), ticks, unit);
        assert_eq!(text(2, 6_180_000, 1_000), "61800.00");
        assert_eq!(text(6, 45_334_000, 1_000), "45.334");
        assert_eq!(text(6, 45_000_000, 1_000_000), "45.00");
        assert_eq!(text(6, 45_000_000, 1), "45.000000");
        assert_eq!(text(0, 45, 10), "45");
    }

    #[test]
    fn larger_quantities_are_brighter() {
        let shade = Shade { full: 1_000 };
        assert_eq!(shade.step(0.0), 0);
        assert_eq!(shade.step(1e-9), 1);
        assert_eq!(shade.step(1_000.0), STEPS - 1);
        assert_eq!(shade.step(5_000.0), STEPS - 1);
        let steps: Vec<usize> = (0..1_000_u32)
            .map(|lots| shade.step(f64::from(lots)))
            .collect();
        assert!(steps.is_sorted());
        assert_eq!(shade.marks(), [1_000, 500, 200, 100, 50, 20, 0]);
        assert_eq!([1, 99, 101, 1_230].map(two_digits), [1, 99, 110, 1_300]);
        assert_eq!(
            [1, 3, 7, 10, 19, 49, 999].map(round_down),
            [1, 2, 5, 10, 10, 20, 500]
        );
    }
}
