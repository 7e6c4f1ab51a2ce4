//! The transport's WebSocket over bytes that a fuzzer wrote and cut.

mod input;
mod rfc6455;
mod script;
mod upgrade;

use std::time::Duration;

use ticklot_transport::{Config, Connection, Error, Incoming, Kind, Message, Stream, connect_over};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use self::input::{Case, Side};
use self::rfc6455::{Ending, Event, Reading, Role};
use self::script::{Cut, End, Script};
use self::upgrade::{Outcome, Request, judge};

/// The limit of virtual time: a longer wait never ends.
const EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// `data` is a case: the reader, the limit, the end of the stream, the cuts, and the bytes. See
/// [`Case::read`].
///
/// The bytes are read three times: uncut, as the case cuts them, and in small pieces; each time by the reading half and
/// by a connection. The result must be that of [`rfc6455::read`], and the same each time.
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

/// Reads a case; returns the name of its end.
fn run(case: &Case, cuts: Vec<Cut>) -> String {
    let runtime = runtime();
    let halves = runtime.block_on(halves(case, cuts.clone()));
    let whole = whole(case, cuts, &runtime);
    assert_eq!(halves, whole, "the halves, and the connection");
    whole
}

/// A runtime with virtual time.
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

/// A connection over the case's stream, and the expected reading of it; or the expected outcome and the error.
async fn open(
    case: &Case,
    cuts: Vec<Cut>,
) -> Result<(Script, Connection, Reading), (Outcome, Error)> {
    let script = Script::new(case.answer(), case.incoming(), case.end, cuts);
    let stream = Stream::new(script.clone());
    let config = config(case);
    if case.side == Side::Server {
        let connection = Connection::accept(stream, case.leftover.clone().into(), &config);
        let reading = rfc6455::read(&case.bytes, Role::Server, case.limit);
        return Ok((script, connection, reading));
    }
    let connection = connect_over("ws://in.memory:1/x?y=z", stream, &config).await;
    let (incoming, accept) = (script.incoming(), script.accept());
    let request = Request {
        accept: &accept,
        protocols: &case.protocols,
    };
    let outcome = judge(&incoming, &request);
    match connection {
        Ok(connection) => {
            let frames = frames_at(&outcome).expect("accepted, and it should not be");
            let reading = rfc6455::read(&incoming[frames..], Role::Client, case.limit);
            Ok((script, connection, reading))
        }
        Err(error) => Err((outcome, error)),
    }
}

/// Where the frames begin, if the answer may be accepted.
fn frames_at(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Accepted(at) => Some(*at),
        Outcome::Either(one, other) => frames_at(one).or(frames_at(other)),
        _ => None,
    }
}

/// Whether an upgrade may fail like this.
fn may_fail(outcome: &Outcome, error: &Error, end: End) -> bool {
    match (outcome, error) {
        (Outcome::Either(one, other), _) => {
            may_fail(one, error, end) || may_fail(other, error, end)
        }
        (
            Outcome::Refused(expected, seconds),
            Error::Refused {
                status,
                retry_after,
                ..
            },
        ) => expected == status && seconds.map(Duration::from_secs) == *retry_after,
        (Outcome::RefusedUntil(expected), Error::Refused { status, .. }) => expected == status,
        (Outcome::Handshake, Error::Handshake(_)) | (Outcome::Http, Error::Http(_)) => true,
        (Outcome::More, Error::Timeout { .. }) => end == End::Silence,
        (Outcome::More, Error::Http(_)) => end != End::Silence,
        _ => false,
    }
}

fn failed(outcome: &Outcome, error: &Error, case: &Case) -> String {
    let end = case.end;
    assert!(may_fail(outcome, error, end), "{error}, not {outcome:?}");
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
        Err((outcome, error)) => return failed(&outcome, &error, case),
    };
    let (mut reader, _writer) = connection.split();
    let mut expected = reading.events.iter();
    script.take_room();
    let result = loop {
        match script.run(timeout(EVER, reader.read())).await {
            None => {}
            Some(Err(_)) => break None,
            Some(Ok(Err(error))) => break Some(error),
            Some(Ok(Ok(incoming))) => {
                let event = expected.next().expect("no event is left");
                assert_event(incoming, event);
            }
        }
        let most = buffer(case.longest());
        assert!(script.take_room() <= most, "a buffer beyond its bound");
    };
    assert_eq!(expected.next(), None, "an event is missing");
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

/// The size limit of the input's buffer: a read, or twice the longest frame.
fn buffer(longest: usize) -> usize {
    const HEAD: usize = 14;
    (64 << 10).max(2 * (longest + HEAD))
}

