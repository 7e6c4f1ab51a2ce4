//! JayX's interop with clients and servers that share no code with this project: they use Node's `socket.io` and `ws`, and
//! Python's `python-socketio`. `tests/peers/install` installs them. Without it, each of these tests prints a line and
//! skips, or fails if `TICKLOT_PEERS` is `required`.

use std::ops::ControlFlow;
use std::time::Duration;

use ticklot::book::{BookRefLevels, Fixed};
use ticklot::control::Clock;
use ticklot::control::ConnectionSummary;
use ticklot::events::{Receipt, TradeSide};
use ticklot::jayx::{ApiKey, Envelope, JayX, Message, Topic};
use ticklot::{
    BookState, Books, Disconnect, Event, Feed, Handler, Level, Nanos, OnMessage, Options,
};
use ticklot_frame::jayx::Order;
use ticklot_sim::Server;
use ticklot_sim::jayx::{Account, Config, PlainForm};
use ticklot_tests::drive::Drive;
use ticklot_tests::handler::break_if;
use ticklot_tests::peers::{Language, Peer, STEP_TIMEOUT, all_closed};
use tokio::time::timeout;

// ---- foreign clients, the simulated server

/// A server with frequent events: a candle of a minute takes 0.1 s, and the account is active in every step.
async fn busy(plain: PlainForm) -> Server {
    let account = Account {
        activity: 100,
        ..Account::demo()
    };
    let config = Config {
        update_every: Duration::from_millis(10),
        speed: 600,
        accounts: vec![account],
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_secs(1),
        plain,
        ..Config::default()
    };
    Server::jayx(config).await.expect("a server")
}

/// A client of every event. `servers` have the names of the client's arguments.
async fn serves(language: Language, script: &str, test: &str, servers: &[(&str, Server)]) {
    let Some(mut command) = language.script(script, test) else {
        return;
    };
    for (name, server) in servers {
        command.arg(format!("{name}={}", server.url()));
    }
    command.arg(format!("key={}", Account::demo().api_key));
    Peer::start(command).end().await;
    all_closed(servers.iter().map(|(_, server)| server)).await;
}

/// It takes about 5 s: the heartbeat has to outlast the timeouts of both sides, over WebSocket and over polling.
#[tokio::test]
async fn node_socket_io_client_served() {
    let test = "node_socket_io_client_served";
    let servers = [("url", busy(PlainForm::Bare).await)];
    serves(Language::Node, "client_socketio", test, &servers).await;
}

/// It takes about 5 s for the same reason.
#[tokio::test]
async fn python_socket_io_client_served() {
    let test = "python_socket_io_client_served";
    let servers = [("url", busy(PlainForm::Bare).await)];
    serves(Language::Python, "client_socketio", test, &servers).await;
}

#[tokio::test]
async fn plain_client_is_served() {
    let test = "plain_client_is_served";
    let servers = [
        ("bare", busy(PlainForm::Bare).await),
        ("message", busy(PlainForm::Message).await),
        ("data", busy(PlainForm::Data).await),
    ];
    serves(Language::Node, "client_plain", test, &servers).await;
}

// ---- foreign servers, our client

/// The documented book and its trades, and the next update. Trades that an earlier connection reported are not repeated.
const BOOK: &str = "book 997207@6657678 | 1004817@6684363 2993562@6751207; last 6667418+";
const TRADES: &str = "trades 591@6670338+1716136436747 3779@6667418+1716136436758";
const LATER: &str = "book 5@6657679 |; last 6657679-";
const LATER_TRADES: &str = "trades 7@6657679-1716136436759";

/// A side as a character.
fn sign(side: TradeSide) -> char {
    match side {
        TradeSide::Buy => '+',
        TradeSide::Sell => '-',
    }
}

/// Records the feed's events as text, up to a number of them. The time of a book is its receive time.
struct Notes {
    notes: Vec<(String, Nanos)>,
    /// The feed's clock.
    clock: Option<Clock>,
    stop_at: usize,
    /// The last reported state of the book.
    state: BookState,
}

impl Notes {
    fn now(&self) -> Nanos {
        self.clock.map_or(Nanos(0), |clock| clock.now())
    }

    fn add(&mut self, note: String, at: Nanos) -> ControlFlow<()> {
        self.notes.push((note, at));
        break_if(self.notes.len() == self.stop_at)
    }
}

impl Handler for Notes {
    fn on_event(&mut self, event: Event<'_>, books: &Books) -> ControlFlow<()> {
        if let Event::State(change) = event {
            assert_eq!(
                (change.old, change.instrument.name),
                (self.state, "BTCUSDT")
            );
            self.state = change.new;
            return ControlFlow::Continue(());
        }
        for book in books.ids() {
            assert_eq!(books.state(book), self.state, "at {event:?}");
        }
        let at = match &event {
            Event::Book(update) => update.received,
            _ => self.now(),
        };
        self.add(note(&event, books), at)
    }
}

