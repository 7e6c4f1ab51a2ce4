//! The error texts of the venue, and the credentials of `/ws/v1/user`.

use ticklot_sim::Server;

use crate::common::wait_until;
use crate::{AUTH, MARKETS, REALTIME, USER, connected, ping, quick, rejected};

const AUTH_REQUIRED: &str = r#"auth required: include {"auth":{"accessToken":"..."}} or {"auth":{"apiKey":"..."}} in every message"#;

/// Messages to `/ws/v1/markets` and their errors. `>` stands for the start of a subscription.
const MARKETS_ERRORS: &str = r#"
{"type": => Invalid message format
[] => Invalid message format
 => Invalid message format
{} => unknown message type: |
{"type":"unsubscribe","room":""} => Room name is required
{"type":"unsubscribe"} => Room name is required
>"asset_prices","symbols":["BTCUSDT"]} => channel "asset_prices" is not available on /ws/v1/markets; use /ws/v1/realtime instead
>"x"} => unknown channel: x
>null,"eventId":"e"} => unknown channel: |
>"prices"} => Event ID is required
>"activity","eventId":""} => Event ID is required
>"prices","eventId":"e"} => unknown event: e
>"activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m"} => unknown market: mkt_btc-above-1m
>"user_trades"} => User ID is required
>"user_trades","userId":"usr_x"} => unknown user: usr_x
>"orderbook"} => Market IDs are required
>"orderbook","marketIds":[]} => Market IDs are required
>"orderbook","marketIds":[7]} => Market IDs are required
>"orderbook","marketIds":["m","m","m","m","m","m","m","m","m","m","m"]} => At most 10 market IDs are allowed
>"orderbook","marketIds":["mkt_us-rate-cut"],"currency":"EUR"} => Unsupported currency. Supported currencies are USD and NGN
>"orderbook","marketIds":["mkt_x"]} => unknown market: mkt_x"#;

const REALTIME_ERRORS: &str = r#"
{"type":"INVALID_TYPE"} => unknown message type: INVALID_TYPE
>"asset_prices","symbols":[]} => Symbols required to subscribe to asset prices
>"asset_prices"} => Symbols required to subscribe to asset prices
>"asset_prices","symbols":["DOGEUSDT"]} => Unsupported symbol: DOGEUSDT. Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN
>"orderbook","marketIds":["mkt_us-rate-cut"]} => channel "orderbook" is not available on /ws/v1/realtime; use /ws/v1/markets instead"#;

#[tokio::test]
async fn error_texts_are_exact() {
    let server = Server::bayse(quick()).await.unwrap();
    for (endpoint, table) in [(MARKETS, MARKETS_ERRORS), (REALTIME, REALTIME_ERRORS)] {
        let mut client = connected(&server, endpoint).await;
        for row in table.lines().skip(1) {
            let (message, error) = row.split_once(" => ").unwrap();
            let message = message.replace('>', r#"{"type":"subscribe","channel":"#);
            rejected(&mut client, &message, error.trim_end_matches('|')).await;
        }
    }
    let mut client = connected(&server, USER).await;
    rejected(&mut client, "{", "Invalid message format").await;
    rejected(&mut client, r#"{"type":"x"}"#, AUTH_REQUIRED).await;
}

/// The upgrade needs no credentials, but each message does.
#[tokio::test]
async fn every_user_message_needs_credentials() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, USER).await;
    for auth in [
        "",
        r#","auth":null"#,
        r#","auth":{"apiKey":"pk_demo_other"}"#,
        r#","auth":{"accessToken":"pk_demo_ticklot"}"#,
        r#","auth":{"accessToken":"x","apiKey":"pk_demo_ticklot"}"#,
    ] {
        for fields in [
            r#""type":"ping""#,
            r#""type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"]"#,
            r#""type":"unsubscribe","room":"orders:usr_demo:mkt_us-rate-cut""#,
        ] {
            rejected(&mut client, &format!("{{{fields}{auth}}}"), AUTH_REQUIRED).await;
        }
    }
    ping(&mut client, &format!(",{AUTH}")).await;
    for more in [
        "",
        r#","deviceId":"device-1""#,
        r#","apiKey":"pk_demo_other""#,
    ] {
        let token = r#""accessToken":"demo-header.demo-claims.demo-signature""#;
        ping(&mut client, &format!(r#","auth":{{{token}{more}}}"#)).await;
    }
}

/// A subscription without credentials delivers no messages.
#[tokio::test]
async fn rejected_subscription_has_no_effect() {
    let server = Server::bayse(quick()).await.unwrap();
    let mut client = connected(&server, USER).await;
    let orders = r#"{"type":"subscribe","channel":"orders","marketIds":["mkt_us-rate-cut"]}"#;
    rejected(&mut client, orders, AUTH_REQUIRED).await;
    let market = server.bayse_market().unwrap();
    let step = market.step();
    wait_until(|| market.step() >= step + 20).await;
    ping(&mut client, &format!(",{AUTH}")).await;
}
