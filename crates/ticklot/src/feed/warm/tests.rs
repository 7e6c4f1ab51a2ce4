//! Compares a session with replays to one without. Each runs on its own thread, so that decoders do not share templates.

use std::collections::BTreeMap;
use std::fmt::Write;

use ticklot_book::{Book, Scale, Ticks};
use ticklot_frame::kraken::checksum;

use super::*;
use crate::bayse::Bayse;
use crate::books::ConnectionId;
use crate::event::Disconnect;
use crate::jayx::{ApiKey, Envelope, JayX, Topic};
use crate::kraken::{self, Kraken};
use crate::session::Session;
use crate::venue::Stats;

const SECOND: u64 = 1_000_000_000;

/// All events of a handler.
#[derive(Default)]
struct Recorded(Vec<String>);

impl Handler for Recorded {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        self.0.push(format!("{event:?} {}", books.len()));
        ControlFlow::Continue(())
    }
}

impl<V: Venue> OnMessage<V> for Recorded {
    fn on_message(&mut self, _: &V::Message<'_>, at: Receipt, _: &Books) -> ControlFlow<()> {
        self.0.push(format!("{at:?}"));
        ControlFlow::Continue(())
    }
}

/// A session with a connection, and the state of its driver.
struct Live<V: Venue> {
    session: Session<V>,
    books: Books,
    recorded: Recorded,
    now: Nanos,
    warm: Option<Warm<V>>,
    sent: Vec<String>,
}

impl<V: Venue> Live<V> {
    fn new(venue: V) -> Self {
        let mut books = Books::new();
        let options = Options {
            seed: Some(7),
            ..Options::default()
        };
        let session = Session::new(venue, ConnectionId(3), options, &mut books);
        let mut live = Self {
            session,
            books,
            recorded: Recorded::default(),
            now: Nanos(SECOND),
            warm: None,
            sent: Vec::new(),
        };
        live.open();
        live
    }

    /// As [`Self::new`], with keep-warm replays.
    fn warm(venue: V) -> Self {
        let mut live = Self::new(venue);
        live.warm = Warm::new(&live.session);
        assert!(live.warm.is_some());
        live
    }

    fn open(&mut self) {
        let mut handler = Optional::new(&mut self.recorded);
        let _ = self.session.opened(self.now, &mut self.books, &mut handler);
        self.send();
    }

    fn reconnect(&mut self) {
        let mut handler = Optional::new(&mut self.recorded);
        let _ = self.session.disconnected(
            self.now,
            &Disconnect::IdleTimeout,
            &mut self.books,
            &mut handler,
        );
        self.now.0 += 60 * SECOND;
        self.open();
    }

    fn send(&mut self) {
        while let Some(message) = self.session.outgoing(self.now) {
            self.sent.push(String::from_utf8(message.to_vec()).unwrap());
        }
    }

    fn frame(&mut self, frame: &str) {
        self.now.0 += SECOND / 10;
        let times = (self.now, self.now, self.now);
        let mut handler = Optional::new(&mut self.recorded);
        let (session, books) = (&mut self.session, &mut self.books);
        let reply = super::frame(session, frame.as_bytes(), times, books, &mut handler);
        assert!(
            matches!(reply, CallOutcome::Data | CallOutcome::Control),
            "{frame}"
        );
        if let (Some(warm), Some(book)) = (&mut self.warm, handler.updated()) {
            warm.keep(frame.as_bytes(), book);
        }
        self.send();
    }

    fn command(&mut self, command: V::Command) {
        let mut handler = Optional::new(&mut self.recorded);
        let _ = self
            .session
            .command(command, self.now, &mut self.books, &mut handler);
        self.send();
    }

    /// Replays the last frame. Asserts that the scratch book then has the best prices of the live one, unless that is a gap.
    fn replay(&mut self) -> bool {
        let Some(warm) = &mut self.warm else {
            return false;
        };
        let book = warm.book;
        let is_applied = warm.replay::<Recorded>(&self.session, &self.books, self.now);
        if is_applied {
            let best = |books: &Books, id| {
                let book = books.last_known(id).unwrap();
                (book.best_bid(), book.best_ask(), book.scale())
            };
            let live = book.unwrap();
            let scratch = &warm.scratch.books;
            let id = scratch.find(&self.books.instrument(live).unwrap()).unwrap();
            assert_eq!(best(scratch, id), best(&self.books, live));
            assert!(scratch.live(id).is_some());
            assert!(!scratch.has_changes());
            assert_eq!(warm.scratch.session.queued(), 0);
        }
        is_applied
    }

