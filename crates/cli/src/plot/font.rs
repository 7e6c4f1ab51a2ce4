//! The font that is in the program, so that text looks the same on a machine without any.

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Roboto Regular, in part: see `fonts/README.md`.
pub(crate) const BYTES: &[u8] = include_bytes!("../../fonts/Roboto-subset.ttf");

/// Its name in an SVG.
pub(crate) const NAME: &str = "Roboto";

/// The replacement of characters that the font does not have.
const UNKNOWN: char = '\u{fffd}';

/// The font, read.
pub(crate) struct Font(Face<'static>);

impl Font {
    /// None only when the program was built with a file that is no font.
    pub(crate) fn load() -> Option<Self> {
        Face::parse(BYTES, 0).ok().map(Self)
    }

    /// The pixels of a unit of the font's design at a size in pixels.
    pub(crate) fn scale(&self, size: f64) -> f64 {
        size / f64::from(self.0.units_per_em())
    }

    /// How long a text is at a size, both in pixels.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        let advances = text.chars().map(|c| self.advance(self.glyph(c)));
        advances.sum::<f64>() * self.scale(size)
    }

    /// The text, or as much of both its ends as fits into `room` pixels.
    pub(crate) fn fit(&self, text: &str, size: f64, room: f64) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        let shorter = |kept: usize| {
            let head = chars[..kept.div_ceil(2)].iter();
            head.chain(&['…'])
                .chain(&chars[chars.len() - kept / 2..])
                .collect::<String>()
        };
        (0..chars.len())
            .rev()
            .map(shorter)
            .find(|text| self.width(text, size) <= room)
            .unwrap_or_default()
    }

    /// Passes the outlines of a text to `builder`, in units of the font's design: calls `place` with the start of
    /// each glyph along the text before its outline. They stand on a baseline at 0, and y grows upwards.
    pub(crate) fn outline<B: OutlineBuilder>(
        &self,
        text: &str,
        builder: &mut B,
        place: impl Fn(&mut B, f64),
    ) {
        let mut along = 0.0;
        for c in text.chars() {
            let glyph = self.glyph(c);
            place(builder, along);
            // A glyph that cannot be drawn leaves a gap, as a space does.
            let _ = self.0.outline_glyph(glyph, builder);
            along += self.advance(glyph);
        }
    }

    fn glyph(&self, c: char) -> GlyphId {
        let found = self.0.glyph_index(c).or(self.0.glyph_index(UNKNOWN));
        found.unwrap_or_default()
    }

    /// The width of a glyph, in units of the font's design.
    fn advance(&self, glyph: GlyphId) -> f64 {
        self.0.glyph_hor_advance(glyph).map_or(0.0, f64::from)
    }
}
