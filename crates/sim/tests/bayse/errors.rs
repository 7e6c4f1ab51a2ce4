//! The venue's words for what is wrong, and who has to say who he is.

use ticklot_sim::Server;

use crate::common::json;
use crate::{AUTH, MARKETS, REALTIME, USER, connected, quick, refused};

const AUTH_REQUIRED: &str = r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#;

#[tokio::test]
async fn error_texts_are_exact() {
    let server = Server::bayse(quick()).await.unwrap();
    let table = [
        (MARKETS, "{\"type\":", "Invalid message format"),
        (MARKETS, "[]", "Invalid message format"),
        (MARKETS, "", "Invalid message format"),
        (MARKETS, "{}", "unknown message type: "),
        (USER, "{", "Invalid message format"),
        (
            MARKETS,
            r#"{"type":"unsubscribe","room":""}"#,
            "Room name is required",
        ),
        (
            REALTIME,
            r#"{"type":"subscribe","channel":"asset_prices","symbols":[]}"#,
            "Symbols required to subscribe to asset prices",
        ),
        (
            MARKETS,
            r#"{"type":"subscribe","channel":"prices"}"#,
            "Event ID is required",
        ),
        (
            REALTIME,
            r#"{"type":"subscribe","channel":"asset_prices"}"#,
            "Symbols required to subscribe to asset prices",
        ),
        (
            MARKETS,
            r#"{"type":"unsubscribe"}"#,
            "Room name is required",
        ),
        (
            REALTIME,
            r#"{"type":"INVALID_TYPE"}"#,
            "unknown message type: INVALID_TYPE",
        ),
        (
            MARKETS,
            r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":"EUR"}"#,
            "Unsupported currency. Supported currencies are USD and NGN",
        ),
        (
            REALTIME,
            r#"{"type":"subscribe","channel":"asset_prices","symbols":["DOGEUSDT"]}"#,
            "Unsupported symbol: DOGEUSDT. Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN",
        ),
        (
            MARKETS,
            r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT"]}"#,
            "channel \"asset_prices\" is not available on /ws/v1/markets; use /ws/v1/realtime instead",
        ),
        (
            REALTIME,
            r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"]}"#,
            "channel \"orderbook\" is not available on /ws/v1/realtime; use /ws/v1/markets instead",
        ),
        (USER, r#"{"type":"x"}"#, AUTH_REQUIRED),
    ];
    for endpoint in [MARKETS, REALTIME, USER] {
        let mut client = connected(&server, endpoint).await;
        for (_, message, error) in table.iter().filter(|(at, ..)| *at == endpoint) {
            refused(&mut client, message, error).await;
        }
    }
}

/// Without a word the upgrade is open to everybody; with each message it takes credentials.
#[tokio::test]
async fn every_user_message_needs_credentials() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, USER).await;
    let token = r#""accessToken":"demo-header.demo-claims.demo-signature""#;
    let refusals = [
        String::new(),
        r#","auth":null"#.to_owned(),
        r#","auth":{"apiKey":"pk_demo_other"}"#.to_owned(),
        r#","auth":{"accessToken":"pk_demo_ticklot"}"#.to_owned(),
        r#","auth":{"accessToken":"x","apiKey":"pk_demo_ticklot"}"#.to_owned(),
    ];
    for auth in refusals {
        for fields in [
            r#""type":"ping""#,
            r#""type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"]"#,
            r#""type":"unsubscribe","room":"orders:usr_demo:mkt_us-rate-cut""#,
        ] {
            refused(&mut client, &format!("{{{fields}{auth}}}"), AUTH_REQUIRED).await;
        }
    }
    for auth in [
        AUTH.to_owned(),
        format!(r#""auth":{{{token}}}"#),
        format!(r#""auth":{{{token},"deviceId":"device-1"}}"#),
        format!(r#""auth":{{{token},"apiKey":"pk_demo_other"}}"#),
    ] {
        client.send(&format!(r#"{{"type":"ping",{auth}}}"#)).await;
        assert_eq!(json(&client.text().await)["type"], "pong", "{auth}");
    }
}

/// What one may not see for lack of credentials, one does not see.
#[tokio::test]
async fn rejected_subscription_has_no_effect() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, USER).await;
    let orders = r#"{"type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"]}"#;
    refused(&mut client, orders, AUTH_REQUIRED).await;
    let market = server.bayse_market().unwrap();
    let step = market.step();
    while market.step() < step + 20 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    client.send(&format!(r#"{{"type":"ping",{AUTH}}}"#)).await;
    assert_eq!(json(&client.text().await)["type"], "pong");
}
