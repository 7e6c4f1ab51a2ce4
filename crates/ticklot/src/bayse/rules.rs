//! The venue's rules: what is sent, and what a message means.

use std::ops::ControlFlow;

use ticklot_book::Nanos;
use ticklot_frame::bayse::{Channel, Message, Request, Room, ServerError, ServerErrorKind, redact};
use ticklot_frame::{Lines, Scales, VenueName};

use super::rooms::{Confirmed, Rooms, ToSend};
use super::target::{Target, known_book};
use super::topic::write_subscription;
use super::{Bayse, Command, FirstBooks, RATE_LIMIT, SILENCE_LIMIT};
use crate::books::{Books, ConnectionId};
use crate::event::{Event, Handler, Source};
use crate::limiter::RateLimit;
use crate::outbox::Outbox;
use crate::venue::{Context, Reply, Slot, Venue};

impl Venue for Bayse {
    type Command = Command;

    fn name(&self) -> VenueName {
        VenueName::BAYSE
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, _connection: ConnectionId, _books: &mut Books) {}

    fn is_wanted(&self) -> bool {
        self.any || self.rooms.desired() > 0
    }

    fn opened(&mut self, now: Nanos, _outbox: &mut Outbox) {
        self.open = true;
        self.rooms.restart();
        self.pings.sent = None;
        self.pings.due = self.pings.every.map(|every| now.after(every));
    }

    fn closed(&mut self) {
        self.open = false;
    }

    fn frame<H: Handler + ?Sized>(&mut self, frame: &[u8], context: &mut Context<'_, H>) -> Reply {
        for line in Lines::new(frame) {
            let flow = self.line(line.bytes, line.number, context);
            if flow.is_break() {
                return Reply::Stop;
            }
        }
        Reply::Data
    }

    fn command<H: Handler + ?Sized>(
        &mut self,
        command: Command,
        context: &mut Context<'_, H>,
    ) -> Reply {
        match command {
            Command::Subscribe(topic) => {
                if let Err(error) = self.want(topic) {
                    let (connection, message) = (context.connection, error.to_string());
                    let refused = Event::Refused {
                        connection,
                        message: &message,
                        room: None,
                    };
                    return Reply::from(context.emit(refused));
                }
            }
            Command::Unsubscribe(topic) => self.unwant(&topic, context.books),
            Command::Ping => self.pings.due = Some(context.now),
        }
        Reply::Data
    }

    fn next_message(&mut self, now: Nanos, slot: Slot, out: &mut Vec<u8>) -> bool {
        let (endpoint, auth, currency) = (self.endpoint, self.auth.as_ref(), self.currency);
        // What cannot be written was refused when it was asked for.
        let mut write = |request: &Request<'_>| request.write(endpoint, auth, out);
        if self.open && self.pings.due.is_some_and(|due| due <= now) {
            self.pings.due = self.pings.every.map(|every| now.after(every));
            self.pings.sent = Some(now);
            let _ = write(&Request::Ping);
            return true;
        }
        slot == Slot::Any
            && self.rooms.send_next(now, |message| {
                let _ = match message {
                    ToSend::Ask(topics) => write_subscription(topics, currency, write),
                    ToSend::Leave(name) => write(&Request::Unsubscribe {
                        room: Room::Other(name),
                    }),
                };
            })
    }

    fn redact(&self, message: &mut Vec<u8>) {
        redact(message);
    }

    fn has_message(&self, now: Nanos) -> bool {
        self.rooms.is_due() || self.pings.due.is_some_and(|due| due <= now)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RATE_LIMIT)
    }

    fn deadline(&self) -> Option<Nanos> {
        self.rooms.deadline()
    }

    fn next_due(&self) -> Option<Nanos> {
        self.pings.due
    }

    fn timeout<H: Handler + ?Sized>(&mut self, context: &mut Context<'_, H>) -> Reply {
        self.rooms.timeout(context.now);
        Reply::Data
    }

    fn silence_limit(&self) -> Option<Nanos> {
        Some(SILENCE_LIMIT)
    }

    #[cfg(feature = "sabotage")]
    fn sabotage(&mut self, bug: crate::Sabotage) {
        if bug == crate::Sabotage::AckNotRequired {
            self.rooms.sabotage();
        }
    }

    fn fetch(&mut self) -> Option<String> {
        let FirstBooks {
            base,
            outcomes,
            depth,
        } = self.first_books.as_ref()?;
        let mut url = format!(
            "{base}/v1/pm/books?depth={depth}&currency={}",
            self.currency
        );
        for outcome in outcomes {
            url.push_str("&outcomeId[]=");
            percent_encode(&mut url, outcome);
        }
        Some(url)
    }

    fn fetched<H: Handler + ?Sized>(&mut self, body: &[u8], context: &mut Context<'_, H>) -> Reply {
        let Self {
            decoder,
            scales,
            desired,
            outcomes,
            any,
            ..
        } = self;
        let mut target = Target {
            outcomes,
            desired,
            any: *any,
            source: Source::Request,
        };
        let mut flow = ControlFlow::Continue(());
        let whole = decoder.books(body, scales, |update| {
            flow = match update {
                Ok(update) => target.apply(&update, 0, scales.scale(update.market_id), context),
                Err(error) => context.bad_line(error),
            };
            flow
        });
        if let Err(error) = whole {
            flow = context.bad_line(error);
        }
        Reply::from(flow)
    }
}

