//! The context of a call to a venue.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{
    self as book, BookError, BookRef, BookState, Epoch, Gap, Ids, Nanos, Outcome, Scale,
};
use ticklot_frame::{Decimal, DecodeError, DecodePath, Trade, UnixMillis};

use crate::books::Cause;
use crate::books::{BookId, Books, Candle, CandlesId, ConnectionId, Instrument, Stored};
use crate::event::{
    BalanceUpdate, BookUpdate, CandleUpdate, Event, Handler, LastTrade, OrderUpdate, Receipt,
    RequestFailure, Resync, ResyncStep, Source, Trades, UpdateKind,
};
use crate::observe::stage_timer::StageTimer;
use crate::observe::tap::TapList;
use crate::session::{Due, Lateness, Outbox, ResyncPolicy, Resyncs, report_state_changes};
use crate::venue::on_message::OnMessage;

use super::{Delta, ResyncReply, Snapshot, Stats, Venue};

/// A message that was applied to a book, or was to be.
struct Applied<'a> {
    book: BookId,
    kind: UpdateKind,
    /// How many levels it has.
    levels: usize,
    line: u32,
    bytes: &'a [u8],
    last_trade: Option<LastTrade>,
    sent: Option<UnixMillis>,
    source: Source,
}

impl Applied<'_> {
    #[inline]
    fn update<'c>(
        &self,
        frame: u64,
        received: Nanos,
        changes: book::Changes<'c>,
    ) -> BookUpdate<'c> {
        BookUpdate {
            book: self.book,
            kind: self.kind,
            frame,
            line: self.line,
            received,
            changes,
            last_trade: self.last_trade,
            sent: self.sent,
            source: self.source,
        }
    }
}

/// What a venue works with during one call.
#[derive(Debug)]
pub struct Context<'a, H: ?Sized> {
    pub(crate) connection: ConnectionId,
    pub(crate) frame: u64,
    /// The earliest time at which the frame can have arrived.
    pub(crate) as_of: Nanos,
    pub(crate) received: Nanos,
    pub(crate) now: Nanos,
    pub(crate) lateness: &'a mut Lateness,
    pub(crate) epoch: Epoch,
    pub(crate) books: &'a mut Books,
    /// The connection's slot in the books.
    pub(crate) slot: usize,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) stats: &'a mut Stats,
    pub(crate) resyncs: &'a mut Resyncs,
    pub(crate) policy: &'a ResyncPolicy,
    pub(crate) random: &'a mut fastrand::Rng,
    pub(crate) slow_down: bool,
    pub(crate) is_proven: bool,
    pub(crate) taps: &'a mut TapList,
    pub(crate) timer: StageTimer<'a>,
    pub(crate) handler: &'a mut H,
}

