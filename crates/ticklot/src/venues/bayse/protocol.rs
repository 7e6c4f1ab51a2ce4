//! The protocol of Bayse: outgoing messages, and the processing of incoming ones.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_frame::bayse::{
    Channel, Currency, Decoder, Endpoint, Message, Request, Room, ServerError, ServerErrorKind,
    UndecodedMessage, redact,
};
use ticklot_frame::{DecodeError, Line, Lines, Scales, VenueName};

use super::book_router::{BookRouter, Outcomes};
use super::events;
use super::rooms;
use super::topic::{Topic, write_subscription};
use super::{BOOKS_PATH, Bayse, Command, FirstBooks, RATE_LIMIT, SILENCE_LIMIT};
use crate::books::{Books, ConnectionId};
use crate::event::{EndReason, Event, Handler, RequestFailure, Source};
use crate::session::RateLimit;
use crate::venue::on_message::OnMessage;
use crate::venue::subscriptions::{Confirmed, Subscriptions, ToSend};
use crate::venue::{
    CallOutcome, CommandCheck, Context, ErrorScope, HttpRequest, RequestId, SendSlot, Venue,
};

impl Venue for Bayse {
    type Command = Command;
    type Message<'a> = Message<'a>;

    fn name(&self) -> VenueName {
        VenueName::BAYSE
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        if self.endpoint == Endpoint::User {
            books.add_account(connection, VenueName::BAYSE);
        }
    }