impl OnMessage<JayX> for Notes {
    fn on_message(&mut self, message: &Message<'_>, _: Receipt, _: &Books) -> ControlFlow<()> {
        let at = self.now();
        self.add(own_message(message), at)
    }
}

/// An event and the resulting state of the stores, as text.
fn note(event: &Event<'_>, books: &Books) -> String {
    let account = || books.account().expect("an account");
    match event {
        Event::Connected { epoch, .. } => format!("connected {}", epoch.0),
        Event::Book(update) => {
            let book = books.live(update.book).expect("a live book");
            assert_eq!((books.name(update.book), update.line), ("BTCUSDT", 0));
            let levels = |levels: BookRefLevels<'_>| {
                let level = |it: Level| format!(" {}@{}", it.lots.0, it.ticks.0);
                levels.map(level).collect::<String>()
            };
            let last = update.last_trade.expect("a last trade");
            let side = last.side.map(sign).expect("its side");
            let (bids, asks) = (levels(book.bids()), levels(book.asks()));
            format!("book{bids} |{asks}; last {}{side}", last.ticks.0)
        }
        Event::Trades(trades) => {
            let trades = trades.trades.iter().map(|it| {
                let (lots, ticks) = (it.lots.0, it.ticks.0);
                format!(" {lots}@{ticks}{}{}", sign(it.side), it.created.0)
            });
            format!("trades{}", trades.collect::<String>())
        }
        Event::Candle(update) => {
            let candles = books.candles(&update.instrument, update.interval);
            let candles = candles.expect("candles");
            assert!(candles.is_live());
            let kept = candles.iter().map(|it| {
                let prices = [it.open, it.high, it.low, it.close].map(|it| it.0);
                let (opened, modified) = (it.opened.0, it.modified.0);
                format!(" {opened} {prices:?} {} {modified}", it.volume.0)
            });
            let (market, interval) = (update.instrument.market, update.interval);
            format!("{market} {interval}:{}", kept.collect::<String>())
        }
        Event::Balance(update) => {
            assert!(account().balances_are_live());
            let kept = account().balance(update.asset).expect("it is kept");
            let new = (update.balance.0, update.available.0);
            assert_eq!((&*kept.balance, &*kept.available), new);
            format!("balance {} {}/{}", kept.asset, kept.available, kept.balance)
        }
        Event::Order(update) => {
            assert!(account().orders_are_live());
            assert_eq!(update.filled, Some(Fixed::new(0, 6)));
            let kept = account().orders().map(|it| {
                let times = [it.created, it.modified].map(|it| it.map(|it| it.0));
                let price = it.price.as_deref().unwrap_or("none");
                let side = sign(it.side);
                let words = [&*it.market, &it.kind, &it.status].join(" ");
                format!(" {} {words} {}{side}{price} {times:?}", it.id, it.quantity)
            });
            let (status, kept) = (update.status, kept.collect::<String>());
            format!("order {} {status} {}:{kept}", update.id, update.is_open)
        }
        Event::Refused {
            message,
            topic: room,
            ..
        } => {
            assert_eq!(*room, None);
            format!("refused: {message}")
        }
        Event::Disconnected {
            reason, retry_in, ..
        } => {
            for book in books.ids() {
                assert!(books.live(book).is_none(), "{:?}", books.state(book));
            }
            let reason = match reason {
                // The text is the system's.
                Disconnect::Failed(_) => "failed".to_owned(),
                reason => reason.to_string(),
            };
            let retry = retry_in.map_or("", |_| ", to come back");
            format!("{reason}{retry}")
        }
        other => format!("{other:?}"),
    }
}

/// A message other than a book, with the fields that no neutral event has.
fn own_message(message: &Message<'_>) -> String {
    match message {
        Message::Kline(kline) => {
            let [add, modify] = [kline.add, kline.modify].map(|it| {
                it.map_or("null".to_owned(), |it| {
                    assert_eq!(it.symbol, "BTCUSDT");
                    it.id.to_owned()
                })
            });
            format!("kline {add} {modify}")
        }
        Message::Positions(positions) => format!("positions {}", positions.len()),
        Message::OpenOrders(orders) => {
            let [cancel, modify] = [orders.cancel, orders.modify].map(|it| {
                let order = |it: Order<'_>| {
                    let (reserved, cost) = (it.reserved.unwrap(), it.cost.unwrap());
                    format!(" {} {reserved} {cost}", it.state)
                };
                it.iter().map(order).collect::<String>()
            });
            format!("openorders [{cancel}] [{modify}]")
        }
        other => format!("{other:?}"),
    }
}

