//! The message limit and the write timeout.

use std::time::Duration;

use ticklot_transport::{Config, Error, Phase};

use super::support::*;

fn limited(bytes: usize) -> Config {
    let mut config = config();
    config.max_message_size = bytes;
    config
}

async fn too_large(limit: usize, bytes: Vec<u8>) {
    let (mut connection, mut peer) = pair(&limited(limit)).await;
    peer.send(&bytes).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(1009));
        peer.expect_end().await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.read(), serve);
    assert!(
        matches!(result, Err(Error::TooLarge { limit: l }) if l == limit),
        "{result:?}"
    );
}

#[tokio::test]
async fn message_at_limit_is_accepted() {
    for limit in [1, 10, 125, 126, 1000] {
        let (mut connection, mut peer) = pair(&limited(limit)).await;
        peer.send(&frame(FIN | BINARY, vec![1; limit])).await;
        assert_eq!(next(&mut connection).await.len(), limit);
        peer.send(&frame(BINARY, vec![1; limit - 1])).await;
        peer.send(&frame(FIN, [1])).await;
        assert_eq!(next(&mut connection).await.len(), limit);
    }
}

#[tokio::test]
async fn message_over_limit_is_refused() {
    for limit in [0, 1, 10, 125, 126, 1000] {
        too_large(limit, frame(FIN | BINARY, vec![1; limit + 1])).await;
    }
}

#[tokio::test]
async fn oversized_header_reserves_no_memory() {
    for claim in [4 << 20 | 1, 1 << 40, 1 << 62, u64::MAX] {
        too_large(4 << 20, head(FIN | BINARY, claim)).await;
    }
}

#[tokio::test]
async fn fragments_count_together() {
    let bytes = [frame(BINARY, [1; 6]), frame(0, [1; 4]), frame(0, [1; 1])];
    too_large(10, bytes.concat()).await;
}

#[tokio::test]
async fn continuation_shares_message_limit() {
    // Without a payload: the header alone must cause the refusal.
    let bytes = [frame(BINARY, [1; 900]), head(FIN, 200)];
    too_large(1000, bytes.concat()).await;
}

#[tokio::test]
async fn control_frames_ignore_message_limit() {
    let (mut connection, mut peer) = pair(&limited(10)).await;
    for bytes in [
        frame(TEXT, "0123456789"),
        frame(FIN | PONG, [b'x'; 125]),
        frame(FIN, ""),
    ] {
        peer.send(&bytes).await;
    }
    assert_eq!(next(&mut connection).await, b"0123456789");
}

#[tokio::test]
async fn default_limit_is_two_mebibytes() {
    assert_eq!(Config::default().max_message_size, 2 << 20);
    let (mut connection, mut peer) = pair(&config()).await;
    let bytes = frame(FIN | BINARY, vec![7; 2 << 20]);
    let (payload, ()) = tokio::join!(next(&mut connection), peer.send(&bytes));
    assert_eq!(payload.len(), 2 << 20);
}

#[tokio::test]
async fn untaken_write_times_out() {
    let mut config = config();
    config.write_timeout = Duration::from_millis(40);
    let (mut connection, _peer) = pair(&config).await;
    let result = connection.binary(&vec![0; 16 << 20]).await;
    assert!(
        matches!(result, Err(Error::Timeout { step: Phase::Write })),
        "{result:?}"
    );
    assert!(matches!(connection.text(b"x").await, Err(Error::Closed)));
}

#[tokio::test]
async fn timeouts_beyond_clock_are_unlimited() {
    let mut config = Config::default();
    config.connect_timeout = Duration::MAX;
    config.upgrade_timeout = Duration::MAX;
    config.write_timeout = Duration::MAX;
    config.close_timeout = Duration::MAX;
    let (mut connection, mut peer) = pair(&config).await;
    let serve = async {
        peer.receive_close().await;
        peer.send(&close_frame(1000, "")).await;
        drop(peer);
    };
    let (result, ()) = tokio::join!(connection.close(1000, ""), serve);
    result.unwrap();
}
