//! What goes wrong: the faults, and a user who changes his mind.

use std::time::Duration;

use ticklot::bayse::Command;
use ticklot_book::Nanos;

use super::delta;
use super::fault::Fault;
use super::garbage;
use super::link::Packet;
use super::plan::{BAYSE, DELTA, MAX_FRAME, MAX_MESSAGE, MS, Place, SECOND};
use super::wish::Wish;
use super::world::{Happening, World};

impl World {
    /// Something goes wrong, if there is anything that it can go wrong with.
    pub(super) fn trouble(&mut self) {
        if self.is_over_with_faults() {
            return;
        }
        if !self.plan.faults.is_empty() {
            let fault = self.plan.faults[self.chaos.usize(0..self.plan.faults.len())];
            self.trace
                .step(self.now, format_args!("trouble: {fault:?}"));
            self.inflict(fault);
        }
        let wait = self.chaos.u64(1..2 * self.plan.fault_every);
        self.after(wait, Happening::Trouble);
    }

    fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::SlowReader | Fault::Suspend => self.pause(fault),
            Fault::ClockBack => self.clock_back(),
            Fault::Fetch => self.bad_fetches += 1,
            Fault::WallClock => {
                let host = self.chaos.usize(0..self.hosts.len());
                self.hosts[host].wall += self.chaos.i64(-7_200_000..7_200_000);
                self.count(fault);
            }
            Fault::Restart | Fault::Crash | Fault::Vanish => self.go_down(fault),
            Fault::NoConnection | Fault::NoAnswer | Fault::Refused | Fault::RetryAfter => {
                self.refuse(fault);
            }
            Fault::LateFrame => self.late_frame(),
            _ => self.on_a_link(fault),
        }
    }

    /// What goes wrong with one connection that both ends have.
    fn on_a_link(&mut self, fault: Fault) {
        let is_whole = |link: &u32| {
            let link = &self.links[link];
            let is_deltas = link.host == DELTA || !fault.is_of_delta();
            link.is_held && link.session.is_some() && !link.is_dead && is_deltas
        };
        let whole: Vec<u32> = self.links.keys().copied().filter(is_whole).collect();
        if whole.is_empty() {
            return;
        }
        let link = whole[self.chaos.usize(0..whole.len())];
        let host = self.links[&link].host;
        match fault {
            Fault::Cut => {
                self.count(fault);
                self.sever(link, "the connection was reset");
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

    /// What happens to a connection from now on, or to one of its next messages.
    fn mark(&mut self, link: u32, fault: Fault) {
        let rng = &mut self.chaos;
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
            Fault::CutInFrame => it.trouble.cut_next = true,
            Fault::Truncated => it.trouble.truncate_next = true,
            Fault::DuplicateAck => it.trouble.repeat_ack = few,
            Fault::LateAck => it.trouble.delay_ack = Some(late),
            Fault::Ignored => {
                it.trouble.ignore += few;
                // JayX is asked for something only when a connection is new.
                self.lines[it.line].ignored = few;
            }
            Fault::RateLimited => it.trouble.reject += few,
            fault if fault.is_of_delta() => it.trouble.delta = Some((fault, of)),
            _ => {}
        }
        match fault {
            Fault::Freeze => {
                self.agenda.set(until, Happening::Thaw { link });
                self.count(fault);
            }
            Fault::Delay | Fault::HalfOpen => self.count(fault),
            // These are counted when they meet a message.
            _ => {}
        }
    }

    /// The client does nothing for a while. Suspended, its clock stands still too.
    fn pause(&mut self, fault: Fault) {
        if self.paused.is_some() {
            return;
        }
        let long = self.chaos.u64(100 * MS..20 * SECOND);
        self.paused = Some(self.now.after(Duration::from_nanos(long)));
        if fault == Fault::Suspend {
            self.suspended = Duration::from_nanos(long);
        }
        self.count(fault);
        self.after(long, Happening::Resume);
    }

    fn clock_back(&mut self) {
        if self.paused.is_some() {
            return;
        }
        let lost = Duration::from_nanos(self.chaos.u64(MS..3 * SECOND));
        self.count(Fault::ClockBack);
        self.set_back(lost);
        for line in 0..self.lines.len() {
            self.settle(line);
        }
    }

    /// A server goes down, in one of three ways, and comes up again.
    fn go_down(&mut self, fault: Fault) {
        let host = self.chaos.usize(0..self.hosts.len());
        if !self.hosts[host].is_up() {
            return;
        }
        self.count(fault);
        self.hosts[host].stop();
        self.judge.record_down(host, self.now);
        let links: Vec<u32> = self.links.keys().copied().collect();
        for link in links {
            if self.links.get(&link).is_some_and(|it| it.host == host) {
                self.part(link, fault);
            }
        }
        let down = self.chaos.u64(0..5 * SECOND);
        self.after(down, Happening::Start { host });
    }

    /// How a connection ends with its server.
    fn part(&mut self, link: u32, fault: Fault) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let was_open = it.session.take().is_some();
        it.pending.clear();
        match fault {
            Fault::Restart if was_open => self.post(link, Packet::Close(1001), self.now),
            Fault::Vanish => it.is_dead = true,
            _ => self.sever(link, "the server has crashed"),
        }
        self.bury(link);
    }

    /// The next attempts of a connection fail; often it has to make one at once.
    fn refuse(&mut self, fault: Fault) {
        let line = self.chaos.usize(0..self.lines.len());
        let times = self.chaos.usize(1..4);
        let refusals = &mut self.lines[line].refusals;
        refusals.extend(std::iter::repeat_n(fault, times));
        refusals.truncate(4);
        let link = self.lines[line].link;
        if let Some(link) = link.filter(|_| self.chaos.bool())
            && let Some(it) = self.links.get_mut(&link)
            && it.session.take().is_some()
        {
            self.post(link, Packet::Close(1013), self.now);
        }
    }

    /// A frame of a connection that is gone: the session must not touch a book for it.
    fn late_frame(&mut self) {
        let line = self.chaos.usize(0..self.lines.len());
        let frame = self.lines[line].old_frame.clone();
        if self.lines[line].link.is_none() && !frame.is_empty() && self.paused.is_none() {
            self.count(Fault::LateFrame);
            let _ = self.with(line, |session, call| session.frame(&frame, call));
            self.settle(line);
        }
    }

    fn garbage(&mut self, link: u32, host: usize) {
        self.count(Fault::Garbage);
        let (text, times) = garbage::frame(host, &mut self.chaos);
        for _ in 0..times {
            self.post(link, Packet::Text(text.clone()), self.now);
        }
    }

    /// A frame of so many bytes, of nothing.
    fn padding(&mut self, link: u32, fault: Fault, length: usize) {
        self.count(fault);
        self.post(link, Packet::Text(vec![b' '; length]), self.now);
    }

    /// The server ends a subscription that nobody asked it to end.
    fn drop_room(&mut self, link: u32, host: usize) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let Place::Bayse { currency, .. } = &self.plan.places[it.line] else {
            return;
        };
        let all = Wish::all();
        let room = all[self.chaos.usize(0..all.len())].room(*currency);
        let text = format!(r#"{{"type":"unsubscribe","room":"{room}"}}"#);
        let moment = self.hosts[host].moment(self.now);
        if let Some(session) = it.session.as_mut().filter(|_| it.frozen.is_none()) {
            session.text(&text, moment);
            self.count(Fault::RoomDropped);
            self.pump(link);
        }
    }

    /// What goes wrong with a message on its way out; none when it does not go, or not now.
    pub(super) fn spoil(&mut self, link: u32, text: String) -> Option<String> {
        let it = self.links.get_mut(&link)?;
        let trouble = &mut it.trouble;
        if std::mem::take(&mut trouble.cut_next) {
            self.count(Fault::CutInFrame);
            self.sever(link, "cut in the middle of a frame");
            return None;
        }
        if trouble.truncate_next && text.len() > 2 {
            trouble.truncate_next = false;
            self.count(Fault::Truncated);
            return Some(cut_text(&text, &mut self.chaos));
        }
        if text.starts_with(delta::DELTA) {
            return self.spoil_delta(link, text);
        }
        if !is_ack(&text) {
            return Some(text);
        }
        if let Some(late) = trouble.delay_ack.take() {
            self.count(Fault::LateAck);
            self.after(late, Happening::LateAck { link, text });
            return None;
        }
        let times = std::mem::take(&mut trouble.repeat_ack);
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

    /// The user changes what is desired, in a burst.
    pub(super) fn user_acts(&mut self) {
        let Some(every) = self.plan.user_every.filter(|_| !self.is_over_with_faults()) else {
            return;
        };
        let wait = self.user.u64(1..2 * every);
        self.after(wait, Happening::User);
        if self.paused.is_some() {
            return;
        }
        let is_bayse = |line: &usize| self.plan.places[*line].host() == BAYSE;
        let lines: Vec<usize> = (0..self.lines.len()).filter(is_bayse).collect();
        let line = lines[self.user.usize(0..lines.len())];
        for _ in 0..self.user.u32(1..7) {
            self.command(line);
        }
        self.settle(line);
    }

    fn command(&mut self, line: usize) {
        let all = Wish::all();
        let wish = all[self.user.usize(0..all.len())];
        let command = match self.user.u32(0..10) {
            0 => Command::Ping,
            1..6 => Command::Subscribe(wish.topic()),
            _ => Command::Unsubscribe(wish.topic()),
        };
        self.trace
            .step(self.now, format_args!("{line}: the user wants {command:?}"));
        match command {
            Command::Subscribe(_) => self.judge.desire(line, wish, true),
            Command::Unsubscribe(_) => self.judge.desire(line, wish, false),
            _ => {}
        }
        self.with(line, |session, call| session.command(command, call));
    }

    /// Everything that is still going wrong ends, save what cannot: a dead connection stays dead.
    pub(super) fn end_faults(&mut self) {
        let links: Vec<u32> = self.links.keys().copied().collect();
        for link in links {
            if let Some(it) = self.links.get_mut(&link) {
                let trouble = std::mem::take(&mut it.trouble);
                it.slow = (0, Nanos(0));
                it.frozen = it.frozen.map(|_| self.now);
                if let Some(delta) = trouble.held {
                    self.post(link, Packet::Text(delta.into_bytes()), self.now);
                }
            }
            self.thaw(link);
        }
        for host in 0..self.hosts.len() {
            self.start(host);
        }
        for line in &mut self.lines {
            line.refusals.clear();
            line.ignored = 0;
        }
        self.bad_fetches = 0;
        if let Some(until) = self.paused {
            // What the clock does not see is only what has passed.
            let left = until.since(self.now);
            self.suspended = self.suspended.saturating_sub(left);
            self.paused = Some(self.now);
            self.resume();
        }
    }
}

/// A confirmation of a venue: of a room, of the namespace, or of a symbol.
fn is_ack(text: &str) -> bool {
    let acks = [r#"{"type":"subscribed""#, "40", r#"{"e":"subscribed""#];
    acks.iter().any(|ack| text.starts_with(ack))
}

/// The beginning of a text: at least a byte of it, and never all.
pub(super) fn cut_text(text: &str, rng: &mut fastrand::Rng) -> String {
    let mut end = rng.usize(1..text.len().max(2));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end.min(text.len())].to_owned()
}
