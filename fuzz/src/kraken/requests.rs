//! The venue's requests.

use serde_json::{Value, json};
use ticklot_frame::kraken::{Channel, Depth, Request};

/// Every request with these symbols parses to its fields, or is refused with nothing appended.
pub(super) fn check_requests(choice: usize, symbols: &[&str]) {
    let (snapshot, depth) = (choice.is_multiple_of(2), Depth::ALL[choice % 5]);
    let req_id = (!choice.is_multiple_of(3)).then_some(choice as u64);
    let channels = [
        Channel::Book { depth, snapshot },
        Channel::Trade { snapshot },
        Channel::Instrument { snapshot },
    ];
    for (place, channel) in channels.into_iter().enumerate() {
        let symbols = if place == 2 { &[] } else { symbols };
        let name = ["book", "trade", "instrument"][place];
        let mut params = json!({ "channel": name });
        if place < 2 {
            params["symbol"] = json!(symbols);
        }
        if place == 0 {
            let levels = [10, 25, 100, 500, 1_000][choice % 5];
            params["depth"] = json!(levels);
        }
        let valid = !symbols.contains(&"");
        let ended = json!({ "method": "unsubscribe", "params": params });
        check_request(
            &Request::Unsubscribe {
                channel,
                symbols,
                req_id,
            },
            valid,
            req_id,
            ended,
        );
        params["snapshot"] = json!(snapshot);
        let begun = json!({ "method": "subscribe", "params": params });
        check_request(
            &Request::Subscribe {
                channel,
                symbols,
                req_id,
            },
            valid,
            req_id,
            begun,
        );
    }
    check_request(
        &Request::Ping { req_id },
        true,
        req_id,
        json!({ "method": "ping" }),
    );
}

fn check_request(request: &Request<'_>, valid: bool, req_id: Option<u64>, mut expected: Value) {
    let mut out = b"before".to_vec();
    assert_eq!(request.write(&mut out).is_ok(), valid);
    let written = out.strip_prefix(b"before").expect("it was appended");
    if let Some(req_id) = req_id {
        expected["req_id"] = json!(req_id);
    }
    match serde_json::from_slice::<Value>(written) {
        Ok(json) => assert_eq!((json, valid), (expected, true)),
        Err(_) => assert!(written.is_empty() && !valid),
    }
}
