//! Parsers of option values.

use std::num::NonZeroUsize;
use std::time::Duration;

use ticklot::Scale;
use ticklot::kraken::Depth;

/// A length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text);
    time.map_err(|_| "a length of time is such as 500ms, 5s or 1m 30s")
}

/// The time between two of many.
pub(crate) fn interval(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| !time.is_zero())
        .ok_or("an interval is a length of time above zero, such as 50us, 100us or 1ms")
}

/// The number of a processor.
pub(crate) fn processor(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .map_err(|_| "a processor is a number from 0 on")
}

/// How many decimals a price or a quantity has.
pub(crate) fn decimals(text: &str) -> Result<u8, &'static str> {
    let number = text
        .parse()
        .ok()
        .filter(|number| Scale::new(*number, 0).is_ok());
    number.ok_or("decimals are a number from 0 to 18")
}

/// How many levels a side are shown.
pub(crate) fn levels(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "levels are a number from 1 on")
}

/// How many levels a side a book of Kraken has.
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
            assert!(levels(wrong).is_err_and(|it| it.contains("from 1 on")));
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
