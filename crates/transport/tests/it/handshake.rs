//! The HTTP upgrade: requests, and accepted and refused responses.

use std::time::Duration;

use ticklot_transport::{Config, Error, connect};

use crate::support::*;

async fn refused_with(answer: &str) -> (u16, Option<Duration>) {
    match connect_to(&config(), |_| answer.to_owned()).await {
        Err(Error::Refused {
            status,
            retry_after,
            ..
        }) => (status, retry_after),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn frame_in_upgrade_packet_survives() {
    let mut ride = frame(FIN | TEXT, "first");
    ride.extend(&frame(FIN | TEXT, "second")[..4]);
    let (mut connection, mut peer) = pair_with(&config(), &ride).await;
    assert_eq!(next(&mut connection).await, b"first");
    peer.send(&frame(FIN | TEXT, "second")[4..]).await;
    assert_eq!(next(&mut connection).await, b"second");
}

#[tokio::test]
async fn request_line_and_host_header() {
    let (listener, url) = listen().await;
    let host = url.trim_start_matches("ws://").trim_end_matches('/');
    let url = format!("ws://{host}/a/b?k=v&l=%20");
    let config = config().with_header("X-Api-Key", "hush").unwrap();
    let serve = async { Peer::accept(&listener).await.read_head().await };
    let (_, head) = tokio::join!(connect(&url, &config), serve);
    let first_line = "GET /a/b?k=v&l=%20 HTTP/1.1\r\n";
    assert!(head.starts_with(first_line), "{head}");
    assert_eq!(header(&head, "host"), Some(host));
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(header(&head, "connection"), Some("Upgrade"));
    assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
    assert_eq!(header(&head, "x-api-key"), Some("hush"));
    assert_eq!(header(&head, "content-length"), None);
}

#[tokio::test]
async fn compression_is_never_offered() {
    let (head, _) = request_head(&config(), "").await;
    assert_eq!(header(&head, "sec-websocket-extensions"), None);
}

#[tokio::test]
async fn keys_are_random() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (head, _) = request_head(&config(), "").await;
        keys.push(header(&head, "sec-websocket-key").unwrap().to_owned());
    }
    assert_eq!(keys[0].len(), 24);
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn keep_alive_upgrade_is_accepted() {
    for lines in [
        "Connection: keep-alive, Upgrade\r\n",
        "connection: UPGRADE\r\n",
        "Connection: keep-alive\r\nConnection: upgrade\r\n",
    ] {
        let accepted = connect_to(&config(), |head| switching(head, lines)).await;
        accepted.unwrap_or_else(|error| panic!("{lines}: {error}"));
    }
}

#[tokio::test]
async fn invalid_upgrade_is_refused() {
    const RIGHT: &str = "Connection: Upgrade\r\n";
    let with = |line: &str| format!("{RIGHT}{line}\r\n");
    // The header lines, a replacement in the response, and a part of the error.
    for (lines, (from, to), named) in [
        (
            "Connection: keep-alive\r\n".to_owned(),
            ("", ""),
            "Connection",
        ),
        (RIGHT.to_owned(), ("websocket", "h2c"), "websocket"),
        (RIGHT.to_owned(), ("Accept: ", "Accept: x"), "Accept"),
        (RIGHT.to_owned(), ("Accept", "Other"), "Accept"),
        (with("Sec-WebSocket-Accept: x"), ("", ""), "Accept"),
        (
            with("Sec-WebSocket-Extensions: permessage-deflate"),
            ("", ""),
            "extension",
        ),
        (
            with("Sec-WebSocket-Protocol: chat"),
            ("", ""),
            "subprotocol",
        ),
    ] {
        let answer = |head: &str| match from {
            "" => switching(head, &lines),
            from => switching(head, &lines).replace(from, to),
        };
        match connect_to(&config(), answer).await {
            Err(Error::Handshake(reason)) => {
                assert!(reason.contains(named), "{reason}: {lines}{to}");
            }
            other => panic!("{other:?}: {lines}{to}"),
        }
    }
}

#[tokio::test]
async fn requested_subprotocol_is_accepted() {
    let asking = |list| {
        config()
            .with_header("Sec-WebSocket-Protocol", list)
            .unwrap()
    };
    let lines = "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n";
    let answer = |head: &str| switching(head, lines);
    connect_to(&asking("book, chat"), answer).await.unwrap();
    let other = connect_to(&asking("book"), answer).await;
    assert!(matches!(other, Err(Error::Handshake(_))), "{other:?}");
}

#[tokio::test]
async fn old_http_upgrade_is_refused() {
    let lines = "Connection: Upgrade\r\n";
    let result = connect_to(&config(), |head| {
        switching(head, lines).replace("HTTP/1.1", "HTTP/1.0")
    })
    .await;
    assert!(
        matches!(result, Err(Error::Handshake(_) | Error::Http(_))),
        "{result:?}"
    );
}

/// Regression test for a finding of the fuzz target `websocket`: with the second length, bytes after the body were an HTTP
/// error, and `Retry-After` was lost.
#[tokio::test]
async fn status_429_carries_retry_after() {
    for length in [4, 3] {
        let answer = format!(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: {length}\r\n\r\nslow"
        );
        let expected = (429, Some(Duration::from_secs(7)));
        assert_eq!(refused_with(&answer).await, expected, "{length}");
    }
}

#[tokio::test]
async fn retry_date_counts_from_response() {
    let answer = "HTTP/1.1 503 Busy\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\n\
         Retry-After: Wed, 21 Oct 2015 07:29:00 GMT\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        refused_with(answer).await,
        (503, Some(Duration::from_secs(60)))
    );
}

