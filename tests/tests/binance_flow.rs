//! A delta feed through the session: recorded flow of Binance, gaps and their repair over HTTP, replacement
//! connections, and events of staleness and validity.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::book::{Book, Coverage, Ladder};
use ticklot::driver::NextAction;
use ticklot::events::{RequestFailure, ResyncStep};
use ticklot::venue::{CallOutcome, Liveness, RequestId, Venue};
use ticklot::{
    BookId, BookRef, BookState, Books, ConnectionId, Disconnect, Epoch, Event, Handler, Level,
    Nanos, OnMessage, Options, Scale, Session, Side,
};
use ticklot_tests::delta_venue::{
    self, DeltaVenue, LIMIT, Market, Message, Snapshots, Storage, Ticker, Update,
};
use ticklot_tests::handler::break_if;
use ticklot_tests::raw_recordings::{self as raw, reached};

const BOOK: BookId = BookId(0);
const OTHER: BookId = BookId(1);
const STORAGES: [Storage; 2] = [Storage::Flat, Storage::Ladder];
const NO_EVENTS: [&str; 0] = [];

/// Each storage with each coverage: the snapshot's levels, and the whole market as if the snapshot had it.
const CASES: [(Storage, Coverage); 4] = [
    (Storage::Flat, Coverage::SnapshotLimit(LIMIT)),
    (Storage::Ladder, Coverage::SnapshotLimit(LIMIT)),
    (Storage::Flat, Coverage::Full),
    (Storage::Ladder, Coverage::Full),
];

/// A handler that records state and resynchronisation events as text, and mirrors every book from its changes.
#[derive(Default)]
struct EventRecorder {
    seen: Vec<String>,
    mirrors: HashMap<BookId, Book<Ladder>>,
    /// Also records book updates.
    with_updates: bool,
    /// Breaks at the next event.
    breaks: bool,
}

impl Handler for EventRecorder {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        match &event {
            Event::State(it) => {
                let (old, new) = (it.old, it.new);
                assert!(new == books.state(it.book) || self.breaks);
                self.see(format!("{} {old}>{new} {}", it.book, it.cause));
            }
            Event::Resync(it) => {
                let step = match it.step {
                    ResyncStep::Requested => "requested",
                    ResyncStep::TimedOut => "timed out",
                    ResyncStep::Failed { .. } => "failed",
                    _ => "unsupported",
                };
                self.see(format!("{} {step} {}", it.book, it.attempt));
            }
            Event::Book(update) => {
                self.mirror(update.book, update.changes.iter());
                if self.with_updates {
                    self.see(format!("{} updated", update.book));
                }
            }
            _ => {}
        }
        break_if(self.breaks)
    }
}

impl<V: Venue> OnMessage<V> for EventRecorder {}

impl EventRecorder {
    fn see(&mut self, event: String) {
        self.seen.push(event);
    }

    fn mirror(&mut self, id: BookId, changes: impl Iterator<Item = ticklot::book::Change>) {
        let mirror = self.mirrors.entry(id).or_insert_with(|| {
            let mut book = Book::with_storage(Scale::UNIT);
            book.apply_snapshot(&[], &[], Nanos(0)).unwrap();
            book
        });
        for change in changes {
            let level = Level::new(change.ticks, change.new_lots);
            let old = mirror.set(change.side, level, Nanos(0));
            assert_eq!(old, Ok(change.old_lots), "{change:?}");
        }
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }
}

/// The books and the handler that sessions share, and the time.
struct Harness {
    books: Books,
    recorder: EventRecorder,
    now: Nanos,
}

impl Harness {
    fn new() -> Self {
        Self {
            books: Books::new(),
            recorder: EventRecorder::default(),
            now: Nanos::from_secs(1),
        }
    }

    fn session(&mut self, connection: u32, venue: DeltaVenue) -> Session<DeltaVenue> {
        let id = ConnectionId(connection);
        Session::new(venue, id, Options::default(), &mut self.books)
    }

    fn open(&mut self, session: &mut Session<DeltaVenue>) {
        assert_eq!(session.next(self.now), NextAction::Connect);
        let flow = session.opened(self.now, &mut self.books, &mut self.recorder);
        assert_eq!(flow, ControlFlow::Continue(()));
        assert_eq!(session.next(self.now), NextAction::Open);
    }

    fn frame(&mut self, session: &mut Session<DeltaVenue>, text: &str) -> CallOutcome {
        session.frame(
            text.as_bytes(),
            self.now,
            &mut self.books,
            &mut self.recorder,
        )
    }

    /// A frame after which the feed continues.
    fn data(&mut self, session: &mut Session<DeltaVenue>, text: &str) {
        assert_eq!(self.frame(session, text), CallOutcome::Data);
    }

    fn respond(&mut self, session: &mut Session<DeltaVenue>, id: RequestId, body: &str) {
        self.response(session, Some(id), Ok(body.as_bytes()));
    }

    /// The response to the oldest request that was not sent yet.
    fn answer(&mut self, session: &mut Session<DeltaVenue>, body: &str) {
        let id = requests(session)[0];
        self.respond(session, id, body);
    }

    /// Refuses a request with this status, and with a `Retry-After` of `secs`.
    fn refuse(&mut self, session: &mut Session<DeltaVenue>, id: RequestId, status: u16, secs: u64) {
        let failure = RequestFailure::Status {
            status,
            retry_after: Some(Duration::from_secs(secs)),
            text: String::new(),
        };
        self.response(session, Some(id), Err(&failure));
    }

