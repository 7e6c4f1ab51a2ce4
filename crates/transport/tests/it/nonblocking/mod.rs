//! The tests of open connections, with a non-blocking connection.

mod poller;
mod support;

#[path = "../closing.rs"]
mod closing;
#[path = "../fragments.rs"]
mod fragments;
#[path = "../limits.rs"]
mod limits;
#[path = "../messages.rs"]
mod messages;
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[path = "../tls.rs"]
mod tls;
#[path = "../violations.rs"]
mod violations;
