//! Keep-warm replays: while a spinning thread is idle, it decodes and applies the last order book message of a connection
//! again, so that the code and the constant data of the next one are in the caches.
//!
//! The replay goes to a [`Session`] of its own, whose [`Books`] nobody sees. It runs the machine code of the live messages,
//! not a copy for another type of handler or another caller: both sessions get their frames from [`frame`], with an
//! [`Optional`] handler.
//!
//! What is not shared with the live session is not warmed by that: the session, the decoder's space for levels and
//! trades, and the books. The best levels of the live book are read after each replay.

use std::hint::black_box;
use std::ops::ControlFlow;

use ticklot_book::{BookState, Level, Nanos, Side};
use ticklot_frame::without_learning;

use crate::books::{BookId, Books};
use crate::event::{Event, Handler, Receipt};
use crate::session::{NextAction, Options, Session};
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, Venue};

/// The longest frame that is kept to be replayed. One of this length makes no decoder grow beyond what a connection keeps.
const MAX_WARM_FRAME: usize = 64 << 10;

/// What the books of a scratch session may grow to, besides those that it begins with. Then it begins anew.
const MAX_SCRATCH_MEMORY: usize = 4 << 20;

/// How many levels of each side of the live book are read.
const FEW_LEVELS: usize = 20;

/// The feed's handler, or none during a replay.
///
/// A session is generic over its handler, so a handler of another type would be called by other machine code.
#[derive(Debug)]
pub(super) struct Optional<'a, H> {
    handler: Option<&'a mut H>,
    updated: Option<BookId>,
}

impl<'a, H> Optional<'a, H> {
    /// The feed's handler.
    pub(super) fn new(handler: &'a mut H) -> Self {
        Self {
            handler: Some(handler),
            updated: None,
        }
    }

    /// No handler: nobody sees an event, and none breaks.
    fn none() -> Self {
        Self {
            handler: None,
            updated: None,
        }
    }

    /// The book that was updated last.
    pub(super) fn updated(&self) -> Option<BookId> {
        self.updated
    }
}

impl<H: Handler> Handler for Optional<'_, H> {
    #[inline]
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let updated = match &event {
            Event::Book(update) => Some(update.book),
            _ => None,
        };
        self.updated = updated.or(self.updated);
        match (&mut self.handler, updated) {
            (Some(handler), _) => handler.on_event(event, books),
            (None, Some(book)) => {
                read_best(books, book);
                ControlFlow::Continue(())
            }
            (None, None) => ControlFlow::Continue(()),
        }
    }
}

