//! The tokio driver: runs one session over an asynchronous socket.

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
use super::handle::ControlMessage;
use super::inbox::Inbox;
use super::link::{Link, MAX_REQUESTS, Turn, UNSEEN, failed};
use super::waits::Waits;
use crate::event::Disconnect;
use crate::session::NextAction;
use crate::venue::on_message::OnMessage;
use crate::venue::{HttpRequest, RequestId, Venue};

/// Drives one session.
pub(super) struct Driver<'a, V: Venue, H> {
    link: Link<'a, V, H>,
    transport: &'a transport::Config,
    control: ControlReceiver<'a, V::Command>,
    http: HttpClient,
}

/// Receives the user's commands, and the request to stop the feed.
struct ControlReceiver<'a, C> {
    stopped: watch::Receiver<bool>,
    inbox: &'a Inbox<ControlMessage<C>>,
}

impl<C> ControlReceiver<'_, C> {
    /// Waits for the next message. Cancel safe.
    async fn next(&mut self) -> ControlMessage<C> {
        let Self { stopped, inbox } = self;
        // Neither wait ends early: the sender of `stopped` lives as long as the feed, and an inbox has no end.
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => ControlMessage::Close,
            message = poll_fn(|cx| inbox.poll_next(cx)) => message,
        }
    }
}

/// A running HTTP request.
type Fetch<'a> = Pin<Box<dyn Future<Output = (RequestId, Result<Vec<u8>, transport::Error>)> + 'a>>;

