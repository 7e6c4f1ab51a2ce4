//! A naive reader of the response to an upgrade.

/// What a client may return for a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An upgrade. Frames start at this offset.
    Accepted(usize),
    /// A refusal with this status and this delay in seconds.
    Refused(u16, Option<u64>),
    /// A refusal with a `Retry-After` other than a number, such as a date, which unit tests check.
    RefusedUntil(u16),
    /// Status 101, but not a valid upgrade.
    Handshake,
    /// Not HTTP.
    Http,
    /// An incomplete response.
    More,
    /// Either outcome, depending on the reader's strictness.
    Either(Box<Outcome>, Box<Outcome>),
}

/// The maximum length of a head.
const MAX_HEAD: usize = 64 << 10;
/// The maximum number of fields of a head.
const MAX_HEADERS: usize = 512;

/// The request.
pub(super) struct Request<'a> {
    /// The accept value of its key.
    pub(super) accept: &'a str,
    /// The requested sub-protocols.
    pub(super) protocols: &'a [&'a str],
}

/// The outcome of a response.
pub(super) fn expected_outcome(bytes: &[u8], request: &Request<'_>) -> Outcome {
    let (mut at, mut is_strict) = (0, true);
    loop {
        let head = match Head::read(&bytes[at..]) {
            Ok(head) => head,
            Err(outcome) if is_strict => return outcome,
            Err(outcome) => return either(outcome, Outcome::Http),
        };
        at += head.size;
        is_strict &= head.is_strict;
        let outcome = match head.status {
            // An informational response: another one follows.
            100 | 102..=199 => continue,
            101 if head.is_upgrade(request) => Outcome::Accepted(at),
            101 if head.is_old => either(Outcome::Handshake, Outcome::Http),
            101 => Outcome::Handshake,
            100..=999 => head.refusal(),
            _ => Outcome::Http,
        };
        // A strict reader rejects a head that only a lenient one accepts.
        return if is_strict {
            outcome
        } else {
            either(outcome, Outcome::Http)
        };
    }
}

fn either(one: Outcome, other: Outcome) -> Outcome {
    Outcome::Either(Box::new(one), Box::new(other))
}

/// The head of a response.
struct Head {
    size: usize,
    status: u16,
    /// Whether the version is HTTP/1.0.
    is_old: bool,
    /// Whether it strictly follows the grammar, in printable ASCII.
    is_strict: bool,
    /// Names in lower case, and trimmed values.
    fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Outcome> {
        let blank = bytes
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let (lines, size) = match lines(&bytes[blank..]) {
            Some((lines, size)) => (lines, blank + size),
            None if is_strict(bytes) && bytes.len() < MAX_HEAD => return Err(unfinished(bytes)),
            None => return Err(either(Outcome::More, Outcome::Http)),
        };
        let is_strict = blank == 0 && is_strict(&bytes[..size]) && size < MAX_HEAD;
        let no_head = || {
            if is_strict {
                Outcome::Http
            } else {
                either(Outcome::Http, Outcome::More)
            }
        };
        let (first, rest) = lines.split_first().expect("at least one line");
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

    /// The elements of a list.
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

    /// The checks of a client by RFC 6455, section 4.1.
    fn is_upgrade(&self, request: &Request<'_>) -> bool {
        let accepts: Vec<_> = self.values("sec-websocket-accept").collect();
        let chosen = self.list("sec-websocket-protocol");
        let is_requested = match chosen.as_slice() {
            [] => true,
            [one] => request.protocols.contains(&one.as_str()),
            _ => false,
        };
        !self.is_old
            && self.has("upgrade", "websocket")
            && self.has("connection", "upgrade")
            && accepts.len() == 1
            && accepts[0] == request.accept.as_bytes()
            && self.list("sec-websocket-extensions").is_empty()
            && is_requested
    }

    fn refusal(&self) -> Outcome {
        let after = self
            .values("retry-after")
            .next()
            .filter(|it| !it.is_empty());
        let text = after.map(String::from_utf8_lossy);
        let refused = match text {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Outcome::Refused(self.status, Some(text.parse().unwrap_or(u64::MAX)))
            }
            Some(_) => Outcome::RefusedUntil(self.status),
            None => Outcome::Refused(self.status, None),
        };
        let framing = ["content-length", "transfer-encoding"];
        let has_body = framing
            .iter()
            .any(|name| self.values(name).next().is_some());
        // An invalid body makes the response invalid.
        if has_body {
            either(refused, Outcome::Http)
        } else {
            refused
        }
    }
}

/// The outcome of an incomplete head, which may be invalid already.
fn unfinished(bytes: &[u8]) -> Outcome {
    let starts_well = b"HTTP/1.".iter().zip(bytes).all(|(a, b)| a == b);
    if bytes.is_empty() || (starts_well && bytes.len() < 8) {
        Outcome::More
    } else {
        either(Outcome::More, Outcome::Http)
    }
}

/// The lines up to an empty one, without their line endings, and their total length.
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

/// Whether the text is printable ASCII with CRLF line endings, and without continuation lines.
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

/// Parses a status line to whether it is HTTP/1.0, and the status.
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

/// Parses a header line (RFC 9110, section 5).
fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let name = std::str::from_utf8(name).ok()?;
    let is_name = !name.is_empty() && name.as_bytes().iter().all(is_token);
    let value = value[1..].trim_ascii().to_vec();
    is_name.then(|| (name.to_ascii_lowercase(), value))
}
