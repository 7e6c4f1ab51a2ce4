//! Keep-warm replays: while a spinning thread is idle, it decodes and applies the last order book message of a
//! connection again. The code and the constant data for the next message then stay in the caches.
//!
//! A replay runs on a scratch [`Session`] with scratch [`Books`]. It executes the same machine code as live messages, not
//! another instance of generic code: both sessions receive their frames through [`frame`], with an [`Optional`] handler.
//!
//! A replay does not warm the data of the live session: its state, its decoder's buffers and its books. The best levels of
//! the live book are therefore read after each replay.

use std::hint::black_box;
use std::ops::ControlFlow;

use ticklot_book::{BookState, Level, Nanos, Side};
use ticklot_frame::without_learning;

use crate::books::{BookId, Books};
use crate::event::{Event, Handler, Receipt};
use crate::session::{NextAction, Options, Session};
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, Venue};

/// The longest frame that is replayed. A frame of this length does not grow a decoder beyond the size that a connection
/// keeps.
const MAX_WARM_FRAME: usize = 64 << 10;

/// The growth limit of scratch books, in bytes. At the limit, the scratch session is replaced by a new one.
const MAX_SCRATCH_MEMORY: usize = 4 << 20;

/// The number of levels per side that a replay reads from the live book.
const FEW_LEVELS: usize = 20;

/// The feed's handler, or none during a replay.
///
/// A session is generic over its handler: another handler type would mean another copy of its machine code.
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

    /// No handler: events are dropped, and none breaks.
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

/// Passes a frame to a live or scratch session: see [`Session::frame_as_of`]. Never inlined, so that both execute the same
/// copy of the code that is inlined here.
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

/// The last message of a connection that updated a book, and the scratch session that replays it.
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
    /// None if [`Venue::scratch`] returns none: the connection is not kept warm. Allocates.
    pub(super) fn new(session: &Session<V>) -> Option<Self> {
        Some(Self {
            scratch: Scratch::new(session)?,
            frame: Vec::new(),
            book: None,
            is_new: false,
        })
    }

    /// Copies a frame for replays, with the book that it updated. Ignores a frame that is longer than [`MAX_WARM_FRAME`].
    /// Allocates only to grow.
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

    /// Decodes and applies the frame again, and reads the best prices of the scratch book and the best levels of the live
    /// one. Returns whether the frame was applied; one that was not is dropped.
    ///
    /// Changes nothing visible: no book of `books`, no part of `session`, no count, and no template of the thread's decoders.
    /// Allocates only to grow, for the first replay of a book, and to replace the scratch session.
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
            // The frame that caused the gap may be refused again.
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

    /// The first replay of a frame. If it fails, the connection's configuration has changed or the memory of the scratch
    /// books is used up: a new scratch session tries again.
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

/// A session without a connection, and its books.
#[derive(Debug)]
struct Scratch<V> {
    session: Session<V>,
    books: Books,
    /// Buffers for the levels of a live book.
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

    /// Applies a frame for the first time. `book` is the live book that it updated.
    fn first<H: OnMessage<V>>(
        &mut self,
        frame: &[u8],
        (live, book): (&Books, BookId),
        now: Nanos,
    ) -> bool {
        if self.session.next(now) != NextAction::Open {
            let mut handler = Optional::<H>::none();
            let _ = self.session.opened(now, &mut self.books, &mut handler);
        }
        self.copy_levels(live, book, now);
        self.frame::<H>(frame, now)
    }

    /// Applies a frame. Returns whether it updated a book.
    fn frame<H: OnMessage<V>>(&mut self, frame: &[u8], now: Nanos) -> bool {
        let mut handler = Optional::<H>::none();
        let updates = |session: &Session<V>| session.stats().snapshots + session.stats().deltas;
        let before = updates(&self.session);
        let times = (now, now, now);
        let Self { session, books, .. } = self;
        let _ = self::frame(session, frame, times, books, &mut handler);
        session.drop_outgoing();
        updates(session) != before
    }

    /// Copies the levels of a live book that receives deltas. The live book contains the last delta already. Deltas carry
    /// absolute quantities, so applying it again changes nothing, and the checksum matches.
    fn copy_levels(&mut self, live: &Books, book: BookId, now: Nanos) {
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

/// Creates a session whose metrics are not recorded. A session registers its counters with the recorder that is current
/// when it is created.
fn without_recorder<R>(make: impl FnOnce() -> R) -> R {
    #[cfg(feature = "metrics")]
    return metrics::with_local_recorder(&metrics::NoopRecorder, make);
    #[cfg(not(feature = "metrics"))]
    make()
}

/// No timeouts. [`Scratch::new`] sets the memory limit, once the initial size of the books is known.
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
