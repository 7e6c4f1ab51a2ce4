//! The common parts of all pictures: the title, the framed area with its axes, and the legend.

use ticklot::{Lots, Scale, Ticks};

use super::axis::{Axis, multiples, step};
use super::color::{Color, EDGE, FAINT, INK, PAPER};
use super::font::Font;
use super::scene::{Anchor, Area, Point, Scene, Shape, Text};
use crate::units::trailing_zeros;

/// The default size of a picture. Lengths are defined for this size and scale with the picture.
const DEFAULT: (f64, f64) = (1200.0, 700.0);

/// The font size of labels, in pixels of a picture of the default size.
pub(crate) const LABEL: f64 = 13.0;

/// A picture that is being drawn.
pub(crate) struct PlotLayout<'f> {
    pub(crate) scene: Scene,
    pub(crate) font: &'f Font,
    /// The size of a default picture's pixel in this picture.
    pub(crate) unit: f64,
    /// The area of the values.
    pub(crate) area: Area,
}

/// A symbol of the legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    Line(Color),
    Up(Color),
    Down(Color),
    Dot(Color),
    Box(Color),
}

/// A label of an axis: its position along the axis, and its text.
pub(crate) type Label = (f64, String);

/// An axis of the prices `low..=high` on the pixels `start..=end`. Its values are twice the ticks, because it extends by
/// half the price unit beyond both prices.
pub(crate) fn price_axis((low, high): (i128, i128), unit: i64, (start, end): (f64, f64)) -> Axis {
    Axis {
        from: 2 * low - i128::from(unit),
        to: 2 * high + i128::from(unit),
        start,
        end,
    }
}

/// The labels of a [`price_axis`]. Each needs `room` pixels.
pub(crate) fn price_labels(axis: Axis, scale: Scale, unit: i64, room: f64) -> Vec<Label> {
    let step = step((axis.to - axis.from) / 2, axis.labels(room));
    let all = multiples(axis.from.div_euclid(2) + 1, axis.to.div_euclid(2), step);
    let label = |ticks| (axis.at(2 * ticks), price(scale, ticks, unit));
    all.map(label).collect()
}

/// A price with the decimals of the instrument. If these are more than two, zeros that all multiples of `unit` ticks
/// have are omitted.
pub(crate) fn price(scale: Scale, ticks: i128, unit: i64) -> String {
    let ticks = Ticks(i64::try_from(ticks).unwrap_or(i64::MAX));
    let spare = scale.price_decimals().saturating_sub(2);
    let zeros = trailing_zeros(unit).min(spare);
    trim_zeros(&scale.price(ticks).to_string(), zeros.into())
}

/// A quantity without trailing zeros.
pub(crate) fn quantity(scale: Scale, lots: i128) -> String {
    let lots = Lots(i64::try_from(lots).unwrap_or(i64::MAX));
    trim_zeros(&scale.quantity(lots).to_string(), usize::MAX)
}

/// A decimal without its trailing zeros, at most `most` of them, and without a trailing point.
fn trim_zeros(text: &str, most: usize) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    let least = text.len().saturating_sub(most);
    let kept = text.trim_end_matches('0').len().max(least);
    text[..kept].trim_end_matches('.').to_owned()
}

impl<'f> PlotLayout<'f> {
    /// An empty picture with a title and a line below it. The widths to the left and right of the area are in pixels of
    /// a picture of the default size.
    pub(crate) fn new(
        size: (u32, u32),
        font: &'f Font,
        (title, below): (&str, &str),
        (left, right): (f64, f64),
    ) -> Self {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let unit = (width / DEFAULT.0).min(height / DEFAULT.1).max(0.6);
        let (top, bottom) = (86.0 * unit, 56.0 * unit);
        let (left, right) = ((left * unit).round(), (right * unit).round());
        let mut layout = Self {
            scene: Scene::new(size, format!("{title}. {below}")),
            font,
            unit,
            area: Area {
                left,
                top: top.round(),
                width: (width - left - right).max(1.0),
                height: (height - top.round() - bottom.round()).max(1.0),
            },
        };
        let background = Area {
            left: 0.0,
            top: 0.0,
            width,
            height,
        };
        let room = width - left - 12.0 * unit;
        // A long title is shrunk before it is cut.
        let large = (20.0 * room / font.width(title, 20.0 * unit).max(1.0)).clamp(LABEL, 20.0);
        let line = |y: f64, text: &str, size: f64, color| {
            let text = font.fit(text, size * unit, room);
            Shape::Text(layout.text((left, y * unit), &text, size, color))
        };
        let texts = vec![
            Shape::Rect {
                area: background,
                color: PAPER,
            },
            line(30.0, title, large, INK),
            line(50.0, below, LABEL, FAINT),
        ];
        layout.scene.layer("title", texts);
        layout
    }

    /// The width to the left of the area for labels of this width and a caption.
    pub(crate) fn left_of(width: f64) -> f64 {
        width + 42.0
    }

    /// Text that starts at a point. The font size is in pixels of a picture of the default size.
    pub(crate) fn text(&self, at: Point, text: &str, size: f64, color: Color) -> Text {
        Text {
            at,
            text: text.to_owned(),
            size: size * self.unit,
            anchor: Anchor::Start,
            upwards: false,
            color,
        }
    }

    /// A label.
    pub(crate) fn label(&self, at: Point, text: &str, anchor: Anchor) -> Shape {
        let text = self.text(at, text, LABEL, INK);
        Shape::Text(Text { anchor, ..text })
    }

    /// The caption of a vertical axis, centred at a point.
    pub(crate) fn caption(&self, at: Point, text: &str) -> Shape {
        Shape::Text(Text {
            anchor: Anchor::Middle,
            upwards: true,
            ..self.text(at, text, LABEL, FAINT)
        })
    }

