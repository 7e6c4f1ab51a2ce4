//! Serialization of the plain values with serde, and their generation with `arbitrary`.
#![allow(clippy::unwrap_used)]

use arbitrary::{Arbitrary, Unstructured};
use ticklot_book::{Lots, Ticks};
use ticklot_frame::bayse::Currency;
use ticklot_frame::jayx::Envelope;
use ticklot_frame::{Trade, TradeSide, UnixMillis, UnixSeconds, VenueName};

#[test]
fn values_serialize_by_table() {
    let trade = Trade {
        ticks: Ticks(1),
        lots: Lots(2),
        side: TradeSide::Buy,
        created: UnixMillis(3),
    };
    let text = r#"{"ticks":1,"lots":2,"side":"BUY","created":3}"#;
    assert_eq!(serde_json::to_string(&trade).unwrap(), text);
    assert_eq!(serde_json::from_str::<Trade>(text).unwrap(), trade);
    let all = (UnixSeconds(4), Envelope::SocketIo, Currency::Ngn);
    let text = r#"[4,"socket_io","NGN"]"#;
    assert_eq!(serde_json::to_string(&all).unwrap(), text);
    assert_eq!(
        serde_json::from_str::<(UnixSeconds, Envelope, Currency)>(text).unwrap(),
        all
    );
    assert_eq!(
        serde_json::to_string(&VenueName::JAYX).unwrap(),
        r#""jayx""#
    );
}

#[test]
fn trades_can_be_generated() {
    let bytes: Vec<u8> = (0..64).collect();
    let mut bytes = Unstructured::new(&bytes);
    let trades: Vec<Trade> = (0..2)
        .map(|_| Trade::arbitrary(&mut bytes).unwrap())
        .collect();
    assert_ne!(trades[0], trades[1]);
}
