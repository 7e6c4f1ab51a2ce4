//! The messages about a fill in all channels, which must agree.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use ticklot_book::{Level, Scale};
use ticklot_sim::Server;
use ticklot_sim::bayse::{Config, Currency, Listing, MarketHandle};

use crate::common::{Client, json, wait_until};
use crate::{AUTH, MARKETS, USER, connected, quick};

const OUTCOMES: [(&str, &str); 2] = [("YES", "out_us-rate-cut-yes"), ("NO", "out_us-rate-cut-no")];

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap()
}

/// A number with at most four decimal places, in ten-thousandths, because sums of floats are inexact.
fn exact(value: &Value, path: &str) -> i64 {
    let number = value.pointer(path).and_then(Value::as_f64).unwrap();
    #[allow(clippy::cast_possible_truncation)]
    let exact = (number * 10_000.0).round() as i64;
    exact
}

/// A client with subscriptions. A repeated subscription is confirmed after all pending updates.
struct Subscriber {
    client: Client,
    last_request: String,
}

impl Subscriber {
    async fn new(server: &Server, endpoint: &str, channels: &[&str]) -> Self {
        let mut client = connected(server, endpoint).await;
        let mut last_request = String::new();
        for channel in channels {
            last_request = format!(r#"{{"type":"subscribe","channel":{channel}}}"#);
            client.send(&last_request).await;
        }
        let mut subscriber = Self {
            client,
            last_request,
        };
        for _ in channels {
            subscriber.until_confirmation().await;
        }
        subscriber
    }

    /// The frames up to a confirmation.
    async fn until_confirmation(&mut self) -> Vec<Vec<Value>> {
        let mut frames = Vec::new();
        loop {
            let frame = self.client.text().await;
            if frame.starts_with(r#"{"type":"subscribed""#) {
                return frames;
            }
            frames.push(frame.lines().map(json).collect());
        }
    }

    /// All pending updates.
    async fn updates(&mut self) -> Vec<Vec<Value>> {
        self.client.send(&self.last_request).await;
        self.until_confirmation().await
    }
}

/// The state of the public channels, checked after each step.
#[derive(Default)]
struct PublicState {
    /// The price and side of the last fill in USD, by outcome.
    fills: HashMap<String, (i64, String)>,
    prices: Value,
    books: HashMap<String, Value>,
}

impl PublicState {
    fn apply_frame(&mut self, frame: &[Value]) {
        let send_order = |it: &Value| match text(it, "/type") {
            "buy_order" | "sell_order" => 0,
            "price_update" => 1,
            "orderbook_update" => 2,
            other => panic!("{other}"),
        };
        assert!(frame.is_sorted_by_key(send_order), "the order of a step");
        frame.iter().for_each(|it| self.apply(it));
        // A long step may have several frames. The book of the last outcome ends it.
        let last = frame.last().unwrap().pointer("/data/orderbook/outcomeId");
        if last == Some(&OUTCOMES[1].1.into()) {
            self.check();
        }
    }

    fn apply(&mut self, line: &Value) {
        match text(line, "/type") {
            "price_update" => self.prices = line["data"]["markets"][0]["prices"].clone(),
            "orderbook_update" => {
                let book = line["data"]["orderbook"].clone();
                let outcome = text(&book, "/outcomeId").to_owned();
                self.books.insert(outcome, book);
            }
            _ if text(line, "/data/order/currency") == "USD" => {
                let order = &line["data"]["order"];
                // The taker is last.
                let fill = (exact(order, "/price"), text(order, "/type").to_owned());
                self.fills.insert(text(order, "/outcome").to_owned(), fill);
            }
            _ => {}
        }
    }

    /// The last fill must be the last trade of the book, and its price must be the price of the outcome.
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

    /// The received books must be those of the server.
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
                let received = self.books[id][name].as_array().unwrap().iter().map(read);
                let expected = levels.iter().map(|it| Level::new(it.ticks, it.lots));
                assert!(received.eq(expected), "{id} {name}");
            }
        }
    }
}

/// The filled quantity and cost of each order of the user.
#[derive(Default)]
struct OwnOrders(HashMap<String, (i64, i64)>);

