//! A custom venue in two files: `frame.rs` implements its wire format, and `venue.rs` its protocol. A [`Feed`] uses it
//! like JayX, without changes in other crates.
//!
//! The server is implemented below. The program ends after twenty books, the last of which arrive after a reconnect.

mod frame;
mod venue;

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::{Books, Event, Feed, Options, Scale};
use ticklot_transport::{Config, Connection, accept_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::venue::Pipe;

/// The number of books that the server sends before it closes a connection.
const BOOKS: u32 = 15;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", listener.local_addr()?);
    let mut count = 0;
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event
            && let Some(book) = books.live(update.book)
        {
            count += 1;
            if count == 20 {
                let (scale, epoch) = (book.scale(), book.epoch().0);
                let spread = book.spread().map(|spread| scale.price(spread).to_string());
                println!(
                    "{count} books of {}, spread {}, connection {epoch}",
                    books.name(update.book),
                    spread.unwrap_or_default(),
                );
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    let mut options = Options::default();
    options.reconnect.base = Duration::from_millis(20);
    let venue = Pipe::new(&url, "BTC-USD", Scale::new(2, 3)?);
    feed.add_with(venue, options, Config::default());
    tokio::select! {
        _ = feed.run() => Ok(()),
        error = serve(&listener) => Err(error.into()),
    }
}

/// The server: sends a heartbeat, and then [`BOOKS`] books a few milliseconds apart.
async fn serve(listener: &TcpListener) -> io::Error {
    loop {
        let served = async {
            let (tcp, _) = listener.accept().await?;
            let connection = upgrade(tcp).await?;
            stream(connection).await.map_err(io::Error::other)
        };
        match served.await {
            Ok(()) => {}
            // A client that closes the connection does not stop the server.
            Err(error) if error.kind() == io::ErrorKind::Other => {}
            Err(error) => return error,
        }
    }
}

async fn stream(mut connection: Connection) -> Result<(), ticklot_transport::Error> {
    let subscription = connection.read().await?;
    let text = subscription.map(|message| message.payload.to_vec());
    if text.as_deref() != Some(b"S|BTC-USD") {
        return connection.text(b"E|no such symbol").await;
    }
    connection.text(b"H|1").await?;
    for n in 0..BOOKS {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let book = format!("B|BTC-USD|61800.{}x2.5|61801.{}x0.125", 10 + n, 10 + n);
        connection.text(book.as_bytes()).await?;
    }
    Ok(())
}

/// The server's side of a WebSocket handshake.
async fn upgrade(mut tcp: TcpStream) -> io::Result<Connection> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let key = lines.find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let key = key.ok_or_else(|| io::Error::other("no upgrade"))?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    tcp.write_all(response.as_bytes()).await?;
    let rest = Default::default();
    Ok(Connection::accept(tcp, rest, &Config::default()))
}
