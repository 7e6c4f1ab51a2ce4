//! Rasterizes scenes and encodes images as PNG.

use skrifa::outline::OutlinePen;
use tiny_skia::{
    FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    Transform,
};

use super::color::{Color, PAPER};
use super::font::Font;
use super::scene::{Anchor, Area, Image, Point, Scene, Shape, Text, narrow};
use crate::failure::Failure;

/// The scene as a PNG file.
pub(crate) fn png(scene: &Scene, font: &Font) -> Result<Vec<u8>, Failure> {
    let pixmap = paint(scene, font)?;
    let opaque = pixmap.pixels().iter();
    let rgb: Vec<u8> = opaque
        .flat_map(|it| [it.red(), it.green(), it.blue()])
        .collect();
    encode(scene.size, png::ColorType::Rgb, &[], &rgb).map_err(cannot)
}

/// An image as a PNG file with a palette.
pub(crate) fn indexed(image: &Image) -> Result<Vec<u8>, png::EncodingError> {
    let palette: Vec<u8> = image
        .palette
        .iter()
        .flat_map(|Color([red, green, blue, _])| [*red, *green, *blue])
        .collect();
    encode(image.size, png::ColorType::Indexed, &palette, &image.pixels)
}

fn encode(
    (width, height): (u32, u32),
    color: png::ColorType,
    palette: &[u8],
    pixels: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    if !palette.is_empty() {
        encoder.set_palette(palette);
        // Adjacent palette indices are not similar in colour, so filters would make the file larger.
        encoder.set_filter(png::Filter::NoFilter);
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

fn cannot(error: impl std::fmt::Display) -> Failure {
    Failure::work(format_args!("cannot encode the picture: {error}"))
}

/// Rasterizes a scene.
pub(crate) fn paint(scene: &Scene, font: &Font) -> Result<Pixmap, Failure> {
    let (width, height) = scene.size;
    let mut pixmap = Pixmap::new(width, height).ok_or_else(|| cannot("it has no size"))?;
    let Color([red, green, blue, _]) = PAPER;
    pixmap.fill(tiny_skia::Color::from_rgba8(red, green, blue, 255));
    for shape in scene.layers.iter().flat_map(|layer| &layer.shapes) {
        paint_shape(&mut pixmap, shape, font);
    }
    Ok(pixmap)
}

fn paint_shape(pixmap: &mut Pixmap, shape: &Shape, font: &Font) {
    match shape {
        Shape::Rect { area, color } => {
            if let Some(rect) = rect(area) {
                pixmap.fill_rect(rect, &color_paint(*color), Transform::identity(), None);
            }
        }
        Shape::Line {
            points,
            width,
            color,
        } => line(pixmap, points, *width, *color),
        Shape::Polygon { points, color } => {
            if let Some(path) = path(points, true) {
                fill(pixmap, &path, *color);
            }
        }
        Shape::Text(text) => paint_text(pixmap, text, font),
        Shape::Image(image) => paint_image(pixmap, image),
    }
}

fn color_paint(Color([red, green, blue, alpha]): Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, alpha);
    paint.anti_alias = true;
    paint
}

fn rect(area: &Area) -> Option<Rect> {
    Rect::from_xywh(
        narrow(area.left),
        narrow(area.top),
        narrow(area.width),
        narrow(area.height),
    )
}

fn path(points: &[Point], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (index, (x, y)) in points.iter().enumerate() {
        match index {
            0 => builder.move_to(narrow(*x), narrow(*y)),
            _ => builder.line_to(narrow(*x), narrow(*y)),
        }
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

fn line(pixmap: &mut Pixmap, points: &[Point], width: f64, color: Color) {
    let stroke = Stroke {
        width: narrow(width),
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    if let Some(path) = path(points, false) {
        let paint = color_paint(color);
        pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }
}

fn fill(pixmap: &mut Pixmap, path: &Path, color: Color) {
    let paint = color_paint(color);
    pixmap.fill_path(path, &paint, FillRule::Winding, Transform::identity(), None);
}

fn paint_text(pixmap: &mut Pixmap, text: &Text, font: &Font) {
    let width = font.width(&text.text, text.size);
    let before = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => width / 2.0,
        Anchor::End => width,
    };
    let mut pen = Pen {
        builder: PathBuilder::new(),
        at: text.at,
        along: 0.0,
        upwards: text.upwards,
    };
    font.outline(&text.text, text.size, &mut pen, |pen, along| {
        pen.along = along - before;
    });
    if let Some(path) = pen.builder.finish() {
        fill(pixmap, &path, text.color);
    }
}

/// Copies the pixels of an image. Pixels outside of the picture are dropped.
fn paint_image(pixmap: &mut Pixmap, image: &Image) {
    let (width, height) = (pixmap.width(), pixmap.height());
    let (left, top) = image.at;
    let (columns, rows) = image.size;
    for y in 0..rows.min(height.saturating_sub(top)) {
        for x in 0..columns.min(width.saturating_sub(left)) {
            let color = image.color(y as usize * columns as usize + x as usize);
            if let Some(Color([red, green, blue, _])) = color
                && let Some(pixel) = PremultipliedColorU8::from_rgba(red, green, blue, 255)
            {
                let to = (top + y) as usize * width as usize + (left + x) as usize;
                pixmap.pixels_mut()[to] = pixel;
            }
        }
    }
}

/// Converts the outlines of glyphs to a path.
struct Pen {
    builder: PathBuilder,
    /// The position of the text.
    at: Point,
    /// The offset of the glyph along the text.
    along: f64,
    upwards: bool,
}

impl Pen {
    /// The point of the picture for a point of the glyph.
    fn on(&self, x: f32, y: f32) -> (f32, f32) {
        let (along, up) = (self.along + f64::from(x), f64::from(y));
        let (x, y) = if self.upwards {
            (self.at.0 - up, self.at.1 - along)
        } else {
            (self.at.0 + along, self.at.1 - up)
        };
        (narrow(x), narrow(y))
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.on(x, y);
        self.builder.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.on(x, y);
        self.builder.line_to(x, y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.on(cx, cy), self.on(x, y));
        self.builder.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let ((ax, ay), (bx, by), (x, y)) = (self.on(ax, ay), self.on(bx, by), self.on(x, y));
        self.builder.cubic_to(ax, ay, bx, by, x, y);
    }

    fn close(&mut self) {
        self.builder.close();
    }
}
