//! Colours that are distinguishable with every kind of colour vision.

/// Red, green, blue and opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) [u8; 4]);

impl Color {
    pub(crate) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue, 255])
    }

    /// The colour with another opacity.
    pub(crate) const fn alpha(self, alpha: u8) -> Self {
        let Self([red, green, blue, _]) = self;
        Self([red, green, blue, alpha])
    }
}

/// The background of the picture.
pub(crate) const PAPER: Color = Color::rgb(255, 255, 255);
/// Text and frames.
pub(crate) const INK: Color = Color::rgb(28, 30, 36);
/// Less important text.
pub(crate) const FAINT: Color = Color::rgb(96, 100, 110);
/// Times without a live book.
pub(crate) const NOT_LIVE: Color = Color::rgb(160, 163, 172);
/// Unknown quantities: beyond the outermost level of a book.
pub(crate) const BEYOND: Color = Color::rgb(234, 236, 240);
/// Grid lines over areas of any colour.
pub(crate) const GRID: Color = Color([120, 124, 134, 70]);
/// The outline of shapes over a heatmap, so that they contrast with all of its colours.
pub(crate) const EDGE: Color = Color::rgb(8, 10, 20);
/// Bids: a blue that is distinguishable from [`ASK`] with every kind of colour vision (M. Okabe and K. Ito, "Color
/// Universal Design", 2008: sky blue).
pub(crate) const BID: Color = Color::rgb(86, 180, 233);
/// Asks (from the same source: orange, slightly lighter).
pub(crate) const ASK: Color = Color::rgb(255, 140, 66);

/// The number of steps of a heatmap's colour scale.
pub(crate) const STEPS: usize = 254;

/// `viridis` in sixteenths: from dark violet over green to yellow, with evenly increasing lightness for every kind of
/// colour vision (S. van der Walt and N. Smith, "A Better Default Colormap for Matplotlib", 2015; dedicated to the
/// public domain, CC0).
const VIRIDIS: [[u8; 3]; 17] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x18, 0x6a],
    [0x47, 0x2d, 0x7b],
    [0x42, 0x40, 0x86],
    [0x3b, 0x52, 0x8b],
    [0x33, 0x63, 0x8d],
    [0x2c, 0x72, 0x8e],
    [0x26, 0x82, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x1f, 0xa0, 0x88],
    [0x28, 0xae, 0x80],
    [0x3f, 0xbc, 0x73],
    [0x5e, 0xc9, 0x62],
    [0x84, 0xd4, 0x4b],
    [0xad, 0xdc, 0x30],
    [0xd8, 0xe2, 0x19],
    [0xfd, 0xe7, 0x25],
];

/// The colour of step 0 to [`STEPS`] - 1 of a heatmap's scale. Larger steps have the last colour.
pub(crate) fn heat(step: usize) -> Color {
    let parts = VIRIDIS.len() - 1;
    let position = step.min(STEPS - 1) * parts;
    let (index, between) = (position / (STEPS - 1), position % (STEPS - 1));
    let (low, high) = (VIRIDIS[index], VIRIDIS[(index + 1).min(parts)]);
    let [red, green, blue] = [0, 1, 2].map(|part| {
        let low = usize::from(low[part]) * (STEPS - 1 - between);
        let sum = low + usize::from(high[part]) * between;
        u8::try_from(sum / (STEPS - 1)).unwrap_or(u8::MAX)
    });
    Color::rgb(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2), 0 to 1.
    fn luminance(Color([red, green, blue, _]): Color) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            match part <= 0.04045 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn more_is_always_lighter() {
        for step in 8..STEPS {
            // Adjacent steps may be equal after rounding to bytes.
            assert!(luminance(heat(step)) > luminance(heat(step - 8)), "{step}");
        }
        assert_eq!(heat(0), Color::rgb(0x44, 0x01, 0x54));
        assert_eq!(heat(STEPS - 1), Color::rgb(0xfd, 0xe7, 0x25));
        assert_eq!(heat(usize::MAX), heat(STEPS - 1));
    }

    #[test]
    fn text_and_lines_stand_out() {
        assert!(contrast(INK, PAPER) > 7.0);
        assert!(contrast(FAINT, PAPER) > 4.5);
        for line in [BID, ASK] {
            assert!(contrast(line, EDGE) > 6.0);
            // Either the line or its edge contrasts with the heatmap.
            for step in 0..STEPS {
                let best = contrast(line, heat(step)).max(contrast(EDGE, heat(step)));
                assert!(best > 2.7, "step {step}: {best}");
            }
        }
    }
}
