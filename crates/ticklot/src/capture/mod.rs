//! Recorded frames: written as they are received, read back, and replayed through the session.
//!
//! Except for [`FlightRecorder`] and [`Tap`](crate::observe::Tap), everything here requires the feature `capture`.
//!
//! | to | use |
//! |---|---|
//! | write everything that passes to files | [`Recorder`], a [`Tap`](crate::observe::Tap) |
//! | keep the recent past in memory until a book becomes invalid | [`FlightRecorder`] |
//! | write the recent past when a book becomes invalid | [`Incidents`], a [`Tap`](crate::observe::Tap) |
//! | write a line oneself | [`append`] |
//! | read a log | [`FrameLog`] |
//! | get the books of a log | [`Replay`] |
//! | tell what a book held after each message | [`BookRows`] |
//!
//! A log is text, one JSON object a line, plain, or compressed with gzip (`.gz`) or Zstandard (`.zst`):
//!
//! ```text
//! {"recv_ns":1723161255088176367,"conn":0,"venue":"name","frame":"{...}"}
//! ```
//!
//! | member | what it is |
//! |---|---|
//! | `recv_ns` | when it passed, in nanoseconds since 1970; 0 or left out when the recorder did not know |
//! | `frame` | the text of one WebSocket message; of a line of another kind, what there is to say |
//! | `conn` | which connection of the feed it passed over, from 0; left out where there is one |
//! | `venue` | the connection's venue, by its name; left out where the recorder did not say |
//! | `dir` | [`RecordKind::as_str`](crate::observe::RecordKind::as_str); left out of a message that came |
//!
//! Only `frame` must be there. What a reader does not know it passes over, members and kinds alike.
//! `docs/log-format.md` is the reference.

#[cfg(feature = "capture")]
mod compression;
#[cfg(feature = "capture")]
mod file;
mod flight_recorder;
#[cfg(feature = "capture")]
mod incidents;
#[cfg(feature = "capture")]
mod log;
#[cfg(feature = "capture")]
mod log_line;
#[cfg(feature = "capture")]
mod recorder;
#[cfg(feature = "capture")]
mod replay;
mod ring;
#[cfg(feature = "capture")]
mod rows;

#[cfg(feature = "capture")]
pub use self::file::{RecordError, Rotation};
pub use self::flight_recorder::{FlightOptions, FlightRecorder, Incident};
#[cfg(feature = "capture")]
pub use self::incidents::{IncidentReport, Incidents};
#[cfg(feature = "capture")]
pub use self::log::{FrameLog, LogError, MAX_LINE, Progress, Record, TimeUnit, Times};
#[cfg(feature = "capture")]
pub use self::log_line::append;
#[cfg(feature = "capture")]
pub use self::recorder::{RecordOptions, Recorded, Recorder};
#[cfg(feature = "capture")]
pub use self::replay::{
    MAX_CONNECTIONS, MAX_INVALIDATIONS, Replay, ReplayCheck, ReplayInvalidation, ReplayStep,
};
pub use self::ring::IncidentRecord;
#[cfg(feature = "capture")]
pub use self::rows::BookRows;
