//! Subscriptions in virtual time.

use super::SubscriptionState as State;
use super::*;

mod cost;
mod oracle;
mod renewal;

const SECOND: u64 = 1_000_000_000;

/// A topic of a channel. `b` has known names, `p` has known names and no batches, `o` has unknown names, and `k` has no
/// names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    channel: char,
    id: String,
}

impl Item {
    fn new(channel: char, id: impl Into<String>) -> Self {
        let id = id.into();
        Self { channel, id }
    }

    fn name(&self) -> Name {
        match self.channel {
            'k' => Name::Unused,
            'o' => Name::Unknown,
            _ => Name::known(self.server_name()),
        }
    }

    fn server_name(&self) -> String {
        format!("{}:{}", self.channel, self.id)
    }
}

impl Topic for Item {
    type Batch = char;

    fn batch(&self) -> char {
        self.channel
    }

    fn is_batchable(&self) -> bool {
        self.channel != 'p'
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn is_named(&self, name: &str) -> bool {
        name == self.server_name()
    }
}

fn empty(max_per_message: usize) -> Subscriptions<Item> {
    Subscriptions::new(Duration::from_secs(5), max_per_message)
}

fn subscribe(all: &mut Subscriptions<Item>, item: Item) -> bool {
    let name = item.name();
    all.subscribe(item, name)
}

/// `count` topics of a channel: `0`, `1` and so on.
fn many(channel: char, count: usize, max_per_message: usize) -> Subscriptions<Item> {
    let mut all = empty(max_per_message);
    for n in 0..count {
        assert!(subscribe(&mut all, Item::new(channel, n.to_string())));
    }
    all
}

fn rooms(count: usize) -> Subscriptions<Item> {
    let mut all = empty(10);
    for n in 0..count {
        assert!(subscribe(&mut all, book(n)));
    }
    all
}

fn book(n: usize) -> Item {
    Item::new('b', format!("m{n}"))
}

/// The next message as text.
fn send(all: &mut Subscriptions<Item>, now: u64) -> Option<String> {
    let mut text = String::new();
    let ids = |topics: &[&Item]| {
        let ids: Vec<&str> = topics.iter().map(|topic| topic.id()).collect();
        ids.join(" ")
    };
    let sent = all.send_next(Nanos(now), |message| {
        text = match message {
            ToSend::Subscribe(topics) => ids(topics),
            ToSend::Unsubscribe(topics) => format!("unsubscribe {}", ids(topics)),
            ToSend::UnsubscribeByName(name) => format!("unsubscribe {name}"),
        }
    });
    sent.then_some(text)
}

/// All due messages as text.
fn send_all(all: &mut Subscriptions<Item>, now: u64) -> Vec<String> {
    std::iter::from_fn(|| send(all, now)).collect()
}

/// Runs the timeout. Returns the unconfirmed topics with their numbers of attempts.
fn timeout(all: &mut Subscriptions<Item>, now: Nanos) -> Vec<(String, u32)> {
    let mut unconfirmed = Vec::new();
    let flow = all.timeout(now, |topic, attempts| {
        unconfirmed.push((topic.id.clone(), attempts));
        ControlFlow::Continue(())
    });
    assert!(flow.is_continue());
    unconfirmed
}

fn refuse(all: &mut Subscriptions<Item>, text: &str) -> Vec<String> {
    let refused = all.on_refused(None, text.split(' '));
    refused.into_iter().map(|topic| topic.id).collect()
}

/// Asserts that index, names and unanswered messages agree with the states.
fn check(all: &Subscriptions<Item>) {
    let mut index = Index::default();
    let mut names = Names::default();
    for (&key, it) in &all.all {
        index.insert(key, it);
        names.insert(key, &it.name);
        names.ids.add(it.topic.id());
        assert_eq!(all.by_topic.get(&it.topic), Some(&key));
    }
    assert_eq!(all.by_topic.len(), all.all.len());
    assert_eq!(all.index, index);
    assert_eq!(all.names, names);
    let bytes: usize = all.all.values().map(Subscription::bytes).sum();
    assert_eq!(all.memory(), bytes);
    check_unanswered(all);
}

fn check_unanswered(all: &Subscriptions<Item>) {
    for (&key, it) in &all.all {
        let mut it = it.clone();
        for action in [Action::Subscribe, Action::Unsubscribe] {
            let seqs = all.unanswered.of(key, action);
            assert_eq!(*it.unanswered(action), seqs);
        }
    }
    all.unanswered.check_ids();
    assert!(all.unacknowledged() <= MAX_UNANSWERED);
}

#[test]
fn messages_batch_ten_per_channel() {
    let mut all = rooms(12);
    subscribe(&mut all, Item::new('p', "e1"));
    subscribe(&mut all, Item::new('p', "e2"));
    subscribe(&mut all, book(12));
    assert!(!subscribe(&mut all, book(3)), "desired already");
    let sent = send_all(&mut all, 0);
    assert_eq!(
        sent,
        ["m0 m1 m2 m3 m4 m5 m6 m7 m8 m9", "m10 m11 m12", "e1", "e2"]
    );
    assert!(send_all(&mut all, 0).is_empty());
}

#[test]
fn unconfirmed_topics_retry_with_backoff() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    assert_eq!(all.on_subscribed("b:m0"), Confirmed::Desired);
    let mut requested = Vec::new();
    let mut now = 0;
    while now < 200 * SECOND {
        now = all.deadline().unwrap().0;
        let attempts = u32::try_from(requested.len()).unwrap() + 1;
        let unconfirmed = timeout(&mut all, Nanos(now));
        assert_eq!(unconfirmed, [("m1".to_owned(), attempts)], "each time");
        assert_eq!(send_all(&mut all, now), ["m1"]);
        requested.push(now / SECOND);
    }
    assert_eq!(requested, [5, 15, 35, 75, 155, 235], "and then every 80 s");
    assert_eq!(all.state(&book(0)), Some(State::Subscribed));
    all.on_subscribed("b:m1");
    assert_eq!(all.deadline(), None);
}

