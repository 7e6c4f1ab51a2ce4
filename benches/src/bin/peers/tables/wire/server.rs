//! The server's side of a block: a thread that spins between its messages.

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ticklot_transport::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::record::since;
use crate::socket::server::{Stream, accept_upgrade, greeting};

/// When a message is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// One in each interval, even if the client is not ready.
    Every(Duration),
    /// As soon as the client has handled the previous message: back to back, one message in each read.
    Handled,
}

/// The pace of the messages that warm up the client.
const WARM_UP: Pace = Pace::Every(Duration::from_micros(500));

/// The time between the last handshake and the first message.
const SETTLE: Duration = Duration::from_millis(2);

/// How long the server waits for the client.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The messages that the server writes in a block.
pub(super) struct Schedule {
    pub(super) frames: Arc<Stream>,
    /// The number of frames.
    pub(super) len: usize,
    /// The frame of the first message; the next message is the next frame.
    pub(super) start: usize,
    /// The messages are written to the connections in turn.
    pub(super) connections: usize,
    pub(super) warm_up: usize,
    pub(super) total: usize,
    pub(super) pace: Pace,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) origin: Instant,
    /// The number of messages that the client has handled.
    pub(super) handled: Arc<AtomicUsize>,
}

/// A message that was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) connection: usize,
    pub(super) frame: usize,
    /// The time of the write, since the origin of the block. With TLS the message is encrypted before it.
    pub(super) ns: u64,
}

impl Schedule {
    /// Accepts the connections, writes all messages, and waits until they have been handled.
    pub(super) fn run(&self, listener: &TcpListener) -> anyhow::Result<Vec<Sent>> {
        let mut sent = Vec::with_capacity(self.total);
        let mut peers = self.accept(listener)?;
        let mut due = Instant::now() + SETTLE;
        for message in 0..self.total {
            let (connection, frame) = (message % peers.len(), (self.start + message) % self.len);
            let (peer, bytes) = (&mut peers[connection], self.frames.of(&(frame..frame + 1)));
            peer.prepare(bytes)?;
            match if message < self.warm_up {
                WARM_UP
            } else {
                self.pace
            } {
                Pace::Every(interval) => {
                    while Instant::now() < due {
                        spin_loop();
                    }
                    due += interval;
                }
                Pace::Handled => self.wait(message)?,
            }
            let ns = since(self.origin);
            sent.push(Sent {
                connection,
                frame,
                ns,
            });
            peer.write(bytes)?;
        }
        self.wait(self.total)?;
        Ok(sent)
    }

    /// Waits until the client has handled `count` messages.
    fn wait(&self, count: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let handled = self.handled.load(Ordering::Acquire);
            if handled >= count {
                return Ok(());
            }
            ensure!(
                start.elapsed() < CLIENT_TIMEOUT,
                "the client has handled {handled} messages of {count}"
            );
            spin_loop();
        }
    }

    /// The connections, ordered by the numbers in their URLs.
    fn accept(&self, listener: &TcpListener) -> anyhow::Result<Vec<Peer>> {
        let mut peers = Vec::new();
        for _ in 0..self.connections {
            let (tcp, _) = listener.accept()?;
            tcp.set_nodelay(true)?;
            peers.push(Peer::accept(tcp, self.tls.as_ref())?);
        }
        peers.sort_by_key(|(number, _)| *number);
        let numbers = peers.iter().map(|(number, _)| *number);
        ensure!(numbers.eq(0..self.connections), "other connections");
        Ok(peers.into_iter().map(|(_, peer)| peer).collect())
    }
}

/// A connection to a client.
enum Peer {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Peer {
    /// Accepts the upgrade, and writes the Socket.IO greeting.
    fn accept(
        mut tcp: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
    ) -> anyhow::Result<(usize, Self)> {
        let Some(config) = tls else {
            return Ok((open(&mut tcp)?, Self::Plain(tcp)));
        };
        let tls = ServerConnection::new(Arc::clone(config))?;
        let mut stream = StreamOwned::new(tls, tcp);
        Ok((open(&mut stream)?, Self::Tls(Box::new(stream))))
    }

    /// Encrypts the bytes, before the time of the write.
    fn prepare(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if let Self::Tls(stream) = self {
            stream.conn.writer().write_all(bytes)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes)?,
            Self::Tls(stream) => {
                while stream.conn.wants_write() {
                    stream.conn.write_tls(&mut stream.sock)?;
                }
            }
        }
        Ok(())
    }
}

/// Accepts the upgrade; returns the number at the start of the request's path.
fn open(stream: &mut (impl Read + Write)) -> anyhow::Result<usize> {
    let head = accept_upgrade(stream)?;
    stream.write_all(&greeting()?)?;
    stream.flush()?;
    let path = head.strip_prefix("GET /").context("no GET")?;
    let number = path.split(['/', '?', ' ']).next().unwrap_or_default();
    number.parse().context("no number in the path")
}
