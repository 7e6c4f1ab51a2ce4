//! Once the buffers have grown, no message causes an allocation: neither from the frame to the handler, nor from the
//! socket to the handler.

use std::ops::ControlFlow;
use std::sync::Arc;

use ticklot::bayse::Bayse;
use ticklot::capture::{FlightOptions, IncidentReport, Incidents, RecordOptions, Recorder};

use ticklot::jayx::{ApiKey, Envelope, JayX, Topic};
use ticklot::kraken::Kraken;
use ticklot::observe::Tap;
use ticklot::venue::{CallOutcome, Venue, VenueName};
use ticklot::{
    Books, ConnectionId, Event, Feed, Handler, Instrument, Nanos, OnMessage, Options, Session,
};
use ticklot_book::{
    Book, BookView, Coverage, Delta, DeltaBook, Flat, Ids, Ladder, Level, Lots, Scale, Sequence,
    Side, Snapshot, Storage, Ticks,
};
use ticklot_frame::{DecodeBackend, bayse, jayx};
use ticklot_sim::pool;
use ticklot_sim::{RecordedFrame, Recording, Server, Simulator, Speed};
use ticklot_tests::alloc::{CountingAllocator, allocated_bytes, allocations};
use ticklot_tests::books;
use ticklot_tests::data::{LOGS, Log};
use ticklot_tests::drive::{Drive, runtime};
use ticklot_tests::handler::ignore;
use ticklot_tests::messages;
use ticklot_tests::program::TempFolder;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn jayx(log: &Log) -> JayX {
    JayX::new("BTCUSDT")
        .envelope(Envelope::Auto)
        .scale(log.scale())
        .build()
        .unwrap()
}

fn bayse(log: &Log) -> Bayse {
    Bayse::any().scale(log.scale()).build().unwrap()
}

/// Reads the spread of the changed book, as a strategy would.
fn read_touch(event: &Event<'_>, books: &Books, seen: &mut i64) {
    if let Event::Book(update) = event
        && let Some(book) = books.live(update.book)
    {
        *seen += book.spread().map_or(0, |spread| spread.0) + update.changes.len() as i64;
    }
}

/// Plays all frames twice, and counts the allocations of the second pass.
fn count_second_pass<V: Venue>(venue: V, frames: &[(u64, Vec<u8>)]) -> u64 {
    count_second_pass_with(venue, frames, Vec::new())
}

/// The same, with taps.
fn count_second_pass_with<V: Venue>(
    venue: V,
    frames: &[(u64, Vec<u8>)],
    taps: Vec<Box<dyn Tap>>,
) -> u64 {
    let mut seen = 0;
    let (second, _) = play_twice(venue, frames, taps, |event, books| {
        read_touch(event, books, &mut seen);
    });
    assert_ne!(seen, 0, "the handler was called");
    second
}

/// Plays all frames twice. Returns the allocations of the second pass, and the books.
fn play_twice<V: Venue>(
    venue: V,
    frames: &[(u64, Vec<u8>)],
    taps: Vec<Box<dyn Tap>>,
    mut see: impl FnMut(&Event<'_>, &Books),
) -> (u64, Books) {
    let mut books = Books::new();
    let mut handler = |event: Event<'_>, books: &Books| {
        see(&event, books);
        ControlFlow::Continue(())
    };
    let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
    taps.into_iter().for_each(|tap| session.tap(tap));
    let _ = session.opened(Nanos(0), &mut books, &mut handler);
    let mut pass = || {
        let before = allocations();
        for (recv_ns, frame) in frames {
            let reply = session.frame(frame, Nanos(*recv_ns), &mut books, &mut handler);
            assert_eq!(reply, CallOutcome::Data);
            while session.outgoing(Nanos(*recv_ns)).is_some() {}
        }
        allocations() - before
    };
    assert!(pass() > 0, "the first pass grows the buffers");
    let second = pass();
    drop(session);
    (second, books)
}

