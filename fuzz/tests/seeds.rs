//! Checks the properties of each target for its seeds, and for random inputs.

use std::path::Path;

fn check_target(target: &str, body: fn(&[u8])) {
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
    check_target("lines", ticklot_fuzz::lines);
    check_target("decimal", ticklot_fuzz::decimal);
    check_target("bayse", ticklot_fuzz::bayse);
    check_target("jayx", ticklot_fuzz::jayx);
    check_target("kraken", ticklot_fuzz::kraken);
    check_target("requests", ticklot_fuzz::requests);
    check_target("book", ticklot_fuzz::book);
    check_target("session", ticklot_fuzz::session);
    check_target("websocket", ticklot_fuzz::websocket);
}

/// Checks random inputs without a fuzzer. Almost any bytes are valid steps of books and sessions.
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
