//! Messages over a loopback socket: a server on a thread of its own, and those who read from it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hint::{black_box, spin_loop};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::{ControlFlow, Range};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use fastwebsockets::{OpCode, Role, WebSocket};
use ticklot::bayse::Bayse;
use ticklot::{Books, Event, Feed, Venue};
use ticklot_transport::{Config, Connection, accept_key, connect};
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::input::Input;

/// The frames of an input as a server's WebSocket frames, one behind the other.
pub(crate) struct Stream {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Stream {
    pub(crate) fn new(input: &Input) -> anyhow::Result<Self> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for frame in &input.frames {
            write_frame(frame, &mut bytes)?;
            ends.push(bytes.len());
        }
        Ok(Self { bytes, ends })
    }

    fn start(&self, frame: usize) -> usize {
        frame.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The bytes of these frames.
    pub(crate) fn of(&self, frames: &Range<usize>) -> &[u8] {
        &self.bytes[self.start(frames.start)..self.start(frames.end)]
    }
}

/// The packets that a Socket.IO server begins with, as frames.
pub(crate) fn greeting() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for packet in GREETING {
        write_frame(packet, &mut bytes)?;
    }
    Ok(bytes)
}

/// Appends a text as a server's WebSocket frame.
fn write_frame(text: &str, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    bytes.push(0x81); // a whole text
    match text.len() {
        len @ 0..126 => bytes.push(u8::try_from(len)?),
        len => {
            bytes.push(126);
            bytes.extend(u16::try_from(len)?.to_be_bytes());
        }
    }
    bytes.extend(text.as_bytes());
    Ok(())
}

/// The first packets of a Socket.IO server.
const GREETING: [&str; 2] = [
    r#"0{"sid":"1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
    r#"40{"sid":"1"}"#,
];

/// What the server is told to do.
enum Order {
    /// Accept a connection, and its upgrade if it asks for one.
    Accept { upgrade: bool },
    /// Accept `count` connections and their upgrades, and send each the Socket.IO greeting if `greet` is set.
    AcceptAll { count: usize, greet: bool },
    /// Write `count` frames without pause, each to the next connection and for the next of `books` books. Each of them
    /// gets one frame of the stream after the other.
    InTurn { count: usize, books: usize },
    /// Write these frames to a connection, as fast as it takes them.
    Write { to: usize, frames: Range<usize> },
    /// Write these frames to a connection, one each interval; tell when each was.
    Pace {
        to: usize,
        frames: Range<usize>,
        every: Duration,
    },
}

/// The handle of the server. Its thread ends with it.
pub(crate) struct Server {
    address: SocketAddr,
    orders: SyncSender<Order>,
    done: Receiver<anyhow::Result<Vec<Instant>>>,
    connections: Cell<usize>,
    /// The orders whose end has not been heard of.
    under_way: Cell<usize>,
}

