//! The font that is in the program, so that text looks the same on a machine without any.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};

use super::scene::narrow;

/// Roboto Regular, in part: see `fonts/README.md`.
pub(crate) const BYTES: &[u8] = include_bytes!("../../fonts/Roboto-subset.ttf");

/// Its name in an SVG.
pub(crate) const NAME: &str = "Roboto";

/// The replacement of characters that the font does not have.
const UNKNOWN: char = '\u{fffd}';

/// The font, read.
pub(crate) struct Font(FontRef<'static>);

impl Font {
    /// None only when the program was built with a file that is no font.
    pub(crate) fn load() -> Option<Self> {
        FontRef::new(BYTES).ok().map(Self)
    }

    /// How long a text is at a size, both in pixels.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars()
            .map(|c| self.advance(self.glyph(c), size))
            .sum()
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

    /// Hands the outlines of a text to `pen`: each glyph's, after `place` has told the pen how far along it
    /// begins. They stand on a baseline at 0, and y grows upwards.
    pub(crate) fn outline<P: OutlinePen>(
        &self,
        text: &str,
        size: f64,
        pen: &mut P,
        place: impl Fn(&mut P, f64),
    ) {
        let outlines = self.0.outline_glyphs();
        let mut along = 0.0;
        for c in text.chars() {
            let glyph = self.glyph(c);
            place(pen, along);
            if let Some(outline) = outlines.get(glyph) {
                let size = Size::new(narrow(size));
                // A glyph that cannot be drawn leaves a gap, as a space does.
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
        let metrics = self
            .0
            .glyph_metrics(Size::new(narrow(size)), LocationRef::default());
        metrics.advance_width(glyph).map_or(0.0, f64::from)
    }
}
