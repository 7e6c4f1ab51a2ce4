//! A recording, played to every connection from its start.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use crate::jayx::packet::{self, Packet};
use crate::net::{Connection, Disconnect, Input, Limits, Protocol, RequestTarget, SessionEnd};
use crate::session::{Close, Rejection};
use crate::venue::Venue;
use crate::{ids, invalid, wire};

/// How long a client may stay silent before the recording starts all the same.
const SILENCE: Duration = Duration::from_millis(200);
/// How long a client may take to join the namespace.
const JOIN: Duration = Duration::from_secs(20);
/// How long a slow client may take to read.
const PATIENCE: Duration = Duration::from_secs(60);
/// A recording holds the venue's pings, or none at all: a client must not wait for ours.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A frame as it came from the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// When it was received, in nanoseconds on a clock that does not go back. Only the distances
    /// between frames matter.
    pub recv_ns: u64,
    /// The payload of the text frame, byte for byte. Nothing checks that it is UTF-8.
    pub frame: Vec<u8>,
}

/// The frames of one connection to a venue, in the order they came.
///
/// Each connection gets all of them, from the first message of the client on, or 200 ms after the
/// upgrade, whichever is earlier. Then the server closes with 1000.
///
/// A JayX recording whose first frame begins with a digit consists of Socket.IO packets; the
/// client then has to open and join the namespace first, and the recording starts at the first
/// message after that or 200 ms later. If the recording itself begins with the open packet, or
/// has the venue's answer to the join next, these are sent in place of the simulator's own, so
/// that a client sees nothing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The frames.
    pub frames: Vec<RecordedFrame>,
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded: 1 is real time. Above zero, finite.
    Times(f64),
    /// As fast as the client reads.
    Max,
}

/// The protocol of a server that plays a recording.
pub(crate) struct Playback {
    /// None for one without a handshake inside the connection.
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
            write_timeout: PATIENCE,
            close_timeout: PATIENCE,
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

    /// The opening of Engine.IO and Socket.IO. Returns how many recorded frames took part.
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
        let limit = Instant::now() + JOIN;
        loop {
            match message_before(connection, limit).await? {
                Some(Input::Text(text)) => match Packet::read(&text) {
                    Packet::Join { namespace: "" } => return Ok(()),
                    Packet::Join { namespace } => {
                        let reply = wire::jayx::wrong_namespace(namespace);
                        connection.send(reply).await?;
                    }
                    _ => self.heard(Some(Input::Text(text)), connection).await?,
                },
                Some(_) => {}
                None => return Err(connection.close(Close::new(1008, "no join")).await),
            }
        }
    }

    /// Waits for the client's first message, but not for long.
    async fn await_start(&self, connection: &mut Connection) -> Result<(), Disconnect> {
        let limit = Instant::now() + SILENCE;
        let first = message_before(connection, limit).await?;
        self.heard(first, connection).await
    }

    /// Sends the recorded frame at `at` if it begins so, or else the simulator's own. Returns how
    /// many recorded ones were sent.
    async fn recorded_or(
        &self,
        connection: &mut Connection,
        at: usize,
        begins: &[u8],
        own: &str,
    ) -> Result<usize, Disconnect> {
        let recorded = self.frame(at).filter(|frame| frame.starts_with(begins));
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

    /// When a frame that came `after_ns` after the first is to be sent; none for at once.
    fn due(&self, start: Instant, after_ns: u64) -> Option<Instant> {
        let Speed::Times(times) = self.speed else {
            return None;
        };
        let after = Duration::from_nanos(after_ns).as_secs_f64() / times;
        // A wait that no clock can count to is as good as any other long one.
        let after = Duration::try_from_secs_f64(after).unwrap_or(DAY * 365);
        start.checked_add(after).filter(|due| *due > Instant::now())
    }

    /// Waits for the moment, and serves what the client has sent meanwhile.
    async fn wait(
        &self,
        connection: &mut Connection,
        due: Option<Instant>,
    ) -> Result<(), Disconnect> {
        while let Some(event) = connection.try_event() {
            self.heard(connection.handle(event).await?, connection)
                .await?;
        }
        let Some(due) = due else { return Ok(()) };
        connection.flush().await?;
        loop {
            let event = tokio::select! {
                event = connection.event() => event,
                () = sleep_until(due) => return Ok(()),
            };
            self.heard(connection.handle(event).await?, connection)
                .await?;
        }
    }

    /// Once the recording plays, a client can only leave.
    async fn heard(
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

/// The next message of the client, or none when there is none in time.
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

    /// A client whose writes nobody reads stops reading: what does not fit is dropped instead.
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