/// The call's circumstances, and what the venue notes.
impl<H: ?Sized> Context<'_, H> {
    /// The connection.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The frame's number.
    #[must_use]
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// When the frame was received: the time of its books and events.
    #[must_use]
    pub fn received(&self) -> Nanos {
        self.received
    }

    /// Now. Later than [`Context::received`] when the frame has waited behind others.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The epoch of the connection.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where and when the frame was received.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt {
            connection: self.connection,
            frame: self.frame,
            received: self.received,
        }
    }

    /// All books.
    #[must_use]
    pub fn books(&self) -> &Books {
        self.books
    }

    /// Queues outgoing messages. They are sent before those of [`Venue::next_message`].
    pub fn outbox(&mut self) -> &mut Outbox {
        self.outbox
    }

    /// Whether the feed's budget of memory has room for a book of this instrument
    /// ([`Options::max_memory`](crate::Options::max_memory)): to be checked before a book is added because
    /// the server sent it. When it has none, report [`Context::no_room`].
    pub fn has_room(&mut self, instrument: &Instrument<'_>) -> bool {
        self.has_room_for(0, Some(instrument))
    }

    /// Whether the budget has room for so many bytes more, as those of a topic
    /// ([`Venue::memory`]), and for a book with them: to be checked before a topic is desired because a command
    /// says so.
    pub fn has_room_for(&mut self, bytes: usize, book: Option<&Instrument<'_>>) -> bool {
        self.books.has_room_for(bytes, book)
    }

    /// Adds an empty book to the connection; see [`Books::add`]. It waits for its first snapshot in the
    /// connection's epoch. Allocates.
    pub fn add_book(
        &mut self,
        instrument: &Instrument<'_>,
        config: crate::books::BookConfig,
    ) -> BookId {
        let id = self.books.add(self.connection, instrument, config);
        let epoch = self.epoch;
        if self
            .books
            .last_known(id)
            .is_some_and(|book| book.epoch() != epoch)
        {
            self.books.change(id, self.now, |stored| {
                (stored.start_epoch(epoch), Cause::Disconnected)
            });
        }
        id
    }

    /// A message was decoded.
    pub fn count_message(&mut self) {
        self.stats.messages += 1;
    }

    /// An order book was decoded on this path.
    pub fn count_path(&mut self, path: DecodePath) {
        match path {
            DecodePath::Fast => self.stats.fast_path += 1,
            DecodePath::General => self.stats.general_path += 1,
            _ => {}
        }
    }

    /// A message was dropped, since its topic is not subscribed to.
    pub fn count_unrequested(&mut self) {
        self.stats.unrequested += 1;
    }

    /// The venue refused messages for their rate: nothing is sent for a while, and then less.
    pub fn rate_limited(&mut self) {
        self.slow_down = true;
    }

    /// The connection has answered a request. When it also stays open for
    /// [`Reconnect::proven_after`](crate::Reconnect::proven_after), the next backoff starts from its beginning.
    /// An applied snapshot or delta has the same effect.
    pub fn confirmed(&mut self) {
        self.is_proven = true;
    }

    /// A line is decoded: to be called after each, so that the time of decoding is measured apart from
    /// that of the book. Does nothing unless that is measured (feature `latency`).
    #[inline]
    pub fn decoded(&mut self) {
        self.timer.decoded();
    }
}

/// Events.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// Hands an event to the handler.
    pub fn emit(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let flow = self.handler.on_event(event, self.books);
        self.timer.handled(None, self.books);
        flow
    }

    /// Hands a message of the venue to the handler: see [`OnMessage`]. To be called before the events
    /// that it leads to.
    pub fn message<V: Venue>(&mut self, message: &V::Message<'_>) -> ControlFlow<()>
    where
        H: OnMessage<V>,
    {
        let receipt = self.receipt();
        self.handler.on_message(message, receipt, self.books)
    }

    /// The venue has not confirmed a subscription in time: its name for it, and how often it was requested.
    pub fn unconfirmed(&mut self, room: &str, attempts: u32) -> ControlFlow<()> {
        self.emit(Event::Unconfirmed {
            connection: self.connection,
            room,
            attempts,
        })
    }

    /// The venue refused a request: its words, and its name for the most likely subject.
    pub fn refused(&mut self, message: &str, room: Option<&str>) -> ControlFlow<()> {
        self.emit(Event::Refused {
            connection: self.connection,
            message,
            room,
        })
    }

    /// Reports the changes of state that were not reported yet, and keeps the list of books that need a
    /// snapshot.
    pub(super) fn report(&mut self) -> ControlFlow<()> {
        if !self.books.has_changes() {
            return ControlFlow::Continue(());
        }
        report_state_changes(
            self.now,
            self.books,
            self.handler,
            self.taps,
            Some((self.connection, self.resyncs)),
        )
    }
}

