//! Recorded frames: written as they pass, read back, and played through the session's own rules.
//!
//! | to | use |
//! |---|---|
//! | write everything that passes to files | [`Recorder`], a [`Tap`](crate::tap::Tap) |
//! | write the recent past when a book loses its trust | [`Incidents`], a [`Tap`](crate::tap::Tap) |
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
//! | `dir` | [`RecordKind::as_str`](crate::tap::RecordKind::as_str); left out of a message that came |
//!
//! Only `frame` must be there. What a reader does not know it passes over, members and kinds alike.
//! `docs/recording.md` has it all.

mod compression;
mod file;
mod incidents;
mod line;
mod log;
mod recorder;
mod replay;
mod rows;

pub use self::file::{RecordError, Rotation};
pub use self::incidents::{IncidentReport, Incidents};
pub use self::line::append;
pub use self::log::{FrameLog, LogError, MAX_LINE, Progress, Record, TimeUnit, Times};
pub use self::recorder::{RecordOptions, Recorded, Recorder};
pub use self::replay::{Loss, MAX_CONNECTIONS, MAX_LOSSES, Replay, ReplayCheck, ReplayStep};
pub use self::rows::BookRows;
