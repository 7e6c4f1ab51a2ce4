//! What can be asked of a running feed, from anywhere.

use std::sync::Arc;

use tokio::sync::watch;

use super::inbox::{Bell, Inbox, Sender, Unsent, inbox};
use crate::books::{BookId, ConnectionId};
use crate::venue::CommandCheck;

/// Asks one connection of a feed for something, from anywhere: another task, another thread. What is
/// asked is done at once, not at the next message.
pub struct ConnectionHandle<C> {
    connection: ConnectionId,
    asks: Sender<ControlMessage<C>>,
    check: CommandCheck<C>,
}

/// What a remote asks for.
pub(super) enum ControlMessage<C> {
    Command(C),
    Resync(BookId),
    Close,
}

/// A connection could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Too much is asked for already and not yet looked at: the handler holds the feed up.
    #[error("too many commands wait")]
    Full,
    /// The feed is gone.
    #[error("the feed is gone")]
    Gone,
    /// The venue can never carry the command out: an id is empty, say, or the topic belongs to another endpoint.
    #[error("impossible: {0}")]
    Impossible(String),
}

/// How many commands may wait for the feed to look at them.
const MAX_ASKS: usize = 1024;

impl<C> ConnectionHandle<C> {
    /// A remote, and what it asks for.
    pub(super) fn new(
        connection: ConnectionId,
        check: CommandCheck<C>,
        bell: &Bell,
    ) -> (Self, Inbox<ControlMessage<C>>) {
        let (asks, asked) = inbox(MAX_ASKS, bell);
        let remote = Self {
            connection,
            asks,
            check,
        };
        (remote, asked)
    }

    /// The connection that it asks.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Asks for `command`. Does not wait.
    ///
    /// # Errors
    /// [`CommandError::Impossible`], [`CommandError::Full`] or [`CommandError::Gone`]; nothing was asked. A limit that
    /// only the connection knows, such as the number of its topics, is
    /// [`Event::Refused`](crate::Event::Refused) later.
    pub fn send(&self, command: C) -> Result<(), CommandError> {
        (self.check)(&command).map_err(CommandError::Impossible)?;
        self.send_control(ControlMessage::Command(command))
    }

    /// Requests a new snapshot of a book of this connection: see
    /// [`Session::resync`](crate::Session::resync).
    ///
    /// # Errors
    /// As [`ConnectionHandle::send`].
    pub fn resync(&self, book: BookId) -> Result<(), CommandError> {
        self.send_control(ControlMessage::Resync(book))
    }

    /// Ends the connection for good, with a proper close. The others of the feed go on.
    ///
    /// # Errors
    /// As [`ConnectionHandle::send`].
    pub fn close(&self) -> Result<(), CommandError> {
        self.send_control(ControlMessage::Close)
    }

    fn send_control(&self, ask: ControlMessage<C>) -> Result<(), CommandError> {
        self.asks.send(ask).map_err(|unsent| match unsent {
            Unsent::Full => CommandError::Full,
            Unsent::Gone => CommandError::Gone,
        })
    }
}

impl<C> Clone for ConnectionHandle<C> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection,
            asks: self.asks.clone(),
            check: Arc::clone(&self.check),
        }
    }
}

impl<C> std::fmt::Debug for ConnectionHandle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// Ends a feed from anywhere: another task, another thread, a signal's handler.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    stop: watch::Sender<bool>,
}

impl ShutdownHandle {
    pub(super) fn new(stop: watch::Sender<bool>) -> Self {
        Self { stop }
    }

    /// Ends the feed: its connections are closed properly, at once, and [`Feed::run`](super::Feed::run) or
    /// [`Feed::spin`](super::Feed::spin) returns; if neither runs, the next one returns as soon as it is called.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}
