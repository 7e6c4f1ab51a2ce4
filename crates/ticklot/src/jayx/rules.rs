//! The venue's rules: what is sent, and what a message means.

use std::ops::ControlFlow;

use ticklot_book::Nanos;
use ticklot_frame::VenueName;
use ticklot_frame::jayx::{
    Control, Envelope, JOIN, Message, OrderBook, PONG, acknowledge, asked_ack, redact,
};

use super::{HANDSHAKE, JayX, MAX_DOUBLINGS, PATIENCE, PLAIN_SILENCE, Topic};
use crate::books::{BookId, Books, ConnectionId};
use crate::event::{Event, Handler, LastTrade, Source};
use crate::outbox::Outbox;
use crate::venue::{Context, NoCommand, Reply, Snapshot, Venue};

impl Venue for JayX {
    type Command = NoCommand;

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
                    self.book = Some(books.add(connection, symbol, symbol, self.scale));
                }
                Topic::Kline { symbol, interval } => {
                    books.add_candles(connection, symbol, interval);
                }
                Topic::Positions | Topic::OpenOrders { .. } => books.add_account(connection),
            }
        }
    }

    fn is_wanted(&self) -> bool {
        !self.topics.is_empty()
    }

    fn opened(&mut self, now: Nanos, outbox: &mut Outbox) {
        self.silence_limit = None;
        self.join_by = None;
        self.book_by = None;
        self.tries = 0;
        if self.envelope == Envelope::Plain {
            self.silence_limit = self.book.map(|_| PLAIN_SILENCE);
            self.subscribe(now, outbox);
        } else {
            // In Socket.IO the server speaks first.
            self.join_by = Some(now.after(HANDSHAKE));
        }
    }

    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply {
        // An event whose receipt the server wants to know of; the venue documents none.
        if self.envelope != Envelope::Plain
            && frame.get(2).is_some_and(u8::is_ascii_digit)
            && let Some(id) = asked_ack(frame)
        {
            context.outbox.push(|out| acknowledge(out, id));
        }
        let decoded = self.decoder.decode(frame);
        context.decoded();
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                // What it was cannot be told, and the connection is for the book.
                if let Some(id) = self.book {
                    context.missed(id);
                }
                return Reply::from(context.bad_line(error));
            }
        };
        if let Message::Control(control) = message {
            let flow = match control {
                Control::Refused { message } => {
                    let connection = context.connection;
                    context.emit(Event::Refused {
                        connection,
                        message,
                        room: None,
                    })
                }
                _ => ControlFlow::Continue(()),
            };
            return match (flow, Step::of(control)) {
                (ControlFlow::Break(()), _) => Reply::Stop,
                (_, step) => self.step(step, context.now, context.outbox),
            };
        }
        context.stats.messages += 1;
        Reply::from(match &message {
            Message::OrderBook(update) => match self.book {
                Some(id) => {
                    let trades = self.trades.take(update.trades);
                    let flow = order_book(id, update, trades, context);
                    // One that could not be applied is no answer.
                    let book = context.books.untrusted(id);
                    if book.is_some_and(|book| book.updates() > 0) {
                        self.book_by = None;
                    }
                    flow
                }
                None => {
                    context.stats.unrequested += 1;
                    ControlFlow::Continue(())
                }
            },
            Message::Unknown { kind } => context.unknown(kind),
            message => beside(message, context),
        })
    }

    fn command<H: Handler + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> Reply {
        match command {}
    }

    fn redact(&self, message: &mut Vec<u8>) {
        redact(message);
    }

    fn has_message(&self, _now: Nanos) -> bool {
        // All that is sent is queued.
        false
    }

    fn deadline(&self) -> Option<Nanos> {
        self.join_by.or(self.book_by)
    }

    fn timeout<H: Handler + ?Sized>(&mut self, context: &mut Context<'_, H>) -> Reply {
        if self.join_by.is_some() {
            return Reply::End("the Socket.IO handshake took too long");
        }
        let is_book = |topic: &&Topic| matches!(topic, Topic::OrderBook { .. });
        if let Some(topic) = self.topics.iter().find(is_book) {
            self.ask(topic, context.outbox);
        }
        self.await_book(context.now);
        Reply::Data
    }

    fn silence_limit(&self) -> Option<Nanos> {
        self.silence_limit
    }
}

/// What a packet of the session asks for.
#[derive(Clone, Copy)]
enum Step {
    Join { silence_limit: Nanos },
    Subscribe,
    Pong,
    End(&'static str),
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
                    silence_limit: Nanos::from_millis(limit),
                }
            }
            Control::Joined => Self::Subscribe,
            Control::Ping => Self::Pong,
            Control::Refused { .. } => Self::End("the namespace was refused"),
            Control::Left => Self::End("the server ended the namespace"),
            Control::Close => Self::End("the server ended the session"),
            _ => Self::Nothing,
        }
    }
}

impl JayX {
    fn step(&mut self, step: Step, now: Nanos, outbox: &mut Outbox) -> Reply {
        match step {
            Step::Join { silence_limit } => {
                self.silence_limit = Some(silence_limit);
                outbox.push(|out| out.extend_from_slice(JOIN));
            }
            Step::Subscribe => {
                self.join_by = None;
                self.subscribe(now, outbox);
            }
            Step::Pong => outbox.push(|out| out.extend_from_slice(PONG)),
            Step::End(what) => return Reply::End(what),
            Step::Nothing => {}
        }
        Reply::Control
    }

    fn subscribe(&mut self, now: Nanos, outbox: &mut Outbox) {
        for topic in &self.topics {
            self.ask(topic, outbox);
        }
        self.await_book(now);
    }

    fn ask(&self, topic: &Topic, outbox: &mut Outbox) {
        outbox.push(|out| {
            // `build` has checked it; nothing is appended when it is wrong.
            if let Ok(request) = topic.request(self.key.as_ref()) {
                let _ = request.write(self.envelope, out);
            }
        });
    }

    /// The order book that was asked for is to come in time; the patience doubles with each try.
    fn await_book(&mut self, now: Nanos) {
        let patience = Nanos(PATIENCE.0 << self.tries.min(MAX_DOUBLINGS));
        self.book_by = self.book.map(|_| now.after(patience));
        self.tries = self.tries.saturating_add(1);
    }
}

fn order_book<H: Handler + ?Sized>(
    id: BookId,
    update: &OrderBook<'_>,
    trades: &[ticklot_frame::Trade],
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let last = update.trades.first();
    let snapshot = Snapshot {
        line: 0,
        bids: update.bids,
        asks: update.asks,
        trades,
        last_trade: last.map(|trade| LastTrade {
            ticks: trade.ticks,
            side: Some(trade.side),
        }),
        sent: None,
        source: Source::Stream,
    };
    context.snapshot(id, &snapshot, |error| update.refusal(error))
}

/// What is kept beside the books, and told as it came.
fn beside<H: Handler + ?Sized>(
    message: &Message<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let (connection, received) = (context.connection, context.received);
    let kept = match message {
        Message::Kline(kline) => context.books.apply_kline(connection, kline, received),
        Message::Positions(positions) => context.books.apply_account(connection, |account| {
            account.apply_positions(positions, received);
        }),
        Message::OpenOrders(orders) => context
            .books
            .apply_account(connection, |account| account.apply_orders(orders, received)),
        _ => true,
    };
    if !kept {
        context.stats.unrequested += 1;
    }
    context.proved = true;
    context.emit(Event::JayX {
        connection,
        received,
        message,
    })
}
