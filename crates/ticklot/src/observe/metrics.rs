//! The counts of a session, for the [`metrics`](https://docs.rs/metrics) facade.
//!
//! Install the recorder before you create a session: the session requests its handles at its creation. A message then
//! costs one comparison per count, and one call of the recorder per changed count. Nothing is looked up or allocated
//! here. Without a recorder the calls do nothing.
//!
//! Each metric has the labels `venue` and `connection`; the latter is the number of the [`ConnectionId`]. [`all`] lists
//! the metrics.
//!
//! ```
//! let names: Vec<&str> = ticklot::observe::metrics::all().map(|metric| metric.name).collect();
//! assert!(names.contains(&"ticklot_gaps_total"));
//! ```

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

/// Defines the metrics with their documentation. The counters have the value of an expression over [`Stats`].
macro_rules! metrics {
    (
        $stats:ident;
        $($counter:literal $counts:literal $value:expr;)+
        $($(#[$doc:meta])+ $id:ident $kind:ident $name:literal $description:literal;)+
    ) => {
        const COUNTERS: [Metric; [$($counter),+].len()] = [$(metric($counter, $counts)),+];

        /// The values of [`COUNTERS`].
        fn counts($stats: &Stats) -> [u64; COUNTERS.len()] {
            [$($value),+]
        }

        $($(#[$doc])+ pub const $id: Metric = metric($name, $description);)+

        /// All metrics.
        ///
        /// | name | kind | description |
        /// |---|---|---|
        $(#[doc = concat!("| `", $counter, "` | counter | ", $counts, " |")])+
        $(#[doc = concat!("| `", $name, "` | ", stringify!($kind), " | ", $description, " |")])+
        pub fn all() -> impl Iterator<Item = Metric> {
            COUNTERS.into_iter().chain([$($id),+])
        }
    };
}

metrics! {
    stats;
    "ticklot_frames_total" "Frames received, without control frames of the venue's protocol." stats.frames;
    "ticklot_bytes_total" "Bytes of all frames." stats.bytes;
    "ticklot_messages_total" "Messages decoded, of any kind." stats.messages;
    "ticklot_books_applied_total" "Snapshots applied to a book." stats.snapshots;
    "ticklot_deltas_applied_total" "Deltas applied to a book." stats.deltas;
    "ticklot_repeated_total" "Snapshots and deltas that the book already contained." stats.repeated;
    "ticklot_bad_lines_total" "Lines that could not be read or applied." stats.bad_lines;
    "ticklot_fast_path_total" "Order books decoded on the fast path, in the format of earlier ones." stats.fast_path;
    "ticklot_general_path_total" "Order books decoded on the slower general path." stats.general_path;
    "ticklot_unknown_total" "Messages of an unknown kind." stats.unknown;
    "ticklot_unrequested_total" "Messages of topics without a subscription, which are dropped." stats.unrequested;
    "ticklot_late_frames_total" "Frames received while no connection was open, which are dropped." stats.late;
    "ticklot_gaps_total" "Lost messages, wrong checksums, and messages that could not be read or applied." stats.gaps;
    "ticklot_resyncs_total" "Snapshots requested to repair a book." stats.resyncs;
    "ticklot_connects_total" "Connections opened." stats.connects;
    "ticklot_reconnects_total" "Connections opened after the first one." stats.connects.saturating_sub(1);
    "ticklot_disconnects_total" "Connections that ended, and failed attempts." stats.disconnects;
    "ticklot_sent_total" "Messages sent." stats.sent;
    "ticklot_rate_limited_total" "Messages that the venue refused for their rate." stats.rate_limited;

    /// The counter of books that became stale.
    STALE counter "ticklot_stale_total" "Books that became stale.";
    /// The gauge of open connections.
    CONNECTED gauge "ticklot_connected" "1 while the connection is open, otherwise 0.";
    /// The histogram of the latencies of the stages, in seconds.
    STAGE_SECONDS histogram "ticklot_stage_seconds"
        "Latency of a stage of a book message, with the label `stage` (feature `latency`).";
}

/// Registers the descriptions with the recorder. Call this once, after the recorder is installed.
pub fn describe() {
    for counter in COUNTERS.iter().chain([&STALE]) {
        describe_counter!(counter.name, Unit::Count, counter.description);
    }
    describe_gauge!(CONNECTED.name, Unit::Count, CONNECTED.description);
    metrics::describe_histogram!(STAGE_SECONDS.name, Unit::Seconds, STAGE_SECONDS.description);
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
