//! Renewals.

use super::*;

fn item(n: usize) -> Item {
    Item::new('k', n.to_string())
}

/// Confirmed topics without names.
fn subscribed(count: usize, max_per_message: usize) -> Subscriptions<Item> {
    let mut all = many('k', count, max_per_message);
    send_all(&mut all, 0);
    for n in 0..count {
        all.on_topic_subscribed(&item(n));
    }
    assert_eq!(all.unacknowledged(), 0);
    all
}

#[test]
fn renewal_unsubscribes_and_subscribes() {
    let mut all = subscribed(2, 10);
    assert!(all.renew(&item(1)));
    assert_eq!(all.state(&item(1)), Some(State::Renewing));
    assert_eq!(all.desired(), 2);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 1"]);
    assert_eq!(
        all.on_topic_unsubscribed(&item(1), Nanos(0)),
        Confirmed::Desired
    );
    assert_eq!(send_all(&mut all, 0), ["1"]);
    assert_eq!(all.on_topic_subscribed(&item(1)), Confirmed::Desired);
    assert_eq!(all.state(&item(1)), Some(State::Subscribed));
    assert!(all.renew(&item(1)), "and once more");
}

#[test]
fn a_renewal_by_name() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    for n in 0..2 {
        all.on_subscribed(&book(n).server_name());
        assert!(all.renew(&book(n)));
    }
    assert_eq!(
        send_all(&mut all, 0),
        ["unsubscribe b:m0", "unsubscribe b:m1"]
    );
    all.on_unsubscribed("b:m0", Nanos(0));
    assert_eq!(send_all(&mut all, 0), ["m0"]);
    all.on_unsubscribed("b:m1", Nanos(0));
    all.on_subscribed("b:m0");
    assert_eq!(send_all(&mut all, 0), ["m1"]);
}

#[test]
fn one_renewal_at_a_time() {
    let mut all = subscribed(1, 10);
    assert!(all.renew(&item(0)));
    assert!(!all.renew(&item(0)), "due");
    send_all(&mut all, 0);
    assert!(!all.renew(&item(0)), "unsubscribing");
    all.on_topic_unsubscribed(&item(0), Nanos(0));
    assert!(!all.renew(&item(0)), "due again");
    send_all(&mut all, 0);
    assert!(!all.renew(&item(0)), "subscribing");
    all.on_topic_subscribed(&item(0));
    assert!(all.renew(&item(0)));
}

#[test]
fn renewals_are_sent_first() {
    let mut all = subscribed(4, 10);
    for n in 10..12 {
        subscribe(&mut all, item(n));
    }
    all.unsubscribe(&item(0), true);
    all.renew(&item(3));
    assert_eq!(send(&mut all, 0).as_deref(), Some("unsubscribe 3"));
    all.renew(&item(2));
    all.on_topic_unsubscribed(&item(3), Nanos(0));
    assert_eq!(
        send_all(&mut all, 0),
        ["3", "unsubscribe 2", "unsubscribe 0", "10 11"],
        "subscriptions of renewals are first"
    );
}

#[test]
fn batch_renewals_share_messages() {
    let mut all = subscribed(5, 2);
    subscribe(&mut all, Item::new('p', "x"));
    send_all(&mut all, 0);
    all.on_subscribed("p:x");
    all.renew(&Item::new('p', "x"));
    for n in [4, 2, 0, 1, 3] {
        all.renew(&item(n));
    }
    assert_eq!(
        send_all(&mut all, 0),
        [
            "unsubscribe 0 1",
            "unsubscribe 2 3",
            "unsubscribe 4",
            "unsubscribe p:x"
        ]
    );
    all.on_topic_unsubscribed(&item(1), Nanos(0));
    all.on_topic_unsubscribed(&item(3), Nanos(0));
    assert!(
        !all.is_due(),
        "each waits for the other topic of its message"
    );
    assert_eq!(all.state(&item(1)), Some(State::Renewing));
    all.on_topic_unsubscribed(&item(0), Nanos(0));
    assert_eq!(send_all(&mut all, 0), ["0 1"]);
    assert!(
        !all.on_topic_refused(&item(2)),
        "the server does not know it"
    );
    assert_eq!(send_all(&mut all, 0), ["2 3"]);
}

#[test]
fn unacknowledged_renewal_still_subscribes() {
    let mut all = subscribed(2, 10);
    all.renew(&item(0));
    all.renew(&item(1));
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 0 1"]);
    all.on_topic_unsubscribed(&item(1), Nanos(0));
    let mut sent = Vec::new();
    let mut now = 0;
    for _ in 0..5 {
        now = all.deadline().unwrap().0;
        timeout(&mut all, Nanos(now));
        sent.push((now / SECOND, send_all(&mut all, now).join(" ")));
        if now == 10 * SECOND {
            all.on_topic_subscribed(&item(1));
        }
    }
    // The unsubscription of 1 was acknowledged, so its timeout is reset.
    let expected = [(5, "0 1"), (10, "1"), (15, "0"), (35, "0"), (75, "0")];
    assert_eq!(sent, expected.map(|(at, text)| (at, text.to_owned())));
    assert_eq!(all.state(&item(1)), Some(State::Subscribed));
    all.on_topic_subscribed(&item(0));
    assert_eq!(all.deadline(), None);
    assert!(now > 0);
}