/// A scenario of the server, and the handler's events. The handler stops the feed at the last event but one; the last one
/// reports the stop.
struct Scenario {
    name: &'static str,
    connections: usize,
    notes: Vec<String>,
}

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, connections, notes: &[&str]| Scenario {
        name,
        connections,
        notes: notes.iter().map(|it| (*it).to_owned()).collect(),
    };
    let (stopped, end) = ("stopped", "the server closed the namespace, to come back");
    let candle = "BTCUSDT 60: 1716131580 [6678147, 6690062, 6674783, 6690000] 241690 1716131619";
    let two = format!("{candle} 1716135180 [6678147, 6690062, 6674783, 6690001] 241690 1716135181");
    vec![
        scenario(
            "events",
            1,
            &[
                "connected 1",
                BOOK,
                TRADES,
                "kline null 664a16fccb5c1735c25557a0",
                "BTCUSDT 60: 1716131580 [6678147, 6690062, 6674783, 6689523] 241690 1716131619",
                "positions 2",
                "balance BTC 0.000998/0.000998",
                "balance USDT 9932.44065/9932.44065",
                "openorders [] [ NEW 1000000 0]",
                "order 117805625 NEW true: 117805625 BTCUSDT LIMIT NEW 1000+1000 \
                 [Some(1716135452487), Some(1716135452487)]",
                LATER,
                LATER_TRADES,
                "kline 664a1738cb5c1735c25557a1 664a16fccb5c1735c25557a0",
                candle,
                &two,
                "positions 1",
                "balance USDT 8000.5/9000",
                "openorders [ CANCELED 1000000 0] []",
                "order 117805625 CANCELED false:",
                stopped,
            ],
        ),
        scenario("pings", 1, &["connected 1", BOOK, TRADES, stopped]),
        scenario(
            "ack",
            1,
            &["connected 1", BOOK, TRADES, LATER, LATER_TRADES, stopped],
        ),
        scenario(
            "refused",
            2,
            &[
                "connected 1",
                "refused: maintenance, à bientôt",
                "the server refused the session: maintenance, à bientôt, to come back",
                "connected 2",
                BOOK,
                TRADES,
                stopped,
            ],
        ),
        scenario(
            "drops",
            5,
            &[
                "connected 1",
                BOOK,
                TRADES,
                end,
                "connected 2",
                BOOK,
                end,
                "connected 3",
                BOOK,
                "closed by the server with code 1005, to come back",
                "connected 4",
                BOOK,
                "failed, to come back",
                "connected 5",
                BOOK,
                stopped,
            ],
        ),
        scenario(
            "still",
            2,
            &[
                "connected 1",
                BOOK,
                TRADES,
                "the server went silent, to come back",
                "connected 2",
                BOOK,
                stopped,
            ],
        ),
    ]
}

/// Runs a scenario until the feed has reported all events. Returns them with their times.
async fn follow(url: &str, scenario: &Scenario) -> Vec<(String, Nanos)> {
    let mut feed = Feed::new(Notes {
        notes: Vec::new(),
        clock: None,
        // The stop itself is the last event.
        stop_at: scenario.notes.len() - 1,
        state: BookState::Empty,
    });
    let clock = feed.clock();
    feed.handler_mut().clock = Some(clock);
    let mut options = Options::default();
    options.reconnect.base = Duration::from_millis(20);
    options.reconnect.cap = Duration::from_millis(20);
    let venue = JayX::new("BTCUSDT").envelope(Envelope::SocketIo).url(url);
    let venue = match scenario.name {
        "events" => venue
            .follow(Topic::kline("BTCUSDT", "60"))
            .follow(Topic::Positions)
            .follow(Topic::open_orders("BTCUSDT"))
            .key(ApiKey::new("demo-key-1")),
        _ => venue,
    };
    feed.add_with(venue.build().expect("topics"), options, Default::default());
    let ended: Option<Vec<ConnectionSummary>> = timeout(STEP_TIMEOUT, feed.drive()).await.ok();
    if let Some(ended) = ended {
        assert!(matches!(ended.as_slice(), [_]), "{ended:?}");
    }
    feed.into_parts().1.notes
}

/// Every scenario of the server, one after the other. It takes about 2 s: one scenario is silent for longer than the
/// client's timeout, and another one waits for an acknowledgement.
#[tokio::test]
async fn follows_socket_io_server() {
    let test = "follows_socket_io_server";
    let Some(command) = Language::Node.script("server_socketio", test) else {
        return;
    };
    let mut peer = Peer::start(command);
    let ports = peer.listening().await;
    for scenario in scenarios() {
        let name = scenario.name;
        let mut ports = ports.split(' ').filter_map(|it| it.split_once('='));
        let (_, port) = ports.find(|it| it.0 == name).expect("its port");
        let events = follow(&format!("ws://127.0.0.1:{port}"), &scenario).await;
        let notes: Vec<_> = events.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(notes, scenario.notes, "{name}\n{}", peer.output());
        for _ in 0..scenario.connections {
            let line = peer.line().await.unwrap_or_default();
            assert_eq!(line, format!("ok {name}"), "\n{}", peer.output());
        }
        if name == "still" {
            // Not before pingInterval + pingTimeout have passed.
            let waited = events[3].1.since(events[1].1);
            assert!(waited >= Duration::from_millis(300), "{waited:?}");
        }
    }
    peer.end().await;
}