#[test]
fn error_with_id_refuses_topic() {
    let mut all = rooms(3);
    send_all(&mut all, 0);
    assert_eq!(refuse(&mut all, "unknown market: m1"), ["m1"]);
    assert_eq!(send_all(&mut all, 0), ["m0 m2"]);
    assert_eq!(all.state(&book(1)), Some(State::Refused));
    all.restart();
    assert_eq!(
        send_all(&mut all, 0),
        ["m0 m1 m2"],
        "a new connection, a new try"
    );
}

#[test]
fn error_without_id_isolates_topics() {
    let mut all = rooms(3);
    send_all(&mut all, 0);
    assert!(refuse(&mut all, "no").is_empty());
    assert_eq!(send_all(&mut all, 0), ["m0", "m1", "m2"]);
    all.on_subscribed("b:m0");
    assert_eq!(refuse(&mut all, "no"), ["m1"], "the oldest without a reply");
    all.on_subscribed("b:m2");
    let states: Vec<State> = all.iter().map(|(_, state)| state).collect();
    assert_eq!(
        states,
        [State::Subscribed, State::Refused, State::Subscribed]
    );
}

#[test]
fn error_concerns_its_batch() {
    let mut all = rooms(1);
    subscribe(&mut all, Item::new('p', "e"));
    send_all(&mut all, 0);
    assert_eq!(all.on_refused(Some('p'), []), [Item::new('p', "e")]);
    assert!(all.on_refused(Some('o'), []).is_empty());
    assert_eq!(all.state(&book(0)), Some(State::Requested));
}

#[test]
fn error_about_confirmed_topic() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    all.on_subscribed("b:m0");
    assert!(refuse(&mut all, "m0").is_empty());
    assert_eq!(all.state(&book(1)), Some(State::Requested));
}

#[test]
fn error_about_removed_topic() {
    let mut all = empty(10);
    for id in ["x", "y"] {
        subscribe(&mut all, Item::new('o', id));
        send_all(&mut all, 0);
    }
    assert!(
        all.unsubscribe(&Item::new('o', "y"), true),
        "it has no name yet"
    );
    assert!(refuse(&mut all, "y").is_empty());
    assert_eq!(all.state(&Item::new('o', "x")), Some(State::Requested));
    assert_eq!(all.unacknowledged(), 1);
}

