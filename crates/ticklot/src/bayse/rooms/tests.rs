//! Rooms in virtual time.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rooms(markets: usize) -> Rooms {
    let mut rooms = Rooms::new(Duration::from_secs(5), Currency::Usd);
    for n in 0..markets {
        assert!(rooms.want(Topic::order_book(format!("m{n}"))));
    }
    rooms
}

fn book(n: usize) -> Topic {
    Topic::order_book(format!("m{n}"))
}

/// Everything that is due, as text.
fn send_all(rooms: &mut Rooms, now: u64) -> Vec<String> {
    let mut sent = Vec::new();
    while rooms.send_next(Nanos(now), |message| {
        sent.push(match message {
            ToSend::Ask(topics) => topics
                .iter()
                .map(|topic| topic.id())
                .collect::<Vec<_>>()
                .join(" "),
            ToSend::Leave(name) => format!("leave {name}"),
        });
    }) {}
    sent
}

fn refuse(rooms: &mut Rooms, text: &str) -> Vec<String> {
    let refused = rooms.refused(None, |topic| text.contains(topic.id()));
    refused.iter().map(|topic| topic.id().to_owned()).collect()
}

#[test]
fn ten_in_a_message_and_each_channel_by_itself() {
    let mut rooms = rooms(12);
    rooms.want(Topic::prices("e1"));
    rooms.want(Topic::prices("e2"));
    rooms.want(book(12));
    assert!(!rooms.want(book(3)), "desired already");
    let sent = send_all(&mut rooms, 0);
    assert_eq!(
        sent,
        ["m0 m1 m2 m3 m4 m5 m6 m7 m8 m9", "m10 m11 m12", "e1", "e2"]
    );
    assert!(send_all(&mut rooms, 0).is_empty());
}

#[test]
fn what_is_not_confirmed_is_asked_again_with_doubling_patience() {
    let mut rooms = rooms(2);
    send_all(&mut rooms, 0);
    assert_eq!(rooms.joined("orderbook:m0"), Confirmed::Desired);
    let mut asked = Vec::new();
    let mut now = 0;
    while now < 200 * SECOND {
        now = rooms.deadline().unwrap().0;
        rooms.timeout(Nanos(now));
        assert_eq!(send_all(&mut rooms, now), ["m1"]);
        asked.push(now / SECOND);
    }
    assert_eq!(asked, [5, 15, 35, 75, 155, 235], "and then every 80 s");
    assert_eq!(rooms.stage(&book(0)), Some(Stage::Joined));
    rooms.joined("orderbook:m1");
    assert_eq!(rooms.deadline(), None);
}

#[test]
fn an_error_that_names_a_room_refuses_that_one_and_asks_again_for_the_others() {
    let mut rooms = rooms(3);
    send_all(&mut rooms, 0);
    assert_eq!(refuse(&mut rooms, "unknown market: m1"), ["m1"]);
    assert_eq!(send_all(&mut rooms, 0), ["m0 m2"]);
    assert_eq!(rooms.stage(&book(1)), Some(Stage::Refused));
    rooms.restart();
    assert_eq!(
        send_all(&mut rooms, 0),
        ["m0 m1 m2"],
        "a new connection, a new try"
    );
}

#[test]
fn an_error_that_names_none_makes_each_be_asked_for_alone() {
    let mut rooms = rooms(3);
    send_all(&mut rooms, 0);
    assert!(refuse(&mut rooms, "no").is_empty());
    assert_eq!(send_all(&mut rooms, 0), ["m0", "m1", "m2"]);
    rooms.joined("orderbook:m0");
    assert_eq!(
        refuse(&mut rooms, "no"),
        ["m1"],
        "the oldest that is not answered"
    );
    rooms.joined("orderbook:m2");
    let stages: Vec<Stage> = rooms.iter().map(|(_, stage)| stage).collect();
    assert_eq!(stages, [Stage::Joined, Stage::Refused, Stage::Joined]);
}

#[test]
fn an_error_goes_to_the_channel_that_it_is_about() {
    let mut rooms = rooms(1);
    rooms.want(Topic::prices("e"));
    send_all(&mut rooms, 0);
    let refused = rooms.refused(Some(Channel::Prices), |_| false);
    assert_eq!(refused, [Topic::prices("e")]);
    assert!(rooms.refused(Some(Channel::Orders), |_| false).is_empty());
    assert_eq!(rooms.stage(&book(0)), Some(Stage::Asked));
}

