use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
#[cfg(feature = "tls-aws-lc")]
use ticklot_transport::rustls::crypto::aws_lc_rs as crypto;
#[cfg(not(feature = "tls-aws-lc"))]
use ticklot_transport::rustls::crypto::ring as crypto;
use ticklot_transport::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ticklot_transport::rustls::{ServerConfig, ServerConnection};
use ticklot_transport::{Config, Connection as Server, Error, HttpClient, Roots, accept_key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::support::*;
use crate::http_client::ok;
use crate::support::next as next_of_server;

/// A server's identity and its certificate.
fn identity(name: &str) -> (TlsAcceptor, CertificateDer<'static>) {
    identity_with(&CertificateParams::new([name.to_owned()]).unwrap())
}

fn identity_with(params: &CertificateParams) -> (TlsAcceptor, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// Accepts the upgrade, with a first frame in the same packet.
async fn serve(listener: &TcpListener, acceptor: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    let (tcp, _) = listener.accept().await.unwrap();
    let mut tls = acceptor.accept(tcp).await.ok()?;
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let head = read_head(&mut tls).await?;
    assert!(accept_key(header(&head, "sec-websocket-key").unwrap()).len() == 28);
    let mut answer = switching(&head, "Connection: Upgrade\r\n").into_bytes();
    answer.extend(frame(FIN | TEXT, "rides along"));
    tls.write_all(&answer).await.unwrap();
    tls.flush().await.unwrap();
    Some(tls)
}

/// Connects to a server whose certificate is for `name`.
async fn meet(
    name: &str,
    config: impl FnOnce(CertificateDer<'static>) -> Config,
) -> (Result<Connection, Error>, Option<TlsStream<TcpStream>>) {
    meet_as(identity(name), config).await
}

async fn meet_as(
    (acceptor, certificate): (TlsAcceptor, CertificateDer<'static>),
    config: impl FnOnce(CertificateDer<'static>) -> Config,
) -> (Result<Connection, Error>, Option<TlsStream<TcpStream>>) {
    let (listener, url) = listen().await;
    // By name, so that other loopback addresses may refuse first.
    let url = url.replace("ws://127.0.0.1", "wss://localhost");
    let config = config(certificate);
    tokio::join!(connect(&url, &config), serve(&listener, &acceptor))
}

fn trusting(certificate: CertificateDer<'static>) -> Config {
    config().with_roots(Roots::Certificates(vec![certificate]))
}

/// A file with this text, which is deleted on drop.
struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("ticklot-transport-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn pem(der: &[u8]) -> String {
    let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, der);
    format!("# a comment\n-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn file_authorities_are_trusted() {
    let (connection, _) = meet("localhost", |certificate| {
        // A certificate that is not a CA certificate is ignored.
        let text = pem(b"nonsense") + &pem(&certificate);
        let file = TempFile::new("good.pem", &text);
        config().with_roots(Roots::from_pem_file(&file.0).unwrap())
    })
    .await;
    connection.unwrap();
    let other = |_| {
        let file = TempFile::new("other.pem", &pem(&identity("localhost").1));
        config().with_roots(Roots::from_pem_file(&file.0).unwrap())
    };
    let text = reason("localhost", other).await;
    assert!(
        text.contains("UnknownIssuer") || text.contains("BadSignature"),
        "{text}"
    );
}

#[test]
fn file_without_authorities_is_refused() {
    for text in [
        "",
        "no PEM",
        &pem(b"nonsense"),
        "-----BEGIN CERTIFICATE-----\nAA",
    ] {
        let file = TempFile::new("bad.pem", text);
        let error = Roots::from_pem_file(&file.0).unwrap_err();
        assert!(
            matches!(error, Error::Certificates { .. }),
            "{text}: {error:?}"
        );
    }
    let error = Roots::from_pem_file("/nowhere/ca.pem")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot use the certificates of /nowhere/ca.pem: "),
        "{error}"
    );
}

/// TLS with the host within a tunnel, through a proxy that also uses TLS.
#[tokio::test]
async fn tls_goes_through_a_proxy() {
    use ticklot_transport::Proxy;
    for tls_to_the_proxy in [false, true] {
        let (venue, certificate) = identity("venue.invalid");
        let (front, front_certificate) = identity("localhost");
        let (listener, _) = listen().await;
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls_to_the_proxy { "https" } else { "http" };
        let proxy = Proxy::new(&format!("{scheme}://localhost:{port}"), "").unwrap();
        let config = config()
            .with_roots(Roots::Certificates(vec![certificate, front_certificate]))
            .with_proxy(proxy);
        let serve = async {
            let (tcp, _) = listener.accept().await.unwrap();
            let stream = match tls_to_the_proxy {
                true => ticklot_transport::Stream::new(front.accept(tcp).await.unwrap()),
                false => tcp.into(),
            };
            let mut stream = stream;
            let head = read_head(&mut stream).await.unwrap();
            assert!(head.starts_with("CONNECT venue.invalid:443 "), "{head}");
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut inner = venue.accept(stream).await.unwrap();
            let head = read_head(&mut inner).await.unwrap();
            let mut answer = switching(&head, "Connection: Upgrade\r\n").into_bytes();
            answer.extend(frame(FIN | TEXT, "inside"));
            inner.write_all(&answer).await.unwrap();
            inner.flush().await.unwrap();
            inner
        };
        let url = "wss://venue.invalid/ws";
        let (connection, _server) =
            soon(async { tokio::join!(connect(url, &config), serve) }).await;
        assert_eq!(next(&mut connection.unwrap()).await, b"inside");
    }
}

async fn reason(name: &str, config: impl FnOnce(CertificateDer<'static>) -> Config) -> String {
    tls_error(meet(name, config).await.0)
}

fn tls_error(result: Result<Connection, Error>) -> String {
    match result {
        Err(error @ Error::Tls { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn own_roots_are_trusted() {
    let (connection, server) = meet("localhost", trusting).await;
    let (mut connection, server) = (connection.unwrap(), server.unwrap());
    assert_eq!(next(&mut connection).await, b"rides along");
    let bytes = bytes::Bytes::new();
    let mut server = Server::accept(server, bytes, &config());
    let big = vec![b'x'; 100_000];
    let (sent, got) = tokio::join!(connection.text(&big), next_of_server(&mut server));
    sent.unwrap();
    assert!(got == big);
    let (sent, got) = tokio::join!(server.text(&big), next(&mut connection));
    sent.unwrap();
    assert!(got == big);
    let (closed, end) = tokio::join!(connection.close(1000, ""), server.read());
    closed.unwrap();
    assert!(end.unwrap().is_none());
}

#[tokio::test]
async fn tls_flushes_every_message() {
    let (connection, server) = meet("localhost", trusting).await;
    let (mut connection, mut server) = (connection.unwrap(), server.unwrap());
    // Until the kernel accepts no more; the TLS session would still buffer some.
    let payload = vec![7; 16 << 10];
    let mut sent = 0;
    while let Ok(result) = timeout(Duration::from_millis(20), connection.binary(&payload)).await {
        result.unwrap();
        sent += 1;
    }
    // Nothing polls the connection now, but all sent messages must arrive.
    let mut bytes = vec![0; 8 + payload.len()];
    for _ in 0..sent {
        soon(server.read_exact(&mut bytes)).await.unwrap();
    }
    assert!(sent > 0);
}

#[tokio::test]
async fn certificate_name_is_checked() {
    let text = reason("elsewhere.example", trusting).await;
    assert!(text.contains("localhost:"), "{text}");
    assert!(text.contains("not valid for name"), "{text}");
}

#[tokio::test]
async fn default_roots_refuse_unknown_issuer() {
    let text = reason("localhost", |_| config()).await;
    assert!(text.contains("UnknownIssuer"), "{text}");
}

#[tokio::test]
async fn own_roots_refuse_unknown_issuer() {
    let (_, other) = identity("localhost");
    let text = reason("localhost", |_| trusting(other)).await;
    assert!(text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn certificate_validity_is_checked() {
    let valid = [
        ((2020, 2021), "certificate expired"),
        ((3000, 3001), "certificate not valid yet"),
    ];
    for ((from, until), why) in valid {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let met = meet_as(identity_with(&params), trusting).await;
        let text = tls_error(met.0);
        assert!(text.contains(why), "{text}");
    }
}

/// The server's first flight of the TLS handshake.
async fn first_flight(tcp: &mut TcpStream, acceptor: &TlsAcceptor) -> Vec<u8> {
    let mut tls = ServerConnection::new(Arc::clone(acceptor.config())).unwrap();
    while tls.is_handshaking() && !tls.wants_write() {
        let mut received = [0; 4096];
        let length = tcp.read(&mut received).await.unwrap();
        assert!(length > 0, "the client is gone");
        tls.read_tls(&mut &received[..length]).unwrap();
        tls.process_new_packets().unwrap();
    }
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    flight
}

/// Connects to a server that modifies its first flight, and then closes the connection.
async fn meet_cut(cut: impl Fn(&mut Vec<u8>)) -> String {
    let (acceptor, certificate) = identity("localhost");
    let (listener, url) = listen().await;
    let url = url.replace("ws://127.0.0.1", "wss://localhost");
    let config = trusting(certificate);
    let serve = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut flight = first_flight(&mut tcp, &acceptor).await;
        cut(&mut flight);
        tcp.write_all(&flight).await.unwrap();
        tcp.shutdown().await.unwrap();
        // Closing a socket with unread bytes would reset the connection; the client must receive a plain end.
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    };
    tls_error(
        soon(async { tokio::join!(connect(&url, &config), serve) })
            .await
            .0,
    )
}

#[tokio::test]
async fn truncated_handshake_is_tls_error() {
    // Cut before, within the header of, and within the first record, between records, and before the last byte.
    for share in [0, 1, 3, 40, 80, 99] {
        let text = meet_cut(|flight| flight.truncate(flight.len() * share / 100)).await;
        assert!(text.starts_with("TLS with localhost:"), "{text}");
        assert!(text.contains("eof"), "{share}: {text}");
    }
}

#[tokio::test]
async fn altered_handshake_is_tls_error() {
    let text = meet_cut(|flight| {
        let last = flight.len() - 1;
        flight[last] ^= 1;
    })
    .await;
    assert!(text.contains("decrypt"), "{text}");
}

/// The error of a connection whose server sends a message in one TLS record, modified by `change`.
async fn after_a_record(change: impl Fn(&mut Vec<u8>)) -> Error {
    let (connection, server) = meet("localhost", trusting).await;
    let (mut connection, mut server) = (connection.unwrap(), server.unwrap());
    assert_eq!(next(&mut connection).await, b"rides along");
    let mut record = Vec::new();
    let (tcp, tls) = server.get_mut();
    tls.writer()
        .write_all(&frame(FIN | TEXT, [b'x'; 1000]))
        .unwrap();
    tls.write_tls(&mut record).unwrap();
    change(&mut record);
    tcp.write_all(&record).await.unwrap();
    tcp.shutdown().await.unwrap();
    soon(connection.read()).await.unwrap_err()
}

#[tokio::test]
async fn truncated_record_yields_no_message() {
    for length in [1, 5, 500, 1_000] {
        let error = after_a_record(|record| record.truncate(length)).await;
        assert!(matches!(error, Error::Dropped), "{length}: {error:?}");
    }
}

#[tokio::test]
async fn altered_record_yields_no_message() {
    let error = after_a_record(|record| record[100] ^= 1).await;
    let text = error.to_string();
    assert!(
        matches!(error, Error::Io(_)) && text.contains("decrypt"),
        "{text}"
    );
}

#[tokio::test]
async fn plaintext_server_is_tls_error() {
    let (listener, url) = listen().await;
    let url = url.replace("ws://", "wss://");
    let config = config();
    let serve = async {
        let mut peer = Peer::accept(&listener).await;
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    };
    let (result, _peer) = tokio::join!(connect(&url, &config), serve);
    assert!(matches!(result, Err(Error::Tls { .. })), "{result:?}");
}

#[tokio::test]
async fn missing_close_notify_is_drop() {
    let (connection, server) = meet("localhost", trusting).await;
    let mut connection = connection.unwrap();
    assert_eq!(next(&mut connection).await, b"rides along");
    drop(server);
    assert!(matches!(connection.read().await, Err(Error::Dropped)));
}

#[tokio::test]
async fn close_sends_close_notify() {
    let (connection, server) = meet("localhost", trusting).await;
    let (mut connection, mut server) = (connection.unwrap(), server.unwrap());
    let serve = async {
        let mut close = [0; 8];
        server.read_exact(&mut close).await.unwrap();
        server.write_all(&close_frame(1000, "")).await.unwrap();
        server.shutdown().await.unwrap();
        // A clean end: rustls returns it only after the client's `close_notify`.
        assert_eq!(server.read(&mut [0; 16]).await.unwrap(), 0);
    };
    let (closed, ()) = tokio::join!(connection.close(1000, ""), serve);
    closed.unwrap();
}

/// Receives a request without a body, and sends `body`.
async fn respond(tls: &mut TlsStream<TcpStream>, body: &str) {
    read_head(tls).await.unwrap();
    tls.write_all(ok(body).as_bytes()).await.unwrap();
    tls.flush().await.unwrap();
}

#[tokio::test]
async fn https_requests_share_a_session() {
    let (acceptor, certificate) = identity("localhost");
    let (listener, url) = listen().await;
    let url = url.replace("ws://127.0.0.1", "https://localhost");
    let client = HttpClient::new(trusting(certificate));
    let accept = async || {
        acceptor
            .accept(listener.accept().await.unwrap().0)
            .await
            .unwrap()
    };
    let serve = async {
        let mut tls = accept().await;
        respond(&mut tls, "1").await;
        respond(&mut tls, "2").await;
        // Without `close_notify`, the client opens another connection.
        drop(tls);
        respond(&mut accept().await, "3").await;
    };
    let requests = async {
        for body in [b"1", b"2", b"3"] {
            assert_eq!(client.get(&url).await.unwrap(), body);
        }
    };
    soon(async { tokio::join!(requests, serve) }).await;
}