impl<V: Venue, H: OnMessage<V>> OnMessage<V> for Optional<'_, H> {
    #[inline]
    fn on_message(
        &mut self,
        message: &V::Message<'_>,
        receipt: Receipt,
        books: &Books,
    ) -> ControlFlow<()> {
        match &mut self.handler {
            Some(handler) => handler.on_message(message, receipt, books),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Gives a frame to a session, live or scratch: see [`Session::frame_as_of`]. Out of line, so that both run one copy of the
/// code that is inlined here.
#[inline(never)]
pub(super) fn frame<V: Venue, H: OnMessage<V>>(
    session: &mut Session<V>,
    frame: &[u8],
    times: (Nanos, Nanos, Nanos),
    books: &mut Books,
    handler: &mut Optional<'_, H>,
) -> CallOutcome {
    session.frame_as_of(frame, times, books, handler)
}

/// Reads the best prices of a book, as a strategy does.
fn read_best(books: &Books, book: BookId) {
    if let Some(book) = books.live(book) {
        black_box((book.best_bid(), book.best_ask()));
    }
}

/// The last message of a connection that updated a book, and what replays it.
#[derive(Debug)]
pub(super) struct Warm<V: Venue> {
    scratch: Scratch<V>,
    frame: Vec<u8>,
    /// The book that the frame updated; none when there is nothing to replay.
    book: Option<BookId>,
    /// Whether the frame has not been replayed yet.
    is_new: bool,
}

impl<V: Venue> Warm<V> {
    /// None when the venue has no scratch venue: its connection is not kept warm. Allocates.
    pub(super) fn new(session: &Session<V>) -> Option<Self> {
        Some(Self {
            scratch: Scratch::new(session)?,
            frame: Vec::new(),
            book: None,
            is_new: false,
        })
    }

    /// Keeps a frame to be replayed, and the book that it updated. A frame that is longer than [`MAX_WARM_FRAME`] is
    /// passed over. Allocates only to grow.
    #[inline]
    pub(super) fn keep(&mut self, frame: &[u8], updated: BookId) {
        if frame.len() > MAX_WARM_FRAME {
            return;
        }
        self.frame.clear();
        self.frame.extend_from_slice(frame);
        self.book = Some(updated);
        self.is_new = true;
    }

    /// Decodes and applies the kept frame again, and reads the best prices of the scratch book and the best levels of the
    /// live one. Returns whether it was applied; a frame that cannot be is not tried again.
    ///
    /// Nothing that can be seen changes: no book of `books`, nothing of `session`, no count, and no template of the
    /// thread's decoders. Allocates only to grow, for a book that the scratch session has not had yet, and when the
    /// scratch session has to begin anew.
    pub(super) fn replay<H: OnMessage<V>>(
        &mut self,
        session: &Session<V>,
        books: &Books,
        now: Nanos,
    ) -> bool {
        let Some(book) = self.book else {
            return false;
        };
        let live = (session, books);
        let is_new = std::mem::take(&mut self.is_new);
        let is_applied = match is_new {
            // The frame that made it one may be refused again.
            true if matches!(books.state(book), BookState::Gap(_)) => false,
            true => without_learning(|| self.first::<H>(live, book, now)),
            false => without_learning(|| self.scratch.frame::<H>(&self.frame, now)),
        };
        if is_applied {
            read_levels(books, book);
        } else {
            self.book = None;
        }
        is_applied
    }

    /// The first replay of a frame. When it cannot be applied, the connection's configuration has changed, or the memory
    /// of the scratch books is used up: another scratch session begins.
    fn first<H: OnMessage<V>>(
        &mut self,
        (session, books): (&Session<V>, &Books),
        book: BookId,
        now: Nanos,
    ) -> bool {
        if self.scratch.first::<H>(&self.frame, (books, book), now) {
            return true;
        }
        let Some(scratch) = Scratch::new(session) else {
            return false;
        };
        self.scratch = scratch;
        self.scratch.first::<H>(&self.frame, (books, book), now)
    }
}

/// Reads the best levels of a book.
fn read_levels(books: &Books, book: BookId) {
    if let Some(book) = books.last_known(book) {
        for side in [Side::Bid, Side::Ask] {
            let levels = book.levels(side).take(FEW_LEVELS);
            black_box(levels.fold(0, |sum, level| sum ^ level.lots.0));
        }
    }
}

/// A session that has no connection, and its books.
#[derive(Debug)]
struct Scratch<V> {
    session: Session<V>,
    books: Books,
    /// The levels of a live book.
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl<V: Venue> Scratch<V> {
    fn new(live: &Session<V>) -> Option<Self> {
        let venue = live.venue().scratch()?;
        let mut books = Books::new();
        let session = without_recorder(|| Session::new(venue, live.id(), options(), &mut books));
        books.limit_memory(books.memory().saturating_add(MAX_SCRATCH_MEMORY));
        Some(Self {
            session,
            books,
            bids: Vec::new(),
            asks: Vec::new(),
        })
    }

    /// Applies a frame for the first time, which updated a book of the live ones.
    fn first<H: OnMessage<V>>(
        &mut self,
        frame: &[u8],
        (live, book): (&Books, BookId),
        now: Nanos,
    ) -> bool {
        if self.session.next(now) != NextAction::Open {
            let mut nobody = Optional::<H>::none();
            let _ = self.session.opened(now, &mut self.books, &mut nobody);
        }
        self.follow(live, book, now);
        self.frame::<H>(frame, now)
    }

    /// Applies a frame. Returns whether it updated a book.
    fn frame<H: OnMessage<V>>(&mut self, frame: &[u8], now: Nanos) -> bool {
        let mut nobody = Optional::<H>::none();
        let updates = |session: &Session<V>| session.stats().snapshots + session.stats().deltas;
        let before = updates(&self.session);
        let times = (now, now, now);
        let Self { session, books, .. } = self;
        let _ = self::frame(session, frame, times, books, &mut nobody);
        session.drop_outgoing();
        updates(session) != before
    }

    /// Copies the live levels of a book that follows deltas. The live book holds the last delta already. A delta has whole
    /// quantities, so to apply it once more changes nothing, and the checksum is right.
    fn follow(&mut self, live: &Books, book: BookId, now: Nanos) {
        let instrument = live.instrument(book);
        let own = instrument.and_then(|instrument| self.books.find(&instrument));
        let (Some(id), Some(book)) = (own, live.last_known(book)) else {
            return;
        };
        if !self.books.has_deltas(id) {
            return;
        }
        for (levels, side) in [(&mut self.bids, Side::Bid), (&mut self.asks, Side::Ask)] {
            levels.clear();
            levels.extend(book.levels(side));
        }
        self.books.put_levels(id, [&self.bids, &self.asks], now);
    }
}

/// Makes a session whose counts go to no recorder of metrics: its counters are the recorder's of the time when it is made.
fn without_recorder<R>(make: impl FnOnce() -> R) -> R {
    #[cfg(feature = "metrics")]
    return metrics::with_local_recorder(&metrics::NoopRecorder, make);
    #[cfg(not(feature = "metrics"))]
    make()
}

/// Nothing times out, and memory is limited when it is known what the books begin with.
fn options() -> Options {
    Options {
        stale_after: None,
        max_memory: usize::MAX,
        seed: Some(0),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests;
