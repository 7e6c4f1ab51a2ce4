//! The protocol of Kraken: outgoing messages, and the processing of incoming ones.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use ticklot_book::{
    Book, BookState, Coverage, Flat, Gap, Ladder, Nanos, Scale, Sequence, Side, Storage,
};
use ticklot_frame::kraken::{
    self, Ack, Channel as WireChannel, Decoder, Depth, Instruments, Message, Method, Pair,
    PairStatus, Refusal, RefusalKind, Request, Status, System, Trades, checksum,
};
use ticklot_frame::{DecodeError, Scales, Skipped, Trade, VenueName};

use super::topic::Topic;
use super::{
    BuildError, Command, INSTRUMENTS_TIMEOUT, Kraken, Protocol, RATE_LIMIT, SILENCE_LIMIT,
};
use crate::books::{BookConfig, BookId, Books, ConnectionId, Instrument};
use crate::event::{EndReason, Event, Handler, RequestFailure, StatusUpdate, TradingStatus};
use crate::session::RateLimit;
use crate::venue::on_message::OnMessage;
use crate::venue::subscriptions::{Action, Confirmed, INLINE, Name, SubscriptionState, ToSend};
use crate::venue::{
    CallOutcome, CommandCheck, Context, Delta, ErrorScope, Liveness, ResyncReply, SendSlot,
    Snapshot, Venue,
};

impl Venue for Kraken {
    type Command = Command;
    type Message<'a> = Message<'a>;

    fn name(&self) -> VenueName {
        VenueName::KRAKEN
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let names: Vec<String> = self.protocol.symbols.names().map(str::to_owned).collect();
        for name in names {
            let scale = self.protocol.symbols.scale(&name);
            let config = self.protocol.config(scale, self.protocol.depth.levels());
            let id = books.add(connection, &instrument(&name), config);
            self.protocol.symbols.set_book(&name, id);
            self.protocol.symbols.add(&name).is_followed = true;
        }
    }

    fn wants_connection(&self) -> bool {
        // The list of instruments alone needs no connection.
        self.protocol.any || self.protocol.subscriptions.desired() > 1
    }

    fn liveness(&self) -> Liveness {
        Liveness::Connection
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        let protocol = &mut self.protocol;
        protocol.open = true;
        protocol.has_instruments = false;
        protocol.is_subscribed = false;
        protocol.instruments_by = (!protocol.any).then(|| context.now().after(INSTRUMENTS_TIMEOUT));
        protocol.subscriptions.restart();
        protocol.pings.restart(context.now());
    }

    fn closed(&mut self) {
        self.protocol.open = false;
        self.protocol.instruments_by = None;
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let Self {
            decoder, protocol, ..
        } = self;
        let decoded = decoder.decode(frame, &protocol.symbols);
        context.decoded();
        let flow = match decoded {
            Ok(Message::Heartbeat) => ControlFlow::Continue(()),
            Ok(Message::Books(books)) => {
                context.count_message();
                let mut books = books.iter();
                books.try_for_each(|book| protocol.book(&book, frame, context))
            }
            Ok(message) => {
                context.count_message();
                protocol.message(&message, frame, context)
            }
            Err(error) => refused_frame(decoder, protocol, frame, error, context),
        };
        CallOutcome::from(flow)
    }

    fn release_memory(&mut self) {
        self.decoder = Decoder::new();
    }

    fn memory(&self) -> usize {
        self.protocol.subscriptions.memory() + self.protocol.symbols.memory()
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: Command,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        CallOutcome::from(match command {
            Command::Subscribe(topic) => self.protocol.follow(&topic, context),
            Command::Unsubscribe(topic) => self.protocol.unfollow(&topic, context),
            Command::Ping => {
                self.protocol.pings.request(context.now());
                ControlFlow::Continue(())
            }
        })
    }