    fn wants_connection(&self) -> bool {
        self.router.any || self.subscriptions.desired() > 0
    }

    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, context: &mut Context<'_, H>) {
        self.open = true;
        self.fetch_due = self.first_books.is_some();
        self.subscriptions.restart();
        self.pings.restart(context.now());
    }

    fn closed(&mut self) {
        self.open = false;
    }

    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        for line in Lines::new(frame) {
            let flow = self.line(line, context);
            if flow.is_break() {
                return CallOutcome::StopFeed;
            }
        }
        CallOutcome::Data
    }

    fn release_memory(&mut self) {
        self.decoder = Decoder::new();
    }

    fn memory(&self) -> usize {
        self.subscriptions.memory()
    }

    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        command: Command,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        match command {
            Command::Subscribe(topic) => {
                let (currency, added) = (self.currency, topic.clone());
                let growth = self
                    .subscriptions
                    .growth(&topic, &rooms::name(&topic, currency));
                let refusal = if !context.has_room_for(growth, None) {
                    "no room in memory for a subscription"
                } else if let Err(error) = self.subscribe(topic) {
                    return CallOutcome::from(context.refused(&error.to_string(), None));
                } else if !self.subscriptions.is_desired(&added) {
                    "too many rooms"
                } else {
                    return CallOutcome::Data;
                };
                let room = rooms::display_name(&added, currency);
                return CallOutcome::from(context.refused(refusal, Some(&room)));
            }
            Command::Unsubscribe(topic) => {
                return CallOutcome::from(self.unsubscribe(&topic, context));
            }
            Command::Ping => self.pings.request(context.now()),
        }
        CallOutcome::Data
    }

    fn command_check(&self) -> CommandCheck<Command> {
        let endpoint = self.endpoint;
        Arc::new(move |command: &Command| match command {
            Command::Subscribe(topic) => topic.check_at(endpoint).map_err(|it| it.to_string()),
            Command::Unsubscribe(_) | Command::Ping => Ok(()),
        })
    }

    fn next_message(&mut self, now: Nanos, slot: SendSlot, out: &mut Vec<u8>) -> bool {
        let (endpoint, auth, currency) = (self.endpoint, self.auth.as_ref(), self.currency);
        // Cannot fail: invalid requests are refused when the user makes them.
        let mut write = |request: &Request<'_>| request.write(endpoint, auth, out);
        if self.open && self.pings.take(now) {
            let _ = write(&Request::Ping);
            return true;
        }
        slot == SendSlot::Any
            && self.subscriptions.send_next(now, |message| {
                let _ = match message {
                    ToSend::Subscribe(topics) => write_subscription(topics, currency, write),
                    ToSend::UnsubscribeByName(name) => write(&Request::Unsubscribe {
                        room: Room::Other(name),
                    }),
                    // Every topic has a name.
                    ToSend::Unsubscribe(_) => Ok(0),
                };
            })
    }

    fn redact(&self, message: &mut Vec<u8>) {
        redact(message);
    }

    fn has_message(&self, now: Nanos) -> bool {
        self.subscriptions.is_due() || self.pings.is_due(now)
    }

    fn rate_limit(&self) -> Option<RateLimit> {
        Some(RATE_LIMIT)
    }

    fn deadline(&self) -> Option<Nanos> {
        let deadlines = [self.subscriptions.deadline(), self.pings.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn next_due(&self) -> Option<Nanos> {
        self.pings.due()
    }

    fn timeout<H: OnMessage<Self> + ?Sized>(
        &mut self,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let (now, currency) = (context.now(), self.currency);
        if self.pings.is_overdue(now) {
            return CallOutcome::CloseConnection(EndReason::PingTimeout);
        }
        CallOutcome::from(self.subscriptions.timeout(now, |topic, attempts| {
            context.unconfirmed(&rooms::display_name(topic, currency), attempts)
        }))
    }

    fn idle_timeout(&self) -> Option<Duration> {
        Some(SILENCE_LIMIT)
    }

    /// Accepts all books. None for an endpoint without order books.
    fn scratch(&self) -> Option<Self> {
        (self.endpoint == Endpoint::Markets).then(|| Self {
            router: BookRouter {
                any: true,
                ..BookRouter::default()
            },
            scales: self.scales.clone(),
            currency: self.currency,
            is_scoped: self.is_scoped || !self.router.any,
            acknowledged: self.acknowledged,
            ..Self::at(self.endpoint, None)
        })
    }

    fn next_request(&mut self, _now: Nanos) -> Option<HttpRequest> {
        if !std::mem::take(&mut self.fetch_due) {
            return None;
        }
        let FirstBooks {
            base,
            outcomes,
            depth,
        } = self.first_books.as_ref()?;
        let mut url = format!(
            "{base}{BOOKS_PATH}?depth={depth}&currency={}",
            self.currency
        );
        for outcome in outcomes {
            url.push_str("&outcomeId[]=");
            percent_encode(&mut url, outcome);
        }
        let id = RequestId(0);
        Some(HttpRequest { id, url })
    }

    fn response<H: OnMessage<Self> + ?Sized>(
        &mut self,
        _request: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        // After a failure, the books wait for the stream.
        let Ok(body) = body else {
            return CallOutcome::Data;
        };
        let scope = self.scope();
        let Self {
            decoder,
            scales,
            router,
            ..
        } = self;
        let line = Line {
            number: 0,
            offset: 0,
            bytes: body,
        };
        let mut flow = ControlFlow::Continue(());
        let decoded = decoder.books(body, scales, |update| {
            flow = match update {
                Ok(update) => {
                    let scale = scales.scale(update.market_id);
                    router.apply(&update, line, (scope, scale, Source::Request), context)
                }
                Err(error) => context.unreadable(ErrorScope::None, error, body),
            };
            flow
        });
        if let (Err(error), ControlFlow::Continue(())) = (decoded, flow) {
            flow = context.unreadable(ErrorScope::None, error, body);
        }
        CallOutcome::from(flow)
    }
}

impl Bayse {
    /// Processes one line of a frame.
    fn line<H: OnMessage<Self> + ?Sized>(
        &mut self,
        line: Line<'_>,
        context: &mut Context<'_, H>,
    ) -> ControlFlow<()> {
        let scope = self.scope();
        let Self {
            decoder,
            scales,
            router,
            currency,
            subscriptions,
            pings,
            acknowledged,
            ..
        } = self;
        let decoded = decoder.decode(line.bytes, scales);
        context.decoded();
        let message = match decoded {
            Ok(message) => message,
            Err(error) => {
                return refused_line(decoder, &router.outcomes, line, error, context);
            }
        };
        context.count_message();
        let connection = context.connection();
        match &message {
            Message::OrderBook(update) => {
                context.count_path(update.path);
                let scale = scales.scale(update.market_id);
                router.apply(update, line, (scope, scale, Source::Stream), context)
            }
            Message::PriceUpdate(_)
            | Message::Activity(_)
            | Message::AssetPrice(_)
            | Message::OrderUpdated(_) => {
                if !router.any && !router.desired.wants(&message) {
                    context.count_unrequested();
                    return ControlFlow::Continue(());
                }
                context.confirmed();
                context.message::<Self>(&message)?;
                events::emit(&message, line, scope, scales, context)
            }
            Message::Connected {
                client_id, message, ..
            } => context.emit(Event::Welcome {
                connection,
                client_id: *client_id,
                message: *message,
            }),
            Message::Subscribed { room } => {
                if !context.has_room_for(subscriptions.name_growth(room), None) {
                    return context.over_budget(line.number, line.bytes);
                }
                context.confirmed();
                if let Room::OrderBook { currency, .. } = Room::parse(room) {
                    *acknowledged = Some(currency);
                }
                if subscriptions.on_subscribed(room) == Confirmed::Undesired && !router.any {
                    // The user has unsubscribed before the confirmation.
                    subscriptions.unsubscribe_orphan(room);
                }
                context.emit(Event::Subscribed {
                    connection,
                    topic: room,
                })
            }
            Message::Unsubscribed { room } => {
                subscriptions.on_unsubscribed(room, context.now());
                context.emit(Event::Unsubscribed {
                    connection,
                    topic: room,
                })
            }
            Message::Pong { .. } => match pings.answered(context.received()) {
                Some(time) => context.emit(Event::RoundTrip { connection, time }),
                None => ControlFlow::Continue(()),
            },
            Message::Error { message } => refused(message, subscriptions, *currency, context),
            Message::Unknown { kind } => context.unknown(kind, line.bytes),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Handles a line that could not be decoded. The books that it may have updated become gaps.
#[cold]
fn refused_line<H: Handler + ?Sized>(
    decoder: &mut Decoder,
    outcomes: &Outcomes,
    line: Line<'_>,
    error: DecodeError,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let UndecodedMessage::Book {
        market_id,
        outcome_id,
    } = decoder.identify(line.bytes)
    else {
        return context.unreadable(ErrorScope::None, error.on_line(line.number), line.bytes);
    };
    // A market or an outcome without a book needs no mark.
    let known = |market, outcome| outcomes.get(market, outcome, context.books());
    let concerns = match (market_id, outcome_id) {
        (Some(market), Some(outcome)) => {
            known(market, outcome).map_or(ErrorScope::None, ErrorScope::Book)
        }
        (Some(market), None) => ErrorScope::Books(outcomes.of_market(market)),
        (None, _) => ErrorScope::Connection,
    };
    context.unreadable(concerns, error.on_line(line.number), line.bytes)
}

/// Handles an error message of the server, and reports it with the topics that it most likely refers to.
fn refused<H: Handler + ?Sized>(
    message: &str,
    subscriptions: &mut Subscriptions<Topic>,
    currency: Currency,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let error = ServerError::new(message);
    let channel = match error.kind() {
        ServerErrorKind::RateLimited => {
            context.rate_limited();
            subscriptions.on_rate_limited();
            return context.refused(message, None);
        }
        ServerErrorKind::SymbolsRequired | ServerErrorKind::UnsupportedSymbol(_) => {
            Some(Channel::AssetPrices)
        }
        ServerErrorKind::UnsupportedCurrency => Some(Channel::OrderBook),
        _ => None,
    };
    let topics = subscriptions.on_refused(channel, message.split(|c| !is_id(c)));
    if topics.is_empty() {
        return context.refused(message, None);
    }
    for topic in &topics {
        context.refused(message, Some(&rooms::display_name(topic, currency)))?;
    }
    ControlFlow::Continue(())
}

/// Whether an id may contain this character, as far as is known.
fn is_id(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// Appends `text` to a URL, percent-encoded (RFC 3986, section 2.1).
fn percent_encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}
