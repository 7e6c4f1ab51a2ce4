//! A protocol that plays a recording to every connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use crate::jayx::packet::{self, Packet};
use crate::net::{Connection, Disconnect, Input, Limits, Protocol, RequestTarget, SessionEnd};
use crate::session::{Close, Rejection};
use crate::venue::Venue;
use crate::{ids, invalid, wire};

/// The recording starts after this time even if the client sends nothing.
const START_TIMEOUT: Duration = Duration::from_millis(200);
/// The time limit of a client's join of the namespace.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit of one write to a slow client.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// The announced ping interval. Playback sends no pings except recorded ones, and the client must not time out.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A frame as received from the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// When it was received, in nanoseconds on a monotonic clock. Only the differences between frames matter.
    pub recv_ns: u64,
    /// The payload of the text frame, byte for byte. Nothing checks that it is UTF-8.
    pub frame: Vec<u8>,
}

/// The frames of one connection to a venue, in the order of arrival.
///
/// Each connection receives all frames, then a close with 1000. They start at the first message of the client, or 200
/// ms after the upgrade, whichever is earlier.
///
/// A JayX recording whose first frame begins with a digit consists of Socket.IO packets. The client must then join
/// the namespace before the recording starts. If the recording begins with the open packet, or continues with the
/// reply to the join, these packets replace those of the simulator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The frames.
    pub frames: Vec<RecordedFrame>,
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// A multiple of the recorded speed, finite and above zero. 1 is real time.
    Times(f64),
    /// As fast as the client reads.
    Max,
}

/// The protocol of a server that plays a recording.
pub(crate) struct Playback {
    /// `None` to play without a handshake inside the connection.
    venue: Option<Venue>,
    recording: Arc<Recording>,
    speed: Speed,
}

impl Playback {
    pub(crate) fn new(
        venue: Option<Venue>,
        recording: Arc<Recording>,
        speed: Speed,
    ) -> std::io::Result<Self> {
        match speed {
            Speed::Times(times) if !times.is_finite() || times <= 0.0 => {
                Err(invalid("the speed must be above zero"))
            }
            _ => Ok(Self {
                venue,
                recording,
                speed,
            }),
        }
    }

    pub(crate) fn limits() -> Limits {
        Limits {
            write_timeout: WRITE_TIMEOUT,
            close_timeout: WRITE_TIMEOUT,
            ..Limits::default()
        }
    }

    fn frame(&self, at: usize) -> Option<&[u8]> {
        self.recording.frames.get(at).map(|it| it.frame.as_slice())
    }

    fn is_socket_io(&self) -> bool {
        let first = self.frame(0).and_then(<[u8]>::first);
        self.venue == Some(Venue::Jayx) && first.is_some_and(u8::is_ascii_digit)
    }

    /// Performs the handshake of Engine.IO and Socket.IO. Returns the number of recorded frames that it used.
    async fn handshake(&self, connection: &mut Connection) -> Result<usize, Disconnect> {
        let mut used = 0;
        let sid = ids::sid(0, connection.number);
        let own = wire::jayx::open(&sid, &[], [DAY; 2], 1_000_000);
        used += self.recorded_or(connection, used, b"0{", &own).await?;
        self.await_join(connection).await?;
        let own = wire::jayx::joined(&sid);
        used += self.recorded_or(connection, used, b"40", &own).await?;
        Ok(used)
    }

    async fn await_join(&self, connection: &mut Connection) -> Result<(), Disconnect> {
        let limit = Instant::now() + JOIN_TIMEOUT;
        loop {
            match message_before(connection, limit).await? {
                Some(Input::Text(text)) => match Packet::read(&text) {
                    Packet::Join { namespace: "" } => return Ok(()),
                    Packet::Join { namespace } => {
                        let reply = wire::jayx::wrong_namespace(namespace);
                        connection.send(reply).await?;
                    }
                    _ => self.on_input(Some(Input::Text(text)), connection).await?,
                },
                Some(_) => {}
                None => return Err(connection.close(Close::new(1008, "no join")).await),
            }
        }
    }

