//! Single messages, pings and masks.

use ticklot_transport::{Error, Kind};

use super::support::*;

#[tokio::test]
async fn messages_are_mutable_in_place() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | TEXT, "abc")).await;
    peer.send(&frame(FIN | TEXT, "def")).await;
    let message = connection.read().await.unwrap().unwrap();
    assert_eq!(message.kind, Kind::Text);
    message.payload.fill(b'x');
    assert_eq!(next(&mut connection).await, b"def");
}

#[tokio::test]
async fn every_length_encoding_round_trips() {
    let (mut connection, mut peer) = pair(&config()).await;
    for len in [0, 1, 125, 126, 127, 65535, 65536, 200_000] {
        let payload = vec![b'x'; len];
        let bytes = frame(FIN | TEXT, &payload);
        let (got, ()) = tokio::join!(next(&mut connection), peer.send(&bytes));
        assert_eq!(got, payload);
        let (sent, got) = tokio::join!(connection.binary(&payload), peer.receive());
        sent.unwrap();
        assert_eq!((got.first, got.payload), (FIN | BINARY, payload));
    }
}

#[tokio::test]
async fn every_frame_has_new_mask() {
    let (mut connection, mut peer) = pair(&config()).await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        connection.text(b"\0\0\0\0").await.unwrap();
        let mut raw = [0; 10];
        tokio::io::AsyncReadExt::read_exact(&mut peer.tcp, &mut raw)
            .await
            .unwrap();
        assert_eq!(raw[..2], [FIN | TEXT, 0x84]);
        assert_eq!(raw[2..6], raw[6..]);
        keys.push(raw[2..6].to_vec());
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn empty_message_round_trips() {
    let (mut connection, mut peer) = pair(&config()).await;
    connection.text(b"").await.unwrap();
    let received = peer.receive().await;
    assert!(received.masked && received.payload.is_empty());
    peer.send(&frame(FIN | TEXT, "")).await;
    assert_eq!(next(&mut connection).await, b"");
}

#[tokio::test]
async fn pong_carries_ping_payload() {
    let (mut connection, mut peer) = pair(&config()).await;
    for payload in [&b""[..], b"abc", &[7; 125]] {
        peer.send(&frame(FIN | PING, payload)).await;
        peer.send(&frame(FIN | TEXT, "m")).await;
        assert_eq!(next(&mut connection).await, b"m");
        let pong = peer.receive().await;
        assert_eq!((pong.first, &*pong.payload), (FIN | PONG, payload));
        assert!(pong.masked);
    }
}

#[tokio::test]
async fn ping_is_answered_without_message() {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&frame(FIN | PING, "x")).await;
    tokio::select! {
        result = connection.read() => panic!("{result:?}"),
        pong = peer.receive() => assert_eq!(pong.first, FIN | PONG),
    }
}

#[tokio::test]
async fn unsendable_message_is_refused() {
    let (mut connection, mut peer) = pair(&config()).await;
    for result in [
        connection.text(&[0xFF]).await,
        connection.ping(&[0; 126]).await,
        connection.close(1006, "").await,
    ] {
        assert!(matches!(result, Err(Error::Argument(_))), "{result:?}");
    }
    connection.text(b"fine").await.unwrap();
    assert_eq!(peer.receive().await.payload, b"fine");
}
