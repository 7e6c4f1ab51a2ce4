//! Recording, reading and replaying of frame logs.
//!
//! Everything here requires the feature `capture`, except [`FlightRecorder`].
//!
//! | to | use |
//! |---|---|
//! | write all messages and events to files | [`Recorder`], a [`Tap`](crate::observe::Tap) |
//! | keep the latest messages in memory until a book becomes invalid | [`FlightRecorder`] |
//! | write the latest messages to a file when a book becomes invalid | [`Incidents`], a [`Tap`](crate::observe::Tap) |
//! | write a line in a custom tap | [`append`] |
//! | read a log | [`FrameLog`] |
//! | get the books of a log | [`Replay`] |
//! | write the state of a book after each message | [`BookRows`] |
//!
//! A log is text with one JSON object per line, either plain or compressed with gzip (`.gz`) or Zstandard (`.zst`):
//!
//! ```text
//! {"recv_ns":1723161255088176367,"conn":0,"venue":"name","frame":"{...}"}
//! ```
//!
//! | member | contents |
//! |---|---|
//! | `recv_ns` | time in nanoseconds since 1970; 0 or absent if unknown |
//! | `frame` | text of one WebSocket message; for another kind of line, its details |
//! | `conn` | number of the feed's connection, from 0; absent if there is only one |
//! | `venue` | name of the connection's venue; absent if unknown |
//! | `dir` | kind of the line ([`RecordKind::as_str`](crate::observe::RecordKind::as_str)); absent for a received message |
//!
//! Only `frame` is required. A reader ignores unknown members and unknown kinds. `docs/log-format.md` specifies the
//! format.

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

pub use self::flight_recorder::{FlightOptions, FlightRecorder, Incident};
pub use self::ring::IncidentRecord;
#[cfg(feature = "capture")]
pub use self::{
    file::{RecordError, Rotation},
    incidents::{IncidentReport, Incidents},
    log::{FrameLog, LogError, MAX_LINE, Progress, Record, TimeUnit, Times},
    log_line::append,
    recorder::{RecordOptions, Recorded, Recorder},
    replay::{
        MAX_CONNECTIONS, MAX_INVALIDATIONS, Replay, ReplayCheck, ReplayInvalidation, ReplayStep,
    },
    rows::BookRows,
};