    fn response(
        &mut self,
        session: &mut Session<DeltaVenue>,
        id: Option<RequestId>,
        body: Result<&[u8], &RequestFailure>,
    ) {
        let reply = session.response(id, body, self.now, &mut self.books, &mut self.recorder);
        assert_eq!(reply, CallOutcome::Data);
    }

    fn resync(&mut self, session: &mut Session<DeltaVenue>, book: BookId) {
        let reply = session.resync(book, self.now, &mut self.books, &mut self.recorder);
        assert_eq!(reply, CallOutcome::Data);
    }

    fn end(&mut self, session: &mut Session<DeltaVenue>) {
        let reason = Disconnect::IdleTimeout;
        let flow = session.disconnected(self.now, &reason, &mut self.books, &mut self.recorder);
        assert_eq!(flow, ControlFlow::Continue(()));
        if let NextAction::WaitUntil(until) = session.next(self.now) {
            self.now = until;
        }
    }

    /// Checks the events since the last check.
    #[track_caller]
    fn expect(&mut self, events: &[impl AsRef<str>]) {
        let seen = self.recorder.take();
        assert!(seen.iter().eq(events.iter().map(AsRef::as_ref)), "{seen:?}");
    }

    /// Checks that there were no events and that the session makes no requests.
    #[track_caller]
    fn check_idle(&mut self, session: &mut Session<DeltaVenue>) {
        self.expect(&NO_EVENTS);
        assert_eq!(requests(session), []);
    }

    /// Advances the time to the next deadline. Returns how long that takes.
    fn wait(&mut self, session: &mut Session<DeltaVenue>) -> Duration {
        let due = session.deadline().unwrap().max(self.now);
        let waited = due.since(self.now);
        self.now = due;
        self.timeout(session);
        waited
    }

    fn timeout(&mut self, session: &mut Session<DeltaVenue>) {
        let end = session.timeout(self.now, &mut self.books, &mut self.recorder);
        assert!(end.is_none(), "{end:?}");
    }

    fn pass(&mut self, secs: u64) {
        self.now = self.now.after(Duration::from_secs(secs));
    }

    /// The live book's best prices.
    fn best(&self, id: BookId) -> Option<(Option<Level>, Option<Level>)> {
        let book = self.books.live(id)?;
        Some((book.best_bid(), book.best_ask()))
    }

    /// The mirror by changes equals the book, whatever its state.
    fn check_mirror(&self, id: BookId) {
        let book = self.books.last_known(id).unwrap();
        assert_eq!(self.recorder.mirrors[&id].crc32(), book.crc32(), "{id:?}");
    }
}

fn requests(session: &mut Session<DeltaVenue>) -> Vec<RequestId> {
    let now = Nanos(0);
    std::iter::from_fn(|| session.next_request(now).map(|request| request.id)).collect()
}

// Recorded flow.

/// A line of a recording.
struct RecordedLine {
    received: Nanos,
    text: String,
    message: Message,
}

/// A recording, and the scale of its book.
struct Recording {
    lines: Vec<RecordedLine>,
    scale: Scale,
    tickers: Vec<Ticker>,
}

fn flow(test: &str, names: &[&str], scale: Scale) -> Option<Recording> {
    let mut lines = Vec::new();
    for name in names {
        let path = raw::path(name, test)?;
        lines.extend(raw::lines(&path).map(|line| read(&line, scale)));
    }
    let tickers = lines.iter().filter_map(|line| match line.message {
        Message::Ticker(ticker) => Some(ticker),
        _ => None,
    });
    Some(Recording {
        tickers: tickers.collect(),
        lines,
        scale,
    })
}

fn read(line: &str, scale: Scale) -> RecordedLine {
    let (received, text) = line.split_once(' ').unwrap();
    RecordedLine {
        received: Nanos(received.parse().unwrap()),
        text: text.to_owned(),
        message: delta_venue::read(text, scale).unwrap(),
    }
}

const SPOT: [&str; 2] = ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"];

fn usdm(test: &str) -> Option<Recording> {
    flow(
        test,
        &["usdm_btcusdt_20240808.gz"],
        Scale::new(1, 3).unwrap(),
    )
}

fn spot(test: &str, names: &[&str]) -> Option<Recording> {
    flow(test, names, Scale::new(2, 8).unwrap())
}

impl Recording {
    fn venue(&self, (storage, coverage): (Storage, Coverage)) -> DeltaVenue {
        DeltaVenue::new("wss://stream")
            .symbol("BTCUSDT", self.scale, storage)
            .with_coverage(coverage)
    }

    /// The best prices after update `u`, from the last ticker up to `u`. `None` without a later ticker: one may be
    /// missing.
    fn best_after(&self, u: u64) -> Option<Ticker> {
        let next = self.tickers.partition_point(|ticker| ticker.u <= u);
        self.tickers.get(next)?;
        self.tickers.get(next.checked_sub(1)?).copied()
    }
}

/// The comparisons with the venue's best prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    applied: usize,
    comparable: usize,
    equal: usize,
    /// A best price is beyond the levels that the book covers, so the book does not have it.
    uncovered: usize,
}

impl Counts {
    fn compare(&mut self, book: BookRef<'_>, ticker: Option<Ticker>) {
        self.applied += 1;
        let Some(ticker) = ticker else { return };
        self.comparable += 1;
        let best = (book.best_bid(), book.best_ask());
        self.equal += usize::from(best == (Some(ticker.bid), Some(ticker.ask)));
        let beyond =
            |side: Side, level: Level| side.is_better(book.covers(side).unwrap(), level.ticks);
        let beyond = beyond(Side::Bid, ticker.bid) || beyond(Side::Ask, ticker.ask);
        self.uncovered += usize::from(beyond);
    }
}

