//! A raw client: it knows WebSocket and nothing of the venues.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use fastwebsockets::{Frame, OpCode, Role, WebSocket};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes, shorter than anyone waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    /// A close with its code.
    Close(u16),
    /// The end without a close.
    Gone,
}

pub(crate) struct Client {
    ws: WebSocket<TcpStream>,
}

/// Sends an HTTP request for an upgrade and returns the head of the answer.
pub(crate) async fn upgrade(addr: SocketAddr, target: &str) -> (String, TcpStream) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    request_raw(addr, request.as_bytes()).await
}

/// Sends bytes and returns the head of the answer, up to the empty line.
pub(crate) async fn request_raw(addr: SocketAddr, request: &[u8]) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match timeout(PATIENCE, stream.read_u8())
            .await
            .expect("an answer")
        {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    (String::from_utf8(head).unwrap(), stream)
}

/// Sends an HTTP request and returns the status and the body of the answer.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    body: &str,
) -> (u16, String) {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (head, mut stream) = request_raw(addr, request.as_bytes()).await;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, String::from_utf8(body).unwrap())
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
        let frame = Frame::text(text.as_bytes().to_vec().into());
        self.ws.write_frame(frame).await.unwrap();
    }

    pub(crate) async fn send_frame(&mut self, fin: bool, opcode: OpCode, payload: &[u8]) {
        let frame = Frame::new(fin, opcode, None, payload.to_vec().into());
        self.ws.write_frame(frame).await.unwrap();
    }

    pub(crate) async fn see(&mut self) -> Seen {
        let read = timeout(PATIENCE, self.ws.read_frame()).await;
        let Ok(frame) = read.expect("something from the server") else {
            return Seen::Gone;
        };
        match frame.opcode {
            OpCode::Text => Seen::Text(frame.payload.to_vec()),
            OpCode::Ping => Seen::Ping,
            OpCode::Pong => Seen::Pong(frame.payload.to_vec()),
            OpCode::Close => {
                Seen::Close(u16::from_be_bytes(frame.payload[..2].try_into().unwrap()))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next frame, which must be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.see().await {
            Seen::Text(text) => String::from_utf8(text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next text that does not begin so: to look past the books that keep coming.
    pub(crate) async fn text_past(&mut self, begin: &str) -> String {
        loop {
            let text = self.text().await;
            if !text.starts_with(begin) {
                return text;
            }
        }
    }

    /// Everything up to the end of the connection; a close is answered.
    pub(crate) async fn rest(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let seen = self.see().await;
            if let Seen::Close(_) = seen {
                let _ = self.ws.write_frame(Frame::close(1000, b"")).await;
            }
            let end = seen == Seen::Gone;
            all.push(seen);
            if end {
                return all;
            }
        }
    }

    /// The close that ends the connection, past everything before it.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let closes: Vec<_> = self
            .rest()
            .await
            .into_iter()
            .filter_map(|seen| match seen {
                Seen::Close(code) => Some(code),
                _ => None,
            })
            .collect();
        assert_eq!(closes.len(), 1, "one close");
        closes[0]
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.ws.into_inner()
    }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
