//! Which of many connections have something to read.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::NonblockingConnection;

/// Finds the connections of a thread that have something to read, in one system call without waiting: `epoll` on
/// Linux, `kqueue` on Apple's systems.
///
/// It reports a connection once, when bytes arrive. The owner then reads until
/// [`NonblockingConnection::is_idle`], since no other report follows for bytes that are left.
pub struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    /// A poller without connections. One call of [`Poller::poll`] returns at most `capacity` connections, at least one: a
    /// poller of more reports the others later, so that [`NonblockingConnection::mark_idle`] is wrong for them.
    ///
    /// # Errors
    ///
    /// The operating system's, such as too many open files.
    pub fn with_capacity(capacity: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(capacity.max(1)),
        })
    }

    /// Adds a connection, which is reported by this key until it is dropped. False for a connection that cannot be
    /// watched, because its stream is neither TCP nor TLS over TCP: its owner tries to read it each time.
    ///
    /// # Errors
    ///
    /// The operating system's.
    pub fn add(&self, connection: &mut NonblockingConnection, key: usize) -> io::Result<bool> {
        let Some(tcp) = connection.tcp() else {
            return Ok(false);
        };
        let registry = self.poll.registry();
        registry.register(tcp, Token(key), Interest::READABLE)?;
        Ok(true)
    }

    /// The keys of the connections to which bytes, an end or an error came since the last call. Does not wait, and
    /// allocates nothing.
    ///
    /// # Errors
    ///
    /// The operating system's. A signal is none.
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