/// Plays a recording through a session.
fn play(flow: &Recording, case: (Storage, Coverage)) -> (Counts, Session<DeltaVenue>) {
    let mut harness = Harness::new();
    let mut session = harness.session(0, flow.venue(case));
    harness.now = flow.lines[0].received;
    harness.open(&mut session);
    harness.expect(&["0 requested 1"]);
    let (mut counts, mut buffered) = (Counts::default(), Vec::new());
    for line in &flow.lines {
        harness.now = line.received.max(harness.now);
        match &line.message {
            Message::Snapshot(..) => {
                harness.answer(&mut session, &line.text);
                harness.expect(&["0 empty>live snapshot"]);
                bridge(flow, case, &buffered, line, &mut counts);
            }
            Message::Diff(update) => {
                harness.data(&mut session, &line.text);
                match harness.books.live(BOOK) {
                    Some(book) => {
                        counts.compare(book, flow.best_after(update.ids.last));
                        harness.check_mirror(BOOK);
                    }
                    None => buffered.push(line),
                }
            }
            _ => harness.data(&mut session, &line.text),
        }
    }
    harness.expect(&NO_EVENTS);
    harness.check_mirror(BOOK);
    (counts, session)
}

/// The snapshot's call also applies the buffered diffs. To compare the book after each of them, a separate session
/// receives the diffs up to it.
fn bridge(
    flow: &Recording,
    case: (Storage, Coverage),
    buffered: &[&RecordedLine],
    snapshot: &RecordedLine,
    counts: &mut Counts,
) {
    let Message::Snapshot(Update { ids: at, .. }) = snapshot.message else {
        unreachable!("a snapshot");
    };
    for index in 0..buffered.len() {
        let Message::Diff(Update { ids, .. }) = buffered[index].message else {
            unreachable!("a diff");
        };
        let mut harness = Harness::new();
        let mut session = harness.session(0, flow.venue(case));
        harness.open(&mut session);
        for line in &buffered[..=index] {
            harness.data(&mut session, &line.text);
        }
        harness.answer(&mut session, &snapshot.text);
        if ids.last > at.last {
            let book = harness.books.live(BOOK).unwrap();
            counts.compare(book, flow.best_after(ids.last));
        }
    }
}

fn report(name: &str, case: (Storage, Coverage), counts: &Counts) {
    reached(&format!(
        "{name} through a session, {case:?}: {} of {} best prices equal, {} more beyond the covered \
         levels",
        counts.equal, counts.comparable, counts.uncovered
    ));
}

/// Every best price that the book covers equals the ticker's.
fn check_counts((_, coverage): (Storage, Coverage), counts: &Counts) {
    assert_eq!(counts.equal + counts.uncovered, counts.comparable);
    assert!(counts.equal > counts.comparable / 2);
    assert!(coverage != Coverage::Full || counts.uncovered == 0);
}

#[test]
fn usdm_flow_equals_tickers() {
    let Some(flow) = usdm("usdm_flow_equals_tickers") else {
        return;
    };
    for case in CASES {
        let (counts, session) = play(&flow, case);
        report("usdm_btcusdt", case, &counts);
        check_counts(case, &counts);
        assert_eq!((counts.applied, counts.comparable), (6_547, 6_545));
        let stats = session.stats();
        // Two of the six buffered diffs continued the snapshot.
        assert_eq!((stats.deltas, stats.snapshots), (6_545, 1));
        assert_eq!((stats.gaps, stats.resyncs, stats.repeated), (0, 1, 0));
    }
}

#[test]
fn spot_flow_equals_tickers() {
    let Some(flow) = spot("spot_flow_equals_tickers", &SPOT[..1]) else {
        return;
    };
    for case in CASES {
        let (counts, session) = play(&flow, case);
        report("spot_btcusdt", case, &counts);
        check_counts(case, &counts);
        assert_eq!((counts.applied, counts.comparable), (3_449, 3_449));
        assert_eq!(session.stats().gaps, 0);
    }
}

// The second file continues the first without a snapshot. The price leaves the snapshot's levels, so levels that the
// snapshot did not contain become the best ones: a book with `Coverage::Full` is wrong twice.
#[test]
fn both_spot_files_continue() {
    let Some(flow) = spot("both_spot_files_continue", &SPOT) else {
        return;
    };
    for case in CASES {
        let (counts, session) = play(&flow, case);
        report("spot_btcusdt, both files", case, &counts);
        assert_eq!((counts.applied, counts.comparable), (6_493, 6_492));
        match case.1 {
            Coverage::Full => assert_eq!(counts.equal, 6_490),
            _ => check_counts(case, &counts),
        }
        assert_eq!(session.stats().gaps, 0);
    }
}

// Each connection applies a hundred diffs.
#[test]
fn replacements_keep_book_live() {
    let test = "replacements_keep_book_live";
    let (Some(usdm), Some(spot)) = (usdm(test), spot(test, &SPOT[..1])) else {
        return;
    };
    for case in CASES {
        for (flow, name, expected) in [(&usdm, "usdm", 65), (&spot, "spot", 34)] {
            let (counts, replacements) = Replacements::new(flow, case).run();
            report(&format!("{name} over replaced connections"), case, &counts);
            check_counts(case, &counts);
            assert_eq!(replacements, expected);
        }
    }
}

/// A recording over connections, each of which replaces its predecessor.
struct Replacements<'a> {
    flow: &'a Recording,
    case: (Storage, Coverage),
    harness: Harness,
    session: Session<DeltaVenue>,
    replacements: u32,
    counts: Counts,
}

