//! JayX' server against a model of it.

pub(super) mod asks;
mod held;
mod log;

use std::time::Duration;

use serde_json::{Value, json};
use ticklot_book::{Level, Nanos, Side};
use ticklot_sim::jayx::{Account, Config, Exchange, Funds, Symbol};
use ticklot_sim::{MarketConfig, Outgoing, Session};

use self::asks::{KEYS, Packet, SYMBOLS, Want, packet, plain, want};
use self::held::{candle, hold, orders};
use self::log::{Log, is_open, witnesses};
use super::steps::Step;
use super::{Clock, json as parsed, lines, taken};

const BACKLOG: usize = 5;
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const JOIN_TIMEOUT: Duration = Duration::from_secs(45);

pub(super) fn run(steps: &[Step]) {
    let mut run = Run::new();
    for step in steps {
        run.take(step);
    }
}

/// Two small, busy markets, whose minutes are a tenth of a second.
fn config() -> Config {
    let market = MarketConfig {
        orders: 20,
        events: 8,
        depth: 5,
        max_levels: 12,
        max_lots: 400_000,
        trades: 4,
        ..MarketConfig::btcusdt()
    };
    let symbol = |name: &&str| Symbol {
        name: (*name).to_owned(),
        market: market.clone(),
    };
    let account = |key: &&str| Account {
        api_key: (*key).to_owned(),
        funds: [("BTC", "2"), ("ETH", "30.5"), ("USDT", "150000")]
            .map(|(asset, amount)| Funds::new(asset, amount))
            .to_vec(),
        activity: 60,
        max_orders: 4,
    };
    Config {
        symbols: SYMBOLS.iter().map(symbol).collect(),
        accounts: KEYS.iter().map(account).collect(),
        speed: 600,
        backlog: BACKLOG,
        ..Config::default()
    }
}

struct Run {
    clock: Clock,
    exchange: Exchange,
    /// The same without the clients: what is told there must be told here.
    alone: Exchange,
    /// One for each account, and one for the candles and a book.
    witnesses: [Vec<Box<dyn Session>>; 2],
    log: Log,
    clients: Vec<Client>,
    upgraded: u64,
}

struct Client {
    session: Box<dyn Session>,
    /// None in the plain mode.
    beat: Option<Beat>,
    wants: Vec<Want>,
    step: u64,
    is_closed: bool,
}

struct Beat {
    join_before: Option<Nanos>,
    ping_at: Option<Nanos>,
    pong_before: Option<Nanos>,
}

/// What has to come next.
#[derive(Debug)]
enum Expected {
    /// An event and its payload.
    Event(&'static str, Value),
    /// A packet, as it is.
    Packet(String),
    /// One of these texts, as an error; through the acknowledgement of this id, if it is not empty.
    Error(String, Vec<String>),
    /// The namespace is joined.
    Joined,
    Close(u16),
}

impl Run {
    fn new() -> Self {
        let clock = Clock::start();
        let exchange = || Exchange::new(config(), clock.now()).expect("a configuration of use");
        let (mut exchange, mut alone) = (exchange(), exchange());
        let witnesses = [&mut exchange, &mut alone].map(|exchange| witnesses(exchange, clock));
        let upgraded = witnesses[0].len() as u64;
        let mut run = Self {
            clock,
            exchange,
            alone,
            witnesses,
            log: Log::default(),
            clients: Vec::new(),
            upgraded,
        };
        run.listen();
        run
    }

