//! One fill, told in four channels: they must agree.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use ticklot_book::{Level, Scale};
use ticklot_sim::Server;
use ticklot_sim::bayse::{Config, Currency, Listing, MarketHandle};

use crate::common::{Client, json};
use crate::{AUTH, MARKETS, USER, connected, quick};

const ACTIVITY: &str = r#"{"type":"subscribe","channel":"activity","eventId":"evt_us-rate-cut"}"#;
const TRADES: &str = r#"{"type":"subscribe","channel":"user_trades","userId":"usr_demo"}"#;
const OUTCOMES: [(&str, &str); 2] = [("YES", "out_us-rate-cut-yes"), ("NO", "out_us-rate-cut-no")];

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap()
}

/// A number of at most four decimals, in ten-thousandths: floats do not add up.
fn exact(value: &Value, path: &str) -> i64 {
    let number = value.pointer(path).and_then(Value::as_f64).unwrap();
    #[allow(clippy::cast_possible_truncation)]
    let exact = (number * 10_000.0).round() as i64;
    exact
}

/// A client and what it is in; a room that is joined again confirms it only after all that came
/// before.
struct Listener {
    client: Client,
    again: String,
}

impl Listener {
    async fn join(server: &Server, endpoint: &str, asks: &[&str]) -> Self {
        let mut client = connected(server, endpoint).await;
        for ask in asks {
            client.send(ask).await;
        }
        let again = asks[asks.len() - 1].to_owned();
        let mut joined = Self { client, again };
        // All confirmations, and the first prices and books.
        for _ in 1..asks.len() {
            joined.until_confirmed().await;
        }
        joined.until_confirmed().await;
        joined
    }

    /// The frames up to a confirmation.
    async fn until_confirmed(&mut self) -> Vec<Vec<Value>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.client.text().await;
            if frame.starts_with(r#"{"type":"subscribed""#) {
                return frames;
            }
            frames.push(frame.lines().map(json).collect());
        }
    }

    async fn news(&mut self) -> Vec<Vec<Value>> {
        self.client.send(&self.again).await;
        self.until_confirmed().await
    }
}

/// What everybody is told: prices and last trades, checked frame by frame.
#[derive(Default)]
struct Public {
    /// The last fill of each outcome in USD.
    fills: HashMap<String, (i64, String)>,
    prices: Value,
    books: HashMap<String, Value>,
}

impl Public {
    fn frame(&mut self, frame: &[Value]) {
        let place = |it: &Value| match text(it, "/type") {
            "buy_order" | "sell_order" => 0,
            "price_update" => 1,
            "orderbook_update" => 2,
            other => panic!("{other}"),
        };
        assert!(frame.is_sorted_by_key(place), "the order of a step");
        frame.iter().for_each(|it| self.line(it));
        // The last book ends a step: a long step may have taken several frames.
        let (_, last_book) = OUTCOMES[1];
        let last = frame.last().unwrap();
        if last.pointer("/data/orderbook/outcomeId") == Some(&last_book.into()) {
            self.check();
        }
    }

    fn line(&mut self, line: &Value) {
        match text(line, "/type") {
            "price_update" => self.prices = line["data"]["markets"][0]["prices"].clone(),
            "orderbook_update" => {
                let book = line["data"]["orderbook"].clone();
                self.books
                    .insert(text(&book, "/outcomeId").to_owned(), book);
            }
            _ if text(line, "/data/order/currency") == "USD" => {
                let order = &line["data"]["order"];
                // Of each fill the taker comes last.
                let fill = (exact(order, "/price"), text(order, "/type").to_owned());
                self.fills.insert(text(order, "/outcome").to_owned(), fill);
            }
            _ => {}
        }
    }

    /// A fill is the last trade of the book that comes with it, and its price.
    fn check(&self) {
        for (outcome, id) in OUTCOMES {
            let Some((price, side)) = self.fills.get(outcome) else {
                continue;
            };
            let book = &self.books[id];
            assert_eq!(exact(book, "/lastTradedPrice"), *price);
            assert_eq!(text(book, "/lastTradedSide"), side);
            assert_eq!(exact(&self.prices, &format!("/{outcome}")), *price);
        }
    }

    /// What the books were said to be is what they are.
    fn check_books(&self, market: &MarketHandle) {
        let scale = Scale::new(2, 2).unwrap();
        for (_, id) in OUTCOMES {
            let view = market.book(id, Currency::Usd).unwrap();
            for (name, levels) in [("bids", view.bids), ("asks", view.asks)] {
                let read = |level: &Value| {
                    let number = |name: &str| level[name].to_string();
                    let ticks = scale.ticks(number("price").as_bytes()).unwrap();
                    Level::new(ticks, scale.lots(number("quantity").as_bytes()).unwrap())
                };
                let said = self.books[id][name].as_array().unwrap().iter().map(read);
                let is = levels.iter().map(|it| Level::new(it.ticks, it.lots));
                assert!(said.eq(is), "{id} {name}");
            }
        }
    }
}