impl<'a> Replacements<'a> {
    fn new(flow: &'a Recording, case: (Storage, Coverage)) -> Self {
        let mut harness = Harness::new();
        let mut session = harness.session(0, flow.venue(case));
        harness.open(&mut session);
        Self {
            flow,
            case,
            harness,
            session,
            replacements: 0,
            counts: Counts::default(),
        }
    }

    fn run(mut self) -> (Counts, u32) {
        let mut diffs = Vec::new();
        for line in &self.flow.lines {
            match &line.message {
                Message::Snapshot(..) => {
                    self.harness.answer(&mut self.session, &line.text);
                    self.harness.recorder.take();
                }
                Message::Diff(update) => {
                    diffs.push(line);
                    self.diff(update.ids.last, &diffs);
                }
                _ => {}
            }
        }
        self.harness.expect(&NO_EVENTS);
        let owner = self.harness.books.connection(BOOK);
        assert_eq!(owner, Some(self.session.id()));
        self.harness.check_mirror(BOOK);
        (self.counts, self.replacements)
    }

    /// Applies the last of the diffs.
    fn diff(&mut self, last: u64, diffs: &[&RecordedLine]) {
        let text = &diffs[diffs.len() - 1].text;
        self.harness.data(&mut self.session, text);
        if let Some(book) = self.harness.books.live(BOOK) {
            self.counts.compare(book, self.flow.best_after(last));
            if self.counts.applied.is_multiple_of(100) {
                self.replace(diffs);
            }
        }
    }

    /// Opens the next connection. It starts with up to three diffs that the book already has. With any of them it
    /// adopts the book here, and the old connection ends. Otherwise it adopts the book at its next diff.
    fn replace(&mut self, diffs: &[&RecordedLine]) {
        self.replacements += 1;
        let venue = self.flow.venue(self.case).replacement();
        let mut new = self.harness.session(self.replacements, venue);
        self.harness.open(&mut new);
        let overlap = usize::try_from(self.replacements % 4).unwrap();
        for line in &diffs[diffs.len() - overlap..] {
            self.harness.data(&mut new, &line.text);
        }
        if overlap > 0 {
            self.harness.end(&mut self.session);
        }
        self.session = new;
    }
}

/// Removes every diff after the snapshot once, in four passes. Each pass removes every fourth diff, and repairs the
/// book before the next one.
fn remove_each_diff(flow: &Recording, name: &str, storages: &[Storage], expected: usize) {
    for &storage in storages {
        let (mut counts, mut removed) = (Counts::default(), 0);
        for pass in 0..REMOVED_EVERY {
            removed += Removal::new(flow, storage).run(pass, &mut counts);
        }
        let case = (storage, Coverage::SnapshotLimit(LIMIT));
        report(&format!("{name}, every diff removed once"), case, &counts);
        reached(&format!("{removed} gaps, each repaired by one snapshot"));
        // All but the last three: no later diff would reveal their gaps.
        assert_eq!((removed, counts.equal), (expected, counts.comparable));
    }
}

#[test]
fn removed_diffs_are_repaired() {
    if let Some(flow) = spot("removed_diffs_are_repaired", &SPOT[..1]) {
        remove_each_diff(&flow, "spot_btcusdt", &STORAGES, 3_445);
    }
}

// Only one storage: sequence numbers do not depend on it.
#[test]
fn removed_usdm_diffs_are_repaired() {
    if let Some(flow) = usdm("removed_usdm_diffs_are_repaired") {
        remove_each_diff(&flow, "usdm_btcusdt", &[Storage::Ladder], 6_542);
    }
}

/// Of four diffs, one is removed, one reveals the gap, one is buffered, and one is applied to the repaired book.
const REMOVED_EVERY: usize = 4;

/// A pass over a recording that removes some of its diffs.
struct Removal<'a> {
    flow: &'a Recording,
    harness: Harness,
    session: Session<DeltaVenue>,
    market: Option<Market>,
    /// The snapshot of the next response.
    body: String,
}

impl<'a> Removal<'a> {
    fn new(flow: &'a Recording, storage: Storage) -> Self {
        let mut harness = Harness::new();
        let case = (storage, Coverage::SnapshotLimit(LIMIT));
        let mut session = harness.session(0, flow.venue(case));
        harness.open(&mut session);
        Self {
            flow,
            harness,
            session,
            market: None,
            body: String::new(),
        }
    }

    /// Returns how many diffs were removed.
    fn run(mut self, pass: usize, counts: &mut Counts) -> usize {
        let is_diff = |line: &&RecordedLine| matches!(line.message, Message::Diff(..));
        let is_snapshot = |line: &RecordedLine| matches!(line.message, Message::Snapshot(..));
        let lines = &self.flow.lines;
        let start = lines.iter().position(is_snapshot).unwrap();
        for line in lines[..start].iter().filter(is_diff) {
            self.harness.data(&mut self.session, &line.text);
        }
        self.begin(&lines[..start], &lines[start]);
        let diffs: Vec<&RecordedLine> = lines[start..].iter().filter(is_diff).collect();
        let mut removed = 0;
        for (index, line) in diffs.iter().enumerate() {
            let step = (index + REMOVED_EVERY - pass) % REMOVED_EVERY;
            // The last diffs have no successors that would reveal a gap.
            let is_whole = index >= pass && index - step + REMOVED_EVERY <= diffs.len();
            match step {
                _ if !is_whole => self.apply(line, counts),
                0 => {
                    removed += 1;
                    self.remove(line, index);
                }
                1 => self.reveal(line, index),
                2 => self.repair(line, index, counts),
                _ => self.apply(line, counts),
            }
        }
        let stats = self.session.stats();
        assert_eq!((stats.gaps, stats.resyncs), (removed, removed + 1));
        assert_eq!((stats.connects, stats.disconnects), (1, 0));
        self.harness.check_mirror(BOOK);
        usize::try_from(removed).unwrap()
    }