#[test]
fn frames_do_not_allocate() {
    for log in &LOGS {
        let Some(frames) = log.frames("frames_do_not_allocate") else {
            return;
        };
        let count = match log.venue {
            VenueName::JAYX => count_second_pass(jayx(log), &frames),
            _ => count_second_pass(bayse(log), &frames),
        };
        assert_eq!(count, 0, "{}: {} frames", log.name, frames.len());
    }
}

/// The same with synthetic frames, since the recorded data may be absent.
#[test]
fn generated_frames_do_not_allocate() {
    let frames = synthetic_frames();
    assert_eq!(count_second_pass(Bayse::any().build().unwrap(), &frames), 0);
}

/// A recorder, and a flight recorder whose ring wraps around many times.
fn taps(folder: &TempFolder) -> (Recorder, Incidents) {
    let mut options = FlightOptions::default();
    options.bytes = 64 << 10;
    let log = folder.file("log.jsonl.zst");
    (
        Recorder::create(log, 0, RecordOptions::default()).unwrap(),
        Incidents::create(folder.file("incidents"), 0, options).unwrap(),
    )
}

#[test]
fn recorded_frames_do_not_allocate() {
    let folder = TempFolder::new("allocations");
    let (recorder, incidents) = taps(&folder);
    let frames = synthetic_frames();
    let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
    assert!(bytes > 10 * (64 << 10), "{bytes}");
    let venue = Bayse::any().build().unwrap();
    let taps: Vec<Box<dyn Tap>> = vec![Box::new(recorder.clone()), Box::new(incidents.clone())];
    assert_eq!(count_second_pass_with(venue, &frames, taps), 0);
    let recorded = recorder.finish().unwrap();
    assert_eq!((recorded.frames, recorded.dropped), (1000, 0));
}

/// An invalidated book makes the reading task swap two rings, without an allocation.
#[test]
fn incidents_do_not_allocate() {
    let folder = TempFolder::new("incident");
    let (recorder, incidents) = taps(&folder);
    let frames = [messages::jayx_book(10, 11), messages::jayx_book(12, 11)];
    let mut books = Books::new();
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    let (id, options) = (ConnectionId(0), Options::default());
    let mut session = Session::new(venue.build().unwrap(), id, options, &mut books);
    session.tap(Box::new(recorder.clone()));
    session.tap(Box::new(incidents.clone()));
    let _ = session.opened(Nanos(0), &mut books, &mut ignore);
    let mut play = |at: u64| {
        let before = allocations();
        for frame in &frames {
            let _ = session.frame(frame.as_bytes(), Nanos(at), &mut books, &mut ignore);
        }
        allocations() - before
    };
    let is_written = || matches!(incidents.wait_report(), Some(IncidentReport::Written(_)));
    assert!(play(0) > 0, "the first pass grows the buffers");
    assert!(is_written());
    assert_eq!(play(1), 0, "suppressed, too soon after the first");
    let minute = 60_000_000_000;
    // The book is stale by then. The list of stale books grows once.
    assert!(play(minute - 1) <= 1);
    assert_eq!(play(2 * minute), 0, "captured");
    assert_eq!(incidents.taken(), 2);
    assert!(is_written());
}