#[test]
fn unsubscription_is_confirmed_or_expires() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    all.on_subscribed("b:m0");
    all.on_subscribed("b:m1");
    assert!(all.is_desired(&book(0)));
    assert!(all.unsubscribe(&book(0), true));
    assert!(all.unsubscribe(&book(1), true));
    assert!(!all.is_desired(&book(0)));
    assert_eq!(all.desired(), 0, "unsubscribing topics are not desired");
    assert_eq!(
        send_all(&mut all, 0),
        ["unsubscribe b:m0", "unsubscribe b:m1"]
    );
    assert_eq!(all.on_unsubscribed("b:m0", Nanos(0)), Confirmed::Undesired);
    assert_eq!(all.state(&book(0)), None);
    let mut sent = 1;
    while let Some(deadline) = all.deadline() {
        timeout(&mut all, deadline);
        sent += send_all(&mut all, deadline.0).len();
    }
    assert_eq!(
        (sent, all.state(&book(1))),
        (3, None),
        "given up after three"
    );
}

#[test]
fn new_timeout_applies_next_message() {
    let mut all = rooms(1);
    send_all(&mut all, 0);
    all.set_ack_timeout(Duration::from_secs(1));
    assert_eq!(all.deadline(), Some(Nanos(5 * SECOND)));
    subscribe(&mut all, book(1));
    send_all(&mut all, 0);
    assert_eq!(all.deadline(), Some(Nanos(SECOND)));
}

#[test]
fn renamed_topics_match_new_names() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    all.rename(|topic| match topic.id() {
        "m0" => Name::known("a new name".to_owned()),
        _ => topic.name(),
    });
    check(&all);
    assert_eq!(all.on_subscribed("b:m0"), Confirmed::Undesired);
    assert_eq!(all.on_subscribed("a new name"), Confirmed::Desired);
    assert_eq!(all.on_subscribed("b:m1"), Confirmed::Desired);
}

/// A topic with the defaults of the trait.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Plain(&'static str);

impl Topic for Plain {
    type Batch = ();

    fn batch(&self) {}

    fn id(&self) -> &str {
        self.0
    }
}

#[test]
fn default_topics_have_no_name() {
    let mut all = Subscriptions::new(Duration::from_secs(5), 10);
    for topic in [Plain("a"), Plain("b")] {
        assert!(all.subscribe(topic, Name::Unknown));
    }
    let mut batches = Vec::new();
    while all.send_next(Nanos(0), |message| match message {
        ToSend::Subscribe(topics) => batches.push(topics.len()),
        _ => batches.push(0),
    }) {}
    assert_eq!(batches, [2]);
    assert_eq!(all.on_subscribed("a"), Confirmed::Undesired);
}

#[test]
fn unsent_topic_is_removed() {
    let mut all = rooms(1);
    assert!(all.unsubscribe(&book(0), true));
    assert!(!all.unsubscribe(&book(0), true));
    assert!(send_all(&mut all, 0).is_empty());
}

#[test]
fn desired_again_while_unsubscribing() {
    let mut all = rooms(1);
    send_all(&mut all, 0);
    all.on_subscribed("b:m0");
    all.unsubscribe(&book(0), true);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe b:m0"]);
    assert!(subscribe(&mut all, book(0)));
    assert_eq!(send_all(&mut all, 0), ["m0"]);
    // The replies arrive in the order of the messages.
    assert_eq!(all.on_unsubscribed("b:m0", Nanos(0)), Confirmed::Desired);
    assert_eq!(all.on_subscribed("b:m0"), Confirmed::Desired);
    assert_eq!(all.state(&book(0)), Some(State::Subscribed));
    assert!(send_all(&mut all, 0).is_empty());
}

#[test]
fn ended_subscription_retries_with_backoff() {
    let mut all = rooms(1);
    let (mut now, mut waits) = (0, Vec::new());
    assert_eq!(send_all(&mut all, now), ["m0"]);
    let mut end = |now: &mut u64| {
        all.on_subscribed("b:m0");
        assert_eq!(all.on_unsubscribed("b:m0", Nanos(*now)), Confirmed::Desired);
        assert!(send_all(&mut all, *now).is_empty(), "not at once");
        let due = all.deadline().unwrap();
        let wait = due.0 - *now;
        *now = due.0;
        assert_eq!(timeout(&mut all, due), [], "not unconfirmed");
        assert_eq!(send_all(&mut all, due.0), ["m0"]);
        wait * 4 / SECOND
    };
    waits.extend((0..7).map(|_| end(&mut now)));
    assert_eq!(
        waits,
        [5, 10, 20, 40, 80, 80, 80],
        "in quarters of a second"
    );
    now += 86 * SECOND;
    assert_eq!(end(&mut now), 5, "after one that lasted");
}

