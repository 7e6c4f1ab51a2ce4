//! A picture as a list of shapes, to be written as SVG or painted as PNG.

use super::color::Color;

/// A place, in pixels from the upper left corner.
pub(crate) type Point = (f64, f64);

/// Pixels for those who count them in half the bits: no picture is so large that it matters.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn narrow(pixels: f64) -> f32 {
    pixels as f32
}

/// Everything that is in a picture, in the order in which it is painted.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Pixels across and down.
    pub(crate) size: (u32, u32),
    /// What it shows, for those who do not see it.
    pub(crate) title: String,
    pub(crate) layers: Vec<Layer>,
}

/// Shapes that belong together.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) shapes: Vec<Shape>,
}

#[derive(Debug)]
pub(crate) enum Shape {
    /// A filled rectangle.
    Rect { area: Area, color: Color },
    /// A line through all points.
    Line {
        points: Vec<Point>,
        width: f64,
        color: Color,
    },
    /// A filled polygon.
    Polygon { points: Vec<Point>, color: Color },
    /// A line of text.
    Text(Text),
    /// A picture in the picture.
    Image(Image),
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Area {
    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

#[derive(Debug)]
pub(crate) struct Text {
    /// On the baseline, where `anchor` says.
    pub(crate) at: Point,
    pub(crate) text: String,
    /// The font's size, in pixels.
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    /// Written upwards.
    pub(crate) upwards: bool,
    pub(crate) color: Color,
}

/// Which point of a text its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture of few colours, one pixel of it for one of the scene.
#[derive(Debug)]
pub(crate) struct Image {
    /// Where its upper left corner is.
    pub(crate) at: (u32, u32),
    pub(crate) size: (u32, u32),
    pub(crate) palette: Vec<Color>,
    /// The place of each pixel's colour in the palette, row by row.
    pub(crate) pixels: Vec<u8>,
}

impl Image {
    /// The colour of the pixel at `place`.
    pub(crate) fn color(&self, place: usize) -> Option<Color> {
        let index = self.pixels.get(place)?;
        self.palette.get(usize::from(*index)).copied()
    }
}

impl Scene {
    pub(crate) fn new(size: (u32, u32), title: String) -> Self {
        Self {
            size,
            title,
            layers: Vec::new(),
        }
    }

    /// Adds shapes on top.
    pub(crate) fn layer(&mut self, name: &'static str, shapes: Vec<Shape>) {
        self.layers.push(Layer { name, shapes });
    }
}

impl Shape {
    /// A straight line.
    pub(crate) fn stroke(from: Point, to: Point, width: f64, color: Color) -> Self {
        Self::Line {
            points: vec![from, to],
            width,
            color,
        }
    }
}
