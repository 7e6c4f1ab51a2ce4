//! The byte stream of a non-blocking connection.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use mio::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "tls-no-provider")]
use tokio_rustls::rustls::ClientConnection;

use crate::stream::{Parts, Stream};

/// A socket whose calls return [`io::ErrorKind::WouldBlock`] instead of waiting.
pub(super) enum Socket {
    Plain(TcpStream),
    #[cfg(feature = "tls-no-provider")]
    Tls(Box<Tls>),
    /// A stream that only tokio can read, such as TLS within a proxy's TLS. It is polled without a waker; the runtime that
    /// created it updates its readiness.
    Other(Stream),
}

/// A TLS session over a socket, detached from its runtime.
#[cfg(feature = "tls-no-provider")]
pub(super) struct Tls {
    tcp: TcpStream,
    session: ClientConnection,
}

impl Socket {
    /// Detaches a stream from its runtime. Also returns the bytes that precede those of the socket.
    pub(super) fn of(stream: Stream) -> io::Result<(Self, Bytes)> {
        let (parts, leftover) = stream.into_parts();
        let socket = match parts {
            Parts::Plain(tcp) => Self::Plain(detach(tcp)?),
            #[cfg(feature = "tls-no-provider")]
            Parts::Tls(tcp, session) => {
                let tcp = detach(tcp)?;
                Self::Tls(Box::new(Tls { tcp, session }))
            }
            Parts::Other(stream) => Self::Other(stream),
        };
        Ok((socket, leftover))
    }

    /// The TCP socket for a [`Poller`](super::Poller); none for [`Socket::Other`].
    pub(super) fn tcp(&mut self) -> Option<&mut TcpStream> {
        match self {
            Self::Plain(tcp) => Some(tcp),
            #[cfg(feature = "tls-no-provider")]
            Self::Tls(tls) => Some(&mut tls.tcp),
            Self::Other(_) => None,
        }
    }

    /// Reads available bytes; returns 0 at the end of the stream.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(room),
            #[cfg(feature = "tls-no-provider")]
            Self::Tls(tls) => tls.read(room),
            Self::Other(stream) => {
                let mut room = ReadBuf::new(room);
                now(|cx| Pin::new(stream).poll_read(cx, &mut room))?;
                Ok(room.filled().len())
            }
        }
    }

    /// Writes bytes. TLS may buffer them until [`Socket::flush`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            #[cfg(feature = "tls-no-provider")]
            Self::Tls(tls) => tls.write(bytes),
            Self::Other(stream) => now(|cx| Pin::new(stream).poll_write(cx, bytes)),
        }
    }

    /// Writes buffered bytes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls-no-provider")]
            Self::Tls(tls) => tls.flush(),
            Self::Other(stream) => now(|cx| Pin::new(stream).poll_flush(cx)),
        }
    }

    /// Ends TLS and TCP for writing.
    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown(Shutdown::Write),
            #[cfg(feature = "tls-no-provider")]
            Self::Tls(tls) => {
                tls.session.send_close_notify();
                tls.flush()?;
                tls.tcp.shutdown(Shutdown::Write)
            }
            Self::Other(stream) => now(|cx| Pin::new(stream).poll_shutdown(cx)),
        }
    }
}

/// Detaches a socket from its runtime. It stays non-blocking.
fn detach(tcp: tokio::net::TcpStream) -> io::Result<TcpStream> {
    tcp.into_std().map(TcpStream::from_std)
}

/// Polls once; pending becomes [`io::ErrorKind::WouldBlock`].
fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[cfg(feature = "tls-no-provider")]
impl Tls {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            // The session must process the end of the stream before its reader returns it.
            self.session.read_tls(&mut self.tcp)?;
            let processed = self.session.process_new_packets();
            if self.session.wants_write() {
                // An alert, or the reply to a key update. The next flush writes the rest.
                let _ = self.flush();
            }
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.session.writer().write(bytes)? {
            // Its buffer is full.
            0 if !bytes.is_empty() => {
                self.flush()?;
                self.session.writer().write(bytes)
            }
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.tcp)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}
