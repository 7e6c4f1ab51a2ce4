//! A feed of JayX over real sockets against the simulated venue, and over recorded flow.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::book::Fixed;
use ticklot::events::{Receipt, Trade};
use ticklot::jayx::{ApiKey, Envelope, JayX, Message, Plan, Topic};
use ticklot::stores::{Account, Candle, Candles, OrderId};
use ticklot::venue::{CallOutcome, VenueName};
use ticklot::{
    Books, ConnectionId, Event, Feed, Handler, Instrument, Nanos, OnMessage, Options, Session,
};
use ticklot_sim::{Server, jayx};
use ticklot_tests::data::LOGS;
use ticklot_tests::drive::Drive;
use ticklot_tests::handler::break_if;

use crate::within;

/// A minute of the market takes 0.1 s.
fn quick() -> jayx::Config {
    jayx::Config {
        update_every: Duration::from_millis(5),
        speed: 600,
        ..Default::default()
    }
}

fn demo_key() -> String {
    jayx::Account::demo().api_key
}

/// The candles of BTCUSDT.
fn candles<'a>(books: &'a Books, interval: &str) -> Option<&'a Candles> {
    let instrument = Instrument::of_symbol(VenueName::JAYX, "BTCUSDT");
    books.candles(&instrument, interval)
}

/// The client's open orders: their ids and filled quantities.
fn orders(account: &Account) -> Vec<(OrderId, Option<Fixed>)> {
    let orders = account.orders();
    orders.map(|it| (it.id.clone(), it.filled)).collect()
}

