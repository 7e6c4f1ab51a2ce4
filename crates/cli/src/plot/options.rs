//! What `ticklot plot` is asked for.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use ticklot::{Scale, Ticks};

use crate::failure::Failure;
use crate::log_position::TimeSpec;
use crate::log_source::LogArgs;
use crate::parse::{duration, levels};
use crate::units::nanos;

const EXAMPLES: &str = "\
Examples:
  ticklot plot btc.jsonl.zst --out book.png
  ticklot plot old.jsonl --venue jayx --out book.svg --from 1m --until 2m --price-range 61700:61900
  ticklot plot btc.jsonl.zst --out depth.png --at 2024-08-08T23:54:30Z

Exit status: 0 when the picture is there; 1 when the log cannot be read or shows no live book; 2 when the arguments
are wrong.";

/// The fewest pixels across and down of a picture: less has no room for labels.
const LEAST_SIDE: u32 = 240;

/// The most pixels across and down of a picture.
const MAX_SIDE: u32 = 4096;

/// The options of `plot`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlotArgs {
    #[command(flatten)]
    pub(crate) source: LogArgs,
    /// The picture: a .png or an .svg file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Which book, when the log has several: its name, or MARKET/NAME
    #[arg(long = "book", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A depth chart at this moment: UTC, such as 2024-08-08T23:54:30Z, or a way into the log, such as 90s
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "until"])]
    pub(crate) at: Option<TimeSpec>,
    /// Begin here, given as above
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<TimeSpec>,
    /// End here, given as above
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<TimeSpec>,
    /// Pixels across and down
    #[arg(long, value_name = "WxH", default_value = "1200x700")]
    pub(crate) size: Size,
    /// The prices in view; where most of the book is when left out
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true)]
    pub(crate) price_range: Option<PriceRange>,
    /// The best levels a side alone; all when left out
    #[arg(long, value_name = "N", value_parser = levels)]
    pub(crate) depth: Option<NonZeroUsize>,
    /// For how long a book is believed when nothing comes
    #[arg(long, value_name = "D", default_value = "30s", value_parser = duration)]
    pub(crate) stale_after: Duration,
}

/// What a picture is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
}

impl PlotArgs {
    /// By the file's extension.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        let extension = self.out.extension().and_then(|it| it.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("png") => Ok(Format::Png),
            Some("svg") => Ok(Format::Svg),
            _ => Err(Failure::Usage(format!(
                "--out {}: name a file that ends in .png or .svg",
                self.out.display()
            ))),
        }
    }

    /// How many levels a side count.
    pub(crate) fn depth(&self) -> usize {
        self.depth.map_or(usize::MAX, NonZeroUsize::get)
    }

    /// How long a book is believed, in nanoseconds.
    pub(crate) fn stale_after_ns(&self) -> u64 {
        nanos(self.stale_after)
    }
}

/// Pixels across and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u32, u32);

impl Size {
    pub(crate) fn pixels(self) -> (u32, u32) {
        (self.0, self.1)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sides = text.split_once('x');
        let sides =
            sides.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let fits = |side: u32| (LEAST_SIDE..=MAX_SIDE).contains(&side);
        sides
            .filter(|(width, height)| fits(*width) && fits(*height))
            .map(|(width, height)| Self(width, height))
            .ok_or_else(|| {
                format!("a size is such as 1200x700, each side {LEAST_SIDE} to {MAX_SIDE}")
            })
    }
}

/// Two prices, as text until the book's scale is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PriceRange(String, String);

impl PriceRange {
    /// In ticks, the lower one first.
    pub(crate) fn ticks(&self, scale: Scale) -> Result<(Ticks, Ticks), Failure> {
        let ticks = |text: &str| {
            let wrong = |error| Failure::Usage(format!("--price-range: {text}: {error}"));
            scale.ticks(text.as_bytes()).map_err(wrong)
        };
        let (low, high) = (ticks(&self.0)?, ticks(&self.1)?);
        if low >= high {
            return Err(Failure::Usage(
                "--price-range: the lower price comes first".to_owned(),
            ));
        }
        Ok((low, high))
    }
}

impl FromStr for PriceRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (low, high) = text
            .split_once(':')
            .ok_or("a range of prices is such as 61700:61900.50")?;
        Ok(Self(low.to_owned(), high.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_picture_sizes() {
        assert_eq!("1200x700".parse(), Ok(Size(1200, 700)));
        for wrong in [
            "",
            "1200",
            "1200x",
            "x700",
            "100x700",
            "1200x9000",
            "-1x700",
            "1200X700",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_are_exact() {
        let range = |text: &str| text.parse::<PriceRange>().unwrap();
        let scale = Scale::new(2, 0).unwrap();
        let ticks = range("61700:61900.5").ticks(scale).unwrap();
        assert_eq!(ticks, (Ticks(6_170_000), Ticks(6_190_050)));
        for wrong in ["2:1", "1:1", ":", "1:2.001", "a:b"] {
            assert!(
                matches!(range(wrong).ticks(scale), Err(Failure::Usage(_))),
                "{wrong}"
            );
        }
        assert!("5".parse::<PriceRange>().is_err());
    }
}