    fn command_check(&self) -> CommandCheck<Command> {
        Arc::new(|command: &Command| match command {
            Command::Subscribe(topic) if topic.symbol() == Some("") => {
                Err(BuildError::EmptySymbol.to_string())
            }
            _ => Ok(()),
        })
    }

    fn resync<H: OnMessage<Self> + ?Sized>(
        &mut self,
        book: BookId,
        _context: &mut Context<'_, H>,
    ) -> ResyncReply {
        let Some(name) = self.protocol.symbols.name_of(book) else {
            return ResyncReply::Unsupported;
        };
        let topic = Topic::book(name);
        let subscriptions = &mut self.protocol.subscriptions;
        match subscriptions.state(&topic) {
            None | Some(SubscriptionState::Unsubscribing) => ResyncReply::Unsupported,
            Some(SubscriptionState::Refused) => {
                subscriptions.subscribe(topic, Name::Unused);
                ResyncReply::Interrupted
            }
            // Books are subscribed to after the list of instruments, but a renewal would be sent first.
            Some(_) if !self.protocol.has_instruments => ResyncReply::Pending,
            Some(_) if subscriptions.renew(&topic) => ResyncReply::Interrupted,
            Some(_) => ResyncReply::Pending,
        }
    }

    fn next_message(&mut self, now: Nanos, slot: SendSlot, out: &mut Vec<u8>) -> bool {
        let protocol = &mut self.protocol;
        if protocol.open && protocol.pings.take(now) {
            let ping = Request::Ping { req_id: None };
            let _ = ping.write(out);
            return true;
        }
        if slot != SendSlot::Any || !protocol.may_subscribe() {
            return false;
        }
        let depth = protocol.depth;
        protocol
            .subscriptions
            .send_next(now, |message| write(&message, depth, out))
    }

    fn has_message(&self, now: Nanos) -> bool {
        let protocol = &self.protocol;
        (protocol.subscriptions.is_due() && protocol.may_subscribe()) || protocol.pings.is_due(now)
    }

    fn next_due(&self) -> Option<Nanos> {
        self.protocol.pings.due()
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RATE_LIMIT)
    }

    fn deadline(&self) -> Option<Nanos> {
        let deadlines = [
            self.protocol.subscriptions.deadline(),
            self.protocol.instruments_by,
            self.protocol.pings.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let now = context.now();
        if self.protocol.instruments_by.is_some_and(|by| by <= now) {
            // Without the scales, no book can be decoded.
            return CallOutcome::CloseConnection(EndReason::HandshakeTimeout);
        }
        if self.protocol.pings.is_overdue(now) {
            return CallOutcome::CloseConnection(EndReason::PingTimeout);
        }
        let subscriptions = &mut self.protocol.subscriptions;
        CallOutcome::from(subscriptions.timeout(now, |topic, attempts| {
            context.unconfirmed(&topic.to_string(), attempts)
        }))
    }

    /// The same symbols with their known scales.
    fn scratch(&self) -> Option<Self> {
        let mut scratch = Self::empty(self.protocol.any);
        scratch.protocol.depth = self.protocol.depth;
        scratch.protocol.ladder = self.protocol.ladder;
        scratch.protocol.symbols = self.protocol.symbols.scratch();
        Some(scratch)
    }

    fn idle_timeout(&self) -> Option<Duration> {
        // Without a subscription, the venue sends no heartbeats.
        Some(match self.protocol.is_subscribed {
            true => SILENCE_LIMIT,
            false => 3 * SILENCE_LIMIT,
        })
    }
}

impl Protocol {
    /// Whether the next subscription may be sent. The list of instruments is first. The others wait for it, because it
    /// contains the scales of the books.
    fn may_subscribe(&self) -> bool {
        let state = self.subscriptions.state(&Topic::Instruments);
        self.has_instruments
            || !matches!(
                state,
                Some(SubscriptionState::Requested | SubscriptionState::Subscribed)
            )
    }

