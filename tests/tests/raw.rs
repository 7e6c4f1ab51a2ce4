//! Incremental books of other exchanges, as they were recorded, through the book engine: with flat sides
//! and with a ladder, equal after every event, and right by what the data itself tells.

#![allow(clippy::unwrap_used, clippy::panic)]

use ticklot_book::{
    Book, BookView, Change, Coverage, Delta, DeltaBook, Flat, Gap, Ids, Ladder, Level, Nanos,
    Outcome, Scale, Sequence, Side, Snapshot, State, Storage, Ticks,
};
use ticklot_tests::raw::{self, Binance, Sides, Ticker, kraken_checksum, reached};

const NOW: Nanos = Nanos(1);
/// The levels that Binance's snapshots have, which is what was asked for.
const LIMIT: usize = 1_000;

/// The same book twice, and a mirror of it that knows only its changes.
struct Pair {
    flat: DeltaBook<Flat>,
    ladder: DeltaBook<Ladder>,
    mirror: Book<Ladder>,
}

impl Pair {
    fn new(scale: Scale, sequence: Sequence, coverage: Coverage) -> Self {
        let mut mirror = Book::with_storage(scale);
        mirror.replace(&[], &[], NOW).unwrap();
        Self {
            flat: follow(scale, sequence, coverage),
            ladder: follow(scale, sequence, coverage),
            mirror,
        }
    }

    /// Applies a message to both.
    fn both(
        &mut self,
        flat: impl Fn(&mut DeltaBook<Flat>) -> Outcome,
        ladder: impl Fn(&mut DeltaBook<Ladder>) -> Outcome,
    ) -> Outcome {
        let outcome = flat(&mut self.flat);
        assert_eq!(ladder(&mut self.ladder), outcome);
        assert_eq!(self.flat.state(), self.ladder.state());
        assert_eq!(self.flat.changes(), self.ladder.changes());
        for change in self.flat.changes() {
            let old = self.mirror.set(change.side, level(&change), NOW);
            assert_eq!(old, Ok(change.old_lots));
        }
        let digest = self.flat.untrusted().crc32();
        assert_eq!(self.ladder.untrusted().crc32(), digest);
        for side in [Side::Bid, Side::Ask] {
            let held = self.flat.untrusted().levels(side);
            assert!(self.mirror.levels(side).eq(held), "mirrored by its changes");
        }
        outcome
    }

    fn delta(&mut self, delta: &Delta<'_>) -> Outcome {
        self.both(
            |book| book.apply(delta, NOW).unwrap(),
            |book| book.apply(delta, NOW).unwrap(),
        )
    }

    fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Outcome {
        self.both(
            |book| book.snapshot(snapshot, NOW).unwrap(),
            |book| book.snapshot(snapshot, NOW).unwrap(),
        )
    }

    fn live(&self) -> Option<&Book<Ladder>> {
        assert_eq!(self.flat.live().is_some(), self.ladder.live().is_some());
        self.ladder.live()
    }
}

fn level(change: &Change) -> Level {
    Level {
        ticks: change.ticks,
        lots: change.new_lots,
        count: change.count,
    }
}

fn follow<S: Storage>(scale: Scale, sequence: Sequence, coverage: Coverage) -> DeltaBook<S> {
    DeltaBook::new(Book::with_storage(scale).with_coverage(coverage), sequence)
}

fn diff<'a>(ids: Ids, sides: &'a Sides) -> Delta<'a> {
    Delta {
        bids: &sides.bids,
        asks: &sides.asks,
        ids: Some(ids),
        checksum: None,
    }
}

fn whole<'a>(id: Option<u64>, sides: &'a Sides) -> Snapshot<'a> {
    Snapshot {
        bids: &sides.bids,
        asks: &sides.asks,
        id,
        checksum: None,
    }
}

/// What a Binance recording came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Diffs that were kept for the snapshot.
    buffered: usize,
    /// Those of them that it had already.
    old: usize,
    /// Diffs applied, each of which went on from the one before.
    applied: usize,
    /// Diffs after which the recording tells what the best prices are.
    comparable: usize,
    /// Those after which the book says the same.
    equal: usize,
    /// Those after which a best price is beyond what the book covers, and it shows none.
    uncovered: usize,
}

