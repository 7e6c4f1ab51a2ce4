//! Cancel safety: dropped calls lose and truncate no frame.

use std::pin::pin;
use std::time::Duration;

use ticklot_transport::{Error, Incoming};
use tokio::time::{interval, sleep, timeout};

use crate::support::*;

/// Fragments with a ping between them, and a long text, to be interrupted at each byte.
fn traffic() -> Vec<u8> {
    let long = "x".repeat(130);
    [
        frame(FIN | TEXT, "one"),
        frame(TEXT, "tw"),
        frame(FIN | PING, "p"),
        frame(FIN, "o"),
        frame(FIN | BINARY, long),
        frame(FIN | TEXT, "end"),
    ]
    .concat()
}

fn expected() -> Vec<Vec<u8>> {
    let long = vec![b'x'; 130];
    vec![b"one".to_vec(), b"two".to_vec(), long, b"end".to_vec()]
}

/// Sends single bytes, each in its own packet.
async fn trickle(mut peer: Peer) -> Peer {
    for byte in traffic() {
        peer.send(&[byte]).await;
        sleep(Duration::from_micros(300)).await;
    }
    peer
}

#[tokio::test]
async fn pinned_read_survives_timers() {
    let (connection, peer) = pair(&config()).await;
    let peer = tokio::spawn(trickle(peer));
    let (mut reader, mut writer) = connection.split();
    let mut timer = interval(Duration::from_millis(1));
    let (mut messages, mut ticks) = (Vec::new(), 0);
    while messages.len() < expected().len() {
        let mut read = pin!(reader.read());
        let incoming = loop {
            tokio::select! {
                incoming = &mut read => break incoming.unwrap(),
                _ = timer.tick() => {
                    ticks += 1;
                    writer.text(b"tick").await.unwrap();
                }
            }
        };
        match incoming {
            Incoming::Message(message) => messages.push(message.payload.to_vec()),
            Incoming::Ping(payload) => writer.pong(payload).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(messages, expected());
    assert!(ticks > 10, "{ticks} ticks");
    let mut peer = peer.await.unwrap();
    let mut pongs = 0;
    for _ in 0..=ticks {
        let received = peer.receive().await;
        pongs += u32::from(received.first == FIN | PONG);
    }
    assert_eq!(pongs, 1);
}

#[tokio::test]
async fn dropped_read_resumes_mid_frame() {
    let (mut connection, peer) = pair(&config()).await;
    let peer = tokio::spawn(trickle(peer));
    let (mut messages, mut dropped) = (Vec::new(), 0);
    while messages.len() < expected().len() {
        match timeout(Duration::ZERO, connection.read()).await {
            Ok(result) => messages.push(result.unwrap().unwrap().payload.to_vec()),
            Err(_) => dropped += 1,
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(messages, expected());
    assert!(dropped > 100, "{dropped} dropped");
    let pong = peer.await.unwrap().receive().await;
    assert_eq!((pong.first, &*pong.payload), (FIN | PONG, &b"p"[..]));
}

#[tokio::test]
async fn dropped_write_is_finished_next() {
    let (mut connection, mut peer) = pair(&config()).await;
    let big = vec![7; 16 << 20];
    let dropped = timeout(Duration::from_millis(50), connection.binary(&big)).await;
    assert!(dropped.is_err(), "the kernel took all of it");
    let serve = async {
        assert!(peer.receive().await.payload == big);
        assert_eq!(peer.receive().await.payload, b"next");
    };
    let (result, ()) = tokio::join!(connection.text(b"next"), serve);
    result.unwrap();
}

#[tokio::test]
async fn close_after_dropped_read() {
    let (mut connection, mut peer) = pair(&config()).await;
    let bytes = frame(FIN | TEXT, "never read");
    peer.send(&bytes[..5]).await;
    let read = timeout(Duration::from_millis(20), connection.read()).await;
    assert!(read.is_err());
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        peer.send(&bytes[5..]).await;
        peer.send(&close_frame(1000, "")).await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    result.unwrap();
    assert!(matches!(connection.text(b"x").await, Err(Error::Closed)));
}

#[tokio::test]
async fn dropped_close_can_be_repeated() {
    let (mut connection, mut peer) = pair(&config()).await;
    let first = timeout(Duration::from_millis(20), connection.close(1000, "")).await;
    assert!(first.is_err());
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        peer.send(&close_frame(1000, "")).await;
        // The close frame is sent once; then the stream ends.
        tokio::io::AsyncWriteExt::shutdown(&mut peer.tcp)
            .await
            .unwrap();
        peer.expect_end().await;
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    result.unwrap();
}
