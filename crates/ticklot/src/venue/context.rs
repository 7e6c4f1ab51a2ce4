//! [`Context`]: the books, the outbox and the handler of a session, during one call to its venue.

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

/// A snapshot or delta that is applied to a book.
struct Applied<'a> {
    book: BookId,
    kind: UpdateKind,
    /// The number of its levels.
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

/// The session's side of one call to a [`Venue`]: the methods change books, queue messages and emit events.
#[derive(Debug)]
pub struct Context<'a, H: ?Sized> {
    pub(crate) connection: ConnectionId,
    pub(crate) frame: u64,
    /// The earliest possible time of the frame's arrival.
    pub(crate) as_of: Nanos,
    pub(crate) received: Nanos,
    pub(crate) now: Nanos,
    pub(crate) lateness: &'a mut Lateness,
    pub(crate) epoch: Epoch,
    pub(crate) books: &'a mut Books,
    /// The index of the connection in the books.
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

/// Identity, times and counts.
impl<H: ?Sized> Context<'_, H> {
    /// The connection.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The number of the frame.
    #[must_use]
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// When the frame was received. This is the time of its book updates and events.
    #[must_use]
    pub fn received(&self) -> Nanos {
        self.received
    }

    /// The current time. It is later than [`Context::received`] if the frame waited behind others.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The epoch of the connection.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The connection, the number and the time of the frame.
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

    /// Whether the feed's memory budget ([`Options::max_memory`](crate::Options::max_memory)) has room for a book of this
    /// instrument. Check it before you add a book because the server sent it. If there is none, call
    /// [`Context::over_budget`].
    pub fn fits_budget(&mut self, instrument: &Instrument<'_>) -> bool {
        self.has_room_for(0, Some(instrument))
    }

    /// Whether the memory budget has room for `bytes` more, such as those of a topic ([`Venue::memory`]), and for a book if
    /// one is given. Check it before you subscribe to a topic because of a command.
    pub fn has_room_for(&mut self, bytes: usize, book: Option<&Instrument<'_>>) -> bool {
        self.books.has_room_for(bytes, book)
    }

    /// Adds an empty book to the connection: see [`Books::add`]. It waits for its first snapshot in the epoch of the
    /// connection. Allocates.
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

    /// Counts a decoded message.
    pub fn count_message(&mut self) {
        self.stats.messages += 1;
    }

    /// Counts an order book that was decoded on this path.
    pub fn count_path(&mut self, path: DecodePath) {
        match path {
            DecodePath::Fast => self.stats.fast_path += 1,
            DecodePath::General => self.stats.general_path += 1,
            _ => {}
        }
    }

    /// Counts a message that was dropped because its topic is not subscribed to.
    pub fn count_unrequested(&mut self) {
        self.stats.unrequested += 1;
    }

    /// Call when the venue's rate limit refused messages: the session pauses, and then sends at a lower rate.
    pub fn rate_limited(&mut self) {
        self.slow_down = true;
    }

    /// Call when the server has replied to a request. If the connection also stays open for
    /// [`Reconnect::proven_after`](crate::Reconnect::proven_after), the backoff is reset. An applied snapshot or delta has
    /// the same effect.
    pub fn confirmed(&mut self) {
        self.is_proven = true;
    }

    /// Marks the end of decoding. Call it once for each line, so that the latency of decoding and of applying are separate.
    /// Does nothing unless the feed measures latency (feature `latency`).
    #[inline]
    pub fn decoded(&mut self) {
        self.timer.decoded();
    }
}

