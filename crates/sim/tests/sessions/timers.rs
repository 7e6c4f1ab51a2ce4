//! Pings and timeouts of sessions, by the venues' documented durations.

use std::net::Ipv4Addr;

use ticklot_book::Nanos;
use ticklot_sim::{Outgoing, Session, Timestamps, bayse, jayx};

use crate::sent;

const SOCKET_IO: &str = "/socket.io/?EIO=4&transport=websocket";

fn at(seconds: u64) -> Timestamps {
    Timestamps {
        at: Nanos::from_secs(seconds),
        wall_ms: 0,
    }
}

/// The messages at the next deadline, which must be at `seconds`.
fn due(session: &mut dyn Session, seconds: u64) -> Vec<Outgoing> {
    sent(session);
    assert_eq!(session.deadline(), Some(at(seconds).at));
    session.timeout(at(seconds - 1));
    assert_eq!(sent(session), [], "too early");
    session.timeout(at(seconds));
    sent(session)
}

fn is_closed(sent: &[Outgoing]) -> bool {
    matches!(sent, [Outgoing::Close(close)] if close.code() == 1008)
}

#[test]
fn bayse_ping_and_pong_timers() {
    let mut exchange = bayse::Exchange::new(bayse::Config::default(), at(0)).unwrap();
    let from = Ipv4Addr::LOCALHOST.into();
    let mut session = exchange.upgrade("/ws/v1/markets", from, at(0)).unwrap();
    assert_eq!(due(&mut *session, 54), [Outgoing::Ping]);
    session.pong(at(58));
    assert_eq!(due(&mut *session, 108), [Outgoing::Ping]);
    assert!(is_closed(&due(&mut *session, 118)));
}

#[test]
fn jayx_ping_and_pong_timers() {
    let mut exchange = jayx::Exchange::new(jayx::Config::default(), at(0)).unwrap();
    let ping = [Outgoing::Text("2".to_owned())];
    let mut session = exchange.upgrade(SOCKET_IO, at(0)).unwrap();
    session.text("40", at(0));
    assert_eq!(due(&mut *session, 25), ping);
    session.text("3", at(30));
    // An unsolicited Engine.IO pong delays the next ping. A WebSocket pong does not.
    session.text("3", at(40));
    session.pong(at(50));
    assert_eq!(due(&mut *session, 65), ping);
    assert!(is_closed(&due(&mut *session, 85)));
}

#[test]
fn jayx_join_timeout_is_45s() {
    let mut exchange = jayx::Exchange::new(jayx::Config::default(), at(0)).unwrap();
    let mut session = exchange.upgrade(SOCKET_IO, at(0)).unwrap();
    session.text("3", at(30));
    assert!(is_closed(&due(&mut *session, 45)));
    let mut plain = exchange.upgrade("/", at(0)).unwrap();
    plain.timeout(at(1_000));
    assert_eq!((plain.deadline(), sent(&mut *plain)), (None, vec![]));
}

/// Messages follow the wall clock, even if it is set back.
#[test]
fn bayse_messages_carry_wall_time() {
    let mut exchange = bayse::Exchange::new(bayse::Config::default(), at(0)).unwrap();
    let from = Ipv4Addr::LOCALHOST.into();
    let requests = [
        r#"{"type":"ping"}"#,
        "{",
        r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#,
        r#"{"type":"subscribe","channel":"orderbook","marketIds":["mkt_us-rate-cut"]}"#,
        r#"{"type":"subscribe","channel":"asset_prices","symbols":["BTCUSDT"]}"#,
        r#"{"type":"unsubscribe","room":"prices:evt_us-rate-cut"}"#,
    ];
    for endpoint in ["/ws/v1/markets", "/ws/v1/realtime"] {
        let mut session = exchange.upgrade(endpoint, from, at(0)).unwrap();
        for (seconds, wall_ms) in [(0, 0), (2, 7_000), (4, 3)] {
            let now = Timestamps {
                wall_ms,
                ..at(seconds)
            };
            exchange.step(now);
            exchange.quote(now);
            session.market_changed(now);
            requests.iter().for_each(|text| session.text(text, now));
            for sent in sent(&mut *session) {
                let Outgoing::Text(frame) = sent else {
                    panic!("{sent:?}")
                };
                let end = format!(r#","timestamp":{wall_ms}}}"#);
                assert!(frame.lines().all(|line| line.ends_with(&end)), "{frame}");
            }
        }
    }
}
