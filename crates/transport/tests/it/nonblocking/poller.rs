//! Several connections with one poller.

use ticklot_transport::{Config, Incoming, NonblockingConnection, Poller, connect_nonblocking};
use tokio::task::yield_now;

use super::support::{FIN, PING, PONG, Peer, TEXT, config, frame, listen, open, soon};

async fn open_pair(ride: &[u8]) -> (NonblockingConnection, Peer) {
    let (listener, url) = listen().await;
    let config = config();
    tokio::join!(open(&url, &config), Peer::upgraded(&listener, ride))
}

/// Polls until keys are reported.
async fn reported(poller: &mut Poller) -> Vec<usize> {
    loop {
        let mut keys: Vec<usize> = poller.poll().unwrap().collect();
        if !keys.is_empty() {
            keys.sort_unstable();
            return keys;
        }
        yield_now().await;
    }
}

fn texts(connection: &mut NonblockingConnection) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(incoming) = connection.try_read().unwrap() {
        if let Incoming::Message(message) = incoming {
            texts.push(String::from_utf8(message.payload.to_vec()).unwrap());
        }
    }
    assert!(connection.is_idle());
    texts
}

#[tokio::test]
async fn readable_connections_are_reported_once() {
    let mut poller = Poller::with_capacity(8).unwrap();
    let mut pairs = Vec::new();
    for key in 0..3 {
        let (mut connection, peer) = open_pair(b"").await;
        assert!(poller.add(&mut connection, key).unwrap());
        pairs.push((connection, peer));
    }
    for (connection, _) in &mut pairs {
        assert!(texts(connection).is_empty());
    }
    // A writable socket is not reported.
    poller.poll().unwrap().for_each(drop);
    assert_eq!(poller.poll().unwrap().count(), 0);
    for round in 0..3 {
        let text = format!("round {round}");
        pairs[1].1.send(&frame(FIN | TEXT, &text)).await;
        assert_eq!(soon(reported(&mut poller)).await, [1]);
        assert_eq!(texts(&mut pairs[1].0), [text]);
        assert_eq!(poller.poll().unwrap().count(), 0);
    }
    // A dropped connection is not reported, but the end of a peer is.
    drop(pairs.remove(0));
    let (_connection, peer) = pairs.pop().unwrap();
    drop(peer);
    assert_eq!(soon(reported(&mut poller)).await, [2]);
}

#[tokio::test]
async fn upgrade_frames_need_no_event() {
    let (mut connection, _peer) = open_pair(&frame(FIN | TEXT, "early")).await;
    assert_eq!(texts(&mut connection), ["early"]);
}

#[tokio::test]
async fn pong_carries_ping_payload() {
    let (mut connection, mut peer) = open_pair(b"").await;
    peer.send(&frame(FIN | PING, "marco")).await;
    let ping = async {
        loop {
            if let Some(incoming) = connection.try_read().unwrap() {
                assert_eq!(incoming, Incoming::Ping(b"marco"));
                return connection.pong().unwrap();
            }
            yield_now().await;
        }
    };
    let (pong, ()) = tokio::join!(peer.receive(), ping);
    assert_eq!((pong.first, &*pong.payload), (FIN | PONG, &b"marco"[..]));
}

#[tokio::test]
async fn unpollable_stream_is_read() {
    let (listener, url) = listen().await;
    let address = listener.local_addr().unwrap();
    // The stream of a dial function may have any type. It stays with its runtime.
    let config = Config::default().with_dial(move |_, _| async move {
        let tcp = tokio::net::TcpStream::connect(address).await?;
        Ok(ticklot_transport::Stream::new(tcp))
    });
    let serve = async {
        let mut peer = Peer::upgraded(&listener, b"").await;
        peer.send(&frame(FIN | TEXT, "hello")).await;
        peer
    };
    let (connection, _peer) = tokio::join!(connect_nonblocking(&url, &config), serve);
    let mut connection = connection.unwrap();
    let poller = Poller::with_capacity(8).unwrap();
    assert!(!poller.add(&mut connection, 0).unwrap());
    let read = async {
        loop {
            let texts = texts(&mut connection);
            if !texts.is_empty() {
                return texts;
            }
            yield_now().await;
        }
    };
    assert_eq!(soon(read).await, ["hello"]);
}