#[test]
fn late_acknowledgement_keeps_renewal() {
    let mut all = many('k', 1, 10);
    send_all(&mut all, 0);
    assert!(all.renew(&item(0)), "requested: the server may know it");
    assert_eq!(all.on_topic_subscribed(&item(0)), Confirmed::Desired);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 0"]);
    timeout(&mut all, Nanos(5 * SECOND));
    all.on_topic_subscribed(&item(0));
    assert_eq!(send_all(&mut all, 5 * SECOND), ["0"]);
    all.on_topic_unsubscribed(&item(0), Nanos(0));
    all.on_topic_subscribed(&item(0));
    assert_eq!(all.state(&item(0)), Some(State::Subscribed));
    assert_eq!(all.unacknowledged(), 0);
}

#[test]
fn waiting_topic_moves_to_front() {
    let mut all = many('k', 3, 2);
    assert!(all.renew(&item(2)));
    assert_eq!(send_all(&mut all, 0), ["2", "0 1"]);
}

#[test]
fn only_confirmed_topics_are_renewed() {
    let mut all = subscribed(2, 10);
    all.unsubscribe(&item(0), true);
    assert!(!all.renew(&item(0)), "due to be unsubscribed");
    send_all(&mut all, 0);
    assert!(!all.renew(&item(0)), "unsubscribing");
    assert!(!all.renew(&item(7)), "unknown");
    subscribe(&mut all, item(7));
    send_all(&mut all, 0);
    all.on_topic_refused(&item(7));
    assert!(!all.renew(&item(7)), "refused");
    subscribe(&mut all, Item::new('o', "x"));
    send_all(&mut all, 0);
    assert!(!all.renew(&Item::new('o', "x")), "its name is unknown");
}

#[test]
fn topic_undesired_during_renewal() {
    let mut all = subscribed(4, 10);
    all.renew(&item(0));
    assert!(all.unsubscribe(&item(0), true));
    assert_eq!(
        send_all(&mut all, 0),
        ["unsubscribe 0"],
        "before it was sent"
    );
    all.on_topic_unsubscribed(&item(0), Nanos(0));

    for n in [1, 2, 3] {
        all.renew(&item(n));
    }
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 1 2 3"]);
    assert!(all.unsubscribe(&item(1), true));
    assert!(!all.is_due(), "its unsubscription is sent already");
    assert_eq!(
        all.on_topic_unsubscribed(&item(1), Nanos(0)),
        Confirmed::Undesired
    );
    all.on_topic_unsubscribed(&item(2), Nanos(0));
    assert!(all.unsubscribe(&item(2), true));
    assert_eq!(all.state(&item(2)), None, "unsubscribed already");
    all.on_topic_unsubscribed(&item(3), Nanos(0));
    assert_eq!(send_all(&mut all, 0), ["3"]);
}

#[test]
fn removed_topic_delays_no_renewal() {
    let mut all = subscribed(2, 10);
    all.renew(&item(0));
    all.renew(&item(1));
    send_all(&mut all, 0);
    all.on_topic_unsubscribed(&item(0), Nanos(0));
    assert!(all.unsubscribe(&item(1), false));
    assert_eq!(send_all(&mut all, 0), ["0"]);
}

#[test]
fn rate_limited_renewal_is_repeated() {
    let mut all = subscribed(2, 10);
    all.renew(&item(0));
    all.renew(&item(1));
    send_all(&mut all, 0);
    all.on_rate_limited();
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 0 1"]);
    all.on_topic_unsubscribed(&item(0), Nanos(0));
    all.on_rate_limited();
    assert_eq!(send_all(&mut all, 0), ["0", "unsubscribe 1"]);
    all.on_rate_limited();
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 1"]);
}

#[test]
fn a_new_connection_ends_renewals() {
    let mut all = subscribed(3, 10);
    all.renew(&item(0));
    send_all(&mut all, 0);
    all.renew(&item(1));
    all.restart();
    assert_eq!(send_all(&mut all, 0), ["0 1 2"]);
    check(&all);
}

/// Serves as a server that acknowledges each topic separately, with a free slot after each acknowledgement: the worst case
/// for full messages. Returns the numbers of unsubscriptions and subscriptions.
fn serve(all: &mut Subscriptions<Item>) -> (usize, usize) {
    let (mut unsubscribes, mut subscribes) = (0, 0);
    let mut inbox = std::collections::VecDeque::from_iter(send(all, 0));
    while let Some(message) = inbox.pop_front() {
        let ended = message.strip_prefix("unsubscribe ");
        *(if ended.is_some() {
            &mut unsubscribes
        } else {
            &mut subscribes
        }) += 1;
        for id in ended.unwrap_or(&message).split(' ') {
            let topic = Item::new('k', id);
            let confirmed = match ended {
                Some(_) => all.on_topic_unsubscribed(&topic, Nanos(0)),
                None => all.on_topic_subscribed(&topic),
            };
            assert_eq!(confirmed, Confirmed::Desired);
            inbox.extend(send(all, 0));
        }
    }
    (unsubscribes, subscribes)
}

#[test]
fn many_renewals_fill_messages() {
    let count = 10_000;
    for max in [1, 7, 100, count] {
        let mut all = subscribed(count, max);
        all.touched.0.set(0);
        (0..count).for_each(|n| assert!(all.renew(&item(n))));
        let expected = count.div_ceil(max);
        assert_eq!(serve(&mut all), (expected, expected), "{max}");
        assert_eq!((all.unacknowledged(), all.desired()), (0, count));
        assert!(all.iter().all(|(_, state)| state == State::Subscribed));
        let visits = all.touched.0.get().div_ceil(count as u64);
        assert!(visits <= 9, "{visits} for each topic");
    }
}
