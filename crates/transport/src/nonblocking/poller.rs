//! [`Poller`]: finds the readable ones among many connections.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::NonblockingConnection;

/// Finds the readable connections of a thread in one non-blocking system call: `epoll` on Linux, `kqueue` on Apple's
/// systems.
///
/// It is edge-triggered: it reports a connection once when bytes arrive. The owner must then read until
/// [`NonblockingConnection::is_idle`], because the remaining bytes are not reported again.
pub struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// A poller without connections. One call of [`Poller::poll`] returns at most `capacity` connections (at least one). With
    /// more connections, some are reported later, and [`NonblockingConnection::mark_idle`] would be wrong for them.
    ///
    /// # Errors
    ///
    /// Errors of the operating system, such as too many open files.
    pub fn with_capacity(capacity: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(capacity.max(1)),
        })
    }

    /// Adds a connection, which is reported by `key` until it is dropped. Returns false if the connection cannot be watched,
    /// because its stream is neither TCP nor TLS over TCP: its owner must try to read it each time.
    ///
    /// # Errors
    ///
    /// Errors of the operating system.
    pub fn add(&self, connection: &mut NonblockingConnection, key: usize) -> io::Result<bool> {
        let Some(tcp) = connection.tcp() else {
            return Ok(false);
        };
        let registry = self.poll.registry();
        registry.register(tcp, Token(key), Interest::READABLE)?;
        Ok(true)
    }

    /// The keys of the connections that have received bytes, the end of the stream or an error since the last call. Neither
    /// blocks nor allocates.
    ///
    /// # Errors
    ///
    /// Errors of the operating system, except an interruption by a signal.
    pub fn poll(&mut self) -> io::Result<impl Iterator<Item = usize>> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            result => result?,
        }
        Ok(self.events.iter().map(|event| event.token().0))
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}
