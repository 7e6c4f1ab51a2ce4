//! The session under test, of any venue.

use std::ops::ControlFlow;

use ticklot::bayse::{Bayse, Command};
use ticklot::jayx::JayX;
use ticklot::{
    Books, ConnectionId, Disconnect, Event, Handler, HttpRequest, Next, Reply, RequestFailure,
    RequestId, Session,
};
use ticklot_book::Nanos;

use super::delta::venue::DeltaVenue;
use super::event_bug::Relay;
use super::judge::{Judge, Load};
use super::plan::{Place, Plan};
use super::trace::Trace;

/// A session of any venue.
#[derive(Debug)]
pub(super) enum AnySession {
    JayX(Box<Session<JayX>>),
    Bayse(Box<Session<Bayse>>),
    Delta(Box<Session<DeltaVenue>>),
}

/// Calls the same of each.
macro_rules! each {
    ($any:expr, $session:ident => $call:expr) => {
        match $any {
            AnySession::JayX($session) => $call,
            AnySession::Bayse($session) => $call,
            AnySession::Delta($session) => $call,
        }
    };
}

/// What a session is called with.
pub(super) struct Call<'a> {
    pub(super) shown: Nanos,
    pub(super) books: &'a mut Books,
    pub(super) handler: &'a mut Relay<'a>,
}

impl AnySession {
    pub(super) fn new(plan: &Plan, line: usize, books: &mut Books) -> Self {
        let id = ConnectionId(u32::try_from(line).unwrap_or(u32::MAX));
        let options = plan.options(line);
        match &plan.places[line] {
            Place::JayX { symbol, envelope } => {
                let venue = plan.jayx(symbol, *envelope);
                Self::JayX(Box::new(Session::new(venue, id, options, books)))
            }
            Place::Bayse { currency, wishes } => {
                let venue = plan.bayse(*currency, wishes);
                Self::Bayse(Box::new(Session::new(venue, id, options, books)))
            }
            Place::Delta => {
                let session = Session::new(plan.delta(), id, options, books);
                Self::Delta(Box::new(session))
            }
        }
    }

    pub(super) fn url(&self) -> &str {
        each!(self, session => session.url())
    }

    pub(super) fn next(&self, shown: Nanos) -> Next {
        each!(self, session => session.next(shown))
    }

    pub(super) fn deadline(&self) -> Option<Nanos> {
        each!(self, session => session.deadline())
    }

    pub(super) fn has_outgoing(&self, shown: Nanos) -> bool {
        each!(self, session => session.has_outgoing(shown))
    }

    pub(super) fn outgoing(&mut self, shown: Nanos) -> Option<Vec<u8>> {
        each!(self, session => session.outgoing(shown).map(|message| message.to_vec()))
    }

    pub(super) fn heard(&mut self, shown: Nanos) {
        each!(self, session => session.heard(shown));
    }

    pub(super) fn next_request(&mut self, shown: Nanos) -> Option<HttpRequest> {
        each!(self, session => session.next_request(shown))
    }

    pub(super) fn opened(&mut self, call: Call<'_>) -> ControlFlow<()> {
        each!(self, session => session.opened(call.shown, call.books, call.handler))
    }

    pub(super) fn frame(&mut self, frame: &[u8], call: Call<'_>) -> Reply {
        each!(self, session => session.frame(frame, call.shown, call.books, call.handler))
    }

    pub(super) fn response(
        &mut self,
        id: RequestId,
        body: Result<&[u8], &RequestFailure>,
        call: Call<'_>,
    ) -> Reply {
        each!(self, session =>
            session.response(Some(id), body, call.shown, call.books, call.handler))
    }

    pub(super) fn timeout(&mut self, call: Call<'_>) -> Option<Disconnect> {
        each!(self, session => session.timeout(call.shown, call.books, call.handler))
    }

    pub(super) fn disconnected(&mut self, reason: &Disconnect, call: Call<'_>) -> ControlFlow<()> {
        each!(self, session =>
            session.disconnected(call.shown, reason, call.books, call.handler))
    }

    /// The user asks for something; JayX has nothing to be asked for.
    pub(super) fn command(&mut self, command: Command, call: Call<'_>) {
        if let Self::Bayse(session) = self {
            let _ = session.command(command, call.shown, call.books, call.handler);
        }
    }

    pub(super) fn bayse(&self) -> Option<&Bayse> {
        match self {
            Self::Bayse(session) => Some(session.venue()),
            Self::JayX(_) | Self::Delta(_) => None,
        }
    }

    /// What it holds, at the time that its clock shows.
    pub(super) fn load(&self, shown: Nanos, books: usize) -> Load {
        let bayse = self.bayse();
        let is_open = self.next(shown) == Next::Open;
        Load {
            queued: each!(self, session => session.queued()),
            unanswered: bayse.map_or(0, Bayse::unanswered),
            rooms: bayse.map_or(0, |bayse| bayse.topics().count()),
            books,
            wake: self.deadline().filter(|_| is_open).map(|at| (shown, at)),
        }
    }
}

/// The strategy: looks at all books at every call, and the judge with it.
#[derive(Debug)]
pub(super) struct Watcher<'a> {
    pub(super) now: Nanos,
    pub(super) judge: &'a mut Judge,
    pub(super) trace: &'a mut Trace,
}

impl Handler for Watcher<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self.judge.event(&event, books, self.now);
        self.judge.look(books, self.now);
        match &event {
            Event::Book(update) => {
                let (name, state) = (books.name(update.book), books.state(update.book));
                let changes = update.changes.len();
                let source = update.source;
                self.trace.note(
                    self.now,
                    format_args!("  book {name} {state}, {changes} changes, {source:?}"),
                );
            }
            event => self.trace.note(self.now, format_args!("  {event:?}")),
        }
        ControlFlow::Continue(())
    }
}