    fn begin(&mut self, before: &[RecordedLine], snapshot: &RecordedLine) {
        let Message::Snapshot(update) = &snapshot.message else {
            unreachable!("a snapshot");
        };
        let (id, sides) = (update.ids.last, &update.sides);
        self.market = Some(Market::new(self.flow.scale, id, sides));
        before.iter().for_each(|line| self.note(line));
        self.harness.answer(&mut self.session, &snapshot.text);
        assert!(self.harness.books.live(BOOK).is_some());
        self.harness.recorder.take();
    }

    /// Applies a diff to the model.
    fn note(&mut self, line: &RecordedLine) {
        if let Message::Diff(update) = &line.message {
            let market = self.market.as_mut().unwrap();
            market.apply(update.ids, &update.sides);
        }
    }

    /// Saves the model's current snapshot. Passes take it in turn after the removed diff and after each buffered one.
    fn keep(&mut self, index: usize, turn: usize) {
        if index % 3 == turn {
            self.body = self.market.as_ref().unwrap().body();
        }
    }

    fn remove(&mut self, line: &RecordedLine, index: usize) {
        self.note(line);
        self.keep(index, 0);
    }

    /// The call with the next diff reports the gap.
    fn reveal(&mut self, line: &RecordedLine, index: usize) {
        self.note(line);
        self.keep(index - 1, 1);
        self.harness.data(&mut self.session, &line.text);
        let seen = self.harness.recorder.take();
        assert_eq!(seen, ["0 live>gap sequence_gap", "0 requested 1"]);
        assert!(self.harness.books.live(BOOK).is_none());
        assert_eq!(self.session.next(self.harness.now), NextAction::Open);
    }

    /// Another diff is buffered, and then the snapshot's call repairs the book.
    fn repair(&mut self, line: &RecordedLine, index: usize, counts: &mut Counts) {
        self.note(line);
        self.keep(index - 2, 2);
        self.harness.data(&mut self.session, &line.text);
        assert!(self.harness.books.live(BOOK).is_none());
        self.harness.expect(&NO_EVENTS);
        let ids = requests(&mut self.session);
        assert_eq!(ids.len(), 1);
        let body = std::mem::take(&mut self.body);
        self.harness.respond(&mut self.session, ids[0], &body);
        self.harness.expect(&["0 gap>live snapshot"]);
        self.check(counts);
    }

    fn apply(&mut self, line: &RecordedLine, counts: &mut Counts) {
        self.note(line);
        self.harness.data(&mut self.session, &line.text);
        self.harness.expect(&NO_EVENTS);
        self.check(counts);
    }

    /// The book is live, and equals the model and the venue's best prices.
    fn check(&self, counts: &mut Counts) {
        let (book, market) = (self.harness.books.live(BOOK), self.market.as_ref().unwrap());
        let book = book.unwrap();
        counts.compare(book, self.flow.best_after(market.last()));
        for side in [Side::Bid, Side::Ask] {
            let levels = book.levels(side).take(50);
            assert!(levels.eq(market.levels(side).take(50)));
        }
    }
}

// Synthetic flow: the levels are one tick apart, and a diff sets the lots of the bid at 100 to its last number.

fn diff(symbol: &str, first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":1,"s":"{symbol}","U":{first},"u":{last},"b":[["100","{last}"]],"a":[]}}"#
    )
}

fn snapshot(id: u64) -> String {
    let deep = id % 50;
    format!(
        r#"{{"lastUpdateId":{id},"bids":[["100","{id}"],["{deep}","1"]],"asks":[["101","7"]]}}"#
    )
}

const TRADE: &str = r#"{"e":"trade","s":"A","p":"100","q":"1","T":5,"m":true}"#;

/// The book of symbol A is a ladder, all others are flat.
fn venue(symbols: &[&str]) -> DeltaVenue {
    let venue = DeltaVenue::new("wss://stream");
    let add = |venue: DeltaVenue, name: &&str| {
        let storage = STORAGES[usize::from(*name == "A")];
        venue.symbol(name, Scale::UNIT, storage)
    };
    symbols.iter().fold(venue, add)
}

/// A session whose books are live at update 12.
fn live(symbols: &[&str]) -> (Harness, Session<DeltaVenue>) {
    let mut harness = Harness::new();
    let session = live_session(&mut harness, 0, symbols, venue(symbols));
    (harness, session)
}

fn live_session(
    harness: &mut Harness,
    connection: u32,
    symbols: &[&str],
    venue: DeltaVenue,
) -> Session<DeltaVenue> {
    let mut session = harness.session(connection, venue);
    harness.open(&mut session);
    let ids = requests(&mut session);
    assert_eq!(ids.len(), symbols.len());
    for (id, symbol) in ids.into_iter().zip(symbols) {
        harness.respond(&mut session, id, &snapshot(10));
        harness.data(&mut session, &diff(symbol, 11, 12));
    }
    harness.recorder.take();
    session
}

/// The best bid's lots, which are the number of the last update in a live book.
fn position(harness: &Harness, id: BookId) -> Option<i64> {
    harness.best(id)?.0.map(|level| level.lots.0)
}

/// A gap, and the request that repairs it.
fn gap(harness: &mut Harness, session: &mut Session<DeltaVenue>, symbol: &str) -> RequestId {
    harness.data(session, &diff(symbol, 14, 14));
    let seen = harness.recorder.take();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].ends_with(" live>gap sequence_gap"), "{seen:?}");
    assert!(seen[1].ends_with(" requested 1"), "{seen:?}");
    let ids = requests(session);
    assert_eq!(ids.len(), 1);
    ids[0]
}

