//! A server made by hand, to misbehave as none of the simulator's does.

use ticklot_transport::{Config, Connection, accept_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Accepts one connection and its upgrade.
///
/// # Panics
/// The client does not ask for an upgrade.
pub async fn accept_by_hand(listener: &TcpListener) -> Connection {
    let (mut stream, _) = listener.accept().await.expect("a client");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("text");
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key.expect("a key")),
    );
    stream
        .write_all(answer.as_bytes())
        .await
        .expect("the client reads");
    Connection::accept(stream, Default::default(), &Config::default())
}
