//! Rejected requests in both modes, and invalid configurations.

use ticklot_book::Scale;
use ticklot_sim::Server;
use ticklot_sim::jayx::{Account, Config, Funds, PlainForm};

use crate::common::Client;
use crate::{BOOK, EventClient, SOCKET_IO, quick};

/// Events, messages and their errors. `>` stands for the start of a message.
const ERRORS: &str = r#"
trades {} unknown event: trades
orderbook null category must be spot
orderbook >"spot"} symbol is required
orderbook >"spot","symbol":"BTCUSDT"} precise is required
orderbook >"spot","symbol":"NOPE","precise":"1"} unknown symbol: NOPE
kline >"spot","symbol":"BTCUSDT","interval":60} interval is required
kline >"margin"} category must be spot
kline >"spot"} symbol is required
kline >"spot","symbol":"NOPE","interval":"1"} unknown symbol: NOPE
kline >"spot","symbol":"BTCUSDT"} interval is required
kline >"spot","symbol":"BTCUSDT","interval":"2"} unknown interval: 2
positions >"spot"} apiKey is required
positions >"spot","apiKey":"ak_stranger"} unknown apiKey
positions {"apiKey":"ak_demo_ticklot"} category must be spot
openorders >"spot","apiKey":"ak_stranger","symbol":"BTCUSDT"} unknown apiKey
openorders >"spot","apiKey":"ak_demo_ticklot"} symbol is required
openorders >"spot","apiKey":"ak_demo_ticklot","symbol":"NOPE"} unknown symbol: NOPE"#;

/// The rows of [`ERRORS`].
fn errors() -> impl Iterator<Item = [String; 3]> {
    ERRORS.lines().skip(1).map(|row| {
        let mut parts = row.splitn(3, ' ');
        [(); 3].map(|()| parts.next().unwrap().replace('>', r#"{"category":"#))
    })
}

#[tokio::test]
async fn error_texts_are_exact() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut socket_io = EventClient::connect(&server, None).await;
    let mut plain = EventClient::connect(&server, Some(PlainForm::Bare)).await;
    for [event, message, text] in errors() {
        let error = format!(r#"{{"message":"{text}"}}"#);
        socket_io.subscribe(&event, &message).await;
        let packet = format!(r#"42["error",{error}]"#);
        assert_eq!(socket_io.client.text().await, packet);
        let request = format!("4209[\"{event}\",{message}]");
        let ack = format!(r#"4309[{{"error":{error}}}]"#);
        assert_eq!(socket_io.reply(&request).await, ack);
        plain.subscribe(&event, &message).await;
        assert_eq!(plain.client.text().await, format!(r#"{{"error":{error}}}"#));
    }
    for packet in ["42[7]", "hello"] {
        let error = r#"42["error",{"message":"not a packet"}]"#;
        assert_eq!(socket_io.reply(packet).await, error);
    }
    for (message, text) in [
        ("nonsense", "the message is not valid JSON"),
        ("[]", "event is required"),
    ] {
        let error = format!(r#"{{"error":{{"message":"{text}"}}}}"#);
        assert_eq!(plain.reply(message).await, error);
    }
    socket_io.client.send("6").await;
    socket_io.subscribe("orderbook", BOOK).await;
    assert_eq!(socket_io.next().await.0, "orderbook");
}

/// Order books do not identify their symbol or precision.
#[tokio::test]
async fn connection_has_one_book() {
    let config = Config {
        update_every: std::time::Duration::from_secs(3_600),
        ..quick()
    };
    let server = Server::jayx(config).await.unwrap();
    let mut client = EventClient::connect(&server, Some(PlainForm::Bare)).await;
    client.subscribe("orderbook", BOOK).await;
    client.next_of("orderbook").await;
    for message in [BOOK, &BOOK.replace("\"1\"", "\"10\"")] {
        client.subscribe("orderbook", message).await;
        // The book of the first step may precede the error.
        let reply = client.client.text_past("{\"orderBook\"").await;
        let text = "an order book is already subscribed on this connection";
        assert_eq!(reply, format!(r#"{{"error":{{"message":"{text}"}}}}"#));
    }
}

#[tokio::test]
async fn namespace_error_names_namespace() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    client.text().await;
    for join in ["40/admin,", "40/admin", "40/admin?a=1,{\"token\":\"x\"}"] {
        client.send(join).await;
        let error = r#"44/admin,{"message":"Invalid namespace"}"#;
        assert_eq!(client.text().await, error);
    }
    client.send("40/,{}").await;
    assert!(client.text().await.starts_with("40{\"sid\":\""));
}

/// The session ids of Engine.IO and Socket.IO differ.
#[tokio::test]
async fn session_ids_differ() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut client = Client::connect(server.addr(), SOCKET_IO).await;
    let open = client.text().await;
    client.send("40").await;
    let joined = client.text().await;
    let sids = [&open, &joined].map(|text| text.split('"').nth(3).unwrap());
    assert_eq!(sids.map(str::len), [20, 20]);
    assert_ne!(sids[0], sids[1]);
}

#[tokio::test]
async fn invalid_configuration_is_an_error() {
    let with_funds = |amount| Config {
        accounts: vec![Account {
            funds: vec![Funds::new("BTC", amount)],
            ..Account::demo()
        }],
        ..Config::default()
    };
    let stopped = Config {
        speed: 0,
        ..Config::default()
    };
    let too_fine = Config {
        scale: Scale::new(12, 12).unwrap(),
        ..Config::default()
    };
    let funds = ["-1", "much", "0.000000001"].map(with_funds);
    for config in funds.into_iter().chain([stopped, too_fine]) {
        let error = Server::jayx(config).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
