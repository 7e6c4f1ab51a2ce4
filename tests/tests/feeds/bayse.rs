//! A feed of Bayse Markets over real sockets, against the simulated venue.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::bayse::{Auth, Bayse, Command, Currency, Message, Plan, Symbol, Topic};
use ticklot::book::BookRefLevels;
use ticklot::events::{Receipt, Source};
use ticklot::transport::{Config as Transport, Connection, Incoming};
use ticklot::venue::subscriptions::SubscriptionState;
use ticklot::{Books, Disconnect, Event, Feed, Handler, Level, OnMessage, Options, Side};
use ticklot_sim::bayse::{self, Listing, User};
use ticklot_sim::{Rate, Server};
use ticklot_tests::accept::accept_by_hand;
use ticklot_tests::drive::{Drive, assert_stopped};
use ticklot_tests::handler::{break_if, ignore};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{listen, within};

fn quick() -> bayse::Config {
    bayse::Config {
        update_every: Duration::from_millis(5),
        asset_price_every: Duration::from_millis(20),
        ..Default::default()
    }
}

/// A handler that counts events and messages by kind, and stops once it has enough of each.
struct Kinds {
    seen: BTreeMap<String, u32>,
    enough: Vec<(String, u32)>,
}

impl Kinds {
    fn new<S: Into<String>>(enough: impl IntoIterator<Item = (S, u32)>) -> Self {
        let enough = enough.into_iter();
        Self {
            seen: BTreeMap::new(),
            enough: enough.map(|(kind, count)| (kind.into(), count)).collect(),
        }
    }

    fn count(&mut self, kind: String) -> ControlFlow<()> {
        *self.seen.entry(kind).or_default() += 1;
        let mut enough = self.enough.iter();
        break_if(enough.all(|(kind, count)| self.seen.get(kind).is_some_and(|n| n >= count)))
    }
}

impl Handler for Kinds {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        let kind = match event {
            Event::Book(update) => format!("book {}", books.name(update.book)),
            Event::Trades(trades) => {
                let side = trades.trades[0].side;
                format!("{} in {}", side.as_str(), trades.instrument.market)
            }
            Event::ReferencePrice(price) => {
                let instrument = price.instrument;
                match instrument.name == instrument.market {
                    true => format!("asset {}", instrument.name),
                    false => format!("price in {}", instrument.market),
                }
            }
            Event::Order(order) => format!("order {}", order.status),
            Event::Subscribed { topic: room, .. } => format!("joined {room}"),
            Event::RoundTrip { .. } => "round trip".to_owned(),
            Event::BadLine { error, .. } => panic!("{error}"),
            Event::Refused { message, .. } => panic!("{message}"),
            _ => return ControlFlow::Continue(()),
        };
        self.count(kind)
    }
}

impl OnMessage<Bayse> for Kinds {
    fn on_message(&mut self, message: &Message<'_>, _: Receipt, _: &Books) -> ControlFlow<()> {
        let kind = match message {
            Message::PriceUpdate(_) => "price update",
            Message::Activity(_) => "activity",
            Message::AssetPrice(_) => "asset price",
            Message::OrderUpdated(_) => "order update",
            _ => "another message",
        };
        self.count(kind.to_owned())
    }
}

