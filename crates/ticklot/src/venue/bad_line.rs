//! The handling of lines that cannot be read or applied: [`Event::BadLine`] and [`Event::Unknown`].

use std::ops::ControlFlow;

use ticklot_book::Gap;
use ticklot_frame::{DecodeError, ErrorKind};

use super::{Context, ErrorScope};
use crate::event::{Event, Handler};

/// Bad lines.
impl<H: Handler + ?Sized> Context<'_, H> {
    /// Reports a line that could not be decoded. `bytes` is the whole line.
    ///
    /// Each book of `concerns` becomes a gap, because the line may have carried its update. The changes of state are
    /// reported first, and [`Event::BadLine`] last. The session then requests new snapshots, where the venue supports it.
    pub fn unreadable(
        &mut self,
        concerns: ErrorScope<'_>,
        error: DecodeError,
        bytes: &[u8],
    ) -> ControlFlow<()> {
        match concerns {
            ErrorScope::None => {}
            ErrorScope::Book(id) => self.mark_gap(id, Gap::Refused),
            ErrorScope::Books(ids) => ids.iter().for_each(|id| self.mark_gap(*id, Gap::Refused)),
            ErrorScope::Connection => {
                let (stats, now) = (&mut *self.stats, self.now);
                self.books.for_each(self.slot, |books, id| {
                    stats.gaps += 1;
                    books.mark_gap(id, Gap::Refused, now);
                });
            }
        }
        self.report()?;
        self.bad_line(error, bytes)
    }

    /// Counts and emits [`Event::BadLine`]. The state of books does not change.
    pub(super) fn bad_line(&mut self, error: DecodeError, bytes: &[u8]) -> ControlFlow<()> {
        self.stats.bad_lines += 1;
        self.emit(Event::BadLine {
            connection: self.connection,
            frame: self.frame,
            error,
            bytes,
        })
    }

    /// Reports a line that was not applied because its book exceeds the feed's memory budget
    /// ([`Options::max_memory`](crate::Options::max_memory)). `line` is its number in the frame, `bytes` the whole line.
    pub fn over_budget(&mut self, line: u32, bytes: &[u8]) -> ControlFlow<()> {
        let limit = self.books.memory_limit().unwrap_or(usize::MAX);
        let error = DecodeError {
            venue: self.books.venue(self.connection),
            line,
            offset: 0,
            kind: ErrorKind::Memory { limit },
        };
        self.bad_line(error, bytes)
    }

    /// Counts and reports a message of a type that the venue does not read. `bytes` is its line.
    pub fn unknown(&mut self, kind: &str, bytes: &[u8]) -> ControlFlow<()> {
        self.stats.unknown += 1;
        self.emit(Event::Unknown {
            connection: self.connection,
            kind,
            bytes,
        })
    }
}
