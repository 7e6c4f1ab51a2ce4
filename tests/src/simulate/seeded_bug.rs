//! Seeded bugs, which the simulation has to find. A bug wraps the session under test or its handler, so the library itself
//! contains none.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::Value;
use ticklot::bayse::Currency;
use ticklot::events::{Cause, StateChange};
use ticklot::venue::Venue;
use ticklot::{BookId, BookState, Books, Event, Handler, OnMessage};
use ticklot_book::Nanos;

use super::handler::CheckingHandler;
use super::oracle::requested_rooms;

/// The number of state changes from one event with a bug to the next.
const EVERY: u64 = 20;

/// A bug in the client under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeededBug {
    /// JayX's snapshots are merged into the book: levels that a snapshot lacks are not removed.
    MergedSnapshot,
    /// A subscription at Bayse Markets counts as confirmed once it is sent.
    AckNotRequired,
    /// Messages to Bayse Markets are limited by a token bucket of the venue's rate, not by a sliding window.
    TokenBucket,
    /// Every 20th state change is not reported.
    DroppedEvent,
    /// Every 20th state change is reported in the next call to a session.
    DelayedEvent,
    /// Every 20th state change is reported twice.
    RepeatedEvent,
}

/// A bug of a session and its state.
#[derive(Debug, Default)]
pub(super) enum SessionBug {
    #[default]
    None,
    /// The bids and asks of the last order book.
    MergedSnapshot([Vec<Value>; 2]),
    /// Requested rooms, which the session sees confirmed with the next frame.
    AckNotRequired(Currency, Vec<String>),
    TokenBucket(TokenBucket),
}

impl SessionBug {
    /// The bug of a session with JayX (without a currency) or with Bayse Markets.
    pub(super) fn new(bug: Option<SeededBug>, currency: Option<Currency>) -> Self {
        match (bug, currency) {
            (Some(SeededBug::MergedSnapshot), None) => Self::MergedSnapshot(Default::default()),
            (Some(SeededBug::AckNotRequired), Some(currency)) => {
                Self::AckNotRequired(currency, Vec::new())
            }
            (Some(SeededBug::TokenBucket), Some(_)) => Self::TokenBucket(TokenBucket::default()),
            _ => Self::None,
        }
    }

    /// The frame as the session receives it, if the bug changes it.
    pub(super) fn alter(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::MergedSnapshot(sides) => merge(sides, frame),
            Self::AckNotRequired(_, rooms) if !rooms.is_empty() => {
                let acks = rooms.drain(..).map(|room| ack(&room));
                Some([acks.collect::<String>().as_bytes(), frame].concat())
            }
            _ => None,
        }
    }

    /// The time before which the session may not send.
    pub(super) fn blocked(&self) -> Option<Nanos> {
        match self {
            Self::TokenBucket(bucket) => bucket.blocked,
            _ => None,
        }
    }

    /// The time that the session receives for sending; `None` if it may not send now.
    pub(super) fn send_time(&mut self, now: Nanos) -> Option<Nanos> {
        match self {
            Self::TokenBucket(bucket) => bucket.send_time(now),
            _ => Some(now),
        }
    }

    /// Records a message that the session sent with the time `shown`.
    pub(super) fn sent(&mut self, message: &[u8], now: Nanos, shown: Nanos) {
        match self {
            Self::AckNotRequired(currency, rooms) => {
                let message = serde_json::from_slice(message).unwrap_or_default();
                rooms.extend(requested_rooms(&message, *currency));
            }
            Self::TokenBucket(bucket) => bucket.take(now, shown),
            _ => {}
        }
    }
}

