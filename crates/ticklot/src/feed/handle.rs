//! Handles that control a running feed from other tasks and threads.

use std::sync::Arc;

use tokio::sync::watch;

use super::inbox::{Bell, Inbox, Sender, Unsent, inbox};
use crate::books::{BookId, ConnectionId};
use crate::venue::CommandCheck;

/// Sends commands to one connection of a feed, from any task or thread.
///
/// The feed executes a command immediately, without waiting for the next message. A clone controls the same connection.
pub struct ConnectionHandle<C> {
    connection: ConnectionId,
    sender: Sender<ControlMessage<C>>,
    check: CommandCheck<C>,
}

/// A message from a [`ConnectionHandle`] to its connection.
pub(super) enum ControlMessage<C> {
    Command(C),
    Resync(BookId),
    Close,
}

/// A command was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The queue is full (1,024 commands): the handler blocks the feed.
    #[error("the command queue is full")]
    Full,
    /// The feed was dropped.
    #[error("the feed was dropped")]
    Gone,
    /// The venue can never execute the command: an id is empty, for example, or the topic belongs to another endpoint.
    #[error("impossible: {0}")]
    Impossible(String),
}

/// The capacity of a connection's command queue.
const MAX_COMMANDS: usize = 1024;

impl<C> ConnectionHandle<C> {
    /// A handle, and the inbox for its messages.
    pub(super) fn new(
        connection: ConnectionId,
        check: CommandCheck<C>,
        bell: &Bell,
    ) -> (Self, Inbox<ControlMessage<C>>) {
        let (sender, inbox) = inbox(MAX_COMMANDS, bell);
        let handle = Self {
            connection,
            sender,
            check,
        };
        (handle, inbox)
    }

    /// The connection that it controls.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Queues `command`. Does not wait.
    ///
    /// # Errors
    /// [`CommandError::Impossible`], [`CommandError::Full`] or [`CommandError::Gone`]; nothing was queued. Only the
    /// connection can check some limits, such as the number of its topics. It reports those later, as
    /// [`Event::Refused`](crate::Event::Refused).
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

    /// Ends the connection permanently, with a close handshake. The feed's other connections continue.
    ///
    /// # Errors
    /// As [`ConnectionHandle::send`].
    pub fn close(&self) -> Result<(), CommandError> {
        self.send_control(ControlMessage::Close)
    }

    fn send_control(&self, message: ControlMessage<C>) -> Result<(), CommandError> {
        self.sender.send(message).map_err(|unsent| match unsent {
            Unsent::Full => CommandError::Full,
            Unsent::Gone => CommandError::Gone,
        })
    }
}

impl<C> Clone for ConnectionHandle<C> {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection,
            sender: self.sender.clone(),
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

/// Stops a feed, from any task or thread.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    stop: watch::Sender<bool>,
}

impl ShutdownHandle {
    pub(super) fn new(stop: watch::Sender<bool>) -> Self {
        Self { stop }
    }

    /// Stops the feed: it closes all connections concurrently, each with a close handshake, and
    /// [`Feed::run`](super::Feed::run) or [`Feed::spin`](super::Feed::spin) returns. If neither runs, the next one
    /// returns as soon as it is called.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}