/// The name of the end of a reading, which must be that of the bytes.
fn ended(reading: &Reading, error: Option<&Error>, end: End) -> String {
    let code = error.and_then(Error::close_code);
    let (codes, is_cut) = match &reading.ending {
        Ending::Violation(codes) => (codes, false),
        Ending::Truncated(codes) => (codes, true),
        Ending::Closed => panic!("closed, and without a close: {error:?}"),
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

/// Compares, and overwrites the payload: the reader does not need it any more.
fn assert_event(incoming: Incoming<'_>, event: &Event) {
    match (incoming, event) {
        (Incoming::Message(message), event) => assert_message(message, event),
        (Incoming::Ping(payload), Event::Ping(expected))
        | (Incoming::Pong(payload), Event::Pong(expected)) => assert_eq!(payload, expected),
        (Incoming::Close { code, reason }, Event::Close(expected, why)) => {
            assert_eq!((code, reason.as_bytes()), (*expected, why.as_slice()));
        }
        (incoming, event) => panic!("{incoming:?}, not {event:?}"),
    }
}

fn assert_message(message: Message<'_>, event: &Event) {
    match (message.kind, event) {
        (Kind::Text, Event::Text(expected)) | (Kind::Binary, Event::Binary(expected)) => {
            // Not with `assert_eq`: it would print both.
            assert!(message.payload == expected, "another payload");
        }
        (kind, event) => panic!("{kind:?}, not {event:?}"),
    }
    message.payload.fill(0xff);
}

/// Reads by a connection, which replies to pings, closes and violations, within the memory that its limit allows.
fn whole(case: &Case, cuts: Vec<Cut>, runtime: &Runtime) -> String {
    let (script, mut connection, reading) = match runtime.block_on(open(case, cuts)) {
        Ok(open) => open,
        Err((outcome, error)) => return failed(&outcome, &error, case),
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
    runtime.block_on(assert_ended(&mut connection, &result));
    assert_replies(&script.written(), case.side, &reading, &result);
    name
}

/// The input's buffer and the message in fragments, each of which may be copied when it grows, the pending replies, and the
/// runtime.
fn memory_of(longest: usize) -> u64 {
    (2 * buffer(longest) + 3 * longest + (8 << 10)) as u64
}

/// Reads all messages; returns the end, none after a timeout.
async fn messages(
    script: &Script,
    connection: &mut Connection,
    reading: &Reading,
) -> Option<Result<(), Error>> {
    let is_message = |event: &&Event| matches!(event, Event::Text(_) | Event::Binary(_));
    let mut expected = reading.events.iter().filter(is_message);
    let result = loop {
        match script.run(timeout(EVER, connection.read())).await {
            None => {}
            Some(Err(_)) => break None,
            Some(Ok(Ok(Some(message)))) => {
                let event = expected.next().expect("no event is left");
                assert_message(message, event);
            }
            Some(Ok(Ok(None))) => break Some(Ok(())),
            Some(Ok(Err(error))) => break Some(Err(error)),
        }
    };
    assert_eq!(expected.next(), None, "an event is missing");
    if matches!(result, Some(Ok(()))) {
        assert_eq!(reading.ending, Ending::Closed);
    }
    result
}

/// A connection that has ended stays ended.
async fn assert_ended(connection: &mut Connection, result: &Option<Result<(), Error>>) {
    match result {
        None => {}
        Some(Ok(())) => assert!(matches!(connection.read().await, Ok(None))),
        Some(Err(_)) => assert!(matches!(connection.read().await, Err(Error::Closed))),
    }
}

/// The written frames are a pong for each ping, in order, and a close where one is due, with the mask of this side.
fn assert_replies(
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
    for event in &reading.events {
        match event {
            Event::Ping(payload) => expected.push(Event::Pong(payload.clone())),
            Event::Close(code, _) => expected.push(Event::Close(*code, Vec::new())),
            _ => {}
        }
    }
    let code = match result {
        Some(Err(error)) => error.close_code(),
        _ => None,
    };
    expected.extend(code.map(|code| Event::Close(code, Vec::new())));
    let is_closed = matches!(expected.last(), Some(Event::Close(..)));
    let replies = rfc6455::read(written, peer, usize::MAX / 4);
    assert_eq!(replies.events, expected);
    if is_closed {
        assert_eq!(replies.ending, Ending::Closed);
    } else {
        assert_eq!(replies.ending, Ending::Truncated([].into()));
    }
}