impl Server {
    pub(crate) fn start(stream: Arc<Stream>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        // With bounds: a channel without allocates on the reader's thread, where allocations are counted.
        let (orders, from) = sync_channel(8);
        let (to, done) = sync_channel(8);
        thread::spawn(move || {
            let (mut connections, mut sent) = (Vec::new(), 0);
            for order in from {
                let outcome = obey(&order, &listener, &stream, &mut connections, &mut sent);
                if to.send(outcome).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            address,
            orders,
            done,
            connections: Cell::new(0),
            under_way: Cell::new(0),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Orders the server to accept `count` connections, with the Socket.IO greeting if `greet` is set.
    pub(crate) fn accept_all(&self, count: usize, greet: bool) -> anyhow::Result<()> {
        self.order(Order::AcceptAll { count, greet })
    }

    /// Orders the server to write `count` frames without pause, each to the next connection. With more than one book,
    /// the frames are messages of Bayse Markets, and each is for the next book.
    pub(crate) fn write_in_turn(&self, count: usize, books: usize) -> anyhow::Result<()> {
        self.order(Order::InTurn { count, books })
    }

    /// Has the next connection accepted; it gets the number that is returned.
    fn accept(&self, upgrade: bool) -> anyhow::Result<usize> {
        self.order(Order::Accept { upgrade })?;
        let number = self.connections.get();
        self.connections.set(number + 1);
        Ok(number)
    }

    pub(crate) fn write(&self, to: usize, frames: Range<usize>) -> anyhow::Result<()> {
        self.order(Order::Write { to, frames })
    }

    pub(crate) fn pace(
        &self,
        to: usize,
        frames: Range<usize>,
        every: Duration,
    ) -> anyhow::Result<()> {
        self.order(Order::Pace { to, frames, every })
    }

    fn order(&self, order: Order) -> anyhow::Result<()> {
        self.orders.send(order).context("the server is gone")?;
        self.under_way.set(self.under_way.get() + 1);
        Ok(())
    }

    /// Waits until all orders are done, and gives what the last one brought.
    pub(crate) fn done(&self) -> anyhow::Result<Vec<Instant>> {
        let mut last = Vec::new();
        while self.under_way.get() > 0 {
            self.under_way.set(self.under_way.get() - 1);
            last = self.done.recv().context("the server is gone")??;
        }
        Ok(last)
    }
}

fn obey(
    order: &Order,
    listener: &TcpListener,
    stream: &Stream,
    connections: &mut Vec<TcpStream>,
    sent: &mut usize,
) -> anyhow::Result<Vec<Instant>> {
    match order {
        Order::Accept { upgrade } => {
            let (mut connection, _) = listener.accept()?;
            connection.set_nodelay(true)?;
            if *upgrade {
                accept_upgrade(&mut connection)?;
            }
            connections.push(connection);
            Ok(Vec::new())
        }
        Order::AcceptAll { count, greet } => {
            let greeting = if *greet { greeting()? } else { Vec::new() };
            for _ in 0..*count {
                let (mut connection, _) = listener.accept()?;
                connection.set_nodelay(true)?;
                accept_upgrade(&mut connection)?;
                connection.write_all(&greeting)?;
                connections.push(connection);
            }
            Ok(Vec::new())
        }
        Order::InTurn { count, books } => {
            let mut frame = Vec::new();
            // Each book goes on where it was, and begins elsewhere in the stream than the others.
            let (len, all) = (stream.ends.len(), connections.len() * books);
            for message in *sent..*sent + count {
                let place = (message / all + message % all * len / all) % len;
                frame.clear();
                frame.extend(stream.of(&(place..place + 1)));
                if *books > 1 {
                    rename(&mut frame, message % books)?;
                }
                let to = message % connections.len();
                connections[to].write_all(&frame)?;
            }
            *sent += count;
            Ok(Vec::new())
        }
        Order::Write { to, frames } => {
            connections[*to].write_all(stream.of(frames))?;
            Ok(Vec::new())
        }
        Order::Pace { to, frames, every } => pace(&mut connections[*to], stream, frames, *every),
    }
}

/// Replaces the ids in a message of Bayse Markets by those of another book. Each market has two outcomes.
fn rename(frame: &mut [u8], book: usize) -> anyhow::Result<()> {
    for (key, number) in [("\"marketId\":\"", book / 2), ("\"outcomeId\":\"", book)] {
        let mut windows = frame.windows(key.len());
        let key_at = windows.position(|it| it == key.as_bytes());
        // The last of the five parts of a UUID, which has 12 digits.
        let at = key_at.context("no id")? + key.len() + 24;
        frame[at..at + 12].copy_from_slice(format!("{number:012}").as_bytes());
    }
    Ok(())
}

/// Spins between the frames: a thread that sleeps is woken too late to keep the pace.
fn pace(
    to: &mut TcpStream,
    stream: &Stream,
    frames: &Range<usize>,
    every: Duration,
) -> anyhow::Result<Vec<Instant>> {
    let mut sent = Vec::with_capacity(frames.len());
    let mut due = Instant::now() + every;
    for frame in frames.clone() {
        while Instant::now() < due {
            spin_loop();
        }
        sent.push(Instant::now());
        to.write_all(stream.of(&(frame..frame + 1)))?;
        due += every;
    }
    Ok(sent)
}

/// Accepts the upgrade to WebSocket; returns the head of the request.
pub(crate) fn accept_upgrade(
    connection: &mut (impl std::io::Read + Write),
) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head)?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, key)| key.trim())
        .context("no key")?;
    let accept = accept_key(key);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    connection.write_all(answer.as_bytes())?;
    connection.flush()?;
    Ok(head)
}

/// Reads messages from a connection of its own.
pub(crate) trait Client {
    /// The number of its connection at the server.
    fn number(&self) -> usize;

    /// Reads so many messages.
    fn read(&mut self, count: usize) -> anyhow::Result<()>;

    /// Reads so many messages, and notes when each was there. Does not allocate while `times` has room.
    fn read_timed(&mut self, count: usize, times: &mut Vec<Instant>) -> anyhow::Result<()>;

    /// Reads so many messages, and gives the text and the digest of the book of each, as far as they are known.
    fn read_whole(&mut self, count: usize) -> anyhow::Result<Vec<Read>>;
}

