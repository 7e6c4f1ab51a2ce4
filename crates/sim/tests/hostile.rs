//! Tests of invalid clients, and of the shutdown of servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Client, Received, SOCKET_IO, request_raw, upgrade, wait_until};
use fastwebsockets::{OpCode, Role, WebSocket};
use ticklot_sim::{Limits, Server, Simulator, Venue, bayse, jayx};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const MARKETS: &str = "/ws/v1/markets";

async fn server() -> Server {
    with_limits(Limits::default()).await
}

async fn with_limits(limits: Limits) -> Server {
    let config = bayse::Config {
        limits,
        ..bayse::Config::default()
    };
    Server::bayse(config).await.unwrap()
}

fn simulator() -> Simulator {
    Simulator::spawn(jayx::Config::default(), bayse::Config::default()).unwrap()
}

async fn client(server: &Server) -> Client {
    let mut client = Client::connect(server.addr(), MARKETS).await;
    assert!(client.text().await.starts_with(r#"{"type":"connected""#));
    client
}

/// Writes raw bytes after the upgrade and returns the code that the server closes with.
async fn closed_for(server: &Server, bytes: &[u8]) -> u16 {
    let mut stream = client(server).await.into_stream();
    stream.write_all(bytes).await.unwrap();
    let mut ws = WebSocket::after_handshake(stream, Role::Client);
    ws.set_auto_close(false);
    let read = timeout(Duration::from_secs(5), ws.read_frame());
    let frame = read.await.unwrap().unwrap();
    assert_eq!(frame.opcode, OpCode::Close);
    u16::from_be_bytes(frame.payload[..2].try_into().unwrap())
}

#[tokio::test]
async fn closes_with_violation_code() {
    let server = server().await;
    let huge = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    let oversized_pong = [&[0x8a, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat();
    let table: [(&str, &[u8], u16); 12] = [
        ("unmasked text", b"\x81\x02{}", 1002),
        ("unmasked ping", b"\x89\x00", 1002),
        ("reserved bit", b"\xc1\x80\0\0\0\0", 1002),
        ("unknown opcode", b"\x83\x80\0\0\0\0", 1002),
        ("fragmented ping", b"\x09\x80\0\0\0\0", 1002),
        ("continuation of nothing", b"\x80\x80\0\0\0\0", 1002),
        ("close with half a code", b"\x88\x81\0\0\0\0\x03", 1002),
        ("close with 1005", b"\x88\x82\0\0\0\0\x03\xed", 1002),
        ("close reason", b"\x88\x83\0\0\0\0\x0f\xa0\xff", 1007),
        ("oversized pong", &oversized_pong, 1002),
        ("not UTF-8", b"\x81\x81\0\0\0\0\xff", 1007),
        ("longer than memory", &huge, 1009),
    ];
    for (what, bytes, code) in table {
        assert_eq!(closed_for(&server, bytes).await, code, "{what}");
    }
    client(&server).await;
}

/// The client receives the close although the server does not read the complete message.
#[tokio::test]
async fn oversized_message_receives_close() {
    let server = server().await;
    let mut bytes = vec![0x81, 0xff];
    bytes.extend_from_slice(&1_000_000_u64.to_be_bytes());
    bytes.resize(bytes.len() + 4 + 1_000_000, 0);
    assert_eq!(closed_for(&server, &bytes).await, 1009);
}

#[tokio::test]
async fn rejects_invalid_upgrades() {
    let server = server().await;
    let get = |headers: &str| format!("GET /ws/v1/markets HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let version = |version| get(&format!("{upgrade}Sec-WebSocket-Version: {version}\r\n"));
    let nonsense = "\0\u{1}\u{2} nonsense\r\n\r\n".to_owned();
    let table = [
        (get(""), 426),
        (version(8), 426),
        (version(13), 400),
        (nonsense, 400),
    ];
    for (request, status) in table {
        let (head, _) = request_raw(server.addr(), request.as_bytes()).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

/// Random bytes, inside and outside of frames, and invalid messages must not affect other clients.
#[tokio::test]
async fn survives_client_garbage() {
    let server = server().await;
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..60 {
        let mut garbage: Vec<u8> = (0..rng.usize(1..600)).map(|_| rng.u8(..)).collect();
        if round % 2 == 0 {
            // A valid first byte, so that the server parses more of the frame.
            garbage[0] = 0x81 | (garbage[0] & 0x0f);
        }
        let mut stream = client(&server).await.into_stream();
        let _ = stream.write_all(&garbage).await;
    }
    let deep = "[".repeat(10_000);
    for text in [
        "[",
        "{}",
        "null",
        r#""type""#,
        &deep,
        r#"{"type":{}}"#,
        "",
        "\0",
    ] {
        let mut client = client(&server).await;
        client.send(text).await;
        let reply = client.text().await;
        assert!(reply.starts_with(r#"{"type":"error""#), "{text}");
    }
    let server = Server::jayx(jayx::Config::default()).await.unwrap();
    let deep = "42[[".repeat(5_000);
    for text in ["", "4", "42", "42[", "40[", "9", "4\u{e9}", &deep] {
        let mut client = Client::connect(server.addr(), SOCKET_IO).await;
        client.text().await;
        client.send(text).await;
        client.send("1").await;
        client.rest().await;
    }
    assert_eq!(server.connections().accepted, 8);
}

#[tokio::test]
async fn rejects_excess_connections() {
    let limits = Limits {
        max_connections: 1,
        ..Limits::default()
    };
    let server = with_limits(limits).await;
    // A connection without an upgrade does not count.
    let _idle = TcpStream::connect(server.addr()).await.unwrap();
    let first = client(&server).await;
    let (head, _) = upgrade(server.addr(), MARKETS).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    drop(first);
    wait_until(|| server.connections().open == 0).await;
    client(&server).await;
}

/// A client that never reads is disconnected.
#[tokio::test]
async fn disconnects_client_that_stalls() {
    let limits = Limits {
        write_timeout: Duration::from_millis(50),
        close_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = with_limits(limits).await;
    let mut stream = client(&server).await.into_stream();
    // Each request returns two books that the client does not read. The mask is zero.
    let text = r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"]}"#;
    let head = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    let requests = [&head, text.as_bytes()].concat().repeat(100);
    let flood = async { while stream.write_all(&requests).await.is_ok() {} };
    let flood = timeout(Duration::from_secs(5), flood).await;
    assert!(flood.is_ok(), "still connected");
    wait_until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn shutdown_closes_with_1001() {
    let server = server().await;
    let addr = server.addr();
    let mut client = client(&server).await;
    let (code, ()) = tokio::join!(client.close_code(), server.shutdown());
    assert_eq!(code, 1001);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn dropped_server_aborts_connections() {
    let server = server().await;
    let mut client = client(&server).await;
    drop(server);
    assert_eq!(client.receive().await, Received::End);
}

#[tokio::test]
async fn rejects_invalid_configuration() {
    let mut config = jayx::Config::default();
    config.symbols.clear();
    assert!(Server::jayx(config).await.is_err());
    let config = bayse::Config {
        update_every: Duration::ZERO,
        ..bayse::Config::default()
    };
    assert!(Server::bayse(config).await.is_err());
    let mut config = bayse::Config::default();
    config.users.clear();
    assert!(Server::bayse(config).await.is_err());
}

#[tokio::test]
async fn simulator_serves_both_venues() {
    let simulator = simulator();
    assert!(simulator.bayse_market().is_some());
    for (venue, path) in [(Venue::Jayx, SOCKET_IO), (Venue::Bayse, MARKETS)] {
        let addr = simulator.addr(venue).unwrap();
        assert_eq!(simulator.url(venue), Some(format!("ws://{addr}")));
        Client::connect(addr, path).await.text().await;
        assert_eq!(simulator.connections(venue).accepted, 1);
    }
    let _open = Client::connect(simulator.addr(Venue::Bayse).unwrap(), MARKETS).await;
    let start = Instant::now();
    drop(simulator);
    assert!(start.elapsed() < Duration::from_millis(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn simulator_shutdown_closes_connections() {
    let simulator = simulator();
    let addr = simulator.addr(Venue::Bayse).unwrap();
    let client = tokio::spawn(async move {
        let mut client = Client::connect(addr, MARKETS).await;
        client.text().await;
        client.close_code().await
    });
    wait_until(|| simulator.connections(Venue::Bayse).frames > 0).await;
    simulator.shutdown();
    assert_eq!(client.await.unwrap(), 1001);
}

#[test]
fn taken_port_is_an_error() {
    let mut config = jayx::Config::default();
    let simulator = simulator();
    config.listen = simulator.addr(Venue::Jayx).unwrap();
    assert!(Simulator::spawn(config, bayse::Config::default()).is_err());
}