#[test]
fn stale_snapshot_is_requested_again() {
    for symbol in ["A", "B"] {
        stale_snapshot(symbol);
    }
}

fn stale_snapshot(symbol: &str) {
    let (mut harness, mut session) = live(&[symbol]);
    let id = gap(&mut harness, &mut session, symbol);
    harness.respond(&mut session, id, &snapshot(11));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), None);
    harness.check_mirror(BOOK);
    let waited = harness.wait(&mut session);
    assert!(waited >= Duration::from_secs(5), "{waited:?}");
    harness.expect(&["0 timed out 1", "0 requested 2"]);
    harness.answer(&mut session, &snapshot(13));
    harness.expect(&["0 gap>live snapshot"]);
    assert_eq!(position(&harness, BOOK), Some(14));
    assert_eq!(session.next(harness.now), NextAction::Open);
}

#[test]
fn refused_snapshot_waits_for_retry() {
    let (mut harness, mut session) = live(&["A"]);
    let id = gap(&mut harness, &mut session, "A");
    harness.refuse(&mut session, id, 429, 40);
    harness.expect(&["0 failed 1"]);
    harness.pass(39);
    harness.timeout(&mut session);
    harness.data(&mut session, &diff("A", 15, 15));
    harness.check_idle(&mut session);
    harness.pass(1);
    harness.timeout(&mut session);
    let id = requests(&mut session)[0];
    harness.expect(&["0 requested 2"]);
    harness.respond(&mut session, id, &snapshot(13));
    harness.expect(&["0 gap>live snapshot"]);
    assert_eq!(position(&harness, BOOK), Some(15));
}

/// The rate limit applies to the client, not to one book.
#[test]
fn retry_after_covers_all_books() {
    let (mut harness, mut session) = live(&["A", "B"]);
    let id = gap(&mut harness, &mut session, "A");
    harness.refuse(&mut session, id, 418, 100);
    harness.expect(&["0 failed 1"]);
    harness.data(&mut session, &diff("B", 14, 14));
    harness.expect(&["1 live>gap sequence_gap"]);
    harness.end(&mut session);
    harness.open(&mut session);
    harness.recorder.take();
    assert_eq!(requests(&mut session), []);
    harness.pass(99);
    harness.timeout(&mut session);
    harness.check_idle(&mut session);
    harness.pass(1);
    harness.timeout(&mut session);
    harness.expect(&["0 requested 1", "1 requested 1"]);
    assert_eq!(requests(&mut session).len(), 2);
}

#[test]
fn missing_snapshot_waits_double() {
    let (mut harness, mut session) = live(&["A"]);
    gap(&mut harness, &mut session, "A");
    for (attempt, secs) in (1..).zip([5, 10, 20, 40, 60, 60]) {
        let mut waited = Duration::ZERO;
        while harness.recorder.seen.is_empty() {
            waited += harness.wait(&mut session);
        }
        let least = Duration::from_secs(secs);
        assert!(
            least <= waited && waited <= least.mul_f64(1.5),
            "{waited:?}"
        );
        let expected = [
            format!("0 timed out {attempt}"),
            format!("0 requested {}", attempt + 1),
        ];
        harness.expect(&expected);
        assert_eq!(requests(&mut session).len(), 1);
    }
    assert_eq!(session.stats().resyncs, 8);
    assert_eq!(harness.books.counts(BOOK).gaps, 1);
}

#[test]
fn two_gaps_are_repaired_separately() {
    let (mut harness, mut session) = live(&["A", "B"]);
    let first = gap(&mut harness, &mut session, "A");
    let second = gap(&mut harness, &mut session, "B");
    harness.respond(&mut session, second, &snapshot(14));
    harness.expect(&["1 gap>live snapshot"]);
    assert_eq!(
        (position(&harness, BOOK), position(&harness, OTHER)),
        (None, Some(14))
    );
    harness.respond(&mut session, first, &snapshot(13));
    harness.expect(&["0 gap>live snapshot"]);
    assert_eq!(
        (position(&harness, BOOK), position(&harness, OTHER)),
        (Some(14), Some(14))
    );
    // Nothing is due after that.
    harness.pass(20);
    harness.timeout(&mut session);
    harness.check_idle(&mut session);
}

// Repeats are ignored only directly after a snapshot: if a feed restarts its numbers, the book must not stay live.
#[test]
fn repeated_diffs_change_nothing() {
    let mut harness = Harness::new();
    let mut session = harness.session(0, venue(&["A"]));
    harness.open(&mut session);
    harness.answer(&mut session, &snapshot(12));
    harness.recorder.take();
    harness.recorder.with_updates = true;
    for (first, last) in [(11, 12), (5, 9), (11, 12)] {
        harness.data(&mut session, &diff("A", first, last));
    }
    harness.expect(&NO_EVENTS);
    assert_eq!(
        (position(&harness, BOOK), session.stats().repeated),
        (Some(12), 3)
    );
    for last in [13, 13] {
        harness.data(&mut session, &diff("A", last, last));
    }
    let expected = ["0 updated", "0 live>gap sequence_gap", "0 requested 1"];
    harness.expect(&expected);
    harness.answer(&mut session, &snapshot(13));
    assert_eq!(position(&harness, BOOK), Some(13));
}