#[tokio::test]
async fn one_handler_receives_every_channel() {
    let server = Server::bayse(quick()).await.unwrap();
    let (market, event) = (Listing::rate_cut().market_id, bayse::Event::rate_cut().id);
    let demo = User::demo();
    let plan = Plan::new()
        .url(&server.url())
        .auth(Auth::api_key(demo.api_key.unwrap()))
        .ping_every(Duration::from_millis(100))
        .follow(Topic::order_book(&market))
        .follow_in(Currency::Ngn, Topic::order_book(&market))
        .follow(Topic::prices(&event))
        .follow(Topic::activity(&event))
        .follow(Topic::activity_of(&event, &market))
        .follow(Topic::user_trades(&demo.id))
        .follow(Topic::asset_price(Symbol::BtcUsdt))
        .follow(Topic::asset_price(Symbol::UsdNgn))
        .follow(Topic::orders(&market));
    let mut feed = Feed::new(Kinds::new([
        (format!("book {}", Listing::rate_cut().yes_id), 20),
        (format!("book {}", Listing::rate_cut().no_id), 20),
        ("price update".to_owned(), 3),
        (format!("price in {market}"), 6),
        ("activity".to_owned(), 3),
        ("asset price".to_owned(), 3),
        ("order update".to_owned(), 1),
        (format!("BUY in {market}"), 3),
        (format!("SELL in {market}"), 3),
        ("asset BTCUSDT".to_owned(), 3),
        ("asset USDNGN".to_owned(), 3),
        ("order PARTIAL_FILLED".to_owned(), 1),
        ("order FILLED".to_owned(), 1),
        ("round trip".to_owned(), 3),
        (format!("joined orderbook:{market}"), 1),
        (format!("joined orderbook:{market}:NGN"), 1),
        (format!("joined prices:{event}"), 1),
        (format!("joined activity:{event}"), 1),
        (format!("joined activity:{event}:{market}"), 1),
        (format!("joined user_trades:{}", demo.id), 1),
        ("joined asset_prices:BTCUSDT".to_owned(), 1),
        ("joined asset_prices:USDNGN".to_owned(), 1),
        (format!("joined orders:{}:{market}", demo.id), 1),
    ]));
    let handles = feed
        .follow(plan, &Options::default(), &Transport::default())
        .unwrap();
    assert!(
        handles.subscribe(Currency::Usd, Topic::prices("")).is_err(),
        "an error at the call"
    );
    assert_eq!(handles.iter().count(), 4);
    let ended = within(feed.drive()).await;
    assert_stopped(&ended, 4);
    let mut stats = ended.iter().map(|end| end.stats);
    assert!(stats.all(|stats| stats.unknown + stats.unrequested == 0));
    // One market in USD and NGN: two books for each outcome, on two connections.
    let (books, _) = feed.into_parts();
    assert_eq!(books.len(), 4);
}

/// The client's books are the server's, level by level, in both currencies.
#[tokio::test]
async fn live_books_equal_server_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let truth = server.bayse_market().unwrap();
    let listings = [Listing::rate_cut(), Listing::long_shot()];
    let mut plan = Plan::new().url(&server.url());
    for listing in &listings {
        for currency in [Currency::Usd, Currency::Ngn] {
            plan = plan.follow_in(currency, Topic::order_book(&listing.market_id));
        }
    }
    let mut updates = 0;
    let still = truth.clone();
    let check = move |books: &Books| {
        let mut same = 0;
        for id in books.ids() {
            let currency = match books.connection(id).unwrap().0 {
                0 => ticklot_sim::bayse::Currency::Usd,
                _ => ticklot_sim::bayse::Currency::Ngn,
            };
            let theirs = still.book(books.name(id), currency).unwrap();
            let ours = books.live(id).unwrap();
            // The server's lots are hundredths of a share; the client's scale has six decimals.
            let plain = |level: Level, lot: i64| (level.ticks.0, level.lots.0 * lot);
            let is_same = |ours: BookRefLevels<'_>, theirs: &[Level]| {
                let theirs = theirs.iter().map(|level| plain(*level, 10_000));
                ours.map(|level| plain(level, 1)).eq(theirs)
            };
            same +=
                u32::from(is_same(ours.bids(), &theirs.bids) && is_same(ours.asks(), &theirs.asks));
        }
        same
    };
    let paused = truth.clone();
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        match event {
            Event::Book(_) => {
                updates += 1;
                if updates == 400 {
                    // The market pauses from here on, so that both can be compared.
                    paused.pause();
                }
            }
            Event::Timer { .. } if updates >= 400 && books.len() == 8 && check(books) == 8 => {
                return ControlFlow::Break(());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    feed.timer_interval(Duration::from_millis(5));
    feed.follow(plan, &Options::default(), &Transport::default())
        .unwrap();
    within(feed.drive()).await;
}

// Takes over a second: the server's limit is ten messages in a second of real time. Tests in virtual time check that the
// client keeps it: `thousand_rooms_respect_rate_limit`, and the deterministic simulation.
#[tokio::test]
async fn many_rooms_join_under_limit() {
    let markets: Vec<Listing> = (0..150)
        .map(|n| Listing::new(&format!("market-{n}"), ticklot::Ticks(50)))
        .collect();
    let server = Server::bayse(bayse::Config {
        markets: markets.clone(),
        events: Vec::new(),
        update_every: Duration::from_millis(500),
        ..Default::default()
    })
    .await
    .unwrap();
    let ids: Vec<String> = markets
        .into_iter()
        .map(|listing| listing.market_id)
        .collect();
    // 15 subscriptions, and pings between them.
    let (mut missing, mut round_trips): (BTreeSet<_>, _) =
        (ids.iter().map(|id| format!("orderbook:{id}")).collect(), 0);
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        match event {
            Event::Subscribed { topic, .. } => drop(missing.remove(topic)),
            Event::RoundTrip { .. } => round_trips += 1,
            // A pause of this machine can shift messages into one second of the server, which the client cannot prevent.
            Event::Refused { message, .. } if message.starts_with("rate limit") => {}
            Event::Refused { message, .. } => panic!("{message}"),
            Event::BadLine { error, .. } => panic!("{error}"),
            _ => {}
        }
        break_if(missing.is_empty())
    });
    let venue = Bayse::new(ids.clone())
        .url(&server.url())
        .ping_every(Duration::from_millis(100));
    feed.add(venue.build().unwrap());
    within(feed.drive()).await;
    drop(feed);
    assert!(
        missing.is_empty() && round_trips > 0,
        "{missing:?} {round_trips}"
    );
}

