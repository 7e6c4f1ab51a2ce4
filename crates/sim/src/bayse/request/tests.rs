//! Tests of subscriptions and their endpoints. `crates/sim/tests/bayse/errors.rs` covers the error texts.

use super::*;
use crate::bayse::Config;

const AUTH: &str = r#""auth":{"apiKey":"pk_demo_ticklot"}"#;

/// The names of the rooms of a subscription, or the error. `channel` contains the other fields too.
fn rooms(at: Endpoint, channel: &str) -> Result<String, String> {
    let catalog = Catalog::new(Config::default());
    let text = format!(r#"{{"type":"subscribe","channel":{channel}}}"#);
    let Request::Subscribe(rooms) = read(&text, at, &catalog)? else {
        panic!("not a subscription");
    };
    let names: Vec<_> = rooms.into_iter().map(|it| it.name(&catalog)).collect();
    Ok(names.join(" "))
}

/// Rooms occur once, in the order of the request.
#[test]
fn subscriptions_select_rooms() {
    let table = r#"
"orderbook","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m","mkt_us-rate-cut"],"currency":"NGN" => orderbook:mkt_us-rate-cut:NGN orderbook:mkt_btc-above-1m:NGN
"orderbook","marketIds":["mkt_us-rate-cut"],"currency":null => orderbook:mkt_us-rate-cut
"activity","eventId":"evt_us-rate-cut" => activity:evt_us-rate-cut
"activity","eventId":"evt_us-rate-cut","marketId":"mkt_us-rate-cut" => activity:evt_us-rate-cut:mkt_us-rate-cut
"prices","eventId":"evt_btc-above-1m" => prices:evt_btc-above-1m
"user_trades","userId":"usr_ada" => user_trades:usr_ada
"asset_prices","symbols":["BTCUSDT","USDNGN","BTCUSDT"] => asset_prices:BTCUSDT asset_prices:USDNGN
"orders","marketIds":["mkt_us-rate-cut","mkt_btc-above-1m"] => orders:usr_demo:mkt_us-rate-cut orders:usr_demo:mkt_btc-above-1m"#;
    for row in table.lines().skip(1) {
        let (fields, names) = row.split_once(" => ").unwrap();
        let at = Endpoint::of(fields.split('"').nth(1).unwrap()).unwrap();
        let fields = format!("{fields},{AUTH}");
        assert_eq!(rooms(at, &fields).as_deref(), Ok(names), "{fields}");
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
            let error = rooms(at, &format!(r#""{channel}",{AUTH}"#));
            let (here, there) = (at.path(), there.path());
            let text =
                format!("channel \"{channel}\" is not available on {here}; use {there} instead");
            assert_eq!(error, Err(text));
        }
    }
}
