//! The readers of a connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use anyhow::{Context, bail, ensure};
use fastwebsockets::{OpCode, Role, WebSocket};
use ticklot::bayse::Bayse;
use ticklot::venue::Venue;
use ticklot::{Books, Event, Feed};
use ticklot_transport::{Config, Connection, connect};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::server::Server;
use crate::input::Input;

/// Reads messages from its connection.
pub(crate) trait Reader {
    /// The number of its connection at the server.
    fn number(&self) -> usize;

    /// Reads `count` messages.
    fn read(&mut self, count: usize) -> anyhow::Result<()>;

    /// Reads `count` messages and returns their contents.
    fn read_contents(&mut self, count: usize) -> anyhow::Result<Vec<Content>>;
}

/// The content of a message that was read.
#[derive(Debug)]
pub(crate) enum Content {
    Text(String),
    /// The checksum of its book.
    Checksum(u32),
}

/// fastwebsockets alone, used as in its documentation.
pub(crate) struct FastWebSockets {
    runtime: Rc<Runtime>,
    number: usize,
    socket: WebSocket<tokio::net::TcpStream>,
}

impl FastWebSockets {
    pub(crate) fn connect(runtime: &Rc<Runtime>, server: &Server) -> anyhow::Result<Self> {
        let number = server.accept(false)?;
        let tcp = runtime.block_on(tokio::net::TcpStream::connect(server.address))?;
        tcp.set_nodelay(true)?;
        server.wait()?;
        Ok(Self {
            runtime: runtime.clone(),
            number,
            socket: WebSocket::after_handshake(tcp, Role::Client),
        })
    }

    fn each(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
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

/// The methods of a [`Reader`] with the method `each`.
macro_rules! read_each {
    () => {
        fn number(&self) -> usize {
            self.number
        }

        fn read(&mut self, count: usize) -> anyhow::Result<()> {
            self.each(count, |payload| {
                black_box(payload);
            })
        }

        fn read_contents(&mut self, count: usize) -> anyhow::Result<Vec<Content>> {
            let mut contents = Vec::new();
            self.each(count, |payload| {
                let text = String::from_utf8_lossy(payload).into_owned();
                contents.push(Content::Text(text));
            })?;
            Ok(contents)
        }
    };
}

impl Reader for FastWebSockets {
    read_each!();
}

/// Our transport.
pub(crate) struct Transport {
    runtime: Rc<Runtime>,
    number: usize,
    connection: Connection,
}

impl Transport {
    pub(crate) fn connect(runtime: &Rc<Runtime>, server: &Server) -> anyhow::Result<Self> {
        let number = server.accept(true)?;
        let connection = runtime.block_on(connect(&server.url(), &Config::default()))?;
        server.wait()?;
        Ok(Self {
            runtime: runtime.clone(),
            number,
            connection,
        })
    }

    fn each(&mut self, count: usize, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
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

impl Reader for Transport {
    read_each!();
}

/// A whole feed: from the socket to a handler that reads the best prices of the live book.
pub(crate) struct FeedReader {
    runtime: Rc<Runtime>,
    number: usize,
    feed: Pin<Box<dyn Future<Output = ()>>>,
    progress: Rc<Progress>,
}

/// The state that the handler shares with the reader.
#[derive(Default)]
struct Progress {
    /// The number of messages until the reader is woken.
    left: Cell<usize>,
    done: Notify,
    with_checksums: Cell<bool>,
    checksums: RefCell<Vec<u32>>,
}

impl FeedReader {
    pub(crate) fn connect(
        runtime: &Rc<Runtime>,
        server: &Server,
        input: &Input,
    ) -> anyhow::Result<Self> {
        let venue = Bayse::any().url(&server.url()).scale(input.scale).build()?;
        let number = server.accept(true)?;
        let mut this = Self::of(runtime, number, [venue]);
        // The feed connects when it is polled, so its first message is read here.
        server.write(number, 0..1)?;
        this.wait(1)?;
        server.wait()?;
        Ok(this)
    }

    /// A feed with these connections. It connects when it is polled.
    pub(crate) fn of<V: Venue + 'static>(
        runtime: &Rc<Runtime>,
        number: usize,
        venues: impl IntoIterator<Item = V>,
    ) -> Self {
        let progress = Rc::new(Progress::default());
        let mut feed = Feed::new(handler(progress.clone()));
        for venue in venues {
            feed.add(venue);
        }
        Self {
            runtime: runtime.clone(),
            number,
            feed: Box::pin(async move { drop(feed.run().await) }),
            progress,
        }
    }

    /// Runs the feed until `count` messages have changed a book.
    pub(crate) fn wait(&mut self, count: usize) -> anyhow::Result<()> {
        let Self {
            runtime,
            feed,
            progress,
            ..
        } = self;
        progress.left.set(count);
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = &mut *feed => bail!("the feed has ended"),
                () = progress.done.notified() => {}
            }
            // A feed that has just yielded is woken only by the runtime's next turn.
            tokio::select! {
                biased;
                () = feed => bail!("the feed has ended"),
                () = turn() => Ok(()),
            }
        })
    }
}

/// Waits for the runtime's next turn, without tokio's `yield_now`, which allocates.
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

fn handler(progress: Rc<Progress>) -> impl FnMut(Event<'_>, &Books) -> ControlFlow<()> {
    move |event, books| {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            black_box((book.best_bid(), book.best_ask()));
            if progress.with_checksums.get() {
                progress.checksums.borrow_mut().push(book.crc32());
            }
            let left = progress.left.get();
            progress.left.set(left.saturating_sub(1));
            if left == 1 {
                progress.done.notify_one();
            }
        }
        ControlFlow::Continue(())
    }
}

impl Reader for FeedReader {
    fn number(&self) -> usize {
        self.number
    }

    fn read(&mut self, count: usize) -> anyhow::Result<()> {
        self.wait(count)
    }

    fn read_contents(&mut self, count: usize) -> anyhow::Result<Vec<Content>> {
        self.progress.with_checksums.set(true);
        let result = self.wait(count);
        self.progress.with_checksums.set(false);
        result?;
        let checksums = self.progress.checksums.take().into_iter();
        Ok(checksums.map(Content::Checksum).collect())
    }
}