    /// Waits for the client's first message, or for the start timeout.
    async fn await_start(&self, connection: &mut Connection) -> Result<(), Disconnect> {
        let limit = Instant::now() + START_TIMEOUT;
        let first = message_before(connection, limit).await?;
        self.on_input(first, connection).await
    }

    /// Sends the recorded frame `at` if it has the prefix, otherwise `own`. Returns the number of recorded frames
    /// that were sent.
    async fn recorded_or(
        &self,
        connection: &mut Connection,
        at: usize,
        prefix: &[u8],
        own: &str,
    ) -> Result<usize, Disconnect> {
        let recorded = self.frame(at).filter(|frame| frame.starts_with(prefix));
        let frame = recorded.unwrap_or(own.as_bytes());
        connection.queue(Bytes::copy_from_slice(frame)).await?;
        connection.flush().await?;
        Ok(usize::from(recorded.is_some()))
    }

    async fn play(&self, connection: &mut Connection, from: usize) -> Result<(), Disconnect> {
        let frames = self.recording.frames.get(from..).unwrap_or(&[]);
        let zero = frames.first().map_or(0, |frame| frame.recv_ns);
        let start = Instant::now();
        for recorded in frames {
            let due = self.due(start, recorded.recv_ns.saturating_sub(zero));
            self.wait(connection, due).await?;
            connection
                .queue(Bytes::copy_from_slice(&recorded.frame))
                .await?;
        }
        connection.flush().await
    }

    /// When to send a frame that was recorded `after_ns` after the first. `None` for now.
    fn due(&self, start: Instant, after_ns: u64) -> Option<Instant> {
        let Speed::Times(times) = self.speed else {
            return None;
        };
        let after = Duration::from_nanos(after_ns).as_secs_f64() / times;
        // A wait that overflows is replaced by another long one.
        let after = Duration::try_from_secs_f64(after).unwrap_or(DAY * 365);
        start.checked_add(after).filter(|due| *due > Instant::now())
    }

    /// Waits until `due`, and handles the client's messages meanwhile.
    async fn wait(
        &self,
        connection: &mut Connection,
        due: Option<Instant>,
    ) -> Result<(), Disconnect> {
        while let Some(event) = connection.try_event() {
            self.on_input(connection.handle(event).await?, connection)
                .await?;
        }
        let Some(due) = due else { return Ok(()) };
        connection.flush().await?;
        loop {
            let event = tokio::select! {
                event = connection.event() => event,
                () = sleep_until(due) => return Ok(()),
            };
            self.on_input(connection.handle(event).await?, connection)
                .await?;
        }
    }

    /// Handles a message of the client: only leaving has an effect.
    async fn on_input(
        &self,
        input: Option<Input>,
        connection: &mut Connection,
    ) -> Result<(), Disconnect> {
        match input {
            Some(Input::Text(text)) if self.is_socket_io() && packet::is_leave(&text) => {
                Err(connection.close(Close::NORMAL).await)
            }
            _ => Ok(()),
        }
    }
}

/// The next message of the client. `None` if none arrives in time.
async fn message_before(
    connection: &mut Connection,
    limit: Instant,
) -> Result<Option<Input>, Disconnect> {
    loop {
        let event = tokio::select! {
            event = connection.event() => event,
            () = sleep_until(limit) => return Ok(None),
        };
        match connection.handle(event).await? {
            Some(Input::Pong) | None => {}
            message => return Ok(message),
        }
    }
}

impl Protocol for Playback {
    type Route = ();

    /// Playback ignores the client's messages, and an unread message must not block a client that waits for its
    /// write. Excess messages are therefore dropped.
    const DROPS_MESSAGES: bool = true;

    fn route(&self, _: RequestTarget<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn session(&self, (): (), connection: &mut Connection) -> SessionEnd {
        let mut from = 0;
        if self.is_socket_io() {
            from = self.handshake(connection).await?;
        }
        self.await_start(connection).await?;
        self.play(connection, from).await?;
        Err(connection.close(Close::NORMAL).await)
    }
}
