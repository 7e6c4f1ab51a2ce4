//! Clients that break the rules, and the ends of servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Client, Seen, request_raw, upgrade};
use fastwebsockets::{OpCode, Role, WebSocket};
use ticklot_sim::{Limits, Server, Simulator, Venue, bayse, jayx};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn server() -> Server {
    Server::bayse(bayse::Config::default()).await.unwrap()
}

async fn client(server: &Server) -> Client {
    let mut client = Client::connect(server.addr(), "/ws/v1/markets").await;
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

/// The close arrives although the client has sent much more than the server reads of it.
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
    let table = [
        (get(""), "HTTP/1.1 426 "),
        (
            get(&format!("{upgrade}Sec-WebSocket-Version: 8\r\n")),
            "HTTP/1.1 426 ",
        ),
        (
            get(&format!("{upgrade}Sec-WebSocket-Version: 13\r\n")),
            "HTTP/1.1 400 ",
        ),
        ("\0\u{1}\u{2} nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
    ];
    for (request, status) in table {
        let (head, _) = request_raw(server.addr(), request.as_bytes()).await;
        assert!(head.starts_with(status), "{head}");
    }
}

/// Seeded garbage, in frames and without, must neither stop nor slow the server for others.
#[tokio::test]
async fn survives_client_garbage() {
    let server = server().await;
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..60 {
        let mut garbage: Vec<u8> = (0..rng.usize(1..600)).map(|_| rng.u8(..)).collect();
        if round % 2 == 0 {
            // A valid opening, so that more of it is looked at.
            garbage[0] = 0x81 | (garbage[0] & 0x0f);
        }
        let mut stream = client(&server).await.into_stream();
        let _ = stream.write_all(&garbage).await;
    }
    for text in [
        "[",
        "{}",
        "null",
        "\"type\"",
        &"[".repeat(10_000),
        "{\"type\":{}}",
        "",
        "\0",
    ] {
        let mut client = client(&server).await;
        client.send(text).await;
        assert!(
            client.text().await.starts_with(r#"{"type":"error""#),
            "{text}"
        );
    }
    let server = Server::jayx(jayx::Config::default()).await.unwrap();
    for text in [
        "",
        "4",
        "42",
        "42[",
        "40[",
        "9",
        "4\u{e9}",
        &"42[[".repeat(5_000),
    ] {
        let mut client =
            Client::connect(server.addr(), "/socket.io/?EIO=4&transport=websocket").await;
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
    let config = bayse::Config {
        limits,
        ..bayse::Config::default()
    };
    let server = Server::bayse(config).await.unwrap();
    // A connection without an upgrade takes no place.
    let _idle = TcpStream::connect(server.addr()).await.unwrap();
    let first = client(&server).await;
    let (head, _) = upgrade(server.addr(), "/ws/v1/markets").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    drop(first);
    while server.connections().open > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client(&server).await;
}

/// A client that never reads is given up, and takes no other connection with it.
#[tokio::test]
async fn disconnects_client_that_stalls() {
    let limits = Limits {
        write_timeout: Duration::from_millis(50),
        close_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let config = bayse::Config {
        limits,
        ..bayse::Config::default()
    };
    let server = Server::bayse(config).await.unwrap();
    let mut stream = client(&server).await.into_stream();
    // Each asks for two books that nobody takes. Masked with zeros.
    let text = r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"]}"#;
    let head = [0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    let ask = [&head, text.as_bytes()].concat().repeat(100);
    let flood = async { while stream.write_all(&ask).await.is_ok() {} };
    assert!(
        timeout(Duration::from_secs(5), flood).await.is_ok(),
        "still served"
    );
    while server.connections().open > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
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
    assert_eq!(client.see().await, Seen::Gone);
}

#[tokio::test]
async fn rejects_unusable_configuration() {
    let nothing = jayx::Config {
        symbols: Vec::new(),
        ..jayx::Config::default()
    };
    assert!(Server::jayx(nothing).await.is_err());
    let never = bayse::Config {
        update_every: Duration::ZERO,
        ..bayse::Config::default()
    };
    assert!(Server::bayse(never).await.is_err());
    let nobody = bayse::Config {
        users: Vec::new(),
        ..bayse::Config::default()
    };
    assert!(Server::bayse(nobody).await.is_err());
}

#[test]
fn simulator_serves_both_venues() {
    let simulator = Simulator::spawn(jayx::Config::default(), bayse::Config::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert!(simulator.bayse_market().is_some());
    runtime.block_on(async {
        for (venue, path) in [
            (Venue::Jayx, "/socket.io/?EIO=4&transport=websocket"),
            (Venue::Bayse, "/ws/v1/markets"),
        ] {
            let addr = simulator.addr(venue).unwrap();
            assert_eq!(simulator.url(venue), Some(format!("ws://{addr}")));
            Client::connect(addr, path).await.text().await;
            assert_eq!(simulator.connections(venue).accepted, 1);
        }
        let _open = Client::connect(simulator.addr(Venue::Bayse).unwrap(), "/ws/v1/markets").await;
        let start = Instant::now();
        drop(simulator);
        assert!(start.elapsed() < Duration::from_millis(500));
    });
}

#[test]
fn simulator_shutdown_closes_connections() {
    let simulator = Simulator::spawn(jayx::Config::default(), bayse::Config::default()).unwrap();
    let addr = simulator.addr(Venue::Bayse).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.spawn(async move {
        let mut client = Client::connect(addr, "/ws/v1/markets").await;
        client.text().await;
        client.close_code().await
    });
    while simulator.connections(Venue::Bayse).frames == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    simulator.shutdown();
    assert_eq!(runtime.block_on(client).unwrap(), 1001);
}

#[test]
fn taken_port_is_an_error() {
    let simulator = Simulator::spawn(jayx::Config::default(), bayse::Config::default()).unwrap();
    let again = jayx::Config {
        listen: simulator.addr(Venue::Jayx).unwrap(),
        ..jayx::Config::default()
    };
    assert!(Simulator::spawn(again, bayse::Config::default()).is_err());
}
