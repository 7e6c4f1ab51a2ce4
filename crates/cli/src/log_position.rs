//! Positions in a log, as options specify them: a time, `+90s` or `frame:6000`.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use crate::failure::{Failure, usage};
use crate::units::nanos;

/// A time in a log: absolute, or relative to the log's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeSpec {
    /// Nanoseconds since 1970, UTC.
    Clock(u64),
    /// After the first frame that has a time.
    After(Duration),
}

impl TimeSpec {
    /// The time in nanoseconds since 1970, for a log that begins at `first`.
    pub(crate) fn of(self, first: u64) -> u64 {
        match self {
            Self::Clock(at) => at,
            Self::After(wait) => first.saturating_add(nanos(wait)),
        }
    }

    /// Whether it is after `other` in a log that begins at `first`. While `first` is unknown, only times of the same kind
    /// can be compared, and the result for others is false.
    pub(crate) fn is_after(self, other: Self, first: Option<u64>) -> bool {
        let alike = std::mem::discriminant(&self) == std::mem::discriminant(&other);
        let first = first.or(alike.then_some(0));
        first.is_some_and(|first| self.of(first) > other.of(first))
    }
}

/// Parses a time of RFC 3339 in UTC; `T`, `Z` and the fraction are optional. A fraction needs digits. Second 60 is valid
/// only as the leap second at 23:59, and means the next second, as in Unix time.
fn rfc3339(text: &str) -> Option<u64> {
    let is_leap = text.get(17..19) == Some("60");
    let has_digits = text
        .split_once('.')
        .is_none_or(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    if !has_digits || (is_leap && text.get(11..17) != Some("23:59:")) {
        return None;
    }
    let at = humantime::parse_rfc3339_weak(text).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    // humantime reads second 60 as 59.
    Some(nanos(since + Duration::from_secs(u64::from(is_leap))))
}

impl FromStr for TimeSpec {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(at) = rfc3339(text) {
            return Ok(Self::Clock(at));
        }
        if let Ok(at) = text.parse()
            && !text.starts_with('+')
        {
            return Ok(Self::Clock(at));
        }
        let wait = humantime::parse_duration(text.strip_prefix('+').unwrap_or(text));
        wait.map(Self::After).map_err(|_| {
            "expected a time: UTC (2024-08-08T23:54:30Z), nanoseconds since 1970, or an offset into the log (+90s or +1m30s)"
        })
    }
}

/// The error when `--from` is after `--until`.
pub(crate) fn backward() -> Failure {
    usage!("--from is after --until")
}

/// A position in a log: a time, or a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogPosition {
    At(TimeSpec),
    /// A received frame, counted from 0.
    Frame(u64),
}

impl FromStr for LogPosition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("frame:") {
            Some(number) => number
                .parse()
                .map(Self::Frame)
                .map_err(|_| "expected a frame number from 0, such as frame:6000"),
            None => text.parse().map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::utc;

    #[test]
    fn parses_times_and_offsets() {
        let noon = TimeSpec::Clock(1_723_118_400_500_000_000);
        for text in [
            "2024-08-08T12:00:00.5Z",
            "2024-08-08 12:00:00.5",
            "1723118400500000000",
        ] {
            assert_eq!(text.parse(), Ok(noon), "{text}");
        }
        assert_eq!(noon.of(7), 1_723_118_400_500_000_000);
        assert_eq!(utc(noon.of(7)), "2024-08-08T12:00:00.500000000Z");
        let leap = |text: &str| text.parse().map(|at: TimeSpec| utc(at.of(7)));
        for text in ["2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"] {
            let at = Ok("2017-01-01T00:00:00.500000000Z".to_owned());
            assert_eq!(leap(text), at, "{text}");
        }
        for later in ["1m 30s", "90s", "+90s", "+1m30s"] {
            let later: TimeSpec = later.parse().unwrap();
            assert_eq!(later.of(7), 90_000_000_007);
        }
        for wrong in [
            "",
            "+",
            "+7",
            "12:00",
            "soon",
            "-5s",
            "1969-12-31T23:59:59Z",
            "2026-11-28T15:06:60Z",
            "2026-11-28T15:06:60",
            "2026-11-28T23:58:60Z",
            "2026-11-28T15:06:13.Z",
            "2026-11-28T15:06:13.",
            "2026-11-28T15:06:13.+00:00",
            "2026-11-28T15:06:61Z",
            "2026-11-28T24:00:00Z",
            "2026-11-31T15:06:13Z",
        ] {
            assert!(wrong.parse::<TimeSpec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parses_log_positions() {
        assert_eq!("frame:0".parse(), Ok(LogPosition::Frame(0)));
        assert_eq!("0".parse(), Ok(LogPosition::At(TimeSpec::Clock(0))));
        for wrong in ["frame:", "frame:-1", "frame:1s", "frame 1"] {
            assert!(wrong.parse::<LogPosition>().is_err(), "{wrong}");
        }
    }
}