    /// The configuration of a book with `depth` levels per side.
    fn config(&self, scale: Scale, depth: u32) -> BookConfig {
        let levels = usize::try_from(depth).unwrap_or(usize::MAX);
        let config = BookConfig::deltas(scale, Sequence::None)
            .coverage(Coverage::Top(levels))
            .checksum(book_checksum::<Flat>, book_checksum::<Ladder>);
        match self.ladder {
            true => config.ladder(),
            false => config,
        }
    }

    /// Applies a snapshot or a delta of one book.
    fn book<H: Handler + ?Sized>(
        &mut self,
        book: &kraken::Book<'_>,
        bytes: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let id = match self.symbols.get(book.symbol) {
            Some(symbol) if symbol.is_followed => symbol.book,
            _ if self.any && !context.fits_budget(&instrument(book.symbol)) => {
                return context.over_budget(0, bytes);
            }
            _ if self.any => Some(self.add_book(book.symbol, context)),
            _ => None,
        };
        let Some(id) = id else {
            context.count_unrequested();
            return ControlFlow::Continue(());
        };
        let refusal = |error| book.refusal(error);
        if book.is_snapshot {
            let snapshot = Snapshot {
                bytes,
                bids: book.bids,
                asks: book.asks,
                checksum: book.checksum,
                sent: book.sent,
                ..Snapshot::default()
            };
            return context.apply_snapshot(id, &snapshot, refusal);
        }
        let delta = Delta {
            bytes,
            bids: book.bids,
            asks: book.asks,
            checksum: book.checksum,
            sent: book.sent,
            ..Delta::default()
        };
        context.apply_delta(id, &delta, refusal)
    }

    /// Finds or adds the book of a symbol, with the depth of its acknowledgement and the scale of its instrument, if known.
    fn add_book<H: Handler + ?Sized>(
        &mut self,
        name: &str,
        context: &mut Context<'_, H>,
    ) -> BookId {
        let symbol = *self.symbols.add(name);
        let depth = symbol.depth.unwrap_or(self.depth.levels());
        let config = self.config(self.symbols.scale(name), depth);
        let id = context.add_book(&instrument(name), config);
        self.symbols.set_book(name, id);
        id
    }

