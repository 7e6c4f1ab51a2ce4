//! Tests of the server against RFC 6455: valid and invalid client frames over a socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::connection::{READ_BUFFER, open_socket};
use super::{Connection, Counters, Input, Limits, Protocol, RequestTarget, SessionEnd, serve};
use crate::session::Rejection;

/// Replies to each message with a text that describes it.
struct Echo;

impl Protocol for Echo {
    type Route = ();

    fn route(&self, _: RequestTarget<'_>) -> Result<(), Rejection> {
        Ok(())
    }

    async fn session(&self, (): (), connection: &mut Connection) -> SessionEnd {
        loop {
            let event = connection.event().await;
            let reply = match connection.handle(event).await? {
                Some(Input::Text(text)) => format!("text {text}"),
                Some(Input::Binary) => "binary".to_owned(),
                Some(Input::Pong) => "pong".to_owned(),
                None => continue,
            };
            connection.send(reply).await?;
        }
    }
}

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Text(String),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

/// A valid or invalid frame of a client.
#[derive(Clone, Debug)]
struct ClientFrame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    is_masked: bool,
    /// Whether the length uses a longer encoding than necessary, which the server accepts.
    is_long: bool,
    payload: Vec<u8>,
}

impl ClientFrame {
    fn is_control(&self) -> bool {
        self.opcode >= 8
    }

    fn bytes(&self) -> Vec<u8> {
        const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mask = if self.is_masked { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ ..126), _) if !self.is_long => bytes.push(mask | length),
            (_, Ok(length)) => {
                bytes.push(mask | 126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        let key = if self.is_masked { KEY } else { [0; 4] };
        bytes.extend(&key[..if self.is_masked { 4 } else { 0 }]);
        let masked = self.payload.iter().zip(key.iter().cycle());
        bytes.extend(masked.map(|(byte, key)| byte ^ key));
        bytes
    }

    /// The close codes of its violations. `open` is whether a fragmented message is open, and `left` is the number of
    /// bytes that may be added to it.
    fn violations(&self, open: bool, left: usize) -> Vec<u16> {
        let is_known = matches!(self.opcode, 0..=2 | 8..=10);
        let is_out_of_place = !self.is_control() && (self.opcode == 0) != open;
        let is_odd_control = self.is_control() && (!self.fin || self.payload.len() > 125);
        let is_wrong =
            self.rsv != 0 || !is_known || is_out_of_place || is_odd_control || !self.is_masked;
        let mut codes: Vec<u16> = is_wrong.then_some(1002).into_iter().collect();
        let most = if self.is_control() { 125 } else { left };
        codes.extend((self.payload.len() > most).then_some(1009));
        if !codes.is_empty() && std::str::from_utf8(&self.payload).is_err() {
            codes.push(1007);
        }
        codes
    }
}

/// The replies that RFC 6455 requires, and the index and permitted close codes of the first violating frame.
fn expected(frames: &[ClientFrame], max: usize) -> (Vec<Reply>, Option<(usize, Vec<u16>)>) {
    let (mut replies, mut open) = (Vec::new(), None::<(u8, Vec<u8>)>);
    for (index, frame) in frames.iter().enumerate() {
        let left = open.as_ref().map_or(max, |(_, parts)| max - parts.len());
        let violations = frame.violations(open.is_some(), left);
        if !violations.is_empty() {
            return (replies, Some((index, violations)));
        }
        let payload = frame.payload.clone();
        match frame.opcode {
            8 => {
                let violation = match close(&payload) {
                    Ok(code) => {
                        replies.push(Reply::Close(code));
                        None
                    }
                    Err(codes) => Some((index, codes)),
                };
                return (replies, violation);
            }
            9 => replies.push(Reply::Pong(payload)),
            10 => replies.push(Reply::Text("pong".to_owned())),
            opcode => {
                let (kind, parts) = open.get_or_insert((opcode, Vec::new()));
                parts.extend(payload);
                let text = std::str::from_utf8(parts);
                // Text that no further fragment can complete fails immediately.
                let is_invalid = text.is_err_and(|it| frame.fin || it.error_len().is_some());
                if *kind == 1 && is_invalid {
                    return (replies, Some((index, vec![1007])));
                }
                if frame.fin {
                    let text = text.map(|text| format!("text {text}"));
                    let reply = text.ok().filter(|_| *kind == 1);
                    replies.push(Reply::Text(reply.unwrap_or_else(|| "binary".to_owned())));
                    open = None;
                }
            }
        }
    }
    (replies, None)
}

/// The code of a close, or the codes of its violations.
fn close(payload: &[u8]) -> Result<Option<u16>, Vec<u16>> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let is_valid = payload.is_empty();
        return is_valid.then_some(None).ok_or(vec![1002]);
    };
    let code = u16::from_be_bytes(*code);
    let is_defined = matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999);
    let mut codes: Vec<u16> = (!is_defined).then_some(1002).into_iter().collect();
    codes.extend(std::str::from_utf8(reason).is_err().then_some(1007));
    if codes.is_empty() {
        Ok(Some(code))
    } else {
        Err(codes)
    }
}