/// The default envelope detects that of the server, and the feed reports it once.
#[tokio::test]
async fn server_envelope_is_detected() {
    for (socket_io, expected) in [(true, "Socket.IO"), (false, "plain JSON")] {
        let config = jayx::Config {
            socket_io,
            ..quick()
        };
        let server = Server::jayx(config).await.unwrap();
        let mut protocols = Vec::new();
        let mut feed = Feed::new(|event: Event<'_>, books: &Books| match event {
            Event::Protocol { protocol, .. } => {
                protocols.push(protocol.to_owned());
                ControlFlow::Continue(())
            }
            Event::Book(update) if books.live(update.book).is_some() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        let mut options = Options::default();
        // The first attempt succeeds, with either envelope.
        options.reconnect.first_attempts = Some(1);
        let venue = JayX::new("BTCUSDT").url(&server.url()).build().unwrap();
        feed.add_with(venue, options, Default::default());
        let ended = within(feed.drive()).await;
        assert_eq!(ended[0].reason.to_string(), "stopped");
        drop(feed);
        assert_eq!(protocols, [expected]);
    }
}

/// Books, candles, balances and orders equal the server's in both envelopes, once the market is paused.

#[tokio::test]
async fn stored_events_equal_server_state() {
    for envelope in [Envelope::SocketIo, Envelope::Plain] {
        let server = Server::jayx(quick()).await.unwrap();
        let truth = server.jayx_market().unwrap();
        let plan = Plan::new()
            .url(&server.url())
            .envelope(envelope)
            .key(ApiKey::new(demo_key()))
            .follow(Topic::order_book("BTCUSDT"))
            .follow(Topic::kline("BTCUSDT", "1"))
            .follow(Topic::kline("BTCUSDT", "5"))
            .follow(Topic::Positions)
            .follow(Topic::open_orders("BTCUSDT"));
        let market = truth.clone();
        let same = move |books: &Books| {
            let Some(book) = books.ids().next().and_then(|id| books.live(id)) else {
                return false;
            };
            let theirs = market.book("BTCUSDT").unwrap();
            let candles = ["1", "5"].iter().all(|interval| {
                let own = candles(books, interval).unwrap();
                let theirs = market.candles("BTCUSDT", interval).unwrap();
                let mut last = theirs.iter().rev().zip(own.iter().rev());
                let prices =
                    |it: &jayx::Candle| [it.open, it.high, it.low, it.close].map(|it| it.0);
                own.is_live()
                    && own.len() <= theirs.len()
                    && last.len() >= 3
                    && last.all(|(theirs, own)| {
                        prices(theirs) == own_values(own)[..4]
                            && theirs.volume == own.volume
                            && i64::try_from(theirs.created) == Ok(own.opened.0)
                    })
            });
            let account = books.account().unwrap();
            let balances = market
                .balances(&demo_key())
                .unwrap()
                .into_iter()
                .all(|theirs| {
                    account.balance(&theirs.asset).is_some_and(|own| {
                        own.balance == theirs.balance.to_string()
                            && own.available == theirs.available.to_string()
                    })
                });
            let open = market
                .open_orders(&demo_key(), "BTCUSDT")
                .unwrap()
                .into_iter();
            let open: Vec<_> = open
                .map(|it| {
                    let id = OrderId::Number(i64::try_from(it.id).unwrap());
                    let decimals = ticklot::jayx::BTCUSDT.quantity_decimals();
                    (id, Some(Fixed::new(it.filled.0, decimals)))
                })
                .collect();
            book.bids().eq(theirs.bids.iter().copied())
                && book.asks().eq(theirs.asks.iter().copied())
                && candles
                && balances
                && orders(account) == open
        };
        let (mut still, paused) = (false, truth.clone());
        let mut feed = Feed::new(move |event: Event<'_>, books: &Books| {
            match event {
                // Pauses the market once there are enough candles to compare.
                Event::Book(_) if !still => {
                    still = candles(books, "5").is_some_and(|candles| candles.len() >= 3);
                    if still {
                        paused.pause();
                    }
                }
                Event::Timer { .. } if still && same(books) => return ControlFlow::Break(()),
                Event::BadLine { error, .. } => panic!("{error}"),
                Event::Refused { message, .. } => panic!("{message}"),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        feed.timer_interval(Duration::from_millis(5));
        for venue in plan.connections().unwrap() {
            feed.add(venue);
        }
        within(feed.drive()).await;
    }
}

/// Every trade is reported once, in order, and the candles equal those of the trades.
#[tokio::test]
async fn candles_equal_their_trades() {
    let server = Server::jayx(quick()).await.unwrap();
    let mut trades: Vec<Trade> = Vec::new();
    let venue = JayX::new("BTCUSDT")
        .url(&server.url())
        .follow(Topic::kline("BTCUSDT", "1"));
    let mut feed = Feed::new(|event: Event<'_>, books: &Books| {
        if let Event::Trades(new) = event {
            trades.extend(new.trades);
        }
        break_if(candles(books, "1").is_some_and(|candles| candles.len() >= 8))
    });
    feed.add(venue.build().unwrap());
    within(feed.drive()).await;
    let (books, _) = feed.into_parts();
    assert!(trades.is_sorted_by_key(|trade| trade.created));
    let made = candles_of(&trades);
    let candles: Vec<_> = candles(&books, "1").unwrap().iter().collect();
    // The first candle may have begun before the connection, and the last one is not complete.
    let mut compared = 0;
    for candle in &candles[1..candles.len() - 1] {
        let Some(own) = made.get(&candle.opened.0) else {
            continue;
        };
        assert_eq!(*own, own_values(candle), "{}", candle.opened.0);
        compared += 1;
    }
    assert!(compared >= 5, "{compared} candles compared");
}

/// Open, high, low, close and volume of a candle.
fn own_values(candle: &Candle) -> [i64; 5] {
    let [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close];
    [open.0, high.0, low.0, close.0, candle.volume.0]
}

/// The same of each minute, computed from trades.
fn candles_of(trades: &[Trade]) -> BTreeMap<i64, [i64; 5]> {
    let mut candles: BTreeMap<i64, [i64; 5]> = BTreeMap::new();
    for trade in trades {
        let price = trade.ticks.0;
        let minute = trade.created.0.div_euclid(60_000) * 60;
        let [_, high, low, close, volume] = candles
            .entry(minute)
            .or_insert([price, price, price, price, 0]);
        (*high, *low, *close) = ((*high).max(price), (*low).min(price), price);
        *volume += trade.lots.0;
    }
    candles
}

/// The trades of a log, and the numbers of its candle messages and candles.
#[derive(Default)]
struct Recorded {
    trades: Vec<Trade>,
    klines: u64,
    candles: u64,
}

impl Handler for Recorded {
    fn on_event(&mut self, event: Event<'_>, _: &Books) -> ControlFlow<()> {
        match event {
            Event::Trades(new) => self.trades.extend(new.trades),
            Event::Candle(_) => self.candles += 1,
            Event::Connected { .. } | Event::State(_) | Event::Book(_) | Event::Protocol { .. } => {
            }
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    }
}

impl OnMessage<JayX> for Recorded {
    fn on_message(&mut self, message: &Message<'_>, _: Receipt, _: &Books) -> ControlFlow<()> {
        assert!(matches!(message, Message::Kline(_)), "{message:?}");
        self.klines += 1;
        ControlFlow::Continue(())
    }
}

/// The candles equal the log's last message about each, and the log's trades lie within them. A message of the logs lists
/// at most twenty trades, so the trades do not add up to the candles' volumes. The test above compares the volumes.
#[test]
fn recorded_candles_equal_their_trades() {
    for log in LOGS.iter().filter(|log| log.venue == VenueName::JAYX) {
        let Some(frames) = log.frames("recorded_candles") else {
            return;
        };
        let venue = JayX::new("BTCUSDT")
            .envelope(Envelope::Auto)
            .follow(Topic::kline("BTCUSDT", "1"));
        let mut books = Books::new();
        let mut handler = Recorded::default();
        let venue = venue.build().unwrap();
        let mut session = Session::new(venue, ConnectionId(0), Options::default(), &mut books);
        let _ = session.opened(Nanos(0), &mut books, &mut handler);
        for (recv_ns, frame) in &frames {
            assert_eq!(
                session.frame(frame, Nanos(*recv_ns), &mut books, &mut handler),
                CallOutcome::Data
            );
        }
        let Recorded {
            trades,
            klines,
            candles: reported,
        } = handler;
        assert_eq!(klines, log.frames - log.books);
        assert!(reported >= klines, "each message has a candle");
        assert!(trades.len() > 5000);
        let candles = candles(&books, "1").unwrap();
        assert!(candles.len() >= 6);
        let logged = last_candles(&frames);
        assert_eq!(candles.len(), logged.len());
        for candle in candles.iter() {
            let opened = candle.opened.0;
            assert_eq!(own_values(candle), logged[&opened], "{opened}");
        }
        let listed = candles_of(&trades);
        let whole = candles.iter().rev().skip(1);
        for candle in whole {
            let [_, high, low, _, volume] = listed[&candle.opened.0];
            // A candle's last message arrives up to a second before the candle ends.
            let slack = (candle.high.0 - candle.low.0) / 10 + 100;
            assert!(
                high <= candle.high.0 + slack && low >= candle.low.0 - slack,
                "{candle:?}"
            );
            assert!(
                volume <= candle.volume.0 + candle.volume.0 / 5,
                "{candle:?}"
            );
        }
    }
}

/// The values of the log's last message about each candle, read by another JSON library.
fn last_candles(frames: &[(u64, Vec<u8>)]) -> BTreeMap<i64, [i64; 5]> {
    let mut candles = BTreeMap::new();
    for (_, frame) in frames {
        let start = frame.iter().position(|byte| *byte == b'{').unwrap();
        let end = frame.iter().rposition(|byte| *byte == b'}').unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&frame[start..=end]).unwrap();
        for candle in ["modify", "add"].map(|change| &payload[change]) {
            if candle.is_object() {
                let values = ["o", "h", "l", "c", "v"].map(|name| candle[name].as_i64().unwrap());
                candles.insert(candle["created"].as_i64().unwrap(), values);
            }
        }
    }
    candles
}
