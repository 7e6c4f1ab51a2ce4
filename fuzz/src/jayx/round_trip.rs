//! A decoded message, written in the venue's format and in either envelope, is decoded to the same.

use ticklot_book::Level;
use ticklot_frame::Trade;
use ticklot_frame::jayx::{Decoder, Envelope};

use super::{BALANCE, CANDLE, ORDER, Owned, owned};
use crate::fields::{Field, array, string, write_fields};

pub(super) fn check(message: &Owned) {
    for (envelope, frame) in frames(message) {
        let mut decoder = Decoder::new(envelope);
        let again = decoder.decode(frame.as_bytes());
        let again = again.unwrap_or_else(|error| panic!("{error}: {frame}"));
        assert_eq!(owned(&again), *message, "{frame}");
    }
}

/// The frames of a message: an event has several forms, a packet one.
fn frames(message: &Owned) -> Vec<(Envelope, String)> {
    let packet = |text: String| vec![(Envelope::SocketIo, text)];
    let (event, payload) = match message {
        Owned::Control(control) => return packet(control_packet(control)),
        Owned::Open(interval, timeout) => {
            let json = format!(r#"0{{"pingInterval":{interval},"pingTimeout":{timeout}}}"#);
            return packet(json);
        }
        Owned::Refused(why) => return packet(format!(r#"44{{"message":{}}}"#, string(why))),
        // A name that is documented cannot be unknown, and none is that of a bare payload.
        Owned::Unknown(name) => (name.as_str(), "{}".to_owned()),
        Owned::Error(why) => ("error", format!(r#"{{"message":{}}}"#, string(why))),
        Owned::OrderBook(bids, asks, trades) => ("orderbook", order_book(bids, asks, trades)),
        Owned::Kline([add, modify]) => {
            let [add, modify] = [add, modify].map(candle);
            ("kline", format!(r#"{{"add":{add},"modify":{modify}}}"#))
        }
        Owned::Positions(balances) => {
            let balances = array(balances, |it| write_fields(it, BALANCE));
            ("positions", format!(r#"{{"spot":{balances}}}"#))
        }
        Owned::OpenOrders(lists) => {
            let [cancel, modify] = lists
                .each_ref()
                .map(|list| array(list, |it| write_fields(it, ORDER)));
            (
                "openorders",
                format!(r#"{{"cancel":{cancel},"modify":{modify}}}"#),
            )
        }
    };
    let event = string(event);
    let mut frames = vec![
        (Envelope::SocketIo, format!("42[{event},{payload}]")),
        (Envelope::Auto, format!("4217[{event},{payload}]")),
        (
            Envelope::Plain,
            format!(r#"{{"event":{event},"message":{payload}}}"#),
        ),
        (
            Envelope::Plain,
            format!(r#"{{"event":{event},"data":{payload}}}"#),
        ),
    ];
    // The keys of an empty message do not identify it.
    let is_identified = !matches!(
        message,
        Owned::Kline([None, None]) | Owned::Error(_) | Owned::Unknown(_)
    );
    frames.extend(is_identified.then_some((Envelope::Auto, payload)));
    frames
}

/// A packet by its `Debug` form.
fn control_packet(control: &str) -> String {
    match control {
        "Joined" => "40".to_owned(),
        "Left" => "41".to_owned(),
        "Close" => "1".to_owned(),
        "Ping" => "2".to_owned(),
        "Pong" => "3".to_owned(),
        "Noop" => "6".to_owned(),
        ack => {
            let id: String = ack.chars().filter(char::is_ascii_digit).collect();
            format!("43{id}[]")
        }
    }
}

fn candle(candle: &Option<Vec<Field>>) -> String {
    let written = candle.as_ref().map(|it| write_fields(it, CANDLE));
    written.unwrap_or_else(|| "null".to_owned())
}

fn order_book(bids: &[Level], asks: &[Level], trades: &[Trade]) -> String {
    let level = |it: &Level| {
        let (ticks, lots, count) = (it.ticks.0, it.lots.0, it.count);
        format!(r#"{{"ticks":{ticks},"lots":{lots},"count":{count}}}"#)
    };
    let trade = |it: &Trade| {
        let (lots, ticks, created) = (it.lots.0, it.ticks.0, it.created.0);
        let side = string(it.side.as_str());
        format!(r#"{{"lots":{lots},"ticks":{ticks},"side":{side},"created":{created}}}"#)
    };
    format!(
        r#"{{"orderBook":{{"asks":{},"bids":{}}},"trades":{}}}"#,
        array(asks, level),
        array(bids, level),
        array(trades, trade),
    )
}
