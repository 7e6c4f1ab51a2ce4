//! HTTP requests against a server that sends exact bytes, and the reuse of their connections.

use std::time::Duration;

use ticklot_transport::{Config, Error, HttpClient, Phase};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::{advance, pause, resume, timeout};

use crate::support::*;

/// Long enough for the loopback to deliver a connection or the end of one.
const BRIEF: Duration = Duration::from_millis(30);

/// A client, a server and the URL of the server.
async fn setup(config: Config) -> (HttpClient, TcpListener, String) {
    let (listener, url) = listen().await;
    let url = url.replace("ws://", "http://");
    (HttpClient::new(config), listener, url)
}

pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Receives a request and sends `response`.
async fn respond(peer: &mut Peer, response: &str) {
    peer.read_head().await;
    peer.send(response.as_bytes()).await;
}

/// Accepts a connection, receives a request and sends `response`.
async fn accept(listener: &TcpListener, response: &str) -> Peer {
    let mut peer = Peer::accept(listener).await;
    respond(&mut peer, response).await;
    peer
}

/// The result of a request whose response the server sends on a new connection.
async fn get_on_new(
    client: &HttpClient,
    listener: &TcpListener,
    url: &str,
    response: &str,
) -> (Result<Vec<u8>, Error>, Peer) {
    soon(async { tokio::join!(client.get(url), accept(listener, response)) }).await
}

/// One request and its response on a new connection.
async fn first_get(client: &HttpClient, listener: &TcpListener, url: &str) -> Peer {
    let (body, peer) = get_on_new(client, listener, url, &ok("1")).await;
    assert_eq!(body.unwrap(), b"1");
    peer
}

/// The next request, whose response the server sends on `peer`.
async fn get_over(client: &HttpClient, peer: &mut Peer, url: &str, response: &str) -> Vec<u8> {
    let (body, ()) = soon(async { tokio::join!(client.get(url), respond(peer, response)) }).await;
    body.unwrap()
}

/// The result of a request to a server that sends these bytes and closes.
async fn get_from(config: Config, response: &str) -> Result<Vec<u8>, Error> {
    let (client, listener, url) = setup(config).await;
    let serve = async { drop(accept(&listener, response).await) };
    soon(async { tokio::join!(client.get(&url), serve) })
        .await
        .0
}

async fn assert_no_connection(listener: &TcpListener) {
    assert!(timeout(BRIEF, listener.accept()).await.is_err());
}

fn limited(bytes: usize) -> Config {
    let mut config = config();
    config.max_message_size = bytes;
    config
}

#[tokio::test]
async fn the_request_is_exact() {
    let config = config().with_header("x-key", "secret").unwrap();
    let (client, listener, url) = setup(config).await;
    let url = format!("{url}books?market=1");
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        let head = peer.read_head().await;
        peer.send(ok("").as_bytes()).await;
        head
    };
    let (body, head) = soon(async { tokio::join!(client.get(&url), serve) }).await;
    assert_eq!(body.unwrap(), b"");
    let address = listener.local_addr().unwrap();
    let agent = concat!("user-agent: ticklot/", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "GET /books?market=1 HTTP/1.1\r\nhost: {address}\r\n{agent}\r\nx-key: secret\r\n\r\n"
    );
    assert_eq!(head, expected);
}

