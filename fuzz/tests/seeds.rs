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
fn seeds_hold() {
    hold("lines", ticklot_fuzz::lines);
    hold("decimal", ticklot_fuzz::decimal);
    hold("bayse", ticklot_fuzz::bayse);
    hold("jayx", ticklot_fuzz::jayx);
    hold("requests", ticklot_fuzz::requests);
    hold("book", ticklot_fuzz::book);
    hold("session", ticklot_fuzz::session);
    hold("websocket", ticklot_fuzz::websocket);
    hold("servers", ticklot_fuzz::servers);
}

/// Where nobody fuzzes, the book still meets thousands of lives: it is the one target whose input has no
/// form that random bytes would miss.
#[test]
fn random_lives_of_a_book_hold() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..4_000 {
        let length = next() % 400;
        let bytes: Vec<u8> = (0..length).map(|_| (next() >> 32) as u8).collect();
        ticklot_fuzz::book(&bytes);
    }
}
