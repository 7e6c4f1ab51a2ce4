//! A compressed log: gzip members or Zstandard frames, one behind the other.
//!
//! A recorder that is killed leaves its last member without an end, and `cat` puts the next file's member right
//! behind it. A decoder that reads on takes that member for more data of the truncated one, and everything behind it
//! is lost. So the input looks ahead: where the magic number of a member appears, and decoding from there gives the
//! beginning of a line, the bytes before it end. A decoder that is not finished by then is truncated, and
//! decoding resumes at the next member.
//!
//! A magic number inside compressed data passes this check by chance once in more than 2^40 bytes. Text that is
//! stored as it is cannot contain one: neither magic number is valid UTF-8.

use std::io::{self, BufRead, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use memchr::memmem;
use zstd::stream::read::Decoder as ZstandardDecoder;

/// How many bytes are read at once.
const CHUNK: usize = 1 << 16;

/// How many bytes of a member are read ahead: more than the largest block of Zstandard and its headers.
const LOOKAHEAD: usize = (128 << 10) + 64;

/// How much decoded text proves that a member begins.
const PROOF: usize = 1 << 12;

/// How a member is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    /// The longest beginning that [`Compression::of`] uses.
    pub(super) const LONGEST: usize = 8;

    /// How data with this beginning is compressed; none when it is not. A magic number that is cut short counts, at
    /// the end of the data or before another one.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| {
            let same = start.iter().zip(magic).take_while(|(a, b)| a == b).count();
            let rest = &start[same..];
            same > 0 && (same == magic.len() || rest.is_empty() || rest.starts_with(magic))
        };
        // A skippable frame (RFC 8878, section 3.1.2) is a frame too: the first of a file of pzstd, say.
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
            // With the one method of compression that there is (RFC 1952).
            Self::Gzip => &[0x1f, 0x8b, 0x08],
            Self::Zstandard => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// The text of all members.
///
/// After an error of a member the next read continues at the next one, if there is any: see
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

    /// How many Zstandard frames without a content checksum began so far.
    pub(super) fn unverified(&self) -> u64 {
        self.unverified
    }

    /// Whether another member follows the one that could not be read. Asked again, it is false.
    pub(super) fn take_resumes(&mut self) -> bool {
        mem::take(&mut self.resumes)
    }

    /// The decoder of the member that begins here; none at the end.
    fn begin(&mut self, mut input: Input) -> io::Result<DecompressorState> {
        input.begin();
        let start = input.peek()?;
        if start.is_empty() {
            return Ok(DecompressorState::Over);
        }
        // The third bit of the frame header descriptor, behind the magic number (RFC 8878, section 3.1.1.1.1).
        let header = start.strip_prefix(Compression::Zstandard.magic());
        if let Some([descriptor, ..]) = header {
            self.unverified += u64::from(descriptor & 0b100 == 0);
        }
        // The decoder refuses anything else.
        input.packing = Compression::of(start).unwrap_or(input.packing);
        Ok(match input.packing {
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
    /// How many bytes of the buffer were consumed.
    at: usize,
    /// Where the bytes that belong to the member end.
    limit: usize,
    /// Whether nothing of the member was taken.
    is_start: bool,
    /// Whether another member begins at `limit`.
    is_end: bool,
    packing: Compression,
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
            packing: Compression::Gzip,
        }
    }

    /// Here a member begins.
    fn begin(&mut self) {
        self.limit = self.at;
        (self.is_start, self.is_end) = (true, false);
    }

    /// The next bytes.
    fn peek(&mut self) -> io::Result<&[u8]> {
        self.fill(Compression::LONGEST)?;
        let end = self.buffer.len().min(self.at + Compression::LONGEST);
        Ok(&self.buffer[self.at..end])
    }

    /// Sees to it that there are so many bytes more than were taken, unless the input ends.
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

    /// Finds out how much more belongs to the member.
    fn extend(&mut self) -> io::Result<()> {
        // The member's own magic number is not that of another one.
        let mut scanned = usize::from(mem::take(&mut self.is_start));
        loop {
            self.fill(scanned + self.packing.magic().len())?;
            let rest = &self.buffer[self.at..];
            let magic = self.packing.magic();
            let Some(found) = memmem::find(rest.get(scanned..).unwrap_or_default(), magic) else {
                // The last bytes may be the beginning of a magic number.
                let held = if self.is_over { 0 } else { magic.len() - 1 };
                self.limit = self.at + rest.len().saturating_sub(held);
                return Ok(());
            };
            let begin = scanned + found;
            self.fill(begin + LOOKAHEAD)?;
            if begins_line(self.packing, &self.buffer[self.at + begin..]) {
                self.limit = self.at + begin;
                self.is_end = true;
                return Ok(());
            }
            scanned = begin + 1;
        }
    }

    /// Passes over the rest of the member; false when no other follows.
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

/// Whether a member begins here whose text begins with a record of a log. One that is cut off before its text is
/// taken for such.
fn begins_line(packing: Compression, bytes: &[u8]) -> bool {
    let decoder: io::Result<Box<dyn Read>> = match packing {
        Compression::Gzip => Ok(Box::new(GzDecoder::new(bytes))),
        Compression::Zstandard => ZstandardDecoder::with_buffer(bytes)
            .map(|decoder| Box::new(decoder.single_frame()) as Box<dyn Read>),
    };
    let Ok(decoder) = decoder else { return false };
    let mut text = Vec::new();
    let read = decoder.take(PROOF as u64).read_to_end(&mut text);
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
