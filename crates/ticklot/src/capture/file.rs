//! The files of a recording: plain or compressed, a single file or numbered ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// When a recording continues in another file.
///
/// With neither limit, there is one file of the given name. With a limit, all files are numbered:
/// `NAME.0001.jsonl.zst`, `NAME.0002.jsonl.zst`. Each file can be read alone, and their concatenation is one log.
///
/// A recording overwrites no file. If a file of the given name exists, or a write to it fails, the recording continues
/// in the file after the highest existing number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// The size of a file, as compressed, at which the next one starts. A file may exceed it by the compressor's
    /// buffer: at most 128 KiB and one frame.
    pub size: Option<u64>,
    /// The time after a file's first line at which the next one starts.
    pub every: Option<Duration>,
}

/// The error of a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file exists already and is not overwritten.
    #[error("{} already exists: choose another name, or move the file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path has no file name.
    #[error("{} has no file name", path.display())]
    Name {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be written. It is readable up to its last flushed line.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The writing thread could not be started.
    #[error("cannot start the writing thread: {0}")]
    Thread(#[source] io::Error),
}

impl RecordError {
    /// Whether a later attempt may succeed: the disk or the quota is full, or the file has the maximum size that the
    /// process may write.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let Self::Write { source, .. } = self else {
            return false;
        };
        matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }

    /// Whether the file has the maximum size that the process may write.
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::FileTooLarge)
    }
}

/// Counts the bytes that are written to a file.
#[derive(Debug)]
struct CountingWriter {
    file: File,
    bytes: u64,
}

impl Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file with the compression that the suffix of its name selects.
enum CompressedFile {
    Plain(BufWriter<CountingWriter>),
    Gzip(GzEncoder<CountingWriter>),
    Zstandard(zstd::Encoder<'static, CountingWriter>),
}

impl CompressedFile {
    fn new(file: File, name: &Path) -> io::Result<Self> {
        let counted = CountingWriter { file, bytes: 0 };
        let ends = |suffix| name.extension().is_some_and(|it| it == suffix);
        Ok(if ends("zst") {
            let level = zstd::DEFAULT_COMPRESSION_LEVEL;
            let mut encoder = zstd::Encoder::new(counted, level)?;
            // Most damage changes the text without an error, and only the checksum detects it.
            encoder.include_checksum(true)?;
            Self::Zstandard(encoder)
        } else if ends("gz") {
            Self::Gzip(GzEncoder::new(counted, Compression::default()))
        } else {
            Self::Plain(BufWriter::new(counted))
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out,
            Self::Zstandard(out) => out,
        }
    }

    /// The bytes written to the file so far.
    fn bytes(&self) -> u64 {
        match self {
            Self::Plain(out) => out.get_ref().bytes,
            Self::Gzip(out) => out.get_ref().bytes,
            Self::Zstandard(out) => out.get_ref().bytes,
        }
    }

    /// Writes the end of the file. Returns its size in bytes.
    fn finish(self) -> io::Result<u64> {
        Ok(match self {
            Self::Plain(mut out) => {
                out.flush()?;
                out.get_ref().bytes
            }
            Self::Gzip(out) => out.finish()?.bytes,
            Self::Zstandard(out) => out.finish()?.bytes,
        })
    }
}

/// A log file that is being written. It never replaces an existing file.
pub(super) struct LogFile {
    out: CompressedFile,
    file: File,
    path: PathBuf,
    /// The number of bytes that remain readable if the process is killed.
    flushed: u64,
    /// The time of the first line.
    first_ns: Option<u64>,
}

impl LogFile {
    pub(super) fn create(path: &Path) -> Result<Self, RecordError> {
        let opened = OpenOptions::new().write(true).create_new(true).open(path);
        let file =
            opened.and_then(|file| Ok((file.try_clone()?, CompressedFile::new(file, path)?)));
        match file {
            Ok((file, out)) => Ok(Self {
                out,
                file,
                path: path.to_owned(),
                flushed: 0,
                first_ns: None,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let path = path.to_owned();
                Err(RecordError::Exists { path })
            }
            Err(source) => Err(cannot_write(path, source)),
        }
    }

    /// Writes a line.
    pub(super) fn line(&mut self, recv_ns: u64, line: &[u8]) -> Result<(), RecordError> {
        self.first_ns.get_or_insert(recv_ns);
        let written = self.out.writer().write_all(line);
        written.map_err(|source| cannot_write(&self.path, source))
    }

    /// Flushes all lines, so that they remain readable if the process is killed.
    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        let flushed = self.out.writer().flush();
        flushed.map_err(|source| cannot_write(&self.path, source))?;
        self.flushed = self.out.bytes();
        Ok(())
    }

    /// After a failed write, truncates the file to its last flushed line, and removes it if it is then empty. Returns
    /// its size in bytes.
    fn abandon(self) -> u64 {
        let Self {
            out,
            file,
            path,
            flushed,
            ..
        } = self;
        // This may write buffered bytes, which are then truncated.
        drop(out);
        if file.set_len(flushed).is_ok() && flushed == 0 {
            // On failure an empty file remains.
            let _ = fs::remove_file(path);
        }
        flushed
    }