/// The error text of a refusal.
async fn refusal(answer: &str, path: &str) -> String {
    let (listener, url) = listen().await;
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        peer.read_head().await;
        peer.send(answer.as_bytes()).await;
        peer
    };
    let (config, full) = (config(), format!("{url}{path}"));
    let (result, _) = soon(async { tokio::join!(connect(&full, &config), serve) }).await;
    let text = result.unwrap_err().to_string();
    text.replace(&url, "ws://server/")
}

#[tokio::test]
async fn refusal_names_url_and_status() {
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\nno market\r\n\x1b[2Jhere";
    assert_eq!(
        refusal(not_found, "ws/v1?token=hush").await,
        "ws://server/ws/v1?token=... was refused with status 404 Not Found: no market [2Jhere"
    );
    // The available part of an endless body, and the start of a long one.
    let unfinished = "HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\npart";
    let oops = "ws://server/ was refused with status 500 Internal Server Error: part";
    assert_eq!(refusal(unfinished, "").await, oops);
    let chunked =
        "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n4\r\n not\r\n0\r\n\r\n";
    let why = "ws://server/ was refused with status 403 Forbidden: why not";
    assert_eq!(refusal(chunked, "").await, why);
    let body = "x".repeat(1 << 20);
    let long = format!(
        "HTTP/1.1 403 No\r\nContent-Length: 1048576\r\n\r\n{}",
        &body[..65536]
    );
    let text = refusal(&long, "").await;
    assert_eq!(text.matches('x').count(), 256, "{text}");
}

#[tokio::test]
async fn a_redirect_names_its_target() {
    let answer = "HTTP/1.1 301 Moved\r\nLocation: wss://new.example/v2?key=hush\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        refusal(answer, "v1").await,
        "ws://server/v1 was refused with status 301 Moved Permanently, a redirect to wss://new.example/v2?key=..."
    );
}

#[tokio::test]
async fn header_field_limit_is_500() {
    let fields = |count: usize| "X-Field: v\r\n".repeat(count - 3) + "Connection: Upgrade\r\n";
    let accepted = connect_to(&config(), |head| switching(head, &fields(512))).await;
    accepted.unwrap();
    let refused = connect_to(&config(), |head| switching(head, &fields(513))).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("64 KiB or 512 header fields"), "{text}");
}

#[tokio::test]
async fn user_agent_can_be_set() {
    let version = concat!("ticklot/", env!("CARGO_PKG_VERSION"));
    let own = config().with_header("user-agent", "mine/1").unwrap();
    for (config, agent) in [(config(), version), (own, "mine/1")] {
        let (head, _) = request_head(&config, "").await;
        assert_eq!(header(&head, "user-agent"), Some(agent));
        assert_eq!(head.to_lowercase().matches("user-agent").count(), 1);
    }
}

#[tokio::test]
async fn other_statuses_are_refusals() {
    for (answer, status) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
        (
            "HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n",
            301,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200),
    ] {
        assert_eq!(refused_with(answer).await, (status, None));
    }
}

#[tokio::test]
async fn response_without_http() {
    let result = connect_to(&config(), |_| "SSH-2.0-OpenSSH\r\n\r\n".to_owned()).await;
    assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
}

#[tokio::test]
async fn hang_up_before_response() {
    let (_, result) = request_head(&config(), "").await;
    assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
}

#[tokio::test]
async fn connect_error_hides_query() {
    let (listener, url) = listen().await;
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = connect(&format!("{url}?token=hush"), &Config::default())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    assert!(!format!("{error:?}{text}").contains("hush"), "{text}");
}

#[tokio::test]
async fn oversized_response_head_is_refused() {
    let with_head = |bytes: usize| async move {
        let answer = move |head: &str| {
            let filler = 50;
            let line = format!("X-Filler: {}\r\n", "x".repeat(bytes / filler - 12));
            let lines = format!("Connection: Upgrade\r\n{}", line.repeat(filler));
            switching(head, &lines)
        };
        connect_to(&config(), answer).await
    };
    with_head(60 << 10).await.unwrap();
    for bytes in [66 << 10, 100_000, 1 << 20] {
        let error = with_head(bytes).await.unwrap_err();
        assert!(
            matches!(error, Error::Handshake(_) | Error::Http(_)),
            "{error:?}"
        );
    }
}
