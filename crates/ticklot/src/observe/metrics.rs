//! What a session counts, for the [`metrics`](https://docs.rs/metrics) facade.
//!
//! A session asks for its handles when it is made, and keeps them: install the recorder before. Then a message
//! costs a comparison for each count and a call for each that has changed; nothing is looked up or
//! allocated here. (What a recorder does inside such a call is its own.) Without a recorder the calls do
//! nothing.
//!
//! Each has the labels `venue` and `connection`, the latter the number of [`ConnectionId`].
//!
//! | name | kind | what |
//! |---|---|---|
//! | `ticklot_frames_total` | counter | Frames received, without those of the protocol itself. |
//! | `ticklot_bytes_total` | counter | Bytes of all frames. |
//! | `ticklot_messages_total` | counter | Messages decoded, of whatever kind. |
//! | `ticklot_books_applied_total` | counter | Snapshots applied to a book. |
//! | `ticklot_deltas_applied_total` | counter | Deltas applied to a book. |
//! | `ticklot_repeated_total` | counter | Snapshots and deltas that the book had already. |
//! | `ticklot_bad_lines_total` | counter | Lines that could not be read or applied. |
//! | `ticklot_fast_path_total` | counter | Order books decoded on the fast path, in the shape of earlier ones. |
//! | `ticklot_general_path_total` | counter | Order books decoded on the general path, the slower one. |
//! | `ticklot_unknown_total` | counter | Messages of a kind that is not read. |
//! | `ticklot_unrequested_total` | counter | Messages of what is not desired: dropped. |
//! | `ticklot_late_frames_total` | counter | Frames that came when no connection was open: dropped. |
//! | `ticklot_gaps_total` | counter | Gaps of books: lost messages, wrong checksums, messages that could not be read or applied. |
//! | `ticklot_resyncs_total` | counter | Snapshots that were requested to repair a book. |
//! | `ticklot_connects_total` | counter | Connections opened. |
//! | `ticklot_reconnects_total` | counter | Connections opened, but for the first. |
//! | `ticklot_disconnects_total` | counter | Connections that ended, and attempts that failed. |
//! | `ticklot_sent_total` | counter | Messages sent. |
//! | `ticklot_rate_limited_total` | counter | Times the venue said that too much was sent. |
//! | `ticklot_stale_total` | counter | Books that have become stale. |
//! | `ticklot_connected` | gauge | 1 while the connection is open, else 0. |
//! | `ticklot_stage_seconds` | histogram | How long a stage of a book's way took, with the label `stage`; while it is measured (feature `latency`). |

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use ticklot_frame::VenueName;

use crate::books::ConnectionId;
use crate::venue::Stats;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub what: &'static str,
}

const fn metric(name: &'static str, what: &'static str) -> Metric {
    Metric { name, what }
}

/// The counters that come of [`Stats`], in the order of [`counts`].
const COUNTERS: [Metric; 19] = [
    metric(
        "ticklot_frames_total",
        "Frames received, without those of the protocol itself.",
    ),
    metric("ticklot_bytes_total", "Bytes of all frames."),
    metric(
        "ticklot_messages_total",
        "Messages decoded, of whatever kind.",
    ),
    metric(
        "ticklot_books_applied_total",
        "Snapshots applied to a book.",
    ),
    metric("ticklot_deltas_applied_total", "Deltas applied to a book."),
    metric(
        "ticklot_repeated_total",
        "Snapshots and deltas that the book had already.",
    ),
    metric(
        "ticklot_bad_lines_total",
        "Lines that could not be read or applied.",
    ),
    metric(
        "ticklot_fast_path_total",
        "Order books decoded on the fast path, in the shape of earlier ones.",
    ),
    metric(
        "ticklot_general_path_total",
        "Order books decoded on the general path, the slower one.",
    ),
    metric(
        "ticklot_unknown_total",
        "Messages of a kind that is not read.",
    ),
    metric(
        "ticklot_unrequested_total",
        "Messages of what is not desired: dropped.",
    ),
    metric(
        "ticklot_late_frames_total",
        "Frames that came when no connection was open: dropped.",
    ),
    metric(
        "ticklot_gaps_total",
        "Gaps of books: lost messages, wrong checksums, messages that could not be read or applied.",
    ),
    metric(
        "ticklot_resyncs_total",
        "Snapshots that were requested to repair a book.",
    ),
    metric("ticklot_connects_total", "Connections opened."),
    metric(
        "ticklot_reconnects_total",
        "Connections opened, but for the first.",
    ),
    metric(
        "ticklot_disconnects_total",
        "Connections that ended, and attempts that failed.",
    ),
    metric("ticklot_sent_total", "Messages sent."),
    metric(
        "ticklot_rate_limited_total",
        "Times the venue said that too much was sent.",
    ),
];