/// The best prices after update `u`: of the last ticker that is not after it, if there is one after it,
/// since else one may be missing.
fn best_after(tickers: &[Ticker], u: u64) -> Option<Ticker> {
    let next = tickers.partition_point(|ticker| ticker.u <= u);
    tickers.get(next)?;
    tickers.get(next.checked_sub(1)?).copied()
}

/// Plays a recording, and compares the book with the venue's best prices after each diff.
fn play(pair: &mut Pair, messages: &[Binance], tickers: &[Ticker]) -> Counts {
    let mut counts = Counts::default();
    let mut waiting = Vec::new();
    for message in messages {
        match message {
            Binance::Ticker(_) => {}
            Binance::Snapshot(id, sides) => {
                let snapshot = whole(Some(*id), sides);
                assert_eq!(pair.snapshot(&snapshot), Outcome::Applied, "bridged");
                assert!(pair.live().is_some());
                bridge(&pair.ladder, &waiting, &snapshot, tickers, &mut counts);
            }
            Binance::Diff(ids, sides) => match pair.delta(&diff(*ids, sides)) {
                Outcome::Buffered => {
                    counts.buffered += 1;
                    waiting.push(diff(*ids, sides));
                    assert_eq!(pair.flat.buffered(), counts.buffered);
                }
                outcome => {
                    assert_eq!(outcome, Outcome::Applied, "{ids:?}");
                    counts.applied += 1;
                    let best = best_after(tickers, ids.last);
                    compare(pair.live().expect("live"), best, &mut counts);
                }
            },
        }
    }
    counts
}

