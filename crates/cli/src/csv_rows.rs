//! The CSV file of `--books`, which never overwrites a log.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ticklot::capture::BookRows;
use ticklot::{Books, Event};

use crate::failure::{Failure, usage, work};

/// The file of `--books`, if the option is given: a row for each order-book message.
#[derive(Default)]
pub(crate) struct CsvRows(Option<BookRows<BufWriter<File>>>);

impl CsvRows {
    /// Creates the file if a path is given. The path must not be one of the logs. Truncates an existing file.
    pub(crate) fn create(path: Option<&Path>, logs: &[&Path]) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        check_rows(path, logs)?;
        let cannot = |error: io::Error| work!("cannot write {}: {error}", path.display());
        let file = BufWriter::new(File::create(path).map_err(cannot)?);
        Ok(Self(Some(BookRows::new(file).map_err(cannot)?)))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a row if the event is an order-book message.
    pub(crate) fn write(&mut self, event: &Event<'_>, books: &Books) -> Result<(), Failure> {
        match (event, &mut self.0) {
            (Event::Book(update), Some(rows)) => rows.write(update, books).map_err(cannot_write),
            _ => Ok(()),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.0.as_mut().map_or(Ok(()), BookRows::flush);
        flushed.map_err(cannot_write)
    }
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn cannot_write(error: io::Error) -> Failure {
    work!("cannot write the books: {error}")
}

/// Rejects an output path that is one of the logs.
pub(crate) fn check_rows(path: &Path, logs: &[&Path]) -> Result<(), Failure> {
    match logs.iter().any(|log| is_same_file(log, path)) {
        true => Err(usage!("--books would overwrite the log {}", path.display())),
        false => Ok(()),
    }
}

/// Whether both paths lead to the same file, also through hard or symbolic links.
pub(crate) fn is_same_file(a: &Path, b: &Path) -> bool {
    match (identity(a), identity(b)) {
        (Some(a), Some(b)) => a == b,
        // Files that do not exist yet are compared by folder and name.
        (None, None) => in_folder(a).is_some_and(|a| in_folder(b) == Some(a)),
        _ => false,
    }
}

/// The device and the inode, which all hard links to a file share.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

fn in_folder(path: &Path) -> Option<PathBuf> {
    let folder = match path.parent()? {
        here if here.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}
