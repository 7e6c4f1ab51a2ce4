//! The removal of each recorded update, one at a time. The session must detect the loss in the call that an independent
//! model predicts, and repair only that book.

use ticklot::Options;
use ticklot::kraken::{Depth, Kraken};

use crate::bench::Bench;
use crate::log::{BookFrame, Log, Pair};
use crate::model::{Model, Removal, removal};
use crate::wire;

/// The numbers of removals that are detectable at the pair's next update, later, and never.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    next: usize,
    later: usize,
    never: usize,
}

impl Counts {
    fn add(&mut self, at: usize, shows_at: Option<usize>) {
        match shows_at {
            Some(index) if index == at + 1 => self.next += 1,
            Some(_) => self.later += 1,
            None => self.never += 1,
        }
    }
}

/// Takes a few seconds: 2,410 sessions read 700,000 frames.
#[test]
fn each_removal_is_found() {
    let Some(log) = Log::read() else { return };
    let mut counts = Counts::default();
    let fewest = (0..log.pairs.len()).min_by_key(|pair| log.of_pair(*pair).len());
    for pair in 0..log.pairs.len() {
        let frames = log.of_pair(pair);
        let mut before = Model::of(frames[0]);
        assert_eq!(before.checksum(), frames[0].checksum);
        for (at, frame) in frames.iter().enumerate().skip(1) {
            let removal = removal(&before, &frames, at);
            counts.add(at, removal.shows_at);
            run_alone(&log, &frames, at, &removal);
            if Some(pair) == fewest {
                run_whole(&log, &frames, at, &removal);
            }
            before.apply(frame);
            assert_eq!(before.checksum(), frame.checksum);
        }
    }
    let expected = Counts {
        next: 1_726,
        later: 150,
        never: 534,
    };
    assert_eq!(counts, expected);
}

/// A session at depth 1,000 on a new connection, up to the acknowledgements of its subscriptions.
fn started(log: &Log, pairs: &[&Pair], ladder: bool) -> Bench {
    let symbols: Vec<&str> = pairs.iter().map(|pair| pair.symbol.as_str()).collect();
    let venue = Kraken::new(symbols.iter().copied())
        .depth(Depth::D1000)
        .ladder(ladder);
    let mut bench = Bench::with_options(venue, Options::default());
    bench.open();
    bench.frame(log.status());
    assert_eq!(bench.sent(), ["subscribe instrument"]);
    bench.frame(&wire::instrument_subscribed());
    bench.frame(log.instruments());
    let request = format!("subscribe book {}", symbols.join(","));
    assert_eq!(bench.sent(), [request]);
    for pair in pairs {
        bench.frame(log.subscribed(pair));
    }
    bench
}

/// The frames of one pair, up to the repair.
fn run_alone(log: &Log, frames: &[&BookFrame], at: usize, removal: &Removal) {
    let pair = &log.pairs[frames[0].pair];
    let mut bench = started(log, &[pair], false);
    bench.frame(log.line(frames[0]));
    assert_eq!(bench.state(&pair.symbol), "live");
    bench.events();
    let end = removal.shows_at.unwrap_or(frames.len());
    for frame in (1..end).filter(|index| *index != at) {
        bench.frame(log.line(frames[frame]));
    }
    assert!(bench.events().is_empty(), "{} {at}", pair.symbol);
    if removal.shows_at.is_some() {
        bench.frame(log.line(frames[end]));
        repair(&mut bench, pair, &removal.right);
    }
    assert_eq!(bench.state(&pair.symbol), "live");
    assert_eq!(digest(&bench, pair), removal_digest(frames, at, removal));
}

/// The digest of the session's book after a run. It differs from the correct one if the loss is never detectable.
fn removal_digest(frames: &[&BookFrame], at: usize, removal: &Removal) -> u32 {
    if removal.shows_at.is_some() {
        return removal.right.digest();
    }
    let mut wrong = Model::of(frames[0]);
    let rest = frames.iter().enumerate().skip(1);
    rest.filter(|(index, _)| *index != at)
        .for_each(|(_, frame)| wrong.apply(frame));
    wrong.digest()
}

fn digest(bench: &Bench, pair: &Pair) -> u32 {
    let book = bench.books.last_known(bench.id(&pair.symbol));
    book.unwrap().crc32()
}

/// After the detected loss, the book is subscribed to again on the same connection, and a new snapshot repairs it.
fn repair(bench: &mut Bench, pair: &Pair, right: &Model) {
    let symbol = &pair.symbol;
    let found = [
        format!("{symbol} gap checksum_mismatch"),
        format!("{symbol} resync 1 requested"),
    ];
    assert_eq!(bench.events(), found);
    assert_eq!(bench.sent(), [format!("unsubscribe book {symbol}")]);
    bench.frame(&wire::unsubscribed("book", symbol));
    assert_eq!(bench.sent(), [format!("subscribe book {symbol}")]);
    bench.frame(&wire::subscribed("book", symbol));
    assert_eq!(bench.state(symbol), "gap");
    bench.events();
    bench.frame(&right.snapshot(pair));
    assert_eq!(bench.events(), [format!("{symbol} live snapshot")]);
    let stats = bench.stats();
    let counts = bench.counts(symbol);
    assert_eq!((stats.connects, stats.gaps, stats.resyncs), (1, 1, 1));
    assert_eq!((counts.gaps, counts.resyncs), (1, 1));
}

/// Runs the whole log with ladders: the other pairs stay live.
fn run_whole(log: &Log, frames: &[&BookFrame], at: usize, removal: &Removal) {
    let pair = &log.pairs[frames[0].pair];
    let pairs: Vec<&Pair> = log.pairs.iter().collect();
    let mut bench = started(log, &pairs, true);
    for frame in log.books.iter().filter(|frame| frame.is_snapshot) {
        bench.frame(log.line(frame));
    }
    let all_live = |bench: &Bench| log.symbols().iter().all(|it| bench.state(it) == "live");
    assert!(all_live(&bench));
    bench.events();
    for frame in log.books.iter().filter(|frame| !frame.is_snapshot) {
        if frame.line == frames[at].line {
            continue;
        }
        bench.frame(log.line(frame));
        if removal.shows_at.map(|at| frames[at].line) == Some(frame.line) {
            repair(&mut bench, pair, &removal.right);
        }
        assert!(
            bench.events().is_empty(),
            "{} line {}",
            pair.symbol,
            frame.line
        );
    }
    assert!(all_live(&bench));
}