impl OwnOrders {
    /// Checks a private message against the public one about the same fill.
    fn check(&mut self, private: &Value, public: &Value) {
        let (order, public) = (&private["data"]["order"], &public["data"]["order"]);
        assert_eq!(text(private, "/data/orderId"), text(public, "/id"));
        assert_eq!(text(order, "/userId"), "usr_demo");
        for (name, public_name) in [("/id", "/id"), ("/side", "/type"), ("/status", "/status")] {
            assert_eq!(text(order, name), text(public, public_name));
        }
        let filled = exact(order, "/filledQuantity");
        let left = exact(order, "/remainingQuantity");
        assert_eq!(filled + left, exact(order, "/quantity"));
        assert_eq!(left == 0, text(public, "/status") == "FILLED");
        self.add_fill(order, public, filled);
        check_times(private);
    }

    /// The fills must add up to the filled quantity and the average price.
    fn add_fill(&mut self, order: &Value, public: &Value, filled: i64) {
        let (quantity, price) = (exact(public, "/quantity"), exact(public, "/price"));
        assert_eq!(exact(public, "/amount") * 10_000, quantity * price);
        let sum = self.0.entry(text(order, "/id").to_owned()).or_default();
        *sum = (sum.0 + quantity, sum.1 + quantity * price);
        assert_eq!(sum.0, filled);
        // Rounded half up to four decimal places.
        let average = (sum.1 * 2 + filled) / (filled * 2);
        assert_eq!(exact(order, "/avgFillPrice"), average);
    }
}

/// The message is stamped in milliseconds, its data in seconds.
fn check_times(line: &Value) {
    let time = |path: &str| line.pointer(path).and_then(Value::as_u64).unwrap();
    let sent = time("/timestamp");
    assert_eq!(time("/data/timestamp"), sent / 1_000);
    assert_eq!(time("/data/order/updatedAt"), sent / 1_000);
    assert!(time("/data/order/createdAt") <= sent / 1_000);
    assert!(time("/data/order/createdAt") > 1_700_000_000);
}

/// Three hundred steps in both currencies, in bursts. The markets pause between bursts, so that each client can
/// receive all pending updates.
#[tokio::test]
async fn fill_matches_across_channels() {
    let config = Config {
        markets: vec![Listing::rate_cut()],
        update_every: Duration::from_millis(1),
        ..quick()
    };
    let server = Server::bayse(config).await.unwrap();
    let market = server.bayse_market().unwrap();
    // Subscribe before the first fill.
    market.pause();
    assert_eq!(market.step(), 0);
    let books = r#""orderbook","marketIds":["mkt_us-rate-cut"]"#;
    let prices = r#""prices","eventId":"evt_us-rate-cut""#;
    let activity = r#""activity","eventId":"evt_us-rate-cut""#;
    let trades = r#""user_trades","userId":"usr_demo""#;
    let orders = format!(r#""orders","marketIds":["mkt_us-rate-cut"],{AUTH}"#);
    let mut all = Subscriber::new(&server, MARKETS, &[prices, books, activity]).await;
    let mut trades = Subscriber::new(&server, MARKETS, &[trades]).await;
    let mut own = Subscriber::new(&server, USER, &[&orders]).await;
    let (mut public, mut account, mut fills) = (PublicState::default(), OwnOrders::default(), 0);
    for burst in 1..=12 {
        market.resume();
        wait_until(|| market.step() >= burst * 25).await;
        market.pause();
        let updates = all.updates().await;
        updates.iter().for_each(|frame| public.apply_frame(frame));
        public.check_books(&market);
        let is_demo = |it: &&Value| it.pointer("/data/user/id") == Some(&"usr_demo".into());
        let demo: Vec<_> = updates.iter().flatten().filter(is_demo).cloned().collect();
        assert_eq!(demo, trades.updates().await.concat(), "user_trades");
        let private = own.updates().await.concat();
        assert_eq!(private.len(), demo.len());
        for (private, public) in private.iter().zip(&demo) {
            account.check(private, public);
        }
        fills += demo.len();
    }
    assert!(fills > 50, "only {fills}");
}