/// One order's part in a fill, as two channels tell it.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    order: String,
    side: String,
    status: String,
    quantity: i64,
    price: i64,
}

fn public_part(line: &Value) -> Part {
    let order = &line["data"]["order"];
    let part = Part {
        order: text(order, "/id").to_owned(),
        side: text(order, "/type").to_owned(),
        status: text(order, "/status").to_owned(),
        quantity: exact(order, "/quantity"),
        price: exact(order, "/price"),
    };
    assert_eq!(exact(order, "/amount") * 10_000, part.quantity * part.price);
    part
}

/// What the owner is told, order by order.
#[derive(Default)]
struct Own {
    /// How much of each order was filled, and what all that cost.
    filled: HashMap<String, (i64, i64)>,
}

impl Own {
    /// Checks an update against what everybody was told of the same fill.
    fn check(&mut self, line: &Value, part: &Part) {
        let order = &line["data"]["order"];
        assert_eq!(text(order, "/id"), part.order);
        assert_eq!(text(line, "/data/orderId"), part.order);
        assert_eq!(text(order, "/userId"), "usr_demo");
        assert_eq!(text(order, "/side"), part.side);
        assert_eq!(text(order, "/status"), part.status);
        let filled = exact(order, "/filledQuantity");
        let left = exact(order, "/remainingQuantity");
        assert_eq!(filled + left, exact(order, "/quantity"));
        assert_eq!(left == 0, part.status == "FILLED");
        self.add_up(order, part, filled);
        check_times(line);
    }

    fn add_up(&mut self, order: &Value, part: &Part, filled: i64) {
        let cost = part.quantity * part.price;
        let before = self.filled.entry(part.order.clone()).or_default();
        *before = (before.0 + part.quantity, before.1 + cost);
        assert_eq!(before.0, filled, "what it was filled by adds up");
        // Rounded half up to four decimals.
        let average = (before.1 * 2 + filled) / (filled * 2);
        assert_eq!(exact(order, "/avgFillPrice"), average);
    }
}

/// Seconds inside, milliseconds outside, of the same moment.
fn check_times(line: &Value) {
    let time = |path: &str| line.pointer(path).and_then(Value::as_u64).unwrap();
    let sent = time("/timestamp");
    assert_eq!(time("/data/timestamp"), sent / 1_000);
    assert_eq!(time("/data/order/updatedAt"), sent / 1_000);
    assert!(time("/data/order/createdAt") <= sent / 1_000);
    assert!(time("/data/order/createdAt") > 1_700_000_000);
}

async fn run_to(market: &MarketHandle, step: u64) {
    market.resume();
    while market.step() < step {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    market.pause();
}

/// Three hundred steps in both currencies, in bursts: between two of them all stands still, so
/// that each client can be asked for everything that it was to get.
#[tokio::test]
async fn fill_matches_across_channels() {
    let config = Config {
        markets: vec![Listing::rate_cut()],
        update_every: Duration::from_millis(1),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let market = server.bayse_market().unwrap();
    // Before the first step: nothing has been filled yet.
    market.pause();
    assert_eq!(market.step(), 0);
    let markets = r#""marketIds":["mkt_us-rate-cut"]"#;
    let books = format!(r#"{{"type":"subscribe","channel":"orderbook",{markets}}}"#);
    let prices = r#"{"type":"subscribe","channel":"prices","eventId":"evt_us-rate-cut"}"#;
    let orders = format!(r#"{{"type":"subscribe","channel":"orders",{markets},{AUTH}}}"#);
    let mut all = Listener::join(&server, MARKETS, &[prices, &books, ACTIVITY]).await;
    let mut trades = Listener::join(&server, MARKETS, &[TRADES]).await;
    let mut own = Listener::join(&server, USER, &[&orders]).await;
    let (mut public, mut account, mut fills) = (Public::default(), Own::default(), 0);
    for burst in 1..=12 {
        run_to(&market, burst * 25).await;
        let told = all.news().await;
        told.iter().for_each(|frame| public.frame(frame));
        public.check_books(&market);
        let lines = told.iter().flatten();
        let is_demo = |it: &&Value| it.pointer("/data/user/id") == Some(&"usr_demo".into());
        let demo: Vec<_> = lines.filter(is_demo).cloned().collect();
        assert_eq!(demo, trades.news().await.concat(), "user_trades");
        let updates = own.news().await.concat();
        assert_eq!(updates.len(), demo.len());
        for (update, line) in updates.iter().zip(&demo) {
            account.check(update, &public_part(line));
        }
        fills += demo.len();
    }
    assert!(fills > 50, "only {fills}");
}
