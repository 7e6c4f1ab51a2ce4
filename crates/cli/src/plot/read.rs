//! A log, read through the session that reads live frames.

use std::ops::ControlFlow;
use std::path::Path;

use ticklot::capture::{FrameLog, LogError};
use ticklot::{BookId, Books, Handler, Nanos, Reply, Venue};

use super::PlotArgs;
use crate::Failure;
use crate::args::VenueArg;
use crate::{offline, replay};

/// Who looks at the books while a log is read.
pub(crate) trait Onlooker: Handler {
    /// A frame that was received at `at` is about to be applied: until then the books are as they are.
    fn until(&mut self, at: u64, books: &Books) -> ControlFlow<()>;
}

/// What could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Lines of frames.
    pub(crate) lines: u64,
    /// Lines of the log.
    pub(crate) records: u64,
    /// Whether the log ends before its end.
    pub(crate) is_cut: bool,
}

/// Reads the log from its beginning, until its end or until the onlooker has seen enough.
pub(crate) fn read<O: Onlooker>(
    args: &PlotArgs,
    onlooker: &mut O,
) -> Result<(Books, Faults), Failure> {
    match args.venue {
        VenueArg::Jayx => drive(replay::jayx(&args.book)?, &args.log, onlooker),
        VenueArg::Bayse => drive(replay::bayse(&args.book)?, &args.log, onlooker),
    }
}

fn drive<V: Venue, O: Onlooker>(
    venue: V,
    path: &Path,
    onlooker: &mut O,
) -> Result<(Books, Faults), Failure> {
    let cannot = |error: LogError| Failure::work(format_args!("{}: {error}", path.display()));
    let mut log = FrameLog::open(path).map_err(cannot)?;
    let (mut books, mut faults) = (Books::new(), Faults::default());
    let mut session = offline::session(venue, &mut books);
    let mut now = 0;
    // Nothing is sent: there is nobody to send it to.
    let _ = session.opened(Nanos(now), &mut books, onlooker);
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.records += 1;
                faults.is_cut |= error.is_fatal();
                session.skip_frame();
                continue;
            }
        };
        // A recorder's clock may be set back, and 0 is no time; time goes on all the same.
        now = now.max(record.recv_ns);
        if onlooker.until(now, &books).is_break() {
            break;
        }
        let reply = session.frame(&record.frame, Nanos(now), &mut books, onlooker);
        while session.outgoing(Nanos(now)).is_some() {}
        if reply == Reply::Stop {
            break;
        }
    }
    faults.lines = session.stats().bad_lines;
    Ok((books, faults))
}

/// The one book of those that were `seen` that is to be drawn.
pub(crate) fn choose(
    books: &Books,
    seen: &[BookId],
    name: Option<&str>,
) -> Result<BookId, Failure> {
    let wanted = |id: &&BookId| {
        name.is_none_or(|name| name == books.name(**id) || name == full(books, **id))
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
        (several, _) => Err(Failure::Usage(format!(
            "this log has {} books; choose one with --book: {}",
            several.len(),
            names(books, several)
        ))),
    }
}

/// How many books are named one by one.
const NAMED: usize = 20;

fn names(books: &Books, ids: &[BookId]) -> String {
    let unique = |id: &BookId| {
        let name = books.name(*id);
        let same = ids.iter().filter(|other| books.name(**other) == name);
        if same.count() > 1 {
            full(books, *id)
        } else {
            name.to_owned()
        }
    };
    let mut names: Vec<String> = ids.iter().take(NAMED).map(unique).collect();
    if ids.len() > NAMED {
        names.push(format!("and {} more", ids.len() - NAMED));
    }
    crate::view::Printable(names.join(", ")).to_string()
}

/// A book's name with its market's, where that is another.
pub(crate) fn full(books: &Books, id: BookId) -> String {
    match (books.market(id), books.name(id)) {
        (market, name) if market == name => name.to_owned(),
        (market, name) => format!("{market}/{name}"),
    }
}
