//! A picture as a list of shapes, which is written as SVG or rasterized as PNG.

use super::color::Color;

/// A point in pixels from the upper left corner.
pub(crate) type Point = (f64, f64);

/// A pixel coordinate in single precision, which is sufficient for the largest picture.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn narrow(pixels: f64) -> f32 {
    pixels as f32
}

/// The shapes of a picture in drawing order.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The width and the height in pixels.
    pub(crate) size: (u32, u32),
    /// A description of the picture for screen readers.
    pub(crate) title: String,
    pub(crate) layers: Vec<Layer>,
}

/// A group of shapes.
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
    /// A raster image.
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
    /// The point of the baseline that `anchor` selects.
    pub(crate) at: Point,
    pub(crate) text: String,
    /// The font's size, in pixels.
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    /// Whether the text is rotated to run upwards.
    pub(crate) upwards: bool,
    pub(crate) color: Color,
}

/// The point of a text that its position refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A raster image with a palette, in pixels of the scene.
#[derive(Debug)]
pub(crate) struct Image {
    /// The position of the upper left corner.
    pub(crate) at: (u32, u32),
    pub(crate) size: (u32, u32),
    pub(crate) palette: Vec<Color>,
    /// The palette index of each pixel, row by row.
    pub(crate) pixels: Vec<u8>,
}

impl Image {
    /// The colour of the pixel with this index.
    pub(crate) fn color(&self, pixel: usize) -> Option<Color> {
        let index = self.pixels.get(pixel)?;
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

    /// Adds a layer on top.
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