#[test]
fn swapped_diffs_wait_for_snapshot() {
    let (mut harness, mut session) = live(&["A"]);
    let id = gap(&mut harness, &mut session, "A");
    harness.data(&mut session, &diff("A", 13, 13));
    harness.expect(&NO_EVENTS);
    harness.respond(&mut session, id, &snapshot(14));
    harness.expect(&["0 gap>live snapshot"]);
    harness.data(&mut session, &diff("A", 15, 15));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), Some(15));
}

/// A log does not record the request of a response, so the response belongs to the oldest one.
#[test]
fn logged_response_answers_oldest() {
    let mut harness = Harness::new();
    let mut session = harness.session(0, venue(&["A", "B"]));
    harness.open(&mut session);
    harness.recorder.take();
    for (id, book) in [(20, BOOK), (30, OTHER)] {
        harness.response(&mut session, None, Ok(snapshot(id).as_bytes()));
        assert_eq!(position(&harness, book), i64::try_from(id).ok());
    }
}

// With more deltas than the buffer holds, all are dropped, and the book is a gap until a newer snapshot.
#[test]
fn overflow_is_reported_once() {
    let mut harness = Harness::new();
    let mut session = harness.session(0, venue(&["A"]));
    harness.open(&mut session);
    let late = requests(&mut session)[0];
    harness.expect(&["0 requested 1"]);
    for number in 1..=20_000 {
        let next = diff("A", number, number);
        harness.data(&mut session, &next);
    }
    harness.expect(&["0 empty>gap no_snapshot"]);
    harness.respond(&mut session, late, &snapshot(10));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), None);
    harness.pass(20);
    harness.timeout(&mut session);
    harness.expect(&["0 timed out 1", "0 requested 2"]);
    harness.answer(&mut session, &snapshot(19_000));
    harness.expect(&["0 gap>live snapshot"]);
    assert_eq!(position(&harness, BOOK), Some(20_000));
    harness.check_mirror(BOOK);
}

/// A request belongs to the connection that made it.
#[test]
fn late_response_is_dropped() {
    let (mut harness, mut session) = live(&["A"]);
    let late = gap(&mut harness, &mut session, "A");
    harness.end(&mut session);
    harness.expect(&["0 gap>disconnected disconnected"]);
    harness.open(&mut session);
    harness.expect(&["0 requested 1"]);
    harness.respond(&mut session, late, &snapshot(13));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), None);
    harness.answer(&mut session, &snapshot(13));
    harness.expect(&["0 disconnected>live snapshot"]);
}

#[test]
fn older_snapshot_does_not_repair() {
    let (mut harness, mut session) = live(&["A"]);
    harness.data(&mut session, "{");
    harness.expect(&["0 live>gap bad_message", "0 requested 1"]);
    harness.answer(&mut session, &snapshot(11));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), None);
    harness.wait(&mut session);
    harness.expect(&["0 timed out 1", "0 requested 2"]);
    harness.answer(&mut session, &snapshot(13));
    assert_eq!(position(&harness, BOOK), Some(13));
}

#[test]
fn resync_of_live_book_ends() {
    for id in [11, 12, 13] {
        let (mut harness, mut session) = live(&["A"]);
        harness.resync(&mut session, BOOK);
        harness.expect(&["0 requested 1"]);
        let request = requests(&mut session)[0];
        harness.respond(&mut session, request, &snapshot(id));
        harness.pass(20);
        harness.timeout(&mut session);
        harness.check_idle(&mut session);
        assert_eq!(position(&harness, BOOK), i64::try_from(id.max(12)).ok());
    }
}

#[test]
fn unsupported_resync_is_reported() {
    let mut harness = Harness::new();
    let mut session = harness.session(0, venue(&["A"]).with_snapshots(Snapshots::Never));
    harness.open(&mut session);
    harness.expect(&NO_EVENTS);
    harness.resync(&mut session, BOOK);
    harness.expect(&["0 unsupported 0"]);
    assert_eq!(session.stats().resyncs, 0);
}

// Replacement connections.

/// A live book of one connection, and a second connection, open for the third time, that may adopt it.
fn replacement() -> (Harness, Session<DeltaVenue>, Session<DeltaVenue>) {
    let (mut harness, old) = live(&["A"]);
    let mut new = harness.session(1, venue(&["A"]).replacement());
    harness.open(&mut new);
    for _ in 0..2 {
        harness.end(&mut new);
        harness.open(&mut new);
    }
    harness.check_idle(&mut new);
    (harness, old, new)
}

fn owner(harness: &Harness) -> (ConnectionId, Epoch) {
    let epoch = harness.books.last_known(BOOK).unwrap().epoch();
    (harness.books.connection(BOOK).unwrap(), epoch)
}

#[test]
fn overlapping_connection_adopts_book() {
    for (first, last) in [(13, 14), (11, 14), (12, 13), (5, 9), (9, 12)] {
        let (mut harness, mut old, mut new) = replacement();
        assert_eq!(owner(&harness), (ConnectionId(0), Epoch(1)));
        harness.data(&mut new, &diff("A", first, last));
        assert_eq!(owner(&harness), (ConnectionId(1), Epoch(3)));
        let at = last.max(12);
        assert_eq!(position(&harness, BOOK), i64::try_from(at).ok());
        assert_eq!(new.stats().repeated, u64::from(last <= 12));
        harness.end(&mut old);
        // Deltas that the book already has are ignored.
        for number in 9..=16 {
            let next = diff("A", number, number);
            if number > last {
                harness.data(&mut new, &next);
            }
        }
        harness.expect(&NO_EVENTS);
        assert_eq!(position(&harness, BOOK), Some(16));
        harness.check_mirror(BOOK);
        // From now on the new connection owns the book: its gaps and its end affect it.
        harness.data(&mut new, &diff("A", 18, 18));
        harness.expect(&["0 live>gap sequence_gap", "0 requested 1"]);
        harness.answer(&mut new, &snapshot(18));
        harness.end(&mut new);
        let expected = ["0 gap>live snapshot", "0 live>disconnected disconnected"];
        harness.expect(&expected);
        harness.open(&mut new);
        assert_eq!(owner(&harness), (ConnectionId(1), Epoch(4)));
        harness.answer(&mut new, &snapshot(20));
        assert_eq!(position(&harness, BOOK), Some(20));
    }
}

