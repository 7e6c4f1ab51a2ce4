//! The server's side of a connection.

use ticklot_transport::{Connection, Error};
use tokio::net::TcpStream;

use crate::support::*;

/// A server's connection, and a client that sends exact bytes. `early` was read with the upgrade.
async fn served(early: Vec<u8>) -> (Connection, Peer) {
    let (listener, _) = listen().await;
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (server, _) = server.unwrap();
    let connection = Connection::accept(server, early.into(), &config());
    let peer = Peer {
        tcp: client.unwrap(),
    };
    (connection, peer)
}

#[tokio::test]
async fn server_unmasks_and_never_masks() {
    let (mut connection, mut peer) = served(masked(FIN | TEXT, "early")).await;
    assert_eq!(next(&mut connection).await, b"early");
    peer.send(&masked(TEXT, "fragm")).await;
    peer.send(&masked(FIN, "ents")).await;
    assert_eq!(next(&mut connection).await, b"fragments");
    connection.text(b"answer").await.unwrap();
    let received = peer.receive().await;
    assert!(!received.masked);
    assert_eq!(received.payload, b"answer");
}

#[tokio::test]
async fn an_unmasked_frame_is_refused() {
    for bytes in [
        frame(FIN | TEXT, "x"),
        frame(FIN | PING, ""),
        close_frame(1000, ""),
    ] {
        let (mut connection, mut peer) = served(Vec::new()).await;
        peer.send(&bytes).await;
        let serve = async {
            assert_eq!(peer.receive_close().await, Some(1002));
            drop(peer);
        };
        let (result, ()) = tokio::join!(connection.read(), serve);
        assert!(matches!(result, Err(Error::Protocol { code: 1002, .. })));
    }
}

#[tokio::test]
async fn server_hangs_up_first() {
    let (mut connection, mut peer) = served(Vec::new()).await;
    peer.send(&masked(FIN | CLOSE, [3, 0xE8])).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1000));
        peer.expect_end().await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.read(), serve);
    assert!(result.unwrap().is_none());
}

#[tokio::test]
async fn both_ends_close_cleanly() {
    let (listener, url) = listen().await;
    let serve = async {
        let peer = Peer::upgraded(&listener, b"").await;
        Connection::accept(peer.tcp, bytes::Bytes::new(), &config())
    };
    let config = config();
    let (client, mut server) = tokio::join!(connect(&url, &config), serve);
    let mut client = client.unwrap();
    client.text(b"hello").await.unwrap();
    assert_eq!(next(&mut server).await, b"hello");
    let (closed, end) = tokio::join!(client.close(1000, "bye"), server.read());
    closed.unwrap();
    assert!(end.unwrap().is_none());
}
