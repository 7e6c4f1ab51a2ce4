//! The handshake of servers that a test scripts, for behaviour that the simulator does not have.

use ticklot_transport::{Config, Connection, accept_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Accepts one connection and its upgrade.
///
/// # Panics
/// The client does not request an upgrade.
pub async fn accept_by_hand(listener: &TcpListener) -> Connection {
    let stream = accept_upgrade(listener).await;
    Connection::accept(stream, Default::default(), &Config::default())
}

/// As [`accept_by_hand`], but returns the socket.
///
/// # Panics
/// The client does not request an upgrade.
pub async fn accept_upgrade(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a client");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("text");
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key.expect("a key")),
    );
    stream
        .write_all(response.as_bytes())
        .await
        .expect("the client reads");
    stream
}