impl<'a, V: Venue, H: OnMessage<V>> Driver<'a, V, H> {
    pub(super) fn new(
        link: Link<'a, V, H>,
        transport: &'a transport::Config,
        inbox: &'a Inbox<ControlMessage<V::Command>>,
    ) -> Self {
        Self {
            control: ControlReceiver {
                stopped: link.stop.subscribe(),
                inbox,
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
            let next = self.link.session.next(now);
            let reason = match next {
                NextAction::Connect | NextAction::Open => self.connect(&mut half_closed).await,
                NextAction::Done => Disconnect::Stopped,
                NextAction::WaitUntil(_) | NextAction::Idle => match self.wait(next).await {
                    Some(reason) => reason,
                    None => continue,
                },
            };
            self.link.disconnected(&reason);
            if let Some((connection, code)) = half_closed {
                // The books are disconnected already, so the result does not matter. `close` has a timeout.
                let mut connection: Connection = connection;
                let _ = connection.close(code, "").await;
            }
            if let Some(ended) = self.link.ended(reason) {
                return ended;
            }
        }
    }

    /// Waits for the time of `next`, if any, or the next control message, and handles the latter.
    async fn wait(&mut self, next: NextAction) -> Option<Disconnect> {
        let clock = self.link.clock;
        let wait = async {
            match next {
                NextAction::WaitUntil(time) => sleep_until(clock.wake_at(time)).await,
                _ => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            () = wait => return None,
            message = self.control.next() => message,
        };
        self.link.handle_control(message)
    }

    /// Connects, and reads until the connection ends. The caller must close `half_closed` with its close code.
    async fn connect(&mut self, half_closed: &mut Option<(Connection, u16)>) -> Disconnect {
        let url = self.link.session.url().to_owned();
        let mut connecting = pin!(transport::connect(&url, self.transport));
        let connected = loop {
            let message = tokio::select! {
                connected = connecting.as_mut() => break connected,
                message = self.control.next() => message,
            };
            if let Some(reason) = self.link.handle_control(message) {
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

    /// Reads an open connection until it ends.
    async fn read(&mut self, reader: &mut Reader, writer: &mut Writer) -> Disconnect {
        let mut fetches = FuturesUnordered::new();
        let mut waiting = VecDeque::new();
        let mut armed = Nanos(u64::MAX);
        let mut timer = pin!(sleep_until(self.link.clock.wake_at(armed)));
        let mut stopped = self.link.stop.subscribe();
        let mut stopped = pin!(stopped.wait_for(|stop| *stop));
        let mut waits = Waits::new();
        let mut turn = Turn::default();
        // The last time when this loop certainly ran after the runtime's I/O driver.
        let mut seen = self.link.refresh_now();
        let mut was_late = false;
        loop {
            if let Some(reason) = self.send(writer).await {
                return reason;
            }
            if was_late || turn.is_over(self.link.now) {
                // After the process was stopped, the socket seems idle until the I/O driver has run.
                yield_now().await;
                if let Some(reason) = self.run_commands() {
                    return reason;
                }
                turn = Turn::default();
            }
            let running = fetches.len();
            self.start_requests(&mut fetches, &mut waiting);
            if fetches.len() > running {
                waits.changed();
            }
            // Reset only to an earlier time: a timer that fires too early compares the time again.
            let due = self.link.session.deadline().unwrap_or(Nanos(u64::MAX));
            if due < armed {
                armed = due;
                timer.as_mut().reset(self.link.clock.wake_at(armed));
                waits.changed();
            }
            let mut was_pending = false;
            let event = {
                // Cancel safe: a partial frame stays in the reader.
                let mut read = pin!(reader.read());
                let inbox = self.control.inbox;
                let mut others = |cx: &mut Context<'_>| {
                    if stopped.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(IoEvent::Control(ControlMessage::Close));
                    }
                    if let Poll::Ready(message) = inbox.poll_next(cx) {
                        return Poll::Ready(IoEvent::Control(message));
                    }
                    if let Poll::Ready(Some((id, body))) = fetches.poll_next_unpin(cx) {
                        return Poll::Ready(IoEvent::Fetched(id, body));
                    }
                    timer.as_mut().poll(cx).map(|()| IoEvent::Timer)
                };
                poll_fn(|cx| {
                    // Incoming messages have priority. The limits of a turn prevent starvation of the others.
                    if let Poll::Ready(incoming) = read.as_mut().poll(cx) {
                        return Poll::Ready(IoEvent::Incoming(incoming));
                    }
                    was_pending = true;
                    match was_late {
                        true => Poll::Ready(IoEvent::Idle),
                        false => waits.poll(cx, &mut others),
                    }
                })
                .await
            };
            if was_pending {
                // The others were polled.
                turn = Turn::default();
            }
            let is_frame = matches!(event, IoEvent::Incoming(_));
            // After a pause of the whole process, a pending read does not prove that the socket is empty.
            was_late = !is_frame
                && !matches!(event, IoEvent::Idle)
                && self.link.refresh_now().since(seen) > UNSEEN;
            let over = match event {
                IoEvent::Incoming(Ok(incoming)) => {
                    match (self.link.incoming(&incoming), incoming) {
                        (None, Incoming::Ping(payload)) => {
                            or_stopped(writer.pong(payload), &mut self.control.stopped).await
                        }
                        (over, _) => over,
                    }
                }
                IoEvent::Incoming(Err(error)) => Some(self.link.failed(error)),
                IoEvent::Control(message) => self.link.handle_control(message),
                IoEvent::Fetched(id, body) => self.link.fetched(id, body),
                IoEvent::Timer => {
                    // A timer that has fired stays ready until it is reset.
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
            if was_pending && !was_late {
                seen = self.link.now;
            }
            if let Some(reason) = over {
                return reason;
            }
        }
    }

    /// Starts the venue's HTTP requests, at most [`MAX_REQUESTS`] concurrently.
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

    /// Sends the messages that are due.
    async fn send(&mut self, writer: &mut Writer) -> Option<Disconnect> {
        if !self.link.session.has_outgoing(self.link.now) {
            return None;
        }
        // One clock read for all messages.
        let now = self.link.refresh_now();
        while let Some(message) = self.link.session.outgoing(now) {
            let over = or_stopped(writer.text(message), &mut self.control.stopped).await;
            if over.is_some() {
                return over;
            }
        }
        None
    }

    /// Executes the commands that arrived while frames were read: a server that never pauses must not delay them.
    fn run_commands(&mut self) -> Option<Disconnect> {
        if *self.control.stopped.borrow() {
            return Some(Disconnect::Stopped);
        }
        while let Some(message) = self.control.inbox.try_next() {
            let over = self.link.handle_control(message);
            if over.is_some() {
                return over;
            }
        }
        None
    }
}

/// Waits for a write or the end of the feed, so that a peer that does not read cannot delay a stop. The writer finishes a
/// partly sent frame before the next one.
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

/// An event of an open connection.
enum IoEvent<'a, C> {
    Incoming(Result<Incoming<'a>, transport::Error>),
    Control(ControlMessage<C>),
    Fetched(RequestId, Result<Vec<u8>, transport::Error>),
    Timer,
    /// The socket has nothing to read, and the I/O driver has run.
    Idle,
}
