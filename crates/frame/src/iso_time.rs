//! ISO 8601 times that are stored as text and parsed on demand.

use thiserror::Error;

use crate::units::UnixMillis;

/// An ISO 8601 time in UTC, as the text that the venue sent, such as `2026-02-17T10:40:00Z`. It is parsed only when
/// [`IsoTime::unix_millis`] is called.
///
/// ```
/// use ticklot_frame::{IsoTime, UnixMillis};
///
/// assert_eq!(IsoTime("2026-02-17T10:40:00.5Z").unix_millis(), Ok(UnixMillis(1_771_324_800_500)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct IsoTime<'a>(pub &'a str);

/// Why a text is not a valid time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum IsoTimeError {
    /// The text does not have the form `YYYY-MM-DDThh:mm:ss`, with an optional fraction of 1 to 9 digits.
    #[error("not a time of the form YYYY-MM-DDThh:mm:ss.fffZ")]
    Form,
    /// The time zone is neither `Z` nor `+00:00`.
    #[error("not a time in UTC")]
    Zone,
    /// The date or the time of day does not exist. Leap seconds are rejected, because Unix time cannot represent them.
    #[error("no such date or time of day")]
    Range,
}

impl IsoTime<'_> {
    /// The time in milliseconds, rounded down.
    ///
    /// # Errors
    /// The text has another form or another time zone, or the time does not exist.
    pub fn unix_millis(&self) -> Result<UnixMillis, IsoTimeError> {
        let (seconds, nanos) = self.read()?;
        Ok(UnixMillis(seconds * 1_000 + nanos / 1_000_000))
    }

    /// The seconds, rounded down, and the fraction in nanoseconds.
    fn read(&self) -> Result<(i64, i64), IsoTimeError> {
        let (clock, rest) = self
            .0
            .as_bytes()
            .split_first_chunk()
            .ok_or(IsoTimeError::Form)?;
        let [year, month, day, hour, minute, second] = read_clock(clock)?;
        let (nanos, zone) = read_fraction(rest)?;
        if !matches!(zone, b"Z" | b"+00:00") {
            return Err(IsoTimeError::Zone);
        }
        let in_month = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if !in_month || hour > 23 || minute > 59 || second > 59 {
            return Err(IsoTimeError::Range);
        }
        let days = days_from_epoch(year, month, day);
        Ok((days * 86_400 + hour * 3_600 + minute * 60 + second, nanos))
    }
}

/// Parses `YYYY-MM-DDThh:mm:ss` to year, month, day, hour, minute and second.
fn read_clock(text: &[u8; 19]) -> Result<[i64; 6], IsoTimeError> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        mo0,
        mo1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
    ] = *text
    else {
        return Err(IsoTimeError::Form);
    };
    Ok([
        digits(&[y0, y1, y2, y3])?,
        digits(&[mo0, mo1])?,
        digits(&[d0, d1])?,
        digits(&[h0, h1])?,
        digits(&[mi0, mi1])?,
        digits(&[s0, s1])?,
    ])
}

/// The nanoseconds of an optional fraction such as `.5`, and the text after it.
fn read_fraction(text: &[u8]) -> Result<(i64, &[u8]), IsoTimeError> {
    let Some(fraction) = text.strip_prefix(b".") else {
        return Ok((0, text));
    };
    let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return Err(IsoTimeError::Form);
    }
    let (fraction, zone) = fraction.split_at(length);
    let nanos = (length..9).fold(digits(fraction)?, |nanos, _| nanos * 10);
    Ok((nanos, zone))
}

