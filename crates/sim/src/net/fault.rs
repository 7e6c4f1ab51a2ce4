//! The faults of [`Faults`], where they meet a socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fastwebsockets::Frame;
use hyper::StatusCode;
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::peer::{End, Event, Peer, stopped};
use super::{Counters, Refusal};
use crate::faults::{Chance, Faults};

/// How much of a client is kept while its server is frozen; then nothing more is read.
const HELD: usize = 64;
/// Keeps the draws of connections apart: 2^64 divided by the golden ratio.
const APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// Lines that mean nothing to either venue.
const GARBAGE: [&str; 9] = [
    "",
    "\n\n\n",
    "nonsense",
    "{",
    "}{",
    "null",
    "[]",
    "\u{feff}{}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// Draws what befalls one connection.
pub(super) struct Injector {
    faults: Faults,
    rng: fastrand::Rng,
    sent: u64,
}

/// What befalls a message.
enum Act {
    Drop,
    Cut,
    Freeze,
    Hang,
    Garbage,
}

impl Injector {
    /// The draws of the connection that came as the `number`th; none when there are no faults.
    pub(super) fn new(faults: Faults, number: u64) -> Option<Self> {
        (!faults.is_none()).then(|| Self {
            faults,
            rng: fastrand::Rng::with_seed(faults.seed ^ number.wrapping_mul(APART)),
            sent: 0,
        })
    }

    /// Whether the connection's upgrades are refused.
    pub(super) fn refusal(&mut self) -> Option<Refusal> {
        let refuse = self.faults.refuse;
        let status = StatusCode::from_u16(refuse.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        self.draw(refuse.chance)
            .then(|| Refusal::new(status, "refused on purpose"))
    }

    fn draw(&mut self, chance: Chance) -> bool {
        self.rng.u32(0..1_000_000) < chance.0
    }

    fn act(&mut self) -> Option<Act> {
        let Faults {
            drop,
            cut,
            hang,
            freeze,
            garbage,
            ..
        } = self.faults;
        if drop.is_some_and(|after| self.sent >= after.get()) {
            return Some(Act::Drop);
        }
        self.sent += 1;
        let chances = [
            (cut, Act::Cut),
            (hang.chance, Act::Hang),
            (freeze.chance, Act::Freeze),
            (garbage, Act::Garbage),
        ];
        let drawn = chances.map(|(chance, act)| self.draw(chance).then_some(act));
        drawn.into_iter().flatten().next()
    }

    /// A line that means nothing: one of its own, or the first half of the message.
    fn garbage(&mut self, text: &[u8]) -> Vec<u8> {
        if self.rng.bool() {
            return GARBAGE[self.rng.usize(..GARBAGE.len())].into();
        }
        let text = String::from_utf8_lossy(text);
        text[..text.floor_char_boundary(text.len() / 2)].into()
    }
}

impl Peer {
    /// Does to the next message what was drawn for it.
    pub(super) async fn misbehave(&mut self, text: &[u8]) -> Result<(), End> {
        let Some(injector) = &mut self.injector else {
            return Ok(());
        };
        let Some(act) = injector.act() else {
            return Ok(());
        };
        let faults = injector.faults;
        match act {
            Act::Drop => self.break_off().await,
            Act::Cut => self.cut(text).await,
            Act::Freeze => self.freeze(faults.freeze.lasts).await,
            Act::Hang => self.hang(faults.hang.lasts).await,
            Act::Garbage => {
                let line = injector.garbage(text);
                count(&self.counters, |it| &it.garbage);
                self.frame(Frame::text(line.into())).await
            }
        }
    }

    /// Ends the connection without a close.
    async fn break_off(&mut self) -> Result<(), End> {
        self.flush().await?;
        count(&self.counters, |it| &it.drops);
        Err(End::OnPurpose)
    }

    /// Sends a part of a message's frame, and ends the connection.
    async fn cut(&mut self, text: &[u8]) -> Result<(), End> {
        self.flush().await?;
        let frame = head(text.len()) + text.len();
        if let Some(injector) = &mut self.injector {
            let part = injector.rng.usize(1..frame);
            self.left.store(part as u64, Relaxed);
        }
        count(&self.counters, |it| &it.cuts);
        self.frame(Frame::text(text.into())).await?;
        self.flush().await?;
        Err(End::OnPurpose)
    }

    /// Answers pings and nothing else. What else the client says is kept for later.
    async fn freeze(&mut self, lasts: Duration) -> Result<(), End> {
        self.flush().await?;
        count(&self.counters, |it| &it.freezes);
        let thaw = Instant::now() + lasts;
        loop {
            let event = tokio::select! {
                () = sleep_until(thaw) => return Ok(()),
                () = stopped(&mut self.stop) => return Ok(()),
                event = self.events.recv(), if self.held.len() < HELD => event,
            };
            match event {
                Some(Event::Ping(payload)) => self.pong(payload).await?,
                Some(event) => self.held.push_back(event),
                None => return Err(End::Lost),
            }
        }
    }

    /// Does nothing at all.
    async fn hang(&mut self, lasts: Duration) -> Result<(), End> {
        self.flush().await?;
        count(&self.counters, |it| &it.hangs);
        tokio::select! {
            () = sleep(lasts) => {}
            () = stopped(&mut self.stop) => {}
        }
        Ok(())
    }
}

/// How long the head of a server's frame is. RFC 6455, section 5.2.
fn head(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

/// The faults of a server so far. The numbers are read one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Connections dropped after so many messages.
    pub drops: u64,
    /// Connections that ended in the middle of a frame.
    pub cuts: u64,
    /// Silences with answers to pings.
    pub freezes: u64,
    /// Silences without.
    pub hangs: u64,
    /// Lines that meant nothing.
    pub garbage: u64,
    /// Connections whose upgrades were refused.
    pub refusals: u64,
}

/// [`Injected`], as it is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    drops: AtomicU64,
    cuts: AtomicU64,
    freezes: AtomicU64,
    hangs: AtomicU64,
    garbage: AtomicU64,
    pub(super) refusals: AtomicU64,
}

impl Tally {
    pub(super) fn read(&self) -> Injected {
        Injected {
            drops: self.drops.load(Relaxed),
            cuts: self.cuts.load(Relaxed),
            freezes: self.freezes.load(Relaxed),
            hangs: self.hangs.load(Relaxed),
            garbage: self.garbage.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
        }
    }
}

pub(super) fn count(counters: &Counters, which: fn(&Tally) -> &AtomicU64) {
    which(counters.tally()).fetch_add(1, Relaxed);
}

/// The writing half of a socket, which can be slow, and can end early.
pub(super) struct Wire {
    half: OwnedWriteHalf,
    /// How many bytes may still go out.
    left: Arc<AtomicU64>,
    slow: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// The first half of a write is out, and its pause is over.
    is_rest: bool,
}

impl Wire {
    /// A wire, and how many bytes may still go out on it: all there are, at first.
    pub(super) fn new(half: OwnedWriteHalf, slow: Duration) -> (Self, Arc<AtomicU64>) {
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let wire = Self {
            half,
            left: Arc::clone(&left),
            slow,
            pause: None,
            is_rest: false,
        };
        (wire, left)
    }

    /// How much of a write goes out now.
    fn part(&self, length: usize) -> usize {
        let is_first = !self.slow.is_zero() && !self.is_rest;
        let part = if is_first { length.div_ceil(2) } else { length };
        let left = usize::try_from(self.left.load(Relaxed)).unwrap_or(usize::MAX);
        part.min(left)
    }

    fn wrote(&mut self, bytes: usize) {
        let left = self.left.load(Relaxed);
        if left != u64::MAX {
            self.left.store(left.saturating_sub(bytes as u64), Relaxed);
        }
        if !self.slow.is_zero() {
            self.is_rest = !self.is_rest;
            self.pause = self.is_rest.then(|| Box::pin(sleep(self.slow)));
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let part = self.part(bytes.len());
        if part == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(Pin::new(&mut self.half).poll_write(cx, &bytes[..part]))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_shutdown(cx)
    }
}
