//! Axes: maps values to pixels, and selects round values for labels.

use crate::units::utc;

/// A linear map from the values `from..=to` to the pixels `start..=end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) from: i128,
    pub(crate) to: i128,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

impl Axis {
    /// The pixel of a value.
    pub(crate) fn at(&self, value: i128) -> f64 {
        self.start + part(value - self.from, self.to - self.from) * (self.end - self.start)
    }

    /// The number of labels of `room` pixels that fit, at least two.
    pub(crate) fn labels(&self, room: f64) -> i128 {
        let labels = (self.end - self.start).abs() / room;
        // Limited by the size of the picture.
        #[allow(clippy::cast_possible_truncation)]
        let labels = labels.clamp(2.0, 100.0) as i128;
        labels
    }
}

/// `value / whole`. For drawing only, so a float is precise enough.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn part(value: i128, whole: i128) -> f64 {
    value as f64 / whole.max(1) as f64
}

/// A number of pixels, rounded down. It is limited by the size of the picture.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn whole(pixels: f64) -> usize {
    pixels.max(0.0) as usize
}

/// The smallest of 1, 2, 5, 10, 20, 50, ... that is at least `least`.
pub(crate) fn round(least: i128) -> i128 {
    let mut power: i128 = 1;
    loop {
        for times in [1, 2, 5] {
            if power.saturating_mul(times) >= least {
                return power.saturating_mul(times);
            }
        }
        power = power.saturating_mul(10);
    }
}

/// The step between round values, so that `span` contains at most `most` of these.
pub(crate) fn step(span: i128, most: i128) -> i128 {
    round((span + most - 1) / most.max(1))
}

/// The multiples of `step` in `from..=to`.
pub(crate) fn multiples(from: i128, to: i128, step: i128) -> impl Iterator<Item = i128> {
    let first = from.div_euclid(step) + i128::from(from.rem_euclid(step) > 0);
    (first..=to.div_euclid(step)).map(move |times| times * step)
}

const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000 * MILLISECOND;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

/// The step between round times, so that `span` nanoseconds contain at most `most` of these.
pub(crate) fn time_step(span: i128, most: i128) -> i128 {
    let least = (span + most - 1) / most.max(1);
    if least <= SECOND {
        return round(least);
    }
    let seconds = [1, 2, 5, 10, 15, 30].map(|n| n * SECOND);
    let minutes = [1, 2, 5, 10, 15, 30].map(|n| n * MINUTE);
    let hours = [1, 2, 3, 6, 12].map(|n| n * HOUR);
    let mut steps = seconds.iter().chain(&minutes).chain(&hours);
    let found = steps.find(|step| **step >= least).copied();
    found.unwrap_or_else(|| round((least + DAY - 1) / DAY) * DAY)
}

/// The format of time labels that are `step` nanoseconds apart.
pub(crate) struct TimeFormat {
    step: i128,
    /// The common day of all labels; none if they span several days.
    pub(crate) day: Option<String>,
}

impl TimeFormat {
    pub(crate) fn new(from: u64, until: u64, step: i128) -> Self {
        let day = |ns| utc(ns)[..10].to_owned();
        Self {
            step,
            day: Some(day(from)).filter(|first| *first == day(until)),
        }
    }

    pub(crate) fn label(&self, ns: u64) -> String {
        let text = utc(ns);
        let to = match self.step {
            step if step >= DAY => return text[..10].to_owned(),
            step if step >= MINUTE => 16,
            step if step >= SECOND => 19,
            step if step >= MILLISECOND => 23,
            _ => 29,
        };
        match self.day {
            Some(_) => text[11..to].to_owned(),
            None => text[5..to].replace('T', " "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_round_numbers() {
        let rounded = [0, 1, 3, 6, 10, 11, 201].map(round);
        assert_eq!(rounded, [1, 1, 5, 10, 10, 20, 500]);
        assert_eq!(step(1000, 10), 100);
        assert_eq!(step(1001, 10), 200);
        assert!(round(i128::from(u64::MAX)) >= i128::from(u64::MAX));
    }

    #[test]
    fn multiples_span_zero() {
        let all = |from, to, step| multiples(from, to, step).collect::<Vec<_>>();
        assert_eq!(all(-7, 11, 5), [-5, 0, 5, 10]);
        assert_eq!(all(10, 20, 10), [10, 20]);
        assert_eq!(all(11, 19, 10), []);
    }

    #[test]
    fn maps_values_to_pixels() {
        let axis = Axis {
            from: 100,
            to: 200,
            start: 400.0,
            end: 0.0,
        };
        assert_eq!([100, 150, 200].map(|it| axis.at(it)), [400.0, 200.0, 0.0]);
        assert_eq!(axis.labels(50.0), 8);
    }

    #[test]
    fn time_steps_follow_clocks() {
        for (span, expected) in [
            (345 * SECOND, 60 * SECOND),
            (25 * SECOND, 5 * SECOND),
            (80 * SECOND, 10 * SECOND),
            (SECOND, 200 * MILLISECOND),
            (24 * HOUR, 3 * HOUR),
            (30 * DAY, 5 * DAY),
        ] {
            assert_eq!(time_step(span, 8), expected, "{span}");
        }
    }

    #[test]
    fn labels_omit_shared_parts() {
        let noon = 1_723_118_400_250_000_000;
        let label = |step, until| TimeFormat::new(noon, until, step).label(noon);
        assert_eq!(label(MILLISECOND, noon), "12:00:00.250");
        assert_eq!(label(SECOND, noon), "12:00:00");
        assert_eq!(label(5 * MINUTE, noon), "12:00");
        assert_eq!(label(1_000, noon), "12:00:00.250000000");
        let tomorrow = noon + 86_400_000_000_000;
        assert_eq!(label(HOUR, tomorrow), "08-08 12:00");
        assert_eq!(label(DAY, tomorrow), "2024-08-08");
        let day = |until| TimeFormat::new(noon, until, SECOND).day;
        assert_eq!(day(noon).as_deref(), Some("2024-08-08"));
        assert_eq!(day(tomorrow), None);
    }
}
