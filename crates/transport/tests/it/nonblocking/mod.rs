//! The tests of an open connection again, over one that never waits.

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
