//! Messages over a loopback socket: a server, and readers of a connection.

pub(crate) mod readers;
pub(crate) mod server;
