//! Fragmented messages.

use ticklot_transport::Kind;

use super::support::*;

#[tokio::test]
async fn fragments_form_one_message() {
    let (mut connection, mut peer) = pair(&config()).await;
    for bytes in [
        frame(BINARY, "a"),
        frame(0, ""),
        frame(0, "bc"),
        frame(FIN, ""),
    ] {
        peer.send(&bytes).await;
    }
    let message = connection.read().await.unwrap().unwrap();
    assert_eq!(
        (message.kind, &*message.payload),
        (Kind::Binary, &b"abc"[..])
    );
}

#[tokio::test]
async fn fragments_may_split_code_points() {
    let (mut connection, mut peer) = pair(&config()).await;
    let euro = "€".as_bytes();
    for bytes in [
        frame(TEXT, &euro[..1]),
        frame(0, &euro[1..2]),
        frame(FIN, &euro[2..]),
    ] {
        peer.send(&bytes).await;
    }
    let message = connection.read().await.unwrap().unwrap();
    assert_eq!((message.kind, &*message.payload), (Kind::Text, euro));
}

#[tokio::test]
async fn control_frames_between_fragments() {
    let (mut connection, mut peer) = pair(&config()).await;
    for bytes in [
        frame(TEXT, "a"),
        frame(FIN | PING, "p"),
        frame(FIN | PONG, "q"),
        frame(FIN, "b"),
    ] {
        peer.send(&bytes).await;
    }
    assert_eq!(next(&mut connection).await, b"ab");
    let pong = peer.receive().await;
    assert_eq!((pong.first, &*pong.payload), (FIN | PONG, &b"p"[..]));
}

#[tokio::test]
async fn fragments_leave_no_residue() {
    let (mut connection, mut peer) = pair(&config()).await;
    for text in ["first", "2nd"] {
        peer.send(&frame(TEXT, text)).await;
        peer.send(&frame(FIN, "!")).await;
        let want = format!("{text}!").into_bytes();
        assert_eq!(next(&mut connection).await, want);
        peer.send(&frame(FIN | TEXT, "whole")).await;
        assert_eq!(next(&mut connection).await, b"whole");
    }
}
