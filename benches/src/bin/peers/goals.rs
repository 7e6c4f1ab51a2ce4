//! The performance goals, and whether the figures meet them.

use crate::measure::Row;

/// The required ratio of a peer's time to ours in a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Goal {
    /// Our contender.
    pub(crate) ours: &'static str,
    /// The prefixes of the peers' names. The fastest peer counts.
    pub(crate) peers: &'static [&'static str],
    /// A limit in KiB for the resident memory of one connection: the ratio is the limit over the measured value.
    pub(crate) kib: Option<f64>,
    pub(crate) must: f64,
    pub(crate) stretch: Option<f64>,
}

const fn goal(peers: &'static [&'static str], must: f64, stretch: f64) -> Goal {
    Goal {
        ours: "ticklot",
        peers,
        kib: None,
        must,
        stretch: Some(stretch),
    }
}

const fn must(peers: &'static [&'static str], must: f64) -> Goal {
    Goal {
        ours: "ticklot",
        peers,
        kib: None,
        must,
        stretch: None,
    }
}

const fn resident(kib: f64, stretch: f64) -> Goal {
    Goal {
        kib: Some(kib),
        ..goal(&[], 1.0, stretch)
    }
}

impl Goal {
    /// The same goal for another contender of ours.
    const fn of(self, ours: &'static str) -> Self {
        Self { ours, ..self }
    }
}

/// Every peer.
const ANY: &[&str] = &[""];
const SONIC: &[&str] = &["sonic-rs"];
const SIMDJSON: &[&str] = &["simdjson"];
const MAPS: &[&str] = &["btreemap"];

/// The goals of a case. The default is to be no slower than any peer.
pub(crate) fn goals(table: &str, case: &str) -> Vec<Goal> {
    match (table, case) {
        ("decode", "jayx-20") => vec![must(SONIC, 6.5)],
        ("decode", "bayse-20") => vec![must(SONIC, 5.0), must(&["rs_bayse"], 18.0)],
        ("apply", "jayx-20") => vec![goal(SIMDJSON, 2.2, 3.5), must(SONIC, 6.5)],
        ("apply", "bayse-20") => vec![
            goal(SIMDJSON, 2.2, 3.5),
            must(SONIC, 5.0),
            must(&["rs_bayse"], 18.0),
        ],
        ("cold", _) if case.ends_with("-sleep-apply") => {
            vec![goal(SIMDJSON, 2.2, 3.0), must(ANY, 1.0)]
        }
        ("cold", _) if case.ends_with("-evicted-apply") => {
            vec![goal(SIMDJSON, 1.4, 2.0), must(ANY, 1.0)]
        }
        ("snapshot", "20-few") => vec![goal(MAPS, 3.0, 4.5)],
        ("incremental", "usdm-btcusdt") => vec![must(ANY, 1.0).of("ticklot-ladder")],
        ("incremental", _) => vec![
            goal(&["hftbacktest-roivector"], 1.7, 2.4).of("ticklot-ladder"),
            must(&["hftbacktest-hashmap"], 3.5).of("ticklot-ladder"),
            must(&["btreemaps"], 5.0).of("ticklot-ladder"),
        ],
        // Copying a sorted array is the floor. The flat book may take 1.5 times as long.
        ("depth", _) => vec![
            must(&["sorted-vecs"], 1.0 / 1.5).of("ticklot-flat"),
            must(&["hftbacktest-roivector"], 1.0).of("ticklot-ladder"),
        ],
        // Within 5% of it.
        ("transport", _) => vec![goal(&["fastwebsockets"], 1.0 / 1.05, 1.0)],
        // With 1,000 connections a message may cost at most 1.5 times as much; the stretch goal is 1.2.
        ("scale", "jayx-1000-to-8") => vec![goal(&["8-connections"], 1.0 / 1.5, 1.0 / 1.2)],
        // With few connections, the runtime and the code dominate the memory.
        ("scale", "jayx-256" | "jayx-1000") => vec![goal(ANY, 1.5, 2.0), resident(64.0, 2.0)],
        ("scale", _) => vec![goal(ANY, 1.5, 2.0)],
        // Nothing can be faster than the floor. The table `wire` prints its own ratios.
        ("wire", _) => Vec::new(),
        _ => vec![must(ANY, 1.0)],
    }
}

