//! What an answer to an upgrade must come to, read line by line.

/// What a client may make of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is an upgrade; frames begin at this byte.
    Accepted(usize),
    /// It is a refusal, with this status and this many seconds to wait.
    Refused(u16, Option<u64>),
    /// With a `Retry-After` that is no number: a date perhaps, which unit tests judge.
    RefusedUntil(u16),
    /// It says 101, but not as it must.
    Handshake,
    /// It is no HTTP.
    Http,
    /// It is not whole.
    More,
    /// One or the other, as a reader is strict or lenient.
    Either(Box<Verdict>, Box<Verdict>),
}

/// As long as a head may be.
const MAX_HEAD: usize = 64 << 10;
/// The most fields that a head may have.
const MAX_HEADERS: usize = 512;

/// What the request asked for.
pub(super) struct Asked<'a> {
    /// The accept of its key.
    pub(super) accept: &'a str,
    /// Sub-protocols.
    pub(super) protocols: &'a [&'a str],
}

/// Reads an answer.
pub(super) fn judge(bytes: &[u8], asked: &Asked<'_>) -> Verdict {
    let (mut at, mut is_strict) = (0, true);
    loop {
        let head = match Head::read(&bytes[at..]) {
            Ok(head) => head,
            Err(verdict) if is_strict => return verdict,
            Err(verdict) => return either(verdict, Verdict::Http),
        };
        at += head.size;
        is_strict &= head.is_strict;
        let verdict = match head.status {
            // Something else is still to come.
            100 | 102..=199 => continue,
            101 if head.is_upgrade(asked) => Verdict::Accepted(at),
            101 if head.is_old => either(Verdict::Handshake, Verdict::Http),
            101 => Verdict::Handshake,
            100..=999 => head.refusal(),
            _ => Verdict::Http,
        };
        // A head that only a lenient reader takes is one that another refuses.
        return if is_strict {
            verdict
        } else {
            either(verdict, Verdict::Http)
        };
    }
}

fn either(one: Verdict, other: Verdict) -> Verdict {
    Verdict::Either(Box::new(one), Box::new(other))
}

/// The head of an answer.
struct Head {
    size: usize,
    status: u16,
    /// By HTTP/1.0.
    is_old: bool,
    /// By the grammar, in printable ASCII.
    is_strict: bool,
    /// Names in small letters, values without the blanks around them.
    fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Verdict> {
        let blank = bytes
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let (lines, size) = match lines(&bytes[blank..]) {
            Some((lines, size)) => (lines, blank + size),
            None if is_strict(bytes) && bytes.len() < MAX_HEAD => return Err(unfinished(bytes)),
            None => return Err(either(Verdict::More, Verdict::Http)),
        };
        let is_strict = blank == 0 && is_strict(&bytes[..size]) && size < MAX_HEAD;
        let no_head = || {
            if is_strict {
                Verdict::Http
            } else {
                either(Verdict::Http, Verdict::More)
            }
        };
        let (first, rest) = lines.split_first().expect("there is a line");
        let (is_old, status) = status_line(first).ok_or_else(no_head)?;
        let fields: Option<Vec<_>> = rest.iter().map(|line| field(line)).collect();
        let fields = fields.ok_or_else(no_head)?;
        let is_strict = is_strict && fields.len() <= MAX_HEADERS;
        Ok(Self {
            size,
            status,
            is_old,
            is_strict,
            fields,
        })
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_slice())
    }

    /// The elements of a list, in small letters or as they are.
    fn list(&self, name: &str) -> Vec<String> {
        let elements = self
            .values(name)
            .flat_map(|it| it.split(|byte| *byte == b','));
        let texts = elements.map(|it| String::from_utf8_lossy(it.trim_ascii()).into_owned());
        texts.filter(|it| !it.is_empty()).collect()
    }

    fn has(&self, name: &str, token: &str) -> bool {
        let mut list = self.list(name).into_iter();
        list.any(|it| it.eq_ignore_ascii_case(token))
    }

    /// RFC 6455, section 4.1, what a client must check.
    fn is_upgrade(&self, asked: &Asked<'_>) -> bool {
        let accepts: Vec<_> = self.values("sec-websocket-accept").collect();
        let chosen = self.list("sec-websocket-protocol");
        let is_asked = match chosen.as_slice() {
            [] => true,
            [one] => asked.protocols.contains(&one.as_str()),
            _ => false,
        };
        !self.is_old
            && self.has("upgrade", "websocket")
            && self.has("connection", "upgrade")
            && accepts.len() == 1
            && accepts[0] == asked.accept.as_bytes()
            && self.list("sec-websocket-extensions").is_empty()
            && is_asked
    }

    fn refusal(&self) -> Verdict {
        let after = self
            .values("retry-after")
            .next()
            .filter(|it| !it.is_empty());
        let text = after.map(String::from_utf8_lossy);
        let refused = match text {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Verdict::Refused(self.status, Some(text.parse().unwrap_or(u64::MAX)))
            }
            Some(_) => Verdict::RefusedUntil(self.status),
            None => Verdict::Refused(self.status, None),
        };
        let framing = ["content-length", "transfer-encoding"];
        let has_body = framing
            .iter()
            .any(|name| self.values(name).next().is_some());
        // A body that cannot be is an answer that cannot be.
        if has_body {
            either(refused, Verdict::Http)
        } else {
            refused
        }
    }
}

/// What is there of a head has no end. It may be wrong already.
fn unfinished(bytes: &[u8]) -> Verdict {
    let starts_well = b"HTTP/1.".iter().zip(bytes).all(|(a, b)| a == b);
    if bytes.is_empty() || (starts_well && bytes.len() < 8) {
        Verdict::More
    } else {
        either(Verdict::More, Verdict::Http)
    }
}

/// The lines up to an empty one, without their ends, and how many bytes they are with it.
fn lines(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let end = bytes[at..].iter().position(|byte| *byte == b'\n')?;
        let line = &bytes[at..at + end];
        at += end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() && !lines.is_empty() {
            return Some((lines, at));
        }
        lines.push(line);
    }
}

/// Printable ASCII, with both bytes at each line's end, and no line that goes on with the one before.
fn is_strict(bytes: &[u8]) -> bool {
    let mut before = 0;
    bytes.iter().enumerate().all(|(at, byte)| {
        let after = bytes.get(at + 1);
        let is_good = match byte {
            b'\r' => after.is_none_or(|after| *after == b'\n'),
            b'\n' => before == b'\r' && after.is_none_or(|after| !b" \t".contains(after)),
            b'\t' | b' '..=b'~' => true,
            _ => false,
        };
        before = *byte;
        is_good
    })
}

/// Whether it is HTTP/1.0, and the status.
fn status_line(line: &[u8]) -> Option<(bool, u16)> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (version, rest) = rest.split_first()?;
    let is_old = match version {
        b'0' => true,
        b'1' => false,
        _ => return None,
    };
    let rest = rest.strip_prefix(b" ")?;
    let (status, reason) = rest.split_at_checked(3)?;
    let is_whole = reason.is_empty() || reason.starts_with(b" ");
    let is_number = status.iter().all(u8::is_ascii_digit);
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    (is_whole && is_number).then_some((is_old, status))
}

/// A header line. RFC 9110, section 5.
fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let name = std::str::from_utf8(name).ok()?;
    let is_name = !name.is_empty() && name.as_bytes().iter().all(is_token);
    let value = value[1..].trim_ascii().to_vec();
    is_name.then(|| (name.to_ascii_lowercase(), value))
}
