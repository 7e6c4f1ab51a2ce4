//! A book at a moment: how much rests up to each price.

use ticklot::{BookRef, Level, Scale, Side, Ticks};

use super::axis::{Axis, multiples, round, step};
use super::color::{Color, INK};
use super::font::Font;
use super::heatmap::{price, quantity};
use super::plot_layout::{Key, LABEL, Label, PlotLayout};
use super::scene::{Point, Scene, Shape};

/// On white: the blue and the vermilion of Okabe and Ito.
const BIDS: Color = Color::rgb(0, 114, 178);
const ASKS: Color = Color::rgb(213, 94, 0);

/// Usual pixels to the right of the area.
const RIGHT: f64 = 28.0;

/// The data of a depth chart.
pub(crate) struct DepthChart<'a> {
    pub(crate) title: &'a str,
    pub(crate) book: BookRef<'a>,
    /// How many levels a side count.
    pub(crate) depth: usize,
    /// The prices in view.
    pub(crate) range: (Ticks, Ticks),
    /// What all prices are multiples of, in ticks.
    pub(crate) unit: i64,
}

/// The picture.
pub(crate) fn draw(size: (u32, u32), font: &Font, cut: &DepthChart<'_>) -> Scene {
    let scale = cut.book.scale();
    let sides = [Side::Bid, Side::Ask].map(|side| heap(cut, side));
    let counts = [Side::Bid, Side::Ask].map(|side| cut.book.depth_levels(side));
    let most = sides
        .iter()
        .flatten()
        .map(|it| it.1)
        .max()
        .unwrap_or(1)
        .max(1);
    let below = touch(cut);
    let left = PlotLayout::left_of(font.width(&quantity(scale, round(most)), LABEL));
    let mut sheet = PlotLayout::new(size, font, (cut.title, &below), (left, RIGHT));
    let area = sheet.area;
    let half = i128::from(cut.unit);
    let prices = Axis {
        from: 2 * i128::from(cut.range.0.0) - half,
        to: 2 * i128::from(cut.range.1.0) + half,
        start: area.left,
        end: area.right(),
    };
    let lots = Axis {
        from: 0,
        // So that the highest step does not hide below the frame.
        to: most + most / 20 + 1,
        start: area.bottom(),
        end: area.top,
    };
    let grid = INK.alpha(28);
    let quantities = quantity_labels(lots, scale, sheet.unit);
    sheet.left_axis(&quantities, "quantity from the best price to here", grid);
    sheet.lower_axis(
        &price_labels(prices, scale, cut.unit, sheet.unit),
        "price",
        grid,
    );
    for (name, heap, levels, color) in [
        ("bids", &sides[0], counts[0], BIDS),
        ("asks", &sides[1], counts[1], ASKS),
    ] {
        // Where more levels follow out of view, the stairs go on to its edge.
        let goes_on = heap.len() < levels.min(cut.depth);
        let edge = goes_on.then_some(if name == "bids" {
            area.left
        } else {
            area.right()
        });
        let shapes = steps(heap, (prices, lots, edge), color, sheet.unit);
        sheet.scene.layer(name, shapes);
    }
    sheet.frame();
    let entry = |what: &str, heap: &[(Ticks, i128)], levels: usize| {
        let all = quantity(scale, heap.last().map_or(0, |it| it.1));
        match heap.len() {
            shown if shown == levels => format!("{what}: {all} in {levels} levels"),
            shown => format!("{what}: {all} in {shown} of {levels} levels"),
        }
    };
    let legend = [
        (Key::Box(BIDS), entry("bids", &sides[0], counts[0])),
        (Key::Box(ASKS), entry("asks", &sides[1], counts[1])),
    ];
    sheet.legend(&legend);
    sheet.scene
}

/// The prices of a side in view, and all that rests from the best one to each.
fn heap(cut: &DepthChart<'_>, side: Side) -> Vec<(Ticks, i128)> {
    let mut sum = 0;
    let levels = cut.book.levels(side).take(cut.depth);
    let all = levels.map(|level| {
        sum += i128::from(level.lots.0);
        (level.ticks, sum)
    });
    all.filter(|(ticks, _)| (cut.range.0..=cut.range.1).contains(ticks))
        .collect()
}

/// The best prices in a line.
fn touch(cut: &DepthChart<'_>) -> String {
    let scale = cut.book.scale();
    let price = |ticks: Ticks| price(scale, ticks.0.into(), cut.unit);
    let best = |level: Option<Level>| match level {
        Some(it) => format!(
            "{} x {}",
            price(it.ticks),
            quantity(scale, it.lots.0.into())
        ),
        None => "none".to_owned(),
    };
    let spread = cut.book.spread().map_or_else(|| "none".to_owned(), price);
    let (bid, ask) = (best(cut.book.best_bid()), best(cut.book.best_ask()));
    format!("best bid {bid} | best ask {ask} | spread {spread}")
}

fn quantity_labels(axis: Axis, scale: Scale, unit: f64) -> Vec<Label> {
    let step = step(axis.to, axis.places(48.0 * unit));
    let all = multiples(0, axis.to, step);
    all.map(|lots| (axis.at(lots), quantity(scale, lots)))
        .collect()
}

fn price_labels(axis: Axis, scale: Scale, grid: i64, unit: f64) -> Vec<Label> {
    let step = step((axis.to - axis.from) / 2, axis.places(110.0 * unit));
    let all = multiples(axis.from.div_euclid(2) + 1, axis.to.div_euclid(2), step);
    all.map(|ticks| (axis.at(2 * ticks), price(scale, ticks, grid)))
        .collect()
}

/// The stairs from the best price outwards, filled to the ground; up to an edge, if there is one.
fn steps(
    heap: &[(Ticks, i128)],
    (prices, lots, edge): (Axis, Axis, Option<f64>),
    color: Color,
    unit: f64,
) -> Vec<Shape> {
    let (Some(first), Some(last)) = (heap.first(), heap.last()) else {
        return Vec::new();
    };
    let x = |ticks: Ticks| prices.at(2 * i128::from(ticks.0));
    let ground = lots.at(0);
    let mut points: Vec<Point> = vec![(x(first.0), ground)];
    let mut height = ground;
    for (ticks, sum) in heap {
        points.push((x(*ticks), height));
        height = lots.at(*sum);
        points.push((x(*ticks), height));
    }
    points.extend(edge.map(|x| (x, height)));
    let mut filled = points.clone();
    filled.push((edge.unwrap_or(x(last.0)), ground));
    let line = Shape::Line {
        points,
        width: 1.8 * unit,
        color,
    };
    let color = color.alpha(70);
    let points = filled;
    vec![Shape::Polygon { points, color }, line]
}
