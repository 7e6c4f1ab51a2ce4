//! The client's side: what the feed does around a session, on virtual time.

use std::time::Duration;

use ticklot::{Disconnect, Next, Reply, RequestFailure};
use ticklot_book::Nanos;

use super::fault::Fault;
use super::handler::Watcher;
use super::link::{Arrival, Failure, Packet, Upstream};
use super::plan::MAX_MESSAGE;
use super::seeded_bug::Relay;
use super::session::{AnySession, Call};
use super::trace::Glimpse;
use super::world::{Happening, World};

/// How long an attempt to connect may take, upgrade and all.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A session and its shell.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) session: AnySession,
    /// The connection that is open.
    pub(super) link: Option<u32>,
    /// The number of the attempt, and when it times out, on the client's clock; while it lasts.
    pub(super) attempt: (u32, Option<Nanos>),
    /// When the timer is set, on the true clock.
    armed: Nanos,
    /// What is to happen to the next attempts.
    pub(super) refusals: Vec<Fault>,
    /// How many requests of the next connection are swallowed.
    pub(super) ignored: u32,
    /// A frame of some connection that was.
    pub(super) old_frame: Vec<u8>,
}

impl Line {
    pub(super) fn new(session: AnySession) -> Self {
        Self {
            session,
            link: None,
            attempt: (0, None),
            armed: Nanos(u64::MAX),
            refusals: Vec::new(),
            ignored: 0,
            old_frame: Vec::new(),
        }
    }
}

impl World {
    /// Lets a session work with everything that it needs.
    pub(super) fn with<R>(
        &mut self,
        line: usize,
        work: impl FnOnce(&mut AnySession, Call<'_>) -> R,
    ) -> R {
        let shown = self.shown();
        let watcher = Watcher {
            now: self.now,
            judge: &mut self.judge,
            trace: &mut self.trace,
        };
        let mut relay = Relay {
            watcher,
            bug: &mut self.event_bug,
        };
        relay.deliver_delayed(&self.books);
        let call = Call {
            shown,
            books: &mut self.books,
            handler: &mut relay,
        };
        let result = work(&mut self.lines[line].session, call);
        self.judge.call_over(&self.books, self.now);
        result
    }

    /// Something reaches the client's machine.
    pub(super) fn reach_client(&mut self, line: usize, arrival: Arrival) {
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
            self.inbox.push_back((line, arrival));
            return;
        }
        self.receive(line, arrival);
        self.settle(line);
    }

    /// The client reads what has come.
    pub(super) fn receive(&mut self, line: usize, arrival: Arrival) {
        match arrival {
            Arrival::Opened { attempt, link } => self.open(line, attempt, link),
            Arrival::Failed { attempt, why } => self.fail(line, attempt, why),
            Arrival::Packet { link, packet, born } => self.read(line, link, packet, born),
            Arrival::Broken { link, why } => {
                if self.lines[line].link == Some(link) {
                    self.end(line, &Disconnect::Failed(why.into()));
                }
            }
            Arrival::Fetched {
                link,
                id,
                body,
                born,
            } => {
                if self.lines[line].link == Some(link) {
                    self.trace
                        .step(self.now, format_args!("{line}: a response"));
                    let text = body.as_deref().unwrap_or_default().as_bytes();
                    self.judge.came(line, text, born, self.now);
                    let failure = RequestFailure::Transport("no response".to_owned());
                    let body = body.as_ref().map(String::as_bytes).ok_or(&failure);
                    let _ = self.with(line, |session, call| session.response(id, body, call));
                }
            }
        }
    }

    fn open(&mut self, line: usize, attempt: u32, link: u32) {
        let Some(upgraded) = self.links.get(&link).map(|link| link.upgraded) else {
            return;
        };
        if self.lines[line].attempt != (attempt, self.lines[line].attempt.1)
            || self.lines[line].attempt.1.is_none()
        {
            return self.let_go(link);
        }
        self.trace
            .step(self.now, format_args!("{line}: open, connection {link}"));
        self.lines[line].attempt.1 = None;
        self.lines[line].link = Some(link);
        self.judge.opened(line, upgraded, self.now);
        let _ = self.with(line, AnySession::opened);
    }

