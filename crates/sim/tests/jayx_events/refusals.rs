//! What is refused, in both envelopes, and configurations that no server can run with.

use ticklot_book::Scale;
use ticklot_sim::Server;
use ticklot_sim::jayx::{Account, Config, Funds, PlainForm};

use crate::common::Client;
use crate::{BOOK, SOCKET_IO, Talk, quick};

const TABLE: [(&str, &str, &str); 17] = [
    ("trades", "{}", "unknown event: trades"),
    ("orderbook", "null", "category must be spot"),
    ("orderbook", r#"{"category":"spot"}"#, "symbol is required"),
    (
        "orderbook",
        r#"{"category":"spot","symbol":"BTCUSDT"}"#,
        "precise is required",
    ),
    (
        "orderbook",
        r#"{"category":"spot","symbol":"NOPE","precise":"1"}"#,
        "unknown symbol: NOPE",
    ),
    (
        "kline",
        r#"{"category":"spot","symbol":"BTCUSDT","interval":60}"#,
        "interval is required",
    ),
    ("kline", r#"{"category":"margin"}"#, "category must be spot"),
    ("kline", r#"{"category":"spot"}"#, "symbol is required"),
    (
        "kline",
        r#"{"category":"spot","symbol":"NOPE","interval":"1"}"#,
        "unknown symbol: NOPE",
    ),
    (
        "kline",
        r#"{"category":"spot","symbol":"BTCUSDT"}"#,
        "interval is required",
    ),
    (
        "kline",
        r#"{"category":"spot","symbol":"BTCUSDT","interval":"2"}"#,
        "unknown interval: 2",
    ),
    ("positions", r#"{"category":"spot"}"#, "apiKey is required"),
    (
        "positions",
        r#"{"category":"spot","apiKey":"ak_stranger"}"#,
        "unknown apiKey",
    ),
    (
        "positions",
        r#"{"apiKey":"ak_demo_ticklot"}"#,
        "category must be spot",
    ),
    (
        "openorders",
        r#"{"category":"spot","apiKey":"ak_stranger","symbol":"BTCUSDT"}"#,
        "unknown apiKey",
    ),
    (
        "openorders",
        r#"{"category":"spot","apiKey":"ak_demo_ticklot"}"#,
        "symbol is required",
    ),
    (
        "openorders",
        r#"{"category":"spot","apiKey":"ak_demo_ticklot","symbol":"NOPE"}"#,
        "unknown symbol: NOPE",
    ),
];

#[tokio::test]
async fn socket_io_error_texts() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut talk = Talk::connect(&server, None).await;
    for (event, message, text) in TABLE {
        talk.ask(event, message).await;
        let error = format!("42[\"error\",{{\"message\":\"{text}\"}}]");
        assert_eq!(talk.client.text().await, error);
        talk.client
            .send(&format!("4209[\"{event}\",{message}]"))
            .await;
        let error = format!("4309[{{\"error\":{{\"message\":\"{text}\"}}}}]");
        assert_eq!(talk.client.text().await, error);
    }
    for packet in ["42[7]", "hello"] {
        talk.client.send(packet).await;
        let error = r#"42["error",{"message":"not a packet"}]"#;
        assert_eq!(talk.client.text().await, error);
    }
    talk.client.send("6").await;
    talk.ask("orderbook", BOOK).await;
    assert_eq!(talk.next().await.0, "orderbook");
}

#[tokio::test]
async fn plain_mode_error_texts() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut talk = Talk::connect(&server, Some(PlainForm::Bare)).await;
    for (event, message, text) in TABLE {
        talk.ask(event, message).await;
        let error = format!("{{\"error\":{{\"message\":\"{text}\"}}}}");
        assert_eq!(talk.client.text().await, error);
    }
    for (message, text) in [
        ("nonsense", "the message is not valid JSON"),
        ("[]", "event is required"),
    ] {
        talk.client.send(message).await;
        let error = format!("{{\"error\":{{\"message\":\"{text}\"}}}}");
        assert_eq!(talk.client.text().await, error);
    }
}

/// Nothing in an order book says which symbol or precision it is of.
#[tokio::test]
async fn connection_has_one_book() {
    let config = Config {
        update_every: std::time::Duration::from_secs(3_600),
        ..quick()
    };
    let server = Server::jayx(config).await.unwrap();
    let mut talk = Talk::connect(&server, Some(PlainForm::Bare)).await;
    talk.ask("orderbook", BOOK).await;
    talk.next_of("orderbook").await;
    for message in [BOOK, &BOOK.replace("\"1\"", "\"10\"")] {
        talk.ask("orderbook", message).await;
        // The first step of the market may come in between.
        let answer = talk.client.text_past("{\"orderBook\"").await;
        let text = "an order book is already subscribed on this connection";
        assert_eq!(answer, format!("{{\"error\":{{\"message\":\"{text}\"}}}}"));
    }
}

#[tokio::test]
async fn namespace_error_names_namespace() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.text().await;
    for join in ["40/admin,", "40/admin", "40/admin?a=1,{\"token\":\"x\"}"] {
        client.send(join).await;
        let refusal = r#"44/admin,{"message":"Invalid namespace"}"#;
        assert_eq!(client.text().await, refusal);
    }
    client.send("40/,{}").await;
    assert!(client.text().await.starts_with("40{\"sid\":\""));
}

/// The name of the connection is one thing to Engine.IO and another to Socket.IO.
#[tokio::test]
async fn session_ids_differ() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    let open = client.text().await;
    client.send("40").await;
    let joined = client.text().await;
    let sid = |text: &str| text.split('"').nth(3).unwrap().to_owned();
    assert_eq!(sid(&open).len(), 20);
    assert_eq!(sid(&joined).len(), 20);
    assert_ne!(sid(&open), sid(&joined));
}

#[tokio::test]
async fn unusable_configuration_is_an_error() {
    let account = |amount| Account {
        funds: vec![Funds::new("BTC", amount)],
        ..Account::demo()
    };
    let with = |amount| Config {
        accounts: vec![account(amount)],
        ..Config::default()
    };
    let slow = Config {
        speed: 0,
        ..Config::default()
    };
    let fine = Config {
        scale: Scale::new(12, 12).unwrap(),
        ..Config::default()
    };
    for config in [with("-1"), with("much"), with("0.000000001"), slow, fine] {
        let error = Server::jayx(config).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
