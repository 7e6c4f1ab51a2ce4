//! Tunnels through a proxy that sends exact bytes, and dial functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ticklot_transport::{Config, Error, HttpClient, Proxy, Stream, connect};
use tokio::net::{TcpListener, TcpStream};

use crate::http_client::ok;
use crate::support::*;

const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn through(listener: &TcpListener, credentials: &str) -> Config {
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(&format!("http://{credentials}{address}"), "").unwrap();
    config().with_proxy(proxy)
}

#[tokio::test]
async fn websocket_uses_tunnel() {
    let (listener, _) = listen().await;
    let config = through(&listener, "me:h%40sh@")
        .with_header("X-Api-Key", "secret")
        .unwrap();
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        let head = peer.read_head().await;
        peer.send(OPEN.as_bytes()).await;
        let mut ride = frame(FIN | TEXT, "first");
        ride.extend(frame(FIN | TEXT, "second"));
        peer.upgrade(&ride).await;
        (peer, head)
    };
    // Only the proxy resolves the name.
    let url = "ws://venue.invalid/ws";
    let (connection, (_peer, head)) =
        soon(async { tokio::join!(connect(url, &config), serve) }).await;
    let mut connection = connection.unwrap();
    assert_eq!(next(&mut connection).await, b"first");
    assert_eq!(next(&mut connection).await, b"second");
    assert!(
        head.starts_with("CONNECT venue.invalid:80 HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(header(&head, "host"), Some("venue.invalid:80"));
    // me:h@sh
    let credentials = header(&head, "proxy-authorization");
    assert_eq!(credentials, Some("Basic bWU6aEBzaA=="));
    assert!(header(&head, "user-agent").unwrap().starts_with("ticklot/"));
    // The venue's key is not sent to the proxy.
    assert_eq!(header(&head, "x-api-key"), None);
}

#[tokio::test]
async fn http_request_uses_tunnel() {
    let (listener, _) = listen().await;
    let client = HttpClient::new(through(&listener, ""));
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        let connect = peer.read_head().await;
        peer.send(OPEN.as_bytes()).await;
        let get = peer.read_head().await;
        peer.send(ok("body").as_bytes()).await;
        (connect, get)
    };
    let (body, (tunnel, get)) =
        soon(async { tokio::join!(client.get("http://[2001:db8::1]:8080/x"), serve) }).await;
    assert_eq!(body.unwrap(), b"body");
    assert!(
        tunnel.starts_with("CONNECT [2001:db8::1]:8080 HTTP/1.1\r\n"),
        "{tunnel}"
    );
    assert_eq!(header(&tunnel, "proxy-authorization"), None);
    assert!(get.starts_with("GET /x HTTP/1.1\r\n"), "{get}");
}

#[tokio::test]
async fn refusing_proxy_is_named() {
    let (listener, _) = listen().await;
    let config = through(&listener, "me:hush@");
    let address = listener.local_addr().unwrap();
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        peer.read_head().await;
        peer.send(b"HTTP/1.1 407 Who\r\nContent-Length: 9\r\n\r\nwho? \x1b[2J")
            .await;
        peer
    };
    let (result, _) =
        soon(async { tokio::join!(connect("wss://venue.invalid/", &config), serve) }).await;
    let text = result.unwrap_err().to_string();
    let want = "CONNECT venue.invalid:443 was refused with status 407 Proxy Authentication Required: who? [2J";
    assert_eq!(text, format!("proxy {address}: {want}"));
    drop(listener);
    let error = connect("wss://venue.invalid/", &config).await.unwrap_err();
    assert!(
        matches!(&error, Error::Proxy { source, .. } if matches!(**source, Error::Connect { .. }))
    );
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn excepted_host_is_direct() {
    let (proxy, _) = listen().await;
    let address = proxy.local_addr().unwrap();
    let direct = Proxy::new(&format!("http://{address}"), "127.0.0.0/8").unwrap();
    let config = config().with_proxy(direct);
    let result = connect_to(&config, |head| switching(head, "Connection: Upgrade\r\n"));
    result.await.unwrap();
}

#[tokio::test]
async fn custom_connector_replaces_tcp() {
    let (listener, _) = listen().await;
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let config = config().with_dial(move |host, port| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            assert_eq!((host.as_str(), port), ("venue.invalid", 9000));
            // Not converted with `From`, so its type is hidden.
            Ok(Stream::new(TcpStream::connect(address).await?))
        }
    });
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        peer.upgrade(&frame(FIN | TEXT, "hello")).await;
        peer
    };
    let url = "ws://venue.invalid:9000/ws";
    let (connection, _peer) = soon(async { tokio::join!(connect(url, &config), serve) }).await;
    assert_eq!(next(&mut connection.unwrap()).await, b"hello");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn custom_connector_error_is_connect() {
    let config = config().with_dial(|_, _| async { Err(std::io::Error::other("no route")) });
    let error = connect("ws://venue.invalid", &config).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to venue.invalid:80: no route"
    );
    let mut config = config.with_dial(|_, _| std::future::pending());
    config.connect_timeout = std::time::Duration::from_millis(1);
    let error = connect("ws://venue.invalid", &config).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}
