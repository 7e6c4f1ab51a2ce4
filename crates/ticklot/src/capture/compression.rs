//! Decompression of a log: a sequence of gzip members or Zstandard frames.
//!
//! A recorder that is killed leaves a truncated member, and a concatenation with `cat` puts the next file's member
//! directly after it. A plain decoder would treat that member as data of the truncated one and lose the rest. The input
//! is therefore scanned ahead for the magic number of a member. If decoding from there yields the start of a log line,
//! the previous member ends there. A decoder that is not finished by then is truncated, and decoding resumes at the
//! next member.
//!
//! A magic number within compressed data passes this check by chance less than once in 2^40 bytes. Uncompressed text
//! cannot contain one, since neither magic number is valid UTF-8.

use std::io::{self, BufRead, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use memchr::memmem;
use zstd::stream::read::Decoder as ZstandardDecoder;

/// The number of bytes per read.
const CHUNK: usize = 1 << 16;

/// The number of bytes of a member that are read in advance: more than the largest Zstandard block with its headers.
const LOOKAHEAD: usize = (128 << 10) + 64;

/// The number of decoded bytes that are checked to detect the start of a member.
const PROBE: usize = 1 << 12;

/// The compression of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    /// The maximum number of bytes that [`Compression::of`] uses.
    pub(super) const LONGEST: usize = 8;

    /// The compression of data with this beginning; `None` for plain text. A truncated magic number counts, at the end
    /// of the data or before another magic number.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| {
            let same = start.iter().zip(magic).take_while(|(a, b)| a == b).count();
            let rest = &start[same..];
            same > 0 && (same == magic.len() || rest.is_empty() || rest.starts_with(magic))
        };
        // A skippable frame (RFC 8878, section 3.1.2) is a frame, too: pzstd starts files with one.
        let mut skippable = (0x50..=0x5f).map(|first| [first, 0x2a, 0x4d, 0x18]);
        if begins(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if begins(Self::Zstandard.magic()) || skippable.any(|magic| begins(&magic)) {
            Some(Self::Zstandard)
        } else {
            None
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            // Including the only compression method of RFC 1952.
            Self::Gzip => &[0x1f, 0x8b, 0x08],
            Self::Zstandard => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// The text of all members. After an error, the next read continues at the next member, if there is one: see
/// [`Decompressor::take_resumes`].
pub(super) struct Decompressor {
    state: DecompressorState,
    resumes: bool,
    unverified: u64,
}

enum DecompressorState {
    Between(Input),
    Gzip(Box<GzDecoder<Input>>),
    Zstandard(ZstandardDecoder<'static, Input>),
    Over,
}

impl Decompressor {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            state: DecompressorState::Between(Input::new(input)),
            resumes: false,
            unverified: 0,
        }
    }

    /// The number of Zstandard frames without a content checksum so far.
    pub(super) fn unverified(&self) -> u64 {
        self.unverified
    }

    /// Whether another member follows the unreadable one. Clears the flag.
    pub(super) fn take_resumes(&mut self) -> bool {
        mem::take(&mut self.resumes)
    }

    /// Starts the decoder of the member at this position.
    fn begin(&mut self, mut input: Input) -> io::Result<DecompressorState> {
        input.begin();
        let start = input.peek()?;
        if start.is_empty() {
            return Ok(DecompressorState::Over);
        }
        // The third bit of the frame header descriptor, after the magic number (RFC 8878, section 3.1.1.1.1).
        let header = start.strip_prefix(Compression::Zstandard.magic());
        if let Some([descriptor, ..]) = header {
            self.unverified += u64::from(descriptor & 0b100 == 0);
        }
        // The decoder rejects anything else.
        input.compression = Compression::of(start).unwrap_or(input.compression);
        Ok(match input.compression {
            Compression::Gzip => DecompressorState::Gzip(Box::new(GzDecoder::new(input))),
            Compression::Zstandard => {
                DecompressorState::Zstandard(ZstandardDecoder::with_buffer(input)?.single_frame())
            }
        })
    }

    fn input(state: DecompressorState) -> Option<Input> {
        match state {
            DecompressorState::Between(input) => Some(input),
            DecompressorState::Gzip(decoder) => Some(decoder.into_inner()),
            DecompressorState::Zstandard(decoder) => Some(decoder.finish()),
            DecompressorState::Over => None,
        }
    }
}

impl Read for Decompressor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.state {
                DecompressorState::Over => return Ok(0),
                DecompressorState::Between(_) => Ok(0),
                DecompressorState::Gzip(decoder) => decoder.read(out),
                DecompressorState::Zstandard(decoder) => decoder.read(out),
            };
            if let Ok(1..) = read {
                return read;
            }
            let Some(mut input) =
                Self::input(mem::replace(&mut self.state, DecompressorState::Over))
            else {
                return Ok(0);
            };
            match read {
                Ok(_) => self.state = self.begin(input)?,
                Err(error) => {
                    if input.skip_member()? {
                        self.state = DecompressorState::Between(input);
                        self.resumes = true;
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// The compressed bytes, up to the beginning of the next member.
struct Input {
    from: Box<dyn Read + Send>,
    is_over: bool,
    buffer: Vec<u8>,
    /// The number of consumed bytes of the buffer.
    at: usize,
    /// The end of the bytes that belong to the member.
    limit: usize,
    /// Whether no byte of the member was consumed.
    is_start: bool,
    /// Whether another member begins at `limit`.
    is_end: bool,
    compression: Compression,
}

impl Input {
    fn new(from: Box<dyn Read + Send>) -> Self {
        Self {
            from,
            is_over: false,
            buffer: Vec::new(),
            at: 0,
            limit: 0,
            is_start: true,
            is_end: false,
            compression: Compression::Gzip,
        }
    }

    /// Starts a member at this position.
    fn begin(&mut self) {
        self.limit = self.at;
        (self.is_start, self.is_end) = (true, false);
    }

    /// The next bytes, without consuming them.
    fn peek(&mut self) -> io::Result<&[u8]> {
        self.fill(Compression::LONGEST)?;
        let end = self.buffer.len().min(self.at + Compression::LONGEST);
        Ok(&self.buffer[self.at..end])
    }

    /// Buffers at least this number of unconsumed bytes, unless the input ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        while !self.is_over && self.buffer.len() - self.at < bytes {
            self.read_more()?;
        }
        Ok(())
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.limit -= self.at;
        self.at = 0;
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let read = self.from.read(&mut self.buffer[length..]);
        self.buffer
            .truncate(length + read.as_ref().copied().unwrap_or(0));
        self.is_over = read? == 0;
        Ok(())
    }

    /// Advances `limit` by the bytes that belong to the member.
    fn extend(&mut self) -> io::Result<()> {
        // Skip the member's own magic number.
        let mut scanned = usize::from(mem::take(&mut self.is_start));
        loop {
            self.fill(scanned + self.compression.magic().len())?;
            let rest = &self.buffer[self.at..];
            let magic = self.compression.magic();
            let Some(found) = memmem::find(rest.get(scanned..).unwrap_or_default(), magic) else {
                // The last bytes may be the start of a magic number.
                let held = if self.is_over { 0 } else { magic.len() - 1 };
                self.limit = self.at + rest.len().saturating_sub(held);
                return Ok(());
            };
            let begin = scanned + found;
            self.fill(begin + LOOKAHEAD)?;
            if begins_line(self.compression, &self.buffer[self.at + begin..]) {
                self.limit = self.at + begin;
                self.is_end = true;
                return Ok(());
            }
            scanned = begin + 1;
        }
    }

    /// Skips the rest of the member; false if no other member follows.
    fn skip_member(&mut self) -> io::Result<bool> {
        loop {
            let rest = self.fill_buf()?.len();
            if rest == 0 {
                return Ok(self.is_end);
            }
            self.consume(rest);
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.limit && !self.is_end {
            self.extend()?;
        }
        Ok(&self.buffer[self.at..self.limit])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

/// Whether a member starts here whose text starts with a record of a log. A member that is truncated before its text
/// counts.
fn begins_line(compression: Compression, bytes: &[u8]) -> bool {
    let decoder: io::Result<Box<dyn Read>> = match compression {
        Compression::Gzip => Ok(Box::new(GzDecoder::new(bytes))),
        Compression::Zstandard => ZstandardDecoder::with_buffer(bytes)
            .map(|decoder| Box::new(decoder.single_frame()) as Box<dyn Read>),
    };
    let Ok(decoder) = decoder else { return false };
    let mut text = Vec::new();
    let read = decoder.take(PROBE as u64).read_to_end(&mut text);
    let is_whole = match read {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
    };
    is_whole
        && text
            .trim_ascii_start()
            .first()
            .is_none_or(|first| *first == b'{')
}
