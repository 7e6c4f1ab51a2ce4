//! A WebSocket and HTTP client that is independent of the venues, and helpers of several tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Role, WebSocket};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

pub(crate) const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";

/// The time limit of each read.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A frame of the server, or the end of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    /// A close with its code.
    Close(u16),
    /// The end of the stream or an error.
    End,
}

/// A client after its upgrade.
pub(crate) struct Client {
    ws: WebSocket<TcpStream>,
}

/// Requests an upgrade, and returns the head of the response.
pub(crate) async fn upgrade(addr: SocketAddr, target: &str) -> (String, TcpStream) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    request_raw(addr, request.as_bytes()).await
}

/// Sends bytes, and returns the head of the response up to the empty line.
pub(crate) async fn request_raw(addr: SocketAddr, request: &[u8]) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(TIMEOUT, stream.read_u8()).await;
        match byte.expect("no response") {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    (String::from_utf8(head).unwrap(), stream)
}

/// Sends an HTTP request, and returns the status, content type and body of the response.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    body: &str,
) -> (u16, String, String) {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (head, mut stream) = request_raw(addr, request.as_bytes()).await;
    let header = |name: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let header = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let content_type = header("content-type").unwrap_or_default();
    (status, content_type, String::from_utf8(body).unwrap())
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr, target: &str) -> Self {
        let (head, stream) = upgrade(addr, target).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
        assert!(!head.contains("sec-websocket-extensions"), "{head}");
        let mut ws = WebSocket::after_handshake(stream, Role::Client);
        ws.set_auto_close(false);
        ws.set_auto_pong(false);
        Self { ws }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(true, OpCode::Text, text.as_bytes()).await;
    }

    pub(crate) async fn send_frame(&mut self, fin: bool, opcode: OpCode, payload: &[u8]) {
        let frame = Frame::new(fin, opcode, None, payload.to_vec().into());
        self.ws.write_frame(frame).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Received {
        let read = timeout(TIMEOUT, self.ws.read_frame()).await;
        let Ok(frame) = read.expect("no frame from the server") else {
            return Received::End;
        };
        let payload = frame.payload.to_vec();
        match frame.opcode {
            OpCode::Text => Received::Text(payload),
            OpCode::Ping => Received::Ping,
            OpCode::Pong => Received::Pong(payload),
            OpCode::Close => Received::Close(u16::from_be_bytes(payload[..2].try_into().unwrap())),
            other => panic!("{other:?}"),
        }
    }

    /// The next frame, which must be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.receive().await {
            Received::Text(text) => String::from_utf8(text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next text without this prefix.
    pub(crate) async fn text_past(&mut self, prefix: &str) -> String {
        loop {
            let text = self.text().await;
            if !text.starts_with(prefix) {
                return text;
            }
        }
    }

    /// All frames up to the end of the stream. Replies to a close.
    pub(crate) async fn rest(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        while all.last() != Some(&Received::End) {
            all.push(self.receive().await);
            if let Some(Received::Close(_)) = all.last() {
                let _ = self.ws.write_frame(Frame::close(1000, b"")).await;
            }
        }
        all
    }

    /// Skips all frames up to the close that ends the connection, and returns its code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let rest = self.rest().await.into_iter();
        let codes = rest.filter_map(|it| match it {
            Received::Close(code) => Some(code),
            _ => None,
        });
        let codes: Vec<_> = codes.collect();
        assert_eq!(codes.len(), 1, "number of closes");
        codes[0]
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.ws.into_inner()
    }
}

/// Waits until a condition holds.
pub(crate) async fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
