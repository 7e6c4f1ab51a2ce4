//! JayX: the spot exchange. One connection carries the order book of one symbol.

use std::ops::ControlFlow;

use ticklot_book::{Nanos, Scale};
use ticklot_frame::VenueName;
use ticklot_frame::jayx::{Control, Decoder, JOIN, Message, PONG, subscribe_order_book};
pub use ticklot_frame::jayx::{Envelope, SubscribeError};

use crate::books::{BookId, Books, ConnectionId, const_scale};
use crate::event::{Event, Handler, LastTrade, Source};
use crate::outbox::Outbox;
use crate::venue::{Context, NoCommand, Reply, Snapshot, Venue};

/// The venue's base URL (its documentation).
pub const URL: &str = "wss://stream.jayxstaging.com:8443";

/// What Socket.IO's WebSocket transport adds to the base URL (Engine.IO protocol, revision 4).
const SOCKET_IO_PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// How long the Socket.IO handshake may take, from the open connection to the joined namespace.
const HANDSHAKE: Nanos = Nanos::from_secs(20);

/// The scale of BTCUSDT, inferred from the documentation's examples: tick 0.01, lot 0.000001.
///
pub const BTCUSDT: Scale = const_scale(2, 6);

/// The order book of one symbol of JayX.
#[derive(Debug)]
pub struct JayX {
    base: String,
    /// The base with the envelope's path.
    url: String,
    subscription: Subscription,
    scale: Scale,
    decoder: Decoder,
    book: Option<BookId>,
    /// From the server's handshake: the longest time between two of its pings.
    silence_limit: Option<Nanos>,
    /// When the handshake must be over.
    join_by: Option<Nanos>,
}

/// What is subscribed to.
#[derive(Debug)]
struct Subscription {
    envelope: Envelope,
    symbol: String,
    precise: String,
}

impl Subscription {
    fn check(&self) -> Result<(), SubscribeError> {
        subscribe_order_book(&mut Vec::new(), self.envelope, &self.symbol, &self.precise)
    }

    fn send(&self, outbox: &mut Outbox) {
        outbox.push(|out| {
            // `JayX::build` has checked it; nothing is appended when it is wrong.
            let _ = subscribe_order_book(out, self.envelope, &self.symbol, &self.precise);
        });
    }
}

impl JayX {
    /// The order book of `symbol`, in Socket.IO, `precise` 1, with the scale of BTCUSDT. Scales are
    /// the user's to set per symbol: the wire carries whole ticks and lots.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        Self {
            base: URL.to_owned(),
            url: format!("{URL}{SOCKET_IO_PATH}"),
            subscription: Subscription {
                envelope: Envelope::SocketIo,
                symbol: symbol.to_owned(),
                precise: "1".to_owned(),
            },
            scale: BTCUSDT,
            decoder: Decoder::new(Envelope::SocketIo),
            book: None,
            silence_limit: None,
            join_by: None,
        }
    }

    /// Another base URL, without Socket.IO's path.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.base);
        self.complete_url()
    }

    /// Another envelope. [`Envelope::Auto`] is for replaying a log, not for connecting.
    #[must_use]
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.subscription.envelope = envelope;
        self.decoder = Decoder::new(envelope);
        self.complete_url()
    }

    fn complete_url(mut self) -> Self {
        let path = match self.subscription.envelope {
            Envelope::Plain => "",
            Envelope::SocketIo | Envelope::Auto => SOCKET_IO_PATH,
        };
        self.url = format!("{}{path}", self.base);
        self
    }

    /// Another `precise`: undocumented, probably how coarsely prices are grouped.
    #[must_use]
    pub fn precise(mut self, precise: &str) -> Self {
        precise.clone_into(&mut self.subscription.precise);
        self
    }

    /// Another scale, for showing ticks and lots as decimals.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Checks what would be sent, and gives the venue's rules to a feed or a session.
    ///
    /// # Errors
    /// The symbol or `precise` is empty.
    pub fn build(self) -> Result<Self, SubscribeError> {
        self.subscription.check()?;
        Ok(self)
    }
}

