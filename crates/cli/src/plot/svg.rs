//! Writes scenes as SVG (W3C, "Scalable Vector Graphics (SVG) 1.1", 2011; `@font-face` as in CSS).

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::color::Color;
use super::font;
use super::raster;
use super::scene::{Anchor, Image, Point, Scene, Shape, Text};
use crate::failure::Failure;

/// The whole document.
pub(crate) fn write(scene: &Scene) -> Result<String, Failure> {
    let mut out = String::new();
    let written = head(&mut out, scene).and_then(|()| {
        for layer in &scene.layers {
            writeln!(out, "<g id=\"{}\">", layer.name)?;
            layer.shapes.iter().try_for_each(|it| shape(&mut out, it))?;
            out.push_str("</g>\n");
        }
        Ok(())
    });
    written.map_err(|_| Failure::work("cannot encode the picture"))?;
    out.push_str("</svg>\n");
    Ok(out)
}

fn head(out: &mut String, scene: &Scene) -> fmt::Result {
    let (width, height) = scene.size;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    )?;
    writeln!(out, "<title>{}</title>", Escaped(&scene.title))?;
    writeln!(
        out,
        "<style>@font-face{{font-family:\"{name}\";src:url(data:font/ttf;base64,{data})}}\
         text{{font-family:\"{name}\",sans-serif}}</style>",
        name = font::NAME,
        data = BASE64.encode(font::BYTES),
    )
}

fn shape(out: &mut String, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Rect { area, color } => writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>",
            Px(area.left),
            Px(area.top),
            Px(area.width),
            Px(area.height),
            Paint("fill", *color)
        ),
        Shape::Line {
            points,
            width,
            color,
        } => writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\"{}/>",
            Points(points),
            Px(*width),
            Paint("stroke", *color)
        ),
        Shape::Polygon { points, color } => writeln!(
            out,
            "<polygon points=\"{}\"{}/>",
            Points(points),
            Paint("fill", *color)
        ),
        Shape::Text(text) => write_text(out, text),
        Shape::Image(image) => write_image(out, image),
    }
}

fn write_text(out: &mut String, text: &Text) -> fmt::Result {
    let (x, y) = (Px(text.at.0), Px(text.at.1));
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\"{}",
        Px(text.size),
        Paint("fill", text.color)
    )?;
    if text.upwards {
        write!(out, " transform=\"rotate(-90 {x} {y})\"")?;
    }
    writeln!(out, ">{}</text>", Escaped(&text.text))
}

fn write_image(out: &mut String, image: &Image) -> fmt::Result {
    let ((x, y), (width, height)) = (image.at, image.size);
    let data = BASE64.encode(raster::indexed(image).map_err(|_| fmt::Error)?);
    writeln!(
        out,
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
         style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{data}\"/>"
    )
}

/// Displays pixels with at most two decimals.
struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

struct Points<'a>(&'a [Point]);

impl fmt::Display for Points<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (x, y)) in self.0.iter().enumerate() {
            let gap = if index > 0 { " " } else { "" };
            write!(f, "{gap}{},{}", Px(*x), Px(*y))?;
        }
        Ok(())
    }
}

/// Displays the attribute of a colour, and of its opacity unless it is opaque.
struct Paint(&'static str, Color);

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, Color([red, green, blue, alpha])) = self;
        write!(f, " {name}=\"#{red:02x}{green:02x}{blue:02x}\"")?;
        if *alpha < 255 {
            write!(f, " {name}-opacity=\"{}\"", Px(f64::from(*alpha) / 255.0))?;
        }
        Ok(())
    }
}

/// Displays text with XML escapes. Control characters, which XML forbids, are escaped earlier.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