    /// The state that a user, a driver or a server can observe.
    fn seen(self) -> Seen {
        let mut books = format!("{:?} {}", self.books, self.books.memory());
        for id in self.books.ids() {
            let (trades, counts) = (self.books.trades(id), self.books.counts(id));
            write!(books, "{:?} {counts:?}", trades.collect::<Vec<_>>()).unwrap();
        }
        Seen {
            events: self.recorded.0,
            stats: self.session.stats(),
            deadline: self.session.deadline(),
            sent: self.sent,
            books,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    events: Vec<String>,
    stats: Stats,
    deadline: Option<Nanos>,
    sent: Vec<String>,
    books: String,
}

fn in_thread<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::spawn(work).join().unwrap()
}

/// The observable state after these frames with this many replays after each, and the number of applied replays.
fn run<V: Venue>(
    venue: fn() -> V,
    frames: &[String],
    replays: Option<fn(usize) -> usize>,
) -> (Seen, usize) {
    let mut live = match replays {
        Some(_) => Live::warm(venue()),
        None => Live::new(venue()),
    };
    let mut applied = 0;
    for (at, frame) in frames.iter().enumerate() {
        if frame == "reconnect" {
            live.reconnect();
        } else {
            live.frame(frame);
        }
        for _ in 0..replays.map_or(0, |replays| replays(at)) {
            applied += usize::from(live.replay());
        }
    }
    (live.seen(), applied)
}

/// Asserts that replays between frames have no observable effect.
fn check<V: Venue + 'static>(venue: fn() -> V, frames: Vec<String>) -> Stats {
    let (all, with) = (frames.len(), frames.clone());
    let (without, _) = in_thread(move || run(venue, &frames, None));
    let replays: [fn(usize) -> usize; 2] =
        [|at| at % 4, |at| if at % 50 == 49 { 1_000 } else { 0 }];
    for replays in replays {
        let with = with.clone();
        let (with, applied) = in_thread(move || run(venue, &with, Some(replays)));
        assert!(applied > all, "{applied} replays of {all} frames");
        assert_eq!(with.events.len(), without.events.len());
        for (with, without) in with.events.iter().zip(&without.events) {
            assert_eq!(with, without);
        }
        assert_eq!(with, without);
    }
    without.stats
}

/// The levels of a side, which vary between messages.
type Levels = BTreeMap<i64, i64>;

/// A changing book of a server.
struct Market {
    random: fastrand::Rng,
    bids: Levels,
    asks: Levels,
}

impl Market {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            bids: (490..500).map(|ticks| (ticks, ticks)).collect(),
            asks: (501..511).map(|ticks| (ticks, ticks)).collect(),
        }
    }

    /// Changes or removes a level of each side; ten levels remain.
    fn step(&mut self) -> [Levels; 2] {
        let mut change = |levels: &mut Levels, range: std::ops::RangeInclusive<i64>| {
            let (ticks, lots) = (self.random.i64(range), self.random.i64(1..90_000));
            let mut changed = Levels::new();
            match levels.contains_key(&ticks) && levels.len() > 8 && lots % 2 == 0 {
                true => {
                    levels.remove(&ticks);
                    changed.insert(ticks, 0);
                }
                false => {
                    levels.insert(ticks, lots);
                    changed.insert(ticks, lots);
                }
            }
            changed
        };
        [
            change(&mut self.bids, 480..=500),
            change(&mut self.asks, 501..=520),
        ]
    }
}

fn list(levels: &Levels, level: impl Fn(i64, i64) -> String) -> String {
    let all: Vec<String> = levels.iter().map(|(a, b)| level(*a, *b)).collect();
    format!("[{}]", all.join(","))
}

