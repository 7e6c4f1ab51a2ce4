//! A server that reads and writes exact bytes.

use std::time::Duration;

use ticklot_transport::{Config, Error, accept_key};
pub(crate) use ticklot_transport::{Connection, connect};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A frame header without a mask.
pub(crate) fn head(first: u8, len: u64) -> Vec<u8> {
    let mut head = vec![first];
    match len {
        0..126 => head.push(len as u8),
        126..65536 => {
            head.push(126);
            head.extend((len as u16).to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend(len.to_be_bytes());
        }
    }
    head
}

/// A server's frame: `first` is the first byte, opcode and flags.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = head(first, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// A client's frame.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x9d, 0xfe, 0x83, 0xf1];
    let payload = payload.as_ref();
    let mut frame = head(first, payload.len() as u64);
    frame[1] |= 0x80;
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    frame
}

pub(crate) fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.as_bytes());
    frame(FIN | CLOSE, payload)
}

/// A frame as the peer received it, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) first: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

/// The peer of the tested connection: a plain socket.
pub(crate) struct Peer {
    pub(crate) tcp: TcpStream,
}

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { tcp }
    }

    /// Accepts the next peer and its upgrade, and sends `ride` in the same packet.
    pub(crate) async fn upgraded(listener: &TcpListener, ride: &[u8]) -> Self {
        let mut peer = Self::accept(listener).await;
        peer.upgrade(ride).await;
        peer
    }

    /// Reads the head of the request.
    pub(crate) async fn read_head(&mut self) -> String {
        read_head(&mut self.tcp).await.unwrap()
    }

    /// Accepts the upgrade, and sends `ride` in the same packet.
    pub(crate) async fn upgrade(&mut self, ride: &[u8]) {
        let head = self.read_head().await;
        let mut answer = switching(&head, "Connection: Upgrade\r\n").into_bytes();
        answer.extend(ride);
        self.send(&answer).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Received {
        soon(self.receive_frame()).await
    }

    async fn receive_frame(&mut self) -> Received {
        let first = self.tcp.read_u8().await.unwrap();
        let second = self.tcp.read_u8().await.unwrap();
        let len = match second & 0x7f {
            126 => self.tcp.read_u16().await.unwrap() as usize,
            127 => self.tcp.read_u64().await.unwrap() as usize,
            len => len as usize,
        };
        let masked = second & 0x80 != 0;
        let mut key = [0; 4];
        if masked {
            self.tcp.read_exact(&mut key).await.unwrap();
        }
        let mut payload = vec![0; len];
        self.tcp.read_exact(&mut payload).await.unwrap();
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        Received {
            first,
            masked,
            payload,
        }
    }

    /// Receives a close frame and returns its code; `None` for an empty one.
    pub(crate) async fn receive_close(&mut self) -> Option<u16> {
        let received = self.receive().await;
        assert_eq!(received.first, FIN | CLOSE, "{received:?}");
        let code = received.payload.get(..2)?;
        Some(u16::from_be_bytes([code[0], code[1]]))
    }

    pub(crate) async fn expect_end(&mut self) {
        let end = soon(self.tcp.read(&mut [0; 16])).await;
        assert_eq!(end.unwrap(), 0);
    }
}

/// Reads the head of a request; none if the stream ends within it.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A valid response to the upgrade request, with additional headers.
pub(crate) fn switching(request: &str, headers: &str) -> String {
    let accept = accept_key(header(request, "sec-websocket-key").unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    )
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Fails the test if the future takes too long.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), work).await.unwrap()
}

pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

/// A configuration with a short close timeout, so that a failing test ends soon.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.close_timeout = Duration::from_millis(500);
    config
}

/// A connection and its peer, after the upgrade.
pub(crate) async fn pair(config: &Config) -> (Connection, Peer) {
    pair_with(config, b"").await
}

pub(crate) async fn pair_with(config: &Config, ride: &[u8]) -> (Connection, Peer) {
    let (listener, url) = listen().await;
    let serve = Peer::upgraded(&listener, ride);
    let (connection, peer) = tokio::join!(connect(&url, config), serve);
    (connection.unwrap(), peer)
}

/// The head of the request for a path. The server then closes the connection.
pub(crate) async fn request_head(config: &Config, path: &str) -> (String, Result<(), Error>) {
    let (listener, url) = listen().await;
    let url = format!("{url}{path}");
    let serve = async { Peer::accept(&listener).await.read_head().await };
    let (connected, head) = tokio::join!(connect(&url, config), serve);
    (head, connected.map(drop))
}

/// Connects to a server that sends this response.
pub(crate) async fn connect_to(
    config: &Config,
    answer: impl FnOnce(&str) -> String,
) -> Result<Connection, Error> {
    let (listener, url) = listen().await;
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        let head = peer.read_head().await;
        peer.send(answer(&head).as_bytes()).await;
        peer
    };
    tokio::join!(connect(&url, config), serve).0
}

/// The next message's payload.
pub(crate) async fn next(connection: &mut Connection) -> Vec<u8> {
    let message = soon(connection.read()).await.unwrap();
    message.unwrap().payload.to_vec()
}
