//! The transport's WebSocket over bytes that a fuzzer wrote and cut.

mod input;
mod script;
mod upgrade;

use std::time::Duration;

use ticklot_transport::{Config, Connection, Error, Incoming, Kind, Message, Stream, connect_over};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use self::input::{Case, Side};
use self::script::{Cut, End, Script};
use self::upgrade::{Asked, Verdict, judge};
use crate::wire::{self, Ending, Reading, Role, Told};

/// Virtual time: who waits for longer waits for ever.
const EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// `data` is a case: who reads, the limit, how the stream ends, how it is cut, and the bytes. See
/// [`Case::read`].
///
/// The bytes are read three times: uncut, as the case cuts them, and in small pieces; each time by the two
/// halves alone and by a connection with its manners. What comes of it must be what [`wire::read`] makes
/// of the bytes, and the same each time.
pub fn websocket(data: &[u8]) {
    let Some(case) = Case::read(data) else {
        return;
    };
    // The answer to the upgrade, and what is written, is cut too.
    let bytes = case.bytes.len() + 1_000;
    let small = Cut::Take(if bytes < 5_000 { 1 } else { 1_009 });
    let first = run(&case, Vec::new());
    for cuts in [case.cuts.clone(), vec![small; bytes]] {
        assert_eq!(run(&case, cuts), first, "it depends on the cuts");
    }
}

/// How a case ended, in words.
fn run(case: &Case, cuts: Vec<Cut>) -> String {
    let runtime = runtime();
    let halves = runtime.block_on(halves(case, cuts.clone()));
    let whole = whole(case, cuts, &runtime);
    assert_eq!(halves, whole, "the halves, and the connection");
    whole
}

/// One whose time passes when there is nothing else to do.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    let builder = builder.enable_time().start_paused(true);
    builder.build().expect("a runtime without a driver")
}

fn config(case: &Case) -> Config {
    let mut config = Config::default();
    config.max_message_size = case.limit;
    if case.protocols.is_empty() {
        return config;
    }
    let list = case.protocols.join(", ");
    let config = config.with_header("Sec-WebSocket-Protocol", &list);
    config.expect("a list of words")
}

/// A connection over the case's stream, and what is to be told on it; or why there is none.
async fn open(
    case: &Case,
    cuts: Vec<Cut>,
) -> Result<(Script, Connection, Reading), (Verdict, Error)> {
    let script = Script::new(case.answer(), case.incoming(), case.end, cuts);
    let stream = Stream::new(script.clone());
    let config = config(case);
    if case.side == Side::Server {
        let connection = Connection::accept(stream, case.leftover.clone().into(), &config);
        let reading = wire::read(&case.bytes, Role::Server, case.limit);
        return Ok((script, connection, reading));
    }
    let connection = connect_over("ws://in.memory:1/x?y=z", stream, &config).await;
    let (incoming, accept) = (script.incoming(), script.accept());
    let asked = Asked {
        accept: &accept,
        protocols: &case.protocols,
    };
    let verdict = judge(&incoming, &asked);
    match connection {
        Ok(connection) => {
            let frames = frames_at(&verdict).expect("accepted, and it should not be");
            let reading = wire::read(&incoming[frames..], Role::Client, case.limit);
            Ok((script, connection, reading))
        }
        Err(error) => Err((verdict, error)),
    }
}

/// Where the frames begin, if the answer may be accepted.
fn frames_at(verdict: &Verdict) -> Option<usize> {
    match verdict {
        Verdict::Accepted(at) => Some(*at),
        Verdict::Either(one, other) => frames_at(one).or(frames_at(other)),
        _ => None,
    }
}

/// Whether an upgrade may fail like this.
fn may_fail(verdict: &Verdict, error: &Error, end: End) -> bool {
    match (verdict, error) {
        (Verdict::Either(one, other), _) => {
            may_fail(one, error, end) || may_fail(other, error, end)
        }
        (
            Verdict::Refused(expected, seconds),
            Error::Refused {
                status,
                retry_after,
                ..
            },
        ) => expected == status && seconds.map(Duration::from_secs) == *retry_after,
        (Verdict::RefusedUntil(expected), Error::Refused { status, .. }) => expected == status,
        (Verdict::Handshake, Error::Handshake(_)) | (Verdict::Http, Error::Http(_)) => true,
        (Verdict::More, Error::Timeout { .. }) => end == End::Silence,
        (Verdict::More, Error::Http(_)) => end != End::Silence,
        _ => false,
    }
}

