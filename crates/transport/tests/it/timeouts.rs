//! The timeout of each step, with a silent server.

use std::time::{Duration, Instant};

use ticklot_transport::{Config, Error, Phase, connect};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::*;

const SHORT: Duration = Duration::from_millis(40);

async fn step_that_timed_out(url: &str, config: &Config) -> Phase {
    let start = Instant::now();
    let result = connect(url, config).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    match result {
        Err(Error::Timeout { step }) => step,
        other => panic!("{other:?}"),
    }
}

/// A listener with a full backlog: the kernel ignores further connections.
async fn full_listener() -> (TcpListener, String, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(tcp) = timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(tcp.unwrap());
    }
    (listener, format!("ws://{address}/"), queued)
}

#[tokio::test]
async fn connect_times_out() {
    let (_listener, url, _queued) = full_listener().await;
    let mut config = config();
    config.connect_timeout = SHORT;
    assert_eq!(step_that_timed_out(&url, &config).await, Phase::Connect);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[tokio::test]
async fn the_tls_handshake() {
    let (_listener, url) = listen().await;
    let mut config = config();
    config.tls_timeout = SHORT;
    let url = url.replace("ws://", "wss://");
    assert_eq!(step_that_timed_out(&url, &config).await, Phase::Tls);
}

#[tokio::test]
async fn upgrade_times_out() {
    let (_listener, url) = listen().await;
    let mut config = config();
    config.upgrade_timeout = SHORT;
    assert_eq!(step_that_timed_out(&url, &config).await, Phase::Upgrade);
}

#[tokio::test]
async fn endless_response_head_times_out() {
    let mut config = config();
    config.upgrade_timeout = SHORT;
    let result = connect_to(&config, |_| {
        "HTTP/1.1 101 Switching\r\nUpgrade: web".to_owned()
    });
    let result = timeout(Duration::from_secs(1), result).await;
    assert!(
        matches!(
            result,
            Ok(Err(Error::Timeout {
                step: Phase::Upgrade
            }))
        ),
        "{result:?}"
    );
}
