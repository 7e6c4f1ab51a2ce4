use std::time::{Duration, Instant};

use ticklot_transport::{Error, Step, close};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::support::*;

#[tokio::test]
async fn our_close_is_answered_and_the_server_hangs_up_first() {
    let (mut connection, mut peer) = pair(&config()).await;
    let serve = async {
        let received = peer.receive().await;
        assert_eq!(received.first, FIN | CLOSE);
        assert!(received.masked);
        assert_eq!(received.payload, b"\x03\xE8done");
        peer.send(&close_frame(1000, "")).await;
        let early = timeout(Duration::from_millis(30), peer.tcp.read_u8()).await;
        assert!(early.is_err(), "the client hung up first");
        peer.tcp.shutdown().await.unwrap();
        peer.expect_end().await;
    };
    let (result, ()) = tokio::join!(connection.close(close::NORMAL, "done"), serve);
    result.unwrap();
    assert!(connection.read().await.unwrap().is_none());
    connection.close(close::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn what_still_comes_after_our_close_is_thrown_away() {
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
async fn a_peer_that_does_not_answer_the_close_is_given_up() {
    let mut config = config();
    config.close_timeout = Duration::from_millis(50);
    let (mut connection, mut peer) = pair(&config).await;
    let start = Instant::now();
    let result = connection.close(1000, "").await;
    assert!(
        matches!(result, Err(Error::Timeout { step: Step::Close })),
        "{result:?}"
    );
    assert!(start.elapsed() < Duration::from_millis(400));
    assert_eq!(peer.receive_close().await, Some(1000));
    peer.expect_end().await;
}

#[tokio::test]
async fn a_peer_that_hangs_up_instead_of_answering_is_told_apart() {
    let (mut connection, mut peer) = pair(&config()).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    assert!(matches!(result, Err(Error::Dropped)), "{result:?}");
}

#[tokio::test]
async fn the_peers_code_is_echoed_and_the_server_hangs_up_first() {
    for code in [1000, 1001, 1011, 3000, 4999] {
        let (mut connection, mut peer) = pair(&config()).await;
        peer.send(&close_frame(code, "bye")).await;
        let serve = async {
            assert_eq!(peer.receive_close().await, Some(code));
            let early = timeout(Duration::from_millis(20), peer.tcp.read_u8()).await;
            assert!(early.is_err(), "the client hung up first");
            peer.tcp.shutdown().await.unwrap();
            peer.expect_end().await;
        };
        let (result, ()) = tokio::join!(connection.read(), serve);
        assert!(result.unwrap().is_none());
        assert!(connection.read().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_echoed_without_a_code() {
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
async fn a_server_that_never_hangs_up_after_its_close_is_given_up() {
    let mut config = config();
    config.close_timeout = Duration::from_millis(50);
    let (mut connection, mut peer) = pair(&config).await;
    peer.send(&close_frame(1000, "")).await;
    assert!(connection.read().await.unwrap().is_none());
    assert_eq!(peer.receive_close().await, Some(1000));
    peer.expect_end().await;
}

#[tokio::test]
async fn a_drop_without_a_close_frame_is_not_a_clean_close() {
    let (mut connection, peer) = pair(&config()).await;
    drop(peer);
    let error = connection.read().await.unwrap_err();
    assert!(matches!(error, Error::Dropped), "{error:?}");
    assert_eq!(error.close_code(), None);
    assert!(matches!(connection.read().await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_drop_in_the_middle_of_a_frame_is_a_drop() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | TEXT, "half")[..3]).await;
    drop(peer);
    assert!(matches!(connection.read().await, Err(Error::Dropped)));
}

#[tokio::test]
async fn a_violation_is_reported_though_the_peer_never_hangs_up() {
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
async fn a_peer_that_still_sends_after_a_violation_is_not_reset() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | 0x3, "")).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1002));
        peer.expect_end().await;
        // A socket closed at once would answer the first with a reset, and the last would fail.
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