/// Books.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// The book, if this connection feeds it.
    fn is_ours(&self, id: BookId) -> bool {
        self.books.connection(id) == Some(self.connection)
    }

    /// Whether this connection feeds the book. A message for one that another connection has adopted is
    /// counted.
    #[inline]
    fn is_fed(&mut self, id: BookId) -> bool {
        let is_ours = self.is_ours(id);
        self.stats.unrequested += u64::from(!is_ours);
        is_ours
    }

    fn count_gap(&mut self, id: BookId) {
        self.stats.gaps += 1;
        self.books.count_gap(id);
    }

    pub(super) fn mark_gap(&mut self, id: BookId, gap: Gap) {
        if !self.is_ours(id) {
            return;
        }
        self.stats.gaps += 1;
        self.books.mark_gap(id, gap, self.now);
    }

    /// A message of a book was lost: the book is a gap until its next snapshot, and the change is reported.
    pub fn gap(&mut self, id: BookId, gap: Gap) -> ControlFlow<()> {
        self.mark_gap(id, gap);
        self.report()
    }

    /// The connection proved that its quiet books are current: for [`Liveness::Heartbeat`](super::Liveness::Heartbeat).
    pub fn mark_alive(&mut self) -> ControlFlow<()> {
        let at = self.lateness.as_of(self.as_of);
        self.books.mark_alive(self.slot, at, self.now);
        self.report()
    }

    /// The user does not follow these books any more: all of them are disconnected, and then reported.
    pub fn unfollow(&mut self, ids: &[BookId]) -> ControlFlow<()> {
        for id in ids {
            if self.is_ours(*id) {
                self.books.change(*id, self.now, |stored| {
                    (stored.disconnect(), Cause::Unsubscribed)
                });
                self.resyncs.done(*id);
            }
        }
        self.report()
    }

    /// Removes a book. It is disconnected first, and that is reported; its id is not used again.
    pub fn remove_book(&mut self, id: BookId) -> ControlFlow<()> {
        let is_ours = self.is_ours(id);
        let flow = self.unfollow(&[id]);
        if is_ours {
            self.books.remove(id);
        }
        flow
    }

    /// The size of a tick or a lot of a book's instrument is this from now on. When it differs, the book
    /// is a gap until its next snapshot, and both are reported.
    pub fn set_scale(&mut self, id: BookId, new: Scale) -> ControlFlow<()> {
        let Some(old) = self.books.last_known(id).map(BookRef::scale) else {
            return ControlFlow::Continue(());
        };
        if old == new || !self.is_ours(id) {
            return ControlFlow::Continue(());
        }
        self.books.change(id, self.now, |stored| {
            (stored.set_scale(new), Cause::ScaleChanged)
        });
        self.report()?;
        self.emit(Event::Scale { book: id, old, new })
    }

    /// Takes a book over from another connection of the venue; the next delta on this one has these
    /// numbers. Levels and validity stay, the book takes this connection's epoch, and the other
    /// connection can change it no longer. Returns false, and changes nothing, unless the numbers prove
    /// that no update lies between.
    pub fn adopt(&mut self, id: BookId, ids: Ids) -> bool {
        self.is_ours(id) || self.books.adopt(id, self.connection, self.epoch, ids)
    }

    /// The book needs a snapshot that does not arrive by itself, after opening say: it is requested with
    /// [`Venue::resync`], and again until the book is live.
    pub fn request_snapshot(&mut self, id: BookId) {
        self.resyncs.add(id, self.now);
    }

    /// A request for a book's snapshot failed: it is reported, and repeated with backoff.
    pub fn resync_failed(&mut self, id: BookId, error: &RequestFailure) -> ControlFlow<()> {
        if !self.is_ours(id) {
            self.resyncs.done(id);
            return ControlFlow::Continue(());
        }
        let at_least = match error {
            RequestFailure::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let failed = self
            .resyncs
            .failed(id, self.now, at_least, self.policy, self.random);
        let Some((attempt, retry_in)) = failed else {
            return ControlFlow::Continue(());
        };
        self.emit(Event::Resync(Resync {
            book: id,
            attempt,
            step: ResyncStep::Failed { error, retry_in },
        }))
    }

    /// Replaces a book by a snapshot. Its change of state and the update are reported. `refusal` makes a
    /// decoding error of what the book refuses. A book that another connection has adopted is not changed,
    /// and the snapshot is counted as unrequested.
    pub fn apply_snapshot(
        &mut self,
        id: BookId,
        snapshot: &Snapshot<'_>,
        refusal: impl FnOnce(BookError) -> DecodeError,
    ) -> ControlFlow<()> {
        let whole = book::Snapshot {
            bids: snapshot.bids,
            asks: snapshot.asks,
            id: snapshot.id,
            checksum: snapshot.checksum,
        };
        let message = Applied {
            book: id,
            kind: UpdateKind::Snapshot,
            levels: snapshot.bids.len() + snapshot.asks.len(),
            line: snapshot.line,
            bytes: snapshot.bytes,
            last_trade: snapshot.last_trade,
            sent: snapshot.sent,
            source: snapshot.source,
        };
        let apply = |stored: &mut Stored, as_of| stored.apply_snapshot(&whole, as_of);
        self.apply(&message, apply, refusal)
    }

    /// Applies a delta to a book. Its change of state and the update are reported; a gap only as the
    /// former, unless levels changed. `refusal` makes a decoding error of what the book refuses. A book
    /// that another connection has adopted is not changed, and the delta is counted as unrequested.
    pub fn apply_delta(
        &mut self,
        id: BookId,
        delta: &Delta<'_>,
        refusal: impl FnOnce(BookError) -> DecodeError,
    ) -> ControlFlow<()> {
        let changes = book::Delta {
            bids: delta.bids,
            asks: delta.asks,
            ids: delta.ids,
            checksum: delta.checksum,
        };
        let message = Applied {
            book: id,
            kind: UpdateKind::Delta,
            levels: delta.bids.len() + delta.asks.len(),
            line: delta.line,
            bytes: delta.bytes,
            last_trade: delta.last_trade,
            sent: delta.sent,
            source: Source::Stream,
        };
        let apply = |stored: &mut Stored, as_of| stored.apply_delta(&changes, as_of);
        self.apply(&message, apply, refusal)
    }

    /// Applies a message to its book, if the budget of memory allows that, and reports the outcome.
    #[inline]
    fn apply(
        &mut self,
        message: &Applied<'_>,
        apply: impl FnOnce(&mut Stored, Nanos) -> Result<Outcome, BookError>,
        refusal: impl FnOnce(BookError) -> DecodeError,
    ) -> ControlFlow<()> {
        let (connection, now, id) = (self.connection, self.now, message.book);
        let is_snapshot = message.kind == UpdateKind::Snapshot;
        if !self
            .books
            .admit(connection, id, message.levels, is_snapshot)
        {
            return self.refused_growth(id, message.line, message.bytes);
        }
        let as_of = match message.source {
            Source::Stream => self.lateness.of(message.sent, self.received, self.as_of),
            // Its time is that of another connection.
            _ => self.as_of,
        };
        let cause = match message.kind {
            UpdateKind::Snapshot => Cause::Snapshot,
            UpdateKind::Delta => Cause::Delta,
        };
        let outcome = self
            .books
            .change_of(connection, id, now, |stored| (apply(stored, as_of), cause));
        self.applied(outcome, message, refusal)
    }

    /// A message would make its book larger than the feed's budget of memory allows.
    #[cold]
    fn refused_growth(&mut self, id: BookId, line: u32, bytes: &[u8]) -> ControlFlow<()> {
        self.mark_gap(id, Gap::Refused);
        self.report()?;
        self.no_room(line, bytes)
    }

    /// Reports what became of a snapshot or a delta.
    #[inline]
    fn applied(
        &mut self,
        outcome: Option<Result<Outcome, BookError>>,
        message: &Applied<'_>,
        refusal: impl FnOnce(BookError) -> DecodeError,
    ) -> ControlFlow<()> {
        match outcome {
            Some(Ok(Outcome::Applied)) => {}
            // Another connection has adopted the book, or it was removed.
            None => {
                self.stats.unrequested += 1;
                return ControlFlow::Continue(());
            }
            Some(Ok(outcome)) => return self.not_applied(message, outcome),
            Some(Err(error)) => {
                self.count_gap(message.book);
                if message.kind == UpdateKind::Snapshot {
                    // The book may have had none before, and then it is no gap.
                    self.resyncs.add(message.book, self.now);
                }
                self.report()?;
                self.partly_applied(message)?;
                return self.bad_line(refusal(error).on_line(message.line), message.bytes);
            }
        }
        self.timer.applied();
        self.is_proven = true;
        match message.kind {
            UpdateKind::Snapshot => self.stats.snapshots += 1,
            UpdateKind::Delta => self.stats.deltas += 1,
        }
        self.report()?;
        if message.kind == UpdateKind::Snapshot {
            self.resyncs.done(message.book);
        }
        let changes = self.books.changes(message.book);
        let event = Event::Book(message.update(self.frame, self.received, changes));
        let flow = self.handler.on_event(event, self.books);
        self.timer.handled(Some(self.connection), self.books);
        flow
    }

    /// A message that is not in the book, or has made it a gap.
    #[cold]
    fn not_applied(&mut self, message: &Applied<'_>, outcome: Outcome) -> ControlFlow<()> {
        let id = message.book;
        match outcome {
            Outcome::Old => {
                self.stats.repeated += 1;
                let state = self.books.state(id);
                // A book that is newer than its snapshot needs none.
                if message.kind == UpdateKind::Snapshot && !matches!(state, BookState::Gap(_)) {
                    self.resyncs.done(id);
                }
            }
            Outcome::Gap(_) => {
                self.count_gap(id);
            }
            _ => {}
        }
        self.report()?;
        self.partly_applied(message)
    }

    /// Reports the levels that a message changed although the book is a gap after it, so that a mirror of
    /// the book by its changes stays exact.
    fn partly_applied(&mut self, message: &Applied<'_>) -> ControlFlow<()> {
        let changes = self.books.changes(message.book);
        if changes.is_empty() {
            return ControlFlow::Continue(());
        }
        let event = Event::Book(message.update(self.frame, self.received, changes));
        self.handler.on_event(event, self.books)
    }
}