/// Books that have become stale.
pub const STALE: Metric = metric("ticklot_stale_total", "Books that have become stale.");

/// Whether the connection is open.
pub const CONNECTED: Metric = metric(
    "ticklot_connected",
    "1 while the connection is open, else 0.",
);

/// How long the stages of a book's way took, in seconds.
pub const STAGE_SECONDS: Metric = metric(
    "ticklot_stage_seconds",
    "How long a stage of a book's way took, with the label `stage`; while it is measured (feature `latency`).",
);

/// Everything that is counted.
pub fn all() -> impl Iterator<Item = Metric> {
    COUNTERS
        .into_iter()
        .chain([STALE, CONNECTED, STAGE_SECONDS])
}

/// Tells the recorder what each means. Once, after it is installed.
pub fn describe() {
    for counter in COUNTERS.iter().chain([&STALE]) {
        describe_counter!(counter.name, Unit::Count, counter.what);
    }
    describe_gauge!(CONNECTED.name, Unit::Count, CONNECTED.what);
    metrics::describe_histogram!(STAGE_SECONDS.name, Unit::Seconds, STAGE_SECONDS.what);
}

/// The values of [`COUNTERS`].
fn counts(stats: &Stats) -> [u64; COUNTERS.len()] {
    [
        stats.frames,
        stats.bytes,
        stats.messages,
        stats.snapshots,
        stats.deltas,
        stats.repeated,
        stats.bad_lines,
        stats.fast_path,
        stats.general_path,
        stats.unknown,
        stats.unrequested,
        stats.late,
        stats.gaps,
        stats.resyncs,
        stats.connects,
        stats.connects.saturating_sub(1),
        stats.disconnects,
        stats.sent,
        stats.rate_limited,
    ]
}

/// The handles of one session.
pub(crate) struct Handles {
    counters: [Counter; COUNTERS.len()],
    connected: Gauge,
    /// What the recorder has been told.
    told: [u64; COUNTERS.len()],
}

impl Handles {
    pub(crate) fn new(venue: VenueName, connection: ConnectionId) -> Self {
        let number = connection.to_string();
        Self {
            counters: COUNTERS.map(
                |metric| counter!(metric.name, "venue" => venue.0, "connection" => number.clone()),
            ),
            connected: gauge!(CONNECTED.name, "venue" => venue.0, "connection" => number),
            told: [0; COUNTERS.len()],
        }
    }

    /// Tells what has changed.
    pub(crate) fn tell(&mut self, stats: &Stats) {
        let now = counts(stats);
        for ((counter, told), now) in self.counters.iter().zip(&mut self.told).zip(now) {
            if now != *told {
                counter.increment(now - std::mem::replace(told, now));
            }
        }
    }

    pub(crate) fn connected(&self, yes: bool) {
        self.connected.set(f64::from(u8::from(yes)));
    }
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

/// The counter of a connection's stale books.
pub(crate) fn stale(venue: VenueName, connection: ConnectionId) -> Counter {
    counter!(STALE.name, "venue" => venue.0, "connection" => connection.to_string())
}

/// The histograms of a connection's stages.
#[cfg(feature = "latency")]
pub(crate) fn stages(
    venue: VenueName,
    connection: ConnectionId,
) -> [metrics::Histogram; crate::observe::stage::Stage::ALL.len()] {
    crate::observe::stage::Stage::ALL.map(|stage| {
        metrics::histogram!(
            STAGE_SECONDS.name,
            "venue" => venue.0,
            "connection" => connection.to_string(),
            "stage" => stage.as_str(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_list_is_complete() {
        let text = include_str!("metrics.rs");
        let rows: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .collect();
        assert_eq!(rows.len(), all().count());
        for (row, metric) in rows.iter().zip(all()) {
            assert!(row.starts_with(&format!("{}` | ", metric.name)), "{row}");
            assert!(row.ends_with(&format!("| {} |", metric.what)), "{row}");
        }
    }
}
