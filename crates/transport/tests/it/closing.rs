//! The close handshake, and the end of the TCP connection.

use std::time::{Duration, Instant};

use ticklot_transport::{Error, Phase, close};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::support::*;

#[tokio::test]
async fn server_hangs_up_after_close() {
    let (mut connection, mut peer) = pair(&config()).await;
    let serve = async {
        let received = peer.receive().await;
        assert_eq!(received.first, FIN | CLOSE);
        assert!(received.masked);
        assert_eq!(received.payload, b"\x03\xE8done");
        peer.send(&close_frame(1000, "")).await;
        let early = timeout(Duration::from_millis(30), peer.tcp.read_u8()).await;
        assert!(early.is_err(), "the client closed first");
        peer.tcp.shutdown().await.unwrap();
        peer.expect_end().await;
    };
    let (result, ()) = tokio::join!(connection.close(close::NORMAL, "done"), serve);
    result.unwrap();
    assert!(connection.read().await.unwrap().is_none());
    connection.close(close::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn messages_after_close_are_dropped() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | TEXT, "late")).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        peer.send(&frame(FIN | PING, "late")).await;
        peer.send(&frame(FIN | TEXT, "later")).await;
        peer.send(&close_frame(1000, "")).await;
        peer.tcp.shutdown().await.unwrap();
        peer.expect_end().await;
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    result.unwrap();
}

#[tokio::test]
async fn unanswered_close_times_out() {
    let mut config = config();
    config.close_timeout = Duration::from_millis(50);
    let (mut connection, mut peer) = pair(&config).await;
    let start = Instant::now();
    let result = connection.close(1000, "").await;
    assert!(
        matches!(result, Err(Error::Timeout { step: Phase::Close })),
        "{result:?}"
    );
    assert!(start.elapsed() < Duration::from_millis(400));
    assert_eq!(peer.receive_close().await, Some(1000));
    peer.expect_end().await;
}

#[tokio::test]
async fn hang_up_without_close_reply() {
    let (mut connection, mut peer) = pair(&config()).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    assert!(matches!(result, Err(Error::Dropped)), "{result:?}");
}

#[tokio::test]
async fn peer_close_code_is_echoed() {
    for code in [1000, 1001, 1011, 3000, 4999] {
        let (mut connection, mut peer) = pair(&config()).await;
        peer.send(&close_frame(code, "bye")).await;
        let serve = async {
            assert_eq!(peer.receive_close().await, Some(code));
            let early = timeout(Duration::from_millis(20), peer.tcp.read_u8()).await;
            assert!(early.is_err(), "the client closed first");
            peer.tcp.shutdown().await.unwrap();
            peer.expect_end().await;
        };
        let (result, ()) = tokio::join!(connection.read(), serve);
        assert!(result.unwrap().is_none());
        assert!(connection.read().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn codeless_close_is_echoed() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | CLOSE, "")).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, None);
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.read(), serve);
    assert!(result.unwrap().is_none());
}

#[tokio::test]
async fn lingering_server_times_out() {
    let mut config = config();
    config.close_timeout = Duration::from_millis(50);
    let (mut connection, mut peer) = pair(&config).await;
    peer.send(&close_frame(1000, "")).await;
    assert!(connection.read().await.unwrap().is_none());
    assert_eq!(peer.receive_close().await, Some(1000));
    peer.expect_end().await;
}

#[tokio::test]
async fn drop_is_no_clean_close() {
    let (mut connection, peer) = pair(&config()).await;
    drop(peer);
    let error = connection.read().await.unwrap_err();
    assert!(matches!(error, Error::Dropped), "{error:?}");
    assert_eq!(error.close_code(), None);
    assert!(matches!(connection.read().await, Err(Error::Closed)));
}

#[tokio::test]
async fn drop_in_mid_frame() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | TEXT, "half")[..3]).await;
    drop(peer);
    assert!(matches!(connection.read().await, Err(Error::Dropped)));
}

#[tokio::test]
async fn violation_needs_no_hang_up() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | 0x3, "")).await;
    let start = Instant::now();
    assert!(matches!(
        connection.read().await,
        Err(Error::Protocol { .. })
    ));
    assert!(start.elapsed() < Duration::from_millis(450));
    assert_eq!(peer.receive_close().await, Some(1002));
}

#[tokio::test]
async fn sending_violator_is_not_reset() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | 0x3, "")).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1002));
        peer.expect_end().await;
        // A socket that is closed immediately would reset the connection, and a later send would fail.
        for _ in 0..4 {
            peer.send(&frame(FIN | TEXT, "late")).await;
            sleep(Duration::from_millis(5)).await;
        }
        drop(peer);
    };
    let read = async {
        assert!(connection.read().await.is_err());
        drop(connection);
    };
    tokio::join!(read, serve);
}
