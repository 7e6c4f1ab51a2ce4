//! The recorded logs: real order flow in the venues' formats. They are not part of the project.
//!
//! Their folder is the environment variable `TICKLOT_DATA`, or `../shared/data`. A relative path starts from the workspace's
//! root.

use std::path::{Path, PathBuf};

use ticklot::Scale;
use ticklot::capture::{FrameLog, LogError};

use crate::pool::FrameFormat;

/// The scale of the recorded books of Bayse Markets.
///
/// # Panics
/// Never: the scale is evaluated at compile time.
pub const BAYSE_SCALE: Scale = match Scale::new(6, 6) {
    Ok(scale) => scale,
    Err(_) => Scale::UNIT,
};

/// The logs and their formats.
const LOGS: [(&str, FrameFormat); 3] = [
    ("jayx-btcusdt-top20", FrameFormat::JayxSocketIo),
    ("jayx-btcusdt-top100", FrameFormat::JayxBare),
    ("bayse-books150", FrameFormat::Bayse),
];

/// A recorded log, in memory.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its name.
    pub name: &'static str,
    /// Its format.
    pub wire: FrameFormat,
    /// Its frames, in order.
    pub frames: Vec<Vec<u8>>,
}

/// All present logs. Prints a line about the missing ones.
#[must_use]
pub fn logs() -> Vec<Log> {
    let folder = folder();
    let (mut logs, mut missing) = (Vec::new(), Vec::new());
    for (name, wire) in LOGS {
        match read(&folder, name, wire) {
            Ok(log) => logs.push(log),
            Err(error) => missing.push(format!("{name}: {error}")),
        }
    }
    if !missing.is_empty() {
        println!("recorded logs skipped: {}", missing.join("; "));
    }
    logs
}

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = std::env::var_os("TICKLOT_DATA").unwrap_or_else(|| "../shared/data".into());
    root.join(data)
}

fn read(folder: &Path, name: &'static str, wire: FrameFormat) -> Result<Log, LogError> {
    let log = FrameLog::open(folder.join(format!("{name}.frames.jsonl.zst")))?;
    let frames = log
        .map(|record| record.map(|record| record.frame))
        .collect::<Result<_, _>>()?;
    Ok(Log { name, wire, frames })
}