#[test]
fn long_subscription_resets_backoff() {
    for (late, quarters) in [(0, 10), (1, 5)] {
        let mut all = rooms(1);
        send_all(&mut all, 0);
        all.on_subscribed("b:m0");
        all.on_unsubscribed("b:m0", Nanos(0));
        let due = all.deadline().unwrap();
        timeout(&mut all, due);
        send_all(&mut all, due.0);
        all.on_subscribed("b:m0");
        // 5 s until the deadline, and 16 times that.
        let end = due.0 + 85 * SECOND + late;
        all.on_unsubscribed("b:m0", Nanos(end));
        let wait = all.deadline().unwrap().0 - end;
        assert_eq!(wait * 4 / SECOND, quarters);
    }
}

#[test]
fn ended_subscription_can_be_removed() {
    let mut all = rooms(2);
    send_all(&mut all, 0);
    for name in ["b:m0", "b:m1"] {
        all.on_subscribed(name);
        all.on_unsubscribed(name, Nanos(0));
    }
    assert!(all.unsubscribe(&book(0), true));
    assert_eq!(all.state(&book(0)), None, "the server does not know it");
    assert_eq!(all.on_subscribed("b:m1"), Confirmed::Desired);
    assert_eq!(all.deadline(), None);
    assert!(send_all(&mut all, 0).is_empty());
}

#[test]
fn callback_break_keeps_others_overdue() {
    let mut all = rooms(3);
    send_all(&mut all, 0);
    let late = Nanos(5 * SECOND);
    assert!(all.timeout(late, |_, _| ControlFlow::Break(())).is_break());
    assert_eq!(all.deadline(), Some(late));
    let rest = [("m1".to_owned(), 1), ("m2".to_owned(), 1)];
    assert_eq!(timeout(&mut all, late), rest);
}

#[test]
fn server_names_are_learned() {
    let mut all = empty(10);
    subscribe(&mut all, Item::new('o', "m"));
    send_all(&mut all, 0);
    assert_eq!(all.on_subscribed("o:other"), Confirmed::Undesired);
    assert_eq!(all.on_subscribed("o:m"), Confirmed::Desired);
    all.unsubscribe(&Item::new('o', "m"), true);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe o:m"]);
}

#[test]
fn topics_share_a_name() {
    let mut all = empty(10);
    for n in 0..2 {
        all.subscribe(book(n), Name::known("same"));
    }
    send_all(&mut all, 0);
    all.on_subscribed("same");
    assert_eq!(all.state(&book(0)), Some(State::Subscribed));
    all.unsubscribe(&book(0), false);
    all.on_subscribed("same");
    assert_eq!(all.state(&book(1)), Some(State::Subscribed));
}

#[test]
fn nameless_topics_share_unsubscription() {
    let mut all = many('k', 3, 2);
    assert_eq!(send_all(&mut all, 0), ["0 1", "2"]);
    for n in 0..3 {
        let topic = Item::new('k', n.to_string());
        assert_eq!(all.on_topic_subscribed(&topic), Confirmed::Desired);
        all.unsubscribe(&topic, true);
    }
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 0 1", "unsubscribe 2"]);
    assert!(
        !all.on_topic_refused(&Item::new('k', "0")),
        "it counts as confirmed"
    );
    for n in 1..3 {
        let topic = Item::new('k', n.to_string());
        assert_eq!(
            all.on_topic_unsubscribed(&topic, Nanos(0)),
            Confirmed::Undesired
        );
    }
    assert_eq!((all.iter().count(), all.unacknowledged()), (0, 0));
}

#[test]
fn refusal_concerns_one_topic() {
    let mut all = many('k', 3, 10);
    send_all(&mut all, 0);
    let topic = Item::new('k', "1");
    assert!(all.on_topic_refused(&topic));
    assert!(!all.on_topic_refused(&topic), "nothing is unanswered");
    assert_eq!(all.state(&topic), Some(State::Refused));
    assert_eq!(all.state(&Item::new('k', "0")), Some(State::Requested));
    assert!(subscribe(&mut all, topic), "a new try");
    assert_eq!(send_all(&mut all, 0), ["1"]);
}

