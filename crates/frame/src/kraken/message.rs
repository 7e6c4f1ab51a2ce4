//! The messages of Kraken's server.

use super::books::Books;
use super::instruments::Instruments;
use super::replies::{Ack, Refusal};
use super::status::Status;
use super::trades::Trades;

/// A message from the server, borrowed from the frame and the decoder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The state of the trading engine (channel `status`): the first message on a connection, and one for each change.
    Status(Status<'a>),
    /// The connection is alive (channel `heartbeat`). Sent about once per second while a subscription is active and no
    /// other message is sent, so it proves that quiet books are current.
    Heartbeat,
    /// Snapshots or updates of order books (channel `book`).
    Books(Books<'a>),
    /// Trades (channel `trade`).
    Trades(Trades<'a>),
    /// Instruments with their precision (channel `instrument`).
    Instruments(Instruments<'a>),
    /// A subscription was accepted or ended: one message per symbol.
    Ack(Ack<'a>),
    /// A request was refused.
    Refused(Refusal<'a>),
    /// The reply to a ping.
    Pong {
        /// The number of the request.
        req_id: Option<u64>,
    },
    /// A message of a channel, or a reply to a method, that this version does not support.
    Unknown {
        /// The `channel`, or else the `method`.
        kind: &'a str,
    },
}
