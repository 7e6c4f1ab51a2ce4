//! The client's side: drives the sessions in virtual time.

use std::time::Duration;

use ticklot::Disconnect;
use ticklot::driver::NextAction;
use ticklot::events::RequestFailure;
use ticklot::venue::CallOutcome;
use ticklot_book::Nanos;

use super::fault::Fault;
use super::handler::CheckingHandler;
use super::link::{Arrival, Failure, Packet, Upstream};
use super::plan::MAX_MESSAGE;
use super::seeded_bug::SeededHandler;
use super::session::{AnySession, CallContext};
use super::simulation::{SimEvent, Simulation};
use super::trace::Excerpt;

/// The time limit of a connection attempt, including the upgrade.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Simulation {
    /// Calls a session with its books and its handler.
    pub(super) fn with<R>(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut AnySession, CallContext<'_>) -> R,
    ) -> R {
        let shown = self.shown();
        let checker = CheckingHandler {
            now: self.now,
            oracle: &mut self.oracle,
            trace: &mut self.trace,
        };
        let mut handler = SeededHandler {
            checker,
            bug: &mut self.event_bug,
        };
        handler.deliver_delayed(&self.books);
        let call = CallContext {
            shown,
            books: &mut self.books,
            handler: &mut handler,
        };
        let result = work(&mut self.connections[index].session, call);
        self.oracle.call_over(&self.books, self.now);
        result
    }

    /// An event reaches the client's machine.
    pub(super) fn reach_client(&mut self, index: usize, arrival: Arrival) {
        let passes = |link: &u32| {
            let link = self.links.get(link);
            link.is_some_and(|link| !link.is_dead && !link.is_cut)
        };
        let is_lost = match &arrival {
            Arrival::Opened { link, .. } | Arrival::Packet { link, .. } => !passes(link),
            Arrival::Broken { .. } | Arrival::Failed { .. } | Arrival::Fetched { .. } => false,
        };
        if is_lost {
            return;
        }
        if self.paused.is_some() {
            self.inbox.push_back((index, arrival));
            return;
        }
        self.receive(index, arrival);
        self.advance(index);
    }

    /// The client processes an event.
    pub(super) fn receive(&mut self, index: usize, arrival: Arrival) {
        match arrival {
            Arrival::Opened { attempt, link } => self.open(index, attempt, link),
            Arrival::Failed { attempt, why } => self.fail(index, attempt, why),
            Arrival::Packet { link, packet, born } => self.read(index, link, packet, born),
            Arrival::Broken { link, why } => {
                if self.connections[index].link == Some(link) {
                    self.end(index, &Disconnect::Failed(why.into()));
                }
            }
            Arrival::Fetched {
                link,
                id,
                body,
                born,
            } => {
                if self.connections[index].link == Some(link) {
                    self.trace
                        .step(self.now, format_args!("{index}: a response"));
                    let text = body.as_deref().unwrap_or_default().as_bytes();
                    self.oracle.received(index, text, born, self.now);
                    let failure = RequestFailure::Transport("no response".to_owned());
                    let body = body.as_ref().map(String::as_bytes).ok_or(&failure);
                    let _ = self.with(index, |session, call| session.response(id, body, call));
                }
            }
        }
    }

    fn open(&mut self, index: usize, attempt: u32, link: u32) {
        let Some(upgraded) = self.links.get(&link).map(|link| link.upgraded) else {
            return;
        };
        if self.connections[index].attempt != (attempt, self.connections[index].attempt.1)
            || self.connections[index].attempt.1.is_none()
        {
            return self.close_client_end(link);
        }
        self.trace
            .step(self.now, format_args!("{index}: open, connection {link}"));
        self.connections[index].attempt.1 = None;
        self.connections[index].link = Some(link);
        self.oracle.opened(index, upgraded, self.now);
        let _ = self.with(index, AnySession::opened);
    }

    fn fail(&mut self, index: usize, attempt: u32, why: Failure) {
        if self.connections[index].attempt.0 != attempt
            || self.connections[index].attempt.1.is_none()
        {
            return;
        }
        self.trace
            .step(self.now, format_args!("{index}: no connection, {why:?}"));
        self.connections[index].attempt.1 = None;
        let reason = match why {
            Failure::Busy(seconds) => Disconnect::Busy {
                retry_after: Duration::from_secs(seconds),
                error: "429".into(),
            },
            Failure::Other(why) => Disconnect::Failed(why.into()),
        };
        self.end(index, &reason);
    }

    fn read(&mut self, index: usize, link: u32, packet: Packet, born: Nanos) {
        if let Some(link) = self.links.get_mut(&link) {
            link.unread = link.unread.saturating_sub(packet.len());
        }
        self.pump(link);
        if self.connections[index].link != Some(link) {
            return;
        }
        let (last, made) = std::mem::replace(&mut self.last_read, (link, born));
        if last != link && made > born {
            self.count(Fault::Reorder);
        }
        let over = match packet {
            Packet::Text(text) => self.frame(index, text, born),
            Packet::Binary => Some(Disconnect::Binary),
            Packet::Close(code) => Some(Disconnect::Closed {
                code,
                reason: String::new(),
            }),
            Packet::Ping => {
                self.trace.step(self.now, format_args!("{index}: a ping"));
                let shown = self.shown();
                self.connections[index].session.record_activity(shown);
                self.send_up(link, Upstream::Pong);
                None
            }
        };
        if let Some(reason) = over {
            self.end(index, &reason);
        }
    }

    /// Processes a text frame as the transport and the feed do.
    fn frame(&mut self, index: usize, text: Vec<u8>, born: Nanos) -> Option<Disconnect> {
        self.trace
            .step(self.now, format_args!("{index}: < {}", Excerpt(&text)));
        if text.len() > MAX_MESSAGE {
            return Some(Disconnect::Failed("the message is too big".into()));
        }
        if std::str::from_utf8(&text).is_err() {
            return Some(Disconnect::Failed("the text is not UTF-8".into()));
        }
        self.oracle.received(index, &text, born, self.now);
        let reply = self.with(index, |session, call| session.frame(&text, call));
        self.connections[index].old_frame = text;
        match reply {
            CallOutcome::CloseConnection(why) => Some(Disconnect::Ended(why)),
            CallOutcome::StopFeed => Some(Disconnect::Stopped),
            _ => self.time_out(index),
        }
    }

    /// Calls the session at its deadline.
    fn time_out(&mut self, index: usize) -> Option<Disconnect> {
        let shown = self.shown();
        let session = &self.connections[index].session;
        let is_due = session.deadline().is_some_and(|deadline| deadline <= shown);
        if !is_due || session.next(shown) != NextAction::Open {
            return None;
        }
        self.with(index, AnySession::timeout)
    }

    /// The timer of a session fires.
    pub(super) fn wake(&mut self, index: usize) {
        if self.connections[index].armed <= self.now {
            self.connections[index].armed = Nanos(u64::MAX);
        }
        if self.paused.is_some() {
            return;
        }
        self.trace.step(self.now, format_args!("{index}: timer"));
        self.on_time(index);
        self.advance(index);
    }

    /// Handles timers that are due, also after a pause.
    pub(super) fn on_time(&mut self, index: usize) {
        let shown = self.shown();
        if self.connections[index]
            .attempt
            .1
            .is_some_and(|until| until <= shown)
        {
            self.connections[index].attempt.1 = None;
            return self.end(
                index,
                &Disconnect::Failed("the attempt took too long".into()),
            );
        }
        if let Some(reason) = self.time_out(index) {
            self.end(index, &reason);
        }
    }

    /// Ends the connection or the attempt.
    pub(super) fn end(&mut self, index: usize, reason: &Disconnect) {
        self.oracle.closed(index);
        if let Some(link) = self.connections[index].link.take() {
            self.close_client_end(link);
        }
        let _ = self.with(index, |session, call| session.disconnected(reason, call));
    }

    /// The client closes its end. The server notices unless the connection is half open.
    fn close_client_end(&mut self, link: u32) {
        if let Some(it) = self.links.get_mut(&link) {
            it.is_held = false;
        }
        self.send_up(link, Upstream::Gone);
        self.remove_if_closed(link);
    }

    /// Performs the session's next action, and checks the invariants.
    pub(super) fn advance(&mut self, index: usize) {
        let shown = self.shown();
        let wake = match self.connections[index].session.next(shown) {
            NextAction::Open => {
                self.send(index);
                self.connections[index].session.deadline()
            }
            NextAction::Connect => Some(match self.connections[index].attempt.1 {
                Some(until) => until,
                None => self.connect(index),
            }),
            NextAction::WaitUntil(time) => Some(time),
            NextAction::Idle | NextAction::Done => None,
        };
        if let Some(wake) = wake {
            self.arm(index, wake);
        }
        self.check(index);
    }

    fn send(&mut self, index: usize) {
        let shown = self.shown();
        while let Some(request) = self.connections[index].session.next_request(shown) {
            let (id, latency) = (request.id, self.latency());
            let target = request.url.trim_start_matches("http://sim").to_owned();
            if let Some(link) = self.connections[index].link {
                self.after(latency, SimEvent::Fetch { link, id, target });
            }
        }
        // As the feed's driver does: `outgoing` is only called if there is a message.
        if !self.connections[index].session.has_outgoing(shown) {
            return;
        }
        while let Some(message) = self.connections[index].session.outgoing(shown) {
            self.trace
                .note(self.now, format_args!("  {index}: > {}", Excerpt(&message)));
            self.oracle.sent(index, &message, self.now);
            if let Some(link) = self.connections[index].link {
                let text = String::from_utf8_lossy(&message).into_owned();
                self.send_up(link, Upstream::Text(text));
            }
        }
    }

    fn connect(&mut self, index: usize) -> Nanos {
        let until = self.shown().after(CONNECT_TIMEOUT);
        let attempt = self.connections[index].attempt.0 + 1;
        self.connections[index].attempt = (attempt, Some(until));
        self.trace
            .note(self.now, format_args!("  {index}: attempt {attempt}"));
        let latency = self.latency();
        self.after(latency, SimEvent::Upgrade { index, attempt });
        until
    }

    /// Moves the timer to an earlier time. A timer that fires too early is set again.
    fn arm(&mut self, index: usize, wake: Nanos) {
        let at = wake.before(self.ahead).max(self.now);
        if at < self.connections[index].armed {
            self.connections[index].armed = at;
            self.events.set(at, SimEvent::Wake { index });
        }
    }

    /// Resets the timers after the client's clock was set.
    pub(super) fn rearm(&mut self) {
        for index in &mut self.connections {
            index.armed = Nanos(u64::MAX);
        }
    }

    /// Checks the invariants. While the client catches up after a pause, only its events are checked.
    fn check(&mut self, index: usize) {
        if self.is_catching_up {
            return;
        }
        self.oracle.check_books(&self.books, self.now);
        let session = &self.connections[index].session;
        if let Some(bayse) = session.bayse() {
            self.oracle.rooms(index, bayse, self.now);
        }
        let load = session.load(self.shown(), self.books.len());
        self.oracle.bounds(index, load, self.now);
    }

    /// The client resumes: it processes the queued events and the timers that are due.
    pub(super) fn resume(&mut self) {
        if self.paused.is_none_or(|until| until > self.now) {
            return;
        }
        self.paused = None;
        self.oracle.resumed(self.now);
        self.trace
            .step(self.now, format_args!("the client resumes"));
        let lost = std::mem::take(&mut self.suspended);
        self.set_back(lost);
        self.is_catching_up = true;
        while let Some((index, arrival)) = self.inbox.pop_front() {
            self.receive(index, arrival);
            self.advance(index);
        }
        for index in 0..self.connections.len() {
            self.on_time(index);
        }
        self.is_catching_up = false;
        for index in 0..self.connections.len() {
            self.advance(index);
        }
    }

    /// The client's clock loses time.
    pub(super) fn set_back(&mut self, lost: Duration) {
        if lost > Duration::ZERO {
            self.ahead = self.ahead.saturating_sub(lost);
            let shown = self.shown();
            self.oracle.clock_set(self.now, shown);
            self.rearm();
        }
    }
}
