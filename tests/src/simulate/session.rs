//! The session under test, of any venue.

use std::ops::ControlFlow;

use ticklot::bayse::{Bayse, Command};
use ticklot::driver::NextAction;
use ticklot::events::RequestFailure;
use ticklot::jayx::JayX;
use ticklot::venue::{CallOutcome, HttpRequest, RequestId};
use ticklot::{Books, ConnectionId, Disconnect, Session};
use ticklot_book::Nanos;

use super::oracle::Load;
use super::plan::{ConnectionPlan, Plan};
use super::seeded_bug::{SeededBug, SeededHandler, SessionBug};
use crate::delta_venue::DeltaVenue;

/// A session of any venue, with a bug if one is seeded.
#[derive(Debug)]
pub(super) struct AnySession {
    inner: Inner,
    bug: SessionBug,
}

#[derive(Debug)]
enum Inner {
    JayX(Box<Session<JayX>>),
    Bayse(Box<Session<Bayse>>),
    Delta(Box<Session<DeltaVenue>>),
}

/// Evaluates the same expression for each type of session.
macro_rules! each {
    ($any:expr, $session:ident => $call:expr) => {
        match $any {
            Inner::JayX($session) => $call,
            Inner::Bayse($session) => $call,
            Inner::Delta($session) => $call,
        }
    };
}

/// The arguments of a call to a session.
pub(super) struct CallContext<'a> {
    pub(super) shown: Nanos,
    pub(super) books: &'a mut Books,
    pub(super) handler: &'a mut SeededHandler<'a>,
}

impl AnySession {
    pub(super) fn new(
        plan: &Plan,
        index: usize,
        bug: Option<SeededBug>,
        books: &mut Books,
    ) -> Self {
        let id = ConnectionId(u32::try_from(index).unwrap_or(u32::MAX));
        let options = plan.options(index);
        let (inner, bug) = match &plan.connections[index] {
            ConnectionPlan::JayX { symbol, envelope } => {
                let session = Session::new(plan.jayx(symbol, *envelope), id, options, books);
                (Inner::JayX(Box::new(session)), SessionBug::new(bug, None))
            }
            ConnectionPlan::Bayse {
                currency,
                subscriptions,
            } => {
                let venue = plan.bayse(*currency, subscriptions);
                let session = Session::new(venue, id, options, books);
                let bug = SessionBug::new(bug, Some(*currency));
                (Inner::Bayse(Box::new(session)), bug)
            }
            ConnectionPlan::Delta => {
                let session = Session::new(plan.delta(), id, options, books);
                (Inner::Delta(Box::new(session)), SessionBug::None)
            }
        };
        Self { inner, bug }
    }

    pub(super) fn url(&self) -> &str {
        each!(&self.inner, session => session.url())
    }

    pub(super) fn next(&self, shown: Nanos) -> NextAction {
        each!(&self.inner, session => session.next(shown))
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        let deadline = each!(&self.inner, session => session.deadline());
        [deadline, self.bug.blocked()].into_iter().flatten().min()
    }

    pub(super) fn has_outgoing(&self, shown: Nanos) -> bool {
        self.bug.blocked().is_some() || each!(&self.inner, session => session.has_outgoing(shown))
    }

    pub(super) fn outgoing(&mut self, shown: Nanos) -> Option<Vec<u8>> {
        let sent = self.bug.send_time(shown)?;
        let message = each!(&mut self.inner, session => session.outgoing(sent))?.to_vec();
        self.bug.sent(&message, shown, sent);
        Some(message)
    }

    pub(super) fn record_activity(&mut self, shown: Nanos) {
        each!(&mut self.inner, session => session.record_activity(shown));
    }

    pub(super) fn next_request(&mut self, shown: Nanos) -> Option<HttpRequest> {
        each!(&mut self.inner, session => session.next_request(shown))
    }

    pub(super) fn opened(&mut self, call: CallContext<'_>) -> ControlFlow<()> {
        each!(&mut self.inner, session => session.opened(call.shown, call.books, call.handler))
    }

    pub(super) fn frame(&mut self, frame: &[u8], call: CallContext<'_>) -> CallOutcome {
        let altered = self.bug.alter(frame);
        let frame = altered.as_deref().unwrap_or(frame);
        each!(&mut self.inner, session => session.frame(frame, call.shown, call.books, call.handler))
    }

    pub(super) fn response(
        &mut self,
        id: RequestId,
        body: Result<&[u8], &RequestFailure>,
        call: CallContext<'_>,
    ) -> CallOutcome {
        each!(&mut self.inner, session =>
            session.response(Some(id), body, call.shown, call.books, call.handler))
    }

    pub(super) fn timeout(&mut self, call: CallContext<'_>) -> Option<Disconnect> {
        each!(&mut self.inner, session => session.timeout(call.shown, call.books, call.handler))
    }

    pub(super) fn disconnected(
        &mut self,
        reason: &Disconnect,
        call: CallContext<'_>,
    ) -> ControlFlow<()> {
        each!(&mut self.inner, session =>
            session.disconnected(call.shown, reason, call.books, call.handler))
    }

    /// Sends a command of the user. Only Bayse Markets has commands here.
    pub(super) fn command(&mut self, command: Command, call: CallContext<'_>) {
        if let Inner::Bayse(session) = &mut self.inner {
            let _ = session.command(command, call.shown, call.books, call.handler);
        }
    }

    pub(super) fn bayse(&self) -> Option<&Bayse> {
        match &self.inner {
            Inner::Bayse(session) => Some(session.venue()),
            Inner::JayX(_) | Inner::Delta(_) => None,
        }
    }

    /// The load at the time that the client's clock shows.
    pub(super) fn load(&self, shown: Nanos, books: usize) -> Load {
        let bayse = self.bayse();
        let is_open = self.next(shown) == NextAction::Open;
        Load {
            queued: each!(&self.inner, session => session.queued()),
            unanswered: bayse.map_or(0, Bayse::unanswered),
            rooms: bayse.map_or(0, |bayse| bayse.topics().count()),
            books,
            wake: self.deadline().filter(|_| is_open).map(|at| (shown, at)),
        }
    }
}
