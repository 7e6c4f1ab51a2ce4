//! Cases that only apply to spinning feeds.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ticklot::events::EndReason;
use ticklot::transport::{Config, Stream};
use ticklot::venue::{BookConfig, CallOutcome, Context, Snapshot, Venue, VenueName};
use ticklot::{
    BookId, Books, ConnectionId, Event, Feed, Instrument, Level, Nanos, OnMessage, Options, Scale,
    SpinOptions,
};

use crate::feed::{frame, serve};

/// The time limit of a test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A venue with a book that each message replaces.
struct Probe {
    url: String,
    book: Option<BookId>,
    on_command: OnCommand,
    is_wanted: bool,
}

/// The effect of a command.
enum OnCommand {
    Send,
    Connect,
    End,
}

impl Probe {
    fn new(url: &str, on_command: OnCommand) -> Self {
        Self {
            url: url.to_owned(),
            book: None,
            is_wanted: !matches!(on_command, OnCommand::Connect),
            on_command,
        }
    }
}

impl Venue for Probe {
    type Command = usize;
    type Message<'a> = ();
    fn name(&self) -> VenueName {
        VenueName("probe")
    }
    fn url(&self) -> &str {
        &self.url
    }
    fn register(&mut self, connection: ConnectionId, books: &mut Books) {
        let name = format!("X{}", connection.0);
        let instrument = Instrument::of_symbol(self.name(), &name);
        self.book = Some(books.add(connection, &instrument, BookConfig::snapshots(Scale::UNIT)));
    }
    fn opened<H: OnMessage<Self> + ?Sized>(&mut self, _: &mut Context<'_, H>) {}
    fn frame<H: OnMessage<Self> + ?Sized>(
        &mut self,
        frame: &[u8],
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        let level = |ticks| {
            [Level {
                ticks: ticklot::Ticks(ticks),
                lots: ticklot::Lots(1),
                count: 0,
            }]
        };
        let (bids, asks) = (level(1), level(2));
        let snapshot = Snapshot {
            bytes: frame,
            bids: &bids,
            asks: &asks,
            ..Snapshot::default()
        };
        CallOutcome::from(context.apply_snapshot(self.book.unwrap(), &snapshot, |_| unreachable!()))
    }
    fn command<H: OnMessage<Self> + ?Sized>(
        &mut self,
        bytes: usize,
        context: &mut Context<'_, H>,
    ) -> CallOutcome {
        match self.on_command {
            OnCommand::Send => context
                .outbox()
                .push(|out| out.resize(out.len() + bytes, b'x')),
            OnCommand::Connect => self.is_wanted = true,
            OnCommand::End => return CallOutcome::CloseConnection(EndReason::HandshakeTimeout),
        }
        CallOutcome::Data
    }
    fn has_message(&self, _: Nanos) -> bool {
        false
    }
    fn wants_connection(&self) -> bool {
        self.is_wanted
    }
    fn idle_timeout(&self) -> Option<Duration> {
        None
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.close_timeout = Duration::from_millis(50);
    config
}

fn add(
    feed: &mut Feed<impl OnMessage<Probe>>,
    url: &str,
    config: Config,
) -> ticklot::control::ConnectionHandle<usize> {
    feed.add_with(Probe::new(url, OnCommand::Send), Options::default(), config)
}

/// A server that sends a frame every 50 ms.
fn steady() -> String {
    serve(|mut stream| {
        while stream.write_all(&frame("b")).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

#[test]
fn streams_without_descriptor_are_read() {
    let mut counts = [0; 2];
    let handler = |event: Event<'_>, _: &Books| {
        if let Event::Book(update) = event {
            counts[update.book.0 as usize] += 1;
        }
        match counts.iter().all(|count| *count >= 5) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let mut feed = Feed::new(handler);
    for _ in 0..2 {
        let config = config().with_dial(|host, port| async move {
            let tcp = tokio::net::TcpStream::connect((host, port)).await?;
            Ok(Stream::new(tcp))
        });
        add(&mut feed, &steady(), config);
    }
    let began = Instant::now();
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    while spinning.turn() && began.elapsed() < TIMEOUT {}
    drop(spinning);
    drop(feed);
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
}

#[test]
fn one_turn_reads_a_burst() {
    let (go, wait) = mpsc::channel();
    let url = serve(move |mut stream| {
        stream.write_all(&frame("a")).unwrap();
        wait.recv().unwrap();
        stream.write_all(&frame("b").repeat(5)).unwrap();
        let _ = wait.recv();
    });
    let count = std::cell::Cell::new(0);
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        if let Event::Book(_) = event {
            count.set(count.get() + 1);
        }
        ControlFlow::<()>::Continue(())
    });
    add(&mut feed, &url, config());
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    while count.get() < 1 {
        assert!(spinning.turn());
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(50) {
        assert!(spinning.turn());
    }
    go.send(()).unwrap();
    let mut turns = Vec::new();
    while count.get() < 6 {
        let before = count.get();
        spinning.turn();
        if count.get() > before {
            turns.push(count.get() - before);
        }
    }
    assert_eq!(turns, [5]);
}

/// Runs one or two connections. A command fills the socket of the first; its server then sends a book and reads all.
fn blocked(single: bool) -> (Vec<(Nanos, Nanos)>, Nanos) {
    let (go, wait) = mpsc::channel::<()>();
    let url = serve(move |mut stream| {
        wait.recv().unwrap();
        stream.write_all(&frame("b")).unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        let mut waste = vec![0; 1 << 20];
        while matches!(stream.read(&mut waste), Ok(n) if n > 0) {}
    });
    let (seen, is_open) = (
        std::cell::RefCell::new(Vec::new()),
        std::cell::Cell::new(false),
    );
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        match event {
            Event::Connected { connection, .. } if connection.0 == 0 => is_open.set(true),
            Event::Book(update) => {
                let updated = books.last_known(update.book).unwrap().updated();
                seen.borrow_mut().push((updated, update.received));
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    let handle = add(&mut feed, &url, config());
    if !single {
        let silent = serve(|mut stream| {
            let _ = stream.read(&mut [0]);
        });
        add(&mut feed, &silent, config());
    }
    let clock = feed.clock();
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    let began = Instant::now();
    let mut sent = None;
    while seen.borrow().is_empty() && spinning.turn() && began.elapsed() < TIMEOUT {
        if sent.is_none() && is_open.get() {
            handle.send(16 << 20).unwrap();
            for _ in 0..100 {
                spinning.turn();
                std::thread::sleep(Duration::from_millis(1));
            }
            sent = Some(clock.now());
            go.send(()).unwrap();
        }
    }
    drop(spinning);
    drop(feed);
    (seen.into_inner(), sent.unwrap())
}

/// Takes two seconds, because pauses up to one second are ignored.
#[test]
fn book_behind_blocked_write() {
    let (seen, _) = blocked(false);
    assert_eq!(seen.len(), 1);
}

/// Takes two seconds, as above.
#[test]
fn age_behind_blocked_write() {
    let (seen, sent) = blocked(true);
    assert!(
        seen[0].0 <= sent.after(Duration::from_millis(100)),
        "{seen:?} {sent:?}"
    );
}

#[test]
fn ticks_follow_messages() {
    let bytes = frame("b").repeat(10_000);
    let url = serve(move |mut stream| while stream.write_all(&bytes).is_ok() {});
    let (mut last, mut early, mut ticks) = (Nanos(0), Vec::new(), 0);
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        match event {
            Event::Book(update) => last = last.max(update.received),
            Event::Timer { now } => {
                ticks += 1;
                if now < last {
                    early.push(last.0 - now.0);
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    feed.timer_interval(Duration::from_millis(1));
    add(&mut feed, &url, config());
    let began = Instant::now();
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    while spinning.turn() && began.elapsed() < Duration::from_millis(500) {}
    drop(spinning);
    drop(feed);
    assert!(early.is_empty());
}

#[test]
fn commands_behind_a_close_wait() {
    let (to, connected) = mpsc::channel();
    let url = serve(move |_| to.send(()).unwrap());
    let mut feed = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::<()>::Continue(()));
    let venue = Probe::new(&url, OnCommand::Connect);
    let handle = feed.add_with(venue, Options::default(), config());
    handle.close().unwrap();
    handle.send(1).unwrap();
    feed.spin(&SpinOptions::default()).unwrap();
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    let began = Instant::now();
    let mut is_connected = false;
    while !is_connected && spinning.turn() && began.elapsed() < TIMEOUT {
        is_connected = connected.try_recv().is_ok();
    }
    assert!(is_connected);
}

/// The processors that this thread may use.
#[cfg(target_os = "linux")]
fn processors() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let list = status
        .lines()
        .find_map(|it| it.strip_prefix("Cpus_allowed_list:"));
    list.unwrap().trim().to_owned()
}

/// The thread must be unbound afterwards, because the helper thread of the next feed inherits its affinity.
#[cfg(target_os = "linux")]
#[test]
fn spinning_thread_is_bound() {
    let all = processors();
    let first = all.split([',', '-']).next().unwrap();
    let mut options = SpinOptions::default();
    options.cpu = Some(first.parse().unwrap());
    let mut feed = Feed::new(|_: Event<'_>, _: &Books| ControlFlow::<()>::Continue(()));
    let spinning = feed.spinning(&options).unwrap();
    assert_eq!(processors(), first);
    drop(spinning);
    assert_eq!(processors(), all);
}

#[test]
fn dial_panic_is_propagated() {
    let mut seen = Vec::new();
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        seen.push(format!("{event:?}"));
        ControlFlow::<()>::Continue(())
    });
    let config = config().with_dial(|_, _| async move { panic!("a user's function") });
    add(&mut feed, &steady(), config);
    let began = Instant::now();
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    let turns = || while spinning.turn() && began.elapsed() < TIMEOUT {};
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(turns)).is_err();
    drop(spinning);
    drop(feed);
    assert!(panicked, "{seen:?}");
}

#[test]
fn commands_need_no_stack() {
    let stack = std::cell::Cell::new((usize::MAX, 0));
    let mut feed = Feed::new(|_: Event<'_>, _: &Books| {
        let here = 0u8;
        let at = std::hint::black_box(&raw const here).addr();
        let (low, high) = stack.get();
        stack.set((low.min(at), high.max(at)));
        ControlFlow::<()>::Continue(())
    });
    let venue = Probe::new("ws://127.0.0.1:1", OnCommand::End);
    let handle = feed.add_with(venue, Options::default(), config());
    for _ in 0..1_024 {
        handle.send(0).unwrap();
    }
    let mut spinning = feed.spinning(&SpinOptions::default()).unwrap();
    spinning.turn();
    drop(spinning);
    let (low, high) = stack.get();
    assert!(high - low < 16 << 10);
}
