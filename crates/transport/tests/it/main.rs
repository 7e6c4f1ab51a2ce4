//! Real sockets on the loopback, against servers that say exactly what they are told.

// A helper of a test fails like a test: clippy exempts only the test functions themselves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]
// The tests of an open connection run over both kinds: see `nonblocking`.
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