fn synthetic_frames() -> Vec<(u64, Vec<u8>)> {
    let level = |n: usize, price: usize| format!(r#"{{"price":0.{price:02},"quantity":{n}.25}}"#);
    let frame = |n: usize| {
        let bids: Vec<String> = (0..20).map(|d| level(n + d, 40 - d)).collect();
        let asks: Vec<String> = (0..n % 30).map(|d| level(n + d, 50 + d)).collect();
        let line = format!(
            r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m","outcomeId":"o{}","bids":[{}],"asks":[{}]}}}}}}"#,
            n % 5,
            bids.join(","),
            asks.join(","),
        );
        (n as u64, format!("{line}\n{line}\n").into_bytes())
    };
    (0..500).map(frame).collect()
}

const BACKENDS: [DecodeBackend; 3] = [
    DecodeBackend::Best,
    DecodeBackend::Portable,
    DecodeBackend::Off,
];

/// Decodes all frames twice, and counts the allocations of the second pass.
fn count_second_decoding(frames: &[Vec<u8>], mut decode: impl FnMut(&[u8]) -> bool) -> u64 {
    let mut pass = || {
        let before = allocations();
        for frame in frames {
            assert!(decode(frame), "a book");
        }
        allocations() - before
    };
    assert!(pass() > 0, "the first pass grows the buffers");
    pass()
}

/// With every backend. Some order books have spaces, which makes another template, or change their key order, which needs
/// the general path.
#[test]
fn backends_do_not_allocate() {
    let spaced = |frame: &[u8]| {
        String::from_utf8_lossy(frame)
            .replace(',', ", ")
            .into_bytes()
    };
    let with_others = |mut frames: Vec<Vec<u8>>| {
        let some = frames.iter().step_by(3);
        let mut others: Vec<_> = some.clone().map(|frame| spaced(frame)).collect();
        others.extend(
            some.zip(0..)
                .map(|(frame, seed)| pool::reordered(frame, seed, 2)),
        );
        frames.extend(others);
        frames
    };
    let jayx_frames = with_others(books::jayx(20, 7, 200));
    let bayse_frames = with_others(books::bayse(20, 7, 200));
    let scale = books::bayse_scale();
    for backend in BACKENDS {
        let mut decoder = jayx::Decoder::with_backend(Envelope::Auto, backend);
        let count = count_second_decoding(&jayx_frames, |frame| {
            matches!(decoder.decode(frame), Ok(jayx::Message::OrderBook(_)))
        });
        assert_eq!(count, 0, "{backend:?}");
        let mut decoder = bayse::Decoder::with_backend(backend);
        let count = count_second_decoding(&bayse_frames, |frame| {
            matches!(
                decoder.decode(frame, &scale),
                Ok(bayse::Message::OrderBook(_))
            )
        });
        assert_eq!(count, 0, "{backend:?}");
    }
}

/// A JayX book with `levels` levels a side, and prices and quantities of `digits` digits.
fn jayx_book(levels: u64, digits: u32) -> String {
    let first = 10_u64.pow(digits - 1);
    let side = |step: i64| {
        let level = |n: u64| {
            let ticks = (2 * first).wrapping_add_signed(step * n.cast_signed());
            format!("{{\"ticks\":{ticks},\"lots\":{first},\"count\":1}}")
        };
        (1..=levels).map(level).collect::<Vec<_>>().join(",")
    };
    let trade = "{\"lots\":1,\"ticks\":2,\"side\":\"BUY\",\"created\":3}";
    let [asks, bids] = [side(1), side(-1)];
    format!(
        "42[\"orderbook\",{{\"orderBook\":{{\"asks\":[{asks}],\"bids\":[{bids}]}},\"trades\":[{trade}]}}]"
    )
}

/// Not even the first levels with longer numbers cause an allocation.
#[test]
fn longer_numbers_do_not_allocate() {
    for backend in BACKENDS {
        let mut decoder = jayx::Decoder::with_backend(Envelope::SocketIo, backend);
        // The first book teaches the template, and the decoder caches the second one's trades.
        for _ in 0..2 {
            assert!(decoder.decode(jayx_book(300, 7).as_bytes()).is_ok());
        }
        let others = [6, 8, 9, 12, 15].map(|digits| jayx_book(20, digits));
        let before = allocations();
        for other in &others {
            let message = decoder.decode(other.as_bytes());
            assert!(matches!(message, Ok(jayx::Message::OrderBook(book)) if book.asks.len() == 20));
        }
        assert_eq!(allocations() - before, 0, "{backend:?}");
    }
}

/// Bayse's other messages: prices, fills, asset prices, orders and pongs.
#[test]
fn bayse_channels_do_not_allocate() {
    let frame = |n: u64| {
        let price = 40 + n % 20;
        // Every other message takes the general path.
        let (tag, other) = match n % 2 {
            0 => ("tag", ""),
            _ => (r"t\u0061g", r#",{"id":"other","outcomes":["Up"]}"#),
        };
        let lines = [
            format!(
                r#"{{"type":"price_update","data":{{"id":"evt","slug":"s","title":"T {n}","status":"open","type":"SINGLE_MARKET","markets":[{{"id":"mkt","question":"Yes or No?","outcomes":["Yes","No"],"engine":"CLOB","prices":{{"YES":0.{price},"NO":0.{price}}}}}{other}]}},"timestamp":1700000000000}}"#
            ),
            format!(
                r#"{{"type":"buy_order","data":{{"user":{{"id":"usr","tag":"{tag}","imageUrl":null}},"order":{{"id":"ord_{n}","amount":100.00,"quantity":150.{n},"price":0.{price},"status":"FILLED","type":"BUY","outcome":"YES","outcomeLabel":"Yes","currency":"USD","engine":"CLOB","orderType":"LIMIT","createdAt":"2026-02-17T10:30:00Z","updatedAt":"2026-02-17T10:30:01Z"}},"event":{{"id":"evt","slug":"s","title":"T","type":"SINGLE_MARKET","createdAt":"2026-01-10T09:00:00Z","imageUrl":null}},"market":{{"id":"mkt","title":"Yes or No","imageUrl":null}}}},"timestamp":1700000000000}}"#
            ),
            format!(
                r#"{{"type":"asset_price","data":{{"symbol":"BTCUSDT","price":67432.{n},"timestamp":1700000000000}},"timestamp":1700000000000}}"#
            ),
            format!(
                r#"{{"type":"order_updated","data":{{"orderId":"7f5e","eventId":"a1b2","marketId":"mkt","order":{{"id":"7f5e","userId":"usr","marketId":"mkt","outcomeId":"c3d4","outcomeLabel":"Yes","side":"BUY","price":0.{price},"quantity":150.0,"filledQuantity":100.0,"remainingQuantity":50.0,"avgFillPrice":0.64,"status":"PARTIAL_FILLED","timeInForce":"GTC","createdAt":1700000000,"updatedAt":1700000050}},"timestamp":1700000050}},"timestamp":1700000050000}}"#
            ),
            r#"{"type":"pong","timestamp":1700000000000}"#.to_owned(),
        ];
        (n, lines.join("\n").into_bytes())
    };
    let frames: Vec<_> = (0..300).map(frame).collect();
    let mut seen = 0;
    // Each frame has five neutral events: a fill, the prices of two outcomes and of an asset, and an order.
    let venue = Bayse::any().build().unwrap();
    let (second, _) = play_twice(venue, &frames, Vec::new(), |event, _| match event {
        Event::Trades(_) | Event::ReferencePrice(_) | Event::Order(_) => seen += 1,
        Event::BadLine { error, .. } => panic!("{error}"),
        _ => {}
    });
    assert_eq!((second, seen), (0, 2 * 300 * 5));
}

/// Applies deltas around a moving price, with distant levels, a gap and its repair by a snapshot.
fn follow_wandering_feed<S: Storage>(book: &mut DeltaBook<S>) -> i128 {
    let mut random = 9_u64;
    let mut below = |end: u64| {
        // Marsaglia's xorshift64.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) % end
    };
    let mut seen = 0;
    let snapshot = |id| Snapshot {
        id: Some(id),
        ..Snapshot::default()
    };
    let _ = book.apply_snapshot(&snapshot(0), Nanos(0)).unwrap();
    for id in 1..20_000 {
        let touch = (id / 4) as i64;
        let away = below(if id % 50 == 0 { 1 << 40 } else { 900 }) as i64;
        let lots = Lots(below(3) as i64);
        let bids = [Level::new(Ticks(touch - away), lots)];
        let asks = [
            Level::new(Ticks(touch), Lots(0)),
            Level::new(Ticks(touch + 1 + away), lots),
        ];
        let delta = Delta {
            bids: &bids,
            asks: &asks,
            ids: Some(Ids::one(id)),
            checksum: None,
        };
        // Every 5,000th message is lost. A snapshot follows after a hundred messages.
        if id % 5_000 != 0 {
            let _ = book.apply_delta(&delta, Nanos(id)).unwrap();
        }
        if id % 5_000 == 100 && id > 5_000 {
            let _ = book.apply_snapshot(&snapshot(id - 50), Nanos(id)).unwrap();
        }
        if let Some(book) = book.live() {
            seen += read_views(book);
        }
    }
    seen
}

fn read_views(book: &impl BookView) -> i128 {
    let mut top = [Level::default(); 10];
    let one = Ticks(1_000);
    let other = book.complement(one);
    let own = [Level::new(Ticks(5), Lots(1))];
    book.mid().map_or(0, |mid| mid.0)
        + book.depth(Side::Bid, 20).lots
        + book.fill(Side::Ask, Lots(30)).cost
        + book.imbalance_within(Ticks(40)).asks.lots
        + book.grouped(Ticks(10)).depth(Side::Ask, 3).lots
        + book.combined(&other).depth(Side::Bid, 5).lots
        + book.without_own(&own, &own).depth(Side::Bid, 5).lots
        + i128::from(book.crc32())
        + book.copy_top(Side::Bid, &mut top) as i128
}

// Takes over a second in a debug build: 80,000 messages with a checksum after each.
#[test]
fn deltas_and_views_allocate_nothing() {
    fn count<S: Storage>() {
        let book = Book::<S>::with_storage(Scale::UNIT).with_coverage(Coverage::Top(500));
        let mut book = DeltaBook::new(book, Sequence::Contiguous);
        let mut pass = || {
            let before = allocations();
            book.start_epoch(ticklot::Epoch(1));
            let seen = follow_wandering_feed(&mut book);
            assert_eq!(book.last_id(), Some(19_999), "live at the end");
            (allocations() - before, seen)
        };
        let (first, seen) = pass();
        assert!(first > 0, "the first pass grows the buffers");
        assert_eq!(pass(), (0, seen));
    }
    count::<Flat>();
    count::<Ladder>();
}

/// The number of times that a log is played over a socket.
const PASSES: u64 = 6;

/// Counts the allocations of each pass over a recording, on the thread that reads.
struct Passes {
    /// The frames of a pass.
    frames: u64,
    counts: Vec<u64>,
    start: u64,
    seen: i64,
}

impl Passes {
    fn new(frames: u64) -> Self {
        Self {
            frames,
            // Allocated for all passes, so that the counting does not allocate.
            counts: Vec::with_capacity(PASSES as usize),
            start: 0,
            seen: 0,
        }
    }
}

impl<V: Venue> OnMessage<V> for Passes {}

impl Handler for Passes {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        read_touch(&event, books, &mut self.seen);
        if let Event::Book(update) = event
            && update.frame / self.frames > self.counts.len() as u64
        {
            // The first book of the next pass.
            self.counts.push(allocations() - self.start);
            self.start = allocations();
        }
        ControlFlow::Continue(())
    }
}

/// The frames, repeated for all passes.
fn recording(frames: &[(u64, Vec<u8>)]) -> Arc<Recording> {
    let frames = frames.iter().map(|(recv_ns, frame)| RecordedFrame {
        recv_ns: *recv_ns,
        frame: frame.clone(),
    });
    let once: Vec<_> = frames.collect();
    let all = (0..PASSES).flat_map(|_| once.iter().cloned()).collect();
    Arc::new(Recording { frames: all })
}

/// Plays a [`recording`] through a real connection. Returns the allocations of each pass but the first. The server runs on
/// another thread, so only the client's allocations are counted.
fn count_passes<V: Venue + 'static>(venue: V, mut feed: Feed<Passes>) -> Vec<u64> {
    let mut options = Options::default();
    options.reconnect.after_close = false;
    feed.add_with(venue, options, ticklot::transport::Config::default());
    let ended = runtime().block_on(feed.drive_without_replays());
    let (_, passes) = feed.into_parts();
    let (stats, reason) = (ended[0].stats, &ended[0].reason);
    assert_eq!(stats.frames, PASSES * passes.frames, "{reason:?}");
    assert_eq!(stats.bad_lines, 0);
    assert_ne!(passes.seen, 0);
    passes.counts[1..].to_vec()
}