/// Parses a number that consists of a few digits.
fn digits(text: &[u8]) -> Result<i64, IsoTimeError> {
    text.iter().try_fold(0, |number, byte| {
        if !byte.is_ascii_digit() {
            return Err(IsoTimeError::Form);
        }
        Ok(number * 10 + i64::from(byte - b'0'))
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of days from 1970-01-01 to a day of the proleptic Gregorian calendar.
///
/// Years are counted from March: the leap day is then the last day of its year, so the day of the year does not depend
/// on leap years.
///
/// - Before year `y` there are `365 y` days and `y/4 - y/100 + y/400` leap days, each quotient rounded down.
/// - Months from March have 31 30 31 30 31 days, twice, then 31 and the rest: 153 days every five months. `(153 m + 2)
///   / 5` days precede month `m`, where March is 0.
///
/// 1970-01-01 is day 719,468 counted from 0000-03-01.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(text: &str) -> Result<i64, IsoTimeError> {
        IsoTime(text).unix_millis().map(|time| time.0)
    }

    #[test]
    fn times_by_table() {
        let table = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00+00:00", 0),
            ("2026-02-17T10:40:00Z", 1_771_324_800_000),
            ("2026-02-17T10:40:00.1Z", 1_771_324_800_100),
            ("2026-02-17T10:40:00.123Z", 1_771_324_800_123),
            ("2026-02-17T10:40:00.123999999Z", 1_771_324_800_123),
            ("2026-02-17T10:40:00.000001+00:00", 1_771_324_800_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("1969-12-31T23:59:59.999Z", -1),
            // Rounded down, also before 1970.
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ];
        for (text, expected) in table {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn rejects_malformed_times() {
        use IsoTimeError::{Form, Range, Zone};
        let table = [
            ("", Form),
            ("2026-02-17", Form),
            ("2026-02-17 10:40:00Z", Form),
            ("2026-02-17t10:40:00Z", Form),
            ("2026-2-17T10:40:00Z", Form),
            ("+026-02-17T10:40:00Z", Form),
            ("2026-02-17T10:40Z", Form),
            ("2026-02-17T1٣:40:0Z", Form),
            ("2026-02-17T10:40:00.Z", Form),
            ("2026-02-17T10:40:00.1234567890Z", Form),
            ("2026-02-17T10:40:00", Zone),
            ("2026-02-17T10:40:00z", Zone),
            ("2026-02-17T10:40:00ZZ", Zone),
            ("2026-02-17T10:40:00,5Z", Zone),
            ("2026-02-17T10:40:00-00:00", Zone),
            ("2026-02-17T10:40:00+01:00", Zone),
            ("2026-00-17T10:40:00Z", Range),
            ("2026-13-17T10:40:00Z", Range),
            ("2026-02-00T10:40:00Z", Range),
            ("2026-02-29T10:40:00Z", Range),
            ("1900-02-29T10:40:00Z", Range),
            ("2026-04-31T10:40:00Z", Range),
            ("2026-02-17T24:00:00Z", Range),
            ("2026-02-17T10:60:00Z", Range),
            ("2016-12-31T23:59:60Z", Range),
        ];
        for (text, expected) in table {
            assert_eq!(millis(text), Err(expected), "{text}");
        }
    }

    /// Covers more than the calendar's full cycle of 400 years.
    #[test]
    fn days_follow_one_another() {
        let mut expected = days_from_epoch(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_epoch(year, month, day), expected);
                    expected += 1;
                }
            }
        }
        assert_eq!(days_from_epoch(1970, 1, 1), 0);
    }

    /// A slow oracle: counts from 1970, year by year and month by month.
    fn oracle(year: i64, month: i64, day: i64) -> i64 {
        let length = |year| if is_leap(year) { 366 } else { 365 };
        let years: i64 = if year >= 1970 {
            (1970..year).map(length).sum()
        } else {
            -(year..1970).map(length).sum::<i64>()
        };
        years + (1..month).map(|m| days_in_month(year, m)).sum::<i64>() + day - 1
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_calendar(
            year in 0..=9999_i64, month in 0..=13_i64, day in 0..=32_i64,
            hour in 0..=24_i64, minute in 0..=60_i64, second in 0..=60_i64,
            fraction in "|\\.[0-9]{1,9}", zone in "Z|\\+00:00",
        ) {
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
            );
            let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month)
                && hour < 24 && minute < 60 && second < 60;
            let expected = if valid {
                let seconds = ((oracle(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
                let padded = format!("{:0<4}", fraction.replace('.', ""));
                Ok(seconds * 1000 + padded[..3].parse::<i64>().unwrap())
            } else {
                Err(IsoTimeError::Range)
            };
            prop_assert_eq!(millis(&text), expected, "{}", text);
        }

        #[test]
        fn time_text_never_panics(text in "[-0-9T:.Z+]{0,40}|.{0,30}") {
            let _ = millis(&text);
        }
    }
}