fn failed(verdict: &Verdict, error: &Error, case: &Case) -> String {
    let end = case.end;
    assert!(may_fail(verdict, error, end), "{error}, not {verdict:?}");
    match error {
        Error::Refused { status, .. } => format!("refused with status {status}"),
        Error::Handshake(what) => format!("no handshake: {what}"),
        // What is wrong in a head that is not whole may be noticed at once, or never.
        _ => "no answer".to_owned(),
    }
}

/// Reads by the reading half alone, and is dropped wherever the script says so.
async fn halves(case: &Case, cuts: Vec<Cut>) -> String {
    let (script, connection, reading) = match open(case, cuts).await {
        Ok(open) => open,
        Err((verdict, error)) => return failed(&verdict, &error, case),
    };
    let (mut reader, _writer) = connection.split();
    let mut expected = reading.told.iter();
    script.take_room();
    let result = loop {
        match script.run(timeout(EVER, reader.read())).await {
            None => {}
            Some(Err(_)) => break None,
            Some(Ok(Err(error))) => break Some(error),
            Some(Ok(Ok(incoming))) => {
                let told = expected.next().expect("nothing more was to be told");
                assert_told(incoming, told);
            }
        }
        let most = buffer(case.longest());
        assert!(script.take_room() <= most, "a buffer beyond its bound");
    };
    assert_eq!(expected.next(), None, "it was not told");
    let is_closed = reading.ending == Ending::Closed;
    if result.is_some() {
        let after = script.run(reader.read()).await;
        assert!(matches!(after, Some(Err(Error::Closed))), "{after:?}");
    }
    match result {
        Some(Error::Closed) if is_closed => "closed".to_owned(),
        result => ended(&reading, result.as_ref(), case.end),
    }
}

/// How large the input's buffer may be: a read, or twice the longest frame that came.
fn buffer(longest: usize) -> usize {
    const HEAD: usize = 14;
    (64 << 10).max(2 * (longest + HEAD))
}

/// What the end of a reading is called, which must be the one that the bytes have.
fn ended(reading: &Reading, error: Option<&Error>, end: End) -> String {
    let code = error.and_then(Error::close_code);
    let (codes, is_cut) = match &reading.ending {
        Ending::Refused(codes) => (codes, false),
        Ending::Cut(codes) => (codes, true),
        Ending::Closed => panic!("closed, and it was not told: {error:?}"),
    };
    if let Some(code) = code {
        assert!(codes.contains(&code), "{code}, not {codes:?}");
        return format!("refused with {code}");
    }
    assert!(is_cut, "{error:?}, not {codes:?}");
    match (end, error) {
        (End::Eof | End::Truncated, Some(Error::Dropped)) => "dropped",
        (End::Reset, Some(Error::Io(_))) => "reset",
        (End::Silence, None) => "silent",
        _ => panic!("{error:?} at {end:?}"),
    }
    .to_owned()
}

/// Compares, and spoils the payload: it is the reader's no more.
fn assert_told(incoming: Incoming<'_>, told: &Told) {
    match (incoming, told) {
        (Incoming::Message(message), told) => assert_message(message, told),
        (Incoming::Ping(payload), Told::Ping(expected))
        | (Incoming::Pong(payload), Told::Pong(expected)) => assert_eq!(payload, expected),
        (Incoming::Close { code, reason }, Told::Close(expected, why)) => {
            assert_eq!((code, reason.as_bytes()), (*expected, why.as_slice()));
        }
        (incoming, told) => panic!("{incoming:?}, not {told:?}"),
    }
}

