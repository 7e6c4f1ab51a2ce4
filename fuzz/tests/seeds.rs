//! Every seed holds the properties of its target.

use std::path::Path;

fn hold(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut seeds = 0;
    for entry in folder.read_dir().unwrap() {
        body(&std::fs::read(entry.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds for {target}");
}

#[test]
fn all_seeds_hold() {
    hold("lines", ticklot_fuzz::lines);
    hold("decimal", ticklot_fuzz::decimal);
    hold("bayse", ticklot_fuzz::bayse);
    hold("jayx", ticklot_fuzz::jayx);
    hold("kraken", ticklot_fuzz::kraken);
    hold("requests", ticklot_fuzz::requests);
    hold("book", ticklot_fuzz::book);
    hold("session", ticklot_fuzz::session);
    hold("websocket", ticklot_fuzz::websocket);
}

/// Without a fuzzer, books and sessions still run through thousands of random inputs: almost any bytes are
/// steps of theirs.
fn hold_random(body: fn(&[u8]), inputs: u32) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..inputs {
        let length = next() % 400;
        let bytes: Vec<u8> = (0..length).map(|_| (next() >> 32) as u8).collect();
        body(&bytes);
    }
}

#[test]
fn random_books_hold() {
    hold_random(ticklot_fuzz::book, 4_000);
}

#[test]
fn random_sessions_hold() {
    hold_random(ticklot_fuzz::session, 4_000);
}
