//! The embedded font, so that text looks the same on every machine.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};

use super::scene::narrow;

/// A subset of Roboto Regular (see `fonts/README.md`).
pub(crate) const BYTES: &[u8] = include_bytes!("../../fonts/Roboto-subset.ttf");

/// The name of the font in an SVG file.
pub(crate) const NAME: &str = "Roboto";

/// The replacement for characters that the font lacks.
const UNKNOWN: char = '\u{fffd}';

/// The parsed font.
pub(crate) struct Font(FontRef<'static>);

impl Font {
    /// None only if the embedded file is invalid.
    pub(crate) fn load() -> Option<Self> {
        FontRef::new(BYTES).ok().map(Self)
    }

    /// The width of a text at a font size, both in pixels.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars()
            .map(|c| self.advance(self.glyph(c), size))
            .sum()
    }

    /// The text, with its middle cut if it is longer than `room` pixels.
    pub(crate) fn fit(&self, text: &str, size: f64, room: f64) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        let shorter = |kept: usize| {
            let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
            head.iter().chain(&['…']).chain(tail).collect::<String>()
        };
        let mut texts = (0..chars.len()).rev().map(shorter);
        texts
            .find(|text| self.width(text, size) <= room)
            .unwrap_or_default()
    }

    /// Draws the outlines of a text with `pen`, on a baseline at 0 with y upwards. Before each glyph, `move_pen` gets the
    /// glyph's offset along the text, in pixels.
    pub(crate) fn outline<P: OutlinePen>(
        &self,
        text: &str,
        size: f64,
        pen: &mut P,
        move_pen: impl Fn(&mut P, f64),
    ) {
        let outlines = self.0.outline_glyphs();
        let mut along = 0.0;
        for c in text.chars() {
            let glyph = self.glyph(c);
            move_pen(pen, along);
            if let Some(outline) = outlines.get(glyph) {
                let size = Size::new(narrow(size));
                // A glyph that cannot be drawn leaves a gap.
                let _ = outline.draw(DrawSettings::unhinted(size, LocationRef::default()), pen);
            }
            along += self.advance(glyph, size);
        }
    }

    fn glyph(&self, c: char) -> GlyphId {
        let charmap = self.0.charmap();
        let found = charmap.map(c).or_else(|| charmap.map(UNKNOWN));
        found.unwrap_or(GlyphId::NOTDEF)
    }

    fn advance(&self, glyph: GlyphId, size: f64) -> f64 {
        let size = Size::new(narrow(size));
        let metrics = self.0.glyph_metrics(size, LocationRef::default());
        metrics.advance_width(glyph).map_or(0.0, f64::from)
    }
}
