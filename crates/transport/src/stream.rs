//! The byte stream under a WebSocket, and its sharing between two halves.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(feature = "tls-no-provider")]
use tokio_rustls::{TlsStream, client, rustls::ClientConnection, server};

/// The bytes under a WebSocket: a TCP connection, with or without TLS, or anything else that reads and
/// writes.
///
/// Made with `From` out of a [`TcpStream`] or of either TLS stream of `tokio-rustls`, and with
/// [`Stream::new`] out of what is neither.
pub struct Stream {
    socket: Socket,
    /// Bytes that came with the handshake and belong to the first frames.
    leftover: Bytes,
}

enum Socket {
    Plain(TcpStream),
    // Boxed: a TLS session is a kilobyte, and it would be moved about.
    #[cfg(feature = "tls-no-provider")]
    Tls(Box<TlsStream<TcpStream>>),
    Other(Box<dyn Duplex>),
}

/// See [`Stream::into_parts`].
#[allow(clippy::large_enum_variant)] // it is taken apart at once
pub(crate) enum Parts {
    Plain(TcpStream),
    #[cfg(feature = "tls-no-provider")]
    Tls(TcpStream, ClientConnection),
    /// Neither TCP nor a client's TLS over TCP.
    Other(Stream),
}

/// What can stand in for a socket.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Stream {
    /// Any stream: a tunnel through a proxy, a Unix socket, one in memory. Each of its calls goes
    /// through a pointer; a TCP or TLS stream of `tokio` is better given with `From`.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self::of(Socket::Other(Box::new(stream)))
    }

    fn of(socket: Socket) -> Self {
        Self {
            socket,
            leftover: Bytes::new(),
        }
    }

    /// The TCP connection itself, if nothing is around it and none of its bytes were read.
    #[cfg(feature = "tls-no-provider")]
    pub(crate) fn into_tcp(self) -> Result<TcpStream, Self> {
        match self {
            Self {
                socket: Socket::Plain(tcp),
                leftover,
            } if leftover.is_empty() => Ok(tcp),
            other => Err(other),
        }
    }

    /// What a connection without a runtime is made of, and the bytes in front of it.
    pub(crate) fn into_parts(mut self) -> (Parts, Bytes) {
        let leftover = std::mem::take(&mut self.leftover);
        let parts = match self.socket {
            Socket::Plain(tcp) => Parts::Plain(tcp),
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(tls) => match *tls {
                TlsStream::Client(tls) => {
                    let (tcp, session) = tls.into_inner();
                    Parts::Tls(tcp, session)
                }
                server => Parts::Other(Self::of(Socket::Tls(Box::new(server)))),
            },
            other => Parts::Other(Self::of(other)),
        };
        (parts, leftover)
    }

    /// Puts bytes in front of what the socket will yield.
    pub(crate) fn with_leftover(mut self, leftover: Bytes) -> Self {
        self.leftover = leftover;
        self
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self::of(Socket::Plain(tcp))
    }
}

#[cfg(feature = "tls-no-provider")]
impl From<client::TlsStream<TcpStream>> for Stream {
    fn from(tls: client::TlsStream<TcpStream>) -> Self {
        Self::of(Socket::Tls(Box::new(tls.into())))
    }
}

#[cfg(feature = "tls-no-provider")]
impl From<server::TlsStream<TcpStream>> for Stream {
    fn from(tls: server::TlsStream<TcpStream>) -> Self {
        Self::of(Socket::Tls(Box::new(tls.into())))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.socket {
            Socket::Plain(_) => "Stream(tcp)",
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(_) => "Stream(tls)",
            Socket::Other(_) => "Stream(other)",
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.leftover.has_remaining() {
            let n = self.leftover.len().min(buf.remaining());
            buf.put_slice(&self.leftover.split_to(n));
            return Poll::Ready(Ok(()));
        }
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
            Socket::Other(other) => Pin::new(other).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Socket::Other(other) => Pin::new(other).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Socket::Other(other) => Pin::new(other).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "tls-no-provider")]
            Socket::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Socket::Other(other) => Pin::new(other).poll_shutdown(cx),
        }
    }
}

/// One stream in several hands: the reading half, the writing half, and the
/// close, which must reach the socket below both. The lock is held for one
/// poll at a time, never across an await.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Stream>>);

impl Shared {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn lock(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and throws away until the peer's end, or until the socket fails.
    pub(crate) async fn drain(&mut self) {
        let mut waste = [0; 1024];
        while matches!(self.read(&mut waste).await, Ok(n) if n > 0) {}
    }
}

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_shutdown(cx)
    }
}
