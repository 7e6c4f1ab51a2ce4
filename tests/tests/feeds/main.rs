//! The tests that drive a feed, on tokio and again with a spinning feed.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::env;
use std::process::Command;
use std::time::Duration;

use ticklot_tests::drive::SPIN;
use tokio::net::TcpListener;

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

/// A loopback listener and its URL.
fn listen() -> (TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (TcpListener::from_std(listener).unwrap(), url)
}

/// Runs this binary's tests once more, with the environment variable that makes feeds spin. A second binary would have to
/// be compiled too. It takes seconds, since it runs all other tests one at a time. The number of concurrent tests stays
/// the same, because this test occupies a thread of the harness meanwhile.
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
