//! The speed at which a log is replayed or served.

use std::str::FromStr;

/// The speed of a replay: a multiple of the recorded one, or as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SpeedArg {
    Times(f64),
    Max,
}

impl FromStr for SpeedArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text
            .strip_suffix('x')
            .and_then(|number| number.parse::<f64>().ok());
        times
            .filter(|times| times.is_finite() && *times > 0.0)
            .map(Self::Times)
            .ok_or("expected a positive factor, such as 1x or 0.5x, or max")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_replay_speeds() {
        assert_eq!("1x".parse(), Ok(SpeedArg::Times(1.0)));
        assert_eq!("0.5x".parse(), Ok(SpeedArg::Times(0.5)));
        assert_eq!("max".parse(), Ok(SpeedArg::Max));
        for wrong in ["", "x", "1", "0x", "-1x", "infx", "NaNx", "fast"] {
            assert!(wrong.parse::<SpeedArg>().is_err(), "{wrong}");
        }
    }
}
