//! Every message by its answer.

use super::*;
use crate::bayse::Config;

const AUTH: &str = r#""auth":{"apiKey":"pk_demo_ticklot"}"#;

fn catalog() -> Catalog {
    Catalog::new(Config::default())
}

/// The rooms that a subscription names, or the error.
fn rooms(at: Endpoint, fields: &str) -> Result<Vec<String>, String> {
    let catalog = catalog();
    let text = format!(r#"{{"type":"subscribe",{fields}}}"#);
    match read(&text, at, &catalog)? {
        Request::Subscribe(rooms) => {
            let rooms = rooms.into_iter();
            Ok(rooms.map(|room| room.name(&catalog)).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn subscriptions_select_rooms() {
    use Endpoint::{Markets, Realtime, User};
    let orders =
        format!(r#""channel":"orders","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"],{AUTH}"#);
    let table: [(Endpoint, &str, &[&str]); 8] = [
        (
            Markets,
            r#""channel":"orderbook","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m","mkt_us-rate-cut"],"currency":"NGN""#,
            &[
                "orderbook:mkt_us-rate-cut:NGN",
                "orderbook:mkt_btc-above-1m:NGN",
            ],
        ),
        (
            Markets,
            r#""channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":null"#,
            &["orderbook:mkt_us-rate-cut"],
        ),
        (
            Markets,
            r#""channel":"activity","eventId":"evt_us-rate-cut""#,
            &["activity:evt_us-rate-cut"],
        ),
        (
            Markets,
            r#""channel":"activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut""#,
            &["activity:evt_us-rate-cut:mkt_us-rate-cut"],
        ),
        (
            Markets,
            r#""channel":"prices","eventId":"evt_btc-above-1m""#,
            &["prices:evt_btc-above-1m"],
        ),
        (
            Markets,
            r#""channel":"user_trades","userId":"usr_ada""#,
            &["user_trades:usr_ada"],
        ),
        (
            Realtime,
            r#""channel":"asset_prices","symbols":["BTCUSDT","USDNGN","BTCUSDT"]"#,
            &["asset_prices:BTCUSDT", "asset_prices:USDNGN"],
        ),
        (
            User,
            &orders,
            &[
                "orders:usr_demo:mkt_us-rate-cut",
                "orders:usr_demo:mkt_btc-above-1m",
            ],
        ),
    ];
    for (at, fields, names) in table {
        let names = names.iter().map(|&name| name.to_owned());
        assert_eq!(rooms(at, fields), Ok(names.collect()), "{fields}");
    }
}

#[test]
fn reports_missing_subscription_fields() {
    let eleven = ["\"m\""; 11].join(",");
    let eleven = format!(r#""channel":"orderbook","marketIds":[{eleven}]"#);
    let table = [
        (r#""channel":"x""#, "unknown channel: x"),
        (r#""eventId":"e""#, "unknown channel: "),
        (r#""channel":"prices""#, "Event ID is required"),
        (
            r#""channel":"activity","eventId":"""#,
            "Event ID is required",
        ),
        (r#""channel":"prices","eventId":"e""#, "unknown event: e"),
        (
            r#""channel":"activity","eventId":"evt_us-rate-cut","marketId":"mkt_btc-above-1m""#,
            "unknown market: mkt_btc-above-1m",
        ),
        (r#""channel":"user_trades""#, "User ID is required"),
        (
            r#""channel":"user_trades","userId":"usr_x""#,
            "unknown user: usr_x",
        ),
        (r#""channel":"orderbook""#, "Market IDs are required"),
        (
            r#""channel":"orderbook","marketIds":[]"#,
            "Market IDs are required",
        ),
        (
            r#""channel":"orderbook","marketIds":[7]"#,
            "Market IDs are required",
        ),
        (&eleven, "At most 10 market IDs are allowed"),
        (
            r#""channel":"orderbook","marketIds":["mkt_us-rate-cut"],"currency":"EUR""#,
            "Unsupported currency. Supported currencies are USD and NGN",
        ),
        (
            r#""channel":"orderbook","marketIds":["mkt_x"]"#,
            "unknown market: mkt_x",
        ),
    ];
    for (fields, error) in table {
        assert_eq!(
            rooms(Endpoint::Markets, fields),
            Err(error.to_owned()),
            "{fields}"
        );
    }
}

#[test]
fn names_endpoint_of_channel() {
    let channels = [
        ("activity", Endpoint::Markets),
        ("prices", Endpoint::Markets),
        ("orderbook", Endpoint::Markets),
        ("user_trades", Endpoint::Markets),
        ("asset_prices", Endpoint::Realtime),
        ("orders", Endpoint::User),
    ];
    for at in [Endpoint::Markets, Endpoint::Realtime, Endpoint::User] {
        for (channel, there) in channels.iter().filter(|(_, there)| *there != at) {
            let fields = format!(r#""channel":"{channel}",{AUTH}"#);
            let (here, there) = (at.path(), there.path());
            let error =
                format!("channel \"{channel}\" is not available on {here}; use {there} instead");
            assert_eq!(rooms(at, &fields), Err(error));
        }
    }
}
