//! The two halves of a connection.

use ticklot_transport::{Connection, Error, Incoming};
use tokio::io::AsyncWriteExt;

use crate::support::*;

#[tokio::test]
async fn reader_never_writes() {
    let (connection, mut peer) = pair(&config()).await;
    let (mut reader, mut writer) = connection.split();
    peer.send(&frame(FIN | PING, "a")).await;
    peer.send(&frame(FIN | PONG, "b")).await;
    peer.send(&close_frame(1001, "bye")).await;
    assert_eq!(reader.read().await.unwrap(), Incoming::Ping(b"a"));
    assert_eq!(reader.read().await.unwrap(), Incoming::Pong(b"b"));
    let close = Incoming::Close {
        code: 1001,
        reason: "bye",
    };
    assert_eq!(reader.read().await.unwrap(), close);
    assert!(matches!(reader.read().await, Err(Error::Closed)));
    writer.text(b"still open").await.unwrap();
    assert_eq!(peer.receive().await.payload, b"still open");
}

#[tokio::test]
async fn foreign_halves_do_not_join() {
    let config = config();
    let (a, _peer_a) = pair(&config).await;
    let (b, _peer_b) = pair(&config).await;
    let (reader, _) = a.split();
    let (_, writer) = b.split();
    let joined = Connection::join(reader, writer, &config);
    assert!(matches!(joined, Err(Error::Argument(_))));
}

#[tokio::test]
async fn every_future_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let config = config();
    drop(is_send(connect("ws://a", &config)));
    let (mut connection, _peer) = pair(&config).await;
    drop(is_send(connection.read()));
    drop(is_send(connection.close(1000, "")));
    let (mut reader, mut writer) = is_send(connection).split();
    drop(is_send(reader.read()));
    drop(is_send(writer.text(b"x")));
}

#[tokio::test]
async fn nothing_is_sent_after_close() {
    let (connection, mut peer) = pair(&config()).await;
    let (reader, mut writer) = connection.split();
    writer.close(1001, "").await.unwrap();
    writer.close(1000, "").await.unwrap();
    assert!(matches!(writer.text(b"x").await, Err(Error::Closed)));
    assert!(matches!(writer.ping(b"x").await, Err(Error::Closed)));
    assert_eq!(peer.receive_close().await, Some(1001));
    // The joined halves do not send a second close frame.
    let mut connection = Connection::join(reader, writer, &config()).unwrap();
    peer.send(&close_frame(1001, "")).await;
    peer.tcp.shutdown().await.unwrap();
    let (result, ()) = tokio::join!(connection.close(1000, ""), peer.expect_end());
    result.unwrap();
}

#[tokio::test]
async fn writer_can_hang_up_alone() {
    let (connection, mut peer) = pair(&config()).await;
    let (_reader, mut writer) = connection.split();
    writer.shutdown().await.unwrap();
    peer.expect_end().await;
    assert!(matches!(writer.text(b"x").await, Err(Error::Closed)));
}
