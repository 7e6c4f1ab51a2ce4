//! The depth chart: the cumulative quantity of a book up to each price.

use ticklot::{BookRef, Level, Scale, Side, Ticks};

use super::axis::{Axis, multiples, round, step};
use super::color::{Color, INK};
use super::font::Font;
use super::plot_layout::{
    Key, LABEL, Label, PlotLayout, price, price_axis, price_labels, quantity,
};
use super::scene::{Point, Scene, Shape};

/// The blue and the vermilion of Okabe and Ito, for a white background.
const BIDS: Color = Color::rgb(0, 114, 178);
const ASKS: Color = Color::rgb(213, 94, 0);

/// The width to the right of the area, in pixels of a picture of the default size.
const RIGHT: f64 = 28.0;

/// The data of a depth chart.
pub(crate) struct DepthChart<'a> {
    pub(crate) title: &'a str,
    pub(crate) book: BookRef<'a>,
    /// The number of levels per side to draw.
    pub(crate) depth: usize,
    /// The prices in view.
    pub(crate) range: (Ticks, Ticks),
    /// The common divisor of all prices, in ticks.
    pub(crate) unit: i64,
}

/// Draws the chart.
pub(crate) fn draw(size: (u32, u32), font: &Font, chart: &DepthChart<'_>) -> Scene {
    let scale = chart.book.scale();
    let sides = [Side::Bid, Side::Ask].map(|side| cumulative(chart, side));
    let counts = [Side::Bid, Side::Ask].map(|side| chart.book.depth_levels(side));
    let largest = sides.iter().flatten().map(|it| it.1).max();
    let most = largest.unwrap_or(1).max(1);
    let below = best_prices(chart);
    let left = PlotLayout::left_of(font.width(&quantity(scale, round(most)), LABEL));
    let mut layout = PlotLayout::new(size, font, (chart.title, &below), (left, RIGHT));
    let (area, unit) = (layout.area, layout.unit);
    let (low, high) = (chart.range.0.0.into(), chart.range.1.0.into());
    let prices = price_axis((low, high), chart.unit, (area.left, area.right()));
    let lots = Axis {
        from: 0,
        // Room above the highest step, so that the frame does not hide it.
        to: most + most / 20 + 1,
        start: area.bottom(),
        end: area.top,
    };
    let grid = INK.alpha(28);
    let quantities = quantity_labels(lots, scale, unit);
    layout.left_axis(&quantities, "cumulative quantity", grid);
    let labels = price_labels(prices, scale, chart.unit, 110.0 * unit);
    layout.lower_axis(&labels, "price", grid);
    let mut legend = Vec::new();
    for (side, (name, color, edge)) in [("bids", BIDS, area.left), ("asks", ASKS, area.right())]
        .into_iter()
        .enumerate()
    {
        let (sums, levels) = (&sides[side], counts[side]);
        // If more levels follow outside of the view, the line continues to its edge.
        let edge = (sums.len() < levels.min(chart.depth)).then_some(edge);
        let shapes = steps(sums, (prices, lots, edge), color, unit);
        layout.scene.layer(name, shapes);
        let all = quantity(scale, sums.last().map_or(0, |it| it.1));
        let shown = match sums.len() {
            shown if shown == levels => String::new(),
            shown => format!("{shown} of "),
        };
        let entry = format!("{name}: {all} in {shown}{levels} levels");
        legend.push((Key::Box(color), entry));
    }
    layout.frame();
    layout.legend(&legend);
    layout.scene
}

/// The prices of a side in view, each with the cumulative quantity from the best price.
fn cumulative(chart: &DepthChart<'_>, side: Side) -> Vec<(Ticks, i128)> {
    let mut sum = 0;
    let levels = chart.book.levels(side).take(chart.depth);
    let all = levels.map(|level| {
        sum += i128::from(level.lots.0);
        (level.ticks, sum)
    });
    all.filter(|(ticks, _)| (chart.range.0..=chart.range.1).contains(ticks))
        .collect()
}

/// A line with the best prices and the spread.
fn best_prices(chart: &DepthChart<'_>) -> String {
    let scale = chart.book.scale();
    let none = || "none".to_owned();
    let price = |ticks: Ticks| price(scale, ticks.0.into(), chart.unit);
    let best = |level: Option<Level>| {
        let quantity = |it: Level| quantity(scale, it.lots.0.into());
        level.map_or_else(none, |it| format!("{} x {}", price(it.ticks), quantity(it)))
    };
    let spread = chart.book.spread().map_or_else(none, price);
    let (bid, ask) = (best(chart.book.best_bid()), best(chart.book.best_ask()));
    format!("best bid {bid} | best ask {ask} | spread {spread}")
}

fn quantity_labels(axis: Axis, scale: Scale, unit: f64) -> Vec<Label> {
    let step = step(axis.to, axis.labels(48.0 * unit));
    let lots = multiples(0, axis.to, step);
    lots.map(|lots| (axis.at(lots), quantity(scale, lots)))
        .collect()
}

/// The step line from the best price outwards, up to `edge` if there is one, filled to the bottom.
fn steps(
    sums: &[(Ticks, i128)],
    (prices, lots, edge): (Axis, Axis, Option<f64>),
    color: Color,
    unit: f64,
) -> Vec<Shape> {
    let (Some(first), Some(last)) = (sums.first(), sums.last()) else {
        return Vec::new();
    };
    let x = |ticks: Ticks| prices.at(2 * i128::from(ticks.0));
    let bottom = lots.at(0);
    let mut points: Vec<Point> = vec![(x(first.0), bottom)];
    let mut height = bottom;
    for (ticks, sum) in sums {
        points.push((x(*ticks), height));
        height = lots.at(*sum);
        points.push((x(*ticks), height));
    }
    points.extend(edge.map(|x| (x, height)));
    let mut filled = points.clone();
    filled.push((edge.unwrap_or(x(last.0)), bottom));
    let line = Shape::Line {
        points,
        width: 1.8 * unit,
        color,
    };
    let color = color.alpha(70);
    let points = filled;
    vec![Shape::Polygon { points, color }, line]
}
