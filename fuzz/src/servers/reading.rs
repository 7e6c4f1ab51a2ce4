//! How a server reads a client's frames.

use std::time::Duration;

use ticklot_sim::{Received, receive};
use tokio::time::timeout;

use crate::websocket::{Case, Script, runtime};
use crate::wire::{self, Ending, Role, Told};

/// `data` is a case as the target `websocket` has it, but for who reads.
pub(super) fn run(data: &[u8]) {
    let Some(case) = Case::read(&[b"s", data].concat()) else {
        return;
    };
    // Control frames are held to the limit too: one that they fit is the least that there is.
    let limit = case.limit.max(125);
    let reading = wire::read(&case.bytes, Role::Server, limit);
    let script = Script::new(None, case.bytes.clone(), case.end, case.cuts.clone());
    let runtime = runtime();
    let mut told = reading.told.iter();
    let mut last = None;
    let memory = allocation_counter::measure(|| {
        let reading = receive(script, limit, |received| {
            // What comes last of all is kept, and anything behind it is one too many.
            assert!(last.is_none());
            last = next(received, &mut told);
        });
        let ever = Duration::from_secs(24 * 60 * 60);
        let _ = runtime.block_on(async { timeout(ever, reading).await });
    });
    let most = (6 * limit + (160 << 10)) as u64;
    assert!(memory.bytes_max <= most, "{memory:?}, at most {most}");
    assert_eq!(told.next(), None, "it was not told");
    let is_silent = case.end == crate::websocket::End::Silence;
    match (&last, &reading.ending) {
        (Some(Received::Close(_)), Ending::Closed) => {}
        (Some(Received::Fault(close)), Ending::Refused(codes) | Ending::Cut(codes)) => {
            assert!(codes.contains(&close.code()), "{close:?}, not {codes:?}");
        }
        // A frame that is wrong is refused when all of it is there, or never.
        (Some(Received::Lost), Ending::Refused(_)) if !reading.is_whole && !is_silent => {}
        (None, Ending::Refused(_)) if !reading.is_whole && is_silent => {}
        (Some(Received::Lost), Ending::Cut(_)) => assert!(!is_silent),
        (None, Ending::Cut(_)) => assert!(is_silent),
        other => panic!("{other:?}"),
    }
}

/// Holds what was received to what is told next; returns it if it is the last.
fn next<'a>(received: Received, told: &mut impl Iterator<Item = &'a Told>) -> Option<Received> {
    match &received {
        Received::Fault(_) | Received::Lost => return Some(received),
        _ => {}
    }
    let expected = told.next().expect("nothing more was to be told");
    match (&received, expected) {
        (Received::Text(text), Told::Text(expected)) => assert!(text.as_bytes() == expected),
        (Received::Binary, Told::Binary(_)) | (Received::Pong, Told::Pong(_)) => {}
        (Received::Ping(payload), Told::Ping(expected)) => assert_eq!(payload, expected),
        (Received::Close(code), Told::Close(expected, _)) => {
            assert_eq!(code.unwrap_or(1005), *expected);
            return Some(received);
        }
        other => panic!("{other:?}"),
    }
    None
}