/// A goal, and the measured ratio.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) goal: Goal,
    /// The fastest of the peers.
    pub(crate) peer: &'static str,
    /// Its time over ours.
    pub(crate) ratio: f64,
}

impl Outcome {
    pub(crate) fn is_met(&self) -> bool {
        self.ratio >= self.goal.must
    }

    pub(crate) fn is_stretch_met(&self) -> Option<bool> {
        self.goal.stretch.map(|stretch| self.ratio >= stretch)
    }
}

/// Compares the rows of a case with a goal; none if a contender is missing.
pub(crate) fn judge(rows: &[Row], goal: Goal) -> Option<Outcome> {
    let ours = rows.iter().find(|row| row.contender == goal.ours)?;
    if let Some(kib) = goal.kib {
        return Some(Outcome {
            goal,
            peer: "the memory allowed",
            ratio: kib * 1_024.0 / ours.memory?.resident,
        });
    }
    let is_peer = |row: &&Row| {
        let mut names = goal.peers.iter();
        !row.contender.starts_with("ticklot") && names.any(|name| row.contender.starts_with(name))
    };
    let peers = rows.iter().filter(is_peer);
    let best = peers.min_by(|a, b| a.ns_median.total_cmp(&b.ns_median))?;
    Some(Outcome {
        goal,
        peer: best.contender,
        ratio: best.ns_median / ours.ns_median,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Memory;

    fn row(contender: &'static str, ns_median: f64) -> Row {
        Row {
            table: "decode",
            case: "jayx-20".to_owned(),
            contender,
            ns_median,
            ns_min: ns_median,
            bytes: 1,
            ..Row::default()
        }
    }

    #[test]
    fn compares_with_the_fastest_peer() {
        let rows = [
            row("ticklot", 2.0),
            row("sonic-rs", 30.0),
            row("simdjson", 20.0),
            row("other", 1.0),
        ];
        let outcome = judge(&rows, goal(&["sonic-rs", "simdjson"], 9.0, 12.0)).unwrap();
        assert_eq!((outcome.peer, outcome.ratio), ("simdjson", 10.0));
        assert_eq!(
            (outcome.is_met(), outcome.is_stretch_met()),
            (true, Some(false))
        );
        let any = judge(&rows, must(ANY, 1.0)).unwrap();
        assert_eq!((any.peer, any.is_met()), ("other", false));
        assert!(judge(&rows[1..], must(ANY, 1.0)).is_none());
        assert!(judge(&rows[..1], must(ANY, 1.0)).is_none());
    }

    #[test]
    fn compares_memory_with_limit() {
        let goal = goals("scale", "jayx-1000")[1];
        let ratio = |resident| {
            let memory = Some(Memory {
                resident,
                allocated: 0.0,
            });
            let row = Row {
                memory,
                ..row("ticklot", 1.0)
            };
            judge(&[row], goal).unwrap()
        };
        assert!(ratio(65_536.0).is_met());
        assert!(!ratio(65_537.0).is_met());
        assert_eq!(ratio(32_768.0).is_stretch_met(), Some(true));
    }

    #[test]
    fn allows_five_percent_slower() {
        let goal = goals("transport", "700-bytes")[0];
        let ratio = |ours| judge(&[row("ticklot", ours), row("fastwebsockets", 100.0)], goal);
        assert!(ratio(104.9).unwrap().is_met());
        assert!(!ratio(105.1).unwrap().is_met());
        assert_eq!(ratio(99.0).unwrap().is_stretch_met(), Some(true));
    }
}
