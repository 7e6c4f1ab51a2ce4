//! One session, driven over a socket by tokio.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use ticklot_book::Nanos;
use ticklot_transport::{self as transport, Connection, HttpClient, Incoming, Reader, Writer};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep_until;
use tracing::debug;

use super::ConnectionSummary;
use super::inbox::Inbox;
use super::link::{Link, MAX_REQUESTS, Turn, UNSEEN, failed};
use super::remote::ControlMessage;
use super::waits::Waits;
use crate::event::Disconnect;
use crate::session::NextAction;
use crate::venue::on_message::OnMessage;
use crate::venue::{HttpRequest, RequestId, Venue};

/// Drives one session.
pub(super) struct Driver<'a, V: Venue, H> {
    link: Link<'a, V, H>,
    transport: &'a transport::Config,
    calls: Control<'a, V::Command>,
    http: HttpClient,
}

/// What the user may ask for at any time.
struct Control<'a, C> {
    stopped: watch::Receiver<bool>,
    asked: &'a Inbox<ControlMessage<C>>,
}

impl<C> Control<'_, C> {
    /// Waits for the next call. Cancel safe.
    async fn next(&mut self) -> ControlMessage<C> {
        let Self { stopped, asked } = self;
        // The sender of `stopped` lives as long as the feed, and an inbox needs none: neither wait ends early.
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => ControlMessage::Close,
            ask = poll_fn(|cx| asked.poll_next(cx)) => ask,
        }
    }
}

/// An HTTP request that is under way, and its number.
type Fetch<'a> = Pin<Box<dyn Future<Output = (RequestId, Result<Vec<u8>, transport::Error>)> + 'a>>;

impl<'a, V: Venue, H: OnMessage<V>> Driver<'a, V, H> {
    pub(super) fn new(
        link: Link<'a, V, H>,
        transport: &'a transport::Config,
        asked: &'a Inbox<ControlMessage<V::Command>>,
    ) -> Self {
        Self {
            calls: Control {
                stopped: link.stop.subscribe(),
                asked,
            },
            link,
            transport,
            http: HttpClient::new(transport.clone()),
        }
    }

    pub(super) async fn run(mut self) -> ConnectionSummary {
        self.link.session.resume();
        loop {
            let mut half_closed = None;
            let now = self.link.refresh_now();
            let reason = match self.link.session.next(now) {
                NextAction::Connect | NextAction::Open => self.connect(&mut half_closed).await,
                NextAction::WaitUntil(time) => match self.wait(Some(time)).await {
                    Some(reason) => reason,
                    None => continue,
                },
                NextAction::Idle => match self.wait(None).await {
                    Some(reason) => reason,
                    None => continue,
                },
                NextAction::Done => Disconnect::Stopped,
            };
            self.link.disconnected(&reason);
            if let Some((connection, code)) = half_closed {
                // Its outcome changes nothing: the books are disconnected already, and it takes a
                // bounded time.
                let mut connection: Connection = connection;
                let _ = connection.close(code, "").await;
            }
            if let Some(ended) = self.link.ended(reason) {
                return ended;
            }
        }
    }