/// What is known of a message that was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) text: Option<String>,
    /// The digest of its book.
    pub(crate) digest: Option<u32>,
}

/// The runtime that all clients run on.
pub(crate) fn runtime() -> anyhow::Result<Rc<Runtime>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(Rc::new(runtime))
}

/// fastwebsockets alone, as its documentation uses it.
pub(crate) struct Bare {
    runtime: Rc<Runtime>,
    number: usize,
    socket: WebSocket<tokio::net::TcpStream>,
}

impl Bare {
    pub(crate) fn connect(runtime: &Rc<Runtime>, server: &Server) -> anyhow::Result<Self> {
        let number = server.accept(false)?;
        let tcp = runtime.block_on(tokio::net::TcpStream::connect(server.address))?;
        tcp.set_nodelay(true)?;
        server.done()?;
        Ok(Self {
            runtime: runtime.clone(),
            number,
            socket: WebSocket::after_handshake(tcp, Role::Client),
        })
    }

    fn read_with(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let Self {
            runtime, socket, ..
        } = self;
        runtime.block_on(async {
            for _ in 0..count {
                let frame = socket.read_frame().await?;
                ensure!(frame.opcode == OpCode::Text, "no text");
                each(&frame.payload);
            }
            Ok(())
        })
    }
}

/// The three ways to read, by one that takes a closure.
macro_rules! reads {
    () => {
        fn number(&self) -> usize {
            self.number
        }

        fn read(&mut self, count: usize) -> anyhow::Result<()> {
            self.read_with(count, |payload| {
                black_box(payload);
            })
        }

        fn read_timed(&mut self, count: usize, times: &mut Vec<Instant>) -> anyhow::Result<()> {
            self.read_with(count, |payload| {
                black_box(payload);
                times.push(Instant::now());
            })
        }

        fn read_whole(&mut self, count: usize) -> anyhow::Result<Vec<Read>> {
            let mut read = Vec::new();
            self.read_with(count, |payload| {
                let text = String::from_utf8(payload.to_vec()).ok();
                read.push(Read { text, digest: None });
            })?;
            Ok(read)
        }
    };
}

impl Client for Bare {
    reads!();
}

/// Our transport.
pub(crate) struct Ours {
    runtime: Rc<Runtime>,
    number: usize,
    connection: Connection,
}

impl Ours {
    pub(crate) fn connect(runtime: &Rc<Runtime>, server: &Server) -> anyhow::Result<Self> {
        let number = server.accept(true)?;
        let connection = runtime.block_on(connect(&server.url(), &Config::default()))?;
        server.done()?;
        Ok(Self {
            runtime: runtime.clone(),
            number,
            connection,
        })
    }

    fn read_with(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let Self {
            runtime,
            connection,
            ..
        } = self;
        runtime.block_on(async {
            for _ in 0..count {
                let message = connection.read().await?.context("the end")?;
                each(message.payload);
            }
            Ok(())
        })
    }
}

impl Client for Ours {
    reads!();
}

/// The socket alone: the same bytes, and no frames told apart but by their known ends. The floor of any latency.
pub(crate) struct Raw {
    runtime: Rc<Runtime>,
    number: usize,
    tcp: tokio::net::TcpStream,
    stream: Arc<Stream>,
    buffer: Vec<u8>,
    /// The frame that is to come next.
    frame: usize,
}

impl Raw {
    pub(crate) fn connect(
        runtime: &Rc<Runtime>,
        server: &Server,
        stream: &Arc<Stream>,
    ) -> anyhow::Result<Self> {
        let number = server.accept(false)?;
        let tcp = runtime.block_on(tokio::net::TcpStream::connect(server.address))?;
        tcp.set_nodelay(true)?;
        server.done()?;
        Ok(Self {
            runtime: runtime.clone(),
            number,
            tcp,
            stream: stream.clone(),
            buffer: vec![0; 64 << 10],
            frame: 0,
        })
    }

    /// Which frame comes next: the server starts anew with each slice.
    pub(crate) fn expect(&mut self, frame: usize) {
        self.frame = frame;
    }

    fn read_with(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let Self {
            runtime,
            tcp,
            stream,
            buffer,
            frame,
            ..
        } = self;
        runtime.block_on(async {
            let last = *frame + count;
            let mut at = stream.start(*frame);
            while *frame < last {
                let n = tcp.read(buffer).await?;
                ensure!(n > 0, "the end");
                at += n;
                while *frame < last && stream.ends[*frame] <= at {
                    each(&buffer[..n]);
                    *frame += 1;
                }
            }
            Ok(())
        })
    }
}

impl Client for Raw {
    fn number(&self) -> usize {
        self.number
    }

