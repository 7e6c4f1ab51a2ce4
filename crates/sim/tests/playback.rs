//! Tests of recordings that are played over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Client, Received, SOCKET_IO};
use fastwebsockets::OpCode;
use ticklot_sim::{RecordedFrame, Recording, Server, Simulator, Speed, Venue};

fn recording(frames: &[(u64, &str)]) -> Arc<Recording> {
    let frames = frames.iter().map(|(ms, text)| RecordedFrame {
        recv_ns: 5_000_000_000 + ms * 1_000_000,
        frame: text.as_bytes().to_vec(),
    });
    Arc::new(Recording {
        frames: frames.collect(),
    })
}

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn server(venue: Venue, recording: &Arc<Recording>, speed: Speed) -> Server {
    let server = Server::playback(venue, Arc::clone(recording), speed, LISTEN);
    server.await.unwrap()
}

/// Sends messages, then receives the complete recording and the close.
async fn check(mut client: Client, messages: &[&str], recording: &Recording) {
    for message in messages {
        client.send(message).await;
    }
    let frames = recording.frames.iter();
    let texts = frames.map(|it| Received::Text(it.frame.clone()));
    let end = [Received::Close(1000), Received::End];
    assert_eq!(client.rest().await, texts.chain(end).collect::<Vec<_>>());
}

#[tokio::test]
async fn plays_frames_unchanged() {
    let odd = "{\"type\":\"x\",  \"é\":1.50}\n\n{\"type\":\"y\"}\n";
    let long = "z".repeat(100_000);
    let log = recording(&[(0, odd), (1, ""), (1, &long), (2, "{}")]);
    let server = server(Venue::Bayse, &log, Speed::Max).await;
    for path in ["/ws/v1/markets", "/"] {
        let client = Client::connect(server.addr(), path).await;
        check(client, &["{}"], &log).await;
    }
    assert_eq!(server.connections().frames, 8);
}

#[tokio::test]
async fn playback_starts_without_request() {
    let log = recording(&[(0, "{}")]);
    let server = server(Venue::Bayse, &log, Speed::Max).await;
    let start = Instant::now();
    let client = Client::connect(server.addr(), "/ws/v1/markets").await;
    check(client, &[], &log).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(195), "{took:?}");
}

#[tokio::test]
async fn packets_follow_socket_io_handshake() {
    let log = recording(&[(0, "42[\"orderbook\",{}]"), (1, "2"), (2, "42[\"x\",1]")]);
    let server = server(Venue::Jayx, &log, Speed::Max).await;
    // The recording starts with or without a message after the join.
    for messages in [&["42[\"orderbook\",{}]"][..], &[]] {
        let mut client = Client::connect(server.addr(), SOCKET_IO).await;
        assert!(client.text().await.starts_with("0{\"sid\":\""));
        client.send("40").await;
        assert!(client.text().await.starts_with("40{\"sid\":\""));
        check(client, messages, &log).await;
    }
}

#[tokio::test]
async fn recorded_handshake_is_not_repeated() {
    let open = r#"0{"sid":"recorded","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let joined = r#"40{"sid":"recorded"}"#;
    let log = recording(&[(0, open), (1, joined), (2, "42[\"x\",1]")]);
    let server = server(Venue::Jayx, &log, Speed::Max).await;
    let client = Client::connect(server.addr(), "/").await;
    check(client, &["40", "42[\"x\"]"], &log).await;
}

#[tokio::test]
async fn plain_frames_need_no_handshake() {
    let log = recording(&[(0, "{\"orderBook\":{}}")]);
    let server = server(Venue::Jayx, &log, Speed::Max).await;
    let client = Client::connect(server.addr(), "/").await;
    check(client, &["{}"], &log).await;
}

#[tokio::test]
async fn playback_follows_recorded_time() {
    let log = recording(&[(0, "{}"), (50, "{}"), (400, "{}")]);
    let mut slower = None;
    for (times, least) in [(1.0, 400), (4.0, 100)] {
        let server = server(Venue::Bayse, &log, Speed::Times(times)).await;
        let client = Client::connect(server.addr(), "/").await;
        let start = Instant::now();
        check(client, &["{}"], &log).await;
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(least), "{took:?} at {times}");
        assert!(slower.replace(took).is_none_or(|slower| took < slower));
    }
}

#[tokio::test]
async fn playback_replies_to_pings() {
    let log = recording(&[(0, "{}"), (200, "{}")]);
    let server = server(Venue::Bayse, &log, Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.send("{}").await;
    client.send_frame(true, OpCode::Ping, b"there?").await;
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(client.text().await, "{}");
    assert_eq!(client.receive().await, Received::Pong(b"there?".to_vec()));
    assert_eq!(client.text().await, "{}");
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn client_can_leave_early() {
    let log = recording(&[(0, "42[\"x\",1]"), (3_600_000, "42[\"x\",2]")]);
    let server = server(Venue::Jayx, &log, Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.text().await;
    client.send("40").await;
    client.text().await;
    client.send("42[]").await;
    assert_eq!(client.text().await, "42[\"x\",1]");
    client.send("41").await;
    assert_eq!(client.close_code().await, 1000);
}

/// The recording exceeds all buffers. The client sends many messages, then reads late and slowly.
#[tokio::test]
async fn slow_reader_loses_nothing() {
    let frame = "w".repeat(64 * 1024);
    let frames: Vec<_> = (0..400).map(|at| (at, frame.as_str())).collect();
    let log = recording(&frames);
    let server = server(Venue::Bayse, &log, Speed::Max).await;
    let mut client = Client::connect(server.addr(), "/").await;
    for _ in 0..2_000 {
        client.send(&"chatter ".repeat(100)).await;
    }
    for _ in 0..400 {
        let text = client.text().await;
        assert!(text == frame);
        tokio::task::yield_now().await;
    }
    assert_eq!(client.rest().await, [Received::Close(1000), Received::End]);
}

#[tokio::test]
async fn speed_must_be_positive() {
    for times in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let (log, speed) = (recording(&[]), Speed::Times(times));
        let server = Server::playback(Venue::Bayse, log, speed, LISTEN);
        assert!(server.await.is_err());
    }
}

#[tokio::test]
async fn empty_recording_only_closes() {
    let server = server(Venue::Jayx, &recording(&[]), Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn simulator_plays_recording() {
    let log = recording(&[(0, "{}")]);
    let simulator = Simulator::playback(Venue::Bayse, Arc::clone(&log), Speed::Max, LISTEN);
    let simulator = simulator.unwrap();
    assert_eq!(simulator.url(Venue::Jayx), None);
    let client = Client::connect(simulator.addr(Venue::Bayse).unwrap(), "/").await;
    check(client, &["{}"], &log).await;
}
