//! Connections over loopback sockets, to servers that send exact bytes.

// Test helpers panic like tests, but clippy exempts only the test functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]
// The tests of open connections run for both types of connection: see `nonblocking`.
#![allow(clippy::duplicate_mod)]

mod cancel;
mod closing;
mod fragments;
mod halves;
mod handshake;
mod http_client;
mod limits;
mod memory;
mod messages;
mod nonblocking;
mod proxy;
mod server;
mod support;
mod timeouts;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tls;
mod turns;
mod violations;
