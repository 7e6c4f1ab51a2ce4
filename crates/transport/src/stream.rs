//! The byte stream of a WebSocket, and its sharing between two halves.

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

/// The byte stream of a WebSocket: a TCP connection with or without TLS, or any other asynchronous stream.
///
/// Convert a [`TcpStream`] or a TLS stream of `tokio-rustls` with `From`, and any other stream with [`Stream::new`].
pub struct Stream {
    socket: Socket,
    /// Bytes that were read with the handshake and belong to the first frames.
    leftover: Bytes,
}

enum Socket {
    Plain(TcpStream),
    // Boxed, because moving the kilobyte of a TLS session is slow.
    #[cfg(feature = "tls-no-provider")]
    Tls(Box<TlsStream<TcpStream>>),
    Other(Box<dyn Duplex>),
}

/// See [`Stream::into_parts`].
#[allow(clippy::large_enum_variant)] // destructured immediately by the caller
pub(crate) enum Parts {
    Plain(TcpStream),
    #[cfg(feature = "tls-no-provider")]
    Tls(TcpStream, ClientConnection),
    /// Neither TCP nor a client's TLS over TCP.
    Other(Stream),
}

/// Any stream that can replace a socket.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Stream {
    /// A stream of any type, such as a Unix socket or one in memory. Its calls are virtual: prefer `From` for TCP and TLS
    /// streams of `tokio`.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self::of(Socket::Other(Box::new(stream)))
    }

    fn of(socket: Socket) -> Self {
        Self {
            socket,
            leftover: Bytes::new(),
        }
    }

    /// The TCP connection, if the stream is plain TCP and has no leftover bytes.
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

    /// The parts for a non-blocking connection, and the leftover bytes.
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

    /// Sets the bytes that are read before those of the socket.
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

/// A stream that the two halves of a connection share. The lock is held during one poll, never across an `await`.
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

    /// Reads and discards until the end of the stream or an error.
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
