//! A log, read the way that `ticklot replay` reads it.

use std::ops::ControlFlow;

use ticklot::venue::CallOutcome;
use ticklot::{BookId, Books};

use super::PlotArgs;
use crate::failure::Failure;
use crate::format::{Printable, full_name};
use crate::log_source::{self, LogErrors, LogReplay, LogWarnings};
use crate::venues::VenueHandler;

/// An observer of the books while a log is read.
pub(crate) trait LogObserver: VenueHandler {
    /// A line of the time `at` is about to be played: until then the books are as they are.
    fn until(&mut self, at: u64, books: &Books) -> ControlFlow<()>;
}

/// Reads the log from its beginning, until its end or until the observer stops it.
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
        // As a replay has it: a recorder's clock may be set back, and 0 is no time; time goes on all the same.
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

/// The one book of those that were `seen` that is to be drawn.
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
        ([], None) => Err(Failure::work(
            "no book was ever live in this log: are --venue, --envelope and the decimals right?",
        )),
        ([], Some(name)) => Err(Failure::Usage(format!(
            "no live book {name} in this log; --book takes one of: {}",
            names(books, seen)
        ))),
        (several, _) if has_twins(books, several) => Err(Failure::Usage(format!(
            "this log has {} books, some of one name; choose a connection with --connection: {}",
            several.len(),
            connections(books, several)
        ))),
        (several, _) => Err(Failure::Usage(format!(
            "this log has {} books; choose one with --book: {}",
            several.len(),
            names(books, several)
        ))),
    }
}

/// Whether some books have the same name and market: those of other connections.
fn has_twins(books: &Books, ids: &[BookId]) -> bool {
    let mut names: Vec<String> = ids.iter().map(|id| full_name(books, *id)).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

fn connections(books: &Books, ids: &[BookId]) -> String {
    let mut all: Vec<u32> = ids
        .iter()
        .filter_map(|id| Some(books.connection(*id)?.0))
        .collect();
    all.sort_unstable();
    all.dedup();
    let names: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    names.join(", ")
}

/// How many books are named one by one.
const NAMED: usize = 20;

fn names(books: &Books, ids: &[BookId]) -> String {
    let unique = |id: &BookId| {
        let name = books.name(*id);
        let same = ids.iter().filter(|other| books.name(**other) == name);
        if same.count() > 1 {
            full_name(books, *id)
        } else {
            name.to_owned()
        }
    };
    let shown = |id| Printable(unique(id)).to_string();
    let mut names: Vec<String> = ids.iter().take(NAMED).map(shown).collect();
    if ids.len() > NAMED {
        names.push(format!("and {} more", ids.len() - NAMED));
    }
    names.join(", ")
}
