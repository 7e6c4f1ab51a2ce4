//! The number of topics that calls visit, with the most topics of a connection.

use super::*;

const COUNT: usize = 10_000;

/// The visits per topic, rounded up.
fn visits(all: &Subscriptions<Item>) -> u64 {
    all.touched.0.replace(0).div_ceil(COUNT as u64)
}

fn topics(channel: char) -> impl Iterator<Item = Item> {
    (0..COUNT).map(move |n| Item::new(channel, n.to_string()))
}

/// All topics, sent.
fn sent(channel: char) -> Subscriptions<Item> {
    let mut all = many(channel, COUNT, 10);
    send_all(&mut all, 0);
    assert!(visits(&all) <= 3, "each is added, sent, and may be dropped");
    all
}

#[test]
fn cost_of_confirmations() {
    for channel in ['b', 'p', 'k'] {
        let mut all = sent(channel);
        for topic in topics(channel) {
            let confirmed = match topic.name() {
                Name::Known(name) => all.on_subscribed(&name),
                _ => all.on_topic_subscribed(&topic),
            };
            assert_eq!(confirmed, Confirmed::Desired);
        }
        assert_eq!(visits(&all), 1, "{channel}");
        assert_eq!((all.unacknowledged(), all.deadline()), (0, None));
    }
}

#[test]
fn cost_of_reversed_confirmations() {
    let mut all = many('k', COUNT, COUNT);
    assert_eq!(send_all(&mut all, 0).len(), 1);
    visits(&all);
    for n in (0..COUNT).rev() {
        all.on_topic_subscribed(&Item::new('k', n.to_string()));
    }
    assert_eq!((visits(&all), all.unacknowledged()), (1, 0));
}

#[test]
fn cost_of_learned_names() {
    let mut all = sent('b');
    for n in 0..10 {
        subscribe(&mut all, Item::new('o', n.to_string()));
    }
    send_all(&mut all, 0);
    visits(&all);
    for topic in topics('b') {
        let _ = all.on_subscribed(&topic.server_name());
    }
    assert_eq!(visits(&all), 1, "unknown names cost nothing for known ones");
    all.touched.0.set(0);
    for n in 0..10 {
        assert_eq!(all.on_subscribed(&format!("o:{n}")), Confirmed::Desired);
    }
    let visits = all.touched.0.replace(0);
    assert!(visits <= 10 + 10, "each is the first unknown one: {visits}");
    all.on_subscribed("o:9");
    assert_eq!(all.touched.0.get(), 1, "its name is known now");
}

#[test]
fn refused_by_id() {
    for reverse in [false, true] {
        let mut all = sent('p');
        let mut ids: Vec<String> = topics('p').map(|topic| topic.id).collect();
        // The oldest messages beyond the limit are dropped.
        ids.drain(..COUNT - MAX_UNANSWERED);
        if reverse {
            ids.reverse();
        }
        for id in &ids {
            assert_eq!(refuse(&mut all, &format!("unknown id {id}")), [id.as_str()]);
        }
        assert_eq!((visits(&all), all.unacknowledged()), (1, 0));
    }
}

#[test]
fn refused_one_by_one() {
    let mut all = sent('k');
    for topic in topics('k') {
        assert!(all.on_topic_refused(&topic));
    }
    assert_eq!((visits(&all), all.unacknowledged()), (1, 0));
}

#[test]
fn refused_without_an_id() {
    let mut all = sent('b');
    let messages = all.unacknowledged();
    for _ in 0..messages {
        assert!(refuse(&mut all, "no").is_empty());
    }
    assert!(visits(&all) <= 2);
    let mut refused = 0;
    while send(&mut all, 0).is_some() {
        refused += refuse(&mut all, "no").len();
    }
    assert_eq!(refused, COUNT);
    assert!(visits(&all) <= 3);
}

#[test]
fn cost_of_timeouts() {
    let mut all = sent('b');
    timeout(&mut all, Nanos(4 * SECOND));
    assert_eq!(visits(&all), 0);
    timeout(&mut all, Nanos(5 * SECOND));
    assert_eq!(visits(&all), 1);
    assert_eq!(send_all(&mut all, 5 * SECOND).len(), COUNT / 10);
    assert!(visits(&all) <= 2);
}

#[test]
fn cost_of_unsubscribing() {
    for channel in ['b', 'k'] {
        let mut all = sent(channel);
        for topic in topics(channel) {
            let _ = all.on_topic_subscribed(&topic);
        }
        topics(channel).for_each(|topic| assert!(all.unsubscribe(&topic, true)));
        assert_eq!((visits(&all), all.desired()), (2, 0));
        send_all(&mut all, 0);
        for topic in topics(channel) {
            let _ = all.on_topic_unsubscribed(&topic, Nanos(0));
        }
        assert!(visits(&all) <= 3);
        assert_eq!(all.iter().count(), 0);
    }
}

#[test]
fn cost_of_single_sends() {
    let mut all = many('p', COUNT, 10);
    all.touched.0.set(0);
    for n in 0..COUNT {
        assert_eq!(all.desired(), COUNT);
        assert!(all.is_due());
        assert!(send(&mut all, n as u64).is_some());
        let oldest = Nanos(5 * SECOND);
        assert_eq!(all.deadline(), Some(oldest));
    }
    assert!(visits(&all) <= 2);
}