    fn fail(&mut self, line: usize, attempt: u32, why: Failure) {
        if self.lines[line].attempt.0 != attempt || self.lines[line].attempt.1.is_none() {
            return;
        }
        self.trace
            .step(self.now, format_args!("{line}: no connection, {why:?}"));
        self.lines[line].attempt.1 = None;
        let reason = match why {
            Failure::Busy(seconds) => Disconnect::Busy {
                retry_after: Duration::from_secs(seconds),
                error: "429".into(),
            },
            Failure::Other(why) => Disconnect::Failed(why.into()),
        };
        self.end(line, &reason);
    }

    fn read(&mut self, line: usize, link: u32, packet: Packet, born: Nanos) {
        if let Some(link) = self.links.get_mut(&link) {
            link.unread = link.unread.saturating_sub(packet.len());
        }
        self.pump(link);
        if self.lines[line].link != Some(link) {
            return;
        }
        let (last, made) = std::mem::replace(&mut self.last_read, (link, born));
        if last != link && made > born {
            self.count(Fault::Reorder);
        }
        let over = match packet {
            Packet::Text(text) => self.frame(line, text, born),
            Packet::Binary => Some(Disconnect::Binary),
            Packet::Close(code) => Some(Disconnect::Closed {
                code,
                reason: String::new(),
            }),
            Packet::Ping => {
                self.trace.step(self.now, format_args!("{line}: a ping"));
                let shown = self.shown();
                self.lines[line].session.heard(shown);
                self.send_up(link, Upstream::Pong);
                None
            }
        };
        if let Some(reason) = over {
            self.end(line, &reason);
        }
    }

    /// A text frame, as the transport and the feed take it.
    fn frame(&mut self, line: usize, text: Vec<u8>, born: Nanos) -> Option<Disconnect> {
        self.trace
            .step(self.now, format_args!("{line}: < {}", Glimpse(&text)));
        if text.len() > MAX_MESSAGE {
            return Some(Disconnect::Failed("the message is too big".into()));
        }
        if std::str::from_utf8(&text).is_err() {
            return Some(Disconnect::Failed("the text is not UTF-8".into()));
        }
        self.judge.came(line, &text, born, self.now);
        let reply = self.with(line, |session, call| session.frame(&text, call));
        self.lines[line].old_frame = text;
        match reply {
            Reply::End(why) => Some(Disconnect::Ended(why)),
            Reply::Stop => Some(Disconnect::Stopped),
            _ => self.time_out(line),
        }
    }

    /// Does what is due.
    fn time_out(&mut self, line: usize) -> Option<Disconnect> {
        let shown = self.shown();
        let session = &self.lines[line].session;
        let is_due = session.deadline().is_some_and(|deadline| deadline <= shown);
        if !is_due || session.next(shown) != Next::Open {
            return None;
        }
        self.with(line, AnySession::timeout)
    }

    /// The timer of a session fires.
    pub(super) fn wake(&mut self, line: usize) {
        if self.lines[line].armed <= self.now {
            self.lines[line].armed = Nanos(u64::MAX);
        }
        if self.paused.is_some() {
            return;
        }
        self.trace.step(self.now, format_args!("{line}: timer"));
        self.on_time(line);
        self.settle(line);
    }

    /// What has become due, also after a pause.
    pub(super) fn on_time(&mut self, line: usize) {
        let shown = self.shown();
        if self.lines[line]
            .attempt
            .1
            .is_some_and(|until| until <= shown)
        {
            self.lines[line].attempt.1 = None;
            return self.end(
                line,
                &Disconnect::Failed("the attempt took too long".into()),
            );
        }
        if let Some(reason) = self.time_out(line) {
            self.end(line, &reason);
        }
    }

    /// The connection is gone, or the attempt.
    pub(super) fn end(&mut self, line: usize, reason: &Disconnect) {
        self.judge.closed(line);
        if let Some(link) = self.lines[line].link.take() {
            self.let_go(link);
        }
        let _ = self.with(line, |session, call| session.disconnected(reason, call));
    }

    /// The client closes its end; the server hears of it, unless nothing passes.
    fn let_go(&mut self, link: u32) {
        if let Some(it) = self.links.get_mut(&link) {
            it.is_held = false;
        }
        self.send_up(link, Upstream::Gone);
        self.bury(link);
    }