impl Bayse {
    /// One line of a frame.
    fn line<H: Handler + ?Sized>(
        &mut self,
        line: &[u8],
        number: u32,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let Self {
            decoder,
            scales,
            desired,
            outcomes,
            any,
            rooms,
            pings,
            ..
        } = self;
        let decoded = decoder.decode(line, scales);
        context.decoded();
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                if let Some((market, outcome)) = decoder.subject(line)
                    && let Some(id) = known_book(outcomes, market, outcome, context.books)
                {
                    context.missed(id);
                }
                return context.bad_line(error.on_line(number));
            }
        };
        context.stats.messages += 1;
        let connection = context.connection;
        match &message {
            Message::OrderBook(update) => {
                let mut target = Target {
                    outcomes,
                    desired,
                    any: *any,
                    source: Source::Stream,
                };
                target.apply(update, number, scales.scale(update.market_id), context)
            }
            Message::PriceUpdate(_)
            | Message::Activity(_)
            | Message::AssetPrice(_)
            | Message::OrderUpdated(_) => {
                if !*any && !desired.wants(&message) {
                    context.stats.unrequested += 1;
                    return ControlFlow::Continue(());
                }
                context.proved = true;
                context.emit(Event::Bayse {
                    connection,
                    received: context.received,
                    message: &message,
                })
            }
            Message::Subscribed { room } => {
                context.proved = true;
                if rooms.joined(room) == Confirmed::Undesired && !*any {
                    // A confirmation that came after the change of mind: its room is left.
                    rooms.stray(room);
                }
                context.emit(Event::Subscribed { connection, room })
            }
            Message::Unsubscribed { room } => {
                rooms.left(room);
                context.emit(Event::Unsubscribed { connection, room })
            }
            Message::Pong { .. } => match pings.sent.take() {
                Some(sent) => {
                    let time = context.received.since(sent);
                    context.emit(Event::RoundTrip { connection, time })
                }
                None => ControlFlow::Continue(()),
            },
            Message::Error { message } => refused(message, rooms, context),
            Message::Unknown { kind } => context.unknown(kind),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The server refused something: what it most likely was is told with it.
fn refused<H: Handler + ?Sized>(
    message: &str,
    rooms: &mut Rooms,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let connection = context.connection;
    let error = ServerError::new(message);
    let channel = match error.kind() {
        ServerErrorKind::RateLimited => {
            context.slow_down = true;
            rooms.too_much();
            return context.emit(Event::Refused {
                connection,
                message,
                room: None,
            });
        }
        ServerErrorKind::SymbolsRequired | ServerErrorKind::UnsupportedSymbol(_) => {
            Some(Channel::AssetPrices)
        }
        ServerErrorKind::UnsupportedCurrency => Some(Channel::OrderBook),
        _ => None,
    };
    let names = |id: &str| message.split(|c: char| !is_id(c)).any(|word| word == id);
    let topics = rooms.refused(channel, |topic| names(topic.id()));
    if topics.is_empty() {
        return context.emit(Event::Refused {
            connection,
            message,
            room: None,
        });
    }
    for topic in &topics {
        let name = topic.room_name(rooms.currency());
        let room = Some(name.as_deref().unwrap_or(topic.id()));
        context.emit(Event::Refused {
            connection,
            message,
            room,
        })?;
    }
    ControlFlow::Continue(())
}

/// What ids are made of, as far as is known.
fn is_id(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// Appends `text` for a URL's query (RFC 3986, section 2.1).
fn percent_encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}
