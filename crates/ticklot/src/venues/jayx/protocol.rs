//! The protocol of JayX: outgoing messages, and the processing of incoming ones.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot_book::{Nanos, Scale};
use ticklot_frame::jayx::{
    self, CONNECT, Control, Decoder, Envelope, Kline, Message, OpenOrders, OrderBook, PONG,
    Positions, acknowledge, redact, requested_ack,
};
use ticklot_frame::{Lines, Skipped, VenueName};

use super::{
    ACK_TIMEOUT, HANDSHAKE_TIMEOUT, JayX, MAX_DOUBLINGS, MAX_SILENCE, PLAIN_IDLE_TIMEOUT, Topic,
};
use crate::books::{BookConfig, BookId, Books, Candle, CandlesId, ConnectionId, Instrument};
use crate::event::{
    Disconnect, EndReason, Event, Handler, LastTrade, OrderRef, OrderUpdate, Source,
};
use crate::session::Outbox;
use crate::venue::on_message::OnMessage;
use crate::venue::{CallOutcome, Context, ErrorScope, NoCommand, Snapshot, Venue};

impl Venue for JayX {
    type Command = NoCommand;
    type Message<'a> = Message<'a>;

    fn name(&self) -> VenueName {
        VenueName::JAYX
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        for topic in &self.topics {
            match topic {
                Topic::OrderBook { symbol, .. } => {
                    let config = BookConfig::snapshots(self.scale);
                    self.book = Some(books.add(connection, &instrument(symbol), config));
                }
                Topic::Kline { symbol, interval } => {
                    let id =
                        books.add_candles(connection, &instrument(symbol), interval, self.scale);
                    self.candles.push((symbol.as_str().into(), id));
                }
                Topic::Positions | Topic::OpenOrders { .. } => {
                    books.add_account(connection, VenueName::JAYX);
                }
            }
        }
    }

    fn wants_connection(&self) -> bool {
        !self.topics.is_empty()
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        self.idle_timeout = None;
        self.join_by = None;
        self.book_by = None;
        self.attempts = 0;
        let now = context.now();
        self.envelopes.opened(now);
        if self.envelopes.current == Envelope::Plain {
            self.idle_timeout = self.book.map(|_| PLAIN_IDLE_TIMEOUT);
            self.subscribe(now, context.outbox());
        } else {
            // In Socket.IO, the server sends the first packet.
            self.join_by = Some(now.after(HANDSHAKE_TIMEOUT));
        }
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        if self.decoder.is_packet(frame) {
            // A packet is not split into lines.
            return self.text(frame, 0, context);
        }
        for line in Lines::new(frame) {
            match self.text(line.bytes, line.number, context) {
                CallOutcome::Data => {}
                outcome => return outcome,
            }
        }
        CallOutcome::Data
    }

    fn release_memory(&mut self) {
        self.decoder = Decoder::new(self.decoder.envelope());
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {}
    }

    fn redact(&self, message: &mut Vec<u8>) {
        redact(message);
    }

    fn has_message(&self, _now: Nanos) -> bool {
        // All messages are queued in the outbox.
        false
    }

    fn deadline(&self) -> Option<Nanos> {
        let deadlines = [self.envelopes.open_by(), self.join_by.or(self.book_by)];
        deadlines.into_iter().flatten().min()
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let now = context.now();
        let is_over = |by: Option<Nanos>| by.is_some_and(|by| by <= now);
        if is_over(self.envelopes.open_by()) {
            let text = "no Socket.IO open packet within two seconds: trying plain JSON";
            return CallOutcome::CloseConnection(EndReason::Other(text.to_owned()));
        }
        if is_over(self.join_by) {
            return CallOutcome::CloseConnection(EndReason::HandshakeTimeout);
        }
        if let Some(topic) = self.book_topic() {
            self.request(topic, context.outbox());
        }
        let (topic, attempts) = (self.book_topic_name(), self.attempts);
        self.await_book(now);
        CallOutcome::from(context.unconfirmed(&topic, attempts))
    }

    fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    /// The order book, without the other topics and the key.
    fn scratch(&self) -> Option<Self> {
        Some(Self {
            envelopes: self.envelopes.clone(),
            topics: vec![self.book_topic()?.clone()],
            scale: self.scale,
            decoder: Decoder::new(self.decoder.envelope()),
            ..Self::connection()
        })
    }

    fn has_fallback_url(&mut self, reason: &Disconnect) -> bool {
        let joining = self.join_by.take().is_some();
        let falls_back = self.envelopes.falls_back(reason, joining);
        self.complete_url();
        falls_back
    }
}