    fn listen(&mut self) {
        let now = self.clock.now();
        let step = self.exchange.truth().step();
        let [here, there] = &mut self.witnesses;
        for (account, (here, there)) in here.iter_mut().zip(there).enumerate() {
            let heard = [here, there].map(|witness| {
                witness.news(now);
                taken(&mut **witness)
            });
            assert_eq!(heard[0], heard[1], "others changed what is told");
            self.log.note(account, &heard[0], step);
        }
        self.log.candles(&self.exchange, step);
        for (account, key) in KEYS.iter().enumerate() {
            for (symbol, name) in SYMBOLS.iter().enumerate() {
                let open = self.exchange.truth().open_orders(key, name).expect("known");
                let known = self.log.orders.get(&(account, symbol));
                let known = known.map_or(0, |it| it.values().filter(|(_, it)| is_open(it)).count());
                assert_eq!(known, open.len(), "open orders of {key} in {name}");
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Upgrade { target, .. } => self.upgrade(target),
            Step::Pass(ms) => self.clock.pass((*ms).into()),
            Step::Wall(seconds) => self.clock.set_wall(i64::from(*seconds) * 1_000),
            Step::Market => {
                let now = self.clock.now();
                self.exchange.step(now);
                self.alone.step(now);
                self.listen();
            }
            Step::Quote | Step::Get(_) => {}
            Step::Text { client, text } => self.with(*client, |run, it| run.text(it, text)),
            Step::Binary { client } => self.with(*client, |run, it| {
                it.session.binary(run.clock.now());
                vec![Expected::Close(1003)]
            }),
            Step::Pong { client } => self.with(*client, |run, it| {
                it.session.pong(run.clock.now());
                Vec::new()
            }),
            Step::Timeout { client } => self.with(*client, |run, it| run.timeout(it)),
            Step::News { client } => self.with(*client, |run, it| {
                it.session.news(run.clock.now());
                if it.wants.is_empty() {
                    Vec::new()
                } else {
                    run.whats_new(it)
                }
            }),
        }
    }

    fn upgrade(&mut self, target: &str) {
        let now = self.clock.now();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_plain = path != "/socket.io/";
        let has = |pair: &str| query.split('&').any(|it| it == pair);
        let is_good = is_plain || (has("EIO=4") && has("transport=websocket"));
        let mut session = match self.exchange.upgrade(target, now) {
            Ok(session) => session,
            Err(refused) => {
                assert!(!is_good, "{refused:?}");
                return assert_eq!(refused.status, 400);
            }
        };
        assert!(is_good, "{target} was accepted");
        self.upgraded += 1;
        let sent = taken(&mut *session);
        if is_plain {
            assert_eq!(sent, []);
        } else {
            opened(&sent);
        }
        if self.clients.len() == 4 {
            self.clients.remove(0);
        }
        self.clients.push(Client {
            session,
            beat: (!is_plain).then(|| Beat {
                join_before: Some(self.clock.after(JOIN_TIMEOUT)),
                ping_at: Some(self.clock.after(PING_INTERVAL)),
                pong_before: None,
            }),
            wants: Vec::new(),
            step: 0,
            is_closed: false,
        });
    }

    /// Does something to a client, and holds what it is sent to what is expected.
    fn with(&mut self, which: u8, act: impl FnOnce(&Self, &mut Client) -> Vec<Expected>) {
        if self.clients.is_empty() {
            return;
        }
        let place = usize::from(which) % self.clients.len();
        let mut client = self.clients.remove(place);
        let was_closed = client.is_closed;
        let mut expected = act(self, &mut client);
        if was_closed {
            expected.clear();
        }
        if let Some(last) = expected
            .iter()
            .position(|it| matches!(it, Expected::Close(_)))
        {
            expected.truncate(last + 1);
            client.is_closed = true;
        }
        let outgoing = taken(&mut *client.session);
        let sent = lines(&outgoing, |_| Value::Null);
        assert_eq!(sent.len(), expected.len(), "{sent:?}, not {expected:?}");
        for (sent, expected) in sent.iter().zip(&expected) {
            hold(sent, expected, client.beat.is_none());
        }
        let beat = client.beat.as_ref();
        let due = |beat: &Beat| {
            let all = [beat.join_before, beat.ping_at, beat.pong_before];
            all.into_iter().flatten().min()
        };
        assert_eq!(client.session.deadline(), beat.and_then(due));
        self.clients.insert(place, client);
    }

    fn text(&self, client: &mut Client, text: &str) -> Vec<Expected> {
        client.session.text(text, self.clock.now());
        let Some(beat) = &mut client.beat else {
            return match plain(text) {
                Ok((event, message)) => self.ask(client, "", &event, &message),
                Err(wrong) => vec![Expected::Error(String::new(), wrong)],
            };
        };
        match packet(text) {
            Packet::Close => vec![Expected::Close(1000)],
            Packet::Pong => {
                beat.ping_at = Some(self.clock.after(PING_INTERVAL));
                beat.pong_before = None;
                Vec::new()
            }
            Packet::Join(namespace) if namespace.is_empty() => {
                beat.join_before = None;
                vec![Expected::Joined]
            }
            Packet::Join(namespace) => {
                let no = format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#);
                vec![Expected::Packet(no)]
            }
            Packet::Nothing => Vec::new(),
            _ if beat.join_before.is_some() => vec![Expected::Close(1008)],
            Packet::Broken => {
                vec![Expected::Error(
                    String::new(),
                    vec!["not a packet".to_owned()],
                )]
            }
            Packet::Event { id, name, message } => self.ask(client, &id, &name, &message),
        }
    }

    /// The acknowledgement, if one was asked for; what is new; and what the subscription has at once.
    fn ask(&self, client: &mut Client, id: &str, event: &str, message: &Value) -> Vec<Expected> {
        let has_book = client.wants.iter().any(|it| matches!(it, Want::Book(_)));
        let want = match want(event, message, has_book) {
            Ok(want) => want,
            Err(wrong) => return vec![Expected::Error(id.to_owned(), wrong)],
        };
        let mut expected = Vec::new();
        let new = self.whats_new(client);
        let is_lost = matches!(new.last(), Some(Expected::Close(_)));
        if !id.is_empty() && !is_lost {
            expected.push(Expected::Packet(format!(r#"43{id}[{{"ok":true}}]"#)));
        }
        expected.extend(new);
        expected.extend(self.at_once(want));
        if !client.wants.contains(&want) {
            client.wants.push(want);
            client.wants.sort_by_key(|want| want.rank());
        }
        expected
    }

    fn at_once(&self, want: Want) -> Vec<Expected> {
        match want {
            Want::Book(symbol) => vec![self.book(symbol)],
            Want::Balances(account) => vec![self.balances(account)],
            Want::Orders(account, symbol) => {
                let known = self
                    .log
                    .orders
                    .get(&(account, symbol))
                    .into_iter()
                    .flatten();
                let open = known.map(|(_, (_, order))| order).filter(|it| is_open(it));
                vec![Expected::Event("openorders", orders(open))]
            }
            Want::Candles(symbol, interval) => {
                let known = &self.log.candles[&(symbol, interval)];
                let last = known.values().next_back();
                let is_first = known.len() == 1;
                last.map(|(.., it)| candle(symbol, it, is_first))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// What the markets have done since the client was last told.
    fn whats_new(&self, client: &mut Client) -> Vec<Expected> {
        let (before, now) = (client.step, self.exchange.truth().step());
        client.step = now;
        let mut expected = Vec::new();
        if before == now {
            return expected;
        }
        for want in &client.wants {
            match *want {
                Want::Book(symbol) => expected.push(self.book(symbol)),
                Want::Balances(account) if self.log.balances[account] > before => {
                    expected.push(self.balances(account));
                }
                Want::Balances(_) => {}
                Want::Orders(account, symbol) => {
                    let known = self
                        .log
                        .orders
                        .get(&(account, symbol))
                        .into_iter()
                        .flatten();
                    let changed = known.filter(|(_, (step, _))| *step > before);
                    let changed: Vec<_> = changed.map(|(_, (_, order))| order).collect();
                    if changed.iter().filter(|it| !is_open(it)).count() > BACKLOG {
                        return vec![Expected::Close(1008)];
                    }
                    if !changed.is_empty() {
                        expected.push(Expected::Event("openorders", orders(changed)));
                    }
                }
                Want::Candles(symbol, interval) => {
                    let known = &self.log.candles[&(symbol, interval)];
                    let kept = known.values().rev().take(BACKLOG);
                    let new = kept.filter(|(_, changed, _)| *changed > before);
                    let new: Vec<_> = new
                        .map(|(begun, _, it)| candle(symbol, it, *begun > before))
                        .collect();
                    expected.extend(new.into_iter().rev());
                }
            }
        }
        expected
    }

    fn timeout(&self, client: &mut Client) -> Vec<Expected> {
        let now = self.clock.now().at;
        client.session.timeout(self.clock.now());
        let Some(beat) = &mut client.beat else {
            return Vec::new();
        };
        let is_over = |it: Option<Nanos>| it.is_some_and(|due| due <= now);
        if is_over(beat.join_before) || is_over(beat.pong_before) {
            return vec![Expected::Close(1008)];
        }
        if is_over(beat.ping_at) {
            beat.ping_at = None;
            beat.pong_before = Some(self.clock.after(PING_TIMEOUT));
            return vec![Expected::Packet("2".to_owned())];
        }
        Vec::new()
    }

    fn book(&self, symbol: usize) -> Expected {
        let view = self.exchange.truth().book(SYMBOLS[symbol]).expect("known");
        let levels = |levels: &[Level]| -> Vec<Value> {
            let level =
                |it: &Level| json!({"ticks": it.ticks.0, "lots": it.lots.0, "count": it.count});
            levels.iter().map(level).collect()
        };
        let trades = view.trades.iter().map(|it| {
            let side = match it.taker {
                Side::Bid => "BUY",
                Side::Ask => "SELL",
            };
            json!({"lots": it.lots.0, "ticks": it.ticks.0, "side": side, "created": it.created_ms})
        });
        let book = json!({"asks": levels(&view.asks), "bids": levels(&view.bids)});
        let trades: Vec<Value> = trades.collect();
        Expected::Event("orderbook", json!({"orderBook": book, "trades": trades}))
    }

    fn balances(&self, account: usize) -> Expected {
        let all = self
            .exchange
            .truth()
            .balances(KEYS[account])
            .expect("known");
        let all = all.iter().map(|it| {
            json!({
                "asset": it.asset,
                "balance": it.balance.to_string(),
                "available": it.available.to_string(),
            })
        });
        Expected::Event("positions", json!({"spot": all.collect::<Vec<_>>()}))
    }
}

/// Socket.IO's opening and joining, for whoever is in the default namespace from then on.
fn opened(sent: &[Outgoing]) {
    let [Outgoing::Text(open)] = sent else {
        panic!("{sent:?}");
    };
    let open = parsed(open.strip_prefix('0').expect("a packet"));
    assert_eq!(open["pingInterval"], 25_000);
    assert_eq!(open["pingTimeout"], 20_000);
    assert_eq!(open["upgrades"], json!([]));
    assert!(open["sid"].as_str().is_some_and(|sid| !sid.is_empty()));
}