    /// Waits until a time, if one is given, or the next call.
    async fn wait(&mut self, until: Option<Nanos>) -> Option<Disconnect> {
        let time = until.map(|time| self.link.clock.wake_at(time));
        let wait = async {
            match time {
                Some(time) => sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        let ask = tokio::select! {
            () = wait => return None,
            ask = self.calls.next() => ask,
        };
        self.link.handle_control(ask)
    }

    /// Connects and reads until the connection ends. What is left of it is to be closed, with a
    /// code.
    async fn connect(&mut self, half_closed: &mut Option<(Connection, u16)>) -> Disconnect {
        let url = self.link.session.url().to_owned();
        let mut connecting = pin!(transport::connect(&url, self.transport));
        let connected = loop {
            let ask = tokio::select! {
                connected = connecting.as_mut() => break connected,
                ask = self.calls.next() => ask,
            };
            if let Some(reason) = self.link.handle_control(ask) {
                return reason;
            }
        };
        let (mut reader, mut writer) = match connected {
            Ok(connection) => connection.split(),
            Err(error) => return self.link.failed(error),
        };
        debug!(connection = %self.link.session.id(), "connected");
        self.link.opened();
        let reason = self.read(&mut reader, &mut writer).await;
        let code = self.link.close_code(&reason);
        *half_closed = Connection::join(reader, writer, self.transport)
            .ok()
            .map(|whole| (whole, code));
        reason
    }

    async fn read(&mut self, reader: &mut Reader, writer: &mut Writer) -> Disconnect {
        let mut fetches = FuturesUnordered::new();
        let mut waiting = VecDeque::new();
        let mut armed = Nanos(u64::MAX);
        let mut timer = pin!(sleep_until(self.link.clock.wake_at(armed)));
        let mut stopped = self.link.stop.subscribe();
        let mut stopped = pin!(stopped.wait_for(|stop| *stop));
        let mut waits = Waits::new();
        let mut turn = Turn::default();
        // When the driver last ran while the runtime's I/O driver did.
        let mut seen = self.link.refresh_now();
        let mut was_late = false;
        loop {
            if let Some(reason) = self.send(writer).await {
                return reason;
            }
            if was_late || turn.is_over(self.link.now) {
                // Until the I/O driver has run, the socket of a process that was stopped seems idle.
                yield_now().await;
                if let Some(reason) = self.requested() {
                    return reason;
                }
                turn = Turn::default();
            }
            let under_way = fetches.len();
            self.start_requests(&mut fetches, &mut waiting);
            if fetches.len() > under_way {
                waits.changed();
            }
            // Set anew only to be earlier: one that comes too early looks again.
            let due = self.link.session.deadline().unwrap_or(Nanos(u64::MAX));
            if due < armed {
                armed = due;
                timer.as_mut().reset(self.link.clock.wake_at(armed));
                waits.changed();
            }
            let mut waited = false;
            let happened = {
                // Cancel safe: what was read of a frame stays in the reader.
                let mut read = pin!(reader.read());
                let asked = self.calls.asked;
                let mut others = |cx: &mut Context<'_>| {
                    if stopped.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(IoEvent::Control(ControlMessage::Close));
                    }
                    if let Poll::Ready(ask) = asked.poll_next(cx) {
                        return Poll::Ready(IoEvent::Control(ask));
                    }
                    if let Poll::Ready(Some((id, body))) = fetches.poll_next_unpin(cx) {
                        return Poll::Ready(IoEvent::Fetched(id, body));
                    }
                    timer.as_mut().poll(cx).map(|()| IoEvent::Time)
                };
                poll_fn(|cx| {
                    // Incoming messages come first; the turn's limits protect the others.
                    if let Poll::Ready(incoming) = read.as_mut().poll(cx) {
                        return Poll::Ready(IoEvent::Incoming(incoming));
                    }
                    waited = true;
                    match was_late {
                        true => Poll::Ready(IoEvent::Idle),
                        false => waits.poll(cx, &mut others),
                    }
                })
                .await
            };
            if waited {
                // The others have had their turn.
                turn = Turn::default();
            }
            let is_frame = matches!(happened, IoEvent::Incoming(_));
            // After a pause of the whole process a read that waits proves nothing yet.
            was_late = !is_frame
                && !matches!(happened, IoEvent::Idle)
                && self.link.refresh_now().since(seen) > UNSEEN;
            let over = match happened {
                IoEvent::Incoming(Ok(Incoming::Message(message))) => self.link.message(&message),
                IoEvent::Incoming(Ok(Incoming::Ping(payload))) => {
                    self.link.record_activity();
                    or_stopped(writer.pong(payload), &mut self.calls.stopped).await
                }
                IoEvent::Incoming(Ok(Incoming::Close { code, reason })) => {
                    let reason = reason.to_owned();
                    Some(Disconnect::Closed { code, reason })
                }
                IoEvent::Incoming(Ok(_)) => {
                    self.link.record_activity();
                    None
                }
                IoEvent::Incoming(Err(error)) => Some(self.link.failed(error)),
                IoEvent::Control(ask) => self.link.handle_control(ask),
                IoEvent::Fetched(id, body) => self.link.fetched(id, body),
                IoEvent::Time => {
                    // A timer that has fired is ready until it is set anew.
                    armed = Nanos(u64::MAX);
                    timer.as_mut().reset(self.link.clock.wake_at(armed));
                    self.link.timeout()
                }
                IoEvent::Idle => None,
            };
            if is_frame {
                turn.frames += 1;
            } else if !was_late {
                reader.mark_idle();
            }
            if waited && !was_late {
                seen = self.link.now;
            }
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    /// Starts the HTTP requests that the venue has, as many as may be under way.
    fn start_requests(
        &mut self,
        fetches: &mut FuturesUnordered<Fetch<'a>>,
        waiting: &mut VecDeque<HttpRequest>,
    ) {
        while let Some(request) = self.link.session.next_request(self.link.now) {
            waiting.push_back(request);
        }
        while fetches.len() < MAX_REQUESTS
            && let Some(HttpRequest { id, url }) = waiting.pop_front()
        {
            let http = self.http.clone();
            fetches.push(Box::pin(async move { (id, http.get(&url).await) }));
        }
    }

    /// Sends what is due.
    async fn send(&mut self, writer: &mut Writer) -> Option<Disconnect> {
        if !self.link.session.has_outgoing(self.link.now) {
            return None;
        }
        // Read once for all: the messages leave together.
        let now = self.link.refresh_now();
        while let Some(message) = self.link.session.outgoing(now) {
            let over = or_stopped(writer.text(message), &mut self.calls.stopped).await;
            if over.is_some() {
                return over;
            }
        }
        None
    }

    /// Does what the user asked for while frames were read: a server that never pauses must not keep
    /// the user from their turn.
    fn requested(&mut self) -> Option<Disconnect> {
        if *self.calls.stopped.borrow() {
            return Some(Disconnect::Stopped);
        }
        while let Some(ask) = self.calls.asked.try_next() {
            let over = self.link.handle_control(ask);
            if over.is_some() {
                return over;
            }
        }
        None
    }
}

/// Waits for a write, or for the end of the feed: a peer that does not read holds up the one, not
/// the other. The writer finishes a frame that was begun before the next, so nothing is cut.
async fn or_stopped(
    write: impl Future<Output = Result<(), transport::Error>>,
    stopped: &mut watch::Receiver<bool>,
) -> Option<Disconnect> {
    tokio::select! {
        biased;
        written = write => written.err().map(failed),
        _ = stopped.wait_for(|stop| *stop) => Some(Disconnect::Stopped),
    }
}

/// What ends a wait on an open connection.
enum IoEvent<'a, C> {
    Incoming(Result<Incoming<'a>, transport::Error>),
    Control(ControlMessage<C>),
    Fetched(RequestId, Result<Vec<u8>, transport::Error>),
    Time,
    /// The socket still has nothing to read, and the I/O driver has run.
    Idle,
}
