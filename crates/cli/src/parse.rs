//! Parsers of option values.

use std::num::NonZeroUsize;
use std::time::Duration;

use ticklot::Scale;
use ticklot::kraken::Depth;

/// A duration.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text);
    time.map_err(|_| "expected a duration, such as 500ms, 5s or 1m 30s")
}

/// An interval above zero.
pub(crate) fn interval(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| !time.is_zero())
        .ok_or("expected a duration above zero, such as 50us, 100us or 1ms")
}

/// The number of a processor.
pub(crate) fn processor(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .map_err(|_| "expected a processor number from 0")
}

/// The number of decimals of a price or a quantity.
pub(crate) fn decimals(text: &str) -> Result<u8, &'static str> {
    let number = text
        .parse()
        .ok()
        .filter(|number| Scale::new(*number, 0).is_ok());
    number.ok_or("expected a number from 0 to 18")
}

/// A number of levels per side.
pub(crate) fn levels(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a number of at least 1")
}

/// A size in bytes, such as `100MB` or `64MiB`.
pub(crate) fn file_size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (unit, bytes) = unit.copied().unwrap_or(("", 1));
    let number = text.strip_suffix(unit).map(str::trim_end);
    number
        .and_then(|number| number.parse::<u64>().ok()?.checked_mul(bytes))
        .filter(|bytes| *bytes > 0)
        .ok_or("expected a size above zero, such as 100MB, 64MiB or 1000000 (bytes)")
}

/// A number of levels per side that Kraken offers.
pub(crate) fn kraken_depth(text: &str) -> Result<Depth, String> {
    let depth = text.parse().ok().and_then(Depth::from_levels);
    depth.ok_or_else(|| {
        let all = Depth::ALL.map(|depth| depth.levels().to_string());
        format!("the depth of a book is one of {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_give_an_example() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!((decimals("0"), decimals("18")), (Ok(0), Ok(18)));
        assert_eq!(levels("1").map(NonZeroUsize::get), Ok(1));
        for wrong in ["", "-1", "soon", "19", "1.5"] {
            assert!(decimals(wrong).is_err_and(|it| it.contains("from 0 to 18")));
            assert!(duration(wrong).is_err_and(|it| it.contains("such as 500ms")));
        }
        for wrong in ["", "0", "-1", "all"] {
            assert!(levels(wrong).is_err_and(|it| it.contains("at least 1")));
        }
    }

    #[test]
    fn parses_file_sizes() {
        for (text, bytes) in [
            ("100MB", 100_000_000),
            ("64MiB", 64 << 20),
            ("2 KiB", 2048),
            ("7", 7),
            ("1B", 1),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(file_size(text), Ok(bytes), "{text}");
        }
        let wrong = ["", "MB", "0", "0MB", "-1", "1.5MB", "1TB", "1e3"];
        for wrong in wrong.iter().chain(&["99999999999GB"]) {
            assert!(file_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parses_kraken_depths() {
        assert_eq!(kraken_depth("100").map(Depth::levels), Ok(100));
        for wrong in ["", "0", "11", "-10", "deep"] {
            let error = kraken_depth(wrong).unwrap_err();
            assert!(error.contains("10, 25, 100, 500, 1000"), "{error}");
        }
    }
}
