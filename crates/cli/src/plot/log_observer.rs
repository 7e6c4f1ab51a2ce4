//! Reads a log like `ticklot replay`, and selects the book to draw.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use ticklot::venue::CallOutcome;
use ticklot::{BookId, Books};

use super::PlotArgs;
use crate::failure::{Failure, usage, work};
use crate::format::{Printable, full_name};
use crate::log_source::{self, LogErrors, LogReplay, LogWarnings};
use crate::venues::VenueHandler;

/// An observer of the books while a log is read.
pub(crate) trait LogObserver: VenueHandler {
    /// Called before a record of the time `at` is applied. The books have their current state until then.
    fn until(&mut self, at: u64, books: &Books) -> ControlFlow<()>;
}

/// Reads the log from the beginning to the end, or until the observer stops.
pub(crate) fn read<'a, O: LogObserver>(
    args: &'a PlotArgs,
    observer: &mut O,
) -> Result<(LogReplay<'a, O>, LogErrors), Failure> {
    let mut log = log_source::open(&args.source)?;
    let mut source = LogReplay::new(args.source.venue, &args.source.book)?;
    let (mut errors, mut now) = (LogErrors::default(), 0);
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                errors.count(&error);
                source.replay.skip_line(&error, observer);
                continue;
            }
        };
        if !source.is_wanted(record) {
            continue;
        }
        // As in a replay, times are monotonic: the recorder's clock may be set back, and 0 means unknown.
        now = now.max(record.recv_ns);
        if observer.until(now, source.replay.books()).is_break() {
            break;
        }
        errors.count_dropped(record);
        source.admit(record)?;
        if source.replay.apply(record, observer).outcome == CallOutcome::StopFeed {
            break;
        }
    }
    source.check(&args.source)?;
    errors.lines = source.bad_lines();
    errors.warnings = LogWarnings::of(&log);
    Ok((source, errors))
}

/// The book to draw, of those in `seen`: the only one, or the one with this name.
pub(crate) fn choose(
    books: &Books,
    seen: &[BookId],
    name: Option<&str>,
) -> Result<BookId, Failure> {
    let wanted = |id: &&BookId| {
        name.is_none_or(|name| name == books.name(**id) || name == full_name(books, **id))
    };
    let found: Vec<BookId> = seen.iter().filter(wanted).copied().collect();
    match (found.as_slice(), name) {
        ([only], _) => Ok(*only),
        ([], None) => Err(work!(
            "no book was ever live in this log: are --venue, --envelope and the decimals correct?"
        )),
        ([], Some(name)) => Err(usage!(
            "no live book {name} in this log; use --book with one of: {}",
            names(books, seen)
        )),
        (several, _) if has_duplicate_names(books, several) => Err(usage!(
            "this log has {} books, some with the same name; choose a connection with --connection: {}",
            several.len(),
            connections(books, several)
        )),
        (several, _) => Err(usage!(
            "this log has {} books; choose one with --book: {}",
            several.len(),
            names(books, several)
        )),
    }
}

/// Whether some books have the same name and market, which happens on different connections.
fn has_duplicate_names(books: &Books, ids: &[BookId]) -> bool {
    let mut names: Vec<String> = ids.iter().map(|id| full_name(books, *id)).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

fn connections(books: &Books, ids: &[BookId]) -> String {
    let all = ids.iter().filter_map(|id| Some(books.connection(*id)?.0));
    let all: BTreeSet<u32> = all.collect();
    let names: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    names.join(", ")
}

/// The maximum number of books or connections that an error names.
const NAMED: usize = 20;

fn names(books: &Books, ids: &[BookId]) -> String {
    let unique = |id: &BookId| {
        let name = books.name(*id);
        let same = ids.iter().filter(|other| books.name(**other) == name);
        match same.count() {
            0 | 1 => name.to_owned(),
            _ => full_name(books, *id),
        }
    };
    let shown = |id| Printable(unique(id)).to_string();
    let mut names: Vec<String> = ids.iter().take(NAMED).map(shown).collect();
    if ids.len() > NAMED {
        names.push(format!("and {} more", ids.len() - NAMED));
    }
    names.join(", ")
}
