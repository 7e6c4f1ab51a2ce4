//! One client, as a session sees it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use fastwebsockets::{Frame, OpCode, WebSocketError, WebSocketWrite};
use tokio::io::BufWriter;
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::timeout;

use super::fault::{Injector, Wire};
use super::{Counters, Limits};
use crate::machine::Close;

/// What comes from the reading half, or from the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Binary,
    Ping(Vec<u8>),
    Pong,
    /// The client closes, with this code.
    Close(Option<u16>),
    /// The client broke a rule; this is how to close it.
    Fault(Close),
    /// The connection is gone.
    Lost,
    /// The server shuts down.
    Stop,
}

impl Event {
    /// Whether nothing can come from the client after it.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Close(_) | Self::Fault(_) | Self::Lost)
    }
}

/// What of an event concerns a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Text(String),
    Binary,
    Pong,
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("closed by the client")]
    ByClient,
    #[error("closed with {}: {}", close.code, close.reason)]
    ByServer {
        close: Close,
        /// Whether the client has closed too, and so has nothing more to say.
        answered: bool,
    },
    #[error("the client is gone")]
    Lost,
    #[error("the client does not read")]
    Slow,
    #[error("broken off on purpose")]
    OnPurpose,
    #[error(transparent)]
    Write(#[from] WebSocketError),
}

/// What a session returns: it runs until its connection ends.
pub(crate) type Ended = Result<Infallible, End>;

/// The client's events and the way to write to it.
///
/// Only [`Peer::event`] is cancel-safe. The writing calls must be awaited to their end: a frame
/// that was begun would otherwise be cut.
pub(crate) struct Peer {
    pub(super) events: mpsc::Receiver<Event>,
    /// What came while the server was frozen.
    pub(super) held: VecDeque<Event>,
    pub(super) write: WebSocketWrite<BufWriter<Wire>>,
    /// How many bytes may still be written.
    pub(super) left: Arc<AtomicU64>,
    /// None when the server behaves.
    pub(super) injector: Option<Injector>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) counters: Arc<Counters>,
    pub(super) limits: Limits,
    /// The number of the connection on its server, from 1.
    pub(crate) number: u64,
}

impl Peer {
    /// The next event. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Event {
        if let Some(event) = self.held.pop_front() {
            return event;
        }
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Event::Stop,
            event = self.events.recv() => event.unwrap_or(Event::Lost),
        }
    }

    /// An event that is there already.
    pub(crate) fn event_now(&mut self) -> Option<Event> {
        if *self.stop.borrow() {
            return Some(Event::Stop);
        }
        if let Some(event) = self.held.pop_front() {
            return Some(event);
        }
        match self.events.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Event::Lost),
        }
    }

    /// Does what an event asks of every session alike: answers a ping, ends on a close.
    pub(crate) async fn settle(&mut self, event: Event) -> Result<Option<Input>, End> {
        match event {
            Event::Text(text) => Ok(Some(Input::Text(text))),
            Event::Binary => Ok(Some(Input::Binary)),
            Event::Pong => Ok(Some(Input::Pong)),
            Event::Ping(payload) => {
                self.pong(payload).await?;
                Ok(None)
            }
            Event::Close(code) => Err(self.answer_close(code).await),
            Event::Fault(close) => Err(self.close(close).await),
            Event::Stop => Err(self.close(Close::AWAY).await),
            Event::Lost => Err(End::Lost),
        }
    }

    /// Sends a text frame.
    pub(crate) async fn text(&mut self, text: &str) -> Result<(), End> {
        self.queue(text.as_bytes()).await?;
        self.flush().await
    }

    /// Puts a text frame into the write buffer; it may stay there until [`Peer::flush`].
    pub(crate) async fn queue(&mut self, text: &[u8]) -> Result<(), End> {
        self.misbehave(text).await?;
        self.frame(Frame::text(text.into())).await?;
        self.counters.frame();
        Ok(())
    }

    /// Writes out what is buffered.
    pub(crate) async fn flush(&mut self) -> Result<(), End> {
        in_time(self.limits, self.write.flush()).await
    }

    /// Sends a ping frame.
    pub(crate) async fn ping(&mut self) -> Result<(), End> {
        let ping = Frame::new(true, OpCode::Ping, None, b""[..].into());
        self.frame(ping).await?;
        self.flush().await
    }

    /// Answers a ping frame.
    pub(crate) async fn pong(&mut self, payload: Vec<u8>) -> Result<(), End> {
        self.frame(Frame::pong(payload.into())).await?;
        self.flush().await
    }

    /// Closes the connection, and waits for the client to close it too, but not for ever.
    pub(crate) async fn close(&mut self, close: Close) -> End {
        let frame = Frame::close(close.code, close.reason.as_bytes());
        if let Err(end) = self.last_frame(frame).await {
            return end;
        }
        let last = async {
            loop {
                match self.events.recv().await {
                    Some(event) if !event.is_last() => {}
                    last => return last,
                }
            }
        };
        let last = timeout(self.limits.close_timeout, last).await;
        let answered = matches!(last, Ok(Some(Event::Close(_))));
        End::ByServer { close, answered }
    }

    /// Answers a close of the client's, with its own code.
    pub(crate) async fn answer_close(&mut self, code: Option<u16>) -> End {
        let frame = match code {
            Some(code) => Frame::close(code, b""),
            None => Frame::close_raw(Vec::new().into()),
        };
        self.last_frame(frame).await.err().unwrap_or(End::ByClient)
    }

    async fn last_frame(&mut self, frame: Frame<'_>) -> Result<(), End> {
        self.frame(frame).await?;
        self.flush().await
    }

    pub(super) async fn frame(&mut self, frame: Frame<'_>) -> Result<(), End> {
        in_time(self.limits, self.write.write_frame(frame)).await
    }
}

/// Waits for the server to stop; one that was dropped has stopped as well. Cancel-safe.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn in_time(
    limits: Limits,
    write: impl Future<Output = Result<(), WebSocketError>>,
) -> Result<(), End> {
    let written = timeout(limits.write_timeout, write).await;
    Ok(written.map_err(|_| End::Slow)??)
}