impl Venue for JayX {
    type Command = NoCommand;

    fn name(&self) -> VenueName {
        VenueName::JAYX
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let symbol = &self.subscription.symbol;
        self.book = Some(books.add(connection, symbol, symbol, self.scale));
    }

    fn opened(&mut self, now: Nanos, outbox: &mut Outbox) {
        self.silence_limit = None;
        self.join_by = None;
        if self.subscription.envelope == Envelope::Plain {
            self.subscription.send(outbox);
        } else {
            // In Socket.IO the server speaks first.
            self.join_by = Some(now.after(HANDSHAKE));
        }
    }

    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply {
        let Self {
            decoder,
            subscription,
            silence_limit,
            join_by,
            book,
            ..
        } = self;
        let decoded = decoder.decode(frame);
        if decoded
            .as_ref()
            .is_ok_and(|message| !matches!(message, Message::Control(_)))
        {
            context.stats.messages += 1;
        }
        let flow = match decoded {
            Ok(Message::OrderBook(update)) => {
                let Some(id) = *book else { return Reply::Data };
                let last = update.trades.first();
                let snapshot = Snapshot {
                    line: 0,
                    bids: update.bids,
                    asks: update.asks,
                    trades: update.trades,
                    last_trade: last.map(|t| LastTrade {
                        ticks: t.ticks,
                        side: Some(t.side),
                    }),
                    sent: None,
                    source: Source::Stream,
                };
                context.snapshot(id, &snapshot, |error| update.refusal(error))
            }
            Ok(Message::Control(Control::Refused { message })) => {
                let connection = context.connection;
                let flow = context.emit(Event::Refused {
                    connection,
                    message,
                    room: None,
                });
                return match flow {
                    ControlFlow::Continue(()) => Reply::End("the namespace was refused"),
                    ControlFlow::Break(()) => Reply::Stop,
                };
            }
            Ok(Message::Control(control)) => {
                if control == Control::Joined {
                    *join_by = None;
                }
                return heed(control, subscription, silence_limit, context.outbox);
            }
            Ok(Message::Unknown { kind }) => context.unknown(kind),
            Ok(message) => {
                let (connection, received) = (context.connection, context.now);
                context.emit(Event::JayX {
                    connection,
                    received,
                    message: &message,
                })
            }
            Err(error) => {
                // What it was cannot be told, and the connection is for the book.
                if let Some(id) = *book {
                    context.missed(id);
                }
                context.bad_line(error)
            }
        };
        Reply::from(flow)
    }

    fn command<H: Handler + ?Sized>(
        &mut self,
        command: NoCommand,
        _context: &mut Context<'_, H>,
    ) -> Reply {
        match command {}
    }

    fn deadline(&self) -> Option<Nanos> {
        self.join_by
    }

    fn timeout<H: Handler + ?Sized>(&mut self, _context: &mut Context<'_, H>) -> Reply {
        Reply::End("the Socket.IO handshake took too long")
    }

    fn silence_limit(&self) -> Option<Nanos> {
        self.silence_limit
    }
}

/// Does what the Socket.IO session asks for.
fn heed(
    control: Control<'_>,
    subscription: &Subscription,
    silence_limit: &mut Option<Nanos>,
    outbox: &mut Outbox,
) -> Reply {
    match control {
        Control::Open {
            ping_interval_ms,
            ping_timeout_ms,
        } => {
            let limit = u64::from(ping_interval_ms) + u64::from(ping_timeout_ms);
            *silence_limit = Some(Nanos::from_millis(limit));
            outbox.push(|out| out.extend_from_slice(JOIN));
        }
        Control::Joined => subscription.send(outbox),
        Control::Ping => outbox.push(|out| out.extend_from_slice(PONG)),
        Control::Left => return Reply::End("the server ended the namespace"),
        Control::Close => return Reply::End("the server ended the session"),
        _ => {}
    }
    Reply::Control
}
