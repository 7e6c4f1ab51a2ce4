//! The files of a recording: plain or compressed, one or numbered ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// When a recording goes on in another file. With neither there is one file, of the name that was
/// given; else they are numbered: `NAME.0001.jsonl.zst`, `NAME.0002.jsonl.zst`. Each can be read by
/// itself, and all of them one behind the other (`cat`) as one log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// When the file has this many bytes, as it lies on the disk. What the compression holds back comes
    /// on top: 128 KiB and a frame at most.
    pub size: Option<u64>,
    /// When a line comes that is so much later than the file's first.
    pub every: Option<Duration>,
}

/// A recording could not be begun, or not be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file is there already; a recording overwrites nothing.
    #[error("{} is there already: name another file, or move it away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path names no file.
    #[error("{} names no file", path.display())]
    Name {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be written. What was written before can be read.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("cannot start a thread to write: {0}")]
    Thread(#[source] io::Error),
}

/// Counts what goes into a file.
#[derive(Debug)]
struct Counted {
    file: File,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file, compressed as its name ends.
enum Packed {
    Plain(BufWriter<Counted>),
    Gzip(GzEncoder<Counted>),
    Zstandard(zstd::Encoder<'static, Counted>),
}

impl Packed {
    fn new(file: File, name: &Path) -> io::Result<Self> {
        let counted = Counted { file, bytes: 0 };
        let ends = |suffix| name.extension().is_some_and(|it| it == suffix);
        Ok(if ends("zst") {
            let level = zstd::DEFAULT_COMPRESSION_LEVEL;
            let mut encoder = zstd::Encoder::new(counted, level)?;
            // Most damage gives other text, not an error, and only the checksum detects it.
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

    /// What has gone into the file so far.
    fn bytes(&self) -> u64 {
        match self {
            Self::Plain(out) => out.get_ref().bytes,
            Self::Gzip(out) => out.get_ref().bytes,
            Self::Zstandard(out) => out.get_ref().bytes,
        }
    }

    /// Ends it properly. Returns how many bytes it has.
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

/// A file of a log that is being written. It never takes the place of another.
pub(super) struct LogFile {
    out: Packed,
    path: PathBuf,
    /// When its first line is from; none while it has none.
    first_ns: Option<u64>,
}

impl LogFile {
    pub(super) fn create(path: &Path) -> Result<Self, RecordError> {
        let opened = OpenOptions::new().write(true).create_new(true).open(path);
        let file = opened.and_then(|file| Packed::new(file, path));
        match file {
            Ok(out) => Ok(Self {
                out,
                path: path.to_owned(),
                first_ns: None,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let path = path.to_owned();
                Err(RecordError::Exists { path })
            }
            Err(source) => Err(cannot_write(path, source)),
        }
    }

    /// Writes a whole line.
    pub(super) fn line(&mut self, recv_ns: u64, line: &[u8]) -> Result<(), RecordError> {
        self.first_ns.get_or_insert(recv_ns);
        let written = self.out.writer().write_all(line);
        written.map_err(|source| cannot_write(&self.path, source))
    }

    /// Lets all that was written be read from the file, whatever becomes of this process.
    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        let flushed = self.out.writer().flush();
        flushed.map_err(|source| cannot_write(&self.path, source))
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

/// The files of a recording, one after the other.
pub(super) struct LogFiles {
    name: Name,
    rotation: Rotation,
    current: LogFile,
    /// The number of the current file, where they have one.
    number: u32,
    files: u32,
    /// What the files before have.
    bytes: u64,
}

impl LogFiles {
    /// Creates the first file: the one after the highest number that is there, where they are numbered.
    pub(super) fn create(path: &Path, rotation: Rotation) -> Result<Self, RecordError> {
        let name = Name::new(path)?;
        let numbered = rotation != Rotation::default();
        let number = if numbered {
            name.highest().saturating_add(1)
        } else {
            0
        };
        let current = if numbered {
            LogFile::create(&name.numbered(number))
        } else {
            LogFile::create(path)
        };
        Ok(Self {
            current: current?,
            name,
            rotation,
            number,
            files: 1,
            bytes: 0,
        })
    }

    /// Writes a whole line, in another file when it is time for one.
    pub(super) fn line(&mut self, recv_ns: u64, line: &[u8]) -> Result<(), RecordError> {
        if self.is_full(recv_ns) {
            self.rotate()?;
        }
        self.current.line(recv_ns, line)
    }

    fn is_full(&self, recv_ns: u64) -> bool {
        let Some(first) = self.current.first_ns else {
            return false;
        };
        let Rotation { size, every } = self.rotation;
        let age = Duration::from_nanos(recv_ns.saturating_sub(first));
        let is_old = |every| age >= every;
        size.is_some_and(|size| self.current.bytes() >= size) || every.is_some_and(is_old)
    }

    fn rotate(&mut self) -> Result<(), RecordError> {
        let next = LogFile::create(&self.name.numbered(self.number.saturating_add(1)))?;
        self.number = self.number.saturating_add(1);
        self.files += 1;
        let done = std::mem::replace(&mut self.current, next);
        self.bytes += done.finish()?;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        self.current.flush()
    }

    /// Ends the last file. Returns what all of them have.
    pub(super) fn finish(self) -> Result<u64, RecordError> {
        Ok(self.bytes + self.current.finish()?)
    }

    /// What is in the files so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.current.bytes()
    }

    pub(super) fn files(&self) -> u32 {
        self.files
    }

    pub(super) fn path(&self) -> &Path {
        self.current.path()
    }
}

/// A file's name, to be numbered between its two parts.
struct Name {
    folder: PathBuf,
    stem: String,
    /// With its dot; empty for none.
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

    /// The highest number that a file there has; 0 for none.
    fn highest(&self) -> u32 {
        let folder = match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        };
        // One that cannot be read cannot be written to either, which is told then.
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let numbers = files.filter_map(|file| self.number(file.file_name().to_str()?));
        numbers.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_before_what_says_how_to_read_it() {
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
