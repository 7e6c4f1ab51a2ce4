//! The ratios of medians.

use crate::measure::Row;

/// The ratio of the fastest of several contenders to another one.
struct Ratio {
    of: &'static [&'static str],
    over: &'static str,
}

const fn ratio(of: &'static [&'static str], over: &'static str) -> Ratio {
    Ratio { of, over }
}

const PEERS: &[&str] = &["tungstenite+serde_json+maps", "tungstenite+sonic-rs"];
const PEERS_AWAKE: &[&str] = &[
    "tungstenite+serde_json+maps-awake",
    "tungstenite+sonic-rs-awake",
];

const RATIOS: &[Ratio] = &[
    ratio(&["ticklot-tokio"], "raw-blocking"),
    ratio(&["ticklot-tokio"], "raw-blocking+book"),
    ratio(&["ticklot-tokio-tls"], "raw-blocking-tls"),
    ratio(&["ticklot-tokio-tls"], "raw-blocking+book-tls"),
    ratio(&["ticklot-tokio-awake"], "raw-spinning"),
    ratio(&["ticklot-tokio-awake"], "raw-spinning+book"),
    ratio(&["ticklot-tokio-awake-tls"], "raw-spinning+book-tls"),
    ratio(PEERS, "ticklot-tokio"),
    ratio(PEERS_AWAKE, "ticklot-tokio-awake"),
    ratio(&["ticklot-spin"], "raw-spinning"),
    ratio(&["ticklot-spin"], "raw-spinning+book"),
    ratio(&["ticklot-spin-warm"], "raw-spinning"),
    ratio(&["ticklot-spin-warm"], "raw-spinning+book"),
    ratio(&["ticklot-spin-tls"], "raw-spinning-tls"),
    ratio(&["ticklot-spin-tls"], "raw-spinning+book-tls"),
    ratio(&["ticklot-spin-warm-tls"], "raw-spinning-tls"),
    ratio(&["ticklot-spin-warm-tls"], "raw-spinning+book-tls"),
    ratio(PEERS, "ticklot-spin"),
    ratio(PEERS, "ticklot-spin-warm"),
    ratio(PEERS_AWAKE, "ticklot-spin"),
    ratio(PEERS_AWAKE, "ticklot-spin-warm"),
    ratio(&["ticklot-tokio-5ms"], "ticklot-tokio-back-to-back"),
    ratio(&["ticklot-spin-5ms"], "ticklot-spin-back-to-back"),
    ratio(&["ticklot-spin-warm-5ms"], "ticklot-spin-warm-back-to-back"),
    ratio(&["ticklot-tokio-64"], "ticklot-tokio"),
    ratio(&["ticklot-spin-64"], "ticklot-spin"),
];

/// The ratios whose contenders are all present: the fastest contender, the other one, and the ratio.
fn ratios(rows: &[Row]) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
    let row = |name: &str| rows.iter().find(|row| row.contender == name);
    RATIOS.iter().filter_map(move |ratio| {
        let of = ratio.of.iter().map(|name| row(name));
        let of = of.collect::<Option<Vec<&Row>>>()?;
        let of = of
            .into_iter()
            .min_by(|a, b| a.ns_median.total_cmp(&b.ns_median))?;
        let over = row(ratio.over)?;
        Some((of.contender, ratio.over, of.ns_median / over.ns_median))
    })
}

pub(super) fn print(rows: &[Row]) {
    for (of, over, ratio) in ratios(rows) {
        println!("  p50 of {of} / {over}: {ratio:.2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_faster_peer() {
        let row = |contender, ns_median| Row {
            contender,
            ns_median,
            ..Row::default()
        };
        let rows = [
            row("ticklot-tokio", 10.0),
            row("tungstenite+serde_json+maps", 50.0),
            row("tungstenite+sonic-rs", 30.0),
            row("raw-blocking", 4.0),
        ];
        let all: Vec<_> = ratios(&rows).collect();
        assert_eq!(
            all,
            [
                ("ticklot-tokio", "raw-blocking", 2.5),
                ("tungstenite+sonic-rs", "ticklot-tokio", 3.0),
            ]
        );
        assert_eq!(ratios(&rows[..2]).count(), 0);
    }
}
