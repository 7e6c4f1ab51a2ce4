//! The venue's requests.

use serde_json::{Value, json};
use ticklot_frame::kraken::{Channel, Depth, Request};

use crate::oracle::append;

/// Checks that every request with these symbols parses to its fields, or is rejected and appends nothing.
pub(super) fn check_requests(choice: usize, symbols: &[&str]) {
    let (snapshot, depth) = (choice.is_multiple_of(2), Depth::ALL[choice % 5]);
    let req_id = (!choice.is_multiple_of(3)).then_some(choice as u64);
    let channels = [
        Channel::Book { depth, snapshot },
        Channel::Trade { snapshot },
        Channel::Instrument { snapshot },
    ];
    for (index, channel) in channels.into_iter().enumerate() {
        let symbols = if index == 2 { &[] } else { symbols };
        let name = ["book", "trade", "instrument"][index];
        let mut params = json!({ "channel": name });
        if index < 2 {
            params["symbol"] = json!(symbols);
        }
        if index == 0 {
            let levels = [10, 25, 100, 500, 1_000][choice % 5];
            params["depth"] = json!(levels);
        }
        let is_valid = !symbols.contains(&"");
        let check = |request, method, params: Value| {
            let expected = json!({ "method": method, "params": params });
            check_request(&request, is_valid, req_id, expected);
        };
        let unsubscribe = Request::Unsubscribe {
            channel,
            symbols,
            req_id,
        };
        check(unsubscribe, "unsubscribe", params.clone());
        params["snapshot"] = json!(snapshot);
        let subscribe = Request::Subscribe {
            channel,
            symbols,
            req_id,
        };
        check(subscribe, "subscribe", params);
    }
    let ping = Request::Ping { req_id };
    check_request(&ping, true, req_id, json!({ "method": "ping" }));
}

fn check_request(request: &Request<'_>, is_valid: bool, req_id: Option<u64>, mut expected: Value) {
    if let Some(req_id) = req_id {
        expected["req_id"] = json!(req_id);
    }
    let written = append(|out| request.write(out)).ok();
    let json = written.map(|(_, text)| serde_json::from_slice(&text).expect("JSON"));
    assert_eq!(json, is_valid.then_some(expected));
}