/// Order books of JayX with a sliding list of trades, candles, bad lines and varying formats.
fn jayx_frames(prefix: &str) -> Vec<String> {
    let mut market = Market::new(5);
    let mut frames = Vec::new();
    let mut trades: Vec<String> = Vec::new();
    for at in 0..400_i64 {
        market.step();
        for more in 0..at % 3 {
            let time = 1_000 * at + more;
            let trade = format!(
                r#"{{"id":{time},"ticks":{},"lots":{},"side":"BUY","created":{time}}}"#,
                500 + at % 2,
                1 + at % 7
            );
            trades.insert(0, trade);
        }
        trades.truncate(20);
        let level = |ticks, lots| format!(r#"{{"ticks":{ticks},"lots":{lots},"count":1}}"#);
        let text = format!(
            r#"{{"orderBook":{{"asks":{},"bids":{}}},"trades":[{}]}}"#,
            list(&market.asks, level),
            list(&market.bids, level),
            trades.join(",")
        );
        // In the middle, no two messages have the same format.
        let spaces = match at {
            150..250 => usize::try_from(at).unwrap(),
            _ => 0,
        };
        let text = text.replacen(':', &format!(":{}", " ".repeat(spaces)), 1);
        frames.push(match prefix {
            "" => text,
            _ => format!("{prefix}[\"orderbook\",{text}]"),
        });
        match at % 97 {
            40 => frames.push("{\"orderBook\":{\"asks\":[],\"bids\":[{\"ticks\":1}]}}".to_owned()),
            60 => frames.push("reconnect".to_owned()),
            80 => frames.push("{".to_owned()),
            _ => {}
        }
    }
    frames
}

fn bayse_line(market: &Market, outcome: &str, sent: usize) -> String {
    let level = |ticks: i64, lots: i64| {
        format!(
            r#"{{"price":0.{ticks:03},"quantity":{}.{:02}}}"#,
            lots / 100,
            lots % 100
        )
    };
    format!(
        r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m","outcomeId":"{outcome}","bids":{},"asks":{}}}}},"timestamp":{sent}}}"#,
        list(&market.bids, level),
        list(&market.asks, level)
    )
}

/// Order books of three outcomes (one is unrequested), with one or two per frame, prices, and varying formats.
fn bayse_frames() -> Vec<String> {
    let mut market = Market::new(6);
    let mut frames = Vec::new();
    for at in 0..400 {
        market.step();
        let outcome = ["a", "b", "c"][at % 3];
        let line = bayse_line(&market, outcome, 1_000_000 + 100 * at);
        let line = match at {
            100..200 => line.replacen(',', &format!(",{}", " ".repeat(at)), 1),
            200..300 if at % 2 == 0 => line.replace(':', ": "),
            _ => line,
        };
        frames.push(match at % 5 {
            0 => format!("{line}\n{}", bayse_line(&market, "b", 1_000_000 + 100 * at)),
            _ => line,
        });
        match at % 97 {
            30 => frames.push(frames[0].replace("\"m\"", "\"other\"")),
            40 => frames.push("{\"type\":\"orderbook_update\",\"data\":{}}".to_owned()),
            60 => frames.push("reconnect".to_owned()),
            80 => frames.push(r#"{"type":"pong","timestamp":1}"#.to_owned()),
            _ => {}
        }
    }
    frames
}

const KRAKEN_LIST: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"A/B","status":"online","qty_precision":2,"qty_increment":0.01,"price_precision":1,"price_increment":0.1},{"symbol":"C/D","status":"online","qty_precision":2,"qty_increment":0.01,"price_precision":1,"price_increment":0.1}]}}"#;

/// The messages of Kraken for a symbol, with ten levels per side.
struct KrakenMarket {
    symbol: &'static str,
    market: Market,
    book: Book,
}

impl KrakenMarket {
    fn new(symbol: &'static str, seed: u64) -> Self {
        let scale = Scale::new(1, 2).unwrap();
        let book = Book::new(scale).with_coverage(ticklot_book::Coverage::Top(10));
        Self {
            symbol,
            market: Market::new(seed),
            book,
        }
    }

    fn snapshot(&mut self) -> String {
        let levels = [self.market.bids.clone(), self.market.asks.clone()];
        self.message("snapshot", &levels)
    }

    fn update(&mut self) -> String {
        let levels = self.market.step();
        self.message("update", &levels)
    }

    fn message(&mut self, kind: &str, [bids, asks]: &[Levels; 2]) -> String {
        let levels = |side: &Levels| -> Vec<Level> {
            let level =
                |(ticks, lots): (&i64, &i64)| Level::new(Ticks(*ticks), ticklot_book::Lots(*lots));
            side.iter().map(level).collect()
        };
        let (own_bids, own_asks) = (levels(bids), levels(asks));
        if kind == "snapshot" {
            self.book
                .apply_snapshot(&own_bids, &own_asks, Nanos(1))
                .unwrap();
        } else {
            self.book
                .apply_delta(&own_bids, &own_asks, Nanos(1))
                .unwrap();
        }
        let sum = checksum(self.book.levels(Side::Ask), self.book.levels(Side::Bid));
        let level = |ticks: i64, lots: i64| {
            format!(
                r#"{{"price":{}.{},"qty":{}.{:02}}}"#,
                ticks / 10,
                ticks % 10,
                lots / 100,
                lots % 100
            )
        };
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{}","bids":{},"asks":{},"checksum":{sum}}}]}}"#,
            self.symbol,
            list(bids, level),
            list(asks, level)
        )
    }
}

