//! The file of `--books`, which never overwrites a log.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ticklot::capture::BookRows;

use crate::failure::Failure;

/// Refuses to write the rows over a log.
pub(crate) fn check_rows(path: &Path, logs: &[&Path]) -> Result<(), Failure> {
    if logs.iter().any(|log| is_same_file(log, path)) {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "--books would overwrite the log {path}"
        )));
    }
    Ok(())
}

/// Creates the file for the rows, which is none of the logs.
pub(crate) fn create_rows(
    path: &Path,
    logs: &[&Path],
) -> Result<BookRows<BufWriter<File>>, Failure> {
    check_rows(path, logs)?;
    let cannot =
        |error: io::Error| Failure::work(format_args!("cannot write {}: {error}", path.display()));
    BookRows::new(BufWriter::new(File::create(path).map_err(cannot)?)).map_err(cannot)
}

/// The error of a row that cannot be written.
pub(crate) fn cannot_write(error: &io::Error) -> Failure {
    Failure::work(format_args!("cannot write the books: {error}"))
}

/// Whether both paths lead to one file, by whatever links.
pub(crate) fn is_same_file(a: &Path, b: &Path) -> bool {
    match (identity(a), identity(b)) {
        (Some(a), Some(b)) => a == b,
        // A file that does not exist yet has a folder and a name.
        (None, None) => in_folder(a).is_some_and(|a| in_folder(b) == Some(a)),
        _ => false,
    }
}

/// Its device and its inode, which all hard links to a file share.
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