/// Plays a recorded log of either venue, with `taps` if there are any.
fn count_passes_over_a_socket(
    log: &Log,
    frames: &[(u64, Vec<u8>)],
    taps: Option<&(Recorder, Incidents)>,
) -> Vec<u64> {
    let venue = match log.venue {
        VenueName::JAYX => ticklot_sim::Venue::Jayx,
        _ => ticklot_sim::Venue::Bayse,
    };
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Simulator::playback(venue, recording(frames), Speed::Max, listen).unwrap();
    let url = server.url(venue).unwrap();
    let mut feed = Feed::new(Passes::new(frames.len() as u64));
    if let Some((recorder, incidents)) = taps {
        feed.tap(recorder.clone());
        feed.tap(incidents.clone());
    }
    match log.venue {
        VenueName::JAYX => {
            let envelope = match log.envelope {
                "plain" => Envelope::Plain,
                _ => Envelope::SocketIo,
            };
            let venue = JayX::new("BTCUSDT").envelope(envelope).url(&url);
            count_passes(venue.build().unwrap(), feed)
        }
        _ => {
            let venue = Bayse::any().scale(log.scale()).url(&url);
            count_passes(venue.build().unwrap(), feed)
        }
    }
}

/// A snapshot of 1,000 levels a side and deltas in Kraken's format, with its checksums.
fn kraken_frames() -> Vec<(u64, Vec<u8>)> {
    let level = |&(price, lots): &(i64, i64)| {
        let (whole, tenth) = (price / 10, price % 10);
        format!(r#"{{"price":{whole}.{tenth},"qty":{lots}.50000000}}"#)
    };
    let mut book = Book::new(Scale::new(1, 8).unwrap());
    let row = |&(price, lots): &(i64, i64)| {
        Level::new(Ticks(price), Lots(lots * 100_000_000 + 50_000_000))
    };
    let bids: Vec<_> = (0..1_000).map(|n| (600_000 - n, n % 9 + 1)).collect();
    let asks: Vec<_> = (1..=1_000).map(|n| (600_000 + n, n % 7 + 1)).collect();
    let rows = |side: &[(i64, i64)]| side.iter().map(row).collect::<Vec<_>>();
    let list = |side: &[(i64, i64)]| side.iter().map(level).collect::<Vec<_>>().join(",");
    let frame = |kind: &str, bids: &str, asks: &str, book: &Book| {
        let checksum =
            ticklot_frame::kraken::checksum(book.levels(Side::Ask), book.levels(Side::Bid));
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}"#
        )
    };
    let mut frames = vec![
        r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","price_precision":1,"qty_precision":8,"status":"online"}]}}"#.to_owned(),
        r#"{"method":"subscribe","result":{"channel":"book","depth":1000,"snapshot":true,"symbol":"BTC/USD"},"success":true}"#.to_owned(),
    ];
    book.apply_snapshot(&rows(&bids), &rows(&asks), Nanos(0))
        .unwrap();
    frames.push(frame("snapshot", &list(&bids), &list(&asks), &book));
    for n in 0..2_000_i64 {
        // Changes levels throughout the book. None is removed, so the depth is constant.
        let (bid, ask) = (600_000 - n * 37 % 1_000, 600_001 + n * 53 % 1_000);
        let (bid, ask) = ((bid, n % 11 + 1), (ask, n % 13 + 1));
        book.apply_delta(&rows(&[bid]), &rows(&[ask]), Nanos(0))
            .unwrap();
        frames.push(frame("update", &list(&[bid]), &list(&[ask]), &book));
        if n % 50 == 0 {
            frames.push(r#"{"channel":"heartbeat"}"#.to_owned());
        }
    }
    let numbered = (0..).zip(frames);
    numbered.map(|(n, frame)| (n, frame.into_bytes())).collect()
}

