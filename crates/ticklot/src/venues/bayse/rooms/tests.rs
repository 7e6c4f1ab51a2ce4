//! The rooms' names and messages.

use ticklot_book::Nanos;

use super::*;
use crate::venue::subscriptions::{Confirmed, SubscriptionState, ToSend};

fn rooms(topics: &[Topic], currency: Currency) -> Subscriptions<Topic> {
    let mut rooms = new(Duration::from_secs(5));
    for topic in topics {
        assert!(rooms.subscribe(topic.clone(), name(topic, currency)));
    }
    rooms
}

/// Everything that is due, as text.
fn send_all(rooms: &mut Subscriptions<Topic>) -> Vec<String> {
    let mut sent = Vec::new();
    while rooms.send_next(Nanos(0), |message| {
        sent.push(match message {
            ToSend::Subscribe(topics) => {
                let ids: Vec<&str> = topics.iter().map(|topic| topic.id()).collect();
                ids.join(" ")
            }
            ToSend::UnsubscribeByName(name) => format!("leave {name}"),
            ToSend::Unsubscribe(_) => panic!("every room has a name"),
        });
    }) {}
    sent
}

#[test]
fn a_message_has_ten_markets() {
    let topics: Vec<Topic> = (0..12)
        .map(|n| Topic::order_book(format!("m{n}")))
        .chain(["e1", "e2"].map(Topic::prices))
        .collect();
    let mut rooms = rooms(&topics, Currency::Usd);
    let sent = send_all(&mut rooms);
    assert_eq!(
        sent,
        ["m0 m1 m2 m3 m4 m5 m6 m7 m8 m9", "m10 m11", "e1", "e2"]
    );
}

#[test]
fn server_names_are_learnt() {
    let topics = [Topic::orders("m"), Topic::user_trades("u-7")];
    let mut rooms = rooms(&topics, Currency::Usd);
    send_all(&mut rooms);
    assert_eq!(
        rooms.on_subscribed("orders:u-7:other"),
        Confirmed::Undesired
    );
    assert_eq!(rooms.on_subscribed("orders:u-7:m"), Confirmed::Desired);
    assert_eq!(rooms.on_subscribed("user_trades:u-7"), Confirmed::Desired);
    rooms.unsubscribe(&topics[0], true);
    assert_eq!(send_all(&mut rooms), ["leave orders:u-7:m"]);
}

#[test]
fn names_follow_the_currency() {
    let topics = [Topic::order_book("m"), Topic::orders("m")];
    let mut rooms = rooms(&topics, Currency::Usd);
    rooms.rename(|topic| name(topic, Currency::Ngn));
    send_all(&mut rooms);
    assert_eq!(rooms.on_subscribed("orderbook:m"), Confirmed::Undesired);
    let name = topics[0].room_name(Currency::Ngn).unwrap();
    assert_eq!(rooms.on_subscribed(&name), Confirmed::Desired);
    assert_eq!(rooms.state(&topics[0]), Some(SubscriptionState::Subscribed));
    assert_eq!(rooms.state(&topics[1]), Some(SubscriptionState::Requested));
}

#[test]
fn rooms_are_limited() {
    let mut rooms = new(Duration::from_secs(5));
    for n in 0..=MAX_ROOMS {
        let topic = Topic::order_book(format!("m{n}"));
        let name = name(&topic, Currency::Usd);
        assert_eq!(rooms.subscribe(topic, name), n < MAX_ROOMS);
    }
}