    /// Does what the session wants next, and looks whether all is as it must be.
    pub(super) fn settle(&mut self, line: usize) {
        let shown = self.shown();
        let wake = match self.lines[line].session.next(shown) {
            Next::Open => {
                self.send(line);
                self.lines[line].session.deadline()
            }
            Next::Connect => Some(match self.lines[line].attempt.1 {
                Some(until) => until,
                None => self.connect(line),
            }),
            Next::WaitUntil(time) => Some(time),
            Next::Idle | Next::Done => None,
        };
        if let Some(wake) = wake {
            self.arm(line, wake);
        }
        self.examine(line);
    }

    fn send(&mut self, line: usize) {
        let shown = self.shown();
        while let Some(request) = self.lines[line].session.next_request(shown) {
            let (id, takes) = (request.id, self.latency());
            let target = request.url.trim_start_matches("http://sim").to_owned();
            if let Some(link) = self.lines[line].link {
                self.after(takes, Happening::Fetch { link, id, target });
            }
        }
        // As the feed's driver does: nothing is asked for without a reason.
        if !self.lines[line].session.has_outgoing(shown) {
            return;
        }
        while let Some(message) = self.lines[line].session.outgoing(shown) {
            self.trace
                .note(self.now, format_args!("  {line}: > {}", Glimpse(&message)));
            self.judge.sent(line, &message, self.now);
            if let Some(link) = self.lines[line].link {
                let text = String::from_utf8_lossy(&message).into_owned();
                self.send_up(link, Upstream::Text(text));
            }
        }
    }

    fn connect(&mut self, line: usize) -> Nanos {
        let until = self.shown().after(ATTEMPT);
        let attempt = self.lines[line].attempt.0 + 1;
        self.lines[line].attempt = (attempt, Some(until));
        self.trace
            .note(self.now, format_args!("  {line}: attempt {attempt}"));
        let takes = self.latency();
        self.after(takes, Happening::Upgrade { line, attempt });
        until
    }

    /// Sets the timer, only to be earlier: one that comes too early looks again.
    fn arm(&mut self, line: usize, wake: Nanos) {
        let at = wake.before(self.ahead).max(self.now);
        if at < self.lines[line].armed {
            self.lines[line].armed = at;
            self.agenda.set(at, Happening::Wake { line });
        }
    }

    /// The client's clock was set: timers count anew.
    pub(super) fn rearm(&mut self) {
        for line in &mut self.lines {
            line.armed = Nanos(u64::MAX);
        }
    }

    /// What must hold after every step. While the client catches up, only what it shows to the
    /// strategy must.
    fn examine(&mut self, line: usize) {
        if self.is_catching_up {
            return;
        }
        self.judge.look(&self.books, self.now);
        let session = &self.lines[line].session;
        if let Some(bayse) = session.bayse() {
            self.judge.rooms(line, bayse, self.now);
        }
        let load = session.load(self.shown(), self.books.len());
        self.judge.bounds(line, load, self.now);
    }

    /// The client goes on: it reads what has come, connection by connection, and does what is due.
    pub(super) fn resume(&mut self) {
        if self.paused.is_none_or(|until| until > self.now) {
            return;
        }
        self.paused = None;
        self.judge.resumed(self.now);
        self.trace
            .step(self.now, format_args!("the client goes on"));
        let lost = std::mem::take(&mut self.suspended);
        self.set_back(lost);
        self.is_catching_up = true;
        while let Some((line, arrival)) = self.inbox.pop_front() {
            self.receive(line, arrival);
            self.settle(line);
        }
        for line in 0..self.lines.len() {
            self.on_time(line);
        }
        self.is_catching_up = false;
        for line in 0..self.lines.len() {
            self.settle(line);
        }
    }

    /// The client's clock loses time.
    pub(super) fn set_back(&mut self, lost: Duration) {
        if lost > Duration::ZERO {
            self.ahead = self.ahead.saturating_sub(lost);
            let shown = self.shown();
            self.judge.clock_set(self.now, shown);
            self.rearm();
        }
    }
}