/// An acknowledgement allocates the name of its room: a few allocations in each pass, none for a delta.
const KRAKEN_ACKS: u64 = 8;

#[test]
fn session_deltas_allocate_nothing() {
    let frames = kraken_frames();
    for ladder in [false, true] {
        let venue = Kraken::any().ladder(ladder).build().unwrap();
        let count = count_second_pass(venue, &frames);
        assert!(count <= KRAKEN_ACKS, "ladder {ladder}: {count}");
    }
}

#[test]
fn socket_deltas_allocate_nothing() {
    let frames = kraken_frames();
    for ladder in [false, true] {
        let recording = recording(&frames);
        let (send, url) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = std::thread::spawn(move || {
            runtime().block_on(async {
                let listen = "127.0.0.1:0".parse().unwrap();
                let server = Server::playback_plain(recording, Speed::Max, listen)
                    .await
                    .unwrap();
                send.send(server.url()).unwrap();
                let _ = stopped.await;
            });
        });
        let venue = Kraken::any().ladder(ladder).url(&url.recv().unwrap());
        let feed = Feed::new(Passes::new(frames.len() as u64));
        let counts = count_passes(venue.build().unwrap(), feed);
        check_passes(&format!("ladder {ladder}"), &counts, KRAKEN_ACKS);
        drop(stop);
        server.join().unwrap();
    }
}

