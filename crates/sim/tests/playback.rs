//! Recordings, played over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Client, Seen};
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

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn server(venue: Venue, recording: Arc<Recording>, speed: Speed) -> Server {
    Server::playback(venue, recording, speed, anywhere())
        .await
        .unwrap()
}

/// What a client sees of a recording that is played to its end.
fn all_of(recording: &Recording) -> Vec<Seen> {
    let frames = recording.frames.iter();
    let texts = frames.map(|it| Seen::Text(it.frame.clone()));
    texts.chain([Seen::Close(1000), Seen::Gone]).collect()
}

#[tokio::test]
async fn plays_frames_unchanged() {
    let odd = "{\"type\":\"x\",  \"é\":1.50}\n\n{\"type\":\"y\"}\n";
    let long = "z".repeat(100_000);
    let log = recording(&[(0, odd), (1, ""), (1, &long), (2, "{}")]);
    let server = server(Venue::Bayse, Arc::clone(&log), Speed::Max).await;
    for path in ["/ws/v1/markets", "/"] {
        let mut client = Client::connect(server.addr(), path).await;
        client.send("{}").await;
        assert_eq!(client.rest().await, all_of(&log));
    }
    assert_eq!(server.connections().frames, 8);
}

#[tokio::test]
async fn playback_starts_without_request() {
    let log = recording(&[(0, "{}")]);
    let server = server(Venue::Bayse, Arc::clone(&log), Speed::Max).await;
    let start = Instant::now();
    let mut client = Client::connect(server.addr(), "/ws/v1/markets").await;
    assert_eq!(client.rest().await, all_of(&log));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(195), "{took:?}");
}

#[tokio::test]
async fn packets_follow_socket_io_handshake() {
    let log = recording(&[(0, "42[\"orderbook\",{}]"), (1, "2"), (2, "42[\"x\",1]")]);
    let server = server(Venue::Jayx, Arc::clone(&log), Speed::Max).await;
    // With a message after the join, and without one.
    for message in [Some("42[\"orderbook\",{}]"), None] {
        let mut client =
            Client::connect(server.addr(), "/socket.io/?EIO=4&transport=websocket").await;
        assert!(client.text().await.starts_with("0{\"sid\":\""));
        client.send("40").await;
        assert!(client.text().await.starts_with("40{\"sid\":\""));
        if let Some(message) = message {
            client.send(message).await;
        }
        assert_eq!(client.rest().await, all_of(&log));
    }
}

#[tokio::test]
async fn recorded_handshake_is_not_repeated() {
    let log = recording(&[
        (
            0,
            "0{\"sid\":\"recorded\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}",
        ),
        (1, "40{\"sid\":\"recorded\"}"),
        (2, "42[\"x\",1]"),
    ]);
    let server = server(Venue::Jayx, Arc::clone(&log), Speed::Max).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.send("40").await;
    client.send("42[\"x\"]").await;
    assert_eq!(client.rest().await, all_of(&log));
}

#[tokio::test]
async fn plain_frames_need_no_handshake() {
    let log = recording(&[(0, "{\"orderBook\":{}}")]);
    let server = server(Venue::Jayx, Arc::clone(&log), Speed::Max).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.send("{}").await;
    assert_eq!(client.rest().await, all_of(&log));
}

#[tokio::test]
async fn playback_follows_recorded_time() {
    let log = recording(&[(0, "{}"), (50, "{}"), (400, "{}")]);
    let mut slower = None;
    for (times, least) in [(1.0, 400), (4.0, 100)] {
        let server = server(Venue::Bayse, Arc::clone(&log), Speed::Times(times)).await;
        let mut client = Client::connect(server.addr(), "/").await;
        let start = Instant::now();
        client.send("{}").await;
        assert_eq!(client.rest().await, all_of(&log));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(least), "{took:?} at {times}");
        assert!(slower.replace(took).is_none_or(|slower| took < slower));
    }
}

#[tokio::test]
async fn playback_answers_pings() {
    let log = recording(&[(0, "{}"), (200, "{}")]);
    let server = server(Venue::Bayse, log, Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.send("{}").await;
    client.send_frame(true, OpCode::Ping, b"there?").await;
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(client.text().await, "{}");
    assert_eq!(client.see().await, Seen::Pong(b"there?".to_vec()));
    assert_eq!(client.text().await, "{}");
    assert_eq!(client.close_code().await, 1000);
}

#[tokio::test]
async fn client_can_leave_early() {
    let log = recording(&[(0, "42[\"x\",1]"), (3_600_000, "42[\"x\",2]")]);
    let server = server(Venue::Jayx, log, Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    client.text().await;
    client.send("40").await;
    client.text().await;
    client.send("42[]").await;
    assert_eq!(client.text().await, "42[\"x\",1]");
    client.send("41").await;
    assert_eq!(client.close_code().await, 1000);
}

/// More than all buffers hold, to a client that talks a lot, then reads late and slowly.
#[tokio::test]
async fn slow_reader_loses_nothing() {
    let frame = "w".repeat(64 * 1024);
    let frames: Vec<_> = (0..400).map(|at| (at, frame.as_str())).collect();
    let log = recording(&frames);
    let server = server(Venue::Bayse, log, Speed::Max).await;
    let mut client = Client::connect(server.addr(), "/").await;
    for _ in 0..2_000 {
        client.send(&"chatter ".repeat(100)).await;
    }
    for _ in 0..400 {
        let text = client.text().await;
        assert!(text == frame);
        tokio::task::yield_now().await;
    }
    assert_eq!(client.rest().await, [Seen::Close(1000), Seen::Gone]);
}

#[tokio::test]
async fn speed_must_be_positive() {
    for times in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let made = Server::playback(
            Venue::Bayse,
            recording(&[]),
            Speed::Times(times),
            anywhere(),
        );
        assert!(made.await.is_err());
    }
}

#[tokio::test]
async fn empty_recording_only_closes() {
    let server = server(Venue::Jayx, recording(&[]), Speed::Times(1.0)).await;
    let mut client = Client::connect(server.addr(), "/").await;
    assert_eq!(client.close_code().await, 1000);
}

#[test]
fn simulator_plays_recording() {
    let log = recording(&[(0, "{}")]);
    let simulator =
        Simulator::playback(Venue::Bayse, Arc::clone(&log), Speed::Max, anywhere()).unwrap();
    assert_eq!(simulator.url(Venue::Jayx), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let addr = simulator.addr(Venue::Bayse).unwrap();
        let mut client = Client::connect(addr, "/").await;
        client.send("{}").await;
        assert_eq!(client.rest().await, all_of(&log));
    });
}