fn ack(room: &str) -> String {
    format!(r#"{{"type":"subscribed","room":"{room}","timestamp":1}}"#) + "\n"
}

/// Adds to an order book of JayX the levels of the last one whose prices it lacks.
fn merge(last: &mut [Vec<Value>; 2], frame: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(frame).ok()?;
    let (start, end) = (text.find('{')?, text.rfind('}')? + 1);
    let mut payload: Value = serde_json::from_str(text.get(start..end)?).ok()?;
    for (last, side) in last.iter_mut().zip(["bids", "asks"]) {
        let levels = payload
            .get_mut("orderBook")?
            .get_mut(side)?
            .as_array_mut()?;
        last.retain(|old| levels.iter().all(|level| level["ticks"] != old["ticks"]));
        levels.append(last);
        last.clone_from(levels);
    }
    Some(format!("{}{payload}{}", &text[..start], &text[end..]).into_bytes())
}

/// The limits of Bayse Markets' client without the slot for pings: the number of tokens, and the time to refill one.
const TOKENS: u64 = 9;
const REFILL: Duration = Duration::from_millis(110);

/// An interval of messages at which the session's sliding window delays none.
const SPACING: Duration = Duration::from_millis(125);

/// A token bucket instead of the session's sliding window. It circumvents the window by giving the session times that are
/// far enough apart.
#[derive(Debug, Default)]
pub(super) struct TokenBucket {
    /// The time at which the bucket is full again.
    full: Nanos,
    /// The time that the session received with its last message.
    shown: Nanos,
    /// The time of the next token, while there is none.
    blocked: Option<Nanos>,
}

impl TokenBucket {
    fn send_time(&mut self, now: Nanos) -> Option<Nanos> {
        let spare = u32::try_from(TOKENS - 1).unwrap_or(u32::MAX);
        let token = self.full.before(REFILL * spare);
        self.blocked = (token > now).then_some(token);
        self.blocked
            .is_none()
            .then(|| self.shown.after(SPACING).max(now))
    }

    fn take(&mut self, now: Nanos, shown: Nanos) {
        self.full = self.full.max(now).after(REFILL);
        self.shown = shown;
    }
}

/// A bug in the delivery of events and its state.
#[derive(Debug)]
pub(super) struct EventBug {
    bug: Option<SeededBug>,
    changes: u64,
    delayed: Option<(BookId, BookState, BookState, Cause)>,
}

impl EventBug {
    pub(super) fn new(bug: Option<SeededBug>) -> Self {
        Self {
            bug,
            changes: 0,
            delayed: None,
        }
    }

    /// The bug, if it concerns this event.
    fn concerns(&mut self, event: &Event<'_>) -> Option<SeededBug> {
        let is_change = matches!(event, Event::State(_));
        self.changes += u64::from(is_change);
        let is_due = is_change && self.changes.is_multiple_of(EVERY);
        self.bug.filter(|_| is_due)
    }
}

/// The handler of a session: a bug in front of the checker.
#[derive(Debug)]
pub(super) struct SeededHandler<'a> {
    pub(super) checker: CheckingHandler<'a>,
    pub(super) bug: &'a mut EventBug,
}

impl SeededHandler<'_> {
    /// Delivers the event that was delayed in the last call.
    pub(super) fn deliver_delayed(&mut self, books: &Books) {
        let Some((book, old, new, cause)) = self.bug.delayed.take() else {
            return;
        };
        if let Some(instrument) = books.instrument(book) {
            let change = StateChange {
                book,
                instrument,
                old,
                new,
                cause,
            };
            let _ = self.checker.on_event(Event::State(change), books);
        }
    }
}

impl<V: Venue> OnMessage<V> for SeededHandler<'_> {}

impl Handler for SeededHandler<'_> {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let bug = self.bug.concerns(&event);
        let (Some(bug), Event::State(change)) = (bug, &event) else {
            return self.checker.on_event(event, books);
        };
        let times = match bug {
            SeededBug::DroppedEvent => 0,
            SeededBug::DelayedEvent => {
                self.bug.delayed = Some((change.book, change.old, change.new, change.cause));
                0
            }
            SeededBug::RepeatedEvent => 2,
            _ => 1,
        };
        for _ in 0..times {
            let _ = self.checker.on_event(Event::State(*change), books);
        }
        ControlFlow::Continue(())
    }
}
