//! Protocol violations of a server, and the close code of each.

use ticklot_transport::Error;

use super::support::*;

/// The peer sends these bytes, and must receive a close frame with `code` and then the end of the connection.
async fn breaks(bytes: Vec<u8>, code: u16) -> Error {
    let (mut connection, mut peer) = pair(&config()).await;
    peer.send(&bytes).await;
    let serve = async {
        assert_eq!(peer.receive_close().await, Some(code));
        peer.expect_end().await;
        drop(peer);
    };
    let read = async {
        let error = connection.read().await.unwrap_err();
        assert_eq!(error.close_code(), Some(code), "{error}");
        assert!(matches!(connection.read().await, Err(Error::Closed)));
        error
    };
    tokio::join!(read, serve).0
}

#[tokio::test]
async fn masked_server_frame_is_refused() {
    // With this mask, the text is not UTF-8. The mask must be detected first.
    let error = breaks(masked(FIN | TEXT, "hello"), 1002).await;
    assert!(error.to_string().contains("masked"), "{error}");
}

#[tokio::test]
async fn a_reserved_bit() {
    for bit in [0x40, 0x20, 0x10] {
        breaks(frame(FIN | bit | TEXT, "x"), 1002).await;
    }
}

#[tokio::test]
async fn an_unknown_opcode() {
    for opcode in [0x3, 0x7, 0xB, 0xF] {
        breaks(frame(FIN | opcode, "x"), 1002).await;
    }
}

#[tokio::test]
async fn a_continuation_of_nothing() {
    breaks(frame(FIN | CONTINUATION, "x"), 1002).await;
    breaks(frame(CONTINUATION, "x"), 1002).await;
}

#[tokio::test]
async fn continuation_without_start_is_refused() {
    let (mut connection, mut peer) = pair(&config()).await;
    for bytes in [frame(TEXT, "a"), frame(FIN, "b"), frame(FIN, "c")] {
        peer.send(&bytes).await;
    }
    assert_eq!(next(&mut connection).await, b"ab");
    let (result, code) = tokio::join!(connection.read(), peer.receive_close());
    assert!(matches!(result, Err(Error::Protocol { .. })));
    assert_eq!(code, Some(1002));
}

#[tokio::test]
async fn interleaved_message_is_refused() {
    for first in [FIN | TEXT, TEXT, FIN | BINARY] {
        let bytes = [frame(TEXT, "a"), frame(first, "b")].concat();
        breaks(bytes, 1002).await;
    }
}

#[tokio::test]
async fn a_fragmented_control_frame() {
    for opcode in [PING, PONG, CLOSE] {
        breaks(frame(opcode, ""), 1002).await;
    }
}

#[tokio::test]
async fn long_control_frame_is_refused() {
    for opcode in [PING, PONG] {
        breaks(frame(FIN | opcode, [b'x'; 126]), 1002).await;
    }
    breaks(close_frame(1000, &"x".repeat(124)), 1002).await;
}

#[tokio::test]
async fn one_byte_close_is_refused() {
    breaks(frame(FIN | CLOSE, [3]), 1002).await;
}

#[tokio::test]
async fn a_forbidden_close_code() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        breaks(close_frame(code, ""), 1002).await;
    }
}

#[tokio::test]
async fn invalid_close_reason_is_refused() {
    breaks(frame(FIN | CLOSE, [3, 0xE8, 0xFF]), 1007).await;
}

#[tokio::test]
async fn invalid_text_is_refused() {
    breaks(frame(FIN | TEXT, [b'a', 0xC3, 0x28]), 1007).await;
}

#[tokio::test]
async fn truncated_code_point_is_refused() {
    let euro = "€".as_bytes();
    let bytes = [frame(TEXT, "price "), frame(FIN, &euro[..2])].concat();
    breaks(bytes, 1007).await;
}

#[tokio::test]
async fn invalid_fragment_is_refused() {
    let bytes = [
        frame(TEXT, "a"),
        frame(CONTINUATION, [0xFF]),
        frame(FIN, "b"),
    ];
    breaks(bytes.concat(), 1007).await;
}
