//! Injects faults, and changes subscriptions as a user.

use std::time::Duration;

use ticklot::bayse::Command;
use ticklot_book::Nanos;

use super::delta;
use super::fault::Fault;
use super::link::Packet;
use super::malformed;
use super::plan::{BAYSE, ConnectionPlan, DELTA, MAX_FRAME, MAX_MESSAGE, MS, SECOND};
use super::simulation::{SimEvent, Simulation};
use super::subscription::Subscription;

impl Simulation {
    /// Injects a random fault, if it can take effect now.
    pub(super) fn inject_fault(&mut self) {
        if self.is_over_with_faults() {
            return;
        }
        if !self.plan.faults.is_empty() {
            let fault = self.plan.faults[self.fault_rng.usize(0..self.plan.faults.len())];
            self.trace.step(self.now, format_args!("fault: {fault:?}"));
            self.inject(fault);
        }
        let wait = self.fault_rng.u64(1..2 * self.plan.fault_every);
        self.after(wait, SimEvent::InjectFault);
    }

    fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::SlowReader | Fault::Suspend => self.pause(fault),
            Fault::ClockBack => self.clock_back(),
            Fault::Fetch => self.bad_fetches += 1,
            Fault::WallClock => {
                let host = self.fault_rng.usize(0..self.hosts.len());
                self.hosts[host].wall += self.fault_rng.i64(-7_200_000..7_200_000);
                self.count(fault);
            }
            Fault::Restart | Fault::Crash | Fault::Vanish => self.go_down(fault),
            Fault::NoConnection | Fault::NoAnswer | Fault::Refused | Fault::RetryAfter => {
                self.refuse(fault);
            }
            Fault::LateFrame => self.late_frame(),
            _ => self.inject_on_link(fault),
        }
    }

    /// Injects a fault into a connection that is open at both ends.
    fn inject_on_link(&mut self, fault: Fault) {
        let is_whole = |link: &u32| {
            let link = &self.links[link];
            let is_deltas = link.host == DELTA || !fault.is_of_delta();
            link.is_held && link.session.is_some() && !link.is_dead && is_deltas
        };
        let whole: Vec<u32> = self.links.keys().copied().filter(is_whole).collect();
        if whole.is_empty() {
            return;
        }
        let link = whole[self.fault_rng.usize(0..whole.len())];
        let host = self.links[&link].host;
        match fault {
            Fault::Cut => {
                self.count(fault);
                self.break_link(link, "the connection was reset");
            }
            Fault::Garbage => self.garbage(link, host),
            Fault::Oversize => self.padding(link, fault, MAX_FRAME + 1),
            Fault::TooBig => self.padding(link, fault, MAX_MESSAGE + 1),
            Fault::Binary => {
                self.count(fault);
                self.post(link, Packet::Binary, self.now);
            }
            Fault::RoomDropped => self.drop_room(link, host),
            fault => self.mark(link, fault),
        }
    }

    /// Schedules a fault for a connection or one of its next messages.
    fn mark(&mut self, link: u32, fault: Fault) {
        let rng = &mut self.fault_rng;
        let (few, long) = (rng.u32(1..4), rng.u64(SECOND / 2..30 * SECOND));
        let (extra, late) = (rng.u64(200 * MS..4 * SECOND), rng.u64(50 * MS..12 * SECOND));
        let of = delta::SYMBOLS[rng.usize(0..2)];
        let until = self.now.after(Duration::from_nanos(long));
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        match fault {
            Fault::Delay => it.slow = (extra, until),
            Fault::HalfOpen => it.is_dead = true,
            Fault::Freeze => it.frozen = Some(until),
            Fault::CutInFrame => it.pending_faults.cut_next = true,
            Fault::Truncated => it.pending_faults.truncate_next = true,
            Fault::DuplicateAck => it.pending_faults.repeat_ack = few,
            Fault::LateAck => it.pending_faults.delay_ack = Some(late),
            Fault::Ignored => {
                it.pending_faults.ignore += few;
                // The client sends requests to JayX only on a new connection.
                self.connections[it.index].ignored = few;
            }
            Fault::RateLimited => it.pending_faults.reject += few,
            fault if fault.is_of_delta() => it.pending_faults.delta = Some((fault, of)),
            _ => {}
        }
        match fault {
            Fault::Freeze => {
                self.events.set(until, SimEvent::Thaw { link });
                self.count(fault);
            }
            Fault::Delay | Fault::HalfOpen => self.count(fault),
            // The others are counted when they affect a message.
            _ => {}
        }
    }

    /// Pauses the client. When it is suspended, its clock stops too.
    fn pause(&mut self, fault: Fault) {
        if self.paused.is_some() {
            return;
        }
        let long = self.fault_rng.u64(100 * MS..20 * SECOND);
        self.paused = Some(self.now.after(Duration::from_nanos(long)));
        if fault == Fault::Suspend {
            self.suspended = Duration::from_nanos(long);
        }
        self.count(fault);
        self.after(long, SimEvent::Resume);
    }

    fn clock_back(&mut self) {
        if self.paused.is_some() {
            return;
        }
        let lost = Duration::from_nanos(self.fault_rng.u64(MS..3 * SECOND));
        self.count(Fault::ClockBack);
        self.set_back(lost);
        for index in 0..self.connections.len() {
            self.advance(index);
        }
    }

    /// A server goes down in one of three ways, and is restarted later.
    fn go_down(&mut self, fault: Fault) {
        let host = self.fault_rng.usize(0..self.hosts.len());
        if !self.hosts[host].is_up() {
            return;
        }
        self.count(fault);
        self.hosts[host].stop();
        self.oracle.record_down(host, self.now);
        let links: Vec<u32> = self.links.keys().copied().collect();
        for link in links {
            if self.links.get(&link).is_some_and(|it| it.host == host) {
                self.end_link(link, fault);
            }
        }
        let down = self.fault_rng.u64(0..5 * SECOND);
        self.after(down, SimEvent::Start { host });
    }

    /// Ends a connection whose server goes down.
    fn end_link(&mut self, link: u32, fault: Fault) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let was_open = it.session.take().is_some();
        it.pending.clear();
        match fault {
            Fault::Restart if was_open => self.post(link, Packet::Close(1001), self.now),
            Fault::Vanish => it.is_dead = true,
            _ => self.break_link(link, "the server has crashed"),
        }
        self.remove_if_closed(link);
    }

    /// The next attempts of a connection fail. Half of the time, the server also closes the current connection.
    fn refuse(&mut self, fault: Fault) {
        let index = self.fault_rng.usize(0..self.connections.len());
        let times = self.fault_rng.usize(1..4);
        let refusals = &mut self.connections[index].refusals;
        refusals.extend(std::iter::repeat_n(fault, times));
        refusals.truncate(4);
        let link = self.connections[index].link;
        if let Some(link) = link.filter(|_| self.fault_rng.bool())
            && let Some(it) = self.links.get_mut(&link)
            && it.session.take().is_some()
        {
            self.post(link, Packet::Close(1013), self.now);
        }
    }

    /// A frame of an earlier connection. The session must ignore it.
    fn late_frame(&mut self) {
        let index = self.fault_rng.usize(0..self.connections.len());
        let frame = self.connections[index].old_frame.clone();
        if self.connections[index].link.is_none() && !frame.is_empty() && self.paused.is_none() {
            self.count(Fault::LateFrame);
            let _ = self.with(index, |session, call| session.frame(&frame, call));
            self.advance(index);
        }
    }

    fn garbage(&mut self, link: u32, host: usize) {
        self.count(Fault::Garbage);
        let (text, times) = malformed::frame(host, &mut self.fault_rng);
        for _ in 0..times {
            self.post(link, Packet::Text(text.clone()), self.now);
        }
    }

    /// Sends a frame of `length` spaces.
    fn padding(&mut self, link: u32, fault: Fault, length: usize) {
        self.count(fault);
        self.post(link, Packet::Text(vec![b' '; length]), self.now);
    }

    /// The server ends a subscription without a request.
    fn drop_room(&mut self, link: u32, host: usize) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let ConnectionPlan::Bayse { currency, .. } = &self.plan.connections[it.index] else {
            return;
        };
        let all = Subscription::all();
        let room = all[self.fault_rng.usize(0..all.len())].room(*currency);
        let text = format!(r#"{{"type":"unsubscribe","room":"{room}"}}"#);
        let now = self.hosts[host].timestamps(self.now);
        if let Some(session) = it.session.as_mut().filter(|_| it.frozen.is_none()) {
            session.text(&text, now);
            self.count(Fault::RoomDropped);
            self.pump(link);
        }
    }

    /// Applies the pending faults to an outgoing message. `None` if it is dropped or delayed.
    pub(super) fn apply_faults(&mut self, link: u32, text: String) -> Option<String> {
        let it = self.links.get_mut(&link)?;
        let pending_faults = &mut it.pending_faults;
        if std::mem::take(&mut pending_faults.cut_next) {
            self.count(Fault::CutInFrame);
            self.break_link(link, "cut in the middle of a frame");
            return None;
        }
        if pending_faults.truncate_next && text.len() > 2 {
            pending_faults.truncate_next = false;
            self.count(Fault::Truncated);
            return Some(cut_text(&text, &mut self.fault_rng));
        }
        if text.starts_with(delta::DELTA) {
            return self.apply_delta_fault(link, text);
        }
        if !is_ack(&text) {
            return Some(text);
        }
        if let Some(late) = pending_faults.delay_ack.take() {
            self.count(Fault::LateAck);
            self.after(late, SimEvent::LateAck { link, text });
            return None;
        }
        let times = std::mem::take(&mut pending_faults.repeat_ack);
        for _ in 0..times {
            self.count(Fault::DuplicateAck);
            let again = Packet::Text(text.clone().into_bytes());
            self.post(link, again, self.now);
        }
        Some(text)
    }

    pub(super) fn late_ack(&mut self, link: u32, text: String) {
        if self.links.get(&link).is_some_and(|it| it.session.is_some()) {
            self.post(link, Packet::Text(text.into_bytes()), self.now);
        }
    }

    /// The user changes several subscriptions.
    pub(super) fn user_acts(&mut self) {
        let Some(every) = self.plan.user_every.filter(|_| !self.is_over_with_faults()) else {
            return;
        };
        let wait = self.user_rng.u64(1..2 * every);
        self.after(wait, SimEvent::User);
        if self.paused.is_some() {
            return;
        }
        let is_bayse = |index: &usize| self.plan.connections[*index].host() == BAYSE;
        let connections: Vec<usize> = (0..self.connections.len()).filter(is_bayse).collect();
        let index = connections[self.user_rng.usize(0..connections.len())];
        for _ in 0..self.user_rng.u32(1..7) {
            self.command(index);
        }
        self.advance(index);
    }

    fn command(&mut self, index: usize) {
        let all = Subscription::all();
        let subscription = all[self.user_rng.usize(0..all.len())];
        let command = match self.user_rng.u32(0..10) {
            0 => Command::Ping,
            1..6 => Command::Subscribe(subscription.topic()),
            _ => Command::Unsubscribe(subscription.topic()),
        };
        self.trace.step(
            self.now,
            format_args!("{index}: the user requests {command:?}"),
        );
        match command {
            Command::Subscribe(_) => self.oracle.set_subscribed(index, subscription, true),
            Command::Unsubscribe(_) => self.oracle.set_subscribed(index, subscription, false),
            _ => {}
        }
        self.with(index, |session, call| session.command(command, call));
    }

    /// Ends all faults except half-open connections, which stay dead.
    pub(super) fn end_faults(&mut self) {
        let links: Vec<u32> = self.links.keys().copied().collect();
        for link in links {
            if let Some(it) = self.links.get_mut(&link) {
                let pending_faults = std::mem::take(&mut it.pending_faults);
                it.slow = (0, Nanos(0));
                it.frozen = it.frozen.map(|_| self.now);
                if let Some(delta) = pending_faults.held {
                    self.post(link, Packet::Text(delta.into_bytes()), self.now);
                }
            }
            self.thaw(link);
        }
        for host in 0..self.hosts.len() {
            self.start(host);
        }
        for index in &mut self.connections {
            index.refusals.clear();
            index.ignored = 0;
        }
        self.bad_fetches = 0;
        if let Some(until) = self.paused {
            // The clock loses only the part of the pause that has passed.
            let left = until.since(self.now);
            self.suspended = self.suspended.saturating_sub(left);
            self.paused = Some(self.now);
            self.resume();
        }
    }
}

/// Whether it confirms a room, the namespace, or a symbol.
fn is_ack(text: &str) -> bool {
    let acks = [r#"{"type":"subscribed""#, "40", r#"{"e":"subscribed""#];
    acks.iter().any(|ack| text.starts_with(ack))
}

/// A non-empty prefix of a text, never all of it.
pub(super) fn cut_text(text: &str, rng: &mut fastrand::Rng) -> String {
    let mut end = rng.usize(1..text.len().max(2));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end.min(text.len())].to_owned()
}
