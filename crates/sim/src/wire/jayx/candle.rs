//! Candles.

use std::fmt::Write;

use ticklot_book::{Lots, Ticks};

use crate::wire::text::{number, string};

/// What was traded in one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// What its id has in common with those of all candles of its symbol and interval.
    pub series: u64,
    /// When its interval begins, in seconds since the epoch.
    pub created: u64,
    /// The first price.
    pub open: Ticks,
    /// The highest price.
    pub high: Ticks,
    /// The lowest price.
    pub low: Ticks,
    /// The last price.
    pub close: Ticks,
    /// How much was traded.
    pub volume: Lots,
    /// When its last trade was, in seconds since the epoch.
    pub modified: u64,
}

impl Candle {
    /// Its id: 24 hexadecimal digits, of which the first eight are its time, as in the venue's
    /// example.
    #[must_use]
    pub fn id(&self) -> String {
        let mut out = String::with_capacity(24);
        let _ = write!(
            out,
            "{:08x}{:016x}",
            self.created & 0xffff_ffff,
            self.series
        );
        out
    }
}

/// Appends a candle payload: `{"add":null,"modify":{...}}`, or the other way round for a new one.
pub fn kline(out: &mut String, symbol: &str, candle: &Candle, is_new: bool) {
    if is_new {
        out.push_str("{\"add\":");
        write_candle(out, symbol, candle);
        out.push_str(",\"modify\":null}");
    } else {
        out.push_str("{\"add\":null,\"modify\":");
        write_candle(out, symbol, candle);
        out.push('}');
    }
}

fn write_candle(out: &mut String, symbol: &str, candle: &Candle) {
    out.push_str("{\"_id\":");
    string(out, &candle.id());
    out.push_str(",\"created\":");
    number(out, candle.created);
    let prices = [
        (",\"o\":", candle.open),
        (",\"h\":", candle.high),
        (",\"l\":", candle.low),
        (",\"c\":", candle.close),
    ];
    for (key, ticks) in prices {
        out.push_str(key);
        number(out, ticks);
    }
    out.push_str(",\"v\":");
    number(out, candle.volume);
    out.push_str(",\"m\":");
    number(out, candle.modified);
    out.push_str(",\"symbol\":");
    string(out, symbol);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candle_is_written_as_the_venue_writes_it() {
        let candle = Candle {
            series: 0xcb5c_1735_c255_57a0,
            created: 1_716_131_580,
            open: Ticks(6_678_147),
            high: Ticks(6_690_062),
            low: Ticks(6_674_783),
            close: Ticks(6_689_523),
            volume: Lots(241_690),
            modified: 1_716_131_619,
        };
        let written = concat!(
            r#"{"_id":"664a16fccb5c1735c25557a0","created":1716131580,"o":6678147,"#,
            r#""h":6690062,"l":6674783,"c":6689523,"v":241690,"m":1716131619,"symbol":"BTCUSDT"}"#,
        );
        let (mut add, mut modify) = (String::new(), String::new());
        kline(&mut add, "BTCUSDT", &candle, true);
        kline(&mut modify, "BTCUSDT", &candle, false);
        assert_eq!(add, format!(r#"{{"add":{written},"modify":null}}"#));
        assert_eq!(modify, format!(r#"{{"add":null,"modify":{written}}}"#));
    }
}
