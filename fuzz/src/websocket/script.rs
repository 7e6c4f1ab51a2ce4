//! An in-memory stream whose reads and writes transfer pieces of sizes that the fuzzer chooses.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The placeholder in a response for the accept value of the request's key, which is not known in advance.
pub(super) const ACCEPT: &str = "{accept}";

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an end of file.
    Eof,
    /// With a socket error.
    Reset,
    /// Without a TLS close notification.
    Truncated,
    /// Without an end: reads wait forever.
    Silence,
}

/// The effect on a call of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The call waits for one poll.
    Pause,
    /// The call waits for one poll, and the caller's future is dropped.
    Drop,
    /// The call transfers at most this many bytes.
    Take(usize),
}

impl Cut {
    /// The cuts of a script, one per byte.
    pub(super) fn read(script: &[u8]) -> Vec<Self> {
        let cut = |byte: &u8| match byte {
            b'.' => Self::Pause,
            b'!' => Self::Drop,
            b'a'..=b'z' => Self::Take(usize::from(byte - b'a' + 1)),
            other => Self::Take(usize::from(*other) * 64 + 1),
        };
        script.iter().map(cut).collect()
    }
}

/// A response to an upgrade.
pub(crate) struct Response {
    /// The text, with the placeholder [`ACCEPT`].
    pub(super) text: Vec<u8>,
    /// Whether the response is cut.
    pub(super) is_cut: bool,
}

/// The other end of the stream. Clones share their state.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>);

struct State {
    incoming: Vec<u8>,
    given: usize,
    end: End,
    cuts: Vec<Cut>,
    next: usize,
    written: Vec<u8>,
    is_dropped: bool,
    /// The largest buffer of a read.
    room: usize,
    /// The response to the pending request.
    response: Option<Response>,
    /// The accept value of the request's key.
    accept: String,
    /// The number of bytes that are not cut.
    uncut: usize,
    reader: Option<Waker>,
}

impl Script {
    /// A stream that yields the response to a request, if there is one, and then `incoming`.
    pub(crate) fn new(
        response: Option<Response>,
        incoming: Vec<u8>,
        end: End,
        cuts: Vec<Cut>,
    ) -> Self {
        let capacity = 3 * incoming.len() + 4096;
        Self(Arc::new(Mutex::new(State {
            incoming,
            given: 0,
            end,
            cuts,
            next: 0,
            // Preallocated, so that writes do not count as memory of the reader.
            written: Vec::with_capacity(capacity),
            is_dropped: false,
            room: 0,
            response,
            accept: String::new(),
            uncut: 0,
            reader: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All incoming bytes, with the accept value.
    pub(super) fn incoming(&self) -> Vec<u8> {
        self.lock().incoming.clone()
    }

    /// The accept value of the request's key.
    pub(super) fn accept(&self) -> String {
        self.lock().accept.clone()
    }

    /// The bytes written since the request.
    pub(super) fn written(&self) -> Vec<u8> {
        self.lock().written.clone()
    }

    /// The largest buffer of a read since the last call.
    pub(super) fn take_room(&self) -> usize {
        std::mem::take(&mut self.lock().room)
    }

    /// Runs a future to its end, or until the script drops it.
    pub(super) async fn run<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if std::mem::take(&mut self.lock().is_dropped) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

impl State {
    fn next_cut(&mut self) -> Cut {
        let cut = self.cuts.get(self.next).copied();
        self.next += 1;
        cut.unwrap_or(Cut::Take(usize::MAX))
    }

    /// The number of bytes that the call may transfer; `None` if it has to wait.
    fn allowed(&mut self, cx: &mut Context<'_>) -> Option<usize> {
        if self.given < self.uncut {
            return Some(self.uncut - self.given);
        }
        match self.next_cut() {
            Cut::Take(most) => return Some(most),
            Cut::Drop => self.is_dropped = true,
            Cut::Pause => {}
        }
        cx.waker().wake_by_ref();
        None
    }

    /// Responds once the request is complete.
    fn respond(&mut self) {
        let is_whole = self.written.ends_with(b"\r\n\r\n");
        let Some(response) = self.response.take_if(|_| is_whole) else {
            return;
        };
        let request = String::from_utf8(std::mem::take(&mut self.written)).expect("a text");
        let mut lines = request.lines();
        let key = lines.find_map(|line| line.strip_prefix("sec-websocket-key: "));
        self.accept = ticklot_transport::accept_key(key.expect("a request has a key"));
        let head = replaced(&response.text, ACCEPT.as_bytes(), self.accept.as_bytes());
        self.uncut = if response.is_cut { 0 } else { head.len() };
        self.incoming.splice(..0, head);
        self.written = Vec::with_capacity(3 * self.incoming.len() + 4096);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(first);
            rest = after;
        }
    }
    out
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        state.room = state.room.max(buf.remaining());
        if state.response.is_some() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if state.given == state.incoming.len() {
            return match state.end {
                End::Eof => Poll::Ready(Ok(())),
                End::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                End::Truncated => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                End::Silence => Poll::Pending,
            };
        }
        let Some(most) = state.allowed(cx) else {
            return Poll::Pending;
        };
        let left = &state.incoming[state.given..];
        let taken = left.len().min(buf.remaining()).min(most);
        buf.put_slice(&left[..taken]);
        state.given += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        let is_cut = state
            .response
            .as_ref()
            .is_none_or(|response| response.is_cut);
        let most = if is_cut {
            state.allowed(cx)
        } else {
            Some(usize::MAX)
        };
        let Some(most) = most else {
            return Poll::Pending;
        };
        let taken = bytes.len().min(most);
        state.written.extend_from_slice(&bytes[..taken]);
        state.respond();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