/// Messages on the old connection do not affect the adopted book.
#[test]
fn adopted_book_ignores_old_connection() {
    let (mut harness, mut old, mut new) = replacement();
    harness.resync(&mut old, BOOK);
    harness.expect(&["0 requested 1"]);
    let id = requests(&mut old)[0];
    harness.data(&mut new, &diff("A", 13, 13));
    for (first, last) in [(13, 13), (14, 14), (19, 20)] {
        harness.data(&mut old, &diff("A", first, last));
    }
    harness.data(&mut old, "{");
    harness.data(&mut old, TRADE);
    assert_eq!(harness.books.trades(BOOK).count(), 0);
    harness.respond(&mut old, id, &snapshot(20));
    assert_eq!((old.stats().unrequested, old.stats().gaps), (5, 0));
    harness.pass(20);
    harness.timeout(&mut old);
    harness.resync(&mut old, BOOK);
    harness.end(&mut old);
    harness.open(&mut old);
    harness.check_idle(&mut old);
    assert_eq!(owner(&harness), (ConnectionId(1), Epoch(3)));
    assert_eq!(position(&harness, BOOK), Some(13));
    harness.data(&mut new, TRADE);
    assert_eq!(harness.books.trades(BOOK).count(), 1);
    harness.data(&mut new, &diff("A", 14, 14));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), Some(14));
}

#[test]
fn stale_book_is_adopted() {
    let (mut harness, mut old, mut new) = replacement();
    harness.wait(&mut old);
    harness.expect(&["0 live>stale timeout"]);
    harness.data(&mut new, &diff("A", 12, 13));
    harness.expect(&["0 stale>live delta"]);
    assert_eq!(position(&harness, BOOK), Some(13));
    harness.end(&mut old);
    let waited = harness.wait(&mut new);
    assert!(waited <= Duration::from_secs(30));
    harness.expect(&["0 live>stale timeout"]);
}

#[test]
fn missing_position_is_not_adopted() {
    let (mut harness, mut old, mut new) = replacement();
    harness.data(&mut new, &diff("A", 14, 15));
    assert_eq!(owner(&harness), (ConnectionId(0), Epoch(1)));
    assert_eq!(new.venue().refused(), 1);
    harness.data(&mut old, &diff("A", 13, 14));
    assert_eq!(position(&harness, BOOK), Some(14));
    // The old connection has caught up, and the next delta of the new one continues the book.
    harness.data(&mut new, &diff("A", 15, 16));
    assert_eq!(owner(&harness), (ConnectionId(1), Epoch(3)));
    harness.expect(&NO_EVENTS);
    assert_eq!(position(&harness, BOOK), Some(16));
}

#[test]
fn lost_book_is_not_adopted() {
    let (mut harness, mut old, mut new) = replacement();
    let id = gap(&mut harness, &mut old, "A");
    harness.data(&mut new, &diff("A", 13, 13));
    assert_eq!(owner(&harness), (ConnectionId(0), Epoch(1)));
    harness.respond(&mut old, id, &snapshot(13));
    assert_eq!(position(&harness, BOOK), Some(14));
}

// Staleness and validity.

#[test]
fn stale_book_revives_once() {
    for (liveness, cause) in [(Liveness::Connection, "alive"), (Liveness::Book, "delta")] {
        let mut harness = Harness::new();
        let venue = venue(&["A"]).with_liveness(liveness);
        let mut session = live_session(&mut harness, 0, &["A"], venue);
        let waited = harness.wait(&mut session);
        assert_eq!(waited, Duration::from_secs(30));
        harness.expect(&["0 live>stale timeout"]);
        assert_eq!(harness.best(BOOK), None);
        harness.data(&mut session, &diff("A", 13, 13));
        harness.expect(&[format!("0 stale>live {cause}")]);
        assert_eq!(position(&harness, BOOK), Some(13));
    }
}

#[test]
fn other_connection_reports_timeouts() {
    let (mut harness, _old) = live(&["A"]);
    let mut other = live_session(&mut harness, 1, &["B"], venue(&["B"]));
    harness.pass(20);
    harness.data(&mut other, &diff("B", 13, 13));
    harness.pass(15);
    harness.recorder.with_updates = true;
    harness.data(&mut other, &diff("B", 14, 14));
    let expected = ["0 live>stale timeout", "1 updated"];
    harness.expect(&expected);
    assert_eq!(
        (position(&harness, BOOK), position(&harness, OTHER)),
        (None, Some(14))
    );
}

#[test]
fn break_drops_pending_events() {
    let (mut harness, mut session) = live(&["A", "B"]);
    harness.recorder.breaks = true;
    assert_eq!(harness.frame(&mut session, "{"), CallOutcome::StopFeed);
    harness.recorder.breaks = false;
    harness.expect(&["0 live>gap bad_message"]);
    let states = [BOOK, OTHER].map(|id| harness.books.state(id));
    assert!(
        states
            .iter()
            .all(|state| matches!(state, BookState::Gap(_)))
    );
    harness.timeout(&mut session);
    let seen = harness.recorder.take();
    assert!(
        seen.iter().all(|event| event.contains("requested")),
        "{seen:?}"
    );
}