fn instrument(symbol: &str) -> Instrument<'_> {
    Instrument::of_symbol(VenueName::JAYX, symbol)
}

/// The action for a packet of the Socket.IO session.
enum Step {
    Join { idle_timeout: Duration },
    Subscribe,
    Pong,
    End(EndReason),
    Nothing,
}

impl Step {
    fn of(control: Control<'_>) -> Self {
        match control {
            Control::Open {
                ping_interval_ms,
                ping_timeout_ms,
            } => {
                let limit = u64::from(ping_interval_ms) + u64::from(ping_timeout_ms);
                Self::Join {
                    idle_timeout: Duration::from_millis(limit).min(MAX_SILENCE),
                }
            }
            Control::Connected => Self::Subscribe,
            Control::Ping => Self::Pong,
            Control::Refused { message } => Self::End(EndReason::Refused(message.to_owned())),
            Control::Disconnected => Self::End(EndReason::NamespaceClosed),
            Control::Close => Self::End(EndReason::SessionClosed),
            _ => Self::Nothing,
        }
    }
}

impl JayX {
    /// Processes a packet, or a line of a plain JSON frame.
    fn text<H: OnMessage<Self> + ?Sized>(
        &mut self,
        text: &[u8],
        line: u32,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        // Socket.IO events with an id require an acknowledgement. The venue's documentation does not mention any.
        if self.envelopes.choice != Envelope::Plain
            && text.get(2).is_some_and(u8::is_ascii_digit)
            && let Some(id) = requested_ack(text)
        {
            context.outbox().push(|out| acknowledge(out, id));
        }
        let decoded = self.decoder.decode(text);
        context.decoded();
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                // The connection carries one book. It becomes a gap unless the message is of another type.
                let is_other = self
                    .decoder
                    .identify(text)
                    .is_some_and(|event| event != "orderbook");
                let concerns = match self.book {
                    Some(id) if !is_other => ErrorScope::Book(id),
                    _ => ErrorScope::None,
                };
                return CallOutcome::from(context.unreadable(concerns, error.on_line(line), text));
            }
        };
        if self.envelopes.learn(text, context).is_break() {
            return CallOutcome::StopFeed;
        }
        if let Message::Control(control) = message {
            if let Control::Refused { message } = control
                && context.refused(message, None).is_break()
            {
                return CallOutcome::StopFeed;
            }
            let step = Step::of(control);
            return self.step(step, context);
        }
        context.count_message();
        let skipped = message.skipped().copied();
        let flow = match &message {
            Message::OrderBook(update) => match self.book {
                Some(id) => {
                    context.count_path(update.path);
                    let flow = order_book(id, update, (text, line), context);
                    match self.book_by {
                        Some(_) if flow.is_continue() => self.book_arrived(id, context),
                        _ => flow,
                    }
                }
                None => {
                    context.count_unrequested();
                    ControlFlow::Continue(())
                }
            },
            Message::Error { message } => context.refused(message, None),
            Message::Unknown { kind } => context.unknown(kind, text),
            other => match context.message::<Self>(other) {
                ControlFlow::Continue(()) => events(&self.candles, self.scale, other, context),
                flow => flow,
            },
        };
        CallOutcome::from(match (flow, skipped) {
            (ControlFlow::Continue(()), Some(Skipped { first, .. })) => {
                context.unreadable(ErrorScope::None, first.on_line(line), text)
            }
            (flow, _) => flow,
        })
    }

    fn step<H: Handler + ?Sized>(
        &mut self,
        step: Step,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let now = context.now();
        let outbox = context.outbox();
        match step {
            Step::Join { .. } if self.idle_timeout.is_some() => {}
            Step::Join { idle_timeout } => {
                self.idle_timeout = Some(idle_timeout);
                outbox.push(|out| out.extend_from_slice(CONNECT));
            }
            // Once per connection, also if the server repeats its packet.
            Step::Subscribe if self.join_by.take().is_some() => self.subscribe(now, outbox),
            Step::Subscribe => {}
            Step::Pong => outbox.push(|out| out.extend_from_slice(PONG)),
            Step::End(reason) => return CallOutcome::CloseConnection(reason),
            Step::Nothing => {}
        }
        CallOutcome::Control
    }

    fn subscribe(&mut self, now: Nanos, outbox: &mut Outbox) {
        for topic in &self.topics {
            self.request(topic, outbox);
        }
        self.await_book(now);
    }

    fn request(&self, topic: &Topic, outbox: &mut Outbox) {
        outbox.push(|out| {
            // `build` has checked the request. An invalid one would append nothing.
            if let Ok(request) = topic.request(self.key.as_ref()) {
                let _ = request.write(self.envelopes.current, out);
            }
        });
    }

    /// The topic of the order book.
    fn book_topic(&self) -> Option<&Topic> {
        let is_book = |topic: &&Topic| matches!(topic, Topic::OrderBook { .. });
        self.topics.iter().find(is_book)
    }

    /// The name of the order book's subscription in events.
    fn book_topic_name(&self) -> String {
        match self.book_topic() {
            Some(Topic::OrderBook { symbol, .. }) => format!("orderbook:{symbol}"),
            _ => String::new(),
        }
    }

    /// Handles the first order book after a request. A book that was not applied does not confirm the subscription.
    #[cold]
    fn book_arrived<H: Handler + ?Sized>(
        &mut self,
        id: BookId,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let book = context.books().last_known(id);
        if book.is_none_or(|book| book.updates() == 0) {
            return ControlFlow::Continue(());
        }
        self.book_by = None;
        if self.attempts <= 1 {
            return ControlFlow::Continue(());
        }
        let (connection, topic) = (context.connection(), self.book_topic_name());
        context.emit(Event::Subscribed {
            connection,
            topic: &topic,
        })
    }

    /// Sets the deadline for the requested order book. The timeout doubles with each attempt.
    fn await_book(&mut self, now: Nanos) {
        let timeout = ACK_TIMEOUT * (1 << self.attempts.min(MAX_DOUBLINGS));
        self.book_by = self.book.map(|_| now.after(timeout));
        self.attempts = self.attempts.saturating_add(1);
    }
}

