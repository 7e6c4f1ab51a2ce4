//! Connections over streams in memory: no socket, no DNS, no TLS.

use bytes::Bytes;
use ticklot_transport::{Config, Connection, Error, Stream, connect_over};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use crate::support::*;

/// Reads the head of the request, and accepts the upgrade.
async fn answer(mut stream: DuplexStream) -> (String, Connection) {
    let head = read_head(&mut stream).await.unwrap();
    let answer = switching(&head, "Connection: Upgrade\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    let server = Connection::accept(Stream::new(stream), Bytes::new(), &config());
    (head, server)
}

#[tokio::test]
async fn given_stream_requests_url_path() {
    let (ours, theirs) = duplex(64);
    let config = config();
    // There is neither TLS for the scheme nor a DNS lookup for the host.
    let url = "wss://venue.invalid:8443/stream?x=y";
    let client = connect_over(url, Stream::new(ours), &config);
    let (client, (head, mut server)) = tokio::join!(client, answer(theirs));
    let mut client = client.unwrap();
    assert!(head.starts_with("GET /stream?x=y HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some("venue.invalid:8443"));
    let long = "x".repeat(1_000);
    let (sent, got) = tokio::join!(client.text(long.as_bytes()), next(&mut server));
    sent.unwrap();
    assert_eq!(got, long.as_bytes());
    let (sent, got) = tokio::join!(server.text(b"back"), next(&mut client));
    sent.unwrap();
    assert_eq!(got, b"back");
}

#[tokio::test]
async fn silent_stream_times_out() {
    let (ours, _theirs) = duplex(4_096);
    let mut config = Config::default();
    config.upgrade_timeout = std::time::Duration::from_millis(20);
    let result = connect_over("ws://silent.invalid/", Stream::new(ours), &config).await;
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
}

#[tokio::test]
async fn url_is_checked_first() {
    let (ours, _theirs) = duplex(64);
    let result = connect_over("http://a/", Stream::new(ours), &Config::default()).await;
    assert!(matches!(result, Err(Error::Url(_))), "{result:?}");
}
