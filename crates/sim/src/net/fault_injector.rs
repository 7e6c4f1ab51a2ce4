//! Draws the faults of a connection, and delays its writes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::fault_config::{Chance, FaultConfig};
use crate::session::Rejection;

/// Separates the random numbers of connections: 2^64 divided by the golden ratio.
const CONNECTION_SALT: u64 = 0x9e37_79b9_7f4a_7c15;

/// Messages that are meaningless for both venues.
const GARBAGE: [&str; 9] = [
    "",
    "\n\n\n",
    "nonsense",
    "{",
    "}{",
    "null",
    "[]",
    "\u{feff}{}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// Draws the faults of one connection.
pub(super) struct FaultInjector {
    config: FaultConfig,
    rng: fastrand::Rng,
    sent: u64,
}

/// The fault of a message.
pub(super) enum Fault {
    Drop,
    Cut,
    Freeze(Duration),
    Hang(Duration),
    Garbage,
}

impl FaultInjector {
    /// The injector of a connection. `None` if no faults are configured.
    pub(super) fn new(config: FaultConfig, connection: u64) -> Option<Self> {
        (!config.is_none()).then(|| Self {
            config,
            rng: fastrand::Rng::with_seed(config.seed ^ connection.wrapping_mul(CONNECTION_SALT)),
            sent: 0,
        })
    }

    /// Draws whether the upgrades of the connection are rejected.
    pub(super) fn rejection(&mut self) -> Option<Rejection> {
        let refuse = self.config.refuse;
        self.draw(refuse.chance)
            .then(|| Rejection::new(refuse.status, "refused on purpose"))
    }

    /// Draws the fault of the next message.
    pub(super) fn next_fault(&mut self) -> Option<Fault> {
        let config = self.config;
        if config.drop.is_some_and(|after| self.sent >= after.get()) {
            return Some(Fault::Drop);
        }
        self.sent += 1;
        let chances = [
            (config.cut, Fault::Cut),
            (config.hang.chance, Fault::Hang(config.hang.duration)),
            (config.freeze.chance, Fault::Freeze(config.freeze.duration)),
            (config.garbage, Fault::Garbage),
        ];
        // All chances are drawn, so that the number of draws does not depend on the result.
        let drawn = chances.map(|(chance, fault)| self.draw(chance).then_some(fault));
        drawn.into_iter().flatten().next()
    }

    /// A meaningless message: one of [`GARBAGE`], or the first half of `text`.
    pub(super) fn garbage(&mut self, text: &[u8]) -> Vec<u8> {
        if self.rng.bool() {
            return GARBAGE[self.rng.usize(..GARBAGE.len())].into();
        }
        let text = String::from_utf8_lossy(text);
        let mut end = text.len() / 2;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].into()
    }

    /// The number of bytes to send of a frame of `length` bytes.
    pub(super) fn cut_length(&mut self, length: usize) -> usize {
        self.rng.usize(1..length)
    }

    fn draw(&mut self, chance: Chance) -> bool {
        self.rng.u32(0..1_000_000) < chance.0
    }
}

/// A stream that sends each write in two halves, `delay` apart. With a zero delay it passes writes through.
pub(super) struct SlowStream {
    stream: TcpStream,
    delay: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    is_second_half: bool,
}

impl SlowStream {
    pub(super) fn new(stream: TcpStream, delay: Duration) -> Self {
        Self {
            stream,
            delay,
            pause: None,
            is_second_half: false,
        }
    }
}

impl AsyncRead for SlowStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for SlowStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.delay.is_zero() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let length = if self.is_second_half {
            bytes.len()
        } else {
            bytes.len().div_ceil(2)
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..length]))?;
        self.is_second_half = !self.is_second_half;
        self.pause = self.is_second_half.then(|| Box::pin(sleep(self.delay)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