/// The stores next to the books.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// Trades of a book's instrument. `repeats` says that the list is newest first and may repeat earlier
    /// trades: those are dropped. Otherwise all are new, oldest first. New ones are kept
    /// ([`Books::trades`]) and reported. Those of a book that another connection has adopted, which
    /// reports them too, are counted as unrequested.
    pub fn trades(
        &mut self,
        id: BookId,
        list: &[Trade],
        repeats: bool,
        sent: Option<UnixMillis>,
    ) -> ControlFlow<()> {
        if list.is_empty() || !self.is_fed(id) {
            return ControlFlow::Continue(());
        }
        self.new_trades(id, list, repeats, sent)
    }

    fn new_trades(
        &mut self,
        id: BookId,
        list: &[Trade],
        repeats: bool,
        sent: Option<UnixMillis>,
    ) -> ControlFlow<()> {
        if list.is_empty() {
            return ControlFlow::Continue(());
        }
        self.books.keep_trades(id, list, repeats);
        let (Some(instrument), trades) = (self.books.instrument(id), self.books.new_trades())
        else {
            return ControlFlow::Continue(());
        };
        if trades.is_empty() {
            return ControlFlow::Continue(());
        }
        let scale = self
            .books
            .last_known(id)
            .map_or(Scale::UNIT, BookRef::scale);
        let event = Event::Trades(Trades {
            connection: self.connection,
            instrument,
            book: Some(id),
            scale,
            trades,
            sent,
            received: self.received,
        });
        let flow = self.handler.on_event(event, self.books);
        self.timer.handled(None, self.books);
        flow
    }

    /// Trades of an instrument that may have no book in the feed, in ticks and lots of `scale`: reported, and
    /// kept when it has one of that scale.
    pub fn trades_of(
        &mut self,
        instrument: &Instrument<'_>,
        scale: Scale,
        trades: &[Trade],
        sent: Option<UnixMillis>,
    ) -> ControlFlow<()> {
        let book = self.books.find(instrument);
        let of_scale = |id: &BookId| self.books.last_known(*id).map(BookRef::scale) == Some(scale);
        if let Some(id) = book.filter(of_scale) {
            return self.new_trades(id, trades, false, sent);
        }
        self.emit(Event::Trades(Trades {
            connection: self.connection,
            instrument: *instrument,
            book,
            scale,
            trades,
            sent,
            received: self.received,
        }))
    }

    /// A candle: it is kept in its series and reported.
    pub fn candle(&mut self, id: CandlesId, candle: Candle) -> ControlFlow<()> {
        self.books.put_candle(id, candle, self.as_of);
        let Some(series) = self.books.candles_by_id(id) else {
            return ControlFlow::Continue(());
        };
        let event = Event::Candle(CandleUpdate {
            connection: self.connection,
            instrument: series.instrument(),
            interval: series.interval(),
            scale: series.scale(),
            candle,
            received: self.received,
        });
        let flow = self.handler.on_event(event, self.books);
        self.timer.handled(None, self.books);
        flow
    }

    /// All balances of the account: asset, balance and available part of each. They are kept
    /// ([`Books::account_of`]), counted as unrequested on a connection without an account, and reported,
    /// one by one. `list` is iterated over twice.
    pub fn balances<'b, I>(&mut self, list: impl Fn() -> I) -> ControlFlow<()>
    where
        I: Iterator<Item = (&'b str, Decimal<'b>, Decimal<'b>)>,
    {
        let (connection, received) = (self.connection, self.received);
        let update = |(asset, balance, available)| BalanceUpdate {
            connection,
            asset,
            balance,
            available,
            sent: None,
            received,
        };
        let as_of = self.as_of;
        let kept = self.books.change_account(connection, as_of, |account| {
            account.begin_balances(as_of);
            list().map(update).for_each(|it| account.put_balance(&it));
        });
        self.count_unkept(kept);
        for it in list() {
            self.emit(Event::Balance(update(it)))?;
        }
        ControlFlow::Continue(())
    }

    /// Orders of the account, as they are now: kept, counted and reported as [`Context::balances`] are.
    pub fn orders<'b, I>(&mut self, list: impl Fn() -> I) -> ControlFlow<()>
    where
        I: Iterator<Item = OrderUpdate<'b>>,
    {
        let (connection, as_of) = (self.connection, self.as_of);
        let kept = self.books.change_account(connection, as_of, |account| {
            account.begin_orders(as_of);
            list().for_each(|it| account.put_order(&it));
        });
        self.count_unkept(kept);
        for it in list() {
            self.emit(Event::Order(it))?;
        }
        ControlFlow::Continue(())
    }

    fn count_unkept(&mut self, kept: bool) {
        if !kept {
            self.stats.unrequested += 1;
        }
        self.is_proven = true;
    }
}

