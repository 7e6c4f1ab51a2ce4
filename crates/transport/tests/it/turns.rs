//! The limits of consecutive reads, and the time when the socket was last idle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use ticklot_transport::{Config, Connection, Incoming, Instant, Message, Reader, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{FIN, TEXT, masked};

/// A socket in memory with a script of its polls.
struct Script {
    /// The bytes of each poll; none if it is pending.
    steps: VecDeque<Option<Vec<u8>>>,
    served: Arc<AtomicUsize>,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.steps.pop_front() {
            Some(Some(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                self.served.fetch_add(bytes.len(), Ordering::Relaxed);
                if !rest.is_empty() {
                    self.steps.push_front(Some(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A reader of a script, and the number of bytes that it has read.
fn reader(steps: impl IntoIterator<Item = Option<Vec<u8>>>) -> (Reader, Arc<AtomicUsize>) {
    let served = Arc::new(AtomicUsize::new(0));
    let script = Script {
        steps: steps.into_iter().collect(),
        served: Arc::clone(&served),
    };
    let stream = Stream::new(script);
    let (reader, _) = Connection::accept(stream, Default::default(), &Config::default()).split();
    (reader, served)
}

async fn message(reader: &mut Reader) -> Message<'_> {
    match reader.read().await.unwrap() {
        Incoming::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

/// Reads `count` messages. Returns the maximum number of bytes in one poll, and the number of polls.
async fn most_in_a_poll(mut reader: Reader, served: &AtomicUsize, count: usize) -> (usize, usize) {
    let (mut most, mut polls) = (0, 0);
    let mut work = pin!(async {
        for _ in 0..count {
            message(&mut reader).await;
        }
    });
    poll_fn(|cx| {
        let before = served.load(Ordering::Relaxed);
        let polled = work.as_mut().poll(cx);
        most = most.max(served.load(Ordering::Relaxed) - before);
        polls += 1;
        polled
    })
    .await;
    (most, polls)
}

#[tokio::test]
async fn long_message_takes_turns() {
    let bytes = masked(FIN | TEXT, vec![b'x'; 2 << 20]);
    let (reader, served) = reader([Some(bytes)]);
    let (most, polls) = most_in_a_poll(reader, &served, 1).await;
    assert!(most <= 128 << 10, "{most} bytes in a row");
    assert!(polls >= 16, "{polls} turns");
}

#[tokio::test]
async fn incessant_messages_take_turns() {
    let one = masked(FIN | TEXT, vec![b'x'; 5_000]);
    let (reader, served) = reader([Some(one.repeat(400))]);
    let (most, polls) = most_in_a_poll(reader, &served, 400).await;
    assert!(most <= 128 << 10, "{most} bytes in a row");
    assert!(polls >= 16, "{polls} turns");
}

#[tokio::test]
async fn single_bytes_take_turns() {
    let bytes = masked(FIN | TEXT, vec![b'x'; 10_000]);
    let (reader, served) = reader(bytes.into_iter().map(|byte| Some(vec![byte])));
    let (most, _) = most_in_a_poll(reader, &served, 1).await;
    assert!(most <= 64, "{most} reads in a row");
}

#[tokio::test]
async fn message_age_is_bounded() {
    let text = |text: &str| Some(masked(FIN | TEXT, text));
    let steps = [text("a"), None, text("b"), text("c"), None, None, text("d")];
    let (mut reader, _) = reader(steps);
    let a = message(&mut reader).await.received;
    let b = message(&mut reader).await;
    assert!(b.payload == b"b" && b.idle_at == a && b.received >= a);
    let b = b.received;
    let c = message(&mut reader).await;
    assert!(
        c.payload == b"c" && c.idle_at == a,
        "it may have waited since"
    );
    let c = c.received;
    // A call that is dropped while it is pending, as when a timer fires.
    {
        let mut read = pin!(reader.read());
        let waits = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await;
        assert!(waits);
    }
    let before = Instant::now();
    reader.mark_idle();
    let d = message(&mut reader).await;
    assert!(d.payload == b"d" && d.idle_at >= before && c >= b);
}

#[tokio::test]
async fn busy_reader_is_never_idle() {
    let text = |text: &str| Some(masked(FIN | TEXT, text));
    let (mut reader, _) = reader([text("a"), None, text("b"), text("c")]);
    let a = message(&mut reader).await.received;
    message(&mut reader).await;
    reader.mark_idle();
    assert_eq!(message(&mut reader).await.idle_at, a);
}
