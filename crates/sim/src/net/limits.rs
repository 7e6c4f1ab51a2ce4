//! The limits on clients.

use std::time::Duration;

/// The limits on the clients of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length of a client's message in bytes, over all its fragments. A longer message closes the
    /// connection with 1009. Default 64 KiB.
    pub max_message: usize,
    /// The maximum number of open WebSocket connections, and of polling clients. Further ones are rejected with 503.
    /// Default 1,024.
    pub max_connections: usize,
    /// The time limit of the upgrade. Default 5 s.
    pub upgrade_timeout: Duration,
    /// The time limit of one write, after which the client is disconnected. Default 10 s.
    pub write_timeout: Duration,
    /// The time limit of the client's reply to a close. Default 2 s.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 64 * 1024,
            max_connections: 1_024,
            upgrade_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
        }
    }
}