// Takes over a second in a debug build: about 60,000 frames through two event loops.
#[test]
fn sockets_allocate_nothing_when_warm() {
    check_over_a_socket("sockets_allocate_nothing_when_warm", None);
}

// Takes over a second in a debug build: the same with recording.
#[test]
fn recording_allocates_nothing_when_warm() {
    let folder = TempFolder::new("socket");
    let taps = taps(&folder);
    check_over_a_socket("recording_allocates_nothing_when_warm", Some(&taps));
    let passed = LOGS.iter().map(|log| PASSES * log.frames).sum::<u64>();
    let recorded = taps.0.finish().unwrap();
    let seen = recorded.frames + recorded.dropped;
    assert!(seen == 0 || seen >= passed, "{recorded:?}");
}

fn check_over_a_socket(test: &str, taps: Option<&(Recorder, Incidents)>) {
    for log in &LOGS {
        let Some(frames) = log.frames(test) else {
            return;
        };
        let counts = count_passes_over_a_socket(log, &frames, taps);
        check_passes(log.name, &counts, 0);
    }
}

/// A message that allocates would do so in every pass. The read buffer may still grow in a late pass, because its size
/// depends on how the system splits the stream into reads.
fn check_passes(name: &str, counts: &[u64], expected: u64) {
    let best = counts.iter().min();
    assert!(
        best.is_some_and(|best| *best <= expected),
        "{name}: {counts:?}"
    );
    assert!(
        counts.iter().all(|count| *count <= expected + 4),
        "{name}: {counts:?}"
    );
}

