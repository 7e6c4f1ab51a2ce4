//! The options of `ticklot plot`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ticklot::{Scale, Ticks};

use crate::failure::{Failure, usage};
use crate::log_position::TimeSpec;
use crate::log_source::LogArgs;
use crate::parse::{duration, levels};
use crate::units::nanos;

const EXAMPLES: &str = "\
Examples:
  ticklot plot btc.jsonl.zst --out book.png
  ticklot plot old.jsonl --venue jayx --out book.svg --from 1m --until 2m --price-range 61700:61900
  ticklot plot btc.jsonl.zst --out depth.png --at 2024-08-08T23:54:30Z

Exit status: 0 when the picture was written; 1 when the log cannot be read or has no live book; 2 when the arguments
are invalid.";

/// The minimum width and height of a picture in pixels. A smaller one has no room for labels.
const LEAST_SIDE: u32 = 240;

/// The largest width and height of a picture in pixels.
const MAX_SIDE: u32 = 4096;

/// The options of `plot`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlotArgs {
    #[command(flatten)]
    pub(crate) source: LogArgs,
    /// The picture, a .png or .svg file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The book, if the log has several: its name, or MARKET/NAME
    #[arg(long = "book", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Draw a depth chart at this time: UTC (2024-08-08T23:54:30Z) or an offset into the log (90s)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "until"])]
    pub(crate) at: Option<TimeSpec>,
    /// The start of the heatmap, in the same format as --at
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<TimeSpec>,
    /// The end of the heatmap, in the same format as --at
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<TimeSpec>,
    /// The width and the height in pixels
    #[arg(long, value_name = "WxH", default_value = "1200x700", value_parser = size)]
    pub(crate) size: (u32, u32),
    /// The prices in view (by default, those of most of the book)
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true, value_parser = price_range)]
    pub(crate) price_range: Option<PriceRange>,
    /// Draw only the best N levels per side
    #[arg(long, value_name = "N", value_parser = levels)]
    pub(crate) depth: Option<NonZeroUsize>,
    /// The time without a message after which a book is stale
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    pub(crate) stale_after: Duration,
}

/// The file format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
}

impl PlotArgs {
    /// The format that the file's extension selects.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        let extension = self.out.extension().and_then(|it| it.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("png") => Ok(Format::Png),
            Some("svg") => Ok(Format::Svg),
            _ => Err(usage!(
                "--out {}: name a file that ends in .png or .svg",
                self.out.display()
            )),
        }
    }

    /// The number of levels per side to draw.
    pub(crate) fn depth(&self) -> usize {
        self.depth.map_or(usize::MAX, NonZeroUsize::get)
    }

    /// The time after which a book is stale, in nanoseconds.
    pub(crate) fn stale_after_ns(&self) -> u64 {
        nanos(self.stale_after)
    }
}

/// A width and a height in pixels.
fn size(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once('x');
    let parsed =
        parsed.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |side: &u32| (LEAST_SIDE..=MAX_SIDE).contains(side);
    let size = parsed.filter(|(width, height)| fits(width) && fits(height));
    size.ok_or_else(|| {
        format!("expected a size such as 1200x700, each side {LEAST_SIDE} to {MAX_SIDE}")
    })
}

/// Two prices, which are text until the book's scale is known.
#[derive(Clone, Debug)]
pub(crate) struct PriceRange(String, String);

impl PriceRange {
    /// The prices in ticks, the lower one first.
    pub(crate) fn ticks(&self, scale: Scale) -> Result<(Ticks, Ticks), Failure> {
        let ticks = |text: &str| {
            let parsed = scale.ticks(text.as_bytes());
            parsed.map_err(|error| usage!("--price-range: {text}: {error}"))
        };
        let (low, high) = (ticks(&self.0)?, ticks(&self.1)?);
        match low < high {
            true => Ok((low, high)),
            false => Err(usage!("--price-range: the lower price comes first")),
        }
    }
}

fn price_range(text: &str) -> Result<PriceRange, &'static str> {
    let prices = text.split_once(':');
    let (low, high) = prices.ok_or("expected a range of prices, such as 61700:61900.50")?;
    Ok(PriceRange(low.to_owned(), high.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_picture_sizes() {
        assert_eq!(size("1200x700"), Ok((1200, 700)));
        let wrong = ["", "1200", "1200x", "x700", "100x700", "1200x9000"];
        for wrong in wrong.iter().chain(&["-1x700", "1200X700"]) {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_are_exact() {
        let scale = Scale::new(2, 0).unwrap();
        let ticks = |text| price_range(text).unwrap().ticks(scale);
        let expected = (Ticks(6_170_000), Ticks(6_190_050));
        assert_eq!(ticks("61700:61900.5").unwrap(), expected);
        for wrong in ["2:1", "1:1", ":", "1:2.001", "a:b"] {
            assert!(matches!(ticks(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
        assert!(price_range("5").is_err());
    }
}