/// What the session does around a call to the venue.
impl<H: ?Sized> Context<'_, H> {
    /// Requests the snapshots that are due.
    pub(crate) fn run_resyncs<V: Venue>(&mut self, venue: &mut V) -> ControlFlow<()>
    where
        H: OnMessage<V>,
    {
        while let Some((id, due)) = self.resyncs.first_due(self.now) {
            if !self.is_ours(id) {
                self.resyncs.done(id);
                continue;
            }
            match (venue.resync(id, self), due) {
                (ResyncReply::Unsupported, _) => self.resyncs.done(id),
                (ResyncReply::Pending, Due::TimedOut(_)) => {
                    self.resyncs
                        .postpone(id, self.now, self.policy, self.random);
                }
                (reply, due) => {
                    if let Due::TimedOut(attempt) = due {
                        self.emit_resync(id, attempt, ResyncStep::TimedOut)?;
                    }
                    self.resync_requested(id, reply)?;
                }
            }
        }
        self.report()
    }

    /// Requests a snapshot of a book for the user, and reports that also if the venue cannot.
    pub(crate) fn resync_by_user<V: Venue>(&mut self, venue: &mut V, id: BookId) -> ControlFlow<()>
    where
        H: OnMessage<V>,
    {
        match venue.resync(id, self) {
            ResyncReply::Unsupported => {
                self.resyncs.done(id);
                self.emit_resync(id, 0, ResyncStep::Unsupported)
            }
            reply => self.resync_requested(id, reply),
        }
    }

    /// A snapshot of a book is requested: it is counted and reported.
    fn resync_requested(&mut self, id: BookId, reply: ResyncReply) -> ControlFlow<()>
    where
        H: Handler,
    {
        let attempt = self
            .resyncs
            .requested(id, self.now, self.policy, self.random);
        self.stats.resyncs += 1;
        self.books.count_resync(id);
        self.emit_resync(id, attempt, ResyncStep::Requested)?;
        let is_gap = matches!(self.books.state(id), BookState::Gap(_));
        if reply != ResyncReply::Requested && !is_gap {
            self.books.change(id, self.now, |stored| {
                (stored.mark_gap(Gap::Resync), Cause::Resync)
            });
        }
        self.report()
    }

    fn emit_resync(&mut self, book: BookId, attempt: u32, step: ResyncStep<'_>) -> ControlFlow<()>
    where
        H: Handler,
    {
        self.emit(Event::Resync(Resync {
            book,
            attempt,
            step,
        }))
    }
}