#[test]
fn counted_memory_equals_held_memory() {
    let venue = JayX::new("BTCUSDT").envelope(Envelope::Plain);
    let mut options = Options::default();
    options.max_memory = 32 << 20;
    let mut books = Books::new();
    let mut session = Session::new(venue.build().unwrap(), ConnectionId(0), options, &mut books);
    let _ = session.opened(Nanos(0), &mut books, &mut ignore);
    let book = |bids: i64, space: &str| {
        let level = |at| format!(r#"{{"ticks":{space}{},"lots":5,"count":1}}"#, 900_000 - at);
        let bids = (0..bids).map(level).collect::<Vec<_>>().join(",");
        format!(r#"{{"orderBook":{{"asks":[],"bids":[{bids}]}}}}"#)
    };
    let mut apply = |bids, space: &str, books: &mut Books| {
        let frame = book(bids, space);
        let reply = session.frame(frame.as_bytes(), Nanos(1), books, &mut ignore);
        assert_eq!(reply, CallOutcome::Data);
        drop(frame);
        // The memory of the last book to grow is an estimate until another one grows.
        (allocated_bytes(), books.memory() as i64)
    };
    apply(50, "", &mut books);
    let (held, counted) = apply(60, "", &mut books);
    // On the fast and on the general path.
    for space in ["", " "] {
        let (now, _) = apply(60_000, space, &mut books);
        let (_, counted_now) = apply(60_010, space, &mut books);
        let (held, counted) = (now - held, counted_now - counted);
        let limit = counted + (64 << 10);
        assert!(held < limit, "{held} held, {counted} counted");
    }
}

#[test]
fn topic_memory_is_counted() {
    fn held<V: Venue>(venue: V, topics: impl Fn(usize) -> V::Command) -> (i64, i64) {
        let mut books = Books::new();
        let (id, options) = (ConnectionId(0), Options::default());
        let mut session = Session::new(venue, id, options, &mut books);
        let (held, counted) = (allocated_bytes(), books.memory() as i64);
        for at in 0..3_000 {
            let _ = session.command(topics(at), Nanos(0), &mut books, &mut ignore);
        }
        let _ = session.opened(Nanos(0), &mut books, &mut ignore);
        for second in 0..600 {
            while session.outgoing(Nanos::from_secs(second)).is_some() {}
        }
        (allocated_bytes() - held, books.memory() as i64 - counted)
    }
    let long = |at: usize| format!("{at:0>100}");
    let bayse = held(Bayse::markets().build().unwrap(), |at| {
        ticklot::bayse::Command::Subscribe(ticklot::bayse::Topic::order_book(long(at)))
    });
    let kraken = held(Kraken::new(["A"]).build().unwrap(), |at| {
        ticklot::kraken::Command::Subscribe(ticklot::kraken::Topic::trades(long(at)))
    });
    for (held, counted) in [bayse, kraken] {
        let is_close = held < counted && counted < 3 * held;
        assert!(is_close, "{held} held, {counted} counted");
    }
}

/// A candle causes no allocation once its series is full.
#[test]
fn candles_and_balances_allocate_nothing() {
    let venue = JayX::new("BTCUSDT")
        .envelope(Envelope::Auto)
        .key(ApiKey::new("k"))
        .follow(Topic::kline("BTCUSDT", "1"))
        .follow(Topic::Positions);
    let frames: Vec<(u64, Vec<u8>)> = (0..3000_u64)
        .flat_map(|n| {
            let (opened, close) = (n / 2 * 60, 100 + n % 7);
            let change = if n % 2 == 0 { ("add", "modify") } else { ("modify", "add") };
            [
                format!(r#"42["kline",{{"{}":{{"_id":"5be63241d0c2586c9914d837","created":{opened},"o":1,"h":999,"l":1,"c":{close},"v":{n},"m":{opened},"symbol":"BTCUSDT"}},"{}":null}}]"#, change.0, change.1),
                format!(r#"42["positions",{{"spot":[{{"asset":"BTC","balance":"0.{n:06}","available":"0.1"}}]}}]"#),
            ]
        })
        .map(String::into_bytes)
        .zip(0..)
        .map(|(frame, n)| (n, frame))
        .collect();
    let venue = venue.build().unwrap();
    let (second, books) = play_twice(venue, &frames, Vec::new(), |event, _| {
        assert!(!matches!(event, Event::BadLine { .. }), "{event:?}");
    });
    assert_eq!(second, 0);
    let instrument = Instrument::of_symbol(VenueName::JAYX, "BTCUSDT");
    let candles = books.candles(&instrument, "1").unwrap();
    assert_eq!(candles.len(), ticklot::stores::MAX_CANDLES);
}
