//! The tests that drive a feed: on tokio, and again with a feed that spins.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::env;
use std::process::Command;
use std::time::Duration;

use ticklot_tests::drive::SPIN;
use tokio::time::timeout;

mod allocations;
mod bayse;
mod hostile_input;
mod jayx;
mod latency;
mod live;
mod peers;
mod peers_jayx;

/// Fails after thirty seconds.
async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future)
        .await
        .expect("in time")
}

/// Runs this binary's tests once more, with the variable that makes a feed spin: a second binary would compile all of
/// them a second time. Over a second, since it runs every other test, one at a time: this test occupies a thread of the
/// harness meanwhile, so no more tests run at once than without it.
#[test]
fn passes_with_spinning_feeds() {
    if env::var_os(SPIN).is_some() {
        return;
    }
    let run = Command::new(env::current_exe().unwrap())
        .env(SPIN, "1")
        .env("RUST_TEST_THREADS", "1")
        .output()
        .unwrap();
    let (text, errors) = (&run.stdout, &run.stderr);
    println!("{}", String::from_utf8_lossy(text));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(errors));
}
