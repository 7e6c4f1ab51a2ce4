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
}