fn order_book<H: Handler + ?Sized>(
    id: BookId,
    update: &OrderBook<'_>,
    (bytes, line): (&[u8], u32),
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let last = update.trades.first();
    let snapshot = Snapshot {
        line,
        bytes,
        bids: update.bids,
        asks: update.asks,
        last_trade: last.map(|trade| LastTrade {
            ticks: trade.ticks,
            side: Some(trade.side),
        }),
        source: Source::Stream,
        ..Snapshot::default()
    };
    context.apply_snapshot(id, &snapshot, |error| update.refusal(error))?;
    context.trades(id, update.trades, true, None)
}

/// Emits the events of a message.
fn events<H: Handler + ?Sized>(
    series: &[(Box<str>, CandlesId)],
    scale: Scale,
    message: &Message<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    match message {
        Message::Kline(kline) => candles(series, kline, context),
        Message::Positions(list) => balances(list, context),
        Message::OpenOrders(list) => orders(list, scale, context),
        _ => ControlFlow::Continue(()),
    }
}

/// Emits candles. The modified candle is the finished predecessor of the added one.
fn candles<H: Handler + ?Sized>(
    series: &[(Box<str>, CandlesId)],
    kline: &Kline<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    context.confirmed();
    for candle in [kline.modify, kline.add].into_iter().flatten() {
        match series.iter().find(|(symbol, _)| **symbol == *candle.symbol) {
            Some((_, id)) => context.candle(*id, candle_of(&candle))?,
            None => context.count_unrequested(),
        }
    }
    ControlFlow::Continue(())
}

fn candle_of(candle: &jayx::Candle<'_>) -> Candle {
    Candle {
        opened: candle.opened,
        open: candle.open,
        high: candle.high,
        low: candle.low,
        close: candle.close,
        volume: candle.volume,
        modified: candle.modified,
    }
}

fn balances<H: Handler + ?Sized>(
    list: &Positions<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    context.balances(|| list.iter().map(|it| (it.asset, it.balance, it.available)))
}

/// Emits orders. Cancelled orders are closed, and modified ones are open.
fn orders<H: Handler + ?Sized>(
    list: &OpenOrders<'_>,
    scale: Scale,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let (connection, received) = (context.connection(), context.received());
    context.orders(|| {
        let cancelled = list.cancel.iter().map(|order| (order, false));
        let modified = list.modify.iter().map(|order| (order, true));
        cancelled
            .chain(modified)
            .map(move |(order, is_open)| OrderUpdate {
                connection,
                instrument: instrument(order.symbol),
                id: OrderRef::Number(order.id),
                is_open,
                kind: order.kind,
                status: order.state,
                side: order.side,
                price: order.price,
                quantity: order.quantity,
                filled: order.executed.map(|lots| scale.quantity(lots)),
                reserved: order.reserved,
                cost: order.cost,
                created: order.created,
                modified: order.modified,
                sent: None,
                received,
            })
    })
}