#[test]
fn refusal_belongs_to_its_request() {
    let mut all = many('k', 2, 10);
    let topic = Item::new('k', "1");
    assert!(!all.awaits_reply(&topic, Action::Subscribe));
    send_all(&mut all, 0);
    assert!(all.awaits_reply(&topic, Action::Subscribe));
    assert!(!all.on_request_refused(&topic, Action::Unsubscribe));
    assert_eq!(all.state(&topic), Some(State::Requested));
    assert!(all.on_request_refused(&topic, Action::Subscribe));
    assert_eq!(all.state(&topic), Some(State::Refused));
    assert_eq!(all.unacknowledged(), 1);
}

#[test]
fn one_topic_is_sent_again() {
    let mut all = many('k', 3, 10);
    send_all(&mut all, 0);
    let topic = Item::new('k', "1");
    all.on_topic_rate_limited(&topic, Action::Subscribe);
    assert!(!all.awaits_reply(&topic, Action::Subscribe));
    assert_eq!(send_all(&mut all, 0), ["1"]);
    all.on_topic_subscribed(&topic);
    all.renew(&topic);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 1"]);
    all.on_topic_rate_limited(&topic, Action::Unsubscribe);
    assert_eq!(send_all(&mut all, 0), ["unsubscribe 1"]);
}

#[test]
fn rate_limited_message_is_sent_again() {
    let mut all = rooms(11);
    send_all(&mut all, 0);
    all.on_rate_limited();
    assert_eq!(send_all(&mut all, 0), ["m10"], "the last message");
    assert_eq!(all.desired(), 11);
}

#[test]
fn unanswered_messages_expire() {
    let mut all = rooms(1);
    send_all(&mut all, 0);
    subscribe(&mut all, book(1));
    send_all(&mut all, 80 * SECOND);
    assert_eq!(all.unacknowledged(), 2);
    subscribe(&mut all, book(2));
    send_all(&mut all, 80 * SECOND + 1);
    assert_eq!(
        all.unacknowledged(),
        2,
        "the first is older than 16 times 5 s"
    );
    assert_eq!(
        all.on_subscribed("b:m0"),
        Confirmed::Desired,
        "late, not lost"
    );
}

#[test]
fn orphans_are_unsubscribed_last() {
    let mut all = rooms(1);
    all.unsubscribe_orphan("b:m0");
    all.unsubscribe_orphan("x");
    all.unsubscribe_orphan("x");
    assert_eq!(send_all(&mut all, 0), ["m0", "unsubscribe x"]);
    (0..100).for_each(|n| all.unsubscribe_orphan(&n.to_string()));
    assert_eq!(send_all(&mut all, 0).len(), MAX_ORPHANS);
}

#[test]
fn topic_count_is_bounded() {
    let mut all = empty(10).max_topics(1);
    assert!(subscribe(&mut all, book(0)));
    assert!(!subscribe(&mut all, book(1)));
    all.unsubscribe(&book(0), true);
    assert!(subscribe(&mut all, book(1)));
}

/// After any operations, a desired topic is due, has a deadline, or has a reply.
#[test]
fn no_desired_topic_is_lost() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let mut all = rooms(0);
        let mut desired = HashSet::new();
        let mut now = 0;
        for _ in 0..200 {
            let (n, name) = (random.usize(0..25), format!("b:m{}", random.usize(0..25)));
            match random.u8(0..10) {
                0 | 1 => {
                    subscribe(&mut all, book(n));
                    desired.insert(n);
                }
                2 => {
                    all.unsubscribe(&book(n), random.bool());
                    desired.remove(&n);
                }
                3 => drop(all.on_subscribed(&name)),
                4 => drop(all.on_unsubscribed(&name, Nanos(now))),
                5 if n.is_multiple_of(3) => drop(refuse(&mut all, &format!("m{n}"))),
                5 => drop(refuse(&mut all, "no")),
                6 => all.on_rate_limited(),
                7 => all.restart(),
                8 => drop(all.renew(&book(n))),
                _ => {
                    now += random.u64(0..20 * SECOND);
                    timeout(&mut all, Nanos(now));
                }
            }
            if random.bool() {
                send_all(&mut all, now);
            }
            assert_eq!(all.desired(), desired.len());
            for it in all.all.values() {
                let pending = it.has_deadline() && all.deadline().is_some_and(|t| t <= it.deadline);
                let answered = matches!(it.state, State::Subscribed | State::Refused);
                assert!(it.due || pending || answered, "{it:?}");
            }
            check(&all);
        }
    }
}