#[test]
fn leaving_is_confirmed_or_given_up() {
    let mut rooms = rooms(2);
    send_all(&mut rooms, 0);
    rooms.joined("orderbook:m0");
    rooms.joined("orderbook:m1");
    assert!(rooms.unwant(&book(0), true));
    assert!(rooms.unwant(&book(1), true));
    assert!(!rooms.is_desired(&book(0)));
    assert_eq!(
        send_all(&mut rooms, 0),
        ["leave orderbook:m0", "leave orderbook:m1"]
    );
    assert_eq!(rooms.left("orderbook:m0"), Confirmed::Undesired);
    assert_eq!(rooms.stage(&book(0)), None);
    let mut leaves = 1;
    while let Some(deadline) = rooms.deadline() {
        rooms.timeout(deadline);
        leaves += send_all(&mut rooms, deadline.0).len();
    }
    assert_eq!(
        (leaves, rooms.stage(&book(1))),
        (3, None),
        "given up after three"
    );
}

#[test]
fn a_room_that_was_never_asked_for_is_forgotten_at_once() {
    let mut rooms = rooms(1);
    assert!(rooms.unwant(&book(0), true));
    assert!(!rooms.unwant(&book(0), true));
    assert!(send_all(&mut rooms, 0).is_empty());
}

#[test]
fn desired_again_while_leaving() {
    let mut rooms = rooms(1);
    send_all(&mut rooms, 0);
    rooms.joined("orderbook:m0");
    rooms.unwant(&book(0), true);
    assert_eq!(send_all(&mut rooms, 0), ["leave orderbook:m0"]);
    assert!(rooms.want(book(0)));
    assert_eq!(send_all(&mut rooms, 0), ["m0"]);
    // The answers come in the order of the messages.
    assert_eq!(rooms.left("orderbook:m0"), Confirmed::Desired);
    assert_eq!(rooms.joined("orderbook:m0"), Confirmed::Desired);
    assert_eq!(rooms.stage(&book(0)), Some(Stage::Joined));
    assert!(send_all(&mut rooms, 0).is_empty());
}

#[test]
fn a_room_that_the_server_ends_is_asked_for_again() {
    let mut rooms = rooms(1);
    send_all(&mut rooms, 0);
    rooms.joined("orderbook:m0");
    assert_eq!(rooms.left("orderbook:m0"), Confirmed::Desired);
    assert_eq!(send_all(&mut rooms, 0), ["m0"]);
}

#[test]
fn names_that_only_the_server_knows() {
    let mut rooms = rooms(0);
    rooms.want(Topic::orders("m"));
    rooms.want(Topic::user_trades("u-7"));
    send_all(&mut rooms, 0);
    assert_eq!(rooms.joined("orders:u-7:other"), Confirmed::Undesired);
    assert_eq!(rooms.joined("orders:u-7:m"), Confirmed::Desired);
    assert_eq!(rooms.joined("user_trades:u-7"), Confirmed::Desired);
    rooms.unwant(&Topic::orders("m"), true);
    assert_eq!(send_all(&mut rooms, 0), ["leave orders:u-7:m"]);
}

#[test]
fn too_much_is_sent_again() {
    let mut rooms = rooms(11);
    send_all(&mut rooms, 0);
    rooms.too_much();
    assert_eq!(send_all(&mut rooms, 0), ["m10"], "the last message");
    assert_eq!(rooms.desired(), 11);
}

/// Whatever happens, a desired room waits, was asked for and will be again, or was answered.
#[test]
fn none_is_ever_forgotten() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let mut rooms = rooms(0);
        let mut desired = std::collections::HashSet::new();
        let mut now = 0;
        for _ in 0..200 {
            let (n, name) = (
                random.usize(0..25),
                format!("orderbook:m{}", random.usize(0..25)),
            );
            match random.u8(0..9) {
                0 | 1 => {
                    rooms.want(book(n));
                    desired.insert(n);
                }
                2 => {
                    rooms.unwant(&book(n), random.bool());
                    desired.remove(&n);
                }
                3 => drop(rooms.joined(&name)),
                4 => drop(rooms.left(&name)),
                5 => drop(rooms.refused(None, |topic| random_name(topic, n))),
                6 => rooms.too_much(),
                7 => rooms.restart(),
                _ => {
                    now += random.u64(0..20 * SECOND);
                    rooms.timeout(Nanos(now));
                }
            }
            if random.bool() {
                send_all(&mut rooms, now);
            }
            assert_eq!(rooms.desired(), desired.len());
            for room in rooms.rooms.values() {
                let asked =
                    room.awaits_answer() && rooms.next_overdue.is_some_and(|t| t <= room.overdue);
                let answered = matches!(room.stage, Stage::Joined | Stage::Refused);
                assert!(room.due || asked || answered, "{room:?}");
            }
            assert!(rooms.unanswered() <= MAX_UNANSWERED);
        }
    }
}

fn random_name(topic: &Topic, n: usize) -> bool {
    n.is_multiple_of(3) && topic.id() == format!("m{n}")
}