fn kraken_frames() -> Vec<String> {
    let mut markets = [KrakenMarket::new("A/B", 8), KrakenMarket::new("C/D", 9)];
    let mut frames = vec![KRAKEN_LIST.to_owned()];
    frames.extend(markets.each_mut().map(KrakenMarket::snapshot));
    for at in 0..400 {
        let market = &mut markets[usize::from(at % 3 == 0)];
        frames.push(market.update());
        match at % 97 {
            20 => frames.push(r#"{"channel":"heartbeat"}"#.to_owned()),
            30 => drop(market.update()), // lost, so the next checksum is wrong
            40 => frames.push(market.snapshot()),
            60 => {
                frames.extend(["reconnect".to_owned(), KRAKEN_LIST.to_owned()]);
                frames.extend(markets.each_mut().map(KrakenMarket::snapshot));
            }
            _ => {}
        }
    }
    frames
}

fn plain() -> JayX {
    JayX::new("BTCUSDT")
        .envelope(Envelope::Plain)
        .build()
        .unwrap()
}

fn packets() -> JayX {
    JayX::new("BTCUSDT").build().unwrap()
}

fn bayse() -> Bayse {
    let scale = Scale::new(3, 2).unwrap();
    Bayse::new(["m"]).scale(scale).build().unwrap()
}

fn flat() -> Kraken {
    Kraken::new(["A/B", "C/D"]).build().unwrap()
}

fn ladder() -> Kraken {
    Kraken::new(["A/B", "C/D"]).ladder(true).build().unwrap()
}

#[test]
fn jayx_replays_are_invisible() {
    let stats = check(plain, jayx_frames(""));
    assert!(
        stats.fast_path > 200 && stats.general_path > 90,
        "{stats:?}"
    );
    check(packets, jayx_frames("42"));
    // With ids, so that each requires an acknowledgement.
    check(packets, jayx_frames("427"));
}

#[test]
fn bayse_replays_are_invisible() {
    let stats = check(bayse, bayse_frames());
    assert!(
        stats.fast_path > 200 && stats.general_path > 90,
        "{stats:?}"
    );
}

#[test]
fn kraken_replays_are_invisible() {
    for venue in [flat, ladder] {
        let stats = check(venue, kraken_frames());
        assert!(stats.gaps > 2 && stats.deltas > 300, "{stats:?}");
    }
}

#[test]
fn replay_uses_frame_decode_path() {
    let mut live = Live::warm(plain());
    for frame in &jayx_frames("")[..20] {
        live.frame(frame);
        live.replay();
    }
    let scratch = |live: &Live<JayX>| live.warm.as_ref().unwrap().scratch.session.stats();
    let before = scratch(&live);
    (0..1_000).for_each(|_| assert!(live.replay()));
    let after = scratch(&live);
    assert_eq!(after.fast_path - before.fast_path, 1_000);
    assert_eq!(after.snapshots - before.snapshots, 1_000);
    assert_eq!((after.bad_lines, after.gaps), (0, 0));
}

#[test]
fn memory_does_not_grow() {
    fn check<V: Venue>(venue: V, frames: &[String]) {
        let mut live = Live::warm(venue);
        let memory = |live: &Live<V>| {
            let scratch = &live.warm.as_ref().unwrap().scratch;
            (scratch.books.memory(), scratch.books.len())
        };
        frames.iter().for_each(|frame| live.frame(frame));
        (0..1_000).for_each(|_| assert!(live.replay()));
        let before = memory(&live);
        (0..20_000).for_each(|_| assert!(live.replay()));
        assert_eq!(memory(&live), before);
    }
    check(packets(), &jayx_frames("427")[..30]);
    check(bayse(), &bayse_frames()[..30]);
    check(flat(), &kraken_frames()[..30]);
}

#[test]
fn long_frames_are_not_kept() {
    let mut live = Live::warm(plain());
    let mut frame = jayx_frames("")[0].clone();
    frame.extend(std::iter::repeat_n(' ', MAX_WARM_FRAME - frame.len()));
    live.frame(&frame);
    assert!(live.replay());
    live.frame(&format!("{frame} "));
    assert_eq!(live.session.stats().snapshots, 2);
    assert_eq!(live.warm.as_ref().unwrap().frame.len(), MAX_WARM_FRAME);
}

#[test]
fn later_symbol_is_replayed() {
    let mut live = Live::warm(Kraken::new(["A/B"]).build().unwrap());
    let mut market = KrakenMarket::new("C/D", 4);
    live.command(kraken::Command::Subscribe(kraken::Topic::book("C/D")));
    // The scales arrive after the scratch session was created.
    live.frame(KRAKEN_LIST);
    live.frame(&market.snapshot());
    assert!(live.replay());
    for _ in 0..20 {
        live.frame(&market.update());
        assert!(live.replay() && live.replay());
    }
}

#[test]
fn many_books_begin_anew() {
    let mut live = Live::warm(bayse());
    let market = Market::new(1);
    let mut renewed = 0;
    let mut books = 0;
    for at in 0..6_000 {
        live.frame(&bayse_line(&market, &format!("outcome {at}"), at));
        assert!(live.replay(), "{at}");
        let scratch = &live.warm.as_ref().unwrap().scratch.books;
        renewed += usize::from(scratch.len() < books);
        books = scratch.len();
        assert!(scratch.memory() <= MAX_SCRATCH_MEMORY);
    }
    assert_eq!(live.books.len(), 6_000);
    assert!((1..10).contains(&renewed), "{renewed}");
}

#[test]
fn scratch_venue_sends_nothing() {
    fn sent<V: Venue>(venue: &V) -> Vec<String> {
        let scratch = venue.scratch().unwrap();
        let mut live = Live::new(scratch);
        live.now.0 += 60 * SECOND;
        live.send();
        live.sent
    }
    let venue = JayX::new("BTCUSDT")
        .envelope(Envelope::Plain)
        .key(ApiKey::new("secret"))
        .follow(Topic::Positions)
        .follow(Topic::kline("BTCUSDT", "1"));
    let sent_by_jayx = sent(&venue.build().unwrap());
    assert_eq!(sent_by_jayx.len(), 1, "{sent_by_jayx:?}");
    assert!(!sent_by_jayx[0].contains("secret") && sent_by_jayx[0].contains("orderbook"));
    assert!(sent(&bayse()).is_empty());
    assert!(sent(&flat()).is_empty());
    assert!(Bayse::realtime().scratch().is_none());
    let accounts = JayX::connection().follow(Topic::Positions);
    assert!(accounts.scratch().is_none());
}

#[cfg(feature = "metrics")]
mod recorder {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    /// Counts the handles and their uses.
    #[derive(Default)]
    struct Uses {
        all: Arc<Count>,
        handles: AtomicU64,
    }

    #[derive(Default)]
    struct Count(AtomicU64);

    impl metrics::CounterFn for Count {
        fn increment(&self, _: u64) {
            self.0.fetch_add(1, Relaxed);
        }
        fn absolute(&self, _: u64) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    impl metrics::GaugeFn for Count {
        fn increment(&self, _: f64) {
            self.0.fetch_add(1, Relaxed);
        }
        fn decrement(&self, _: f64) {
            self.0.fetch_add(1, Relaxed);
        }
        fn set(&self, _: f64) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    impl metrics::HistogramFn for Count {
        fn record(&self, _: f64) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    impl Uses {
        fn handle(&self) -> Arc<Count> {
            self.handles.fetch_add(1, Relaxed);
            Arc::clone(&self.all)
        }

        fn get(&self) -> (u64, u64) {
            (self.all.0.load(Relaxed), self.handles.load(Relaxed))
        }
    }

    impl Recorder for Uses {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.handle())
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.handle())
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.handle())
        }
    }

    #[test]
    fn replays_are_not_recorded() {
        let uses = Uses::default();
        metrics::with_local_recorder(&uses, || {
            let mut live = Live::new(flat());
            #[cfg(feature = "latency")]
            live.session.measure(|| Nanos(1), &mut live.books);
            kraken_frames()[..40].iter().for_each(|it| live.frame(it));
            let before = uses.get();
            assert!(before.0 > 40 && before.1 > 20, "{before:?}");
            live.warm = Warm::new(&live.session);
            let mut markets = [KrakenMarket::new("A/B", 8), KrakenMarket::new("C/D", 9)];
            let warm = live.warm.as_mut().unwrap();
            warm.keep(markets[0].snapshot().as_bytes(), BookId(0));
            for _ in 0..100 {
                assert!(warm.replay::<Recorded>(&live.session, &live.books, live.now));
            }
            // Creates a new scratch session.
            warm.keep(b"{", BookId(0));
            assert!(!warm.replay::<Recorded>(&live.session, &live.books, live.now));
            assert_eq!(uses.get(), before);
        });
    }
}
