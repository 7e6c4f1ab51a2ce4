//! The servers' side: drives the server's sessions in virtual time.

use ticklot::venue::RequestId;
use ticklot_book::Nanos;
use ticklot_sim::Outgoing;

use super::fault::Fault;
use super::link::{Arrival, BUFFER, Failure, Link, Packet, PendingFaults, Upstream};
use super::plan::{BAYSE, SECOND};
use super::simulation::{SimEvent, Simulation};

/// The write timeout of a server.
const WRITE_TIMEOUT: u64 = 10 * SECOND;

const TOO_MANY: &str = r#"{"type":"error","data":{"message":"rate limit exceeded: too many messages"},"timestamp":1767225600000}"#;

impl Simulation {
    /// An upgrade request reaches the server.
    pub(super) fn upgrade(&mut self, index: usize, attempt: u32) {
        let host = self.plan.connections[index].host();
        let answer = match self.connections[index].refusals.pop() {
            Some(Fault::NoAnswer) => return self.count(Fault::NoAnswer),
            Some(fault) => {
                self.count(fault);
                Err(refusal(fault, &mut self.fault_rng))
            }
            None => self.accept(index, host),
        };
        let latency = self.latency();
        match answer {
            Ok(link) => {
                let arrival = Arrival::Opened { attempt, link };
                self.send_down(link, arrival, latency);
                self.pump(link);
            }
            Err(why) => {
                let arrival = Arrival::Failed { attempt, why };
                self.after(latency, SimEvent::Client { index, arrival });
            }
        }
    }

    fn accept(&mut self, index: usize, host: usize) -> Result<u32, Failure> {
        let url = self.connections[index].session.url().to_owned();
        let target = url.trim_start_matches("ws://sim");
        let session = match self.hosts[host].upgrade(target, self.now) {
            None => return Err(Failure::Other("connection refused")),
            Some(Err(refused)) => {
                let wait = refused
                    .retry_after
                    .map(|wait| Failure::Busy(wait.as_secs()));
                return Err(wait.unwrap_or(Failure::Other("the upgrade is refused")));
            }
            Some(Ok(session)) => session,
        };
        self.next_link += 1;
        let pending_faults = PendingFaults {
            ignore: std::mem::take(&mut self.connections[index].ignored),
            ..PendingFaults::default()
        };
        let link = Link {
            index,
            pending_faults,
            host,
            session: Some(session),
            is_held: true,
            upgraded: self.now,
            ..Link::default()
        };
        self.links.insert(self.next_link, link);
        Ok(self.next_link)
    }

    /// The server responds to a request for first books.
    pub(super) fn answer_fetch(&mut self, link: u32, id: RequestId, target: &str) {
        let Some((index, host)) = self.links.get(&link).map(|link| (link.index, link.host)) else {
            return;
        };
        let mut body = self.hosts[host].get(target);
        let mut latency = self.latency();
        if self.bad_fetches > 0 {
            self.bad_fetches -= 1;
            self.count(Fault::Fetch);
            match self.fault_rng.u32(0..4) {
                0 => body = None,
                1 => latency += self.fault_rng.u64(0..4 * SECOND),
                2 => body = Some("<html>502 Bad Gateway</html>".to_owned()),
                _ => {
                    body = body
                        .map(|body| super::fault_injection::cut_text(&body, &mut self.fault_rng))
                }
            }
        }
        let born = self.now;
        let arrival = Arrival::Fetched {
            link,
            id,
            body,
            born,
        };
        self.after(latency, SimEvent::Client { index, arrival });
    }