#[tokio::test]
async fn sequential_requests_share_a_connection() {
    let (client, listener, url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_eq!(get_over(&client, &mut peer, &url, chunked).await, b"abc");
    let big = "x".repeat(1 << 20);
    let body = get_over(&client.clone(), &mut peer, &url, &ok(&big)).await;
    assert!(body == big.as_bytes());
    assert_eq!(get_over(&client, &mut peer, &url, &ok("")).await, b"");
    assert_eq!(get_over(&client, &mut peer, &url, &ok("end")).await, b"end");
    assert_no_connection(&listener).await;
}

#[tokio::test]
async fn concurrent_requests_use_own_connections() {
    let (client, listener, url) = setup(config()).await;
    let serve = async {
        let mut peers = [Peer::accept(&listener).await, Peer::accept(&listener).await];
        for _ in 0..2 {
            // Both requests arrive before either response leaves.
            for peer in &mut peers {
                peer.read_head().await;
            }
            for peer in &mut peers {
                peer.send(ok("x").as_bytes()).await;
            }
        }
        peers
    };
    let requests = async {
        for _ in 0..2 {
            let bodies = tokio::join!(client.get(&url), client.get(&url));
            assert_eq!(
                (bodies.0.unwrap(), bodies.1.unwrap()),
                (b"x".to_vec(), b"x".to_vec())
            );
        }
    };
    soon(async { tokio::join!(requests, serve) }).await;
    assert_no_connection(&listener).await;
}

#[tokio::test]
async fn four_connections_stay_idle() {
    let (client, listener, url) = setup(config()).await;
    let serve = async {
        let mut peers = Vec::new();
        for _ in 0..6 {
            let mut peer = Peer::accept(&listener).await;
            peer.read_head().await;
            peers.push(peer);
        }
        for peer in &mut peers {
            peer.send(ok("").as_bytes()).await;
        }
        peers
    };
    let get = || client.get(&url);
    let requests = async { tokio::join!(get(), get(), get(), get(), get(), get()) };
    let (_, mut peers) = soon(async { tokio::join!(requests, serve) }).await;
    let mut open = 0;
    for peer in &mut peers {
        open += usize::from(timeout(BRIEF, peer.expect_end()).await.is_err());
    }
    assert_eq!(open, 4);
}

#[tokio::test]
async fn origins_have_their_own_connections() {
    let (client, listener, url) = setup(config()).await;
    let (_, other_listener, other_url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    let mut other = first_get(&client, &other_listener, &other_url).await;
    assert_eq!(get_over(&client, &mut peer, &url, &ok("a")).await, b"a");
    assert_eq!(
        get_over(&client, &mut other, &other_url, &ok("b")).await,
        b"b"
    );
}

#[tokio::test]
async fn an_idle_connection_expires() {
    let (client, listener, url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    pause();
    advance(Duration::from_secs(59)).await;
    resume();
    assert_eq!(get_over(&client, &mut peer, &url, &ok("2")).await, b"2");
    pause();
    advance(Duration::from_secs(60)).await;
    resume();
    first_get(&client, &listener, &url).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn closed_idle_connection_is_replaced() {
    let (client, listener, url) = setup(config()).await;
    let peer = first_get(&client, &listener, &url).await;
    drop(peer);
    // The runtime detects the end before the next request.
    tokio::time::sleep(BRIEF).await;
    first_get(&client, &listener, &url).await;
}

#[tokio::test]
async fn late_408_closes_idle_connection() {
    let (client, listener, url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    peer.send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
        .await;
    tokio::time::sleep(BRIEF).await;
    first_get(&client, &listener, &url).await;
}

#[tokio::test]
async fn unanswered_request_repeats_once() {
    let (client, listener, url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    let serve = async {
        let first = peer.read_head().await;
        drop(peer);
        let mut fresh = Peer::accept(&listener).await;
        let second = fresh.read_head().await;
        assert_eq!(first, second);
        fresh.send(ok("repeated").as_bytes()).await;
        fresh
    };
    let (body, mut peer) = soon(async { tokio::join!(client.get(&url), serve) }).await;
    assert_eq!(body.unwrap(), b"repeated");
    // Both connections end before a response: the second failure is final.
    let serve = async {
        peer.read_head().await;
        drop(peer);
        Peer::accept(&listener).await.read_head().await;
    };
    let (result, ()) = soon(async { tokio::join!(client.get(&url), serve) }).await;
    assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
    assert_no_connection(&listener).await;
}

#[tokio::test]
async fn new_connection_failure_is_final() {
    let (client, listener, url) = setup(config()).await;
    let serve = async { drop(accept(&listener, "").await) };
    let (result, ()) = soon(async { tokio::join!(client.get(&url), serve) }).await;
    assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
    assert_no_connection(&listener).await;
}

#[tokio::test]
async fn partial_response_is_not_repeated() {
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 O",
        "H",
    ] {
        let (client, listener, url) = setup(config()).await;
        let mut peer = first_get(&client, &listener, &url).await;
        let serve = async {
            respond(&mut peer, part).await;
            drop(peer);
        };
        let (result, ()) = soon(async { tokio::join!(client.get(&url), serve) }).await;
        assert!(matches!(result, Err(Error::Http(_))), "{part}: {result:?}");
        assert_no_connection(&listener).await;
        first_get(&client, &listener, &url).await;
    }
}

#[tokio::test]
async fn server_ended_connection_is_closed() {
    for response in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        // More than the response.
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
    ] {
        let (client, listener, url) = setup(config()).await;
        let (body, mut peer) = get_on_new(&client, &listener, &url, response).await;
        assert_eq!(body.unwrap(), b"x");
        peer.expect_end().await;
        first_get(&client, &listener, &url).await;
    }
}

#[tokio::test]
async fn body_ends_with_connection() {
    let body = get_from(config(), "HTTP/1.1 200 OK\r\n\r\nto the end").await;
    assert_eq!(body.unwrap(), b"to the end");
}

#[tokio::test]
async fn oversized_body_is_refused() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let whole = format!("{chunked}0\r\n\r\n");
    for response in [&ok("abc"), &whole] {
        assert_eq!(get_from(limited(3), response).await.unwrap(), b"abc");
    }
    let over = format!("{chunked}1\r\nd\r\n");
    // The declared length suffices.
    let declared = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    let endless = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        u64::MAX - 2
    );
    for response in [&ok("abcd"), &over, declared, &endless] {
        let (client, listener, url) = setup(limited(3)).await;
        let (result, mut peer) = get_on_new(&client, &listener, &url, response).await;
        assert!(
            matches!(result, Err(Error::TooLarge { limit: 3 })),
            "{result:?}"
        );
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn oversized_head_is_refused() {
    let response = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let (client, listener, url) = setup(config()).await;
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        peer.read_head().await;
        // The client stops reading, and this write fails.
        let _ = peer.tcp.write_all(response.as_bytes()).await;
    };
    let (result, ()) = soon(async { tokio::join!(client.get(&url), serve) }).await;
    assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let (client, listener, url) = setup(config()).await;
    let response =
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow";
    let (result, mut peer) = get_on_new(&client, &listener, &url, response).await;
    let seven = Some(Duration::from_secs(7));
    assert!(
        matches!(result, Err(Error::Refused { status: 429, retry_after, .. }) if retry_after == seven),
        "{result:?}"
    );
    assert_eq!(get_over(&client, &mut peer, &url, &ok("2")).await, b"2");
}

#[tokio::test]
async fn refusal_body_wait_is_bounded() {
    let (client, listener, url) = setup(config()).await;
    let response = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n";
    let (result, mut peer) = get_on_new(&client, &listener, &url, response).await;
    let refused = matches!(
        result,
        Err(Error::Refused {
            status: 503,
            retry_after: None,
            ..
        })
    );
    assert!(refused, "{result:?}");
    peer.expect_end().await;
}

#[tokio::test]
async fn refusal_names_url_and_body() {
    let (client, listener, url) = setup(config()).await;
    let response = "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nbad depth";
    let asked = format!("{url}books?depth=hush");
    let (result, _) = get_on_new(&client, &listener, &asked, response).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!("{url}books?depth=... was refused with status 400 Bad Request: bad depth")
    );
}

#[tokio::test]
async fn a_late_response_times_out() {
    let mut config = config();
    config.upgrade_timeout = BRIEF;
    let (client, listener, url) = setup(config).await;
    for response in ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"] {
        // On a reused connection, where only a close leads to a repetition.
        let mut peer = first_get(&client, &listener, &url).await;
        let (result, ()) =
            soon(async { tokio::join!(client.get(&url), respond(&mut peer, response)) }).await;
        let late = matches!(
            result,
            Err(Error::Timeout {
                step: Phase::Request
            })
        );
        assert!(late, "{result:?}");
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn client_survives_dropped_request() {
    let (client, listener, url) = setup(config()).await;
    for part in ["", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"] {
        let serve = async {
            let mut dropped = accept(&listener, part).await;
            let mut kept = first_get(&client, &listener, &url).await;
            assert_eq!(get_over(&client, &mut kept, &url, &ok("2")).await, b"2");
            assert!(timeout(BRIEF, dropped.expect_end()).await.is_err());
            (dropped, kept)
        };
        let (mut dropped, mut kept) = tokio::select! {
            result = client.get(&url) => panic!("{result:?}"),
            peers = soon(serve) => peers,
        };
        dropped.expect_end().await;
        assert_eq!(get_over(&client, &mut kept, &url, &ok("3")).await, b"3");
        drop(kept);
        tokio::time::sleep(BRIEF).await;
    }
}

#[tokio::test]
async fn unusable_url_is_refused() {
    for url in ["ws://a/", "a", "http://", "http://u@a/", "http://a/#f"] {
        let result = HttpClient::new(config()).get(url).await;
        assert!(matches!(result, Err(Error::Url(_))), "{url}: {result:?}");
    }
}

#[test]
fn debug_hides_the_headers() {
    let config = config().with_header("x-key", "secret").unwrap();
    let shown = format!("{:?}", HttpClient::new(config));
    assert!(
        shown.contains("x-key") && !shown.contains("secret"),
        "{shown}"
    );
}

#[tokio::test]
async fn requests_can_move_between_threads() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let (client, listener, url) = setup(config()).await;
    let mut peer = first_get(&client, &listener, &url).await;
    let get = tokio::spawn(assert_send(async move { client.get(&url).await }));
    soon(respond(&mut peer, &ok("2"))).await;
    assert_eq!(get.await.unwrap().unwrap(), b"2");
}