    fn message<H: OnMessage<Kraken> + ?Sized>(
        &mut self,
        message: &Message<'_>,
        bytes: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        match message {
            Message::Status(status) => {
                context.message::<Kraken>(message)?;
                status_update(status, context)
            }
            Message::Trades(trades) => {
                context.message::<Kraken>(message)?;
                self.trades(trades, context)?;
                match trades.skipped {
                    Some(Skipped { first, .. }) => {
                        context.unreadable(ErrorScope::None, *first, bytes)
                    }
                    None => ControlFlow::Continue(()),
                }
            }
            Message::Instruments(instruments) => {
                context.message::<Kraken>(message)?;
                self.instruments(instruments, context)
            }
            Message::Ack(ack) => self.acknowledged(ack, bytes, context),
            Message::Refused(refusal) => self.refused(refusal, context),
            Message::Pong { .. } => match self.pings.answered(context.received()) {
                Some(time) => context.emit(Event::RoundTrip {
                    connection: context.connection(),
                    time,
                }),
                None => ControlFlow::Continue(()),
            },
            Message::Unknown { kind } => context.unknown(kind, bytes),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Reports trades. Consecutive trades of one symbol are reported together.
    fn trades<H: Handler + ?Sized>(
        &mut self,
        trades: &Trades<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let mut all = trades.iter().peekable();
        while let Some(first) = all.next() {
            self.trade_buffer.clear();
            self.trade_buffer.push(trade(&first));
            while let Some(next) = all.next_if(|next| next.symbol == first.symbol) {
                self.trade_buffer.push(trade(&next));
            }
            let symbol = self.symbols.get(first.symbol);
            if !self.any && !symbol.is_some_and(|symbol| symbol.has_trades) {
                context.count_unrequested();
                continue;
            }
            let scale = self.symbols.scale(first.symbol);
            match symbol.and_then(|symbol| symbol.book) {
                // Trades of a snapshot may have been reported before.
                Some(id) if trades.is_snapshot => {
                    self.trade_buffer.reverse();
                    context.trades(id, &self.trade_buffer, true, None)?;
                }
                Some(id) => context.trades(id, &self.trade_buffer, false, None)?,
                None => {
                    context.trades_of(
                        &instrument(first.symbol),
                        scale,
                        &self.trade_buffer,
                        None,
                    )?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Processes the list of instruments: the precision becomes the scale of the books.
    fn instruments<H: Handler + ?Sized>(
        &mut self,
        instruments: &Instruments<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        context.confirmed();
        if instruments.is_snapshot {
            self.has_instruments = true;
            self.instruments_by = None;
            // The list confirms the subscription, in case its acknowledgement was lost.
            self.subscriptions.on_topic_subscribed(&Topic::Instruments);
        }
        for pair in instruments.iter() {
            let growth = self.symbols.growth(pair.symbol);
            if self.any && context.has_room_for(growth, None) {
                self.symbols.add(pair.symbol);
            }
            if self.symbols.get(pair.symbol).is_some() {
                self.instrument(&pair, context)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn instrument<H: Handler + ?Sized>(
        &mut self,
        pair: &Pair<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let symbol = self.symbols.add(pair.symbol);
        let status = symbol.status.replace(pair.status);
        let book = symbol.book;
        if let Ok(scale) = pair.scale() {
            symbol.scale = Some(scale);
            if let Some(id) = book {
                context.set_scale(id, scale)?;
            }
        }
        let is_changed = match status {
            Some(old) => old != pair.status,
            // The first status is only reported if it is unusual.
            None => pair.status != PairStatus::Online,
        };
        if !is_changed || (self.any && book.is_none()) {
            return ControlFlow::Continue(());
        }
        context.emit(Event::Status(StatusUpdate {
            connection: context.connection(),
            instrument: Some(instrument(pair.symbol)),
            book,
            status: pair_status(pair.status),
            text: pair.status_text.unwrap_or_default(),
        }))
    }

    fn acknowledged<H: Handler + ?Sized>(
        &mut self,
        ack: &Ack<'_>,
        bytes: &[u8],
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Some(topic) = Topic::of_channel(ack.channel, ack.symbol) else {
            return context.unknown(ack.channel, bytes);
        };
        context.confirmed();
        let connection = context.connection();
        let name = topic.to_string();
        match ack.method {
            Method::Subscribe => {
                if self.any {
                    self.note_depth(ack, context)?;
                } else if self.subscriptions.on_topic_subscribed(&topic) == Confirmed::Undesired
                    && self.subscriptions.state(&topic).is_none()
                {
                    // The topic was removed before its confirmation.
                    self.subscriptions.unsubscribe_orphan(&name);
                }
                self.is_subscribed |= ack.symbol.is_some();
                let topic = name.as_str();
                context.emit(Event::Subscribed { connection, topic })
            }
            Method::Unsubscribe => {
                self.unsubscribed(&topic, context)?;
                let topic = name.as_str();
                context.emit(Event::Unsubscribed { connection, topic })
            }
        }
    }

    /// Handles the end of a subscription. Its book receives no updates until it is subscribed to again.
    fn unsubscribed<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let is_requested = self.subscriptions.awaits_reply(topic, Action::Unsubscribe);
        let is_desired = self
            .subscriptions
            .on_topic_unsubscribed(topic, context.now())
            == Confirmed::Desired;
        match self.book_of(topic) {
            Some(id) if self.any => context.unfollow(&[id]),
            // The venue ended the subscription by itself.
            Some(id) if is_desired && !is_requested => context.gap(id, Gap::Resync),
            _ => ControlFlow::Continue(()),
        }
    }

    /// The book of a symbol, if it is followed.
    fn followed(&self, name: &str) -> Option<BookId> {
        let symbol = self.symbols.get(name)?;
        symbol.book.filter(|_| self.any || symbol.is_followed)
    }

    /// Requests snapshots after a frame that may have contained a first snapshot was lost. A book without a first snapshot
    /// does not become a gap, which would request one.
    fn request_lost_snapshots<H: Handler + ?Sized>(
        &self,
        concerns: ErrorScope<'_>,
        context: &mut Context<'_, H>,
    ) {
        let mut request = |id| {
            if matches!(
                context.books().state(id),
                BookState::Empty | BookState::Disconnected
            ) {
                context.request_snapshot(id);
            }
        };
        match concerns {
            ErrorScope::Book(id) => request(id),
            ErrorScope::Connection => {
                let topics = self.subscriptions.iter();
                let subscribed =
                    topics.filter(|(_, state)| *state == SubscriptionState::Subscribed);
                subscribed
                    .filter_map(|(topic, _)| self.book_of(topic))
                    .for_each(request);
            }
            _ => {}
        }
    }

    /// The book of a topic; none for other topics.
    fn book_of(&self, topic: &Topic) -> Option<BookId> {
        match topic {
            Topic::Book(name) => self.symbols.get(name)?.book,
            Topic::Instruments | Topic::Trades(_) => None,
        }
    }

    /// Sets the depth of a book from an acknowledgement in a log.
    fn note_depth<H: Handler + ?Sized>(
        &mut self,
        ack: &Ack<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let ("book", Some(name), Some(depth)) = (ack.channel, ack.symbol, ack.depth) else {
            return ControlFlow::Continue(());
        };
        let symbol = self.symbols.add(name);
        let old = symbol.depth.replace(depth);
        let book = symbol.book;
        if let Some(id) = book.filter(|_| old != Some(depth)) {
            // A book cannot change its depth, so it is replaced.
            context.remove_book(id)?;
            self.add_book(name, context);
        }
        ControlFlow::Continue(())
    }

    fn refused<H: Handler + ?Sized>(
        &mut self,
        refusal: &Refusal<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let message = refusal.error.unwrap_or_default();
        let kind = refusal.kind();
        if kind == RefusalKind::RateLimited {
            context.rate_limited();
        }
        let request = refusal
            .symbol
            .and_then(|symbol| self.request_of(symbol, refusal.method));
        let topic = request.as_ref().map(|(topic, _)| topic.to_string());
        match request {
            Some((topic, action)) => {
                self.request_refused(&topic, action, (kind, message), context)?;
            }
            None if kind == RefusalKind::RateLimited && refusal.symbol.is_none() => {
                self.subscriptions.on_rate_limited();
            }
            None => {}
        }
        context.refused(message, topic.as_deref())
    }

    /// The unanswered request that a refusal with this symbol and this method refers to.
    fn request_of(&self, symbol: &str, method: Option<&str>) -> Option<(Topic, Action)> {
        let actions: &[Action] = match method {
            Some("subscribe") => &[Action::Subscribe],
            Some("unsubscribe") => &[Action::Unsubscribe],
            _ => &[Action::Unsubscribe, Action::Subscribe],
        };
        let topics = [Topic::book(symbol), Topic::trades(symbol)];
        let all = topics
            .iter()
            .flat_map(|topic| actions.iter().map(move |action| (topic, *action)));
        let mut unanswered =
            all.filter(|(topic, action)| self.subscriptions.awaits_reply(topic, *action));
        unanswered
            .next()
            .map(|(topic, action)| (topic.clone(), action))
    }

    fn request_refused<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        action: Action,
        (kind, message): (RefusalKind, &str),
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if kind == RefusalKind::RateLimited {
            self.subscriptions.on_topic_rate_limited(topic, action);
            return ControlFlow::Continue(());
        }
        if action == Action::Subscribe && kind == RefusalKind::AlreadySubscribed {
            self.already_subscribed(topic, context.books());
            return ControlFlow::Continue(());
        }
        let is_refused = self.subscriptions.on_request_refused(topic, action);
        match self.book_of(topic).filter(|_| is_refused) {
            Some(id) => {
                let failure = RequestFailure::Refused(message.to_owned());
                context.resync_failed(id, &failure)
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// Handles the refusal of a repeated subscription, after an acknowledgement was lost. If it was that of an
    /// unsubscription, the venue sends no snapshot, so the topic is renewed.
    fn already_subscribed(&mut self, topic: &Topic, books: &Books) {
        self.subscriptions.on_topic_subscribed(topic);
        let needs_snapshot = |id| {
            matches!(
                books.state(id),
                BookState::Empty | BookState::Disconnected | BookState::Gap(_)
            )
        };
        if self.book_of(topic).is_some_and(needs_snapshot) {
            self.subscriptions.renew(topic);
        }
    }

    /// Executes [`Command::Subscribe`].
    fn follow<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if topic.symbol().is_some_and(str::is_empty) {
            return context.refused("an empty symbol", None);
        }
        if !self.fits_budget(topic, context) {
            return context.refused("no room in memory for a topic", Some(&topic.to_string()));
        }
        self.subscriptions.subscribe(topic.clone(), Name::Unused);
        if !self.subscriptions.is_desired(topic) {
            return context.refused("too many topics", Some(&topic.to_string()));
        }
        match topic {
            Topic::Book(name) => {
                self.symbols.add(name).is_followed = true;
                self.add_book(name, context);
            }
            Topic::Trades(name) => self.symbols.add(name).has_trades = true,
            Topic::Instruments => {}
        }
        ControlFlow::Continue(())
    }

    /// Whether the memory budget has room for a topic, its symbol and its book, if they are new.
    fn fits_budget<H: Handler + ?Sized>(
        &self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> bool {
        let name = topic.symbol().unwrap_or_default();
        let new = self.subscriptions.growth(topic, &Name::Unused) + self.symbols.growth(name);
        let is_new_book = matches!(topic, Topic::Book(_)) && self.book_of(topic).is_none();
        let book = instrument(name);
        context.has_room_for(new, is_new_book.then_some(&book))
    }

    /// Executes [`Command::Unsubscribe`].
    fn unfollow<H: Handler + ?Sized>(
        &mut self,
        topic: &Topic,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        if *topic == Topic::Instruments || !self.subscriptions.unsubscribe(topic, self.open) {
            return ControlFlow::Continue(());
        }
        let symbol = self.symbols.add(topic.symbol().unwrap_or_default());
        if matches!(topic, Topic::Trades(_)) {
            symbol.has_trades = false;
            return ControlFlow::Continue(());
        }
        symbol.is_followed = false;
        match symbol.book {
            Some(id) => context.unfollow(&[id]),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Handles a frame that could not be decoded. It may have updated the book that it names, or any book of the connection.
#[cold]
fn refused_frame<H: Handler + ?Sized>(
    decoder: &mut Decoder,
    protocol: &Protocol,
    frame: &[u8],
    error: DecodeError,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let message = decoder.identify(frame).unwrap_or_default();
    let is_other = message.method.is_some() || message.channel.is_some_and(|it| it != "book");
    let concerns = match message.symbol {
        _ if is_other => ErrorScope::None,
        None => ErrorScope::Connection,
        Some(name) => match protocol.followed(name) {
            Some(id) => ErrorScope::Book(id),
            None if protocol.any => ErrorScope::None,
            // An unrequested symbol has no known scale, which does not make the frame invalid.
            None => {
                context.count_unrequested();
                return ControlFlow::Continue(());
            }
        },
    };
    protocol.request_lost_snapshots(concerns, context);
    context.unreadable(concerns, error, frame)
}

fn instrument(symbol: &str) -> Instrument<'_> {
    Instrument::of_symbol(VenueName::KRAKEN, symbol)
}

/// The venue's checksum of a book, over the ten best levels of each side.
fn book_checksum<S: Storage>(book: &Book<S>) -> u32 {
    checksum(book.levels(Side::Ask), book.levels(Side::Bid))
}

fn trade(trade: &kraken::Trade<'_>) -> Trade {
    Trade {
        ticks: trade.ticks,
        lots: trade.lots,
        side: trade.side,
        created: trade.created.unwrap_or_default(),
    }
}

/// Writes a message of [`Subscriptions`](crate::venue::subscriptions::Subscriptions). Symbols were checked before.
fn write(message: &ToSend<'_, Topic>, depth: Depth, out: &mut Vec<u8>) {
    let (topics, is_subscription) = match message {
        ToSend::Subscribe(topics) => (topics, true),
        ToSend::Unsubscribe(topics) => (topics, false),
        ToSend::UnsubscribeByName(name) => return unsubscribe_orphan(name, depth, out),
    };
    let Some(first) = topics.first() else { return };
    let channel = wire_channel(first, depth);
    let symbols: SmallVec<[&str; INLINE]> =
        topics.iter().filter_map(|topic| topic.symbol()).collect();
    write_request(channel, &symbols, is_subscription, out);
}

/// Writes the unsubscription from an orphan. Its name is that of a [`Topic`].
fn unsubscribe_orphan(name: &str, depth: Depth, out: &mut Vec<u8>) {
    let Some((channel, symbol)) = name.split_once(':') else {
        return;
    };
    if let Some(topic) = Topic::of_channel(channel, Some(symbol)) {
        write_request(wire_channel(&topic, depth), &[symbol], false, out);
    }
}

fn write_request(channel: WireChannel, symbols: &[&str], is_subscription: bool, out: &mut Vec<u8>) {
    let req_id = None;
    let request = match is_subscription {
        true => Request::Subscribe {
            channel,
            symbols,
            req_id,
        },
        false => Request::Unsubscribe {
            channel,
            symbols,
            req_id,
        },
    };
    let _ = request.write(out);
}

fn wire_channel(topic: &Topic, depth: Depth) -> WireChannel {
    match topic {
        Topic::Instruments => WireChannel::Instrument { snapshot: true },
        Topic::Book(_) => WireChannel::Book {
            depth,
            snapshot: true,
        },
        Topic::Trades(_) => WireChannel::Trade { snapshot: false },
    }
}

fn status_update<H: Handler + ?Sized>(
    status: &Status<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let connection = context.connection();
    if let Some(id) = status.connection_id {
        context.emit(Event::Welcome {
            connection,
            client_id: Some(&id.to_string()),
            message: status.version,
        })?;
    }
    context.emit(Event::Status(StatusUpdate {
        connection,
        instrument: None,
        book: None,
        status: match status.system {
            System::Online => TradingStatus::Online,
            System::Maintenance => TradingStatus::Maintenance,
            System::CancelOnly => TradingStatus::CancelOnly,
            System::PostOnly => TradingStatus::PostOnly,
            _ => TradingStatus::Other,
        },
        text: status.system_text,
    }))
}

fn pair_status(status: PairStatus) -> TradingStatus {
    match status {
        PairStatus::Online => TradingStatus::Online,
        PairStatus::CancelOnly => TradingStatus::CancelOnly,
        PairStatus::Delisted => TradingStatus::Delisted,
        PairStatus::LimitOnly => TradingStatus::LimitOnly,
        PairStatus::Maintenance => TradingStatus::Maintenance,
        PairStatus::PostOnly => TradingStatus::PostOnly,
        PairStatus::ReduceOnly => TradingStatus::ReduceOnly,
        PairStatus::WorkInProgress => TradingStatus::Halted,
        _ => TradingStatus::Other,
    }
}