    pub(super) fn finish(self) -> Result<u64, RecordError> {
        let Self { out, path, .. } = self;
        out.finish().map_err(|source| cannot_write(&path, source))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn bytes(&self) -> u64 {
        self.out.bytes()
    }
}

fn cannot_write(path: &Path, source: io::Error) -> RecordError {
    let path = path.to_owned();
    RecordError::Write { path, source }
}

/// The files of a recording, one after another. Each is created with its first line.
pub(super) struct LogFiles {
    path: PathBuf,
    name: Name,
    rotation: Rotation,
    current: Option<LogFile>,
    /// The highest number so far; 0 for none.
    number: u32,
    /// The number of files, and the bytes of those before the current one.
    files: u32,
    bytes: u64,
}

impl LogFiles {
    /// The first file has the given name if that is free and there is no rotation; otherwise, the number after the
    /// highest existing one.
    pub(super) fn new(path: &Path, rotation: Rotation) -> Result<Self, RecordError> {
        let name = Name::new(path)?;
        let folder = fs::metadata(name.folder()).and_then(|folder| match folder.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        folder.map_err(|source| cannot_write(path, source))?;
        let mut files = Self {
            path: PathBuf::new(),
            name,
            rotation,
            current: None,
            number: 0,
            files: 0,
            bytes: 0,
        };
        let is_free = fs::symlink_metadata(path).is_err();
        files.path = match rotation == Rotation::default() && is_free {
            true => path.to_owned(),
            false => files.next_path(),
        };
        Ok(files)
    }

    /// The path with the number after the highest one that exists or was used.
    fn next_path(&mut self) -> PathBuf {
        self.number = self.number.max(self.name.highest()).saturating_add(1);
        self.name.numbered(self.number)
    }

    /// Whether the current file must end before a line of this time.
    pub(super) fn is_full(&self, recv_ns: u64) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        let Rotation { size, every } = self.rotation;
        let is_old = |every| {
            let first = current.first_ns.unwrap_or(recv_ns);
            Duration::from_nanos(recv_ns.saturating_sub(first)) >= every
        };
        size.is_some_and(|size| current.bytes() >= size) || every.is_some_and(is_old)
    }

    /// Writes a line, to a new file if there is none.
    pub(super) fn line(&mut self, recv_ns: u64, line: &[u8]) -> Result<(), RecordError> {
        match &mut self.current {
            Some(current) => current.line(recv_ns, line),
            None => {
                let created = self.create()?;
                self.files += 1;
                self.current.insert(created).line(recv_ns, line)
            }
        }
    }

    fn create(&mut self) -> Result<LogFile, RecordError> {
        if self.files > 0 {
            self.path = self.next_path();
        }
        match LogFile::create(&self.path) {
            // Another process has created it.
            Err(RecordError::Exists { .. }) => {
                self.path = self.next_path();
                LogFile::create(&self.path)
            }
            created => created,
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        self.current.as_mut().map_or(Ok(()), LogFile::flush)
    }

    /// Finishes the current file. The next line starts another one.
    pub(super) fn end(&mut self) -> Result<(), RecordError> {
        if let Some(current) = &mut self.current {
            // If finishing fails, the flushed lines remain.
            current.flush()?;
        }
        if let Some(done) = self.current.take() {
            self.bytes += done.finish()?;
        }
        Ok(())
    }

    /// Abandons the current file after a failed write.
    pub(super) fn abandon(&mut self) {
        if let Some(current) = self.current.take() {
            let bytes = current.abandon();
            self.bytes += bytes;
            self.files -= u32::from(bytes == 0);
        }
    }

    /// The bytes of all files so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.current.as_ref().map_or(0, LogFile::bytes)
    }

    pub(super) fn files(&self) -> u32 {
        self.files
    }

    /// The current file, or the next one.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The parts of a file name between which the number is inserted.
struct Name {
    folder: PathBuf,
    stem: String,
    /// The suffix with its dot; empty for none.
    suffix: String,
}

impl Name {
    fn new(path: &Path) -> Result<Self, RecordError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| RecordError::Name {
            path: path.to_owned(),
        })?;
        let known = [".jsonl.zst", ".jsonl.gz", ".jsonl", ".zst", ".gz"];
        let suffix = known.into_iter().find(|suffix| name.ends_with(suffix));
        let at = match suffix {
            Some(suffix) => name.len() - suffix.len(),
            None => name.rfind('.').unwrap_or(name.len()),
        };
        Ok(Self {
            folder: path.parent().map_or_else(PathBuf::new, Path::to_owned),
            stem: name[..at].to_owned(),
            suffix: name[at..].to_owned(),
        })
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let name = format!("{}.{number:04}{}", self.stem, self.suffix);
        self.folder.join(name)
    }

    /// The number of a file of this name.
    fn number(&self, file: &str) -> Option<u32> {
        let rest = file.strip_prefix(self.stem.as_str())?.strip_prefix('.')?;
        rest.strip_suffix(self.suffix.as_str())?.parse().ok()
    }

    fn folder(&self) -> &Path {
        match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        }
    }

    /// The highest number of the existing files; 0 for none.
    fn highest(&self) -> u32 {
        // If the folder cannot be read, creating the file fails as well.
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let numbers = files.filter_map(|file| self.number(file.file_name().to_str()?));
        numbers.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_number_precedes_extension() {
        for (path, numbered) in [
            ("a/book.jsonl.zst", "a/book.0007.jsonl.zst"),
            ("book.v2.jsonl", "book.v2.0007.jsonl"),
            ("book.gz", "book.0007.gz"),
            ("book.log", "book.0007.log"),
            ("book", "book.0007"),
            (".jsonl", ".0007.jsonl"),
        ] {
            let name = Name::new(Path::new(path)).unwrap();
            assert_eq!(name.numbered(7), Path::new(numbered));
            let file = Path::new(numbered).file_name().unwrap();
            assert_eq!(name.number(file.to_str().unwrap()), Some(7));
            for other in ["", "book", "book.x.jsonl", "other.0007.jsonl.zst"] {
                assert_eq!(name.number(other), None, "{other}");
            }
        }
        assert!(Name::new(Path::new("/")).is_err());
    }
}
