//! Pieces of JSON text: strings, decimals, times.

use std::fmt::Write;

/// Appends anything that prints itself as JSON already: an integer.
pub(crate) fn number(out: &mut String, number: impl std::fmt::Display) {
    // Writing to a `String` does not fail.
    let _ = write!(out, "{number}");
}

/// Appends a JSON string: quotes, and whatever must be escaped.
pub(crate) fn string(out: &mut String, text: &str) {
    // Nearly no text has anything to escape, and a look at all of its bytes costs less than one at each character.
    let is_odd = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    out.push('"');
    if text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        escaped(out, text);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

/// Appends `steps` of 10^-`decimals` as a JSON number, exactly. Trailing zeros go, as long as at
/// least `shown` decimals stay.
pub(crate) fn decimal(out: &mut String, steps: i128, decimals: u8, shown: u8) {
    if steps < 0 {
        out.push('-');
    }
    let width = usize::from(decimals) + 1;
    let _ = write!(out, "{:0width$}", steps.unsigned_abs());
    let point = out.len() - usize::from(decimals);
    let trimmed = out[point..].trim_end_matches('0').len();
    let kept = trimmed.max(usize::from(shown.min(decimals)));
    out.truncate(point + kept);
    if kept > 0 {
        out.insert(point, '.');
    }
}

/// Appends a time as an ISO 8601 UTC string with whole seconds: `"2026-02-17T10:40:00Z"`.
pub(crate) fn iso_time(out: &mut String, ms: u64) {
    let seconds = ms / 1_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        out,
        "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\""
    );
}

/// The calendar date of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`:
/// years are counted from March, so that the leap day is the last of its year and months follow a
/// fixed pattern of lengths.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn decimals_are_exact_and_trimmed() {
        let cases = [
            (60, 2, 2, "0.60"),
            (60, 2, 0, "0.6"),
            (50_000, 2, 0, "500"),
            (370, 2, 0, "3.7"),
            (3_000_000, 4, 1, "300.0"),
            (1_234_567, 4, 1, "123.4567"),
            (1, 4, 1, "0.0001"),
            (0, 4, 1, "0.0"),
            (7, 0, 3, "7"),
            (-5, 2, 0, "-0.05"),
        ];
        for (steps, decimals, shown, text) in cases {
            assert_eq!(made(|out| decimal(out, steps, decimals, shown)), text);
        }
    }

    #[test]
    fn strings_survive_a_json_reader() {
        for text in ["", "plain", "q\"b\\n\nt\tr\r", "\u{1}\u{1f}", "é\u{1F680}"] {
            let json = made(|out| string(out, text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn times_are_iso() {
        let cases = [
            (0, "\"1970-01-01T00:00:00Z\""),
            (951_782_399_999, "\"2000-02-28T23:59:59Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00Z\""),
            (1_700_000_000_000, "\"2023-11-14T22:13:20Z\""),
            (1_771_324_800_000, "\"2026-02-17T10:40:00Z\""),
            (4_107_542_399_000, "\"2100-02-28T23:59:59Z\""),
            (4_107_542_400_000, "\"2100-03-01T00:00:00Z\""),
        ];
        for (ms, text) in cases {
            assert_eq!(made(|out| iso_time(out, ms)), text);
        }
    }
}
