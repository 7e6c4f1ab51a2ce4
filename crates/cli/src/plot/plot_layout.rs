//! What all pictures have: a title, a framed area with labels at its sides, and a legend.

use super::color::{Color, EDGE, FAINT, INK, PAPER};
use super::font::Font;
use super::scene::{Anchor, Area, Point, Scene, Shape, Text};

/// The size that lengths are given for; a larger picture has them larger.
const USUAL: (f64, f64) = (1200.0, 700.0);

/// The font's size beside axes, in usual pixels.
pub(crate) const LABEL: f64 = 13.0;

/// A picture that is being made.
pub(crate) struct PlotLayout<'f> {
    pub(crate) scene: Scene,
    pub(crate) font: &'f Font,
    /// How large a pixel of a usual picture is here.
    pub(crate) unit: f64,
    /// Where values are drawn.
    pub(crate) area: Area,
}

/// The symbol before a word of the legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    Line(Color),
    Up(Color),
    Down(Color),
    Dot(Color),
    Box(Color),
}

/// A value beside an axis: where, and what.
pub(crate) type Label = (f64, String);

impl<'f> PlotLayout<'f> {
    /// An empty picture with a title and a line below it. The area leaves `left` and `right` usual pixels to its sides.
    pub(crate) fn new(
        size: (u32, u32),
        font: &'f Font,
        (title, below): (&str, &str),
        (left, right): (f64, f64),
    ) -> Self {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let unit = (width / USUAL.0).min(height / USUAL.1).max(0.6);
        let (top, bottom) = (86.0 * unit, 56.0 * unit);
        let (left, right) = ((left * unit).round(), (right * unit).round());
        let mut sheet = Self {
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
        let ground = Area {
            left: 0.0,
            top: 0.0,
            width,
            height,
        };
        let room = width - left - 12.0 * unit;
        // A long title is written smaller before it is cut.
        let large = (20.0 * room / font.width(title, 20.0 * unit).max(1.0)).clamp(LABEL, 20.0);
        let line = |y: f64, text: &str, size: f64, color| {
            let text = font.fit(text, size * unit, room);
            Shape::Text(sheet.text((left, y * unit), &text, size, color))
        };
        let texts = vec![
            Shape::Rect {
                area: ground,
                color: PAPER,
            },
            line(30.0, title, large, INK),
            line(50.0, below, LABEL, FAINT),
        ];
        sheet.scene.layer("title", texts);
        sheet
    }

    /// How many usual pixels labels of this width take beside the area, with a caption.
    pub(crate) fn left_of(width: f64) -> f64 {
        width + 42.0
    }

    /// Text from a place on, of so many usual pixels.
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

    /// A value beside an axis.
    pub(crate) fn label(&self, at: Point, text: &str, anchor: Anchor) -> Shape {
        let text = self.text(at, text, LABEL, INK);
        Shape::Text(Text { anchor, ..text })
    }

    /// What an axis is of, written upwards around `at`.
    pub(crate) fn caption(&self, at: Point, text: &str) -> Shape {
        Shape::Text(Text {
            anchor: Anchor::Middle,
            upwards: true,
            ..self.text(at, text, LABEL, FAINT)
        })
    }

    /// The axis at the left, with a line through the area at each label.
    pub(crate) fn left_axis(&mut self, labels: &[Label], caption: &str, grid: Color) {
        let (area, unit) = (self.area, self.unit);
        let mut shapes = Vec::new();
        for (y, text) in labels {
            shapes.push(Shape::stroke(
                (area.left, *y),
                (area.right(), *y),
                unit,
                grid,
            ));
            let from = (area.left - 5.0 * unit, *y);
            shapes.push(Shape::stroke(from, (area.left, *y), unit, INK));
            let at = (area.left - 9.0 * unit, y + 4.5 * unit);
            shapes.push(self.label(at, text, Anchor::End));
        }
        let middle = area.top + area.height / 2.0;
        shapes.push(self.caption((18.0 * unit, middle), caption));
        self.scene.layer("left-axis", shapes);
    }

    /// The axis below, with a line through the area at each label.
    pub(crate) fn lower_axis(&mut self, labels: &[Label], caption: &str, grid: Color) {
        let (area, unit) = (self.area, self.unit);
        let bottom = area.bottom();
        let mut shapes = Vec::new();
        for (x, text) in labels {
            shapes.push(Shape::stroke((*x, area.top), (*x, bottom), unit, grid));
            shapes.push(Shape::stroke(
                (*x, bottom),
                (*x, bottom + 5.0 * unit),
                unit,
                INK,
            ));
            shapes.push(self.label((*x, bottom + 19.0 * unit), text, Anchor::Middle));
        }
        let at = (area.left + area.width / 2.0, bottom + 42.0 * unit);
        shapes.push(Shape::Text(Text {
            anchor: Anchor::Middle,
            ..self.text(at, caption, LABEL, FAINT)
        }));
        self.scene.layer("lower-axis", shapes);
    }

    /// A frame around the area.
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

    /// The legend, in a row above the area.
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

    /// A sign of the legend, 18 usual pixels from `at` on.
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

/// The outline behind a line, so that it stands out from its background.
pub(crate) fn case(points: Vec<Point>, width: f64) -> Shape {
    Shape::Line {
        points,
        width: width + 1.6,
        color: EDGE.alpha(170),
    }
}

/// A triangle of this size around a place, with an edge.
pub(crate) fn triangle(at: Point, size: f64, up: bool, color: Color) -> Vec<Shape> {
    let points = |size: f64| {
        let turn = if up { -1.0 } else { 1.0 };
        let corner = |x: f64, y: f64| (at.0 + x * size, at.1 + turn * y * size);
        vec![corner(0.0, 1.1), corner(-1.0, -0.7), corner(1.0, -0.7)]
    };
    edged(points, size, color)
}

/// A diamond, as above.
pub(crate) fn diamond(at: Point, size: f64, color: Color) -> Vec<Shape> {
    let corner = |x: f64, y: f64| (at.0 + x, at.1 + y);
    let points = |size: f64| {
        vec![
            corner(0.0, -size),
            corner(size, 0.0),
            corner(0.0, size),
            corner(-size, 0.0),
        ]
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