/// Events.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// Calls the handler with an event.
    pub fn emit(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let flow = self.handler.on_event(event, self.books);
        self.timer.handled(None, self.books);
        flow
    }

    /// Calls the handler with a message of the venue: see [`OnMessage`]. Call it before you emit the events of the message.
    pub fn message<V: Venue>(&mut self, message: &V::Message<'_>) -> ControlFlow<()>
    where
        H: OnMessage<V>,
    {
        let receipt = self.receipt();
        self.handler.on_message(message, receipt, self.books)
    }

    /// Reports that the venue has not confirmed a subscription in time. `topic` is the venue's name of the subscription, and
    /// `attempts` the number of requests so far.
    pub fn unconfirmed(&mut self, topic: &str, attempts: u32) -> ControlFlow<()> {
        self.emit(Event::Unconfirmed {
            connection: self.connection,
            topic,
            attempts,
        })
    }

    /// Reports that the venue refused a request. `message` is the venue's text, and `topic` its name of the topic, if known.
    pub fn refused(&mut self, message: &str, topic: Option<&str>) -> ControlFlow<()> {
        self.emit(Event::Refused {
            connection: self.connection,
            message,
            topic,
        })
    }

    /// Emits the pending changes of state, and updates the list of books that need a snapshot.
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
    /// Whether this connection feeds the book.
    fn is_ours(&self, id: BookId) -> bool {
        self.books.connection(id) == Some(self.connection)
    }

    /// As [`Context::is_ours`], and counts a message for a book that another connection has adopted.
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

    /// Marks a book as a gap, because one of its messages was lost, and reports the change. It stays a gap until its next
    /// snapshot.
    pub fn gap(&mut self, id: BookId, gap: Gap) -> ControlFlow<()> {
        self.mark_gap(id, gap);
        self.report()
    }

    /// Marks all books of the connection as current, for [`Liveness::Heartbeat`](super::Liveness::Heartbeat).
    pub fn mark_alive(&mut self) -> ControlFlow<()> {
        let at = self.lateness.as_of(self.as_of);
        self.books.mark_alive(self.slot, at, self.now);
        self.report()
    }

    /// Disconnects books that the user no longer follows, and reports the changes.
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

    /// Disconnects a book, reports the change, and removes the book. Its id is not used again.
    pub fn remove_book(&mut self, id: BookId) -> ControlFlow<()> {
        let is_ours = self.is_ours(id);
        let flow = self.unfollow(&[id]);
        if is_ours {
            self.books.remove(id);
        }
        flow
    }

    /// Sets the scale of a book. If it differs from the current one, the book is a gap until its next snapshot, and both
    /// changes are reported.
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

    /// Moves a book from another connection of the venue to this one. `ids` are the numbers of the next delta on this
    /// connection. The book keeps its levels and its state, and gets the epoch of this connection; the other connection can
    /// no longer change it. Returns false and changes nothing unless `ids` prove that no update is missing.
    pub fn adopt(&mut self, id: BookId, ids: Ids) -> bool {
        self.is_ours(id) || self.books.adopt(id, self.connection, self.epoch, ids)
    }

    /// Requests a snapshot that the server does not send unasked, for example after the connection opens: the session calls
    /// [`Venue::resync`], and repeats it until the book is live.
    pub fn request_snapshot(&mut self, id: BookId) {
        self.resyncs.add(id, self.now);
    }

    /// Reports a failed request for a snapshot. The session repeats it with backoff.
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

    /// Replaces the levels of a book by a snapshot, and reports the change of state and the update. `refusal` converts an
    /// error of the book. If another connection has adopted the book, the snapshot is dropped and counted as unrequested.
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

    /// Applies a delta to a book, and reports the change of state and the update. A delta that causes a gap has no update,
    /// unless levels changed. `refusal` converts an error of the book. If another connection has adopted the book, the delta
    /// is dropped and counted as unrequested.
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

    /// Applies a message to its book, if the memory budget allows that, and reports the outcome.
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
            // Its `sent` is from another connection.
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

    /// Handles a message whose book would exceed the memory budget.
    #[cold]
    fn refused_growth(&mut self, id: BookId, line: u32, bytes: &[u8]) -> ControlFlow<()> {
        self.mark_gap(id, Gap::Refused);
        self.report()?;
        self.over_budget(line, bytes)
    }

    /// Reports the outcome of a snapshot or delta.
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
                    // A book without a first snapshot does not become a gap, which would request one.
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

    /// Handles a message that was old, or that caused a gap.
    #[cold]
    fn not_applied(&mut self, message: &Applied<'_>, outcome: Outcome) -> ControlFlow<()> {
        let id = message.book;
        match outcome {
            Outcome::Old => {
                self.stats.repeated += 1;
                let state = self.books.state(id);
                // The book is newer than the snapshot, so it needs none.
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

    /// Reports the levels that a message changed before it caused a gap, so that a mirror built from changes stays exact.
    fn partly_applied(&mut self, message: &Applied<'_>) -> ControlFlow<()> {
        let changes = self.books.changes(message.book);
        if changes.is_empty() {
            return ControlFlow::Continue(());
        }
        let event = Event::Book(message.update(self.frame, self.received, changes));
        self.handler.on_event(event, self.books)
    }
}

/// Trades, candles and accounts.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// Stores ([`Books::trades`]) and reports the trades of a book's instrument. With `repeats`, the list is newest first, and
    /// trades that it repeats are dropped. Without it, all trades are new, oldest first. If another connection has adopted
    /// the book, it reports the same trades, so these are dropped and counted as unrequested.
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

    /// Reports the trades of an instrument that may have no book, in ticks and lots of `scale`. Stores them if it has a book
    /// of this scale.
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

    /// Stores a candle in its series, and reports it.
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

    /// Stores all balances of the account ([`Books::account_of`]), and reports each. An item contains the asset, the balance
    /// and its available part. On a connection without an account, they are only reported, and counted as unrequested.
    /// Calls `list` twice.
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

    /// Stores and reports the current state of orders, as [`Context::balances`] does with balances.
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

/// Snapshot requests of the session.
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

    /// Requests a snapshot of a book for the user. Also reports that the venue does not support it.
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

    /// Counts and reports a request for a snapshot.
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
