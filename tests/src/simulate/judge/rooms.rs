//! No desired room is forgotten.

use std::time::Duration;

use ticklot::bayse::{Bayse, Stage, Topic};
use ticklot_book::Nanos;

use super::super::plan::Place;
use super::{Invariant, Judge};

/// How long a room that waits to be asked for may see nothing leave: a complaint pauses for two
/// windows of 1.1 s and stretches them eightfold.
pub(super) const IDLE: Duration = Duration::from_secs(12);

impl Judge {
    /// Looks at what the client says of each desired room.
    pub(in super::super) fn rooms(&mut self, line: usize, venue: &Bayse, now: Nanos) {
        if let Some((expected, actual)) = self.forgotten(line, venue, now) {
            self.accuse(now, Invariant::Rooms, expected, actual);
        }
    }

    /// What should be and is not.
    fn forgotten(&self, line: usize, venue: &Bayse, now: Nanos) -> Option<(String, String)> {
        let record = &self.lines[line];
        let Place::Bayse { currency, .. } = &record.place else {
            return None;
        };
        for wish in &record.wishes {
            let room = wish.room(*currency);
            let topic = wish.topic();
            let stage = venue.topics().find(|(it, _)| **it == topic);
            let Some((_, stage)) = stage else {
                return Some((format!("{room} is desired"), "it is forgotten".to_owned()));
            };
            if let Some(expected) = self.untrue(line, &room, stage, now) {
                return Some((
                    expected,
                    format!("{room} is {stage:?} on connection {line}"),
                ));
            }
        }
        let is_kept = |topic: &Topic| {
            let mut wishes = record.wishes.iter();
            wishes.any(|wish| wish.topic() == *topic)
        };
        let mut all = venue.topics();
        let extra = all.find(|(topic, stage)| *stage != Stage::Leaving && !is_kept(topic));
        extra.map(|it| ("nothing that is not desired".to_owned(), format!("{it:?}")))
    }

    /// What would have to be so for a room to be where the client says it is, if that is not so.
    fn untrue(&self, line: usize, room: &str, stage: Stage, now: Nanos) -> Option<String> {
        let wire = self.lines[line].wire.as_ref()?;
        let lost = self.lost();
        let patience = self.patience * 16 + IDLE + lost;
        let asked = wire
            .asked
            .get(room)
            .is_some_and(|at| now.since(*at) <= patience);
        let is_true = match stage {
            // A room that is due is sent within `IDLE` of the last message. A room that the server ended
            // is due after a wait: a quarter of the patience, doubled up to four times. So it is sent
            // within four times the patience and `IDLE` of its end, or of a later message.
            Stage::Waiting => {
                let wait = 4 * self.patience;
                let ended = wire.ended.get(room);
                now.since(wire.moved) <= IDLE + lost
                    || ended.is_some_and(|at| now.since(*at) <= wait + IDLE + lost)
            }
            Stage::Asked => asked,
            Stage::Joined => wire.joined.contains(room),
            Stage::Refused => wire.is_refused(room),
            // Nothing here leaves a desired room.
            Stage::Leaving | Stage::Renewing => false,
        };
        (!is_true).then(|| match stage {
            Stage::Waiting => "a message within 12 s, after the wait of an ended room".to_owned(),
            Stage::Asked => "a request not long ago".to_owned(),
            Stage::Joined => "a confirmation".to_owned(),
            Stage::Refused => "an error that names it, and a report of it".to_owned(),
            Stage::Leaving | Stage::Renewing => "a desired room".to_owned(),
        })
    }

    /// A desired room of an open connection that is neither confirmed nor refused.
    pub(super) fn unconfirmed(&self, line: usize) -> Option<String> {
        let record = &self.lines[line];
        let Place::Bayse { currency, .. } = &record.place else {
            return None;
        };
        let wire = record.wire.as_ref();
        let rooms = record.wishes.iter().map(|wish| wish.room(*currency));
        let mut open = rooms.filter(|room| {
            wire.is_none_or(|wire| !wire.joined.contains(room) && !wire.is_refused(room))
        });
        let room = open.next()?;
        Some(format!(
            "{room} of connection {line} is neither confirmed nor refused"
        ))
    }
}