    fn read(&mut self, count: usize) -> anyhow::Result<()> {
        self.read_with(count, |bytes| {
            black_box(bytes);
        })
    }

    fn read_timed(&mut self, count: usize, times: &mut Vec<Instant>) -> anyhow::Result<()> {
        self.read_with(count, |bytes| {
            black_box(bytes);
            times.push(Instant::now());
        })
    }

    fn read_whole(&mut self, count: usize) -> anyhow::Result<Vec<Read>> {
        self.read_with(count, |_| {})?;
        Ok((0..count).map(|_| Read::default()).collect())
    }
}

/// The whole feed: from the socket to a handler that reads the best prices of the live book.
pub(crate) struct Whole {
    runtime: Rc<Runtime>,
    number: usize,
    feed: Pin<Box<dyn Future<Output = ()>>>,
    seen: Rc<Seen>,
}

/// What the handler leaves behind.
#[derive(Default)]
struct Seen {
    /// How many messages are still to come before the reader is woken.
    left: Cell<usize>,
    there: Notify,
    /// When each came, if that is to be noted.
    times: RefCell<Vec<Instant>>,
    timed: Cell<bool>,
    /// The digest of each book, if they are to be known.
    digests: RefCell<Vec<u32>>,
    digested: Cell<bool>,
}

impl Whole {
    pub(crate) fn connect(
        runtime: &Rc<Runtime>,
        server: &Server,
        input: &Input,
    ) -> anyhow::Result<Self> {
        let venue = Bayse::any().url(&server.url()).scale(input.scale).build()?;
        let number = server.accept(true)?;
        let mut whole = Self::of(runtime, number, [venue]);
        // It connects when it is polled, so its first message is read here.
        server.write(number, 0..1)?;
        whole.wait(1)?;
        server.done()?;
        Ok(whole)
    }

    /// A feed with these connections. It connects when it is polled.
    pub(crate) fn of<V: Venue + 'static>(
        runtime: &Rc<Runtime>,
        number: usize,
        venues: impl IntoIterator<Item = V>,
    ) -> Self {
        let seen = Rc::new(Seen::default());
        let mut feed = Feed::new(handler(seen.clone()));
        for venue in venues {
            feed.add(venue);
        }
        Self {
            runtime: runtime.clone(),
            number,
            feed: Box::pin(async move { drop(feed.run().await) }),
            seen,
        }
    }

    /// Runs the feed until `count` messages have changed a book.
    pub(crate) fn wait(&mut self, count: usize) -> anyhow::Result<()> {
        let Self {
            runtime,
            feed,
            seen,
            ..
        } = self;
        seen.left.set(count);
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = &mut *feed => bail!("the feed has ended"),
                () = seen.there.notified() => {}
            }
            // A feed that has just given way to others is woken by this runtime's next turn, and by no other.
            tokio::select! {
                biased;
                () = feed => bail!("the feed has ended"),
                () = turn() => Ok(()),
            }
        })
    }
}

/// Waits for the runtime's next turn, without the list that tokio allocates for those who give way.
async fn turn() {
    let mut is_over = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn handler(seen: Rc<Seen>) -> impl FnMut(Event<'_>, &Books) -> ControlFlow<()> {
    move |event, books| {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            black_box((book.best_bid(), book.best_ask()));
            if seen.timed.get() {
                seen.times.borrow_mut().push(Instant::now());
            }
            if seen.digested.get() {
                seen.digests.borrow_mut().push(book.crc32());
            }
            let left = seen.left.get();
            seen.left.set(left.saturating_sub(1));
            if left == 1 {
                seen.there.notify_one();
            }
        }
        ControlFlow::Continue(())
    }
}

impl Client for Whole {
    fn number(&self) -> usize {
        self.number
    }

    fn read(&mut self, count: usize) -> anyhow::Result<()> {
        self.wait(count)
    }

    fn read_timed(&mut self, count: usize, times: &mut Vec<Instant>) -> anyhow::Result<()> {
        self.seen.times.swap(&RefCell::new(std::mem::take(times)));
        self.seen.timed.set(true);
        let outcome = self.wait(count);
        self.seen.timed.set(false);
        *times = self.seen.times.take();
        outcome
    }

    fn read_whole(&mut self, count: usize) -> anyhow::Result<Vec<Read>> {
        self.seen.digested.set(true);
        let outcome = self.wait(count);
        self.seen.digested.set(false);
        outcome?;
        let digests = self.seen.digests.take().into_iter();
        let read = digests.map(|digest| Read {
            text: None,
            digest: Some(digest),
        });
        Ok(read.collect())
    }
}