/// The diffs that waited were applied with the snapshot, all at once: to see the book after each of them,
/// the snapshot comes to a book for which only those up to it wait.
fn bridge(
    whole: &DeltaBook<Ladder>,
    waiting: &[Delta<'_>],
    snapshot: &Snapshot<'_>,
    tickers: &[Ticker],
    counts: &mut Counts,
) {
    let book = whole.untrusted();
    for (place, delta) in waiting.iter().enumerate() {
        let last = delta.ids.unwrap().last;
        let mut part = follow::<Ladder>(book.scale(), whole.sequence(), book.coverage());
        for delta in &waiting[..=place] {
            assert_eq!(part.apply(delta, NOW), Ok(Outcome::Buffered));
        }
        assert_eq!(part.snapshot(snapshot, NOW), Ok(Outcome::Applied));
        if Some(last) <= snapshot.id {
            counts.old += 1;
            assert_eq!(part.last_id(), snapshot.id);
            continue;
        }
        counts.applied += 1;
        assert_eq!(part.last_id(), Some(last));
        compare(part.live().unwrap(), best_after(tickers, last), counts);
    }
}

fn compare(book: &Book<Ladder>, ticker: Option<Ticker>, counts: &mut Counts) {
    let Some(ticker) = ticker else { return };
    counts.comparable += 1;
    let best = (book.best_bid(), book.best_ask());
    if best == (Some(ticker.bid), Some(ticker.ask)) {
        counts.equal += 1;
    }
    let beyond = |side: Side, level: Level| side.is_better(book.covers(side).unwrap(), level.ticks);
    if beyond(Side::Bid, ticker.bid) || beyond(Side::Ask, ticker.ask) {
        counts.uncovered += 1;
    }
}

fn tickers(messages: &[Binance]) -> Vec<Ticker> {
    let tickers = messages.iter().filter_map(|message| match message {
        Binance::Ticker(ticker) => Some(*ticker),
        _ => None,
    });
    let tickers: Vec<Ticker> = tickers.collect();
    assert!(tickers.is_sorted_by_key(|ticker| ticker.u));
    tickers
}

fn usdm(test: &str) -> Option<Vec<Binance>> {
    let path = raw::path("usdm_btcusdt_20240808.gz", test)?;
    Some(raw::binance(&path, Scale::new(1, 3).unwrap()))
}

// Some seconds in a debug build: 6,547 diffs to three books, each digested whole after every one.
#[test]
fn raw_usdm_btcusdt() {
    let Some(messages) = usdm("raw_usdm_btcusdt") else {
        return;
    };
    let tickers = tickers(&messages);
    for coverage in [Coverage::Snapshot(LIMIT), Coverage::Whole] {
        let mut pair = Pair::new(Scale::new(1, 3).unwrap(), Sequence::Range, coverage);
        let counts = play(&mut pair, &messages, &tickers);
        let levels = [Side::Bid, Side::Ask].map(|side| pair.live().unwrap().depth_levels(side));
        reached(&format!(
            "usdm_btcusdt, {coverage:?}: {} of {} best prices equal, {} more beyond what the snapshot \
             covered; {} diffs waited for the snapshot, {} applied, pu unbroken; {levels:?} levels at \
             the end, ladder {} bytes, flat {}",
            counts.equal,
            counts.comparable,
            counts.uncovered,
            counts.buffered,
            counts.applied,
            pair.ladder.memory(),
            pair.flat.memory(),
        ));
        let all = Counts {
            buffered: 6,
            old: 4,
            applied: 6_547,
            comparable: 6_545,
            ..counts
        };
        assert_eq!(counts, all);
        right_or_uncovered(coverage, &counts);
    }
}

/// Where the book speaks for the best prices they are right, every time; where the whole market is taken to
/// be known from the snapshot and the diffs, they are right every time in the files that this is
/// asked of.
fn right_or_uncovered(coverage: Coverage, counts: &Counts) {
    assert_eq!(counts.equal + counts.uncovered, counts.comparable);
    if coverage == Coverage::Whole {
        assert_eq!(counts.uncovered, 0);
    }
    assert!(counts.equal > counts.comparable / 2);
}

/// Without any one of its diffs, the feed is a gap at the next message: all of them are tried.
// Some seconds in a debug build: both books are copied for each of 6,550 diffs.
#[test]
fn usdm_without_any_one_diff() {
    let Some(messages) = usdm("usdm_without_any_one_diff") else {
        return;
    };
    let (flat, old) = without_each_one::<Flat>(&messages);
    let ladder = without_each_one::<Ladder>(&messages);
    assert_eq!((flat, old), ladder);
    reached(&format!(
        "usdm_btcusdt: without one diff the gap is seen at the next message, {flat} of {flat}; {old} \
         more are older than the snapshot, and the last one has no next"
    ));
    assert_eq!((flat, old), (6_546, 4));
}

/// How many diffs were missed at once, and how many are not missed since the snapshot has them.
fn without_each_one<S: Storage>(messages: &[Binance]) -> (usize, usize) {
    let (mut missed, mut old) = (0, 0);
    let scale = Scale::new(1, 3).unwrap();
    let first = messages
        .iter()
        .position(|message| matches!(message, Binance::Snapshot(..)))
        .unwrap();
    // What waits for the snapshot: all that comes up to it and the next diff, without one of them.
    let next = |from: usize| {
        let mut after = (from..messages.len()).skip(1);
        after.find(|&place| matches!(messages[place], Binance::Diff(..)))
    };
    let end = next(first).unwrap();
    for left_out in 0..first {
        let Binance::Diff(ids, _) = &messages[left_out] else {
            continue;
        };
        let mut book = follow::<S>(scale, Sequence::Range, Coverage::Snapshot(LIMIT));
        let mut outcome = Outcome::Waiting;
        for (place, message) in messages[..=end].iter().enumerate() {
            if place != left_out && !matches!(outcome, Outcome::Gap(_)) {
                outcome = take(&mut book, message).unwrap_or(outcome);
            }
        }
        let snapshot_has_it =
            matches!(&messages[first], Binance::Snapshot(id, _) if ids.last <= *id);
        assert_eq!(
            matches!(outcome, Outcome::Gap(_)),
            !snapshot_has_it,
            "{ids:?}"
        );
        missed += usize::from(!snapshot_has_it);
        old += usize::from(snapshot_has_it);
    }
    // After it: the book as it was before each diff, and the diff behind that.
    let mut book = follow::<S>(scale, Sequence::Range, Coverage::Snapshot(LIMIT));
    for (place, message) in messages.iter().enumerate() {
        if place > first
            && let Binance::Diff(..) = message
            && let Some(next) = next(place)
        {
            missed_at_once(&book, &messages[next]);
            missed += 1;
        }
        let _ = take(&mut book, message);
    }
    (missed, old)
}

fn take<S: Storage>(book: &mut DeltaBook<S>, message: &Binance) -> Option<Outcome> {
    match message {
        Binance::Ticker(_) => None,
        Binance::Snapshot(id, sides) => Some(book.snapshot(&whole(Some(*id), sides), NOW).unwrap()),
        Binance::Diff(ids, sides) => Some(book.apply(&diff(*ids, sides), NOW).unwrap()),
    }
}

/// A copy of the book gets a diff that does not go on from it.
fn missed_at_once<S: Storage>(book: &DeltaBook<S>, message: &Binance) {
    let Binance::Diff(ids, sides) = message else {
        unreachable!("a diff");
    };
    let mut book = book.clone();
    let last = book.last_id().unwrap();
    let gap = Gap::Sequence {
        expected: last,
        got: ids.previous.unwrap(),
    };
    assert_eq!(book.apply(&diff(*ids, sides), NOW), Ok(Outcome::Gap(gap)));
    assert_eq!(
        (book.state(), book.live().is_none()),
        (State::Gap(gap), true)
    );
}

// Some seconds in a debug build: 9,944 diffs to three books, each digested whole after every one.
#[test]
fn raw_spot_btcusdt() {
    let names = ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"];
    let scale = Scale::new(2, 8).unwrap();
    let mut files = Vec::new();
    for name in names {
        let Some(path) = raw::path(name, "raw_spot_btcusdt") else {
            return;
        };
        files.push(raw::binance(&path, scale));
    }
    let tickers = tickers(&files.concat());
    for coverage in [Coverage::Snapshot(LIMIT), Coverage::Whole] {
        let mut pair = Pair::new(scale, Sequence::Range, coverage);
        let first = play(&mut pair, &files[0], &tickers);
        let second = play(&mut pair, &files[1], &tickers);
        reached(&format!(
            "spot_btcusdt, {coverage:?}: {} of {} best prices equal in the first file; {} diffs of the \
             second go on from it without a break, {} of {} equal, {} beyond what the snapshot covered",
            first.equal,
            first.comparable,
            second.applied,
            second.equal,
            second.comparable,
            second.uncovered,
        ));
        assert_eq!((first.applied, first.comparable), (3_449, 3_449));
        right_or_uncovered(coverage, &first);
        assert_eq!((second.applied, second.comparable), (3_044, 3_043));
        // Far from where the snapshot was, levels that it did not tell have become the best ones: who takes
        // the book for whole is wrong twice, and who knows what it covers never.
        match coverage {
            Coverage::Whole => assert_eq!(second.equal, 3_041),
            _ => right_or_uncovered(coverage, &second),
        }
    }
}

// Over a second in a debug build: 4,279 messages to three books, each digested whole after every one.
#[test]
fn recorded_kraken_books() {
    let Some(path) = raw::path("KRAKEN.jsonl.zst", "raw_kraken") else {
        return;
    };
    let (messages, scales) = raw::kraken(&path);
    let pair = |scale: &Scale| {
        let mut pair = Pair::new(*scale, Sequence::None, Coverage::Top(1_000));
        pair.flat = pair.flat.with_checksum(kraken_checksum);
        pair.ladder = pair.ladder.with_checksum(kraken_checksum);
        pair
    };
    let mut pairs: Vec<Pair> = scales.iter().map(pair).collect();
    let (mut checked, mut wrong, mut snapshots) = (0, 0, 0);
    for message in &messages {
        let pair = &mut pairs[message.pair];
        if message.snapshot {
            snapshots += 1;
            let outcome = pair.snapshot(&whole(None, &message.sides));
            assert_eq!(outcome, Outcome::Applied);
            continue;
        }
        let mut delta = Delta {
            bids: &message.sides.bids,
            asks: &message.sides.asks,
            ids: None,
            checksum: message.checksum.map(|checksum| checksum ^ 1),
        };
        // With another checksum it is a gap at once.
        let mut other = pair.ladder.clone();
        let outcome = other.apply(&delta, NOW).unwrap();
        wrong += usize::from(matches!(outcome, Outcome::Gap(Gap::Checksum { .. })));
        delta.checksum = message.checksum;
        assert_eq!(pair.delta(&delta), Outcome::Applied, "{message:?}");
        assert!(pair.live().is_some());
        checked += usize::from(message.checksum.is_some());
    }
    reached(&format!(
        "KRAKEN: {checked} of {} checksums right; a wrong one is a gap at once, {wrong} of {wrong}; {} pairs",
        messages.len() - snapshots,
        pairs.len()
    ));
    assert_eq!(
        (checked, wrong, snapshots, pairs.len()),
        (4_269, 4_269, 10, 10)
    );
}

// Over a second in a debug build: 1,525 books of 300 levels, each digested whole.
#[test]
fn raw_crypto_com() {
    let Some(path) = raw::path("CRYPTO.COM.jsonl.zst", "raw_crypto_com") else {
        return;
    };
    let (messages, scales) = raw::crypto_com(&path);
    let pair = |scale: &Scale| Pair::new(*scale, Sequence::None, Coverage::Snapshot(150));
    let mut pairs: Vec<Pair> = scales.iter().map(pair).collect();
    for message in &messages {
        let pair = &mut pairs[message.instrument];
        let sides = &message.sides;
        assert_eq!(pair.snapshot(&whole(None, sides)), Outcome::Applied);
        let book = pair.live().expect("never crossed");
        assert!(
            book.levels(Side::Bid).eq(sides.bids.iter().copied()),
            "as given"
        );
        assert!(
            book.levels(Side::Ask).eq(sides.asks.iter().copied()),
            "as given"
        );
    }
    reached(&format!(
        "CRYPTO.COM: {} books of {} instruments as given, none crossed",
        messages.len(),
        pairs.len()
    ));
    assert_eq!((messages.len(), pairs.len()), (1_525, 10));
}

#[test]
fn recorded_polymarket_books() {
    let Some(path) = raw::path("polymarket_book.jsonl", "raw_polymarket") else {
        return;
    };
    let scale = Scale::new(3, 6).unwrap();
    let one = Ticks(1_000);
    let books = raw::polymarket(&path, scale);
    let mut empty_sides = 0;
    for given in &books {
        let mut pair = Pair::new(scale, Sequence::None, Coverage::Whole);
        let (bids, asks) = (&given.sides.bids, &given.sides.asks);
        assert_eq!(pair.snapshot(&whole(None, &given.sides)), Outcome::Applied);
        let book = pair.live().expect("never crossed");
        // They come worst first.
        assert!(book.levels(Side::Bid).eq(bids.iter().rev().copied()));
        assert!(book.levels(Side::Ask).eq(asks.iter().rev().copied()));
        assert_eq!(book.best_bid(), bids.last().copied());
        assert_eq!(book.best_ask(), asks.last().copied());
        let lots = book.depth(Side::Bid, bids.len()).lots;
        assert_eq!(lots, i128::from(given.bid_lots.0));
        empty_sides += usize::from(bids.is_empty()) + usize::from(asks.is_empty());
        if bids.is_empty() || asks.is_empty() {
            assert_eq!(
                (book.spread(), book.mid(), book.microprice()),
                (None, None, None)
            );
        }
        // Its tick is its grid: nothing moves when levels are put together by it.
        assert!(
            book.grouped(given.tick)
                .levels(Side::Bid)
                .eq(book.levels(Side::Bid))
        );
        // And what the other outcome sees of it is a book too.
        let other = book.complement(one);
        assert_eq!(other.spread(), book.spread());
        assert_eq!(other.complement(one).crc32(), book.crc32());
    }
    reached(&format!(
        "polymarket: {} books as given, none crossed, {empty_sides} with an empty side",
        books.len()
    ));
    assert_eq!((books.len(), empty_sides), (10, 1));
}