// Takes over a second: `Retry-After` is in whole seconds.
#[tokio::test]
async fn retry_after_delays_next_upgrade() {
    let server = Server::bayse(bayse::Config {
        upgrades: Rate {
            count: 1,
            per: Duration::from_secs(1),
        },
        ..quick()
    })
    .await
    .unwrap();
    let mut waits = Vec::new();
    let mut connected = 0;
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        match event {
            Event::Connected { .. } => connected += 1,
            Event::Disconnected {
                reason: Disconnect::Busy { retry_after, error },
                retry_in,
                ..
            } => {
                assert!(error.to_string().contains("429"), "{error}");
                assert!(retry_in.unwrap() >= *retry_after);
                waits.push(*retry_after);
            }
            _ => {}
        }
        break_if(connected == 2)
    });
    for _ in 0..2 {
        let venue = Bayse::new([Listing::rate_cut().market_id]).url(&server.url());
        feed.add(venue.build().unwrap());
    }
    within(feed.drive()).await;
    drop(feed);
    assert!(
        !waits.is_empty() && waits.iter().all(|wait| *wait >= Duration::from_secs(1)),
        "{waits:?}"
    );
}

#[tokio::test]
async fn http_first_books_name_source() {
    // The market does not move, so the response arrives before the next update.
    let server = Server::bayse(bayse::Config {
        update_every: Duration::from_secs(3600),
        ..Default::default()
    })
    .await
    .unwrap();
    let (listing, other) = (Listing::rate_cut(), Listing::long_shot());
    let http = server.url().replace("ws://", "http://");
    let mut sources = BTreeMap::new();
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if let Event::Book(update) = event {
            sources.insert(books.name(update.book).to_owned(), update.source);
        }
        break_if(sources.len() == 2)
    });
    // There is no subscription, so all books come from the HTTP request.
    let outcomes = [&listing.yes_id, &listing.no_id, &other.yes_id];
    let venue = Bayse::any().first_books(&http, outcomes, 3);
    feed.add(venue.url(&server.url()).build().unwrap());
    within(feed.drive()).await;
    let (books, _) = feed.into_parts();
    assert!(
        sources.values().all(|source| *source == Source::Request),
        "{sources:?}"
    );
    assert!(
        books
            .ids()
            .all(|id| books.last_known(id).unwrap().depth_levels(Side::Bid) <= 3)
    );
}

/// Runs a feed against a server that a test scripts; returns the script's result.
async fn serve_by_hand<R>(
    feed: &mut Feed<impl OnMessage<Bayse>>,
    listener: tokio::net::TcpListener,
    script: impl AsyncFnOnce(Connection) -> R,
) -> R {
    let stopper = feed.shutdown_handle();
    let server = async {
        let connection = accept_by_hand(&listener).await;
        let result = script(connection).await;
        stopper.stop();
        result
    };
    within(async { tokio::join!(feed.drive(), server) }).await.1
}

