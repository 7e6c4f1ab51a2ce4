//! A typical client: tokio-tungstenite with a task for each connection, sonic-rs, and two vectors for each book.

use std::collections::HashMap;
use std::hint::black_box;
use std::mem;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;
use futures_util::{SinkExt, StreamExt};
use ticklot_book::Scale;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::book::Flat;
use crate::parse::serde::{Books, Sonic};
use crate::parse::{Lists, ParseBook};
use crate::process::Process;

/// A client with a task for each connection.
pub(crate) struct Tasks {
    runtime: Rc<Runtime>,
    tasks: JoinSet<anyhow::Result<()>>,
    left: Arc<Left>,
}

/// The number of messages until the client is woken.
#[derive(Default)]
struct Left {
    count: AtomicUsize,
    done: Notify,
}

impl Left {
    fn decrement(&self) {
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.done.notify_one();
        }
    }
}

impl Tasks {
    /// `count` connections to JayX, with a book each.
    pub(crate) fn jayx(runtime: &Rc<Runtime>, url: &str, count: usize) -> Self {
        let mut this = Self::new(runtime);
        for _ in 0..count {
            let client = jayx(url.to_owned(), this.left.clone());
            this.tasks.spawn_on(client, runtime.handle());
        }
        this
    }

    /// One connection to Bayse Markets that carries many books.
    pub(crate) fn bayse(runtime: &Rc<Runtime>, url: &str, scale: Scale) -> Self {
        let mut this = Self::new(runtime);
        let client = bayse(url.to_owned(), scale, this.left.clone());
        this.tasks.spawn_on(client, runtime.handle());
        this
    }

    fn new(runtime: &Rc<Runtime>) -> Self {
        Self {
            runtime: runtime.clone(),
            tasks: JoinSet::new(),
            left: Arc::default(),
        }
    }

    /// Runs the tasks until `count` messages have changed a book.
    pub(crate) fn wait(&mut self, count: usize) -> anyhow::Result<()> {
        let Self {
            runtime,
            tasks,
            left,
        } = self;
        left.count.store(count, Ordering::Relaxed);
        runtime.block_on(async {
            tokio::select! {
                biased;
                Some(end) = tasks.join_next() => {
                    end??;
                    bail!("a connection has ended");
                }
                () = left.done.notified() => Ok(()),
            }
        })
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Reads the next text message.
async fn next(socket: &mut Socket) -> anyhow::Result<Option<Utf8Bytes>> {
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

async fn jayx(url: String, left: Arc<Left>) -> anyhow::Result<()> {
    let mut book = Flat::new(Books::<Sonic>::new(None), 1);
    each_jayx(&url, |json| {
        book.message(0, json.into())?;
        left.decrement();
        Ok(ControlFlow::Continue(()))
    })
    .await
}

/// Connects to JayX, and calls `each` with the JSON of every order book until it breaks or the connection ends.
pub(crate) async fn each_jayx(
    url: &str,
    mut each: impl FnMut(&str) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<()> {
    let (mut socket, _) = connect_async(url).await?;
    while let Some(text) = next(&mut socket).await? {
        if text.starts_with('0') {
            socket.send(Message::text("40")).await?;
        }
        let json = text.strip_prefix("42[\"orderbook\",");
        if let Some(json) = json.and_then(|json| json.strip_suffix(']'))
            && each(json)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

async fn bayse(url: String, scale: Scale, left: Arc<Left>) -> anyhow::Result<()> {
    let (mut socket, _) = connect_async(url).await?;
    let mut parser = Books::<Sonic>::new(Some(scale));
    let (mut books, mut next_book) = (HashMap::<String, Lists>::new(), Lists::default());
    while let Some(text) = next(&mut socket).await? {
        let head = parser.parse(text.as_str().into(), &mut next_book)?;
        next_book.sort();
        black_box((next_book.bids.first(), next_book.asks.first()));
        // The id may follow the levels in the message, so the levels are read into a spare book that is swapped in.
        match books.get_mut(head.outcome) {
            Some(book) => mem::swap(book, &mut next_book),
            None => drop(books.insert(head.outcome.to_owned(), mem::take(&mut next_book))),
        }
        left.decrement();
    }
    Ok(())
}