fn frames() -> impl Strategy<Value = Vec<ClientFrame>> {
    let seldom = |chance| prop::bool::weighted(chance);
    let text = prop_oneof![
        8 => select(vec![&b""[..], b"a", "\u{e9}".as_bytes(), b"{}"]).prop_map(<[u8]>::to_vec),
        2 => select(vec![&b"\xc3"[..], b"\xa9", b"\xff"]).prop_map(<[u8]>::to_vec),
        2 => select(vec![124_usize, 125, 126, 300, 65_535, 65_536]).prop_map(|length| vec![b'x'; length]),
    ];
    let close = select(vec![
        &b""[..],
        b"\x03",
        b"\x03\xe8",
        b"\x0f\xa0bye",
        b"\x0f\xa0\xff",
        b"\x03\xed",
        b"\x03\xe7\xff",
    ]);
    let data = prop_oneof![4 => Just(0_u8), 6 => Just(1), 2 => Just(2), 2 => Just(9), 2 => Just(10), 1 => 0..16_u8];
    let kind = prop_oneof![15 => (data, text), 1 => (Just(8), close.prop_map(<[u8]>::to_vec))];
    let frame = (kind, seldom(0.7), seldom(0.02), seldom(0.98), seldom(0.05));
    let frame = frame.prop_map(
        |((opcode, payload), fin, is_reserved, is_masked, is_long)| ClientFrame {
            fin: fin || opcode >= 8 && !is_reserved,
            rsv: u8::from(is_reserved),
            opcode,
            is_masked,
            is_long,
            payload,
        },
    );
    vec(frame, 0..12)
}

/// A server of [`Echo`], which runs until the sender is dropped.
async fn echo_server(max_message: usize) -> (std::net::SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let limits = Limits {
        max_message,
        ..Limits::default()
    };
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(
        listener,
        Echo,
        limits,
        Arc::new(Counters::default()),
        stopped,
    ));
    (addr, stop)
}

/// Upgrades a connection, sends the pieces and the end of the stream, and returns the replies.
async fn replies(addr: std::net::SocketAddr, pieces: &[Vec<u8>]) -> Vec<Reply> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let (mut read, mut write) = stream.into_split();
    let sending = async {
        for piece in pieces {
            // The server may have closed already.
            let _ = write.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        let _ = write.shutdown().await;
    };
    let mut bytes = Vec::new();
    let (_, _) = tokio::join!(sending, read.read_to_end(&mut bytes));
    let stream = tokio::io::join(&bytes[..], tokio::io::sink());
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let mut replies = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        replies.push(match message {
            Message::Text(text) => Reply::Text(text.as_str().to_owned()),
            Message::Pong(payload) => Reply::Pong(payload.into()),
            Message::Close(close) => Reply::Close(close.map(|it| it.code.into())),
            other => panic!("{other:?}"),
        });
    }
    replies
}

/// Sorts pongs behind messages, because a pong may overtake a message.
fn sorted(mut replies: Vec<Reply>) -> Vec<Reply> {
    replies.sort_by_key(|it| matches!(it, Reply::Pong(_)));
    replies
}

/// Tests any split and any end of the byte stream.
#[test]
fn replies_follow_rfc_6455() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let servers = [125_usize, 126, 400, 70_000];
    let servers = servers.map(|max| (max, runtime.block_on(echo_server(max))));
    let input = (
        frames(),
        0..servers.len(),
        vec(1..40_usize, 0..20),
        any::<Option<prop::sample::Index>>(),
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(2_000));
    let result = runner.run(&input, |(mut frames, server, cuts, end)| {
        let (max, (addr, _)) = &servers[server];
        // A client sends nothing after its close.
        let close = frames.iter().position(|frame| frame.opcode == 8);
        frames.truncate(close.map_or(frames.len(), |at| at + 1));
        let ends: Vec<_> = frames
            .iter()
            .scan(0, |sum, frame| {
                *sum += frame.bytes().len();
                Some(*sum)
            })
            .collect();
        let mut bytes: Vec<_> = frames.iter().flat_map(ClientFrame::bytes).collect();
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len() + 1)));
        let whole = ends.iter().filter(|end| **end <= bytes.len()).count();
        // An incomplete last frame may violate the protocol, or the stream ends before the server detects it.
        let (due, violation) = expected(&frames[..whole], *max);
        let partial = expected(&frames[..frames.len().min(whole + 1)], *max).1;

        let mut pieces = Vec::new();
        for cut in cuts {
            let rest = bytes.split_off(cut.min(bytes.len()));
            pieces.push(std::mem::replace(&mut bytes, rest));
        }
        pieces.push(bytes);
        let mut replies = runtime.block_on(replies(*addr, &pieces));
        if !matches!(due.last(), Some(Reply::Close(_))) {
            let last = replies.pop_if(|it| matches!(it, Reply::Close(_)));
            let is_right = match (&last, violation, partial) {
                (Some(Reply::Close(Some(code))), Some((_, codes)), _) => codes.contains(code),
                (Some(Reply::Close(Some(code))), None, Some((at, codes))) => {
                    at == whole && codes.contains(code)
                }
                (None, violation, _) => violation.is_none(),
                _ => false,
            };
            prop_assert!(is_right, "{last:?}");
        }
        prop_assert_eq!(sorted(replies), sorted(due));
        Ok(())
    });
    result.unwrap();
}

/// Records the largest buffer that is passed to `poll_read`.
struct LargestRead<'a>(&'a [u8], usize);

impl AsyncRead for LargestRead<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1 = self.1.max(buf.remaining());
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

#[tokio::test]
async fn flood_takes_bounded_memory() {
    let mut message = vec![0x82, 0xfe, 0x1f, 0x40, 0, 0, 0, 0];
    message.resize(message.len() + 8_000, b'x');
    let flood = message.repeat(4_000);
    let stream = tokio::io::join(LargestRead(&flood, 0), tokio::io::sink());
    let mut socket = open_socket(stream, Vec::new(), 8_000).await;
    let mut count = 0;
    while let Some(Ok(_)) = socket.next().await {
        count += 1;
    }
    assert_eq!(count, 4_000);
    assert!(socket.get_ref().reader().1 <= READ_BUFFER);
}