/// Pongs do not count as the client's messages. Each is sent immediately, in the order of the frames, even if many
/// subscriptions are queued and the handler is slow.
#[tokio::test]
async fn pings_are_answered_under_load() {
    let (listener, url) = listen();
    let mut feed = Feed::new(|event: Event<'_>, _: &Books| {
        if matches!(event, Event::Book(_)) {
            // A slow handler.
            std::thread::sleep(Duration::from_micros(200));
        }
        ControlFlow::Continue(())
    });
    let venue = Bayse::new((0..500).map(|n| format!("m{n}"))).url(&url);
    feed.add(venue.build().unwrap());
    let book = |n: usize| {
        format!(
            r#"{{"type":"orderbook_update","data":{{"orderbook":{{"marketId":"m{n}","outcomeId":"o","bids":[{{"price":0.5,"quantity":1}}],"asks":[]}}}}}}"#
        )
    };
    serve_by_hand(&mut feed, listener, async |connection| {
        let (mut reader, mut writer) = connection.split();
        let mut text = 0;
        for round in 0..20_usize {
            for n in 0..20 {
                writer.text(book(round * 20 + n).as_bytes()).await.unwrap();
            }
            let payload = format!("round {round}");
            writer.ping(payload.as_bytes()).await.unwrap();
            loop {
                match reader.read().await.unwrap() {
                    Incoming::Pong(echo) => {
                        assert_eq!(echo, payload.as_bytes());
                        break;
                    }
                    Incoming::Message(_) => text += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(text < 50, "most subscriptions are still queued");
    })
    .await;
}

/// The venue reports the stage of every topic, and repeats a subscription without a confirmation.
#[tokio::test]
async fn unconfirmed_subscription_is_repeated() {
    let (listener, url) = listen();
    let mut feed = Feed::new(ignore);
    let venue = Bayse::new(["m"]).url(&url);
    let venue = venue.ack_timeout(Duration::from_millis(30)).build();
    let venue = venue.unwrap();
    assert!(
        venue
            .topics()
            .all(|(_, state)| state == SubscriptionState::Waiting)
    );
    feed.add(venue);
    serve_by_hand(&mut feed, listener, async |mut connection| {
        for _ in 0..3 {
            let message = connection.read().await.unwrap().unwrap();
            assert_eq!(
                std::str::from_utf8(message.payload).unwrap(),
                r#"{"type":"subscribe","channel":"orderbook","marketIds":["m"],"currency":"USD"}"#
            );
        }
    })
    .await;
}

/// After an unsubscription is confirmed, no more books of the market arrive.
#[tokio::test]
async fn unsubscribing_ends_books() {
    let server = Server::bayse(quick()).await.unwrap();
    let market = Listing::rate_cut().market_id;
    let (sender, mut receiver): (UnboundedSender<String>, UnboundedReceiver<String>) =
        unbounded_channel();
    let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
        let text = match event {
            Event::Book(update) => format!("book {}", books.market(update.book)),
            Event::Unsubscribed { topic: room, .. } => {
                assert!(books.ids().all(|id| books.live(id).is_none()));
                format!("left {room}")
            }
            Event::RoundTrip { .. } => "pong".to_owned(),
            _ => return ControlFlow::Continue(()),
        };
        let _ = sender.send(text);
        ControlFlow::Continue(())
    });
    let venue = Bayse::new([market.clone()]).url(&server.url());
    let handle = feed.add(venue.build().unwrap());
    let stopper = feed.shutdown_handle();
    let drive = async {
        while receiver.recv().await.unwrap() != format!("book {market}") {}
        handle
            .send(Command::Unsubscribe(Topic::order_book(&market)))
            .unwrap();
        while receiver.recv().await.unwrap() != format!("left orderbook:{market}") {}
        // The server sends in order, so every earlier message has arrived before the pong.
        handle.send(Command::Ping).unwrap();
        assert_eq!(receiver.recv().await.unwrap(), "pong");
        stopper.stop();
    };
    within(async { tokio::join!(feed.drive(), drive) }).await;
}