fn assert_message(message: Message<'_>, told: &Told) {
    match (message.kind, told) {
        (Kind::Text, Told::Text(expected)) | (Kind::Binary, Told::Binary(expected)) => {
            // Not with `assert_eq`: it would print both.
            assert!(message.payload == expected, "another payload");
        }
        (kind, told) => panic!("{kind:?}, not {told:?}"),
    }
    message.payload.fill(0xff);
}

/// Reads by a connection with its manners: pings are answered, closes too, and what breaks a rule is
/// told so. All within the memory that its limit allows.
fn whole(case: &Case, cuts: Vec<Cut>, runtime: &Runtime) -> String {
    let (script, mut connection, reading) = match runtime.block_on(open(case, cuts)) {
        Ok(open) => open,
        Err((verdict, error)) => return failed(&verdict, &error, case),
    };
    let mut result = None;
    let memory = allocation_counter::measure(|| {
        result = runtime.block_on(messages(&script, &mut connection, &reading));
    });
    let most = memory_of(case.longest());
    assert!(memory.bytes_max <= most, "{memory:?}, at most {most}");
    let name = match &result {
        None => ended(&reading, None, case.end),
        Some(Err(error)) => ended(&reading, Some(error), case.end),
        Some(Ok(())) => "closed".to_owned(),
    };
    runtime.block_on(again(&mut connection, &result));
    assert_answers(&script.written(), case.side, &reading, &result);
    name
}

/// The input's buffer and the message that is put together, each of which may be copied as it grows;
/// the answers that wait; and what the runtime takes.
fn memory_of(longest: usize) -> u64 {
    (2 * buffer(longest) + 3 * longest + (8 << 10)) as u64
}

/// Reads all messages, and tells how it ended; none when nothing comes any more.
async fn messages(
    script: &Script,
    connection: &mut Connection,
    reading: &Reading,
) -> Option<Result<(), Error>> {
    let is_message = |told: &&Told| matches!(told, Told::Text(_) | Told::Binary(_));
    let mut expected = reading.told.iter().filter(is_message);
    let result = loop {
        match script.run(timeout(EVER, connection.read())).await {
            None => {}
            Some(Err(_)) => break None,
            Some(Ok(Ok(Some(message)))) => {
                let told = expected.next().expect("nothing more was to be told");
                assert_message(message, told);
            }
            Some(Ok(Ok(None))) => break Some(Ok(())),
            Some(Ok(Err(error))) => break Some(Err(error)),
        }
    };
    assert_eq!(expected.next(), None, "it was not told");
    if matches!(result, Some(Ok(()))) {
        assert_eq!(reading.ending, Ending::Closed);
    }
    result
}

/// What has ended stays ended.
async fn again(connection: &mut Connection, result: &Option<Result<(), Error>>) {
    match result {
        None => {}
        Some(Ok(())) => assert!(matches!(connection.read().await, Ok(None))),
        Some(Err(_)) => assert!(matches!(connection.read().await, Err(Error::Closed))),
    }
}

/// What was written is a pong for each ping, in order, and a close where one is due; nothing else, and
/// nothing in the way that the other side does it.
fn assert_answers(
    written: &[u8],
    side: Side,
    reading: &Reading,
    result: &Option<Result<(), Error>>,
) {
    let peer = match side {
        Side::Server => Role::Client,
        Side::Client | Side::Upgrade => Role::Server,
    };
    let mut expected = Vec::new();
    for told in &reading.told {
        match told {
            Told::Ping(payload) => expected.push(Told::Pong(payload.clone())),
            Told::Close(code, _) => expected.push(Told::Close(*code, Vec::new())),
            _ => {}
        }
    }
    let code = match result {
        Some(Err(error)) => error.close_code(),
        _ => None,
    };
    expected.extend(code.map(|code| Told::Close(code, Vec::new())));
    let is_closed = matches!(expected.last(), Some(Told::Close(..)));
    let answers = wire::read(written, peer, usize::MAX / 4);
    assert_eq!(answers.told, expected);
    if is_closed {
        assert_eq!(answers.ending, Ending::Closed);
    } else {
        assert_eq!(answers.ending, Ending::Cut([].into()));
    }
}
