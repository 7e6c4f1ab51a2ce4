//! A moment of a log, as a command line says it.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

/// A moment: by the clock, or so long after the log's first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nanoseconds since 1970, UTC.
    Clock(u64),
    /// From the first frame that has a time.
    After(Duration),
}

impl Moment {
    /// In nanoseconds since 1970, for a log that begins at `first`.
    pub(crate) fn of(self, first: u64) -> u64 {
        match self {
            Self::Clock(at) => at,
            Self::After(wait) => first.saturating_add(nanos(wait)),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = humantime::parse_rfc3339_weak(text)
            && let Ok(since) = at.duration_since(UNIX_EPOCH)
        {
            return Ok(Self::Clock(nanos(since)));
        }
        if let Ok(at) = text.parse()
            && !text.starts_with('+')
        {
            return Ok(Self::Clock(at));
        }
        let wait = humantime::parse_duration(text.strip_prefix('+').unwrap_or(text));
        wait.map(Self::After).map_err(|_| {
            "a time is UTC, such as 2024-08-08T23:54:30Z, or nanoseconds since 1970, or a way into the \
             log, such as +90s or +1m30s"
        })
    }
}

/// A place in a log: a moment, or a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    At(Moment),
    /// The frames that came are numbered from 0.
    Frame(u64),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("frame:") {
            Some(number) => number
                .parse()
                .map(Self::Frame)
                .map_err(|_| "a frame is a number from 0, such as frame:6000"),
            None => text.parse().map(Self::At),
        }
    }
}

/// A moment as `2024-08-08T23:54:14.087896568Z`.
pub(crate) fn utc(ns: u64) -> String {
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(ns)).to_string()
}

/// A length of time in nanoseconds; the longest that fits, when it does not.
pub(crate) fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_way_into_the_log() {
        let noon = Moment::Clock(1_723_118_400_500_000_000);
        for text in [
            "2024-08-08T12:00:00.5Z",
            "2024-08-08 12:00:00.5",
            "1723118400500000000",
        ] {
            assert_eq!(text.parse(), Ok(noon), "{text}");
        }
        assert_eq!(noon.of(7), 1_723_118_400_500_000_000);
        assert_eq!(utc(noon.of(7)), "2024-08-08T12:00:00.500000000Z");
        for later in ["1m 30s", "90s", "+90s", "+1m30s"] {
            let later: Moment = later.parse().unwrap();
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
        ] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_a_moment_or_a_frame() {
        assert_eq!("frame:0".parse(), Ok(Place::Frame(0)));
        assert_eq!("0".parse(), Ok(Place::At(Moment::Clock(0))));
        for wrong in ["frame:", "frame:-1", "frame:1s", "frame 1"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
