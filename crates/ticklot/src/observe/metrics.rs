//! The counts of a session, for the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Install the recorder before you create a session: the session requests its handles at its creation. A message then
//! costs one comparison per count, and one call of the recorder per changed count. Nothing is looked up or allocated
//! here. Without a recorder the calls do nothing.
//!
//! Each metric has the labels `venue` and `connection`; the latter is the number of the [`ConnectionId`].
//!
//! | name | kind | description |
//! |---|---|---|
//! | `ticklot_frames_total` | counter | Frames received, without control frames of the venue's protocol. |
//! | `ticklot_bytes_total` | counter | Bytes of all frames. |
//! | `ticklot_messages_total` | counter | Messages decoded, of any kind. |
//! | `ticklot_books_applied_total` | counter | Snapshots applied to a book. |
//! | `ticklot_deltas_applied_total` | counter | Deltas applied to a book. |
//! | `ticklot_repeated_total` | counter | Snapshots and deltas that the book already contained. |
//! | `ticklot_bad_lines_total` | counter | Lines that could not be read or applied. |
//! | `ticklot_fast_path_total` | counter | Order books decoded on the fast path, in the format of earlier ones. |
//! | `ticklot_general_path_total` | counter | Order books decoded on the slower general path. |
//! | `ticklot_unknown_total` | counter | Messages of an unknown kind. |
//! | `ticklot_unrequested_total` | counter | Messages of topics without a subscription, which are dropped. |
//! | `ticklot_late_frames_total` | counter | Frames received while no connection was open, which are dropped. |
//! | `ticklot_gaps_total` | counter | Gaps of books: lost messages, wrong checksums, and messages that could not be read or applied. |
//! | `ticklot_resyncs_total` | counter | Snapshots requested to repair a book. |
//! | `ticklot_connects_total` | counter | Connections opened. |
//! | `ticklot_reconnects_total` | counter | Connections opened after the first one. |
//! | `ticklot_disconnects_total` | counter | Connections that ended, and failed attempts. |
//! | `ticklot_sent_total` | counter | Messages sent. |
//! | `ticklot_rate_limited_total` | counter | Messages that the venue refused for their rate. |
//! | `ticklot_stale_total` | counter | Books that became stale. |
//! | `ticklot_connected` | gauge | 1 while the connection is open, otherwise 0. |
//! | `ticklot_stage_seconds` | histogram | Latency of a stage of a book message, with the label `stage` (feature `latency`). |

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use ticklot_frame::VenueName;

use crate::books::ConnectionId;
use crate::venue::Stats;

/// The name and the description of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, such as `ticklot_frames_total`.
    pub name: &'static str,
    /// The description that [`describe`] registers.
    pub description: &'static str,
}

const fn metric(name: &'static str, description: &'static str) -> Metric {
    Metric { name, description }
}

/// The counters of [`Stats`], in the order of [`counts`].
const COUNTERS: [Metric; 19] = [
    metric(
        "ticklot_frames_total",
        "Frames received, without control frames of the venue's protocol.",
    ),
    metric("ticklot_bytes_total", "Bytes of all frames."),
    metric("ticklot_messages_total", "Messages decoded, of any kind."),
    metric(
        "ticklot_books_applied_total",
        "Snapshots applied to a book.",
    ),
    metric("ticklot_deltas_applied_total", "Deltas applied to a book."),
    metric(
        "ticklot_repeated_total",
        "Snapshots and deltas that the book already contained.",
    ),
    metric(
        "ticklot_bad_lines_total",
        "Lines that could not be read or applied.",
    ),
    metric(
        "ticklot_fast_path_total",
        "Order books decoded on the fast path, in the format of earlier ones.",
    ),
    metric(
        "ticklot_general_path_total",
        "Order books decoded on the slower general path.",
    ),
    metric("ticklot_unknown_total", "Messages of an unknown kind."),
    metric(
        "ticklot_unrequested_total",
        "Messages of topics without a subscription, which are dropped.",
    ),
    metric(
        "ticklot_late_frames_total",
        "Frames received while no connection was open, which are dropped.",
    ),
    metric(
        "ticklot_gaps_total",
        "Gaps of books: lost messages, wrong checksums, and messages that could not be read or applied.",
    ),
    metric(
        "ticklot_resyncs_total",
        "Snapshots requested to repair a book.",
    ),
    metric("ticklot_connects_total", "Connections opened."),
    metric(
        "ticklot_reconnects_total",
        "Connections opened after the first one.",
    ),
    metric(
        "ticklot_disconnects_total",
        "Connections that ended, and failed attempts.",
    ),
    metric("ticklot_sent_total", "Messages sent."),
    metric(
        "ticklot_rate_limited_total",
        "Messages that the venue refused for their rate.",
    ),
];

/// The counter of books that became stale.
pub const STALE: Metric = metric("ticklot_stale_total", "Books that became stale.");

/// The gauge of open connections.
pub const CONNECTED: Metric = metric(
    "ticklot_connected",
    "1 while the connection is open, otherwise 0.",
);

/// The histogram of the latencies of the stages, in seconds.
pub const STAGE_SECONDS: Metric = metric(
    "ticklot_stage_seconds",
    "Latency of a stage of a book message, with the label `stage` (feature `latency`).",
);

/// All metrics.
pub fn all() -> impl Iterator<Item = Metric> {
    COUNTERS
        .into_iter()
        .chain([STALE, CONNECTED, STAGE_SECONDS])
}

/// Registers the descriptions with the recorder. Call this once, after the recorder is installed.
pub fn describe() {
    for counter in COUNTERS.iter().chain([&STALE]) {
        describe_counter!(counter.name, Unit::Count, counter.description);
    }
    describe_gauge!(CONNECTED.name, Unit::Count, CONNECTED.description);
    metrics::describe_histogram!(STAGE_SECONDS.name, Unit::Seconds, STAGE_SECONDS.description);
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
    /// The counts that the recorder has.
    published: [u64; COUNTERS.len()],
}

impl Handles {
    pub(crate) fn new(venue: VenueName, connection: ConnectionId) -> Self {
        let number = connection.to_string();
        Self {
            counters: COUNTERS.map(
                |metric| counter!(metric.name, "venue" => venue.0, "connection" => number.clone()),
            ),
            connected: gauge!(CONNECTED.name, "venue" => venue.0, "connection" => number),
            published: [0; COUNTERS.len()],
        }
    }

    /// Increments the counters whose counts changed.
    pub(crate) fn publish(&mut self, stats: &Stats) {
        let now = counts(stats);
        for ((counter, published), now) in self.counters.iter().zip(&mut self.published).zip(now) {
            if now != *published {
                counter.increment(now - std::mem::replace(published, now));
            }
        }
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.connected.set(f64::from(u8::from(is_connected)));
    }
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles")
            .field("published", &self.published)
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
    fn documented_table_is_complete() {
        let text = include_str!("metrics.rs");
        let rows: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .collect();
        assert_eq!(rows.len(), all().count());
        for (row, metric) in rows.iter().zip(all()) {
            assert!(row.starts_with(&format!("{}` | ", metric.name)), "{row}");
            assert!(
                row.ends_with(&format!("| {} |", metric.description)),
                "{row}"
            );
        }
    }
}