    /// A message reaches the server's machine.
    pub(super) fn reach_server(&mut self, link: u32, message: Upstream) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        if it.is_dead || it.is_cut {
            return;
        }
        if matches!(message, Upstream::Gone) {
            it.session = None;
            return self.remove_if_closed(link);
        }
        // A frozen server still replies to pings. Only the application behind them is frozen.
        let is_heartbeat = match &message {
            Upstream::Text(text) => text == "3",
            _ => true,
        };
        if it.blocked.is_some() || (it.frozen.is_some() && !is_heartbeat) {
            it.inbox.push_back(message);
            return;
        }
        self.serve(link, message);
        self.pump(link);
    }

    /// The server reads a message of a client.
    fn serve(&mut self, link: u32, message: Upstream) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let now = self.hosts[it.host].timestamps(self.now);
        let Some(session) = &mut it.session else {
            return;
        };
        let fault = match &message {
            Upstream::Text(text) if is_request(text) && it.pending_faults.ignore > 0 => {
                Some(Fault::Ignored)
            }
            Upstream::Text(_) if it.host == BAYSE && it.pending_faults.reject > 0 => {
                Some(Fault::RateLimited)
            }
            _ => None,
        };
        match (fault, message) {
            (Some(Fault::Ignored), _) => it.pending_faults.ignore -= 1,
            (Some(_), _) => {
                it.pending_faults.reject -= 1;
                it.pending
                    .push_back((Outgoing::Text(TOO_MANY.to_owned()), self.now));
            }
            (None, Upstream::Text(text)) => session.text(&text, now),
            (None, _) => session.pong(now),
        }
        if let Some(fault) = fault {
            self.count(fault);
        }
    }

    /// Writes the session's messages as far as the buffers have room. Once all are written, reads the client's messages.
    pub(super) fn pump(&mut self, link: u32) {
        loop {
            self.write(link);
            let Some(it) = self.links.get_mut(&link) else {
                return;
            };
            if !it.pending.is_empty() {
                if it.blocked.is_none() {
                    let since = self.now;
                    it.blocked = Some(since);
                    self.after(WRITE_TIMEOUT, SimEvent::WriteTimeout { link, since });
                }
                return;
            }
            let was_blocked = it.blocked.take().is_some();
            let next = if it.is_busy() {
                None
            } else {
                it.inbox.pop_front()
            };
            match next {
                Some(message) => self.serve(link, message),
                None if was_blocked && it.frozen.is_none() => self.publish(link),
                None => return self.arm_server(link),
            }
        }
    }

    fn write(&mut self, link: u32) {
        loop {
            let Some(it) = self.links.get_mut(&link) else {
                return;
            };
            while let Some(out) = it.session.as_mut().and_then(|session| session.outgoing()) {
                it.pending.push_back((out, self.now));
            }
            if it.unread >= BUFFER {
                return;
            }
            let Some((out, born)) = it.pending.pop_front() else {
                return;
            };
            self.transmit(link, out, born);
        }
    }

    /// Sends an outgoing message with its pending faults.
    fn transmit(&mut self, link: u32, out: Outgoing, born: Nanos) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let packet = match out {
            Outgoing::Ping => Packet::Ping,
            Outgoing::Close(close) => {
                it.session = None;
                it.pending.clear();
                Packet::Close(close.code())
            }
            Outgoing::Text(text) => match self.apply_faults(link, text) {
                Some(text) => Packet::Text(text.into_bytes()),
                None => return,
            },
        };
        self.post(link, packet, born);
    }

    /// Sends a frame to the client.
    pub(super) fn post(&mut self, link: u32, packet: Packet, born: Nanos) {
        let latency = self.latency();
        if let Some(it) = self.links.get_mut(&link) {
            it.unread += packet.len();
        }
        self.send_down(link, Arrival::Packet { link, packet, born }, latency);
        self.remove_if_closed(link);
    }

    pub(super) fn send_down(&mut self, link: u32, arrival: Arrival, latency: u64) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let index = it.index;
        let at = it.arrival(0, self.now, latency);
        self.events.set(at, SimEvent::Client { index, arrival });
    }

    pub(super) fn send_up(&mut self, link: u32, message: Upstream) {
        let latency = self.latency();
        if let Some(it) = self.links.get_mut(&link).filter(|it| !it.is_dead) {
            let at = it.arrival(1, self.now, latency);
            self.events.set(at, SimEvent::Server { link, message });
        }
    }

    /// Removes a connection that both ends have closed.
    pub(super) fn remove_if_closed(&mut self, link: u32) {
        if self.links.get(&link).is_some_and(Link::is_over) {
            self.links.remove(&link);
        }
    }

    fn publish(&mut self, link: u32) {
        if let Some(it) = self.links.get_mut(&link) {
            let now = self.hosts[it.host].timestamps(self.now);
            if let Some(session) = &mut it.session {
                session.market_changed(now);
            }
        }
    }

    fn arm_server(&mut self, link: u32) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        let due = it.session.as_ref().and_then(|session| session.deadline());
        if due != it.armed
            && let Some(at) = due
        {
            it.armed = due;
            self.events
                .set(at.max(self.now), SimEvent::ServerWake { link });
        }
    }

    pub(super) fn server_wake(&mut self, link: u32) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        if it.armed.is_some_and(|armed| armed <= self.now) {
            it.armed = None;
        }
        let now = self.hosts[it.host].timestamps(self.now);
        if it.blocked.is_some() {
            return;
        }
        if let Some(session) = &mut it.session {
            session.timeout(now);
        }
        self.pump(link);
    }

    pub(super) fn thaw(&mut self, link: u32) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        if it.frozen.is_some_and(|until| until <= self.now) {
            it.frozen = None;
            self.trace
                .step(self.now, format_args!("connection {link} thaws"));
            self.pump(link);
            self.publish(link);
            self.pump(link);
        }
    }

    pub(super) fn write_timeout(&mut self, link: u32, since: Nanos) {
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        if it.blocked == Some(since) {
            self.trace
                .step(self.now, format_args!("connection {link} is given up"));
            self.count(Fault::GivenUp);
            self.break_link(link, "the server has reset the connection");
        }
    }

    /// Breaks a connection: messages in flight are lost. The client notices, unless the connection is half open.
    pub(super) fn break_link(&mut self, link: u32, why: &'static str) {
        let latency = self.latency();
        let Some(it) = self.links.get_mut(&link) else {
            return;
        };
        it.session = None;
        it.pending.clear();
        if !it.is_dead {
            it.is_cut = true;
            let index = it.index;
            let arrival = Arrival::Broken { link, why };
            self.after(latency, SimEvent::Client { index, arrival });
        }
        self.remove_if_closed(link);
    }

    /// A market moves, and its subscribers receive the update.
    pub(super) fn market_step(&mut self, host: usize) {
        self.trace
            .step(self.now, format_args!("server {host}: a step"));
        self.hosts[host].step(self.now);
        self.oracle.record(&self.hosts[host], self.now);
        let links: Vec<u32> = self.links.keys().copied().collect();
        for link in links {
            let it = self.links.get(&link);
            if it.is_some_and(|it| it.host == host && !it.is_busy()) {
                self.publish(link);
                self.pump(link);
            }
        }
        let every = self.plan.step_every[host];
        self.after(every, SimEvent::Step { host });
    }

    /// Starts a server, with other books.
    pub(super) fn start(&mut self, host: usize) {
        if !self.hosts[host].is_up() {
            self.trace
                .step(self.now, format_args!("server {host} is up"));
            self.hosts[host].start(&self.plan, self.now);
            self.oracle.record(&self.hosts[host], self.now);
        }
    }
}

/// Whether it is neither a pong nor a connection to the namespace.
fn is_request(text: &str) -> bool {
    !matches!(text, "3" | "40")
}

/// The failure of an attempt.
fn refusal(fault: Fault, rng: &mut fastrand::Rng) -> Failure {
    match fault {
        Fault::RetryAfter => Failure::Busy(rng.u64(0..=super::plan::MAX_RETRY_AFTER)),
        Fault::Refused => Failure::Other("503 Service Unavailable"),
        _ => Failure::Other("connection refused"),
    }
}
