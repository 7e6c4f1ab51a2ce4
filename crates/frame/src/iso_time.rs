//! ISO 8601 times, carried as text and read on demand.

use thiserror::Error;

use crate::units::UnixMillis;

/// An ISO 8601 time in UTC that is only carried: the text as the venue sent it, such as
/// `2026-02-17T10:40:00Z`. It becomes a number when it is asked to.
///
/// ```
/// use ticklot_frame::{IsoTime, UnixMillis};
///
/// assert_eq!(IsoTime("2026-02-17T10:40:00.5Z").unix_millis(), Ok(UnixMillis(1_771_324_800_500)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct IsoTime<'a>(pub &'a str);

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum IsoTimeError {
    /// Not of the form `YYYY-MM-DDThh:mm:ss`, with a fraction of 1 to 9 digits or none.
    #[error("not a time of the form YYYY-MM-DDThh:mm:ss.fffZ")]
    Form,
    /// The time is not marked as UTC, which is `Z` or `+00:00`.
    #[error("not a time in UTC")]
    Zone,
    /// No such day, or no such time of day. A leap second is one: Unix time has no number for it.
    #[error("no such date or time of day")]
    Range,
}

impl IsoTime<'_> {
    /// The time in milliseconds. A finer fraction is cut off, towards the past.
    ///
    /// # Errors
    /// The text has another form or another time zone, or there is no such time.
    pub fn unix_millis(&self) -> Result<UnixMillis, IsoTimeError> {
        let (seconds, nanos) = self.read()?;
        Ok(UnixMillis(seconds * 1_000 + nanos / 1_000_000))
    }

    /// Whole seconds, and the fraction in nanoseconds, which is never below zero.
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

/// `YYYY-MM-DDThh:mm:ss`: year, month, day, hour, minute, second.
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

/// `.5` and the like, in nanoseconds, and what follows; no fraction is zero.
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

/// A number of a few digits and nothing else.
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

/// Days from 1970-01-01 to a day of the Gregorian calendar, taken as valid in all years.
///
/// Count years from March: then the leap day is the last day of its year, and what comes before a
/// day within the year no longer depends on leap years.
///
/// - Before the year begins there were `365 y` days and a leap day every 4 years, save every 100,
///   but for every 400: `y/4 - y/100 + y/400`, rounded down.
/// - Months from March are 31 30 31 30 31 days long, twice, and then 31 and the rest: 153 days
///   every five months, and `(153 m + 2) / 5` is how many come before month `m`, with March as 0.
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
            // Cut off towards the past, before 1970 too.
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ];
        for (text, expected) in table {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_time() {
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

    /// Every day of the calendar's full cycle of 400 years, and more: each is one after the last.
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

    /// A slow oracle: walks from 1970 year by year, month by month.
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