    /// Draws the axis at the left, with a grid line at each label.
    pub(crate) fn left_axis(&mut self, labels: &[Label], caption: &str, grid: Color) {
        let (area, unit) = (self.area, self.unit);
        let mut shapes = Vec::new();
        for (y, text) in labels {
            let (left, right) = ((area.left, *y), (area.right(), *y));
            shapes.push(Shape::stroke(left, right, unit, grid));
            let tick = (area.left - 5.0 * unit, *y);
            shapes.push(Shape::stroke(tick, left, unit, INK));
            let at = (area.left - 9.0 * unit, y + 4.5 * unit);
            shapes.push(self.label(at, text, Anchor::End));
        }
        let middle = area.top + area.height / 2.0;
        shapes.push(self.caption((18.0 * unit, middle), caption));
        self.scene.layer("left-axis", shapes);
    }

    /// Draws the axis at the bottom, with a grid line at each label.
    pub(crate) fn lower_axis(&mut self, labels: &[Label], caption: &str, grid: Color) {
        let (area, unit) = (self.area, self.unit);
        let bottom = area.bottom();
        let mut shapes = Vec::new();
        for (x, text) in labels {
            shapes.push(Shape::stroke((*x, area.top), (*x, bottom), unit, grid));
            let tick = (*x, bottom + 5.0 * unit);
            shapes.push(Shape::stroke((*x, bottom), tick, unit, INK));
            shapes.push(self.label((*x, bottom + 19.0 * unit), text, Anchor::Middle));
        }
        let at = (area.left + area.width / 2.0, bottom + 42.0 * unit);
        shapes.push(Shape::Text(Text {
            anchor: Anchor::Middle,
            ..self.text(at, caption, LABEL, FAINT)
        }));
        self.scene.layer("lower-axis", shapes);
    }

    /// Draws the frame of the area.
    pub(crate) fn frame(&mut self) {
        let Area { left, top, .. } = self.area;
        let (right, bottom) = (self.area.right(), self.area.bottom());
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        let line = Shape::Line {
            points: corners.to_vec(),
            width: self.unit,
            color: INK,
        };
        self.scene.layer("frame", vec![line]);
    }

    /// Draws the legend in a row above the area.
    pub(crate) fn legend(&mut self, entries: &[(Key, String)]) {
        let unit = self.unit;
        let (mut x, y) = (self.area.left, 70.0 * unit);
        let mut shapes = Vec::new();
        for (key, text) in entries {
            shapes.extend(self.key(*key, (x, y)));
            shapes.push(self.label((x + 24.0 * unit, y + 4.5 * unit), text, Anchor::Start));
            x += 46.0 * unit + self.font.width(text, LABEL * unit);
        }
        self.scene.layer("legend", shapes);
    }

    /// A symbol of the legend that starts at a point and is 18 pixels of a default picture wide.
    fn key(&self, key: Key, (x, y): Point) -> Vec<Shape> {
        let unit = self.unit;
        let middle = x + 9.0 * unit;
        match key {
            Key::Line(color) => {
                let points = vec![(x, y), (x + 18.0 * unit, y)];
                let line = Shape::stroke(points[0], points[1], 3.0 * unit, color);
                vec![case(points, 3.0 * unit), line]
            }
            Key::Up(color) => triangle((middle, y), 5.5 * unit, true, color),
            Key::Down(color) => triangle((middle, y), 5.5 * unit, false, color),
            Key::Dot(color) => diamond((middle, y), 5.0 * unit, color),
            Key::Box(color) => {
                let area = Area {
                    left: x,
                    top: y - 6.0 * unit,
                    width: 18.0 * unit,
                    height: 12.0 * unit,
                };
                vec![Shape::Rect { area, color }]
            }
        }
    }
}

/// The outline of a line, so that it contrasts with its background.
pub(crate) fn case(points: Vec<Point>, width: f64) -> Shape {
    Shape::Line {
        points,
        width: width + 1.6,
        color: EDGE.alpha(170),
    }
}

/// A triangle of this size around a point, with an edge.
pub(crate) fn triangle(at: Point, size: f64, up: bool, color: Color) -> Vec<Shape> {
    let points = |size: f64| {
        let turn = if up { -1.0 } else { 1.0 };
        let corner = |x: f64, y: f64| (at.0 + x * size, at.1 + turn * y * size);
        vec![corner(0.0, 1.1), corner(-1.0, -0.7), corner(1.0, -0.7)]
    };
    edged(points, size, color)
}

/// A diamond of this size around a point, with an edge.
pub(crate) fn diamond(at: Point, size: f64, color: Color) -> Vec<Shape> {
    let points = |size: f64| {
        let corners = [(0.0, -size), (size, 0.0), (0.0, size), (-size, 0.0)];
        corners.map(|(x, y)| (at.0 + x, at.1 + y)).to_vec()
    };
    edged(points, size, color)
}

fn edged(points: impl Fn(f64) -> Vec<Point>, size: f64, color: Color) -> Vec<Shape> {
    let polygon = |points, color| Shape::Polygon { points, color };
    vec![
        polygon(points(size * 1.2 + 0.8), EDGE),
        polygon(points(size), color),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_only_trailing_zeros() {
        for (text, most, expected) in [
            ("45.334000", 3, "45.334"),
            ("45.330000", 3, "45.330"),
            ("45.000000", 6, "45"),
            ("2.500000", usize::MAX, "2.5"),
            ("100", usize::MAX, "100"),
            ("0.00", 1, "0.0"),
        ] {
            assert_eq!(trim_zeros(text, most), expected);
        }
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
}
